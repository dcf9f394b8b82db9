-- SPDX-License-Identifier: MIT
--- Specs whose functions may wait: `require "saros.busted"` at the head of a spec file.
---
--- `it` runs inside a loop on a virtual clock, with its before_each, after_each, lazy_setup and
--- `finally`: one run for each test, as by saros.testing. So a test that waits for what can never come
--- fails by name, with the tasks that wait, and so does one that leaves a task or handle behind. The
--- setups and teardowns around them have runs of their own. All else is busted as ever.
local async = require "saros"
local testing = require "saros.testing"
local busted = require "busted"

--- The upvalue of that name, for busted hands out its core to nobody.
local function upvalue(fn, name)
  for i = 1, math.huge do
    local found, value = debug.getupvalue(fn, i)
    if found == name then
      return value
    elseif found == nil then
      error("saros.busted: this version of busted is built otherwise (tested with 2.1 and 2.2)")
    end
  end
end

local core = upvalue(busted.it, "busted")

-- What runs in a loop of its own, if there is none around it. The functions of a test have that of `it`.
local LOOPED = {
  it = true,
  strict_setup = true,
  strict_teardown = true,
  lazy_setup = true,
  lazy_teardown = true,
}

--- Whether the element stands in a file, or a block of one, that has loaded this module.
local function is_marked(element)
  while element do
    if core.saros_marks[element] then
      return true
    end
    element = core.context.parent(element)
  end
  return false
end

if not core.saros_marks then
  core.saros_marks = setmetatable({}, { __mode = "k" })
  local safe = core.safe

  --- Every function of a spec is called through this one.
  function core.safe(descriptor, run, element)
    if LOOPED[descriptor] and not async.current_task() and is_marked(element) then
      local inner = run
      run = function(...)
        return testing.run(inner, ...)
      end
    end
    return safe(descriptor, run, element)
  end
end

core.saros_marks[core.context.get()] = true

return busted
