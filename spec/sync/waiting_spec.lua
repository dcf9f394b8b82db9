-- SPDX-License-Identifier: MIT
-- How many tasks wait for an object.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local inside, started = support.inside, support.started

--- For each class, what makes an object for which `wait(object)` waits until `go_on(object)`.
local CLASSES = {
  semaphore = function()
    local semaphore = async.semaphore(1)
    semaphore:acquire()
    return semaphore, function(self) self:acquire():release() end, semaphore.release
  end,
  lock = function()
    local lock = async.lock()
    local permit = lock:acquire()
    return lock, function(self) self:acquire():release() end, function() permit:release() end
  end,
  event = function()
    local event = async.event()
    return event, event.wait, event.set
  end,
  condition = function()
    local condition = async.condition()
    return condition, function(self) self:with(self.wait, self) end,
      function(self) self:with(self.notify_all, self) end
  end,
  barrier = function()
    local barrier = async.barrier(4)
    return barrier, barrier.wait, function() started(barrier.wait, barrier) end
  end,
  ["queue of getters"] = function()
    local queue = async.queue()
    return queue, queue.get, queue.close
  end,
  ["priority queue of putters"] = function()
    local queue = async.priority_queue(1)
    queue:put(1)
    return queue, function(self) self:put(2) end, function(self)
      for _ = 1, 4 do self:get() end
    end
  end,
  ["rate limiter"] = function()
    local limiter = async.rate_limiter(1, 1)
    limiter:acquire()
    return limiter, limiter.acquire, function() async.sleep(9) end
  end,
}

describe("waiting() tells how many tasks wait for a", function()
  for name, make in pairs(CLASSES) do
    it(name, inside(function()
      local object, wait, go_on = make()
      assert.equal(0, object:waiting())
      local tasks = {}
      for i = 1, 4 do
        if not (name == "barrier" and i == 4) then tasks[i] = started(wait, object) end
        assert.equal(#tasks, object:waiting())
      end
      if name ~= "barrier" then
        tasks[2]:cancel()
        assert.equal(3, object:waiting())
      end
      go_on(object)
      testing.settle()
      assert.equal(0, object:waiting())
      async.wait(tasks)
    end))
  end

  it("queue without those who join it, and with those who select", inside(function()
    local queue = async.queue()
    queue:put(1)
    queue:get()
    local joiner = started(queue.join, queue)
    assert.equal(0, queue:waiting())
    local task = started(async.select, {async.event(), queue})
    assert.equal(1, queue:waiting())
    queue:put(2)
    assert.equal(0, queue:waiting())
    task:await()
    joiner:close()
  end))

  it("condition only until they are notified", inside(function()
    local condition = async.condition()
    local task = started(function() condition:with(condition.wait, condition) end)
    condition:with(function()
      condition:notify()
      assert.equal(0, condition:waiting())
    end)
    task:await()
  end))
end)
