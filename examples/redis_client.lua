-- SPDX-License-Identifier: MIT
-- A client for Redis in some sixty lines. Any number of tasks share a connection: commands leave as they come, replies
-- come in the same order, and each task waits for its own. (A program that uses Redis takes saros.redis.)
--
--   lua5.4 examples/redis_client.lua [HOST [PORT]]      does some work on a server, 127.0.0.1:6379 if none is named

local async = require "saros"

local Redis = {}
Redis.__index = Redis

-- Reads one reply (RESP2).
local function read_reply(stream)
  local line = stream:read_line()
  if not line then error("the server has closed the connection", 0) end
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "+" then return rest end
  if kind == "-" then return nil, rest end
  if kind == ":" then return math.tointeger(tonumber(rest)) end
  local size = tonumber(rest)
  if size < 0 then return nil end
  if kind == "$" then return stream:read_exactly(size + 2):sub(1, -3) end
  local list = {}
  for i = 1, size do list[i] = read_reply(stream) or false end
  return list
end

local function connect(host, port)
  local self = setmetatable({ stream = async.net.connect(host, port, { timeout = 5 }), waiting = async.queue() }, Redis)
  self.reader = async.spawn(function()
    for future in self.waiting do
      local ok, reply, err = async.pcall(read_reply, self.stream)
      if ok then future:set(reply, err) else future:fail(reply) end
    end
  end)
  return self
end

function Redis:call(...)
  local message = { ("*%d\r\n"):format(select("#", ...)) }
  for _, argument in ipairs { ... } do
    argument = tostring(argument)
    message[#message + 1] = ("$%d\r\n%s\r\n"):format(#argument, argument)
  end
  local reply = async.future()
  self.waiting:put(reply)
  self.stream:write(message)
  local value, err = reply:await()
  if err then error(err, 2) end
  return value
end

function Redis:close()
  self.reader:cancel()
  self.stream:close()
end

Redis.__close = Redis.close

async.run(function()
  local redis <close> = connect(arg[1] or "127.0.0.1", math.tointeger(tonumber(arg[2])) or 6379)
  print("PING", redis:call "PING")
  redis:call("DEL", "saros:counter")
  local counting = {}
  for i = 1, 1000 do
    counting[i] = function() redis:call("INCR", "saros:counter") end
  end
  async.gather(counting)
  print("a thousand tasks counted to", redis:call("GET", "saros:counter"))
  print("MGET", table.unpack(redis:call("MGET", "saros:counter", "saros:nothing")))
  print("a mistake", pcall(redis.call, redis, "INCR"))
  redis:call("DEL", "saros:counter")
end)
