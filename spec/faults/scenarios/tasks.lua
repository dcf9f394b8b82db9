-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: tasks.
local async = require "saros"
local testing = require "saros.testing"
local check = require "spec.faults.check"

local scenarios = {}

scenarios.sleep = check.scenario(function()
  async.run(function()
    async.sleep(0)
    async.sleep(1e-6)
  end)
end)

scenarios.spawn_and_await = check.scenario(function()
  local sum = testing.run(function()
    local tasks, result = {}, 0
    for i = 1, 5 do
      tasks[i] = async.spawn(function(a, b)
        async.sleep(i)
        return a + b, "x", nil
      end, i, 10)
    end
    for i = 1, 5 do result = result + tasks[i]:await() end
    return result
  end)
  assert(sum == 65)
end)

-- Tasks that take the coroutine of the one before: with many arguments, an error, a wait, a block that is forgotten.
scenarios.in_one_turn = check.scenario(function()
  local mine = {}
  testing.run(function()
    local tasks = {}
    for i = 1, 6 do
      tasks[i] = async.spawn(function(...)
        if i == 1 then async.sleep(0) end
        if i == 2 then error(mine) end
        if i == 3 then return async.task_group() end
        collectgarbage()
        return (select("#", ...))
      end, table.unpack({}, 1, i * 10))
    end
    check.fails(tasks[2], mine)
    check.fails(tasks[3], "<close>")
    for _, i in ipairs{1, 4, 5, 6} do assert(tasks[i]:await() == i * 10) end
  end)
end)

scenarios.many_sleepers = check.scenario(function()
  testing.run(function()
    local tasks = {}
    for i = 1, 70 do tasks[i] = async.spawn(async.sleep, 100 - i) end
    async.wait(tasks)
  end)
end)

-- The errors are a table and a string; the one awaits the other.
scenarios.failing_tasks = check.scenario(function()
  local mine = {}
  testing.run(function()
    local inner = async.spawn(function()
      async.sleep(1)
      error(mine)
    end)
    local outer = async.spawn(function() return inner:await() end):set_name "outer"
    check.raises(mine, outer.await, outer)
    check.raises("oops", async.spawn(error, "oops", 0).await, async.spawn(error, "oops", 0))
    outer:traceback()
  end)
end)

scenarios.failing_main = check.scenario(function()
  check.raises("oops", async.run, function()
    async.sleep(0)
    error("oops", 0)
  end)
end)

scenarios.unseen_failure = check.scenario(function(reports, has_fault)
  async.run(function()
    async.spawn(error, "oops", 0)
    async.sleep(0)
  end)
  collectgarbage()
  check.reported(reports, 1, has_fault)
  for _, err in ipairs(reports) do check.is(err, "oops") end
end)

-- Cleanup that waits, in tasks that the end of the run cancels.
scenarios.cut_off = check.scenario(function()
  local cleaned = 0
  async.run(function()
    for _ = 1, 3 do
      async.spawn(function()
        local scope <close> = check.closing(function()
          async.shield(function()
            async.sleep(0)
            cleaned = cleaned + 1
          end)
        end)
        async.sleep(math.huge)
      end)
    end
    async.sleep(0)
  end)
  assert(cleaned == 3)
end)

scenarios.cancel = check.scenario(function()
  testing.run(function()
    local task = async.spawn(function()
      check.raises("why", async.sleep, 10)
      async.sleep(10)
    end)
    async.sleep(1)
    task:cancel "why"
    check.fails(task, "why")
    assert(task:cancelled())
    local other <close> = async.spawn(async.sleep, 10)
    other:cancel()
    local never = async.spawn(async.sleep, 10)
    never:cancel()
    never:close()
  end)
end)

scenarios.on_done = check.scenario(function()
  local called = 0
  testing.run(function()
    local task = async.spawn(async.sleep, 1)
    for _ = 1, 3 do task:on_done(function(ended) called = called + (ended == task and 1 or 0) end) end
    task:await()
    task:on_done(function() called = called + 1 end)
    testing.settle()
  end)
  assert(called == 4)
end)

scenarios.names_and_trees = check.scenario(function()
  testing.run(function()
    local event = async.event()
    local tasks = {}
    for i = 1, 3 do tasks[i] = async.spawn(event.wait, event):set_name("waiter " .. i) end
    testing.settle()
    local group <close> = async.task_group()
    group:spawn(async.sleep, 1)
    assert(async.tree():find("waiter 3", 1, true))
    assert(#async.all_tasks() == 5)
    assert(tostring(tasks[1]):find("event", 1, true))
    event:set()
    async.wait(tasks)
  end)
end)

scenarios.deadlock = check.scenario(function()
  check.raises("DeadlockError", async.run, function()
    local event = async.event()
    local task = async.spawn(event.wait, event)
    task:await()
  end)
end)

scenarios.cycle = check.scenario(function()
  testing.run(function()
    local first, second
    first = async.spawn(function() return second:await() end)
    second = async.spawn(function() return first:await() end)
    check.raises("DeadlockError", first.await, first)
  end)
end)

scenarios.left_over = check.scenario(function()
  check.raises("left over", testing.run, function() async.spawn(async.sleep, 5) end)
end)

scenarios.nested_run = check.scenario(function()
  async.run(function() check.raises("loop is running", async.run, print) end)
end)

-- A coroutine of one's own in a task, and a task that is yielded.
scenarios.coroutines = check.scenario(function()
  testing.run(function()
    local wrapped = coroutine.wrap(function() return pcall(async.sleep, 1) end)
    assert(not wrapped())
    local task = async.spawn(function() coroutine.yield() end)
    check.raises("attempt to yield", task.await, task)
  end)
end)

scenarios.pcall = check.scenario(function()
  testing.run(function()
    local task = async.spawn(function()
      local _, err = async.pcall(async.sleep, 5)
      check.is(err, "nothing")
    end)
    async.sleep(1)
    task:cancel()
    check.raises("CancelledError", task.await, task)
    local _, err = async.pcall(error, "oops", 0)
    assert(check.is(err, "oops"))
  end)
end)

-- The results of the second run do not depend on how the first one ended.
-- Every step is slow, and is warned of.
scenarios.slow_steps = check.scenario(function()
  async.debug{slow = 0}
  local _ <close> = check.closing(function() async.debug(false) end)
  testing.run(function()
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = async.spawn(function()
        local _ <close> = check.closing(function() collectgarbage() end)
        async.sleep(i)
        async.sleep(i)
      end)
    end
    async.wait(tasks)
  end)
end)

scenarios.run_again = check.scenario(function()
  check.raises("oops", testing.run, function()
    async.spawn(async.sleep, 5)
    async.gather(function() async.sleep(1) end, function() error("oops", 0) end)
  end)
  local _, err = pcall(testing.run, function()
    local _ <close> = async.timeout(1)
    async.sleep(5)
  end)
  assert(check.is(err, "TimeoutError"))
  assert(async.run(function() return 5 end) == 5)
end)

return scenarios
