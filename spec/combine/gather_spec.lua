-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local script = require "spec.support.script"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, others = support.after, support.failing, support.others

describe("gather", function()
  describe("of arguments", function()
    it("returns the result of each in the order of the arguments", function()
      assert.same({"a", "b", "c"}, {async.gather(after(3, "a"), after(1, "b"), after(2, "c"))})
    end)

    it("returns only the first result of each", function()
      local results = table.pack(async.gather(after(0, 1, 2), after(0), after(0, nil, 3), after(0, 4, 5)))
      assert.same({1, nil, nil, 4, n = 4}, results)
    end)

    it("takes as long as the slowest", function()
      assert.equal(3, support.seconds(async.gather, after(2), after(3), after(1)))
    end)

    it("takes functions, tasks and futures alike", function()
      local future = async.future()
      local task = async.spawn(after(1, "task", "more"))
      async.spawn(function() future:set("future", "more") end)
      assert.same({"future", "function", "task"}, {async.gather(future, after(0, "function"), task)})
    end)

    it("takes what has ended already", function()
      local future = async.future()
      future:set("future", 1)
      local task = support.started(after(0, "task", 1))
      assert.same({"task", "future"}, {async.gather(task, future)})
    end)

    it("does not suspend when everything has ended already", function()
      local task, turns = support.started(after(0, "task")), 0
      local other = async.spawn(function() turns = turns + 1 end)
      assert.equal("task", async.gather(task))
      assert.equal(0, turns)
      other:await()
    end)

    it("takes the same task twice", function()
      local task = async.spawn(after(1, "x"))
      assert.same({"x", "x"}, {async.gather(task, task)})
    end)

    it("runs each function as a task of its own, without arguments, in order", function()
      local starts, tasks = {}, {}
      local function start(name)
        return function(...)
          starts[#starts + 1] = name .. select("#", ...)
          tasks[async.current_task()] = true
          async.sleep(0)
        end
      end
      async.gather(start "a", start "b", start "c")
      assert.same({"a0", "b0", "c0"}, starts)
      assert.is_nil(tasks[async.current_task()])
      local count = 0
      for _ in pairs(tasks) do count = count + 1 end
      assert.equal(3, count)
    end)

    it("raises the first error, as it is", function()
      local err = {code = 7}
      assert.equal(err, support.failure(async.gather, failing(2, "late"), failing(1, err), after(3)))
    end)

    it("raises false and nil as errors too", function()
      assert.same({false, false}, {pcall(async.gather, failing(0, false), after(1))})
      assert.same({false, nil, n = 2}, table.pack(pcall(async.gather, failing(0, nil), after(1))))
    end)

    it("has cancelled and joined the others before it raises", function()
      local log = {}
      local function gather()
        return async.gather(support.lingering(log, "a"), failing(1, "oops"), support.lingering(log, "b"))
      end
      local took = support.seconds(function() assert.equal("oops", support.failure(gather)) end)
      assert.equal(2, took)
      assert.same({"a", "b"}, log)
      assert.equal(0, others())
    end)

    it("cancels the tasks it was given when one fails", function()
      local log = {}
      local task = support.started(support.lingering(log, "task"))
      support.failure(async.gather, task, failing(1, "oops"))
      assert.same({"task"}, log)
      assert.is_true(task:cancelled())
    end)

    it("cancels the tasks it was given when one of them has failed before", function()
      local failed, waiting = support.started(failing(0, "oops")), support.started(async.sleep, math.huge)
      assert.equal("oops", support.failure(async.gather, waiting, failed))
      assert.is_true(waiting:cancelled())
    end)

    it("leaves a future alone when one fails", function()
      local future = async.future()
      support.failure(async.gather, future, failing(0, "oops"))
      assert.is_false(future:done())
      future:set("still good")
      assert.equal("still good", future:await())
    end)

    it("raises the error of a future", function()
      local future = async.future()
      local err = {}
      future:fail(err)
      assert.equal(err, support.failure(async.gather, after(1), future))
    end)

    it("raises the CancelledError of a given task as an ordinary error", function()
      local log = {}
      local task = support.started(async.sleep, math.huge)
      local waiter = support.started(function()
        local err = support.raises("CancelledError", async.gather, support.lingering(log, "other"), task)
        async.sleep(1)
        return err
      end)
      task:cancel("enough")
      local err = waiter:await()
      assert.equal(task, err.task)
      assert.equal("enough", err.reason)
      assert.same({"other"}, log)
    end)

    it("keeps quiet about what else fails during the cleanup", outside(function()
      local reports = support.reported(testing.run, function()
        local function fails_in_cleanup()
          local _ <close> = setmetatable({}, {__close = function() error("in cleanup", 0) end})
          async.sleep(math.huge)
        end
        assert.equal("first", support.failure(async.gather, fails_in_cleanup, failing(0, "first")))
      end)
      assert.same({}, reports)
    end))

    it("works on a copy, so that arguments may change what they came from", function()
      local list = {after(1, "a"), after(2, "b")}
      async.spawn(function() list[1], list[2] = nil, nil end)
      assert.same({"a", "b", n = 2}, async.gather(list))
    end)

    it("runs many", function()
      local list = {}
      for i = 1, 2000 do list[i] = after(i % 7, i) end
      local results = async.gather(list)
      for i = 1, 2000 do assert(results[i] == i) end
      assert.equal(2000, results.n)
    end)
  end)

  describe("when the caller is cancelled", function()
    it("cancels and joins all it was given, tasks too", function()
      local log = {}
      local given = support.started(support.lingering(log, "task"))
      local caller = support.started(function()
        async.gather(support.lingering(log, "function"), given)
      end)
      caller:cancel("why")
      local status, err = support.outcome(caller)
      assert.equal("cancelled", status)
      assert.equal("why", err.reason)
      table.sort(log)
      assert.same({"function", "task"}, log)
      assert.is_true(given:cancelled())
    end)

    it("by a deadline, has joined all before TimeoutError is raised", function()
      local log = {}
      support.raises("TimeoutError", async.wait_for, function()
        async.gather(support.lingering(log, "a"), support.lingering(log, "b"))
      end, 5)
      assert.same({"a", "b"}, log)
      assert.equal(0, others())
    end)

    it("before the call, starts nothing", function()
      local started = false
      local caller = async.spawn(function()
        support.is_cancelled(async.gather, function() started = true end)
      end)
      caller:cancel()
      caller:await()
      assert.is_false(started)
    end)

    it("before the call, cancels the tasks it was given", function()
      local given = support.started(async.sleep, 5)
      local caller = async.spawn(function() async.gather(given) end)
      caller:cancel()
      support.outcome(caller)
      support.outcome(given)
      assert.is_true(given:cancelled())
    end)

    it("in the turn in which the last one ended, still delivers the results", function()
      local future = async.future()
      local caller = support.started(function()
        local results = {async.gather(future, after(0, "b"))}
        support.is_cancelled(async.sleep, 0)
        return results
      end)
      future:set("a")
      caller:cancel()
      assert.same({"a", "b"}, caller:await())
    end)

    it("in the turn in which one failed, still raises that error", function()
      local future = async.future()
      local caller = support.started(function() async.gather(future) end)
      future:fail("oops")
      caller:cancel()
      local status, err = support.outcome(caller)
      assert.same({"failed", "oops"}, {status, err})
    end)

    it("lets a future be set later without harm", function()
      local future = async.future()
      local caller = support.started(function() async.gather(future) end)
      caller:cancel()
      assert.is_true(future:set(1))
      assert.equal("cancelled", (support.outcome(caller)))
    end)
  end)

  describe("of a list", function()
    it("returns a list with n", function()
      assert.same({"a", "b", n = 2}, async.gather({after(2, "a"), after(1, "b", "c")}))
    end)

    it("counts results that are nil", function()
      local results = async.gather({after(0), after(0, 1), after(0)})
      assert.same({nil, 1, nil, n = 3}, results)
    end)

    it("gives an empty list for an empty one", function()
      assert.same({n = 0}, async.gather({}))
      local results, errors = async.gather({}, {return_errors = true})
      assert.same({n = 0}, results)
      assert.same({n = 0}, errors)
    end)

    it("raises the first error after it cancelled and joined the others", function()
      local log = {}
      local list = {support.lingering(log, "a"), failing(1, "oops")}
      assert.equal("oops", support.failure(async.gather, list))
      assert.same({"a"}, log)
      assert.equal(0, others())
    end)

    it("returns nothing but the results without return_errors", function()
      assert.equal(1, select("#", async.gather({after(0)})))
      assert.equal(1, select("#", async.gather({after(0)}, {})))
      assert.equal(1, select("#", async.gather({after(0)}, {return_errors = false})))
    end)
  end)

  describe("with return_errors", function()
    local both = {return_errors = true}

    it("lets all run to the end and returns results and errors, both with n", function()
      local err = {}
      local results, errors
      local took = support.seconds(function()
        results, errors = async.gather({after(3, "a"), failing(1, err), after(2, "c"), failing(0, false)}, both)
      end)
      assert.equal(3, took)
      assert.same({"a", nil, "c", nil, n = 4}, results)
      assert.same({nil, err, nil, false, n = 4}, errors)
      assert.equal(err, errors[2])
    end)

    it("returns an empty list of errors when none failed", function()
      local results, errors = async.gather({after(0, "a"), after(0)}, both)
      assert.same({"a", nil, n = 2}, results)
      assert.same({n = 2}, errors)
    end)

    it("takes the cancellation of a given task as its error", function()
      local task = support.started(async.sleep, math.huge)
      async.spawn(function() task:cancel() end)
      local results, errors = async.gather({task, after(1, "b")}, both)
      assert.same({nil, "b", n = 2}, results)
      assert.is_true(async.is_error(errors[1], "CancelledError"))
      assert.equal(task, errors[1].task)
    end)

    it("takes the cancellation of one of its own tasks as its error", function()
      local own
      local results, errors = async.gather({
        function()
          own = async.current_task()
          async.sleep(math.huge)
        end,
        function()
          own:cancel()
          return "b"
        end,
      }, both)
      assert.is_true(async.is_error(errors[1], "CancelledError"))
      assert.equal("b", results[2])
    end)

    it("lets the cancellation of the caller pass, when all have been joined", function()
      local log = {}
      local caller = support.started(function()
        async.gather({support.lingering(log, "a"), failing(0, "oops")}, both)
      end)
      caller:cancel()
      assert.equal("cancelled", (support.outcome(caller)))
      assert.same({"a"}, log)
    end)

    it("has looked at the errors", outside(function()
      assert.same({}, support.reported(testing.run, function()
        async.gather({failing(0, "oops"), support.started(failing(0, "before"))}, both)
      end))
    end))
  end)

  it("takes no longer the more ways there are through layers of tasks", function()
    local count = 0
    local layer = {async.spawn(async.sleep, 1), async.spawn(async.sleep, 1)}
    for _ = 1, 25 do
      local below = layer
      local function both()
        count = count + 1
        async.gather(below)
      end
      layer = {async.spawn(both), async.spawn(both)}
    end
    local before = os.clock()
    async.gather(layer)
    assert.equal(50, count)
    assert.is_true(os.clock() - before < 5)
  end)

  it("can be chained over thousands of tasks", function()
    for _, join in ipairs({function(task) task:await() end, async.gather}) do
      local last = async.spawn(async.sleep, 1)
      for _ = 1, 20000 do last = async.spawn(join, last) end
      local before = os.clock()
      last:await()
      assert.is_true(os.clock() - before < 5)
    end
  end)

  it("comes to an end with a task that returned very many values, as all of its kind do", outside(function()
    local result = script[[
local COUNT = 600000
local list = {}
for i = 1, COUNT do list[i] = i end
local function many()
  async.sleep(0)
  return table.unpack(list)
end
-- The results, or an error that says that there are too many.
local function tried(fn, ...)
  local got = table.pack(pcall(fn, ...))
  assert(got[1] and (got.n == COUNT + 1 and got[got.n] == COUNT) or type(got[2]) == "string", got[2])
end
async.run(function()
  local task = async.spawn(many)
  print(async.gather(task))
  print(async.gather({task, many})[2])
  print(async.map({1, 2}, many)[2])
  for _, call in ipairs{async.race, async.any} do
    tried(call, {async.spawn(many)})
    tried(call, {many})
  end
  tried(task.await, task)
  tried(async.wait_for, many, 10)
  print("the process lives")
end)
]]
    assert.equal("1\n1\n1\nthe process lives\n", result.out)
    assert.equal(0, result.code, result.err)
  end))

  it("raises DeadlockError when it is given the caller itself", function()
    support.raises("DeadlockError", async.gather, async.current_task())
  end)

  it("raises DeadlockError when what it is given waits for the caller", function()
    local main = async.current_task()
    support.raises("DeadlockError", async.gather, function() async.gather({main}) end)
    support.raises("DeadlockError", async.gather, function() main:await() end)
  end)

  it("refuses what is no awaitable, before anything runs", function()
    local ran = false
    local function run() ran = true end
    local callable = setmetatable({}, {__call = run})
    support.refuses(1, "gather", async.gather, 1)
    support.refuses(2, "gather", async.gather, run, "x")
    support.refuses(3, "gather", async.gather, run, run, nil)
    support.refuses(2, "gather", async.gather, run, callable)
    support.refuses(1, "gather", async.gather, callable)
    support.refuses(1, "gather", async.gather, {run, 1})
    support.refuses(1, "gather", async.gather, {run, callable})
    support.refuses(1, "gather", async.gather, {run, async.event()})
    async.sleep(0)
    assert.is_false(ran)
  end)

  it("refuses options that are none", function()
    support.refuses(2, "gather", async.gather, {}, 5)
    support.refuses(2, "gather", async.gather, {}, {return_error = true})
  end)

  it("needs a task that can wait", outside(function()
    support.needs_a_task("gather", function()
      return function() return async.gather(after(0)) end
    end)
  end))

  it("fails at once if what stands first has failed, whatever else is pending", function()
    local failed, future = async.future(), async.future()
    local task = async.spawn(async.sleep, 5)
    failed:fail("broken")
    assert.same({false, "broken"}, {pcall(async.gather, failed, future)})
    assert.same({false, "broken"}, {pcall(async.gather, failed, task)})
    assert.is_true(task:cancelled())
  end)
end)
