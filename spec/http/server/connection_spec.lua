-- SPDX-License-Identifier: MIT
-- Requests in a row on a connection, and how it ends.
local async = require "saros"
local serving = require "spec.support.serving"
local tasks = require "spec.support.tasks"

local function echo(request)
  return request.method .. " " .. request.target .. " " .. request:text()
end

local GET = "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"

-- The bodies of responses that follow one another.
local function bodies_of(bytes)
  local bodies, at = {}, 1
  while at <= #bytes do
    local stop = select(2, bytes:find("\r\n\r\n", at, true))
    local length = tonumber(bytes:sub(at, stop):match "Content%-Length: (%d+)")
    bodies[#bodies + 1] = bytes:sub(stop + 1, stop + length)
    at = stop + length + 1
  end
  return bodies
end

-- Reads one response off a stream that goes on.
local function read_response(stream)
  local head = stream:read_until "\r\n\r\n"
  local length = tonumber(head:match "Content%-Length: (%d+)")
  return length > 0 and stream:read_exactly(length) or "", head
end

describe("a connection", function()
  it("carries one request after another", serving.with(echo, nil, function(site)
    local stream <close> = site:connect()
    for i = 1, 3 do
      stream:write(GET:format("/" .. i, ""))
      assert.equal("GET /" .. i .. " ", (read_response(stream)))
    end
    assert.equal(1, site.server:stats().connections)
    assert.equal(3, site.server:stats().requests)
  end))

  it("carries requests that come at once, answered in order", serving.with(function(request)
    if request.path == "/1" then tasks.turns(5) end
    return request.path .. request:text()
  end, nil, function(site)
    local bytes = GET:format("/1", "") .. "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      .. GET:format("/3", "")
      .. "POST /4 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" .. GET:format("/5",
        "")
    assert.same({ "/1", "/2abc", "/3", "/4abc", "/5" }, bodies_of(site:ask(bytes)))
  end))

  it("whose client has ended its side gets its answers all the same", serving.with(function(request)
    tasks.turns(10)
    return request.path
  end, nil, function(site)
    assert.same({ "/1", "/2" }, bodies_of(site:ask(GET:format("/1", "") .. GET:format("/2", ""))))
  end))

  it("ends after a response if the client says so", serving.with(echo, nil, function(site)
    local response = serving.parse(site:ask(GET:format("/", "Connection: foo, Close\r\n"), true))
    assert.equal("close", response.headers.connection)
    assert.equal("GET / ", response.body)
  end))

  it("ends after a response if the handler says so", serving.with(function()
    return { text = "bye", headers = { Connection = "close" } }
  end, nil, function(site)
    assert.equal("close", serving.parse(site:ask(GET:format("/", ""), true)).headers.connection)
  end))

  it("of HTTP/1.0 ends, unless it is to be kept", serving.with(echo, nil, function(site)
    local response = serving.parse(site:ask("GET / HTTP/1.0\r\n\r\n", true))
    assert.equal("close", response.headers.connection)
    local stream <close> = site:connect()
    for _ = 1, 2 do
      stream:write "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
      local _, head = read_response(stream)
      assert.matches("Connection: keep%-alive", head)
    end
  end))

  it("of HTTP/1.0 gets a body without chunks, up to its end", serving.with(function()
    local pieces = { "a", "b" }
    return { body = function() return table.remove(pieces, 1) end }
  end, nil, function(site)
    local response = serving.parse(site:ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true))
    assert.is_nil(response.headers["transfer-encoding"])
    assert.equal("close", response.headers.connection)
    assert.equal("ab", response.body)
  end))

  it("goes on behind a small body that the handler has not read", serving.with(function() return "no" end, nil,
    function(site)
    for _, method in ipairs { "POST", "GET", "HEAD", "DELETE" } do
      local stream <close> = site:connect()
      stream:write(("%s / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"):format(method) .. GET:format("/", ""))
      stream:shutdown()
      local _, count = stream:read_all():gsub("HTTP/1%.1 200", "")
      assert.equal(2, count, method)
    end
  end))

  it("takes nothing in the body of GET and HEAD for a request", serving.with(function(request) return request.path end,
    nil, function(site)
    local hidden = GET:format("/hidden", "")
    for _, method in ipairs { "GET", "HEAD" } do
      for framing, body in pairs {
        ["Content-Length: " .. #hidden] = hidden,
        ["Transfer-Encoding: chunked"] = ("%x\r\n%s\r\n0\r\n\r\n"):format(#hidden, hidden),
      } do
        local bytes = site:ask(("%s /first HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s"):format(method, framing, body)
          .. GET:format("/second", ""))
        local _, count = bytes:gsub("HTTP/1%.1 200", "")
        assert.equal(2, count)
        assert.matches("/second$", bytes)
        assert.is_nil(bytes:find("hidden", 1, true))
      end
    end
  end))

  it("ends behind a large one, after the response has arrived", serving.with(function() return "no" end, nil,
    function(site)
    for _, framing in ipairs { "Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nf4240\r\n" } do
      local stream <close> = site:connect()
      stream:write("POST / HTTP/1.1\r\nHost: x\r\n" .. framing)
      local sender = async.spawn(function() async.pcall(stream.write, stream, ("x"):rep(1000000)) end)
      local response = serving.parse(stream:read_all())
      assert.equal(200, response.status)
      assert.equal("close", response.headers.connection)
      assert.equal("no", response.body)
      sender:cancel()
      async.wait { sender }
    end
  end))

  it("beyond max_connections waits until another one ends", serving.with(echo, { max_connections = 1 }, function(site)
    local first <close> = site:connect()
    first:write(GET:format("/1", ""))
    assert.equal("GET /1 ", (read_response(first)))
    local second <close> = site:connect()
    second:write(GET:format("/2", ""))
    tasks.turns(20)
    assert.equal(1, site.server:stats().connections)
    first:close()
    assert.equal("GET /2 ", (read_response(second)))
  end))

  it("may be one of a Unix socket", tasks.virtually(function()
    local path = os.tmpname()
    os.remove(path)
    local server <close> = async.http.listen_unix(path)
    local task = async.spawn(server.serve, server, function(request) return request.host end)
    assert.equal(path, server:address())
    local stream <close> = async.net.connect_unix(path)
    stream:write(GET:format("/", "Connection: close\r\n"))
    assert.equal("x", serving.parse(stream:read_all()).body)
    server:close()
    task:await()
    assert.is_nil(io.open(path))
  end))

  it("is closed behind a CONNECT, as what follows is no request", tasks.virtually(function()
    serving.run(function(request) return request.method end, nil, function(site)
      local bytes = site:ask "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\n\r\nGET / HTTP/1.1\r\nHost: a.b\r\n\r\n"
      assert.matches("\r\nConnection: close\r\n\r\nCONNECT$", bytes)
    end)
  end))
end)
