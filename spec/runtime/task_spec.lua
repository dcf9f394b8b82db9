-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, virtually, caught = tasks.inside, tasks.virtually, tasks.caught
local start, hang, turns, finally = tasks.start, tasks.hang, tasks.turns, tasks.finally

local function is_cancelled(err)
  return async.is_error(err, "CancelledError")
end

local function is_deadlock(err)
  return async.is_error(err, "DeadlockError")
end

describe("spawn", function()
  it("gives a Task and starts it in a later turn", inside(function()
    local started = false
    local task = async.spawn(function() started = true end)
    assert.is_false(started)
    assert.equal("pending", task:status())
    async.sleep(0)
    assert.is_true(started)
  end))

  it("starts tasks in the order of the calls", inside(function()
    local order = {}
    for i = 1, 5 do
      async.spawn(function() order[#order + 1] = i end)
    end
    async.sleep(0)
    assert.same({1, 2, 3, 4, 5}, order)
  end))

  it("takes as many arguments as a call does, also in a group and for main", function()
    local values = {}
    for i = 1, 1000 do values[i] = i % 7 ~= 0 and i or nil end
    local function same(...)
      async.sleep(0)
      assert.equal(1000, select("#", ...))
      for i, value in pairs(values) do assert.equal(value, (select(i, ...))) end
      return select(-3, ...)
    end
    assert.same({n = 3, 998, 999, 1000}, table.pack(async.run(function(...)
      async.spawn(same, ...):await()
      async.task_group(function(group) group:spawn(same, table.unpack(values, 1, 1000)) end)
      return same(...)
    end, table.unpack(values, 1, 1000))))
    local function fail(...) error(select("#", ...) .. " arguments") end
    local message = caught(async.run, fail, table.unpack(values, 1, 1000))
    assert.matches("1000 arguments", message, 1, true)
    assert.not_matches("[C]: in ?", message, 1, true)
  end)

  it("starts tasks behind those that were ready before", inside(function()
    local order = {}
    async.spawn(function()
      async.spawn(function() order[#order + 1] = "child" end)
      order[#order + 1] = "first"
    end)
    async.spawn(function() order[#order + 1] = "second" end)
    turns()
    assert.same({"first", "second", "child"}, order)
  end))

  it("passes its arguments on, nil included", inside(function()
    local task = async.spawn(table.pack, nil, 2, nil, "four", nil)
    assert.same({n = 5, [2] = 2, [4] = "four"}, task:await())
  end))

  it("passes many arguments on", inside(function()
    local numbers = {}
    for i = 1, 200 do numbers[i] = i end
    assert.same({n = 200, table.unpack(numbers)}, async.spawn(table.pack, table.unpack(numbers)):await())
  end))

  it("runs library functions too", inside(function()
    assert.equal("xx", async.spawn(string.rep, "x", 2):await())
  end))

  it("runs a function that waits itself, such as sleep", virtually(function()
    local before = async.now()
    async.spawn(async.sleep, 3):await()
    assert.is_true(async.now() - before >= 3)
  end))

  it("makes a task that outlives the task that spawned it", inside(function()
    local event, child = async.event(), nil
    local parent = async.spawn(function()
      child = async.spawn(function()
        event:wait()
        return "still here"
      end)
    end)
    parent:await()
    turns()
    assert.equal("pending", child:status())
    event:set()
    assert.equal("still here", child:await())
  end))

  it("makes a task that outlives the cancellation of the task that spawned it", inside(function()
    local child
    local parent = start(function()
      child = async.spawn(hang)
      hang()
    end)
    parent:cancel()
    pcall(parent.await, parent)
    turns()
    assert.equal("pending", child:status())
    child:close()
  end))

  it("makes a task that does not belong to the scope of the call", virtually(function()
    local child
    pcall(async.wait_for, function()
      child = async.spawn(hang)
      hang()
    end, 1)
    turns()
    assert.equal("pending", child:status())
    child:close()
  end))

  it("keeps a task alive that nobody holds", inside(function()
    local event, came = async.event(), false
    async.spawn(function()
      event:wait()
      came = true
    end)
    turns()
    collectgarbage()
    collectgarbage()
    event:set()
    turns()
    assert.is_true(came)
  end))

  it("keeps a task alive that waits for nothing but another task that nobody holds", inside(function()
    local finished = false
    async.spawn(function()
      async.spawn(function()
        turns(3)
      end):await()
      finished = true
    end)
    for _ = 1, 6 do
      collectgarbage()
      async.sleep(0)
    end
    assert.is_true(finished)
  end))

  it("lets go of arguments and functions once they are not needed", inside(function()
    local weak = setmetatable({}, {__mode = "v"})
    local task
    do
      local argument = {}
      weak[1] = argument
      task = start(function() turns(3) end, argument)
    end
    collectgarbage()
    collectgarbage()
    task:await()
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end))
end)

describe("task:await", function()
  it("returns all results, nil included", inside(function()
    local function results()
      return nil, 2, nil
    end
    assert.same({n = 3, [2] = 2}, table.pack(async.spawn(results):await()))
    assert.same({n = 0}, table.pack(async.spawn(function() end):await()))
    assert.same({n = 1}, table.pack(async.spawn(function() return nil end):await()))
  end))

  it("returns many results", inside(function()
    local numbers = {}
    for i = 1, 1000 do numbers[i] = i end
    assert.equal(1000, select("#", async.spawn(table.unpack, numbers):await()))
  end))

  it("returns them again and again", inside(function()
    local task = async.spawn(function() return 1, 2 end)
    assert.same({1, 2}, {task:await()})
    assert.same({1, 2}, {task:await()})
  end))

  it("raises the error of the task, again and again", inside(function()
    local reason = {}
    local task = async.spawn(error, reason)
    assert.equal(reason, caught(task.await, task))
    assert.equal(reason, caught(task.await, task))
  end))

  it("can be called by any number of tasks, which go on in the order of the calls", inside(function()
    local event, order = async.event(), {}
    local task = async.spawn(function()
      event:wait()
      return "result"
    end)
    for i = 1, 4 do
      async.spawn(function()
        local result = task:await()
        order[#order + 1] = i .. result
      end)
    end
    turns()
    assert.same({}, order)
    event:set()
    turns()
    assert.same({"1result", "2result", "3result", "4result"}, order)
  end))

  it("raises the error in each of the tasks that await", inside(function()
    local reason, seen = {}, {}
    local task = async.spawn(function()
      turns(3)
      error(reason)
    end)
    for i = 1, 3 do
      async.spawn(function() seen[i] = caught(task.await, task) end)
    end
    turns()
    assert.equal(3, #seen)
    for i = 1, 3 do assert.equal(reason, seen[i]) end
  end))

  it("does not suspend if the task has ended", inside(function()
    local task, failed = start(function() return 1 end), start(error, "x")
    local others = false
    async.spawn(function() others = true end)
    assert.equal(1, task:await())
    assert.equal("x", caught(failed.await, failed))
    assert.is_false(others)
  end))

  it("does not keep others from running for ever, although it does not suspend", inside(function()
    local task, others = start(function() return 1 end), false
    async.spawn(function() others = true end)
    local rounds = 0
    while not others do
      task:await()
      rounds = rounds + 1
      if rounds > 1e6 then error "the other task has not had a turn" end
    end
  end))

  it("is left by a cancellation, while the task goes on", inside(function()
    local event = async.event()
    local task = async.spawn(function()
      event:wait()
      return "unharmed"
    end)
    local waiting = start(task.await, task)
    waiting:cancel()
    turns()
    assert.equal("cancelled", waiting:status())
    assert.equal("pending", task:status())
    event:set()
    assert.equal("unharmed", task:await())
  end))

  it("raises the CancelledError of the other task as an ordinary error", inside(function()
    local task = start(hang)
    task:cancel()
    local err = caught(task.await, task)
    assert.is_true(is_cancelled(err))
    assert.equal(task, err.task)
    async.sleep(0) -- this task is not cancelled
    assert.equal("pending", async.current_task():status())
  end))

  it("makes a task fail that does not catch the cancellation of another", inside(function()
    local other = start(hang)
    local task = start(other.await, other)
    other:cancel()
    turns()
    assert.equal("failed", task:status())
    assert.equal(other, task:error().task)
  end))
end)

describe("awaiting what cannot end", function()
  it("raises DeadlockError at once if it is oneself", inside(function()
    local task = async.spawn(function()
      local me = async.current_task()
      me:set_name("narcissus")
      return caught(me.await, me)
    end)
    local err = task:await()
    assert.is_true(is_deadlock(err))
    assert.equal("EDEADLK", err.code)
    assert.matches("narcissus", tostring(err))
  end))

  it("raises DeadlockError at once in main, too", inside(function()
    local me = async.current_task()
    local others = false
    async.spawn(function() others = true end)
    assert.is_true(is_deadlock(caught(me.await, me)))
    assert.is_false(others)
  end))

  it("raises DeadlockError at once if two tasks await each other", inside(function()
    local first, second
    first = async.spawn(function() return second:await() end)
    second = async.spawn(function() return caught(first.await, first) end)
    first:set_name("first")
    second:set_name("second")
    local err = second:await()
    assert.is_true(is_deadlock(err))
    assert.matches("first", tostring(err))
    assert.matches("second", tostring(err))
  end))

  it("leaves the others of the cycle to go on", inside(function()
    local first, second
    first = async.spawn(function() return "got " .. second:await() end)
    second = async.spawn(function()
      pcall(first.await, first)
      return "out of it"
    end)
    assert.equal("got out of it", first:await())
  end))

  it("raises DeadlockError for longer cycles", inside(function()
    local ring = {}
    for i = 1, 5 do
      ring[i] = async.spawn(function() return ring[i % 5 + 1]:await() end)
    end
    turns()
    assert.is_true(is_deadlock(caught(ring[1].await, ring[1])))
    for i = 1, 5 do assert.is_true(is_deadlock(ring[i]:error())) end
  end))

  it("says of a cycle who waits for what, and where, all around", inside(function()
    local c
    local line = debug.getinfo(1, "l").currentline + 1
    local a = async.spawn(function() return c:await() end):set_name("a")
    local b = async.spawn(function() return async.gather(hang, a) end):set_name("b")
    c = async.spawn(function() return async.wait_for(b, 5) end):set_name("c")
    local err = caught(c.await, c)
    assert.is_true(is_deadlock(err))
    local cycle = {"'c' waits for task 'b'", "'b' waits for gather", "'a' waits for task 'c'"}
    for i, text in ipairs(cycle) do
      local place = ("task_spec.lua:%d"):format(line + 3 - i)
      assert.equal(({"c", "b", "a"})[i], err.tasks[i].name)
      assert.matches(place .. "$", err.tasks[i].where)
      assert.matches(text, err.message, 1, true)
      assert.matches(place, err.message, 1, true)
    end
    assert.equal(3, #err.tasks)
  end))

  it("raises DeadlockError for a cycle through gather", inside(function()
    local first, second
    first = async.spawn(function() return async.gather(second) end)
    second = async.spawn(function()
      turns(3)
      return caught(first.await, first)
    end)
    assert.is_true(is_deadlock(second:await()))
  end))

  it("raises DeadlockError for a child that awaits its group's task", inside(function()
    local err
    async.task_group(function(group)
      local parent = async.current_task()
      group:spawn(function() err = caught(parent.await, parent) end)
    end)
    assert.is_true(is_deadlock(err))
  end))

  it("names the tasks and where they are", inside(function()
    local first, second
    first = async.spawn(function() return second:await() end):set_name("first")
    second = async.spawn(function()
      local _, err = pcall(function() first:await() end)
      return err
    end):set_name("second")
    local err = second:await()
    local names = {}
    for _, entry in ipairs(err.tasks) do
      names[#names + 1] = entry.name
      assert.matches("task_spec%.lua:%d+", entry.where)
    end
    table.sort(names)
    assert.same({"first", "second"}, names)
  end))
end)

describe("task:cancel", function()
  it("is true once, then false", inside(function()
    local task = start(hang)
    assert.is_true(task:cancel())
    assert.is_false(task:cancel())
    pcall(task.await, task)
    assert.is_false(task:cancel())
  end))

  it("is false for a task that has ended", inside(function()
    local task, failed = start(function() return 1 end), start(error, "x")
    assert.is_false(task:cancel())
    assert.is_false(failed:cancel())
    assert.equal(1, task:await())
    assert.equal("x", failed:error())
  end))

  it("raises at the await in which the task waits", inside(function()
    local seen
    local task = start(function() seen = caught(hang) end)
    task:cancel()
    assert.is_nil(seen) -- not inside cancel
    turns()
    assert.is_true(is_cancelled(seen))
  end))

  it("keeps the first reason", inside(function()
    local task = start(hang)
    task:cancel("first")
    task:cancel("second")
    assert.equal("first", caught(task.await, task).reason)
  end))

  it("keeps the first reason if that was none", inside(function()
    local task = start(hang)
    task:cancel()
    task:cancel("second")
    assert.is_nil(caught(task.await, task).reason)
  end))

  it("takes any value for a reason", inside(function()
    for _, reason in ipairs{1, true, {}, print} do
      local task = start(hang)
      task:cancel(reason)
      assert.equal(reason, caught(task.await, task).reason)
    end
  end))

  it("ends a task that has not started at its first await", inside(function()
    local log = {}
    local task = async.spawn(function()
      log[#log + 1] = "before"
      async.sleep(0)
      log[#log + 1] = "after"
    end)
    assert.is_true(task:cancel("early"))
    local err = caught(task.await, task)
    assert.same({"before"}, log)
    assert.equal("early", err.reason)
    assert.is_true(task:cancelled())
  end))

  it("lets a task that never waits come to its result", inside(function()
    local task = async.spawn(function() return "done anyway" end)
    task:cancel()
    assert.equal("done anyway", task:await())
    assert.equal("done", task:status())
    assert.is_false(task:cancelled())
  end))

  it("lets a task that has what it waited for go on to its next await", inside(function()
    local future, log = async.future(), {}
    local task = start(function()
      log[#log + 1] = future:await()
      async.sleep(0)
      log[#log + 1] = "too far"
    end)
    future:set("value")
    assert.is_true(task:cancel())
    turns()
    assert.same({"value"}, log)
    assert.is_true(task:cancelled())
  end))

  it("does not take a result away that is there", inside(function()
    local future = async.future()
    local task = start(function() return future:await() end)
    future:set("value")
    task:cancel()
    assert.equal("value", task:await())
    assert.equal("done", task:status())
  end))

  it("does not cancel the task that is awaited", inside(function()
    local inner = start(hang)
    local outer = start(inner.await, inner)
    outer:cancel()
    turns()
    assert.is_true(outer:cancelled())
    assert.equal("pending", inner:status())
    inner:close()
  end))

  it("makes the task failed if the cleanup fails", inside(function()
    local task = start(function()
      local _ <close> = finally(function() error("cleanup broke", 0) end)
      hang()
    end)
    task:cancel()
    assert.equal("cleanup broke", caught(task.await, task))
    assert.equal("failed", task:status())
    assert.is_false(task:cancelled())
  end))

  it("makes the task failed if what catches the cancellation raises something else", inside(function()
    local task = start(function()
      pcall(hang)
      error({code = 7})
    end)
    task:cancel()
    assert.equal(7, caught(task.await, task).code)
    assert.equal("failed", task:status())
  end))

  it("makes the task done if it catches the cancellation and returns", inside(function()
    local task = start(function()
      pcall(hang)
      return "kept"
    end)
    task:cancel()
    assert.equal("kept", task:await())
    assert.equal("done", task:status())
  end))

  it("can be called on oneself, and takes effect at the next await", inside(function()
    local log = {}
    local task = start(function()
      assert.is_true(async.current_task():cancel("enough"))
      log[#log + 1] = "goes on"
      async.sleep(0)
      log[#log + 1] = "too far"
    end)
    turns()
    assert.same({"goes on"}, log)
    assert.equal("enough", task:error().reason)
  end))

  it("runs the cleanup of nested blocks from the inside out", inside(function()
    local log = {}
    local task = start(function()
      local _ <close> = finally(function() log[#log + 1] = "outer" end)
      do
        local _ <close> = finally(function() log[#log + 1] = "inner" end)
        hang()
      end
    end)
    task:cancel()
    turns()
    assert.same({"inner", "outer"}, log)
  end))

  it("hands the CancelledError to __close", inside(function()
    local seen
    local task = start(function()
      local _ <close> = finally(function(_, err) seen = err end)
      hang()
    end)
    task:cancel("why")
    turns()
    assert.is_true(is_cancelled(seen))
    assert.equal("why", seen.reason)
  end))

  it("reaches tasks in the order in which they were cancelled", inside(function()
    local order, list = {}, {}
    for i = 1, 3 do
      list[i] = async.spawn(function()
        pcall(hang)
        order[#order + 1] = i
      end)
    end
    turns()
    for _, i in ipairs{2, 3, 1} do list[i]:cancel() end
    turns()
    assert.same({2, 3, 1}, order)
  end))
end)

describe("task:close", function()
  it("cancels and joins", inside(function()
    local cleaned = false
    local task = start(function()
      local _ <close> = finally(function()
        async.shield(function() turns(3) end)
        cleaned = true
      end)
      hang()
    end)
    task:close()
    assert.is_true(cleaned)
    assert.equal("cancelled", task:status())
  end))

  it("is what leaving a block does to a <close> variable", inside(function()
    local task
    do
      local t <close> = start(hang)
      task = t
    end
    assert.equal("cancelled", task:status())
  end))

  it("is what an error does to a <close> variable, and the error goes on", inside(function()
    local task
    assert.equal("boom", caught(function()
      local t <close> = start(hang)
      task = t
      error("boom", 0)
    end))
    assert.equal("cancelled", task:status())
  end))

  it("is idempotent", inside(function()
    local task = start(hang)
    task:close()
    task:close()
    assert.equal("cancelled", task:status())
  end))

  it("leaves a finished task as it is", inside(function()
    local task = start(function() return "result" end)
    task:close()
    assert.equal("result", task:await())
  end))

  it("does nothing to a finished task after the run, either", function()
    local task
    async.run(function() task = start(function() return "result" end) end)
    task:close()
    assert.equal("result", task:result())
  end)

  it("joins even if the caller is cancelled", inside(function()
    local order = {}
    local inner = start(function()
      local _ <close> = finally(function()
        async.shield(function() turns(5) end)
        order[#order + 1] = "inner"
      end)
      hang()
    end)
    local outer = start(function()
      local _ <close> = inner
      hang()
    end)
    outer:cancel()
    pcall(outer.await, outer)
    order[#order + 1] = "outer"
    assert.same({"inner", "outer"}, order)
  end))

  it("cancels and joins a task that waits for the caller", inside(function()
    local main = async.current_task()
    for _, wait in ipairs{
      function() main:await() end,
      function() async.wait{main} end,
      function() async.spawn(main.await, main):await() end,
    } do
      local task = start(async.wait_for, wait, math.huge)
      turns()
      task:close()
      assert.equal("cancelled", task:status())
    end
  end))

  it("of oneself raises DeadlockError", inside(function()
    local task = async.spawn(function()
      local me = async.current_task()
      return caught(me.close, me)
    end)
    assert.is_true(is_deadlock(task:await()))
  end))
end)

describe("a task's state", function()
  it("is pending until the task has ended", inside(function()
    local task = async.spawn(function() async.sleep(0) end)
    assert.equal("pending", task:status())
    async.sleep(0)
    assert.equal("pending", task:status())
    assert.is_false(task:done())
    assert.is_false(task:cancelled())
    task:await()
  end))

  it("is done after success", inside(function()
    local task = start(function() return 1, nil, 3 end)
    assert.equal("done", task:status())
    assert.is_true(task:done())
    assert.is_false(task:cancelled())
    assert.is_nil(task:error())
    assert.same(table.pack(1, nil, 3), table.pack(task:result()))
  end))

  it("is failed after an error", inside(function()
    local err = {}
    local task = start(error, err)
    assert.equal("failed", task:status())
    assert.is_true(task:done())
    assert.is_false(task:cancelled())
    assert.equal(err, task:error())
    assert.equal(err, caught(task.result, task))
  end))

  it("is cancelled after a cancellation", inside(function()
    local task = start(hang)
    task:cancel("why")
    async.sleep(0)
    assert.equal("cancelled", task:status())
    assert.is_true(task:done())
    assert.is_true(task:cancelled())
    assert.equal("why", task:error().reason)
    assert.equal("why", caught(task.result, task).reason)
  end))

  it("can be read after the run", function()
    local done, failed
    tasks.reported(function()
      async.run(function()
        done, failed = start(function() return 7 end), start(error, "x")
      end)
    end)
    assert.equal(7, done:result())
    assert.equal("failed", failed:status())
    assert.equal("x", failed:error())
  end)

  it("has neither result nor error while it is pending", inside(function()
    local task = start(hang)
    assert.matches("result", caught(task.result, task))
    assert.matches("error", caught(task.error, task))
    task:close()
  end))
end)

describe("a task's name", function()
  it("is a string of its own from the start", inside(function()
    local first, second = async.spawn(hang), async.spawn(hang)
    assert.equal("string", type(first:name()))
    assert.not_equal(first:name(), second:name())
    first:close()
    second:close()
  end))

  it("can be set, which returns the task", inside(function()
    local task = async.spawn(hang)
    assert.equal(task, task:set_name("worker"))
    assert.equal("worker", task:name())
    task:close()
    assert.equal("worker", task:name())
  end))

  it("stays with a task that has ended", function()
    local task
    async.run(function()
      task = async.spawn(function() end):set_name("worker")
      task:await()
    end)
    assert.equal("worker", task:name())
  end)
end)

describe("tostring of a task", function()
  it("shows name, status and where it waits", inside(function()
    local function wait()
      async.sleep(math.huge)
    end
    local line = debug.getinfo(wait, "S").linedefined + 1
    local task = start(wait):set_name("worker")
    assert.matches("worker", tostring(task))
    assert.matches("pending", tostring(task))
    assert.matches("task_spec%.lua:" .. line, tostring(task))
    task:close()
    assert.matches("worker", tostring(task))
    assert.matches("cancelled", tostring(task))
  end))

  it("shows a task that has not started, one that runs, and those that have ended", inside(function()
    assert.matches("pending", tostring(async.current_task()))
    local new = async.spawn(function() end)
    assert.matches("pending", tostring(new))
    new:await()
    assert.matches("done", tostring(new))
    local failed = start(error, "x")
    assert.matches("failed", tostring(failed))
    assert.equal("x", failed:error())
  end))
end)

describe("task:on_done", function()
  it("calls the function with the task in a later turn", inside(function()
    local given
    local task = async.spawn(function() return 1 end)
    task:on_done(function(t) given = t end)
    assert.is_nil(given)
    task:await()
    turns()
    assert.equal(task, given)
  end))

  it("calls the function in a later turn for a finished task too", inside(function()
    local given
    local task = start(function() end)
    task:on_done(function(t) given = t end)
    assert.is_nil(given)
    turns()
    assert.equal(task, given)
  end))

  it("calls it for tasks that failed or were cancelled", inside(function()
    local seen = {}
    local function note(task) seen[#seen + 1] = task:status() end
    local failed, cancelled = async.spawn(error, "x"), async.spawn(hang)
    failed:on_done(note)
    cancelled:on_done(note)
    cancelled:cancel()
    turns()
    assert.same({"failed", "cancelled"}, seen)
    assert.equal("x", failed:error())
  end))

  it("calls all functions in the order in which they were given", inside(function()
    local order = {}
    local task = async.spawn(turns, 3)
    for i = 1, 4 do task:on_done(function() order[#order + 1] = i end) end
    turns()
    assert.same({1, 2, 3, 4}, order)
  end))

  it("calls a function as often as it was given", inside(function()
    local count = 0
    local function note() count = count + 1 end
    local task = async.spawn(turns, 3)
    task:on_done(note)
    task:on_done(note)
    turns()
    assert.equal(2, count)
  end))

  it("runs the function as a task with the place of the one that has ended", inside(function()
    local line = debug.getinfo(1, "l").currentline + 1
    async.spawn(turns, 0):on_done(hang)
    turns(3)
    local called = async.all_tasks()[2]
    assert.matches("spawned at [^ ]*task_spec.lua:" .. line .. "%]", called:traceback())
  end))

  it("lets the function wait", inside(function()
    local log = {}
    local task = async.spawn(function() end)
    task:on_done(function()
      async.sleep(0)
      log[#log + 1] = "waited"
    end)
    turns()
    assert.same({"waited"}, log)
  end))

  it("reports an error of the function and goes on with the others", inside(function()
    local called = false
    local reports = tasks.reported(function()
      local task = async.spawn(function() end)
      task:on_done(function() error("in a callback", 0) end)
      task:on_done(function() called = true end)
      turns()
      task = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
    end)
    assert.is_true(called)
    assert.equal(1, #reports)
    assert.equal("in a callback", reports[1].error)
  end))
end)

-- Such tasks run one after another in a single coroutine.
describe("tasks that start in one turn", function()
  it("are each the current task while they run", inside(function()
    local list = {}
    for i = 1, 5 do list[i] = async.spawn(async.current_task) end
    for i = 1, 5 do assert.equal(list[i], list[i]:await()) end
  end))

  it("keep their arguments, results and errors apart", inside(function()
    local list = {}
    for i = 1, 9 do
      list[i] = async.spawn(function(...)
        if i % 3 == 0 then error({code = i}) end
        if i % 3 == 1 then async.sleep(0) end
        return select("#", ...), ...
      end, table.unpack({1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, i))
    end
    for i = 1, 9 do
      if i % 3 == 0 then
        assert.same({code = i}, caught(list[i].await, list[i]))
      else
        assert.same({n = i + 1, i, table.unpack({1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, i)}, table.pack(list[i]:await()))
      end
    end
  end))

  it("survive the collector at every place where one of them can go away", inside(function()
    local function work(i)
      collectgarbage()
      if i % 2 == 0 then
        async.sleep(0)
        collectgarbage()
      end
      if i % 5 == 0 then error({i}) end
      return {i}
    end
    local list = {}
    for i = 1, 20 do list[i] = async.spawn(work, i) end
    local results, errors = async.gather(list, {return_errors = true})
    for i = 1, 20 do assert.same({i}, i % 5 == 0 and errors[i] or results[i]) end
  end))

  it("do not run in the turn of those that spawn them", inside(function()
    local order = {}
    for i = 1, 3 do
      async.spawn(function()
        order[#order + 1] = i
        async.spawn(function() order[#order + 1] = i + 10 end)
      end)
    end
    async.sleep(0)
    assert.same({1, 2, 3}, order)
    async.sleep(0)
    assert.same({1, 2, 3, 11, 12, 13}, order)
  end))

  it("keep a hook to themselves that one of them sets, and so do those of later turns", inside(function()
    local function set_hook() debug.sethook(error, "", 100) end
    local function work()
      for _ = 1, 1000 do end
      return "no hook"
    end
    for _ = 1, 2 do
      local list = {set_hook, work, set_hook, work}
      async.gather(list)
      assert.same({"no hook", "no hook", n = 2}, async.gather{work, work})
    end
  end))

  it("may forget a block, which is the error of that task alone", inside(function()
    local forgetful = async.spawn(function()
      async.task_group() -- luacheck: ignore
    end)
    local sound = async.spawn(function() return "sound" end)
    assert.matches("<close>", tostring(caught(forgetful.await, forgetful)))
    assert.equal("sound", sound:await())
  end))
end)

describe("current_task", function()
  it("is the task that runs", inside(function()
    local seen
    local task = async.spawn(function()
      seen = {async.current_task()}
      async.sleep(0)
      seen[2] = async.current_task()
    end)
    assert.not_equal(task, async.current_task())
    task:await()
    assert.same({task, task}, seen)
  end))

  it("is the same in a coroutine of one's own", inside(function()
    local me = async.current_task()
    assert.equal(me, coroutine.wrap(function() return async.current_task() end)())
  end))

  it("is nil outside a run", function()
    assert.is_nil(async.current_task())
    async.run(function() end)
    assert.is_nil(async.current_task())
    assert.equal(1, select("#", async.current_task()))
  end)
end)

describe("all_tasks", function()
  it("lists the tasks that have not ended, in spawn order", inside(function()
    local main = async.current_task()
    local ended = start(function() end)
    local first, second = start(hang), async.spawn(hang)
    assert.same({main, first, second}, async.all_tasks())
    assert.equal("done", ended:status())
    first:close()
    assert.same({main, second}, async.all_tasks())
    second:close()
  end))

  it("keeps spawn order though places are used again", inside(function()
    local main = async.current_task()
    local a, b = start(hang), start(hang)
    a:close()
    local c = start(hang)
    assert.same({main, b, c}, async.all_tasks())
    b:close()
    c:close()
  end))

  it("is a list of the caller's own", inside(function()
    local list = async.all_tasks()
    list[1] = nil
    assert.equal(1, #async.all_tasks())
  end))

  it("is empty outside a run", function()
    assert.same({}, async.all_tasks())
    async.run(function() async.spawn(hang) end)
    assert.same({}, async.all_tasks())
  end)
end)

describe("a misused task", function()
  it("names the method that lacks its task", inside(function()
    local task = start(function() end)
    for _, method in ipairs{"await", "cancel", "close", "status", "done", "cancelled", "result", "error", "name",
                            "set_name", "traceback", "on_done"} do
      local message = caught(task[method])
      assert.equal("string", type(message))
      assert.matches(method, message, 1, true)
      assert.matches(method, caught(task[method], {}), 1, true)
      assert.matches(method, caught(task[method], io.stdout), 1, true)
    end
  end))

  it("names the method and the argument that is wrong", inside(function()
    local task = start(function() end)
    assert.matches("bad argument #1 to '.*set_name' %(string expected, got table%)", caught(task.set_name, task, {}))
    assert.matches("bad argument #1 to '.*set_name' %(string expected, got no value%)", caught(task.set_name, task))
    assert.matches("bad argument #1 to '.*on_done' %(function expected, got nil%)", caught(task.on_done, task, nil))
  end))
end)
