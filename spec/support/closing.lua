-- SPDX-License-Identifier: MIT
-- The plain coroutine.close on the coroutine of a task that waits: it empties the stack, on which may be all that
-- refers to what the task waits for.
local assert = require "luassert"
local async = require "saros"
local script = require "spec.support.script"

local closing = {}

-- What the task fails with.
closing.MESSAGE = "the coroutine of task '.*' %(spawned at .*%) was closed from outside, by coroutine%.close"

-- A task that waits in fn(...), and a list of its coroutine, which does not hold it.
function closing.waiting(fn, ...)
  local held = setmetatable({}, {__mode = "v"})
  local task = async.spawn(function(...)
    held[1] = coroutine.running()
    fn(...)
  end, ...)
  repeat async.sleep(0) until tostring(task):find "waiting for"
  return task, held
end

-- Closes the coroutine of a new task that waits in fn(...). What would have to wait for that, as leaving a group,
-- fails.
function closing.closed(fn, ...)
  local task, held = closing.waiting(fn, ...)
  coroutine.close(held[1])
  return task
end

-- Collects what can be, and writes over what was freed.
function closing.collect()
  collectgarbage()
  collectgarbage()
  local junk = {}
  for i = 1, 100 do junk[i] = async.future() end
  return junk
end

local function check(make, is_held, collects, is_cancelled)
  local kept, task
  async.run(function()
    task = closing.closed(function()
      local wait = make()
      kept = is_held and wait
      wait()
    end)
    if collects then closing.collect() end
    if is_cancelled then
      task:cancel()
      async.wait{task}
      assert.matches(closing.MESSAGE, task:error())
    end
    closing.collect()
  end)
  closing.collect()
  assert.matches(closing.MESSAGE, task:error())
  return kept
end

-- What waits for the thing called `name` ends with that error, whoever holds the thing and whenever things are
-- collected. `module` gives functions by name: each makes the thing and returns a function that waits for it.
function closing.check_here(module, name)
  async.on_error(function() end) -- others may wait for the same
  for _, is_held in ipairs{true, false} do
    for _, collects in ipairs{true, false} do
      for _, is_cancelled in ipairs{true, false} do check(require(module)[name], is_held, collects, is_cancelled) end
    end
  end
end

-- The same in an interpreter of its own, where there is little to collect.
function closing.check(module, name)
  local done = script(("require('spec.support.closing').check_here(%q, %q)\n"):format(module, name))
  assert.equal(0, done.code, done.err)
end

-- The names in order.
function closing.names(module)
  local names = {}
  for name in pairs(require(module)) do names[#names + 1] = name end
  table.sort(names)
  return names
end

return closing
