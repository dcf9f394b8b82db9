-- SPDX-License-Identifier: MIT
-- The client as its user has it.

local internal = require "saros.internal"
local misuse = require "saros.misuse"
local client = require "saros.redis.client"
local failure = require "saros.redis.failure"
local methods = require "saros.redis.methods"
local own = require "saros.redis.own"
local pipeline = require "saros.redis.pipeline"
local script = require "saros.redis.script"
local subscription = require "saros.redis.subscription"
local transaction = require "saros.redis.transaction"

local redis = {}

---A client for Redis, or Valkey. Every command is a method, in lower case: `r:set("k", "v", "EX", 60)`. An error reply
---raises RedisError, whose `code` is its first word, a broken connection FetchError, a time-out TimeoutError, all with
---`command`. Any number of tasks may use it.
---@class saros.Redis: saros.redis.Commands
---@field package _settings saros.redis.Settings
---@field package _shared saros.redis.Shared|false
---@field package _line userdata|false   of the shared connection, for the methods in C
---@field package _own? saros.redis.Own
---@field package _counts {commands: integer, reconnections: integer}
---@field package _is_closed boolean
---@field package _place string
local Redis = {}

---Every command of the server.
---@class saros.redis.Commands
---@field [string] async fun(self: saros.Redis, ...: string|number): any

local metatable = { __name = "Redis" }

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("redis:" .. method, self) end
end

---A command by its name, for those that are no names in Lua: `r:call("JSON.GET", "doc")`.
---@async
---@param name string
---@param ... string|number
---@return any reply
function Redis:call(name, ...)
  check_self(self, "call")
  return client.run(self, "redis:call", 1, methods.check_name("redis:call", name), ...)
end

---Collects the commands that fn(p) calls as methods of `p`, and sends them together. Gives a list of their replies,
---with an Error object where one failed; it has `n` if one is null. Nothing is sent if fn raises.
---@async
---@param fn async fun(p: saros.redis.Pipeline)
---@return any[] replies
function Redis:pipeline(fn)
  check_self(self, "pipeline")
  misuse.check_function("redis:pipeline", 1, fn)
  internal.checkpoint "redis:pipeline"
  return pipeline.run(self, fn)
end

---Watches the keys and runs fn(t). What `t` is asked before `t:multi()` it answers at once, what comes behind is
---collected and run by EXEC, all or nothing. If one of the keys has changed by then fn runs again, 5 times in all; then
---RedisError with the code EWATCH. Returns EXEC's replies as `pipeline` does, or without `multi` what fn returns.
---@async
---@param keys (string|number)[]
---@param fn async fun(t: saros.redis.Transaction): ...
---@return any ...
function Redis:transaction(keys, fn)
  check_self(self, "transaction")
  if type(keys) ~= "table" then misuse.type("redis:transaction", 1, "table", keys) end
  if not misuse.is_list(keys) then
    misuse.argument("redis:transaction", 1, "list of keys expected, got " .. misuse.kind(keys))
  end
  misuse.check_function("redis:transaction", 2, fn)
  for i, key in ipairs(keys) do
    misuse.check_type("redis:transaction", 1, key, ("key %d"):format(i), "string or number")
  end
  internal.checkpoint "redis:transaction"
  return transaction.run(self, keys, fn)
end

---A function that runs a script on the server: `f(keys, args)`. The server keeps the script; one that has forgotten it
---gets it again.
---@param source string  Lua, as Redis knows it
---@return async fun(keys?: (string|number)[], args?: (string|number)[]): any
function Redis:script(source)
  check_self(self, "script")
  if type(source) ~= "string" then misuse.type("redis:script", 1, "string", source) end
  return script.new(self, source)
end

local function subscribe(self, method, ...)
  check_self(self, method)
  local caller = "redis:" .. method
  if select("#", ...) == 0 then misuse.type(caller, 1, "string", nil) end
  return subscription.new(self, caller, method:upper(), ...)
end

---An iterator over the messages of channels: channel and message. It stands from the first step of the loop on, on a
---connection of its own, and outlives reconnections.
---@param ... string
---@return async fun(): string, string next
function Redis:subscribe(...)
  return subscribe(self, "subscribe", ...)
end

---The same for patterns: channel, message and pattern.
---@param ... string
---@return async fun(): string, string, string next
function Redis:psubscribe(...)
  return subscribe(self, "psubscribe", ...)
end

---Counts: connections now, tasks that wait for one, commands and reconnections since the start.
---@return {connections: integer, waiting: integer, commands: integer, reconnections: integer}
function Redis:stats()
  check_self(self, "stats")
  local connections, waiting = 0, 0
  if self._own then connections, waiting = self._own:counts() end
  local shared = self._shared
  if shared then
    waiting = waiting + shared:waiting()
    if shared:is_open() then connections = connections + 1 end
  end
  return {
    connections = connections, waiting = waiting, commands = self._counts.commands + (shared and shared:calls() or 0),
    reconnections = self._counts.reconnections,
  }
end

local function end_connections(self)
  self._is_closed = true
  if self._shared then self._shared:close(failure.closed) end
  if self._own then self._own:close() end
end

---Closes all connections. Commands, waiters and subscriptions get a ClosedError. The second time does nothing.
---@async
function Redis:close()
  check_self(self, "close")
  end_connections(self)
  if not (self._shared and internal.may_wait()) then return end
  for _, task in ipairs(self._shared:tasks()) do task:close() end
end

metatable.__close = Redis.close

-- The backstop.
function metatable.__gc(self)
  if self._is_closed or not self._shared or not self._shared:is_usable() then return end
  end_connections(self)
  internal.collected("redis client", self._place)
end

function metatable.__tostring(self)
  local place = self._settings.place
  return ("Redis: %s"):format(place.path or ("%s:%d"):format(place.host, place.port))
end

methods.define("redis", metatable, Redis, client.run, client.plain)

---@param value any
---@return boolean
function redis.is_client(value)
  return getmetatable(value) == metatable
end

---@param settings saros.redis.Settings
---@return saros.Redis
function redis.new(settings)
  return setmetatable({
    _settings = settings, _own = settings.pool > 1 and own.new(settings, settings.pool - 1) or nil,
    _counts = { commands = 0, reconnections = 0 }, _is_closed = false, _place = internal.place(), _shared = false,
    _line = false,
  }, metatable)
end

return redis
