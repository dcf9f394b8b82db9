-- SPDX-License-Identifier: MIT
-- Functions of gather, map, race and any become tasks at their turn, mostly in the record of one that has ended before.
-- Nobody may be able to tell.
local async = require "saros"
local internal = require "saros.internal"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"

local caught, inside, virtually = tasks.caught, tasks.inside, tasks.virtually

local function names_of(list)
  local names = {}
  for i, task in ipairs(list) do names[i] = task:name() end
  return names
end

--- The same value n times.
local function times(n, value)
  local list = {}
  for i = 1, n do list[i] = value end
  return list
end

describe("a function of gather that has not begun", function()
  it("is a task for who asks for all tasks, in spawn order", inside(function()
    local seen
    async.gather(
      function() seen = async.all_tasks() end,
      function() async.spawn(function() end) end,
      function() end,
      function() end)
    assert.same({"main", "task-2", "task-3", "task-4", "task-5"}, names_of(seen))
    for _, task in ipairs(seen) do assert.is_true(task:name() == "main" or task:done()) end
  end))

  it("stands in the tree", inside(function()
    local tree
    async.gather(function() tree = async.tree() end, function() end, function() end)
    assert.matches("\n  task%-3: not started %(spawned at [^\n]*later_spec.lua:%d+%)\n  task%-4: not started", tree)
  end))

  it("can be cancelled by who has found it, and runs to its first wait", inside(function()
    local ran
    local err = caught(async.gather,
      function() async.all_tasks()[3]:cancel "enough" end,
      function()
        ran = true
        async.sleep(0)
      end)
    assert.is_true(ran)
    assert.equal("CancelledError", err.name)
    assert.equal("enough", err.reason)
  end))

  it("begins in order, with what was spawned meanwhile behind it", inside(function()
    local log = {}
    local function note(text)
      return function() log[#log + 1] = text end
    end
    async.spawn(note "before")
    async.gather(
      function()
        log[#log + 1] = 1
        async.spawn(note "behind")
      end,
      note(2), note(3))
    async.sleep(0)
    assert.same({"before", 1, 2, 3, "behind"}, log)
  end))

  it("begins cancelled if one before it has failed", inside(function()
    local log = {}
    local function work()
      log[#log + 1] = async.cancelled()
      async.sleep(0)
      log[#log + 1] = "never"
    end
    assert.matches("first", caught(async.gather, function() error "first" end, work, work))
    assert.same({true, true}, log)
  end))

  it("leaves the list alone in which it was given", inside(function()
    local list = times(3, function() return "result" end)
    local copy = {table.unpack(list)}
    local results = async.gather(list)
    assert.same(copy, list)
    assert.same({"result", "result", "result"}, {table.unpack(results)})
  end))

  it("is the one that was given, also if the list has changed since", inside(function()
    local list = {}
    list[1] = function() list[2] = error end
    list[2] = function() return "second" end
    assert.equal("second", async.gather(list)[2])
  end))

  it("takes no place among the results if it fails", inside(function()
    local results, errors = async.gather({
      function() return 1 end, function() error({}, 0) end, function() end, function() return 4 end,
    }, {return_errors = true})
    assert.same({1, nil, nil, 4, n = 4}, results)
    assert.same({nil, {}, nil, nil, n = 4}, errors)
  end))

  it("has the task locals of who has called", inside(function()
    local name = async.task_local "nobody"
    name:set "caller"
    local function get() return name:get() end
    assert.same({"caller", "caller"}, {async.gather(get, get)})
  end))

  it("never begins if its caller is closed by force before", function()
    local began = 0
    local function work() began = began + 1 end
    local steps = 0
    internal.schedule(function()
      steps = steps + 1
      if steps == 3 then error("stop", 0) end
      return 1
    end, true)
    local reports = 0
    async.on_error(function() reports = reports + 1 end)
    local err = caught(testing.run, function()
      async.gather(function() async.sleep(0) end, function() async.sleep(0) end, work, work)
    end)
    async.on_error(nil)
    internal.schedule(nil)
    assert.equal(2, reports) -- of main and the first function, which were closed
    assert.equal("stop", err)
    assert.equal(0, began)
    assert.equal(0, #async.all_tasks())
    assert.same({1, 2}, {testing.run(async.gather, function() return 1 end, function() return 2 end)})
  end)

  it("is not called any more if the coroutine of its caller is closed by hand", inside(function()
    local called, host = false, nil
    local task = async.spawn(function()
      host = coroutine.running()
      async.gather(function() coroutine.close(host) end, function() called = true end)
    end)
    pcall(task.await, task)
    assert.is_false(called)
  end))
end)

describe("functions that run one after the other in one task's record", function()
  it("are tasks of their own for themselves", inside(function()
    local seen, again = {}, {}
    local function work() seen[#seen + 1] = async.current_task() end
    async.gather(times(5, work))
    assert.same({"task-2", "task-3", "task-4", "task-5", "task-6"}, names_of(seen))
    for i, task in ipairs(seen) do
      assert.is_nil(again[task])
      again[task] = i
      assert.equal("done", task:status())
    end
  end))

  it("keep their handles and results if somebody has asked for them", inside(function()
    local kept
    async.gather(
      function() return 1 end,
      function()
        kept = async.current_task()
        return "two", 2
      end,
      function() return 3 end)
    assert.same({"two", 2}, {kept:await()})
    assert.equal("task-3", kept:name())
  end))

  it("do not share task locals", inside(function()
    local name, seen = async.task_local "nobody", {}
    local function work()
      seen[#seen + 1] = name:get()
      name:set "somebody"
    end
    async.gather(times(3, work))
    assert.same({"nobody", "nobody", "nobody"}, seen)
  end))

  it("do not share locks that one of them has not released", virtually(function()
    local lock, reports, seen = async.lock(), {}, {}
    async.on_error(function(err) reports[#reports + 1] = err end)
    local function work()
      seen[#seen + 1] = lock:locked()
      lock:acquire()
    end
    async.gather(times(3, work))
    async.on_error(nil)
    assert.same({false, false, false}, seen)
    assert.equal(3, #reports)
  end))

  it("do not share coroutines", inside(function()
    local co
    local function make()
      co = async.coroutine.create(function() async.coroutine.yield(1) return 2 end)
      return select(2, async.coroutine.resume(co))
    end
    local function go_on() return select(2, async.coroutine.resume(co)) end
    assert.same({1, 2}, {async.gather(make, go_on)})
  end))

  it("wait, each in its turn, and are joined", virtually(function()
    local sum = 0
    local results = async.map(100, function(i)
      if i % 3 == 0 then async.sleep(i % 7) end
      if i % 5 == 0 then async.sleep(0) end
      sum = sum + i
      return i
    end, {limit = 8})
    assert.equal(5050, sum)
    for i = 1, 100 do assert.equal(i, results[i]) end
  end))

  it("start cancelled, and end, when their caller is cancelled", virtually(function()
    local begun, ended = 0, 0
    local task = async.spawn(function()
      async.map(10, function(i)
        begun = begun + 1
        if i == 1 then return end
        local _ <close> = async.defer(function() ended = ended + 1 end)
        async.sleep(10)
      end, {limit = 4})
    end)
    async.sleep(1)
    assert.equal(5, begun)
    task:cancel()
    pcall(task.await, task)
    assert.equal(5, begun)
    assert.equal(4, ended)
  end))

  it("are cancelled in the order in which they were started", virtually(function()
    local log = {}
    local task = async.spawn(async.map, 6, function(i)
      if i == 1 then return async.spawn(function() end) and nil end
      local _ <close> = async.defer(function() log[#log + 1] = i end)
      async.sleep(10)
    end, {limit = 3})
    async.sleep(1)
    task:close()
    assert.same({2, 3, 4}, log)
  end))

  it("lead a traceback to who has called them", inside(function()
    local function fail() error "no" end
    local _, err = pcall(async.gather, function() end, fail)
    assert.matches("no$", err)
    local task = async.spawn(function() async.gather(function() end, fail) end)
    pcall(task.await, task)
    assert.matches("later_spec", task:traceback())
  end))

  it("name themselves in a deadlock", function()
    local err = caught(async.run, function()
      local function hang() async.future():await() end
      async.gather(function() end, hang, hang)
    end)
    assert.equal("DeadlockError", err.name)
    local names = {}
    for i, task in ipairs(err.tasks) do names[i] = task.name end
    assert.same({"main", "task-3", "task-4"}, names)
  end)
end)

describe("a race of functions", function()
  it("is won with all results by one that returns at once", inside(function()
    assert.same({1, 2, 3}, {async.race {function() return 1, 2, 3 end, function() return 4 end}})
  end))

  it("begins with the others cancelled once it is won", inside(function()
    local log = {}
    local function work() log[#log + 1] = async.cancelled() return #log end
    assert.equal(1, async.race(times(3, work)))
    assert.same({false, true, true}, log)
  end))

  it("is lost by those that fail at once, if any is enough", inside(function()
    local function fail() error({}, 0) end
    assert.equal("won", async.any {fail, fail, function() return "won" end, function() return "late" end})
    assert.equal(2, #caught(async.any, {fail, fail}).errors)
  end))
end)
