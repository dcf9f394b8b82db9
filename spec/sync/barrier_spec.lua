-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local function arrival(barrier) return support.started(barrier.wait, barrier) end

describe("barrier", function()
  it("lets nobody pass before all are there, and gives each the order of arrival", function()
    local barrier = async.barrier(3)
    local one, two = arrival(barrier), arrival(barrier)
    async.sleep(10)
    assert.same({false, false}, {one:done(), two:done()})
    assert.equal(3, barrier:wait())
    assert.same({1, 2}, {one:await(), two:await()})
  end)

  it("can be used again and again", function()
    local barrier, log = async.barrier(3), {}
    async.map({1, 2, 3}, function(i)
      for round = 1, 4 do
        async.sleep(i)
        local number = barrier:wait()
        log[#log + 1] = round .. ":" .. number
      end
    end)
    table.sort(log)
    assert.same({"1:1", "1:2", "1:3", "2:1", "2:2", "2:3", "3:1", "3:2", "3:3", "4:1", "4:2", "4:3"}, log)
  end)

  it("begins a new round with those who come while the last one goes on", function()
    local barrier = async.barrier(2)
    local first = arrival(barrier)
    barrier:wait()
    local second = async.spawn(barrier.wait, barrier)
    assert.equal(1, first:await())
    testing.settle()
    assert.is_false(second:done())
    assert.equal(2, barrier:wait())
    assert.equal(1, second:await())
  end)

  it("does not suspend the last one", function()
    local barrier, turns = async.barrier(1), 0
    local other = async.spawn(function() turns = turns + 1 end)
    assert.same({1, 1}, {barrier:wait(), barrier:wait()})
    assert.equal(0, turns)
    other:await()
  end)

  it("lets others have a turn though a task never really waits for it", function()
    local barrier, stop = async.barrier(1), false
    async.spawn(function() stop = true end)
    for _ = 1, 1e6 do
      if stop then break end
      barrier:wait()
    end
    assert.is_true(stop)
  end)

  describe("whose waiter is cancelled", function()
    it("goes on waiting for as many as before; the order is that of who stayed", function()
      local barrier = async.barrier(3)
      local one, two = arrival(barrier), arrival(barrier)
      one:cancel()
      assert.equal("cancelled", (support.outcome(one)))
      local three = arrival(barrier)
      assert.same({false, false}, {two:done(), three:done()})
      assert.equal(3, barrier:wait())
      assert.same({1, 2}, {two:await(), three:await()})
    end)

    it("in the turn of the last arrival, before it, has left", function()
      local barrier = async.barrier(2)
      local one = arrival(barrier)
      one:cancel()
      local two = async.spawn(barrier.wait, barrier)
      assert.equal("cancelled", (support.outcome(one)))
      testing.settle()
      assert.is_false(two:done())
      assert.equal(2, barrier:wait())
      two:await()
    end)

    it("in the turn of the last arrival, after it, has passed", function()
      local barrier = async.barrier(2)
      local task = support.started(function()
        local number = barrier:wait()
        support.is_cancelled(async.sleep, 0)
        return number
      end)
      barrier:wait()
      task:cancel()
      assert.equal(1, task:await())
    end)

    it("by a deadline has left", function()
      local barrier = async.barrier(2)
      support.raises("TimeoutError", async.wait_for, function() barrier:wait() end, 1)
      local task = arrival(barrier)
      assert.is_false(task:done())
      assert.equal(2, barrier:wait())
      assert.equal(1, task:await())
    end)

    it("before the call has not come", function()
      local barrier = async.barrier(1)
      local task = async.spawn(barrier.wait, barrier)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.equal(1, barrier:wait())
    end)
  end)

  it("can be made outside of a run, and used in several", outside(function()
    local barrier = async.barrier(2)
    for _ = 1, 2 do
      testing.run(function()
        local task = arrival(barrier)
        assert.same({2, 1}, {barrier:wait(), task:await()})
      end)
    end
  end))

  it("refuses a number that is none", function()
    for _, n in ipairs({0, -1, 1.5, "many", {}, false}) do support.refuses(1, "barrier", async.barrier, n) end
    support.refuses(1, "barrier", async.barrier)
  end)

  it("needs a task that can wait", outside(function()
    local barrier = async.barrier(2)
    support.needs_a_task("barrier:wait", function()
      return function() return barrier:wait() end
    end)
  end))
end)
