-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

--- The seconds at which so many acquires in a row return, from now on.
local function grants(limiter, count)
  local start, times = async.now(), {}
  for i = 1, count do
    limiter:acquire()
    times[i] = math.floor((async.now() - start) * 1000 + 0.5) / 1000
  end
  return times
end

describe("rate_limiter", function()
  it("lets n pass at once and the next when the first is a period old", function()
    assert.same({0, 0, 0, 1, 1, 1, 2}, grants(async.rate_limiter(3, 1), 7))
  end)

  it("counts in a window that slides", function()
    local limiter, start, times = async.rate_limiter(2, 10), async.now(), {}
    for i, pause in ipairs({0, 4, 0, 0, 0, 0}) do
      async.sleep(pause)
      limiter:acquire()
      times[i] = math.floor(async.now() - start + 0.5)
    end
    assert.same({0, 4, 10, 14, 20, 24}, times)
  end)

  it("never lets more than n pass in any stretch as long as the period", function()
    local limiter, times, seed = async.rate_limiter(5, 3), {}, 11
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2 ^ 31
      return math.floor(seed / 65536) % n
    end
    for i = 1, 200 do
      if random(4) == 0 then async.sleep(random(20) / 10) end
      limiter:acquire()
      times[i] = async.now()
    end
    for i = 6, #times do assert(times[i] - times[i - 5] > 3 - 1e-6) end
  end)

  it("has no credit from an idle time", function()
    local limiter = async.rate_limiter(2, 1)
    async.sleep(100)
    assert.same({0, 0, 1, 1}, grants(limiter, 4))
  end)

  it("keeps a window of many grants", function()
    local limiter = async.rate_limiter(1000, 1)
    assert.equal(0, support.seconds(function()
      for _ = 1, 500 do limiter:acquire() end
    end))
    async.sleep(0.5)
    local times = grants(limiter, 1001)
    assert.same({0, 0.5, 0.5, 1}, {times[500], times[501], times[1000], times[1001]})
  end)

  it("serves who waits in order: nobody overtakes", function()
    local limiter, log, tasks = async.rate_limiter(1, 1), {}, {}
    limiter:acquire()
    for i = 1, 3 do
      tasks[i] = support.started(function()
        limiter:acquire()
        log[#log + 1] = i
      end)
    end
    limiter:acquire()
    log[#log + 1] = "main"
    async.wait(tasks)
    assert.same({1, 2, 3, "main"}, log)
  end)

  it("does not suspend while there is room, but lets others have a turn now and then", function()
    local limiter, turns = async.rate_limiter(1e9, 1), 0
    local other = async.spawn(function() turns = turns + 1 end)
    limiter:acquire()
    assert.equal(0, turns)
    for _ = 1, 1e6 do
      if turns > 0 then break end
      limiter:acquire()
    end
    assert.equal(1, turns)
    other:await()
  end)

  it("without a period, or with one below zero, has no limit", function()
    assert.same({0, 0, 0, 0}, grants(async.rate_limiter(1, 0), 4))
    assert.same({0, 0, 0, 0}, grants(async.rate_limiter(1, -1), 4))
  end)

  it("with an endless period never lets another pass", function()
    local limiter = async.rate_limiter(2, math.huge)
    assert.same({0, 0}, grants(limiter, 2))
    support.raises("TimeoutError", async.wait_for, function() limiter:acquire() end, 1e6)
    support.raises("DeadlockError", limiter.acquire, limiter)
  end)

  describe("whose waiter is cancelled", function()
    it("lets the next one pass in its place", function()
      local limiter = async.rate_limiter(1, 1)
      limiter:acquire()
      local one, two = support.started(limiter.acquire, limiter), support.started(limiter.acquire, limiter)
      one:cancel()
      assert.equal(1, support.seconds(two.await, two))
      assert.equal("cancelled", (support.outcome(one)))
    end)

    it("keeps no timer when it was the only one", function()
      do
        local limiter = async.rate_limiter(1, 1000)
        limiter:acquire()
        local task = support.started(limiter.acquire, limiter)
        task:cancel()
        assert.equal("cancelled", (support.outcome(task)))
        support.raises("DeadlockError", async.sleep, math.huge)
      end
      collectgarbage()
      async.sleep(2000)
    end)

    it("in the turn in which it may pass, after that, has passed", function()
      local limiter = async.rate_limiter(1, 1)
      limiter:acquire()
      local passed, task
      async.spawn(function() -- wakes behind the timer of the limiter, in the same turn
        async.sleep(1)
        task:cancel()
      end)
      task = async.spawn(function()
        limiter:acquire()
        passed = true
        async.sleep(0)
      end)
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({1, 2}, grants(limiter, 2))
      assert.is_true(passed)
    end)

    it("by a deadline uses nothing up", function()
      local limiter = async.rate_limiter(1, 2)
      limiter:acquire()
      support.raises("TimeoutError", async.wait_for, function() limiter:acquire() end, 1)
      assert.same({1, 3}, grants(limiter, 2))
    end)

    it("before the call uses nothing up", function()
      local limiter = async.rate_limiter(1, 1)
      local task = async.spawn(limiter.acquire, limiter)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({0}, grants(limiter, 1))
    end)
  end)

  describe("with", function()
    it("calls the function when it may pass, and returns its results", function()
      local limiter = async.rate_limiter(1, 1)
      assert.same({1, nil, 3, n = 3}, table.pack(limiter:with(function(...) return ... end, 1, nil, 3)))
      assert.equal(1, support.seconds(limiter.with, limiter, function() end))
    end)

    it("raises its error as it is, and never calls it when it is cancelled before", function()
      local limiter, err, called = async.rate_limiter(1, 1), {}, false
      assert.equal(err, support.failure(limiter.with, limiter, function() error(err) end))
      local task = support.started(limiter.with, limiter, function() called = true end)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.is_false(called)
      support.refuses(1, "with", limiter.with, limiter, 5)
    end)
  end)

  it("can be made outside of a run, and goes on in the next one", outside(function()
    local limiter = async.rate_limiter(1, 3600)
    for _ = 1, 2 do -- the first clock has been ahead of the second
      testing.run(function()
        limiter:acquire()
        limiter:acquire()
      end)
    end
    async.run(function() assert.equal(0, support.seconds(limiter.acquire, limiter)) end)
  end))

  it("keeps to its period on the real clock", outside(function()
    async.run(function()
      local limiter, start = async.rate_limiter(1, 0.02), async.now()
      for _ = 1, 4 do limiter:acquire() end
      assert.is_true(async.now() - start >= 0.06)
    end)
  end))

  it("refuses numbers that are none", function()
    for _, n in ipairs({0, -1, 1.5, "many", {}, false}) do
      support.refuses(1, "rate_limiter", async.rate_limiter, n, 1)
    end
    for _, period in ipairs({0 / 0, "long", {}, false}) do
      support.refuses(2, "rate_limiter", async.rate_limiter, 1, period)
    end
    support.refuses(1, "rate_limiter", async.rate_limiter)
    support.refuses(2, "rate_limiter", async.rate_limiter, 1)
  end)

  it("needs a task that can wait", outside(function()
    local limiter = async.rate_limiter(1, 1)
    support.needs_a_task("rate_limiter:acquire", function()
      return function() return limiter:acquire() end
    end)
  end))
end)
