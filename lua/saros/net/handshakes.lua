-- SPDX-License-Identifier: MIT
-- A listener over TLS: what it accepts has its handshake behind it.
--
-- Handshakes run beside each other, each in a task of its own and for a limited time; one that fails is reported as the
-- failure of a task is. They begin while somebody accepts, in whose task the listener is asked for connections, and
-- so many at most are between the system's queue and who accepts.

local async = require "saros"
local internal = require "saros.internal"
local tls = require "saros.net.tls"

local MOST = 1024

---@class saros.net.Handshakes
---@field package _listener userdata
---@field package _wanted saros.net.TLSPlan
---@field package _done saros.Queue      of streams
---@field package _tasks table<saros.Task, saros.Stream>
---@field package _failed saros.Task[]   of handshakes, not reported yet
---@field package _count integer         of tasks, and of streams that nobody has accepted
local Handshakes = {}

local handshakes = {}

local metatable = { __index = Handshakes }
local weak = { __mode = "k" }

---@param listener userdata
---@param wanted saros.net.TLSPlan
function handshakes.new(listener, wanted)
  return setmetatable({
    _listener = listener, _wanted = wanted, _done = async.queue(), _failed = {}, _count = 0,
    _tasks = setmetatable({}, weak), -- a task for which there was no memory leaves its stream to the collector
  }, metatable)
end

-- Hands over the stream when its handshake is done.
local function secure(self, stream)
  local host, port = stream:peer()
  tls.start(stream, self._wanted, host, port)
  if not self._done:try_put(stream) then error("the server is closed", 0) end
end

-- The task of a handshake. What follows a failure needs no memory, but for the report.
local function shake(self, stream)
  local ok, err = pcall(secure, self, stream)
  local task = async.current_task()
  self._tasks[task] = nil
  if not ok then
    stream:close()
    self._count = self._count - 1
  end
  self._listener:nudge()
  if ok or self._listener:closed() then return end
  table.insert(self._failed, task)
  error(err, 0)
end

local function begin(self, stream)
  self._tasks[async.spawn(shake, self, stream)] = stream
  self._count = self._count + 1
end

-- Those who accept report what has failed; if nobody does, that is left to the collector.
local function report(self)
  while #self._failed > 0 do internal.report(table.remove(self._failed, 1)) end
end

-- Waits until something is new: a connection has come, or a handshake has ended.
local function await_news(self)
  local stream = self._listener:accept(self._count >= MOST)
  if stream then begin(self, stream) end
end

---@async
---@return saros.Stream
function Handshakes:accept()
  while true do
    local stream = self._done:try_get()
    if stream then
      self._count = self._count - 1
      return stream
    end
    await_news(self)
    report(self)
  end
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
  for task in pairs(self._tasks) do list[#list + 1] = task end
  return list
end

---Ends the handshakes that go on, and closes the streams that nobody has accepted.
function Handshakes:close()
  self._listener:close()
  for task, stream in pairs(self._tasks) do
    task:cancel "the server is closed"
    stream:close()
  end
  self._done:close()
  for stream in self._done.try_get, self._done do stream:close() end
end

return handshakes
