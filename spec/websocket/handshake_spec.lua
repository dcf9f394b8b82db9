-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local certificates = require "spec.support.certificates"()

local function error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

-- An HTTP server with that handler while fn(port) runs.
local function serving(handler, fn, options)
  local server <close> = async.http.listen("127.0.0.1", 0, options)
  local _serve <close> = async.spawn(server.serve, server, handler)
  local _, port = server:address()
  fn(port)
end

local function inside(fn)
  return function() async.run(fn) end
end

-- What a server answers to a request: the head.
local function answer(port, lines)
  local stream <close> = async.net.connect("127.0.0.1", port)
  stream:write("GET /chat HTTP/1.1\r\nHost: example.org:8080\r\n", lines, "\r\n")
  return stream:read_until "\r\n\r\n"
end

local KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
local UPGRADE = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
local VERSION = "Sec-WebSocket-Version: 13\r\n"

describe("the handshake of a server", function()
  local function handler(options)
    return function(request)
      local ws = request:websocket(options)
      ws:close()
    end
  end

  it("answers as RFC 6455 has it", inside(function()
    serving(handler(), function(port)
      local head = answer(port, UPGRADE .. KEY .. VERSION)
      assert.matches("^HTTP/1.1 101 Switching Protocols\r\n", head)
      assert.matches("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head, 1, true)
    end)
  end))

  it("refuses what is none", inside(function()
    serving(handler(), function(port)
      assert.matches("^HTTP/1.1 426 .*Upgrade: websocket", answer(port, ""))
      assert.matches("^HTTP/1.1 426", answer(port, "Upgrade: other\r\nConnection: Upgrade\r\n" .. KEY .. VERSION))
      assert.matches("^HTTP/1.1 426 .*Sec%-WebSocket%-Version: 13", answer(port, UPGRADE .. KEY))
      assert.matches("^HTTP/1.1 400", answer(port, UPGRADE .. VERSION))
      assert.matches("^HTTP/1.1 400", answer(port, UPGRADE .. VERSION .. "Sec-WebSocket-Key: short\r\n"))
    end)
  end))

  it("takes pages of its own host, of the origins named, and clients that are none", inside(function()
    local function status(options, origin)
      local found
      serving(handler(options), function(port)
        local line = origin and "Origin: " .. origin .. "\r\n" or ""
        found = answer(port, UPGRADE .. KEY .. VERSION .. line):match " (%d+)"
      end)
      return found
    end
    assert.equal("101", status(nil, nil))
    assert.equal("101", status(nil, "http://example.org:8080"))
    assert.equal("101", status(nil, "http://EXAMPLE.org:8080"))
    assert.equal("403", status(nil, "http://example.org"))
    assert.equal("403", status(nil, "http://evil.example:8080"))
    assert.equal("403", status(nil, "null"))
    assert.equal("101", status({ origins = { "https://app.example" } }, "https://app.example"))
    assert.equal("403", status({ origins = { "https://app.example" } }, "http://example.org:8080"))
    assert.equal("101", status({ origins = function(origin) return origin == "null" end }, "null"))
    assert.equal("403", status({ origins = function() return false end }, "http://example.org:8080"))
  end))

  it("chooses the first of its own protocols that the client knows", inside(function()
    serving(function(request)
      local ws = request:websocket { protocols = { "v2.chat", "v1.chat" } }
      ws:send(tostring(ws.protocol))
    end, function(port)
      local url = ("ws://127.0.0.1:%d"):format(port)
      for wish, got in pairs { ["v1.chat v2.chat"] = "v2.chat", ["v1.chat"] = "v1.chat", ["v0"] = "nil" } do
        local wishes = {}
        for each in wish:gmatch "%S+" do wishes[#wishes + 1] = each end
        local ws <close> = async.websocket(url, { protocols = wishes })
        assert.equal(got, (ws:receive()))
        assert.equal(got, tostring(ws.protocol))
      end
    end)
  end))

  it("knows its options", inside(function()
    serving(function(request)
      return (error_of(request.websocket, request, { origin = {} }))
    end, function(port)
      local text = async.get("http://127.0.0.1:" .. port):text()
      assert.matches("unknown option 'origin' (did you mean 'origins'?)", text, 1, true)
    end)
  end))
end)

describe("the handshake of a client", function()
  it("sends headers and credentials, over TLS too", function()
    async.on_error(function() end) -- the server is told of a failed handshake, too
    local _restored <close> = tasks.finally(function() async.on_error(nil) end)
    async.run(function()
      local function handler(request)
        local ws = request:websocket()
        ws:send(("%s %s %s"):format(request.target, request.headers.authorization, request.headers["x-more"]))
      end
      serving(handler, function(port)
        local url = ("wss://ada:secret@127.0.0.1:%d/chat?room=1"):format(port)
        local ws <close> = async.websocket(url, {
          headers = { ["X-More"] = "more" }, ca_file = certificates.ca, server_name = "localhost", tls_min = "1.3",
        })
        assert.equal("/chat?room=1 Basic YWRhOnNlY3JldA== more", (ws:receive()))
        assert.equal("ETLS", error_of(async.websocket, url).code)
      end, { tls = { cert = certificates.server, key = certificates.server_key } })
    end)
  end)

  it("that is refused tells status and response", inside(function()
    serving(function() return { status = 401, text = "who are you?", headers = { ["X-Why"] = "you know" } } end,
      function(port)
        local err = error_of(async.websocket, ("ws://127.0.0.1:%d/"):format(port))
        assert.same({ "FetchError", "EHTTP", 401 }, { err.name, err.code, err.status })
        assert.same({ 401, "who are you?", "you know" },
          { err.response.status, err.response:text(), err.response.headers["x-why"] })
      end)
  end))

  it("sends headers and URLs as fetch does", inside(function()
    serving(function(request)
      return { status = 403, json = { request.target, request.headers["x-more"], request.headers["x-none"] or "none" } }
    end, function(port)
      local url = ("ws://127.0.0.1:%d/h\u{e9}?q=\u{fc}"):format(port)
      local err = error_of(async.websocket, url, { headers = { ["X-More"] = { "a", 2 }, ["X-None"] = false } })
      assert.same({ "/h%C3%A9?q=%C3%BC", "a, 2", "none" }, err.response:json())
    end)
    local err = error_of(async.websocket, "ws://b\u{fc}cher.invalid/")
    assert.same({ "ENOTFOUND", "xn--bcher-kva.invalid" }, { err.code, err.host })
    assert.matches("bad argument #1 to 'websocket'", error_of(async.websocket, "ws://a<b/"))
    assert.matches("bad argument #1 to 'websocket'", error_of(async.websocket, "ws://a%20b/"))
  end))

  it("that is refused gives a response like any other", inside(function()
    serving(function() return { status = 403, json = { why = { 1, 2 } } } end, function(port)
      local url = ("ws://127.0.0.1:%d/"):format(port)
      local response = error_of(async.websocket, url).response
      assert.same({ 403, "Forbidden", false, "1.1", url }, { response.status, response.reason, response.ok,
        response.http_version, response.url })
      assert.same({ why = { 1, 2 } }, response:json())
      assert.equal("HTTPError", error_of(response.raise_for_status, response).name)
      local again <close> = error_of(async.websocket, url).response
      assert.equal('{"why', again:read(5))
      assert.equal('":[1,2]}', again:read())
      assert.is_nil(again:read())
      local closed = error_of(async.websocket, url).response
      closed:close()
      local err = error_of(closed.text, closed)
      assert.same({ "ClosedError", url, "127.0.0.1", port }, { err.name, err.url, err.host, err.port })
    end)
  end))

  it("may be refused, but not taken, by a server of HTTP/1.0", inside(function()
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    for line, code in pairs { ["403 No"] = "EHTTP", ["101 Yes"] = "EPROTO" } do
      local answering <close> = async.spawn(function()
        local stream <close> = listener:accept()
        stream:read_until "\r\n\r\n"
        stream:write("HTTP/1.0 ", line, "\r\n\r\nno")
      end)
      local err = error_of(async.websocket, ("ws://127.0.0.1:%d/"):format(port))
      assert.equal(code, err.code)
      assert.equal(code == "EHTTP" and "no" or nil, err.response and err.response:text())
      assert(answering)
    end
  end))

  it("that is refused on a connection that stays open does not wait for its end", inside(function()
    local answers = {
      ["who?"] = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n2\r\no?\r\n0\r\n\r\n",
      [""] = "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
    }
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    for body, text in pairs(answers) do
      local answering <close> = async.spawn(function()
        local stream <close> = listener:accept()
        stream:read_until "\r\n\r\n"
        stream:write(text)
        stream:read()
      end)
      local err = error_of(async.websocket, ("ws://127.0.0.1:%d/"):format(port))
      assert.same({ "EHTTP", body }, { err.code, err.response:text() })
      assert(answering)
    end
  end))

  it("sends a user without a password as one with an empty one", inside(function()
    serving(function(request)
      local ws = request:websocket()
      ws:send(request.headers.authorization)
    end, function(port)
      local ws <close> = async.websocket(("ws://ada@127.0.0.1:%d/"):format(port))
      assert.equal("Basic YWRhOg==", (ws:receive()))
    end)
  end))

  it("that is answered nonsense is a FetchError", inside(function()
    local answers = {
      "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
      "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\n\r\n", "SMTP ready\r\n\r\n", "",
    }
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    local _serve <close> = async.spawn(function()
      for _, text in ipairs(answers) do
        local stream <close> = listener:accept()
        stream:read_until "\r\n\r\n"
        stream:write(text)
      end
    end)
    for _ = 1, #answers do
      local err = error_of(async.websocket, ("ws://127.0.0.1:%d/"):format(port))
      assert.same({ "FetchError", "EPROTO" }, { err.name, err.code })
    end
    local err = error_of(async.websocket, "ws://127.0.0.1:1/")
    assert.same({ "FetchError", "ECONNREFUSED", "127.0.0.1", 1 }, { err.name, err.code, err.host, err.port })
    assert.equal("::1", error_of(async.websocket, "ws://[::1]:1/").host)
  end))

  it("takes no longer than its timeout", inside(function()
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    local url = ("ws://127.0.0.1:%d/"):format(port)
    local err = error_of(async.websocket, url, { timeout = 0.05 })
    assert.same({ "TimeoutError", "ETIMEDOUT", "total", 0.05, url, "127.0.0.1", port },
      { err.name, err.code, err.phase, err.seconds, err.url, err.host, err.port })
    assert.equal("TimeoutError: not open within 0.05 s (total timeout)", (tostring(err):match "^[^\n]*"))
  end))

  it("refuses wrong arguments before anything happens", inside(function()
    for given, message in pairs {
      ["http://x/"] = "ws:// or wss://", ["ws://"] = "no host", ["ws://x/#part"] = "no fragment",
      ["ws://x y/"] = "no blanks", ["ws://x:99999/"] = "a port that is none",
    } do
      assert.matches(message, error_of(async.websocket, given), 1, true)
    end
    for message, given in pairs {
      ["unknown option 'compres' (did you mean 'compress'?)"] = { compres = true },
      ["option 'ping': seconds above 0 or false expected"] = { ping = 0 },
      ["'Upgrade' is set by the handshake"] = { headers = { Upgrade = "x" } },
      ["cannot be sent"] = { headers = { A = "b\r\nc" } }, ["list of tokens"] = { protocols = {} },
    } do
      assert.matches(message, error_of(async.websocket, "ws://x/", given), 1, true)
    end
  end))
end)

describe("python3-websockets", function()
  local script = [[
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], compression="deflate") as ws:
        for text in ("hello", "h\u00e4llo " * 1000, ""):
            await ws.send(text)
            assert await ws.recv() == text
        await ws.send(b"\x00\xff")
        assert await ws.recv() == b"\x00\xff"
        await (await ws.ping())
        print("fine", ws.extensions[0].name if ws.extensions else "plain")
asyncio.run(main())
]]

  for name, compress in pairs { plain = false, ["permessage-deflate"] = true } do
    it("is a client of ours: " .. name, inside(function()
      local path = os.tmpname()
      local file <close> = assert(io.open(path, "w"))
      file:write(script):flush()
      serving(function(request)
        local ws = request:websocket { compress = compress }
        for data, kind in ws do ws:send(data, kind) end
      end, function(port)
        local url = ("ws://127.0.0.1:%d/"):format(port)
        local result = async.process.run { "/usr/bin/python3", path, url }
        assert.same({ 0, "fine " .. name .. "\n", "" }, { result.exit_code, result.stdout, result.stderr })
      end)
      os.remove(path)
    end))
  end
end)
