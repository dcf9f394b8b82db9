-- SPDX-License-Identifier: MIT
-- Connections that a task has for itself: for what blocks, watches or subscribes. The pool bounds their number; who
-- waits for one is served in order. One that was given back whole is used again, any other one is closed.

local async = require "saros"
local failure = require "saros.redis.failure"
local link = require "saros.redis.link"

local own = {}

---@class saros.redis.Own
---@field package _settings saros.redis.Settings
---@field package _permits saros.Semaphore?
---@field package _idle saros.redis.Link[]
---@field package _leases table<saros.redis.Lease, true>
---@field package _is_closed boolean
local Own = {}

local metatable = { __index = Own }

---A connection for a while: `link` is there as soon as it was asked for.
---@class saros.redis.Lease
---@field link? saros.redis.Link
---@field is_whole boolean   it can be used again; whoever holds it says so when he is done
local Lease = {}

local lease_metatable = { __index = Lease }

---Gives it back.
function Lease:close()
  local pool = self._pool
  pool._leases[self] = nil
  local connection = self.link
  self.link = nil
  if connection and self.is_whole and not pool._is_closed and not connection.stream:closed() then
    table.insert(pool._idle, connection)
  elseif connection then
    connection:close()
  end
  if self._permit then self._permit:release() end
  self._permit = nil
end

lease_metatable.__close = Lease.close

-- An idle one that lives, or nil.
local function take_idle(self)
  while #self._idle > 0 do
    local lease = setmetatable({ _pool = self, link = table.remove(self._idle) }, lease_metatable)
    local held <close> = lease -- whatever happens meanwhile
    if lease.link:is_alive() then
      local connection = lease.link
      lease.link = nil
      return connection
    end
  end
end

---Waits for a place among the connections. Raises a failure.
---@async
---@return saros.redis.Lease
function Own:lease()
  if self._is_closed then error(failure.closed, 0) end
  self._waiting = self._waiting + 1
  local ok, index, permit = pcall(async.select, { self._closing, self._permits })
  self._waiting = self._waiting - 1
  if not ok then error(index, 0) end
  if index == 1 then error(failure.closed, 0) end
  local lease = setmetatable({ _pool = self, _permit = permit, is_whole = false }, lease_metatable)
  self._leases[lease] = true
  return lease
end

local function find(self, lease, seconds)
  lease.link = take_idle(self)
  if lease.link then return end
  if seconds then
    lease.link = link.within(self._settings, seconds)
  else
    lease.link = link.persist(self._settings, function() return not self._is_closed end)
  end
end

---A connection for the lease: one that was used before, or a new one; it is tried until `seconds` have passed, without
---them for ever. Raises a failure.
---@async
---@param lease saros.redis.Lease
---@param seconds? number
function Own:connect(lease, seconds)
  if self._is_closed then error(failure.closed, 0) end
  local ok, err = true, nil
  self._waiting = self._waiting + 1
  local held <close> = setmetatable({}, { __close = function()
    self._waiting = self._waiting - 1
    lease._scope = nil
  end })
  async.task_group(function(group) -- there to be cancelled
    lease._scope = group
    ok, err = async.pcall(find, self, lease, seconds)
  end)
  if self._is_closed then error(failure.closed, 0) end
  if not ok then error(err, 0) end
end

---Whether there may be any.
function Own:exists()
  return self._permits ~= nil
end

---How many connections there are, and how many tasks wait for one.
---@return integer connections
---@return integer waiting
function Own:counts()
  local count = 0
  local function add(connection)
    if connection and not connection.stream:closed() then count = count + 1 end
  end
  for _, connection in ipairs(self._idle) do add(connection) end
  for lease in pairs(self._leases) do add(lease.link) end
  return count, self._waiting
end

---Closes all of them; who waits at one is woken.
function Own:close()
  self._is_closed = true
  for _, connection in ipairs(self._idle) do connection:close() end
  self._idle = {}
  for lease in pairs(self._leases) do
    if lease.link then lease.link:close() end
    if lease._scope then lease._scope:cancel() end
  end
  self._closing:set()
end

---@param settings saros.redis.Settings
---@param count integer  at most
---@return saros.redis.Own
function own.new(settings, count)
  return setmetatable({
    _settings = settings, _permits = count > 0 and async.semaphore(count) or nil, _idle = {}, _leases = {},
    _waiting = 0, _is_closed = false, _closing = async.event(),
  }, metatable)
end

return own
