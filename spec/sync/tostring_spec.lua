-- SPDX-License-Identifier: MIT
-- tostring of what tasks wait for: its state, and how many wait.
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, turns = tasks.inside, tasks.turns

-- Starts `count` tasks that run fn, and has them come to their await.
local function waiting(count, fn)
  local started = {}
  for i = 1, count do started[i] = async.spawn(fn) end
  turns()
  return started
end

local function close(started)
  for _, task in ipairs(started) do task:close() end
end

describe("tostring", function()
  it("of a future shows its status and who waits", inside(function()
    local future = async.future()
    assert.equal("future (pending, 0 waiting)", tostring(future))
    waiting(3, function() future:await() end)
    assert.equal("future (pending, 3 waiting)", tostring(future))
    future:set(1)
    assert.equal("future (done, 0 waiting)", tostring(future))
    local failed = async.future()
    failed:fail "no"
    assert.equal("future (failed, 0 waiting)", tostring(failed))
    pcall(failed.await, failed)
  end))

  it("of a lock shows its owner and who waits", inside(function()
    local lock = async.lock()
    assert.equal("lock (free, 0 waiting)", tostring(lock))
    async.current_task():set_name "owner"
    local permit = lock:acquire()
    assert.equal("permit (held)", tostring(permit))
    local others = waiting(2, function() local _ <close> = lock:acquire() end)
    assert.equal("lock (held by task 'owner', 2 waiting)", tostring(lock))
    permit:release()
    assert.equal("permit (released)", tostring(permit))
    assert.equal("lock (held by task 'task-2', 1 waiting)", tostring(lock))
    async.wait(others)
    assert.equal("lock (free, 0 waiting)", tostring(lock))
  end))

  it("of a semaphore shows its permits and who waits", inside(function()
    local semaphore = async.semaphore(2)
    assert.equal("semaphore (2 of 2 available, 0 waiting)", tostring(semaphore))
    local first <close> = semaphore:acquire()
    assert.equal("semaphore (1 of 2 available, 0 waiting)", tostring(semaphore))
    local second <close> = semaphore:acquire()
    local others = waiting(1, function() semaphore:acquire() end)
    assert.equal("semaphore (0 of 2 available, 1 waiting)", tostring(semaphore))
    assert.equal("permit (held)", tostring(first))
    assert.equal("permit (held)", tostring(second))
    close(others)
  end))

  it("of an event shows whether it is set and who waits", inside(function()
    local event = async.event()
    local others = waiting(2, function() event:wait() end)
    assert.equal("event (not set, 2 waiting)", tostring(event))
    others[1]:close()
    assert.equal("event (not set, 1 waiting)", tostring(event))
    event:set()
    assert.equal("event (set, 0 waiting)", tostring(event))
  end))

  it("of a condition shows its lock and who waits", inside(function()
    local condition = async.condition()
    local others = waiting(2, function()
      local _ <close> = condition:acquire()
      condition:wait()
    end)
    assert.equal("condition (lock free, 2 waiting)", tostring(condition))
    close(others)
  end))

  it("of a barrier shows its size and who waits", inside(function()
    local barrier = async.barrier(3)
    local others = waiting(2, function() barrier:wait() end)
    assert.equal("barrier (for 3, 2 waiting)", tostring(barrier))
    close(others)
  end))

  it("of queues shows their items and who waits", inside(function()
    for _, make in ipairs{async.queue, async.lifo_queue, async.priority_queue} do
      local queue = make(2)
      local getters = waiting(2, function() queue:get() end)
      assert.equal("queue (0 of 2 items, 2 waiting)", tostring(queue))
      close(getters)
      queue:put(1)
      queue:put(2)
      local putters = waiting(1, function() queue:put(3) end)
      assert.equal("queue (2 of 2 items, 1 waiting)", tostring(queue))
      close(putters)
      queue:close()
      assert.equal("queue (2 of 2 items, closed, 0 waiting)", tostring(queue))
      assert.equal("queue (0 items, 0 waiting)", tostring(make()))
    end
  end))

  it("of a rate limiter shows its rate and who waits", inside(function()
    local limiter = async.rate_limiter(1, math.huge)
    limiter:acquire()
    local others = waiting(1, function() limiter:acquire() end)
    assert.equal("rate limiter (1 in inf s, 1 waiting)", tostring(limiter))
    close(others)
  end))

  it("of a timeout and a task group shows what they are about", inside(function()
    local timeout <close> = async.timeout(1.5)
    assert.equal("timeout (1.5 s)", tostring(timeout))
    timeout:reschedule(nil)
    assert.equal("timeout (none)", tostring(timeout))
    timeout:close()
    assert.equal("timeout (closed)", tostring(timeout))
    local group = async.task_group()
    group:spawn(turns, 5)
    assert.equal("task group (1 task running, 0 failed)", tostring(group))
    group:close()
    assert.equal("task group (closed)", tostring(group))
  end))
end)
