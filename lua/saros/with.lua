-- SPDX-License-Identifier: MIT
-- The method `with` of what gives permits.

local async = require("saros.core")[1] -- "saros" itself is being loaded
local internal = require "saros.internal"

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

-- Gives the class of an object the method; `name` is that of the class in messages.
local function add_with(object, name)
  local class, method = getmetatable(object), name .. ":with"

  ---@async
  local function with(self, fn, ...)
    if getmetatable(self) ~= class then
      local message = "calling '%s' on bad self (%s expected, got %s; call it with a colon)"
      internal.misuse(message:format(method, class.__name, type(self)))
    elseif type(fn) ~= "function" then
      local got = internal.given() < 2 and "no value" or type(fn)
      internal.misuse(("bad argument #1 to '%s' (function expected, got %s)"):format(method, got))
    end
    local permit <close> = self:acquire()
    return fn(...)
  end
  class.__index.with = internal.entry(with)
end

add_with(async.semaphore(1), "semaphore")
add_with(async.lock(), "lock")
add_with(async.condition(), "condition")
add_with(async.rate_limiter(1, 1), "rate_limiter")
