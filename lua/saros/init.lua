-- SPDX-License-Identifier: MIT
-- saros: asyncio for Lua. The core is C, and what editors know of it stands in meta/; this file is names only: what
-- is loaded with it, and what at its first use.

if _VERSION < "Lua 5.4" then error("saros needs Lua 5.4, and this is " .. _VERSION, 0) end
local core = require "saros.core"
local internal = core[2]
package.loaded["saros.internal"] = internal

---Functions marked `async` (in the reference: *waits*) may suspend the calling task. They raise a string that names
---them where nothing can be suspended: outside `async.run`, in a coroutine of your own, or below a C function such as
---`table.sort`. They raise a CancelledError when the task, or a scope it is in, has been cancelled. Wrong arguments
---raise Lua's ordinary argument errors, before anything happens. All times are seconds, all sizes bytes.
---@class saros
---@field json saros.JSON
---@field stdin saros.Stream   standard input, whatever that is; `async.stdin:read_line()` is what replaces `io.read()`
---@field stdout saros.Stream  standard output: all that was written is out when `run` returns
---@field stderr saros.Stream  standard error
local async = core[1]

-- Places in messages are those of the user's code, not of ours: `require` tells where we are.
local _, path = ...
if type(path) == "string" and path:find "init%.lua$" then
  internal.home("@" .. path:gsub("init%.lua$", ""))
end

-- Those that are modules of their own; of the others their module gives a field.
local namespaces = { fs = true, http = true, json = true, net = true, process = true }

-- By name, the module that gives it.
local lazy = {
  as_completed = "saros.as_completed",
  defer = "saros.defer",
  fs = "saros.fs",
  generator = "saros.generator",
  http = "saros.http.server",
  json = "saros.json",
  move_on_after = "saros.move_on_after",
  net = "saros.net",
  process = "saros.process",
  retry = "saros.retry",
  task_local = "saros.task_local",
  thread_pool = "saros.thread",
  ticker = "saros.ticker",
  websocket = "saros.websocket",
  to_thread = "saros.thread",
  tree_svg = "saros.timeline.tree",
}
for _, name in ipairs { "fetch", "get", "post", "put", "patch", "delete", "head", "options", "session" } do
  lazy[name] = "saros.http"
end
internal.lazy = lazy
for name in pairs(lazy) do
  async[name] = nil -- loaded again: what it has loaded by itself is, too
end

-- The standard streams: made anew after they were closed, so they are no fields.
local standard = { stdin = 0, stdout = 1, stderr = 2 }

-- A script must not pay for what it does not use.
setmetatable(async, {
  __index = function(_, name)
    if standard[name] then return require("saros.process.core").standard(standard[name]) end
    local module_name = lazy[name]
    if not module_name then return nil end
    local module = require(module_name)
    local value = namespaces[name] and module or module[name]
    rawset(async, name, value)
    return value
  end,
})

-- Gives the class of an object a method that is written in Lua: `name` in its module. At first something stands there
-- that loads it.
local function give(object, method, module, name)
  local class = getmetatable(object).__index
  class[method] = internal.entry(function(...)
    class[method] = require(module)[name]
    return class[method](...)
  end)
end

local err = async.error { name = "Error", traceback = "" }
give(err, "find_all", "saros.group_error", "find_all")
give(err, "split", "saros.group_error", "split")
give(async.semaphore(1), "with", "saros.with", "semaphore")
give(async.lock(), "with", "saros.with", "lock")
give(async.condition(), "with", "saros.with", "condition")
give(async.rate_limiter(1, 1), "with", "saros.with", "rate_limiter")

return async
