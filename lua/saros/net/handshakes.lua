-- SPDX-License-Identifier: MIT
-- A listener over TLS: what it accepts has its handshake behind it.
--
-- Handshakes run beside each other, each in a task of its own and for a limited time; one that fails is reported as the
-- failure of a task is. They begin while somebody accepts, in whose task the listener is asked for connections. A
-- connection counts from then on until somebody takes it, and so many at most do.

local async = require "saros"
local internal = require "saros.internal"
local tls = require "saros.net.tls"

local MOST = 1024

---@class saros.net.Handshakes
---@field package _listener userdata
---@field package _wanted saros.net.TLSPlan
---@field package _done saros.Queue      of streams
---@field package _tasks table<saros.Stream, saros.Task> in which handshakes go on
---@field package _count integer         of those tasks, and of streams that nobody has accepted
local Handshakes = {}

local handshakes = {}

local metatable = { __index = Handshakes }

---@param listener userdata
---@param wanted saros.net.TLSPlan
function handshakes.new(listener, wanted)
  return setmetatable({
    _listener = listener, _wanted = wanted, _done = async.queue(), _tasks = {}, _count = 0,
  }, metatable)
end

-- Hands over the stream when its handshake is done.
local function secure(self, stream)
  local host, port = stream:peer()
  tls.start(stream, self._wanted, host, port)
  if not self._done:try_put(stream) then error("the server is closed", 0) end
end

-- The handshake is over, and who accepts hears of it. Needs no memory, as otherwise a peer might wait for ever.
local function finish(self, stream, is_done)
  if not self._tasks[stream] then return end
  self._tasks[stream] = nil
  if not is_done then
    stream:close()
    self._count = self._count - 1
  end
  self._listener:nudge()
end

-- The task of a handshake. That one came to nothing because the server was closed is no failure.
local function shake(self, stream)
  local ok, err = pcall(secure, self, stream)
  finish(self, stream, ok)
  if not ok and not self._listener:closed() then error(err, 0) end
end

-- What is to be done when the task of a handshake has ended, which may have had no memory to begin.
local function ender(self, stream)
  return function(task)
    finish(self, stream, false)
    internal.report(task)
  end
end

-- It counts as long as its task lives, whatever fails here.
local function begin(self, stream)
  local task
  local ok, err = pcall(function()
    local report = ender(self, stream)
    task = async.spawn(shake, self, stream)
    task:on_done(report)
    self._tasks[stream] = task
  end)
  if not ok then
    stream:close()
    if task then task:cancel() end
    error(err, 0)
  end
  self._count = self._count + 1
end

-- Waits until something is new: a connection has come, a handshake has ended, or who accepts was nudged.
local function await_news(self, room)
  local stream = self._listener:accept(math.min(MOST, room or MOST) - self._count)
  if stream then begin(self, stream) end
end

---A connection whose handshake is done; nothing after news that are none of that.
---@async
---@param room? integer how many connections may be here that nobody has accepted; none: as many as there is room for
---@return saros.Stream?
function Handshakes:accept(room)
  local stream = self._done:try_get()
  if not stream then return await_news(self, room) end
  self._count = self._count - 1
  return stream
end

---Has who accepts look again whether there is room.
function Handshakes:nudge()
  self._listener:nudge()
end

function Handshakes:closed()
  return self._listener:closed()
end

function Handshakes:address()
  return self._listener:address()
end

---Those in which handshakes go on.
---@return saros.Task[]
function Handshakes:tasks()
  local list = {}
  for _, task in pairs(self._tasks) do list[#list + 1] = task end
  return list
end

---Ends the handshakes that go on, and closes the streams that nobody has accepted.
function Handshakes:close()
  self._listener:close()
  for stream, task in pairs(self._tasks) do
    task:cancel "the server is closed"
    stream:close()
  end
  self._done:close()
  for stream in self._done.try_get, self._done do stream:close() end
end

return handshakes
