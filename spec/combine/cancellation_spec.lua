-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after = support.after

--- Calls that wait: each entry makes one.
local waits = {
  ["sleep"] = function() return async.sleep, math.huge end,
  ["sleep(0)"] = function() return async.sleep, 0 end,
  ["task:await"] = function(busy) return busy.await, busy end,
  ["future:await"] = function()
    local future = async.future()
    return future.await, future
  end,
  ["event:wait"] = function()
    local event = async.event()
    return event.wait, event
  end,
  ["semaphore:acquire"] = function()
    local semaphore = async.semaphore(1)
    return semaphore.acquire, semaphore
  end,
  ["lock:acquire"] = function()
    local lock = async.lock()
    return lock.acquire, lock
  end,
  ["queue:get"] = function()
    local queue = async.queue()
    queue:try_put(1)
    return queue.get, queue
  end,
  ["queue:put"] = function()
    local queue = async.queue()
    return queue.put, queue, 1
  end,
  ["queue:join"] = function()
    local queue = async.queue()
    return queue.join, queue
  end,
  ["gather"] = function() return async.gather, print end,
  ["map"] = function() return async.map, {1}, print end,
  ["race"] = function() return async.race, {print} end,
  ["any"] = function() return async.any, {print} end,
  ["wait"] = function(busy) return async.wait, {busy} end,
  ["wait_for"] = function() return async.wait_for, function() async.sleep(0) end, 5 end,
  ["task_group"] = function() return async.task_group, function() end end,
  ["as_completed"] = function()
    return function()
      for _ in async.as_completed({after(0)}) do error "there is nothing" end
    end
  end,
  ["generator"] = function()
    return function()
      for _ in async.generator(function(yield) yield(1) end) do error "there is nothing" end
    end
  end,
  ["settle"] = function() return testing.settle end,
}

describe("in a cancelled scope", function()
  for name, make in pairs(waits) do
    it(name .. " raises CancelledError, again and again", function()
      local busy = async.spawn(async.sleep, math.huge)
      local task = async.spawn(function()
        local call = table.pack(make(busy))
        for _ = 1, 3 do support.is_cancelled(table.unpack(call, 1, call.n)) end
        return "saw it"
      end)
      task:cancel()
      assert.equal("saw it", task:await())
      assert.is_false(busy:done())
      busy:close()
    end)
  end

  it("a pcall that swallows the cancellation cannot lose it", function()
    local task = support.started(function()
      pcall(async.sleep, math.huge)
      pcall(async.sleep, math.huge)
      async.sleep(math.huge)
    end)
    task:cancel("why")
    local status, err = support.outcome(task)
    assert.same({"cancelled", "why"}, {status, err.reason})
  end)

  it("async.pcall lets the cancellation pass at once", function()
    local reached = false
    local task = support.started(function()
      async.pcall(async.sleep, math.huge)
      reached = true
    end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.is_false(reached)
  end)

  it("scopes that are opened there are cancelled, too", function()
    local count = 0
    local task = support.started(function()
      pcall(async.sleep, math.huge)
      for _ = 1, 2 do
        pcall(function()
          local _ <close> = async.timeout(5)
          if not pcall(async.sleep, 1) then count = count + 1 end
        end)
      end
    end)
    task:cancel()
    support.outcome(task)
    assert.equal(2, count)
  end)

  it("tasks that are spawned are not, they belong to the run", function()
    local child
    local task = support.started(function()
      pcall(async.sleep, math.huge)
      child = async.spawn(after(1, "fine"))
    end)
    task:cancel()
    support.outcome(task)
    assert.equal("fine", child:await())
  end)
end)

describe("cancellation", function()
  it("of an inner scope does not reach the outer one", function()
    local outer <close> = async.timeout(9)
    pcall(function()
      local _ <close> = async.timeout(1)
      async.sleep(5)
    end)
    async.sleep(1)
    assert.is_false(outer:expired())
  end)

  it("of a task lets the result pass that it has already", function()
    local task = support.started(function()
      local other = async.current_task()
      other:cancel()
      return "result"
    end)
    assert.same({"done", "result"}, {task:status(), task:result()})
  end)

  it("before the start of a task lets it run to its first await", function()
    local log = {}
    local task = async.spawn(function()
      log[#log + 1] = "started"
      async.sleep(0)
      log[#log + 1] = "went on"
    end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.same({"started"}, log)
    local quick = async.spawn(function() return "result" end)
    quick:cancel()
    assert.equal("result", quick:await())
  end)

  it("of the awaited task arrives as an ordinary error; who awaits is not cancelled", function()
    local target = support.started(async.sleep, math.huge)
    local waiter = support.started(function()
      local err = support.raises("CancelledError", target.await, target)
      async.sleep(1)
      return err
    end)
    target:cancel("why")
    local err = waiter:await()
    assert.equal(target, err.task)
    assert.equal("why", err.reason)
  end)

  it("of the awaited task makes who awaits fail, not cancelled, if nobody catches it", function()
    local target = support.started(async.sleep, math.huge)
    local waiter = support.started(target.await, target)
    target:cancel()
    assert.equal("failed", (support.outcome(waiter)))
  end)

  it("of who awaits does not cancel the awaited task", function()
    local target = async.spawn(after(5, "result"))
    local waiter = support.started(target.await, target)
    waiter:cancel()
    assert.equal("cancelled", (support.outcome(waiter)))
    assert.equal("result", target:await())
  end)

  it("that is swallowed in a loop gets in nobody's way", function()
    local stop, turns = false, 0
    local stubborn = support.started(function()
      while not stop do pcall(async.sleep, math.huge) end
      return "ended"
    end)
    stubborn:cancel()
    for _ = 1, 10 do
      async.sleep(0)
      turns = turns + 1
    end
    assert.equal(10, turns)
    stop = true
    assert.equal("ended", stubborn:await())
  end)

  it("that is swallowed in a loop lets timers and the clock go on", outside(function()
    async.run(function()
      local stop = false
      local stubborn = async.spawn(function()
        while not stop do pcall(async.sleep, math.huge) end
      end)
      stubborn:cancel()
      async.sleep(0.01)
      stop = true
      stubborn:await()
    end)
  end))

  it("that is swallowed for ever is ended by force at the end of run, and reported", outside(function()
    local reports = support.reported(async.run, function()
      async.spawn(function()
        while true do pcall(async.sleep, math.huge) end
      end):set_name("stubborn")
      async.sleep(0)
    end)
    assert.equal(1, #reports)
    assert.matches("stubborn", tostring(reports[1]), 1, true)
  end))

  it("comes to a task once it has left its shield, whichever await is next", function()
    local queue, log = async.queue(), {}
    queue:put("item")
    local task = support.started(function()
      async.shield(after(2))
      support.is_cancelled(queue.get, queue)
      log[#log + 1] = queue:try_get()
    end)
    task:cancel()
    support.outcome(task)
    assert.same({"item"}, log)
  end)
end)
