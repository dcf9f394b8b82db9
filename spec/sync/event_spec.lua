-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local function waiter(event, log, name)
  return support.started(function()
    event:wait()
    log[#log + 1] = name
  end)
end

describe("event", function()
  it("is set or not", function()
    local event = async.event()
    assert.is_false(event:is_set())
    event:set()
    event:set()
    assert.is_true(event:is_set())
    event:clear()
    event:clear()
    assert.is_false(event:is_set())
  end)

  it("wakes everybody who waits, in order", function()
    local event, log = async.event(), {}
    local tasks = {}
    for i = 1, 4 do tasks[i] = waiter(event, log, i) end
    assert.same({}, log)
    event:set()
    async.wait(tasks)
    assert.same({1, 2, 3, 4}, log)
  end)

  it("does not suspend who waits for what is set", function()
    local event, turns = async.event(), 0
    local other = async.spawn(function() turns = turns + 1 end)
    event:set()
    event:wait()
    assert.equal(0, turns)
    other:await()
  end)

  it("wakes who waits at set even if clear follows at once", function()
    local event, log = async.event(), {}
    local task = waiter(event, log, "woken")
    event:set()
    event:clear()
    task:await()
    assert.same({"woken"}, log)
    assert.is_false(event:is_set())
  end)

  it("does not wake who comes after clear", function()
    local event, log = async.event(), {}
    event:set()
    event:clear()
    local task = waiter(event, log, "late")
    assert.same({}, log)
    event:set()
    task:await()
  end)

  it("forgets a waiter that is cancelled", function()
    local event, log = async.event(), {}
    local first, second = waiter(event, log, 1), waiter(event, log, 2)
    first:cancel()
    event:set()
    assert.equal("cancelled", (support.outcome(first)))
    second:await()
    assert.same({2}, log)
  end)

  it("wakes a task that is cancelled right after; its next await raises", function()
    local event = async.event()
    local task = support.started(function()
      event:wait()
      support.is_cancelled(async.sleep, 0)
      return "woken"
    end)
    event:set()
    task:cancel()
    assert.equal("woken", task:await())
  end)

  it("raises in a cancelled scope, even if it is set", function()
    local event = async.event()
    event:set()
    local task = async.spawn(event.wait, event)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
  end)

  it("lets others have a turn though a task never really waits for it", function()
    local event, stop = async.event(), false
    event:set()
    async.spawn(function() stop = true end)
    for _ = 1, 1e6 do
      if stop then break end
      event:wait()
    end
    assert.is_true(stop)
  end)

  it("can be made, set and cleared outside of a run", outside(function()
    local event = async.event()
    event:set()
    assert.is_true(event:is_set())
    testing.run(function() event:wait() end)
    event:clear()
    assert.is_false(event:is_set())
  end))

  it("needs a task that can wait", outside(function()
    local event = async.event()
    support.needs_a_task("event:wait", function()
      return function() return event:wait() end
    end)
  end))
end)
