-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

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
end)
