-- SPDX-License-Identifier: MIT
-- Transactions: WATCH, what is read under it, and the commands between MULTI and EXEC, which are sent together at the
-- end. Its connection is its own, and is given up when a reply is missing.

local async = require "saros"
local backoff = require "saros.backoff"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local client = require "saros.redis.client"
local commands = require "saros.redis.commands"
local methods = require "saros.redis.methods"

local transaction = {}

local MOST_RUNS = 5

-- The pauses between runs grow, and are random from nothing on: those who change one key beside each other keep out of
-- each other's way.
local PAUSES = { delay = 0.01, factor = 2, max_delay = 0.1, jitter = 1 }

---A transaction under way. Up to `multi` commands give their replies at once; from there on they are collected, and
---each returns the transaction.
---@class saros.redis.Transaction
---@field package _client saros.Redis
---@field package _lease saros.redis.Lease
---@field package _texts? string[]   behind multi
---@field package _is_over boolean
---@field multi fun(self: saros.redis.Transaction)  from here on commands are collected, for EXEC
---A command by its name, for those that are no names in Lua.
---@field call async fun(self: saros.redis.Transaction, name: string, ...: string|number): any
---@field [string] async fun(self: saros.redis.Transaction, ...: string|number): any

local metatable = { __name = "Transaction" }

local function ask(self, name, data, blocks)
  local counts = self._client._counts
  counts.commands = counts.commands + 1
  local function attempt() return client.exchange(self._client, self._lease, name, data, blocks) end
  return client.persist(self._client, name, attempt, attempt())
end

local function check_under_way(self, caller)
  if self._is_over then misuse.raise(("%s: the transaction is over"):format(caller)) end
end

local function run(self, caller, before, name, ...)
  check_under_way(self, caller)
  local may_watch = not self._texts and (name == "WATCH" or name == "UNWATCH")
  if not may_watch then commands.check(caller, name, ...) end
  local data = commands.encode(caller, before, name, ...)
  if self._texts then
    self._texts[#self._texts + 1] = data
    return self
  end
  internal.checkpoint(caller)
  return ask(self, name, data, commands.blocks(name, ...))
end

local function multi(self)
  if getmetatable(self) ~= metatable then misuse.self("transaction:multi", self) end
  check_under_way(self, "transaction:multi")
  if self._texts then misuse.raise "transaction:multi: it was called already" end
  self._texts = {}
end

methods.define("transaction", metatable, { multi = multi }, run)

local MULTI, EXEC = commands.encode("multi", 0, "MULTI"), commands.encode("exec", 0, "EXEC")

-- MULTI, the commands and EXEC in one message. Gives EXEC's reply: nil if a key had changed.
local function execute(self)
  local counts = self._client._counts
  counts.commands = counts.commands + #self._texts
  local data = MULTI .. table.concat(self._texts) .. EXEC
  local function attempt()
    local reply, err, first = client.exchange(self._client, self._lease, "EXEC", data, nil, #self._texts + 2)
    if err then return nil, first end -- EXECABORT, or why it came to that
    return reply
  end
  return client.persist(self._client, "EXEC", attempt, attempt())
end

-- One run. Gives whether it is the last one, and its results.
local function attempt(self, fn, keys)
  if #keys > 0 then ask(self, "WATCH", commands.encode("redis:transaction", 0, "WATCH", table.unpack(keys))) end
  local results = table.pack(pcall(fn, self))
  self._is_over = true
  if not results[1] then error(results[2], 0) end
  if not self._texts then return true, table.unpack(results, 2, results.n) end
  local replies = execute(self)
  if replies == nil then return false end
  return true, client.name_errors(replies, table.concat(self._texts))
end

-- What is left of a run that did not come to EXEC is taken back: the keys are watched no longer.
local function unwatch(self)
  local lease = self._lease
  if lease.is_whole then ask(self, "UNWATCH", commands.encode("unwatch", 0, "UNWATCH")) end
end

local function new(self, lease)
  return setmetatable({ _client = self, _lease = lease, _is_over = false }, metatable)
end

local function run_once(self, fn, keys)
  local lease <close> = client.lease(self, "WATCH")
  lease.is_whole = true
  local current = new(self, lease)
  local results = table.pack(pcall(attempt, current, fn, keys))
  if not results[1] then
    pcall(unwatch, current)
    error(results[2], 0)
  end
  if not current._texts then unwatch(current) end
  return table.unpack(results, 2, results.n)
end

---Runs fn(t) with the keys watched, again if they changed before EXEC, after a pause.
---@async
---@param self saros.Redis
---@param keys (string|number)[]
---@param fn async fun(t: saros.redis.Transaction): ...
---@return any ...
function transaction.run(self, keys, fn)
  local pause = backoff.pauses(PAUSES)
  for i = 1, MOST_RUNS do
    local results = table.pack(run_once(self, fn, keys))
    if results[1] then return table.unpack(results, 2, results.n) end
    if i < MOST_RUNS then async.sleep(pause()) end
  end
  error(async.error {
    name = "RedisError", code = "EWATCH", command = "EXEC",
    message = ("EWATCH the keys changed during each of %d runs"):format(MOST_RUNS),
  }, 0)
end

return transaction
