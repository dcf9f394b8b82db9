-- SPDX-License-Identifier: MIT
-- A pool of connections. What is lent comes back as new: the open transaction is rolled back, settings, prepared
-- statements, temporary tables and locks are dropped. What cannot be brought into that state is closed.

local async = require "saros"
local Link = require "postgres.link"
local Session = require "postgres.session"

local PATIENCE = 5 -- seconds for a connection to become as new
local FRESH = 1    -- seconds of idleness after which a connection has to show that it lives

---@class postgres.Lease: postgres.Session
local Lease = setmetatable({ OVER = "this connection was given back" }, { __index = Session })
Lease.__index = Lease

local function reset(link)
  local session = Session.new(link)
  if link.status ~= "I" then session:execute "ROLLBACK" end
  session:execute "DISCARD ALL"
end

local function is_alive(link)
  if not link:is_open() then return false end
  return async.now() - link.idle_since < FRESH or pcall(async.wait_for, reset, PATIENCE, link)
end

---Gives the connection back. One that is still in use, by a transaction or by a loop over rows, is closed.
---@async
function Lease:close()
  if self.is_over then return end
  self.is_over = true
  local link, pool = self.link, self.pool
  if link:is_open() and not self.turns:locked() and not pool.is_closed and async.shield(function()
    return (pcall(async.wait_for, reset, PATIENCE, link))
  end) then
    link.idle_since = async.now()
    table.insert(pool.idle, link)
  else
    link:close()
  end
  self.permit:release()
end

Lease.__close = Lease.close

---@class postgres.Pool
local Pool = {}
Pool.__index = Pool

---@param options postgres.Options
---@return postgres.Pool
function Pool.new(options)
  return setmetatable({ options = options, slots = async.semaphore(options.size or 10), idle = {} }, Pool)
end

local function take(self)
  while true do
    local link = table.remove(self.idle)
    if not link then return Link.open(self.options) end
    if is_alive(link) then return link end
    link:close()
  end
end

---A connection, `local db <close> = pool:acquire()`: an idle one, a new one, or the next that comes back.
---@async
---@return postgres.Lease
function Pool:acquire()
  local permit = self.slots:acquire()
  if self.is_closed then
    permit:release()
    error(async.error { name = "ClosedError", code = "ECLOSED", message = "the pool is closed" }, 0)
  end
  local ok, link = pcall(take, self)
  if ok then return setmetatable({ link = link, turns = async.lock(), pool = self, permit = permit }, Lease) end
  permit:release()
  error(link, 0)
end

---Runs `fn(db, ...)` with a connection of the pool.
---@async
function Pool:with(fn, ...)
  local db <close> = self:acquire()
  return fn(db, ...)
end

---@async
---@param sql string
---@param ... string|number|boolean|nil
---@return table<string, any>[] rows
function Pool:query(sql, ...)
  local db <close> = self:acquire()
  return db:query(sql, ...)
end

---Closes what is idle, and the rest when it comes back.
function Pool:close()
  self.is_closed = true
  for _, link in ipairs(self.idle) do link:close() end
  self.idle = {}
end

Pool.__close = Pool.close

return Pool
