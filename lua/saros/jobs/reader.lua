-- SPDX-License-Identifier: MIT
-- The blocking read of a worker, on a connection that it keeps. It can be ended without breaking the connection: what a
-- server has begun to give to a connection that is just being closed would wait there for the end of a lease.

local async = require "saros"
local client = require "saros.redis.client"
local commands = require "saros.redis.commands"
local failure = require "saros.redis.failure"

local reader = {}

---@class saros.jobs.Reader
---@field package _redis saros.Redis
---@field package _stream string
---@field package _consumer string
---@field package _lease? saros.redis.Lease
---@field package _id? integer   of the connection, as the server counts them
local Reader = {}

local metatable = { __index = Reader }

local CALLER = "queue:work"

local function ask(self, blocks, name, ...)
  local reply, err = client.exchange(self._redis, self._lease, name, commands.encode(CALLER, 0, name, ...), blocks)
  if err then error(failure.reply(err, name), 0) end
  return reply
end

---Gives the connection back.
function Reader:close()
  if self._lease then self._lease:close() end
  self._lease, self._id = nil, nil
end

metatable.__close = Reader.close

local function connect(self)
  self._lease = client.lease(self._redis, "XREADGROUP")
  self._id = ask(self, nil, "CLIENT", "ID")
end

local function read(self, room, milliseconds)
  if not self._lease then connect(self) end
  return ask(self, milliseconds / 1000, "XREADGROUP", "GROUP", "workers", self._consumer, "COUNT", room,
    "BLOCK", milliseconds, "STREAMS", self._stream, ">")
end

---Waits for entries, so many at most and for so long.
---@async
---@param room integer
---@param milliseconds integer
---@return any[][]? entries
function Reader:read(room, milliseconds)
  local ok, reply = pcall(read, self, room, milliseconds)
  if not ok then
    self:close()
    error(reply, 0)
  end
  return reply and (reply[self._stream] or reply[1][2])
end

---Has the read end, until `is_over()`, or there is no way.
---@async
---@param is_over fun(): boolean
function Reader:interrupt(is_over)
  local ok = true
  for _ = 1, 100 do
    if not ok or is_over() then return end
    if self._id then ok = pcall(self._redis.client, self._redis, "UNBLOCK", self._id) end
    async.sleep(0.01)
  end
end

---@param redis saros.Redis
---@param stream string
---@param consumer string
---@return saros.jobs.Reader
function reader.new(redis, stream, consumer)
  return setmetatable({ _redis = redis, _stream = stream, _consumer = consumer }, metatable)
end

return reader
