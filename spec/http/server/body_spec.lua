-- SPDX-License-Identifier: MIT
-- How a handler reads the body of a request.
local async = require "saros"
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

local POST = "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n%s"

local function sized(body, headers)
  return POST:format((headers or "") .. ("Content-Length: %d\r\n"):format(#body), body)
end

local function chunked(...)
  local parts = {}
  for i, piece in ipairs { ... } do parts[i] = ("%x\r\n%s\r\n"):format(#piece, piece) end
  return POST:format("Transfer-Encoding: chunked\r\n", table.concat(parts) .. "0\r\n\r\n")
end

-- What the client gets from a handler.
local function answer(handler, bytes, options)
  local response
  serving.run(handler, options, function(site) response = serving.parse(site:ask(bytes, true)) end)
  return response
end

local function text(request) return "got " .. request:text() end

local inside = tasks.virtually

-- The client has ended its connection.
local function closing(bytes)
  return (bytes:gsub("\r\n", "\r\nConnection: close\r\n", 1))
end

describe("the body of a request", function()
  it("is read whole, and kept", inside(function()
    local function twice(request) return request:text() .. request:text() end
    assert.equal("abcabc", answer(twice, closing(sized "abc")).body)
    assert.equal("abcdabcd", answer(twice, closing(chunked("a", "bc", "d"))).body)
    assert.equal("", answer(twice, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body)
  end))

  it("is read in pieces of at most so many bytes", inside(function()
    assert.equal("ab,c,ab,c", answer(function(request)
      local pieces = {}
      for piece in function() return request:read(2) end do pieces[#pieces + 1] = piece end
      assert.is_nil(request:read())
      return table.concat(pieces, ",")
    end, closing(chunked("abc", "abc"))).body)
  end))

  it("is read by chunks and by lines", inside(function()
    assert.equal("abcd", answer(function(request)
      local pieces = {}
      for piece in request:chunks() do pieces[#pieces + 1] = piece end
      return table.concat(pieces)
    end, closing(chunked("ab", "cd"))).body)
    assert.equal("a|b||c", answer(function(request)
      local pieces = {}
      for line in request:lines() do pieces[#pieces + 1] = line end
      return table.concat(pieces, "|")
    end, closing(sized "a\r\nb\n\nc")).body)
  end))

  it("is JSON", inside(function()
    local function look(request) return { json = { request:json().a } } end
    assert.equal("[1]", answer(look, closing(sized '{"a":1}')).body)
    local response = answer(look, closing(sized '{"a":'))
    assert.equal(400, response.status)
    assert.matches("^the body of the request: ", response.body)
  end))

  it("is saved in a file, which is there when all has arrived, or not at all", inside(function()
    local path = os.tmpname()
    os.remove(path)
    local function save(request) return tostring(request:save(path)) end
    assert.equal("6", answer(save, closing(chunked("abc", "def"))).body)
    local file <close> = assert(io.open(path))
    assert.equal("abcdef", file:read "a")
    os.remove(path)
    serving.run(save, nil, function(site)
      assert.equal(400, serving.parse(site:ask(POST:format("Content-Length: 5\r\n", "abc"))).status)
    end)
    assert.is_nil(io.open(path))
    assert.equal("3", answer(function(request)
      request:text()
      return save(request)
    end, closing(sized "abc")).body)
    os.remove(path)
    assert.matches("bad argument #1 to 'request:save' %(the path of a file expected%)", answer(function(request)
      return tasks.caught(request.save, request, "")
    end, closing(sized "abc")).body)
  end))

  it("is saved by who comes first, and still there where that fails", inside(function()
    assert.equal("abc", answer(function(request)
      streams.raises("SystemError", request.save, request, "/nonexistent/file")
      return request:text()
    end, closing(sized "abc")).body)
    assert.equal("ok", answer(function(request)
      for _ in request:chunks() do end
      streams.raises("ClosedError", request.save, request, "/dev/null")
      return "ok"
    end, closing(sized "abc")).body)
    assert.equal("0", answer(function(request) return tostring(request:save "/dev/null") end, closing(sized "")).body)
  end))

  it("is a form, or 415", inside(function()
    local function look(request) return request:form().a .. request:form():get_all("b")[2] end
    assert.equal("1 3", answer(look, closing(sized("a=1+&b=2&b=3",
      "Content-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8\r\n"))).body)
    assert.equal(415, answer(look, closing(sized("a=1", "Content-Type: text/plain\r\n"))).status)
    assert.equal(415, answer(look, closing(sized "a=1")).status)
  end))

  it("cannot be read whole and in pieces", inside(function()
    assert.equal("ok", answer(function(request)
      request:read(1)
      streams.raises("ClosedError", request.text, request)
      return "ok"
    end, closing(sized "abc")).body)
    assert.equal("ok", answer(function(request)
      request:text()
      streams.raises("ClosedError", request.read, request)
      return "ok"
    end, closing(sized "abc")).body)
  end))

  it("is read by one task at a time", inside(function()
    assert.equal("ok", answer(function(request)
      local first = tasks.start(request.read, request)
      streams.raises("BusyError", request.read, request)
      first:close()
      return "ok"
    end, closing(POST:format("Content-Length: 3\r\n", ""))).body)
  end))

  it("loses nothing when a read is cancelled", inside(function()
    local is_cancelled = async.event()
    serving.run(function(request)
      tasks.start(request.read, request):close()
      is_cancelled:set()
      return request:read()
    end, nil, function(site)
      local stream <close> = site:connect()
      stream:write(closing(POST:format("Content-Length: 3\r\n", "")))
      is_cancelled:wait()
      stream:write "abc"
      assert.equal("abc", serving.parse(stream:read_all()).body)
    end)
  end))

  it("loses nothing when who reads it whole is cancelled", inside(function()
    local has_come, goes_on = async.event(), async.event()
    serving.run(function(request)
      local first = tasks.start(request.text, request)
      tasks.eventually(function() return request._pieces end)
      first:close()
      has_come:set()
      goes_on:wait()
      streams.raises("ClosedError", request.read, request)
      return request:text()
    end, nil, function(site)
      local stream <close> = site:connect()
      stream:write(closing(POST:format("Content-Length: 6\r\n", "abc")))
      has_come:wait()
      stream:write "def"
      goes_on:set()
      assert.equal("abcdef", serving.parse(stream:read_all()).body)
    end)
  end))

  it("refuses a wrong number of bytes before anything happens", inside(function()
    assert.equal("ok", answer(function(request)
      assert.matches("bad argument #1 to 'request:read' %(integer of at least 1 expected%)",
        tasks.caught(request.read, request, 0))
      return "ok " and "ok"
    end, closing(sized "abc")).body)
  end))

  it("stops its sender while nobody reads it", inside(function()
    local may_read = async.event()
    serving.run(function(request)
      may_read:wait()
      local size = 0
      for chunk in request:chunks() do size = size + #chunk end
      return tostring(size)
    end, { max_body_size = false }, function(site)
      local stream <close> = site:connect()
      local sent = false
      local sender = async.spawn(function()
        stream:write(sized(("x"):rep(1 << 24), "Connection: close\r\n"))
        sent = true
      end)
      tasks.turns(40)
      assert.is_false(sent)
      may_read:set()
      assert.equal(tostring(1 << 24), serving.parse(stream:read_all()).body)
      sender:await()
    end)
  end))
end)

describe("an encoded body", function()
  local body = ("hello "):rep(1000)

  local encoded = {
    gzip = "1f8b0800000000000203edc4310d00000803302b9823e15882ff0f11bcedd1e9646b6cdbb66ddbb66ddbf6e303c1370c4070170000",
    deflate = "78daedc4310d00000803302b9823e15882ff0f11bcedd1e9646b6cdbb66ddbb66ddbf6e303b2029b99",
    br = "1b6f17f88d946ede445586966c206f715b1c80e401200e",
    zstd = "28b52ffd6070167500003068656c6c6f2001006797be1401",
  }
  for coding, digits in pairs(encoded) do
    encoded[coding] = digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  end

  local function ask(coding, bytes)
    return closing(sized(bytes, ("Content-Encoding: %s\r\n"):format(coding)))
  end

  it("is decoded", inside(function()
    for coding, bytes in pairs(encoded) do
      assert.equal("got " .. body, answer(text, ask(coding, bytes)).body, coding)
    end
  end))

  it("is counted decoded", inside(function()
    for coding, bytes in pairs(encoded) do
      assert.equal("got " .. body, answer(text, ask(coding, bytes), { max_body_size = 6000 }).body, coding)
      assert.equal(413, answer(text, ask(coding, bytes), { max_body_size = 5999 }).status, coding)
    end
  end))

  it("that comes to nothing may not go on without end", inside(function()
    local empty = "\x1f\x8b\8\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0" -- a member of gzip
    assert.equal("got ", answer(text, ask("gzip", empty:rep(1000)), { max_body_size = 10 }).body)
    assert.equal(413, answer(text, ask("gzip", empty:rep(10000)), { max_body_size = 10 }).status)
    assert.equal("got ", answer(text, ask("gzip", empty:rep(10000)), { max_body_size = false }).body)
  end))

  it("that is cut short is 400", inside(function()
    for coding, bytes in pairs(encoded) do
      assert.equal(400, answer(text, ask(coding, bytes:sub(1, -3))).status, coding)
    end
  end))

  it("of an unknown coding is 415", inside(function()
    local response = answer(text, closing(sized("abc", "Content-Encoding: rot13\r\n")))
    assert.equal(415, response.status)
    assert.equal("close", response.headers.connection)
  end))

  it("that is none is 400", inside(function()
    assert.equal(400, answer(text, closing(sized("abcdefghijklmnopqrstuvwxyz", "Content-Encoding: gzip\r\n"))).status)
  end))
end)

describe("what the client gets wrong in a body", function()
  it("is too large: 413, before it is read if its length is known", inside(function()
    local options = { max_body_size = 4 }
    assert.equal("got abcd", answer(text, closing(sized "abcd"), options).body)
    for _, bytes in ipairs { sized "abcde", POST:format("Content-Length: 5\r\n", ""), chunked("abc", "de") } do
      local response = answer(text, bytes, options)
      assert.equal(413, response.status)
      assert.equal("close", response.headers.connection)
    end
  end))

  it("is cut short: 400", inside(function()
    for _, bytes in ipairs { POST:format("Content-Length: 5\r\n", "abc"),
      POST:format("Transfer-Encoding: chunked\r\n", "5\r\nab") } do
      serving.run(text, nil, function(site) assert.equal(400, serving.parse(site:ask(bytes)).status) end)
    end
  end))

  it("does not go on: 408", inside(function()
    local response = answer(text, POST:format("Content-Length: 5\r\n", "abc"), { read_timeout = 0.02 })
    assert.equal(408, response.status)
    assert.equal("close", response.headers.connection)
  end))

  it("can be caught", inside(function()
    local response = answer(function(request)
      local err = streams.raises("HTTPError", request.text, request)
      streams.raises("HTTPError", request.text, request)
      return { status = 422, text = tostring(err.status) }
    end, sized "abcde", { max_body_size = 4 })
    assert.equal(422, response.status)
    assert.equal("413", response.body)
  end))

  it("is neither reported nor a failure", inside(function()
    tasks.reported(function(reports)
      serving.run(text, { max_body_size = 4 }, function(site)
        site:ask(sized "abcde")
        assert.equal(0, site.server:stats().failed)
      end)
      assert.equal(0, #reports)
    end)
  end))
end)

describe("a client that waits to be told to send its body", function()
  local ask = POST:format("Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n", "")

  it("is told when that is first read", serving.with(text, nil, function(site)
    local stream <close> = site:connect()
    stream:write(ask)
    assert.equal("HTTP/1.1 100 Continue", stream:read_line())
    assert.equal("", stream:read_line())
    stream:write "abc"
    assert.equal("got abc", serving.parse(stream:read_all()).body)
  end))

  it("is told nothing if it is not read", serving.with(function() return "no" end, nil, function(site)
    local response = serving.parse(site:ask((ask:gsub("Connection: close\r\n", "")), true))
    assert.equal(200, response.status)
    assert.equal("close", response.headers.connection)
  end))

  it("is not told so if the body is too large", serving.with(text, { max_body_size = 2 }, function(site)
    assert.equal(413, serving.parse(site:ask(ask, true)).status)
  end))
end)
