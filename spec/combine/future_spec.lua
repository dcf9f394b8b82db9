-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"
local testing = require "saros.testing"

local outside = require("saros.busted").outside

local inside = support.inside

describe("future", function()
  it("gives all it was set to, to everybody who awaits it, in order", function()
    local future, log = async.future(), {}
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = support.started(function()
        local values = table.pack(future:await())
        log[#log + 1] = i
        return values
      end)
    end
    assert.is_true(future:set(1, nil, 3, nil))
    for i = 1, 3 do assert.same({1, nil, 3, nil, n = 4}, tasks[i]:await()) end
    assert.same({1, 2, 3}, log)
  end)

  it("can be set to nothing", function()
    local future = async.future()
    future:set()
    assert.equal(0, select("#", future:await()))
  end)

  it("raises what it failed with, as it is, each time", function()
    for _, err in ipairs({{}, "oops", 5, false}) do
      local future = async.future()
      assert.is_true(future:fail(err))
      for _ = 1, 2 do assert.equal(err, support.failure(future.await, future)) end
    end
  end)

  it("knows whether it was settled", function()
    local set, failed = async.future(), async.future()
    assert.is_false(set:done())
    set:set()
    failed:fail("oops")
    assert.same({true, true}, {set:done(), failed:done()})
    assert.equal("oops", support.failure(failed.result, failed))
  end)

  it("is settled once; later attempts give false and change nothing", function()
    local future = async.future()
    future:set(1)
    assert.same({false, false}, {future:set(2), future:fail("oops")})
    assert.equal(1, future:await())
    future = async.future()
    future:fail("oops")
    assert.same({false, false}, {future:fail("again"), future:set(1)})
    assert.equal("oops", support.failure(future.await, future))
  end)

  it("does not suspend who awaits what is set", function()
    local future, turns = async.future(), 0
    local other = async.spawn(function() turns = turns + 1 end)
    future:set()
    future:await()
    assert.equal(0, turns)
    other:await()
  end)

  it("is not harmed by the cancellation of who awaits it", function()
    local future = async.future()
    local cancelled, other = support.started(future.await, future), support.started(future.await, future)
    cancelled:cancel()
    assert.equal("cancelled", (support.outcome(cancelled)))
    assert.is_true(future:set("value"))
    assert.equal("value", other:await())
  end)

  it("delivers its value to a task cancelled right after; the next await raises", function()
    local future = async.future()
    local task = support.started(function()
      local value = future:await()
      support.is_cancelled(async.sleep, 0)
      return value
    end)
    future:set("value")
    task:cancel()
    assert.equal("value", task:await())
  end)

  it("does not revive a task that was cancelled right before", function()
    local future = async.future()
    local task = support.started(future.await, future)
    task:cancel()
    future:set("value")
    assert.equal("cancelled", (support.outcome(task)))
    assert.equal("value", future:await())
  end)

  it("raises in a cancelled scope, even if it is set", function()
    local future = async.future()
    future:set()
    local task = async.spawn(future.await, future)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
  end)

  it("can be made and settled outside of a run", outside(function()
    local future, failed = async.future(), async.future()
    future:set("early", 2)
    failed:fail("oops")
    support.complains("future:await", future.await, future)
    inside(function()
      assert.same({"early", 2}, {future:await()})
      assert.equal("oops", support.failure(failed.await, failed))
    end)()
  end))

  it("refuses to fail with no error", function()
    local future = async.future()
    support.refuses(1, "fail", future.fail, future)
    assert.is_false(future:done())
  end)

  it("needs a task that can wait", outside(function()
    local future = async.future()
    support.needs_a_task("await", function()
      return function() return future:await() end
    end)
  end))

  describe("result", function()
    it("gives what it was set to, and raises what it failed with, without waiting", function()
      local set, failed = async.future(), async.future()
      set:set(1, nil, 3)
      assert.same({1, nil, 3, n = 3}, table.pack(set:result()))
      local reason = {}
      failed:fail(reason)
      assert.equal(reason, support.failure(failed.result, failed))
    end)

    it("raises while it is pending", function()
      local future = async.future()
      support.complains("future:result: the future is pending", future.result, future)
    end)

    it("can be asked outside of a run", outside(function()
      local future = async.future()
      future:set(5)
      assert.equal(5, future:result())
    end))
  end)

  describe("cancel", function()
    it("gives those who await it a CancelledError, an ordinary one", function()
      local future = async.future()
      local task = support.started(function()
        local ok, err = async.pcall(future.await, future)
        assert.is_false(ok)
        async.sleep(0)
        return err
      end)
      assert.is_true(future:cancel "enough")
      local err = task:await()
      assert.is_true(async.is_error(err, "CancelledError"))
      assert.same({"ECANCELED", "enough"}, {err.code, err.reason})
      assert.is_nil(err.task)
      assert.equal("the future was cancelled: enough", err.message)
      assert.matches("future (cancelled", tostring(future), 1, true)
    end)

    it("tells whether it had an effect", function()
      local future = async.future()
      assert.same({true, false, false}, {future:cancel(), future:cancel(), future:set(1)})
      assert.is_true(future:done())
      support.raises("CancelledError", future.result, future)
      local set = async.future()
      set:set(1)
      assert.is_false(set:cancel())
      assert.equal(1, set:result())
    end)

    it("takes any reason, or none", function()
      for _, reason in ipairs({5, {}, false}) do
        local future = async.future()
        future:cancel(reason)
        assert.equal(reason, support.raises("CancelledError", future.await, future).reason)
      end
      local future = async.future()
      future:cancel()
      assert.is_nil(support.raises("CancelledError", future.await, future).reason)
    end)

    it("fails a gather, and decides a race and a select", function()
      for _, combine in ipairs({async.gather, async.race, async.select, async.any}) do
        local future = async.future()
        local task = support.started(combine, {future})
        future:cancel()
        local err = support.failure(task.await, task)
        assert.is_true(async.is_error(err, combine == async.any and "GroupError" or "CancelledError"))
        assert.equal("failed", task:status())
      end
    end)

    it("is no failure that is reported", outside(function()
      assert.same({}, support.reported(function() async.future():cancel() end))
    end))
  end)

  describe("on_done", function()
    it("calls the functions in a later turn, in order, with the future", function()
      local future, log = async.future(), {}
      for i = 1, 2 do
        assert.equal(future, future:on_done(function(given)
          assert.equal(future, given)
          log[#log + 1] = i
        end))
      end
      future:set(1)
      assert.same({}, log)
      testing.settle()
      assert.same({1, 2}, log)
      future:on_done(function() log[#log + 1] = 3 end)
      assert.same({1, 2}, log)
      testing.settle()
      assert.same({1, 2, 3}, log)
    end)

    it("calls them when it fails or is cancelled, too, and in tasks that may wait", function()
      local count = 0
      for _, settle in ipairs({"fail", "cancel"}) do
        local future = async.future()
        future:on_done(function(given)
          async.sleep(1)
          assert.is_false(pcall(given.result, given))
          count = count + 1
        end)
        future[settle](future, "reason")
      end
      async.sleep(2)
      assert.equal(2, count)
    end)

    it("does not look at the failure", outside(function()
      assert.same({"oops"}, support.reported(inside(function()
        local future = async.future()
        future:on_done(function() end)
        future:fail "oops"
        testing.settle()
      end)))
    end))

    it("needs a loop when there is something to call", outside(function()
      local future, called = async.future(), false
      future:on_done(function() called = true end)
      for _, method in ipairs({"set", "fail", "cancel"}) do
        support.complains("future:" .. method .. ": no loop is running", future[method], future, 1)
      end
      assert.is_false(future:done())
      inside(function()
        future:set(1)
        testing.settle()
      end)()
      assert.is_true(called)
      support.complains("future:on_done: no loop is running", future.on_done, future, print)
    end))

    it("refuses what is no function", function()
      local future = async.future()
      support.refuses(1, "on_done", future.on_done, future)
      support.refuses(1, "on_done", future.on_done, future, {})
    end)
  end)

  describe("that failed is reported if nobody ever looks,", function()
    it("when it is collected, once, with the place where it was made to fail", outside(function()
      local given
      async.on_error(function(err, future) given = {err, future} end)
      do
        local future = async.future()
        future:fail "oops"
      end
      collectgarbage()
      async.on_error(nil)
      assert.equal("oops", given[1])
      assert.matches("future (failed", tostring(given[2]), 1, true)
      given = nil -- luacheck: ignore
      assert.same({}, support.reported(collectgarbage))
    end))

    it("at the latest at the end of the run", outside(function()
      local future
      assert.same({"oops"}, support.reported(inside(function()
        future = async.future()
        future:fail "oops"
      end)))
      assert.same({}, support.reported(function() future = nil end))
    end))

    it("not if it was awaited, asked, or had by a combinator", outside(function()
      local looks = {
        function(future) pcall(future.await, future) end,
        function(future)
          while not future:done() do async.sleep(1) end
          pcall(future.result, future)
        end,
        function(future) async.gather({future}, {return_errors = true}) end,
        function(future) pcall(async.race, {future}) end,
        function(future) pcall(async.select, {future}) end,
        function(future) async.wait {future} end,
        function(future)
          for _ in async.as_completed {future} do end
        end,
        function(future) pcall(async.wait_for, future, 1) end,
      }
      for _, look in ipairs(looks) do
        assert.same({}, support.reported(inside(function()
          local before, after = async.future(), async.future()
          before:fail "oops"
          look(before)
          local task = support.started(look, after)
          after:fail "oops"
          task:await()
        end)))
      end
    end))

    it("by name on standard error", outside(function()
      local result = require "spec.support.script" [[
        async.run(function()
          async.future():fail("oops")
        end)
      ]]
      assert.matches("saros: a future failed and nobody looked at it: oops\n", result.err, 1, true)
      assert.matches(result.path .. ":3: in function", result.err, 1, true)
    end))
  end)
end)
