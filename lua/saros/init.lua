-- SPDX-License-Identifier: MIT
--- saros: asyncio for Lua. The core is C; here is what reads better in Lua, and what is loaded at
--- first use only. types.lua documents every function.
local core = require "saros.core"
local async, internal = core[1], core[2]
package.loaded["saros.internal"] = internal

-- Places in messages are those of the user's code, not of ours: `require` tells where we are.
local _, path = ...
if type(path) == "string" and path:find "init%.lua$" then
  internal.home("@" .. path:gsub("init%.lua$", ""))
end

local LAZY = {
  json = "saros.json",
  generator = "saros.generator",
  ticker = "saros.ticker",
  retry = "saros.retry",
}
for _, name in ipairs { "fetch", "get", "post", "put", "patch", "delete", "head", "options", "session" } do
  LAZY[name] = "saros.http"
end
for name in pairs(LAZY) do
  async[name] = nil -- loaded again: what it has loaded by itself is, too
end

-- A script that never fetches must not pay for libcurl.
setmetatable(async, {
  __index = function(_, name)
    local module_name = LAZY[name]
    if not module_name then
      return nil
    end
    local module = require(module_name)
    local value = name == "json" and module or module[name]
    rawset(async, name, value)
    return value
  end,
})

--- Gives a class of objects the method `with(fn, ...)`: it calls fn(...) while holding a permit of the object.
--- Returns what fn returns and raises what it raises; the permit is given back in any case. Waits.
---@param object any  one of that class
---@param name string  of the class, in messages
local function add_with(object, name)
  local class, method = getmetatable(object), name:gsub(" ", "_") .. ":with"

  ---@async
  local function with(self, fn, ...)
    if getmetatable(self) ~= class then
      local message = "calling '%s' on bad self (%s expected, got %s; call it with a colon)"
      internal.misuse(message:format(method, name, type(self)))
    elseif type(fn) ~= "function" then
      internal.misuse(("bad argument #1 to '%s' (function expected, got %s)"):format(method,
        internal.given() < 2 and "no value" or type(fn)))
    end
    local permit <close> = self:acquire()
    return fn(...)
  end
  class.__index.with = internal.entry(with)
end

add_with(async.semaphore(1), "semaphore")
add_with(async.lock(), "lock")
add_with(async.condition(), "condition")
add_with(async.rate_limiter(1, 1), "rate limiter")

--- Cancels and joins what as_completed has started, when its loop is left: tasks, and false for what was there before.
local Started = {
  __close = function(tasks)
    for _, task in ipairs(tasks) do
      if task then
        task:cancel()
      end
    end
    for _, task in ipairs(tasks) do
      if task then
        task:close()
      end
    end
  end,
}

--- Iterates over awaitables in order of completion: `for i, task in async.as_completed(list)`.
--- Functions run as tasks of their own; leaving the loop cancels and joins those. Waits in each step.
---@param ... table  a list of functions, tasks and futures
---@return function next  gives the index in the list and the task or future, which has ended
function async.as_completed(...)
  internal.check_awaitables("as_completed", ...)
  local list = ...
  local items, started = table.move(list, 1, #list, 1, {}), setmetatable({}, Started)
  local completions

  -- In the first step, when the loop holds `started`.
  local function start()
    for i, item in ipairs(items) do
      started[i] = false -- so that keeping the task takes no memory
      if type(item) == "function" then
        started[i] = async.spawn(item)
        items[i] = started[i]
      end
    end
    completions = internal.completions(items)
  end

  ---@async
  local function step()
    if not completions then
      start()
    end
    return completions:next()
  end
  return internal.entry(step), nil, nil, started
end
async.as_completed = internal.entry(async.as_completed)

return async
