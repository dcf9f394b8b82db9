-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, others = support.after, support.failing, support.others

--- Waits for ever, and swallows the cancellation.
local function swallows(fn)
  return function()
    pcall(async.sleep, math.huge)
    return fn()
  end
end

describe("wait_for", function()
  it("returns all results", function()
    assert.same({1, nil, 3, nil, n = 4}, table.pack(async.wait_for(after(1, 1, nil, 3, nil), 2)))
    assert.same({n = 0}, table.pack(async.wait_for(after(0), 1)))
  end)

  it("takes functions, tasks and futures", function()
    local future = async.future()
    async.spawn(function() future:set("f", 1) end)
    assert.same({"f", 1}, {async.wait_for(future, 1)})
    assert.same({"t", 2}, {async.wait_for(async.spawn(after(1, "t", 2)), 2)})
    assert.same({"g", 3}, {async.wait_for(after(1, "g", 3), 2)})
  end)

  it("runs a function in the calling task, without arguments", function()
    local function body(...) return async.current_task(), select("#", ...) end
    assert.same({async.current_task(), 0}, {async.wait_for(body, 1)})
  end)

  it("leaves a lock that was taken inside to the caller", function()
    local lock = async.lock()
    local permit = async.wait_for(function() return lock:acquire() end, 1)
    assert.is_true(lock:locked())
    permit:release()
    assert.is_false(lock:locked())
  end)

  it("raises errors as they are", function()
    local err = {}
    assert.equal(err, support.failure(async.wait_for, failing(1, err), 2))
    assert.equal(err, support.failure(async.wait_for, async.spawn(failing(1, err)), 2))
    local future = async.future()
    future:fail(err)
    assert.equal(err, support.failure(async.wait_for, future, 2))
  end)

  it("raises TimeoutError when the time is up, neither before nor after", function()
    local err
    local took = support.seconds(function() err = support.raises("TimeoutError", async.wait_for, after(9), 2.5) end)
    assert.equal(2.5, took)
    assert.equal("ETIMEDOUT", err.code)
    assert.equal(2.5, err.seconds)
  end)

  it("has let the cleanup finish before TimeoutError is raised", function()
    local log = {}
    local took = support.seconds(support.raises, "TimeoutError", async.wait_for, support.lingering(log, "a"), 2)
    assert.equal(3, took)
    assert.same({"a"}, log)
  end)

  it("has cancelled and joined a task before TimeoutError is raised", function()
    local log = {}
    local task = async.spawn(support.lingering(log, "task"))
    assert.equal(3, support.seconds(support.raises, "TimeoutError", async.wait_for, task, 2))
    assert.same({"task"}, log)
    assert.is_true(task:cancelled())
    assert.equal(0, others())
  end)

  it("leaves a future alone", function()
    local future = async.future()
    support.raises("TimeoutError", async.wait_for, future, 1)
    assert.is_false(future:done())
    future:set("later")
    assert.equal("later", async.wait_for(future, 1))
  end)

  it("cancels what runs inside it, however deep", function()
    local log = {}
    support.raises("TimeoutError", async.wait_for, function()
      async.gather(function() async.map({"a", "b"}, function(item) support.lingering(log, item)() end) end)
    end, 1)
    assert.same({"a", "b"}, log)
    assert.equal(0, others())
  end)

  it("keeps the results of a body that swallows the cancellation", function()
    assert.same({1, 2}, {async.wait_for(swallows(function() return 1, 2 end), 1)})
  end)

  it("keeps the error of a body that fails when it is cancelled", function()
    assert.equal("own", support.failure(async.wait_for, swallows(function() error("own", 0) end), 1))
  end)

  it("keeps the results of a task that swallows the cancellation", function()
    assert.same({1, 2}, {async.wait_for(async.spawn(swallows(function() return 1, 2 end)), 1)})
  end)

  it("keeps the error of a task that fails when it is cancelled", function()
    local task = async.spawn(swallows(function() error("own", 0) end))
    assert.equal("own", support.failure(async.wait_for, task, 1))
  end)

  it("raises CancelledError inside again and again until it is left, and no longer", function()
    local count = 0
    assert.equal("left", async.wait_for(function()
      for _ = 1, 3 do
        if not pcall(async.sleep, 5) then count = count + 1 end
      end
      return "left"
    end, 1))
    assert.equal(3, count)
    assert.equal(5, support.seconds(async.sleep, 5))
  end)

  it("raises a CancelledError of the running task inside", function()
    local err
    pcall(async.wait_for, function() err = support.is_cancelled(async.sleep, 5) end, 1)
    assert.equal("ECANCELED", err.code)
  end)

  it("lets through what is ready, with no time at all", function()
    local queue, semaphore, event, future = async.queue(), async.semaphore(1), async.event(), async.future()
    queue:put("item")
    event:set()
    future:set("set")
    local task = support.started(after(0, "task"))
    for _, seconds in ipairs({0, -1}) do
      assert.equal("body", async.wait_for(function() return "body" end, seconds))
      assert.equal("set", async.wait_for(future, seconds))
      assert.equal("task", async.wait_for(task, seconds))
      async.wait_for(function() event:wait() end, seconds)
      async.wait_for(function() semaphore:acquire():release() end, seconds)
    end
    assert.equal("item", async.wait_for(function() return queue:get() end, 0))
  end)

  it("ends what would have to wait, with no time at all", function()
    local queue = async.queue()
    local started = false
    local took = support.seconds(support.raises, "TimeoutError", async.wait_for, function()
      started = true
      queue:get()
    end, 0)
    assert.same({0, true}, {took, started})
    queue:put("kept")
    assert.equal("kept", queue:try_get())
  end)

  it("has no deadline without seconds or with math.huge", function()
    assert.equal("late", async.wait_for(after(1e6, "late"), math.huge))
    assert.equal("late", async.wait_for(after(1e6, "late"), nil))
    assert.equal("late", async.wait_for(after(1e6, "late")))
  end)

  it("lets an outer cancellation pass as it is", function()
    local log = {}
    local caller = support.started(function() async.wait_for(support.lingering(log, "body"), 9) end)
    caller:cancel("outer")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "outer"}, {status, err.reason})
    assert.same({"body"}, log)
  end)

  it("cancels and joins its task when the caller is cancelled", function()
    local log = {}
    local task = support.started(support.lingering(log, "task"))
    local caller = support.started(async.wait_for, task, 9)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.same({"task"}, log)
    assert.is_true(task:cancelled())
  end)

  it("raises the CancelledError of its task as an ordinary error", function()
    local task = async.spawn(async.sleep, math.huge)
    async.spawn(function() task:cancel() end)
    assert.equal(task, support.raises("CancelledError", async.wait_for, task, 9).task)
    async.sleep(0)
  end)

  it("delivers a result that came in the turn of the cancellation; the next await raises", function()
    local future = async.future()
    local caller = support.started(function()
      local result = async.wait_for(future, 9)
      support.is_cancelled(async.sleep, 0)
      return result
    end)
    future:set("result")
    caller:cancel()
    assert.equal("result", caller:await())
  end)

  it("delivers the result of a task that ended in the turn of the cancellation", function()
    local future = async.future()
    local task = support.started(function() return future:await() end)
    local caller = support.started(async.wait_for, task, 9)
    future:set("result")
    async.spawn(function() caller:cancel() end)
    assert.equal("result", caller:await())
  end)

  it("does not run the function in a cancelled scope", function()
    local ran = false
    local caller = async.spawn(async.wait_for, function() ran = true end, 9)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.is_false(ran)
  end)

  describe("in another wait_for", function()
    it("raises its own TimeoutError, after which the outer one goes on", function()
      local err
      local result = async.wait_for(function()
        err = support.raises("TimeoutError", async.wait_for, after(9), 1)
        async.sleep(1)
        return "went on"
      end, 3)
      assert.same({1, "went on"}, {err.seconds, result})
    end)

    it("is left by the deadline of the outer one as by a cancellation", function()
      local inner
      local err = support.raises("TimeoutError", async.wait_for, function()
        inner = support.is_cancelled(async.wait_for, after(9), 5)
        error(inner, 0)
      end, 2)
      assert.equal(2, err.seconds)
      assert.is_true(async.is_error(inner, "CancelledError"))
    end)

    it("cannot take the outer cancellation for its own", function()
      local caller = support.started(function()
        pcall(async.wait_for, function() async.wait_for(after(9), 4) end, 5)
        async.sleep(0)
      end)
      caller:cancel("outermost")
      local status, err = support.outcome(caller)
      assert.same({"cancelled", "outermost"}, {status, err.reason})
    end)

    it("lets the outer one raise if both deadlines pass at the same moment", function()
      local err = support.raises("TimeoutError", async.wait_for, function()
        async.sleep(1)
        pcall(async.wait_for, after(9), 1)
        async.sleep(0)
      end, 2)
      assert.equal(2, err.seconds)
    end)
  end)

  it("gives what its body starts no deadline once it was left", function()
    local task = async.wait_for(function() return async.spawn(after(5, "alive")) end, 1)
    assert.equal("alive", task:await())
  end)

  it("lets the others run though its body never waits", function()
    support.starves_nobody(function() assert.equal("ready", async.wait_for(function() return "ready" end, 1)) end)
  end)

  it("raises DeadlockError when it is given the caller itself", function()
    support.raises("DeadlockError", async.wait_for, async.current_task(), 1)
  end)

  it("refuses wrong arguments before anything runs", function()
    local ran = false
    local function run() ran = true end
    support.refuses(1, "wait_for", async.wait_for)
    support.refuses(1, "wait_for", async.wait_for, 5, 1)
    support.refuses(1, "wait_for", async.wait_for, setmetatable({}, {__call = run}), 1)
    support.refuses(2, "wait_for", async.wait_for, run, "soon")
    support.refuses(2, "wait_for", async.wait_for, run, 0 / 0)
    support.refuses(2, "wait_for", async.wait_for, run, {})
    async.sleep(0)
    assert.is_false(ran)
  end)

  it("needs a task that can wait", outside(function()
    support.needs_a_task("wait_for", function()
      return function() return async.wait_for(after(0), 1) end
    end)
  end))
end)
