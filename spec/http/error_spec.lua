-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local script = require "spec.support.script"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"
local toolchain = require "spec.embed.toolchain"

local inside, error_of = tasks.inside, tasks.error_of

local function raw(text)
  return http.get(server.url .. "/raw", { query = { raw = text } })
end

describe("a failed request", function()
  it("says that the connection was refused, and where to", inside(function()
    local err = error_of(http.get, "http://127.0.0.1:1/path")
    assert.same({ "FetchError", "ECONNREFUSED", "http://127.0.0.1:1/path", "127.0.0.1", 1 },
      { err.name, err.code, err.url, err.host, err.port })
    assert.truthy(tostring(err):find("^FetchError: GET http://127.0.0.1:1/path: "))
    assert.is_nil(err.response)
    err = error_of(http.get, "http://[::1]:1/")
    assert.same({ "http://[::1]:1/", "::1" }, { err.url, err.host })
  end))

  it("says that a name is unknown", inside(function()
    assert.equal("ENOTFOUND", error_of(http.get, "http://name.invalid/").code)
  end))

  it("says that a Unix socket is not there", inside(function()
    assert.equal("ENOENT", error_of(http.get, "http://h/", { unix_socket = "/nonexistent/socket" }).code)
    assert.equal("ENAMETOOLONG", error_of(http.get, "http://h/", { unix_socket = "/" .. ("x"):rep(300) }).code)
  end))

  it("says that a certificate is not trusted", inside(function()
    local err = error_of(http.get, server.tls .. "/echo")
    assert.same({ "FetchError", "ETLS" }, { err.name, err.code })
  end))

  it("says that a certificate is for another name", inside(function()
    local place = "other.invalid:" .. server.tls:match("%d+$")
    local options = { resolve = { [place] = "127.0.0.1" }, ca_file = server.ca }
    assert.equal("ETLS", error_of(http.get, "https://" .. place .. "/", options).code)
  end))

  it("says that a server does not speak TLS, or only TLS", inside(function()
    assert.equal("ETLS", error_of(http.get, (server.url:gsub("http:", "https:"))).code)
    local err = error_of(http.get, (server.tls:gsub("https:", "http:")) .. "/echo")
    assert.truthy(err.code == "ECONNRESET" or err.code == "EPROTO", err.code)
  end))

  it("says that the connection was closed or reset without a response", inside(function()
    assert.equal("ECONNRESET", error_of(http.get, server.url .. "/close").code)
    assert.equal("ECONNRESET", error_of(http.get, server.url .. "/reset").code)
    assert.equal("ECONNRESET", error_of(raw, "HTTP/1.1 200 OK\r\nContent-Le").code)
    assert.equal("ECONNRESET", error_of(raw, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n").code)
  end))

  it("says that the system has no descriptor left, and works when it has", function()
    local result = script(([[
      async.run(function()
        local http = require "saros.http"
        http.get("%s/echo"):text()
        local files, file = {}, nil
        repeat
          file = io.open "/dev/null"
          files[#files + 1] = file
        until not file
        local ok, err = pcall(http.get, "%s/echo")
        print(ok, err.name, err.code)
        for _, file in ipairs(files) do file:close() end
        collectgarbage()
        print(http.get("%s/echo").status)
      end)
    ]]):format(server.url, server.other, server.other), { descriptors = 64 })
    assert.equal("false\tFetchError\tEMFILE\n200\n", result.out, result.err)
  end)

  it("says that the response is not HTTP, or contradicts itself", inside(function()
    for _, text in ipairs {
      "hello\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "http/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    } do
      assert.equal("EPROTO", error_of(raw, text).code, text)
    end
    assert.equal("hello", raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello"):text())
  end))

  it("says that headers without end are too large, and so is one", inside(function()
    assert.equal("ETOOLARGE", error_of(http.get, server.url .. "/endless-headers").code)
    assert.equal("ETOOLARGE", error_of(http.get, server.url .. "/endless-headers?one=1").code)
  end))

  it("says that a proxy refuses, with its status", inside(function()
    local err = error_of(http.get, "https://name.invalid/", { proxy = server.url })
    assert.same({ "FetchError", "EPROXY", 403 }, { err.name, err.code, err.status })
  end))

  it("does not look at the environment's proxy for an exempted host", inside(function()
    assert.equal(200, http.get(server.url .. "/echo", { proxy = false }).status)
  end))
end)

describe("a failure after the headers", function()
  local chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
  local broken = {
    ["a body shorter than its length"] = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome", "ETRUNCATED" },
    ["a chunked body without its end"] = { chunked .. "4\r\nsome\r\n", "ETRUNCATED" },
    ["a chunked body without its last byte"] = { chunked .. "4\r\nsome\r\n0\r\n\r", "ETRUNCATED" },
    ["a chunked body cut in a chunk"] = { chunked .. "8\r\nsome", "ETRUNCATED" },
    ["a chunked body cut where its length ends"] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nsome", "ETRUNCATED",
    },
    ["a chunked body of garbage"] = { chunked .. "4\r\nsome\r\nxyz", "EPROTO" },
  }
  it("is a reset if that is what came, over TLS too", inside(function()
    for _, scheme in ipairs { "http", "https" } do
      for _, method in ipairs { "text", "read" } do
        local read = rogue.event() -- the reset must not overtake what came before
        local url = rogue:script({ "send", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin" },
          { "wait", read }, { "reset" })
        if scheme == "https" then url = url:gsub("^http://[^/]+", rogue:at("tls", "", "https")) end
        local response = http.get(url, { ca_file = rogue.ports.ca })
        if method == "read" then assert.equal("begin", response:read(5)) end
        rogue:set(read)
        for _ = 1, method == "read" and 2 or 1 do
          assert.equal("ECONNRESET", error_of(response[method], response).code)
        end
      end
    end
  end))

  for what, case in pairs(broken) do
    it("is raised by text: " .. what, inside(function()
      local response = raw(case[1])
      assert.equal(200, response.status)
      local err = error_of(response.text, response)
      assert.same({ "FetchError", case[2] }, { err.name, err.code })
      assert.equal(response, err.response)
    end))

    it("is raised by read, after what had arrived: " .. what, inside(function()
      local response, arrived = raw(case[1]), ""
      local err
      repeat
        local ok, piece = pcall(response.read, response)
        if ok then arrived = arrived .. piece else err = piece end
      until err
      assert.equal("some", arrived)
      assert.equal(case[2], err.code)
      assert.equal(case[2], error_of(response.read, response).code)
    end))
  end

  it("is raised when a body is larger than max_body_size", inside(function()
    local response = http.get(server.url .. "/big?bytes=1000", { max_body_size = 999 })
    local err = error_of(response.text, response)
    assert.same({ "FetchError", "ETOOLARGE" }, { err.name, err.code })
    assert.equal(1000, #http.get(server.url .. "/big?bytes=1000", { max_body_size = 1000 }):text())
  end))

  it("does not befall a body that ends with its connection", inside(function()
    assert.equal("all there is", raw("HTTP/1.1 200 OK\r\n\r\nall there is"):text())
  end))
end)

describe("a kept connection that turns out closed", function()
  local number = 0

  -- A session whose only connection will be closed by the server at the next request.
  local function stale_session()
    number = number + 1
    local url = server.url .. "/once-per-connection?key=stale" .. number
    local session = http.session()
    session:get(url):text()
    return session, url, server.url .. "/times?key=stale" .. number
  end

  it("has an idempotent request sent again, once", inside(function()
    local session, url, times = stale_session()
    assert.equal("first", session:get(url):text())
    assert.equal(1, http.get(times):json())
    session:close()
  end))

  it("has it sent again where the first line of a response breaks off, but not behind that", inside(function()
    for text, count in pairs { ["HTTP/1.1 20"] = 2, ["HTTP/1.1 200 OK\r\n"] = 1 } do
      local session <close> = http.session()
      local name = rogue.event()
      session:get(rogue:at("script", "/head")):text()
      local url = rogue:script({ "count", name }, { "send", text }, { "close" })
      assert.equal("ECONNRESET", error_of(session.get, session, url).code)
      assert.equal(count, rogue:count(name))
    end
  end))

  -- libcurl sends it again over the next kept connection, which may be as dead; saros over a new one.
  for _, secure in ipairs { false, true } do
    local title = ("has a request sent again once, be there more of them (%s)"):format(secure and "TLS" or "plain")
    it(title, inside(function()
      number = number + 1
      local base, key = secure and server.tls or server.url, "many" .. number
      local session <close> = http.session { ca_file = server.ca, base_url = base }
      local first = "/once-per-connection?together=4&key=" .. key
      async.map(4, function() return session:get(first):text() end)
      assert.equal(4, session:stats().idle)
      local ok, result = pcall(session.put, session, "/once-per-connection?key=" .. key, { body = "order" })
      assert.equal(ok and 200 or "ECONNRESET", ok and result.status or result.code)
      local lost = http.get(server.url .. "/times?key=" .. key):json()
      assert.truthy(ok and lost <= 1 or lost == 2, lost)
    end))
  end

  it("has a request sent again once, however soon its end comes", inside(function()
    local workshop = toolchain.open()
    local _ <close> = tasks.finally(function() workshop:close() end)
    local preload = (os.getenv "LD_PRELOAD" or "") .. " " .. workshop:compile("spec/support/prompt.c", "prompt.so")
    for i, base in ipairs { server.url, server.tls } do
      local url = ("%s/once-per-connection?key=prompt%d"):format(base, i)
      local result = script(([[
        local http = require "saros.http"
        async.run(function()
          local session <close> = http.session { ca_file = %q }
          local url = %q
          async.map(4, function() return session:get(url .. "&together=4"):text() end)
          local ok, result = pcall(session.put, session, url, { body = "order" })
          print(4, ok and result.status or result.code)
        end)
      ]]):format(server.ca, url), { env = { LD_PRELOAD = preload:match "^%s*(.*)" } })
      assert.truthy(result.out == "4\t200\n" or result.out == "4\tECONNRESET\n", result.err)
      local lost = http.get(("%s/times?key=prompt%d"):format(server.url, i)):json()
      assert.truthy(lost <= 2, lost)
    end
  end))

  it("has requests sent again however often that was so before", inside(function()
    local session, url, times = stale_session()
    for _ = 1, 20 do assert.equal("first", session:get(url):text()) end
    assert.equal(20, http.get(times):json())
    session:close()
  end))

  it("has a body that is streamed, but repeatable, sent again", inside(function()
    local session, url, times = stale_session()
    local sent = {}
    local response = session:put(url, { body = "order", on_progress = function(_, _, n)
      sent[#sent + 1] = n
    end })
    assert.equal("first", response:text())
    assert.equal(5, sent[1])
    assert.equal(1, http.get(times):json())
    session:close()
  end))

  it("has no POST sent again", inside(function()
    local session, url, times = stale_session()
    local err = error_of(session.post, session, url, { body = "order" })
    assert.same({ "FetchError", "ECONNRESET" }, { err.name, err.code })
    assert.equal(1, http.get(times):json())
    assert.equal("first", session:post(url, { body = "order" }):text())
    session:close()
  end))
end)
