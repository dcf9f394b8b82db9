-- SPDX-License-Identifier: MIT
-- The method `with` of what gives permits.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@alias saros.With async fun(self: any, fn: (async fun(...: any): ...), ...: any): ...

---@class saros.Semaphore
---Calls `fn(...)` holding a permit. Returns its results or raises its error; the permit is given back in any case.
---@field with saros.With

---@class saros.Lock
---Calls `fn(...)` holding the lock. Returns its results or raises its error; the lock is released in any case.
---@field with saros.With

---@class saros.Condition
---Calls `fn(...)` holding the lock. Returns its results or raises its error; the lock is released in any case.
---@field with saros.With

---@class saros.RateLimiter
---Calls `fn(...)` when one more may pass. Returns its results or raises its error.
---@field with saros.With

-- The method of the class of an object; `name` is that of the class in messages.
local function with_of(object, name)
  local class, method = getmetatable(object), name .. ":with"

  ---@async
  local function with(self, fn, ...)
    if getmetatable(self) ~= class then misuse.self(method, self) end
    misuse.check_function(method, 1, fn)
    if not internal.may_wait() then internal.checkpoint(method) end -- says so by this name, not by that of acquire
    local permit <close> = self:acquire()
    return fn(...)
  end
  return internal.entry(with)
end

return {
  semaphore = with_of(async.semaphore(1), "semaphore"),
  lock = with_of(async.lock(), "lock"),
  condition = with_of(async.condition(), "condition"),
  rate_limiter = with_of(async.rate_limiter(1, 1), "rate_limiter"),
}
