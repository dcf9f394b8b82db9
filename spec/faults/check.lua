-- SPDX-License-Identifier: MIT
-- What the scenarios of spec/faults share. In them any call may fail for want of memory, and any task.
local async = require "saros"
local testing = require "saros.testing"

-- Lua makes a metatable at the first large buffer; for want of memory it may stay incomplete for good.
assert(#("x"):rep(5000) == 5000)

local check = {}

local MEMORY = "not enough memory"

-- The second is what table.unpack says when the stack cannot grow.
local function is_memory_error(err)
  local text = tostring(err)
  return text:find(MEMORY, 1, true) ~= nil or text:find("too many results to unpack", 1, true) ~= nil
end

-- Makes a scenario of fn: it lists failures that nobody looked at and calls fn(reports, has_fault). If one of them
-- was a memory error, that is what the scenario fails with, as what else went wrong then is a consequence.
function check.scenario(fn)
  return function(has_fault)
    local reports, out_of_memory = {}, false
    async.on_error(function(err)
      if is_memory_error(err) then out_of_memory = true end
      reports[#reports + 1] = err
    end)
    local ok, err = pcall(fn, reports, has_fault)
    collectgarbage()
    async.on_error(nil)
    if ok then return end
    error((out_of_memory or is_memory_error(err)) and MEMORY or err, 0)
  end
end

-- The same for a function that runs as the main task, on the virtual clock: fn(has_fault).
function check.test(fn)
  return check.scenario(function(_, has_fault) return testing.run(fn, has_fault) end)
end

-- Checks the number of reports. One may be missing that could not be made, for want of memory.
function check.reported(reports, count, has_fault)
  assert(#reports == count or has_fault and #reports < count)
end

-- Whether `err` is the expected one: the value itself, or with this text in its message. A memory error is raised.
function check.is(err, expected)
  if rawequal(err, expected) then return true end
  if is_memory_error(err) then error(err, 0) end
  if type(expected) == "string" and tostring(err):find(expected, 1, true) then return true end
  error(("%s expected, got %s"):format(expected, err), 2)
end

-- fn(...) has to fail with that error.
function check.raises(expected, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error(("%s expected, but it succeeded"):format(expected), 2) end
  check.is(err, expected)
  return err
end

-- The task has to fail with that error.
function check.fails(task, expected)
  async.wait({task})
  return check.is(task:error(), expected)
end

-- fn(...) may fail with a memory error, which is caught; no task may be left but the calling one.
function check.attempt(fn, ...)
  local ok, err = pcall(fn, ...)
  assert(ok or is_memory_error(err), err)
  local rest = #async.all_tasks() - 1
  assert(rest == 0, rest)
end

-- For <close>: calls fn.
function check.closing(fn)
  return setmetatable({}, {__close = fn})
end

return check
