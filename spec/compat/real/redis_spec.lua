-- SPDX-License-Identifier: MIT
-- The calls that lua-resty-redis (cosockets) and redis-lua (LuaSocket) make, against redis-server.
local async = require "saros"
local ngx = require "saros.compat.ngx"
local socket = require "saros.compat.socket"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local inside = tasks.inside

-- A command as the list that lua-resty-redis sends.
local function encode(...)
  local parts = {"*", select("#", ...), "\r\n"}
  for _, argument in ipairs {...} do
    parts[#parts + 1] = {"$", #tostring(argument), "\r\n", argument, "\r\n"}
  end
  return parts
end

local function flat(parts)
  local texts = {}
  for i, part in ipairs(parts) do texts[i] = type(part) == "table" and flat(part) or tostring(part) end
  return table.concat(texts)
end

local function read_reply(sock)
  local line = assert(sock:receive())
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "+" then return rest end
  if kind == ":" then return math.tointeger(tonumber(rest)) end
  if kind == "-" then return false, rest end
  local count = math.tointeger(tonumber(rest))
  if count < 0 then return ngx.null end
  if kind == "$" then
    local data = assert(sock:receive(count))
    assert(sock:receive(2))
    return data
  end
  local list = {}
  for i = 1, count do list[i] = read_reply(sock) end
  return list
end

local server

setup(function() server = redis_server.start() end)
teardown(function() server:close() end)

describe("Redis by the calls of lua-resty-redis", function()
  local function connect()
    local sock = ngx.socket.tcp()
    sock:settimeouts(10000, 10000, 30000)
    assert(sock:connect("127.0.0.1", server.port))
    return sock
  end

  local function command(sock, ...)
    assert(sock:send(encode(...)))
    return read_reply(sock)
  end

  it("sets and gets, null and errors included", inside(function()
    local sock = connect()
    assert.equal("OK", command(sock, "set", "compat", "a value\r\nof two lines"))
    assert.equal("a value\r\nof two lines", command(sock, "get", "compat"))
    assert.equal(ngx.null, command(sock, "get", "compat:none"))
    local ok, problem = command(sock, "incr", "compat")
    assert.is_false(ok)
    assert.matches("not an integer", problem)
    assert.equal(1, sock:setkeepalive(10000, 100))
  end))

  it("pipelines", inside(function()
    local sock = connect()
    assert(sock:send {encode("del", "compat:n"), encode("incr", "compat:n"), encode("incrby", "compat:n", 41)})
    read_reply(sock)
    assert.equal(1, read_reply(sock))
    assert.equal(42, read_reply(sock))
    assert.same({"42", ngx.null}, command(sock, "mget", "compat:n", "compat:none"))
    sock:setkeepalive()
  end))

  it("uses connections again", inside(function()
    local sock = connect()
    sock:setkeepalive(10000, 100)
    sock = connect()
    assert.is_true(sock:getreusedtimes() > 0)
    assert.equal("PONG", command(sock, "ping"))
    sock:close()
  end))

  it("listens in one thread while another one publishes", inside(function()
    local listener, speaker = connect(), connect()
    assert.equal("subscribe", command(listener, "subscribe", "compat:news")[1])
    local thread = ngx.thread.spawn(function() return read_reply(listener) end)
    assert.equal(1, command(speaker, "publish", "compat:news", "hello"))
    assert.same({true, {"message", "compat:news", "hello"}}, {ngx.thread.wait(thread)})
    listener:close()
    speaker:close()
  end))

  it("runs into its time-out while it listens, and goes on", inside(function()
    local listener, speaker = connect(), connect()
    command(listener, "subscribe", "compat:later")
    listener:settimeout(20)
    assert.same({nil, "timeout", ""}, {listener:receive()})
    listener:settimeout(10000)
    command(speaker, "publish", "compat:later", "now")
    assert.same({"message", "compat:later", "now"}, read_reply(listener))
    listener:close()
    speaker:close()
  end))
end)

describe("Redis by the calls of redis-lua", function()
  local function connect()
    local sock = assert(socket.connect("127.0.0.1", server.port))
    sock:settimeout(30)
    sock:setoption("tcp-nodelay", true)
    return sock
  end

  local function command(sock, ...)
    assert(sock:send(flat(encode(...))))
    return read_reply(sock)
  end

  it("runs a transaction inside a coroutine, whose commands are queued by yielding them", inside(function()
    local co, sock = async.coroutine, connect()
    command(sock, "del", "compat:list")
    local block = co.wrap(function()
      co.yield("rpush", "compat:list", "a")
      async.sleep(0)
      co.yield("rpush", "compat:list", "b")
      co.yield("lrange", "compat:list", 0, -1)
    end)
    assert.equal("OK", command(sock, "multi"))
    for name, key, first, last in block do
      assert.equal("QUEUED", last and command(sock, name, key, first, last) or command(sock, name, key, first))
    end
    assert.same({1, 2, {"a", "b"}}, command(sock, "exec"))
    sock:close()
  end))

  it("yields messages out of a receive loop inside a coroutine", inside(function()
    local co, listener, speaker = async.coroutine, connect(), connect()
    command(listener, "subscribe", "compat:loop")
    local messages = co.wrap(function()
      while true do co.yield(read_reply(listener)[3]) end
    end)
    for i = 1, 3 do
      command(speaker, "publish", "compat:loop", "message " .. i)
      assert.equal("message " .. i, messages())
    end
    listener:close()
    speaker:close()
  end))

  it("serves a hundred tasks over a connection each", inside(function()
    async.map(100, function(_, i)
      local sock = connect()
      local _ <close> = sock
      assert.equal("OK", command(sock, "set", "compat:" .. i, i))
      assert.equal(tostring(i), command(sock, "get", "compat:" .. i))
    end, {limit = 20})
  end))
end)
