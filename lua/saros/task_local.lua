-- SPDX-License-Identifier: MIT
-- Task locals: values that belong to a task and are handed to the tasks it starts.
--
-- Invariant: the table of a task's values is never changed, only replaced by a copy; so tasks can share one, and to
-- hand the values on takes no more than to hand the table on.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros
local task_local = {}

---A value that each task has for itself.
---@class saros.TaskLocal
---@field package default any
local TaskLocal = {}
local meta = { __name = "task local", __index = TaskLocal }

local NIL = {} -- stands in the table for a nil that was set

-- Replaces what stands in the table of the calling task, nil for nothing; returns the new table.
local function replace(self, entry)
  local values, copy = internal.locals(), {}
  for key, value in next, values or {} do copy[key] = value end
  copy[self] = entry
  internal.set_locals(next(copy) ~= nil and copy or nil)
  return copy
end

-- Gives the value back what it has in the table `outer`. Where `inner` is the task's still, that takes no memory.
local function restore(self, outer, inner)
  if internal.locals() == inner then
    internal.set_locals(outer)
  else
    replace(self, outer and outer[self])
  end
end

local function check(method, self)
  if getmetatable(self) ~= meta then misuse.self(method, self) end
end

local function check_task(method)
  if not async.current_task() then misuse.raise(method .. ": no task is running (call it inside async.run)") end
end

local function entry_of(value)
  if value == nil then return NIL end
  return value
end

---Its value in the calling task: what was set last, there or in the task that has started it, before it did; else the
---default, outside of a run too.
---@return any value
function TaskLocal:get()
  check("task_local:get", self)
  local values = internal.locals()
  local entry = values and values[self]
  if entry == nil then return self.default end
  if entry == NIL then return nil end
  return entry
end

---Sets its value in the calling task, and in those that it starts from now on. Only inside a run.
---@param value any  nil hides the default too
function TaskLocal:set(value)
  check("task_local:set", self)
  check_task "task_local:set"
  replace(self, entry_of(value))
end

---Calls `fn(...)` with this value, and gives it back the one it has now. Returns its results or raises its error. Only
---inside a run.
---@async
---@param value any
---@param fn async fun(...: any): ...
---@param ... any  for `fn`
---@return any ...
function TaskLocal:with(value, fn, ...)
  check("task_local:with", self)
  misuse.check_function("task_local:with", 2, fn)
  check_task "task_local:with"
  local task, outer, inner = async.current_task(), internal.locals(), nil
  local held <close> = setmetatable({}, { __close = function()
    if not inner or async.current_task() ~= task then return end -- not set yet; closed by force, or by another task
    restore(self, outer, inner)
  end })
  inner = replace(self, entry_of(value))
  return fn(...)
end

misuse.guard(TaskLocal, "get", "set", "with")

---A value that belongs to the task and is handed to the tasks it starts, as it is at that moment. A callback of
---`on_done` sees the values of who registered it.
---@param default? any  where nothing was set
---@return saros.TaskLocal
function task_local.task_local(default)
  return setmetatable({ default = default }, meta)
end

task_local.task_local = internal.entry(task_local.task_local)

return task_local
