-- SPDX-License-Identifier: MIT
-- Responses that a handler writes piece by piece, and what it sends before them.
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

local GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

local function answer(handler, bytes)
  local response
  serving.run(handler, nil, function(site) response = serving.parse(site:ask(bytes or GET, true)) end)
  return response
end

local inside = tasks.virtually

describe("a Writer", function()
  it("sends head and pieces as they are written", serving.with(function(request)
    local writer <close> = request:respond { status = 201, headers = { A = "b" } }
    tasks.turns(5)
    assert.equal(writer, writer:write("one", 2, { "three", 4 }))
    tasks.turns(5)
    writer:write "five"
  end, nil, function(site)
    local stream <close> = site:connect()
    stream:write(GET)
    local response = serving.parse(stream:read_until("\r\n\r\n", { keep = true }))
    assert.equal(201, response.status)
    assert.equal("b", response.headers.a)
    assert.equal("chunked", response.headers["transfer-encoding"])
    assert.equal("a\r\none2three4\r\n", stream:read_exactly(15))
    assert.equal("4\r\nfive\r\n0\r\n\r\n", stream:read_all())
  end))

  it("is closed when the handler returns", inside(function()
    assert.equal("x", serving.unchunk(answer(function(request) request:respond():write "x" end).body))
  end))

  it("may be closed before, and then writes nothing", inside(function()
    local ended
    assert.equal("x", serving.unchunk(answer(function(request)
      local writer = request:respond()
      writer:write "x"
      writer:close()
      writer:close()
      streams.raises("ClosedError", writer.write, writer, "y")
      ended = true
    end).body))
    assert.is_true(ended)
  end))

  it("keeps to a Content-Length", inside(function()
    local response = answer(function(request) request:respond { headers = { ["Content-Length"] = 3 } }:write("a",
      "bc") end)
    assert.equal("3", response.headers["content-length"])
    assert.equal("abc", response.body)
    tasks.reported(function(reports)
      for i, text in ipairs { "ab", "abcd" } do
        local ok = pcall(answer, function(request)
          request:respond { headers = { ["Content-Length"] = 3 } }:write(text)
        end)
        assert.is_false(ok)
        assert.equal(i, #reports)
      end
    end)
  end))

  it("writes nothing in the response to HEAD", inside(function()
    assert.equal("", answer(function(request) request:respond():write "x" end, (GET:gsub("GET", "HEAD"))).body)
  end))

  it("leaves no half of a response that could be taken for the whole when an error cuts it short", inside(function()
    tasks.reported(function(reports)
      local ok, err = pcall(answer, function(request)
        local writer <close> = request:respond()
        writer:write "x"
        error "in the middle"
      end)
      assert.is_false(ok)
      assert.equal("ECONNRESET", err.code)
      assert.equal(1, #reports)
    end)
  end))

  it("waits for a slow client", inside(function()
    local is_written = false
    serving.run(function(request)
      local writer <close> = request:respond()
      for _ = 1, 64 do writer:write(("x"):rep(1 << 18)) end
      is_written = true
    end, nil, function(site)
      local stream <close> = site:connect()
      stream:write(GET)
      tasks.turns(50)
      assert.is_false(is_written)
      assert.equal(64 << 18, #serving.unchunk(serving.parse(stream:read_all()).body))
      assert.is_true(is_written)
    end)
  end))

  it("is the response: a handler that returns another one has made a mistake", inside(function()
    tasks.reported(function(reports)
      pcall(answer, function(request)
        request:respond()
        return "another"
      end)
      assert.matches("the handler has sent a response already", tostring(reports[1].error))
    end)
  end))

  it("is there once: what comes too late says so, by name, at the user's line", inside(function()
    local asked = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n"
    local messages, lines = {}, {}
    answer(function(request)
      request:respond()
      for i, method in ipairs { "respond", "events", "inform", "upgrade", "websocket" } do
        local argument = ({ inform = 103, upgrade = "websocket" })[method]
        lines[i] = debug.getinfo(1, "l").currentline + 1
        local ok, message = pcall(function() request[method](request, argument) end)
        assert.is_false(ok)
        messages[method] = message
      end
    end, asked)
    for method, message in pairs(messages) do
      assert.equal(("stream_spec.lua:%d: request:%s: the request has a response already"):format(lines[1], method),
        message:match "[%w_]+%.lua.*$")
    end
    assert.equal(5, #lines)
  end))

  it("names what is wrong with its headers", inside(function()
    local messages = {}
    answer(function(request)
      messages[1] = tasks.caught(request.respond, request, { headers = { ["a b"] = "x" } })
      messages[2] = tasks.caught(request.events, request, { headers = { a = "x\n" } })
      messages[3] = tasks.caught(request.inform, request, 103, { a = {{}} })
    end)
    assert.matches("bad argument #1 to 'request:respond' (invalid header name 'a b')", messages[1], 1, true)
    assert.matches("bad argument #1 to 'request:events' (header 'a': a value must not contain control characters)",
      messages[2], 1, true)
    assert.matches("bad argument #2 to 'request:inform' (header 'a': string, number, list of those or false expected",
      messages[3], 1, true)
  end))

  it("refuses what is no text, and wrong options, before anything happens", inside(function()
    local messages = {}
    answer(function(request)
      messages[1] = tasks.caught(request.respond, request, { state = 1 })
      messages[2] = tasks.caught(request.respond, request, { status = 99 })
      local writer = request:respond()
      messages[3] = tasks.caught(writer.write, writer, true)
      messages[4] = tasks.caught(writer.write, writer, { {} })
    end)
    assert.matches("bad argument #1 to 'request:respond' %(unknown option 'state' %(did you mean 'status'%?%)%)",
      messages[1])
    assert.matches("bad argument #1 to 'request:respond' %(field 'status': 200 to 599 expected, got 99%)", messages[2])
    assert.matches("bad argument #1 to 'writer:write' %(string, number or list of them expected, got boolean%)",
      messages[3])
    assert.matches("bad argument #1 to 'writer:write' %(string, number or list of them expected%)", messages[4])
  end))
end)

describe("a large body", function()
  it("arrives whole", inside(function()
    local body = ("0123456789abcdef"):rep(1 << 16)
    assert.equal(body, answer(function() return body end).body)
  end))
end)

describe("server-sent events", function()
  it("are sent in their own format", inside(function()
    local response = answer(function(request)
      local events <close> = request:events()
      events:send "one"
      events:send { data = "two\r\nlines\n", event = "e", id = 7, retry = 1000 }
      events:send { event = "empty" }
    end)
    assert.equal("text/event-stream", response.headers["content-type"])
    assert.equal("no-store", response.headers["cache-control"])
    assert.equal("data: one\n\nevent: e\nid: 7\nretry: 1000\ndata: two\ndata: lines\ndata: \n\nevent: empty\n\n",
      serving.unchunk(response.body))
  end))

  it("refuse fields that would be others", inside(function()
    local messages = {}
    answer(function(request)
      local events = request:events()
      messages[1] = tasks.caught(events.send, events, { event = "a\nb" })
      messages[2] = tasks.caught(events.send, events, { datum = "a" })
      messages[3] = tasks.caught(events.send, events, 5)
    end)
    assert.matches("bad argument #1 to 'events:send' %(field 'event': a text of one line expected%)", messages[1])
    assert.matches("bad argument #1 to 'events:send' %(unknown option 'datum' %(did you mean 'data'%?%)%)", messages[2])
    assert.matches("bad argument #1 to 'events:send' %(string or table expected, got number%)", messages[3])
  end))
end)

describe("before the response", function()
  it("interim ones may be sent", inside(function()
    local bytes
    serving.run(function(request)
      request:inform(103, { Link = "</a.css>; rel=preload" })
      return "x"
    end, nil, function(site) bytes = site:ask(GET) end)
    assert.matches("^HTTP/1%.1 103 [^\r]*\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1%.1 200 OK\r\n", bytes)
  end))

  it("a client of HTTP/1.0 gets none", inside(function()
    assert.equal(200, answer(function(request) request:inform(103) return "x" end, "GET / HTTP/1.0\r\n\r\n").status)
  end))

  it("another status than 102 to 199 is refused", inside(function()
    local message
    answer(function(request) message = tasks.caught(request.inform, request, 200) end)
    assert.matches("bad argument #1 to 'request:inform' %(a status from 102 to 199 expected%)", message)
  end))
end)

describe("an upgrade", function()
  local ask = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo, other\r\n\r\n"

  local function echo(request)
    local stream = request:upgrade "Echo"
    for chunk in stream:chunks() do stream:write(chunk:upper()) end
  end

  it("gives the stream", serving.with(echo, nil, function(site)
    local stream <close> = site:connect()
    stream:write(ask .. "early")
    local head = stream:read_until "\r\n\r\n"
    assert.matches("^HTTP/1%.1 101 Switching Protocols\r\n", head)
    assert.matches("\r\nConnection: Upgrade\r\nUpgrade: Echo$", head)
    assert.equal("EARLY", stream:read_exactly(5))
    stream:write " and late"
    assert.equal(" AND LATE", stream:read_exactly(9))
    stream:shutdown()
    assert.equal("", stream:read_all())
  end))

  it("is refused where the body of the request has not been read", inside(function()
    tasks.reported(function(reports)
      local response
      serving.run(echo, nil, function(site)
        response = serving.parse(site:ask((ask:gsub("\r\n$", "Content-Length: 3\r\n\r\nabc"))))
      end)
      assert.equal(500, response.status)
      assert.matches("request:upgrade: the body of the request has not been read", reports[1].error)
    end)
  end))

  it("is refused with 426 where the client does not ask for it", inside(function()
    local response = answer(echo)
    assert.equal(426, response.status)
    assert.equal("Echo", response.headers.upgrade)
  end))
end)
