-- SPDX-License-Identifier: MIT
-- Bugs that other libraries have had, each under every schedule.
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("a bug of asyncio's Semaphore:", function()
  it("a wakeup is lost when the waiter that was woken is cancelled", explored(function(probe)
    local semaphore = async.semaphore(1)
    local permits = oracle.permits(1)

    local function use()
      local permit <close> = permits:acquire(semaphore.acquire, semaphore)
      async.sleep(0)
    end

    return function()
      async.task_group(function(group)
        local permit <close> = permits:acquire(semaphore.acquire, semaphore)
        local first = group:spawn(probe:alone(use))
        group:spawn(probe:alone(use))
        async.sleep(1)
        permit:release()
        first:cancel()
      end)
    end, function(ended)
      local got = permits:check()
      if ended.hits == 0 then assert.is_true(got >= 2) end
      assert.equal(1, semaphore:available())
    end
  end))

  it("who releases and acquires again overtakes those who wait", explored(function(probe)
    local semaphore = async.semaphore(1)
    local permits = oracle.permits(1)

    local function use()
      for _ = 1, 3 do
        local permit <close> = permits:acquire(semaphore.acquire, semaphore)
        async.sleep(1)
      end
    end

    return function()
      probe:together {use, use, use}
    end, function(ended)
      local got = permits:check()
      if not ended.is_injected then assert.equal(9, got) end
    end
  end))

  it("waiters that were cancelled stay in the line and swallow permits", explored(function(probe)
    local semaphore = async.semaphore(1)
    local permits = oracle.permits(1)

    local function use()
      local permit <close> = permits:acquire(semaphore.acquire, semaphore)
      async.sleep(1)
    end

    return function()
      async.task_group(function(group)
        local permit <close> = permits:acquire(semaphore.acquire, semaphore)
        local first, second = group:spawn(probe:alone(use)), group:spawn(probe:alone(use))
        group:spawn(probe:alone(use))
        async.sleep(1)
        first:cancel()
        second:cancel()
        permit:release()
      end)
    end, function(ended)
      local got = permits:check()
      if ended.hits == 0 then assert.equal(2, got) end
      assert.equal(1, semaphore:available())
    end
  end))
end)

describe("a bug of asyncio's wait_for:", function()
  it("what the inner call got is lost when the outer one is cancelled in that moment", explored(function(probe)
    local open, opened = 0, 0

    local function connect()
      async.sleep(1)
      open, opened = open + 1, opened + 1
      return probe:closes(function() open = open - 1 end)
    end

    local function use()
      local held <close> = async.wait_for(connect, 2)
      async.sleep(1)
    end

    return function()
      async.task_group(function(group)
        local task = group:spawn(probe:alone(use))
        group:spawn(probe:alone(use))
        async.sleep(1)
        task:cancel()
      end)
    end, function(ended)
      assert.equal(0, open)
      if not ended.is_injected then assert.equal(2, opened) end
    end
  end))

  it("a cancellation is swallowed that comes together with the result", explored(function()
    local went_on = 0

    local function work()
      async.wait_for(function() async.sleep(1) end, 5)
      async.sleep(1)
      went_on = went_on + 1
    end

    return function()
      local task <close> = async.spawn(work)
      async.sleep(1)
      task:cancel()
      async.wait {task}
      assert.equal("cancelled", task:status())
    end, function()
      assert.equal(0, went_on)
    end
  end))

  it("it does not wait for the cleanup of what it has cancelled", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local task <close> = async.spawn(function()
        workers:left_by(async.wait_for, workers:body {seconds = 9, cleanup = 3}, 1)
      end)
      async.sleep(2)
      task:cancel()
      async.wait {task}
      assert.equal(0, workers.running)
      assert.is_true(task:status() ~= "done")
    end
  end))
end)

describe("a bug of asyncio's Condition:", function()
  it("wait is left without the lock when it is cancelled while it takes the lock back", explored(function(probe)
    local condition = async.condition()
    local inside = 0

    local function wait()
      condition:with(function()
        local ok, err = pcall(condition.wait, condition)
        inside = inside + 1
        assert.equal(1, inside)
        assert.is_true(condition:locked())
        inside = inside - 1
        if not ok then error(err, 0) end
      end)
    end

    return function()
      async.task_group(function(group)
        local task = group:spawn(probe:alone(wait))
        group:spawn(probe:alone(wait))
        async.sleep(1)
        condition:with(function()
          condition:notify_all()
          task:cancel()
          inside = inside + 1
          local _ <close> = probe:closes(function() inside = inside - 1 end)
          async.sleep(1)
        end)
        async.sleep(1)
        if group then group:cancel() end
      end)
    end, function()
      assert.same({false, 0}, {condition:locked(), inside})
    end
  end))

  it("the cancellation that comes out is not the one that went in", explored(function(probe)
    local condition = async.condition()
    local reasons = {}

    local function wait()
      local _, err = pcall(condition.with, condition, condition.wait, condition)
      if async.is_error(err, "CancelledError") then reasons[#reasons + 1] = err.reason end
    end

    return function()
      local task <close> = async.spawn(probe:alone(wait))
      async.sleep(1)
      condition:with(function()
        task:cancel "first"
        async.sleep(1)
        task:cancel "second"
        async.sleep(1)
      end)
      async.wait {task}
    end, function(ended)
      assert.is_true(#reasons <= 1)
      if not ended.is_injected then assert.same({"first"}, reasons) end
    end
  end))

  it("a notification is lost when who was notified is cancelled", explored(function(probe)
    local condition = async.condition()
    local woken, waiting = 0, 0

    local function wait()
      condition:with(function()
        waiting = waiting + 1
        local _ <close> = probe:closes(function() waiting = waiting - 1 end)
        condition:wait()
        woken = woken + 1
      end)
    end

    return function()
      async.task_group(function(group)
        local first = group:spawn(probe:alone(wait))
        group:spawn(probe:alone(wait))
        async.sleep(1)
        condition:with(function()
          condition:notify()
          first:cancel()
        end)
        async.sleep(1)
        if group then group:cancel() end
      end)
    end, function(ended)
      assert.equal(0, waiting)
      if ended.hits == 0 then assert.equal(1, woken) end
    end
  end))
end)

describe("a bug of asyncio's Queue:", function()
  it("an item is lost when its getter is cancelled", explored(function(probe)
    local items = oracle.items(async.queue())
    local function get() items:get() end
    return function()
      async.task_group(function(group)
        local first = group:spawn(probe:alone(get))
        group:spawn(probe:alone(get))
        async.sleep(1)
        items:put()
        first:cancel()
        async.sleep(1)
        if group then group:cancel() end
      end)
    end, function(ended)
      local puts, gets = items:check()
      if ended.hits == 0 then assert.same({1, 1}, {puts, gets}) end
    end
  end))

  it("room is lost when its putter is cancelled", explored(function(probe)
    local queue = async.queue(1)
    local items = oracle.items(queue)
    local function put() items:put() end
    return function()
      async.task_group(function(group)
        items:put()
        local first = group:spawn(probe:alone(put))
        group:spawn(probe:alone(put))
        async.sleep(1)
        items:get()
        first:cancel()
        async.sleep(1)
        if not queue:empty() then items:get() end
      end)
    end, function(ended)
      local puts, gets = items:check()
      if ended.hits == 0 then assert.is_true(puts >= 2 and gets == 2) end
    end
  end))

  it("items of those who wait for room are overtaken", explored(function(probe)
    local items = oracle.items(async.queue(1))
    local function put()
      for _ = 1, 3 do items:put() end
    end
    return function()
      probe:together({put, put, function()
        for _ = 1, 6 do
          items:get()
          async.sleep(0)
        end
      end}, 10)
    end, function(ended)
      local puts, gets = items:check()
      if not ended.is_injected then assert.same({6, 6}, {puts, gets}) end
    end
  end))

  it("an item that is got in time is lost in wait_for", explored(function(probe)
    local items = oracle.items(async.queue())
    return function()
      probe:together({function()
        for _ = 1, 4 do pcall(async.wait_for, function() return items:get() end, 1) end
      end, function()
        for i = 1, 3 do
          items:put()
          async.sleep(i % 2 + 0.5)
        end
      end}, 10)
    end, function()
      items:check()
    end
  end))
end)

describe("a bug of asyncio's tasks:", function()
  it("groups in each other forget the outer cancellation", explored(function(probe)
    local reached = 0
    return function()
      local task <close> = async.spawn(function()
        local ok, err = pcall(function()
          local inner <close> = async.task_group()
          inner:spawn(probe:body(function()
            async.sleep(1)
            error(oracle.planned(), 0)
          end))
          async.sleep(5)
        end)
        assert.is_true(not ok and async.is_error(err))
        async.sleep(5)
        reached = reached + 1
      end)
      async.sleep(1)
      task:cancel()
      async.wait {task}
      assert.is_true(task:status() == "cancelled" or task:status() == "failed")
    end, function(ended)
      if ended.hits == 0 then assert.equal(0, reached) end
    end
  end, {allows = {"Planned"}}))

  it("a task that nobody holds is collected while it runs", explored(function(probe)
    local ended_tasks = 0
    return function()
      for _ = 1, 3 do
        async.spawn(probe:alone(function()
          local future = async.future()
          async.spawn(function()
            local _ <close> = probe:closes(function() future:set() end)
            async.sleep(1)
          end)
          future:await()
          ended_tasks = ended_tasks + 1
        end))
      end
      async.shield(function()
        async.sleep(0)
        collectgarbage "step"
        async.sleep(3)
      end)
    end, function(ended)
      if ended.hits < math.huge then assert.is_true(ended_tasks >= 3 - ended.hits) end
    end
  end, {orders = 60, cancels = 60, deadlines = 60, mixed = 60}))
end)

describe("a bug of AnyIO:", function()
  it("a cancelled group spins while it waits for a shielded task", explored(function(probe)
    return function()
      local task <close> = async.spawn(function()
        local outer <close> = async.task_group()
        outer:spawn(function()
          local inner <close> = async.task_group()
          inner:spawn(function() async.shield(function() async.sleep(60) end) end)
        end)
      end)
      async.sleep(1)
      task:cancel()
      async.wait {task}
      return probe.steps
    end, function(ended)
      if ended.ok then assert.is_true(ended.results[1] < 20) end
    end
  end))

  it("a cancellation is lost that comes together with that of a group inside", explored(function(probe)
    local host, was_cancelled
    return function()
      local group
      local task <close> = async.spawn(function()
        async.task_group(function(own)
          group = own
          own:spawn(async.sleep, 60)
          async.sleep(60)
        end)
        async.sleep(60)
      end)
      host = task
      probe:together {function()
        async.sleep(1)
        if group then group:cancel() end
      end, function()
        async.sleep(1)
        was_cancelled = host:cancel()
      end}
      async.wait {host}
    end, function()
      if was_cancelled then assert.equal("cancelled", host:status()) end
    end
  end))

  it("a task that takes its own lock again hangs", explored(function(probe)
    local lock = async.lock()
    return function()
      probe:together {function()
        local permit <close> = lock:acquire()
        local ok, err = pcall(lock.acquire, lock)
        assert.is_false(ok)
        if not async.is_error(err, "DeadlockError") then error(err, 0) end
      end, function() lock:with(async.sleep, 1) end}
    end, function()
      assert.is_false(lock:locked())
    end
  end))

  it("a permit that is on its way to a waiter is taken by trying", explored(function(probe)
    local semaphore = async.semaphore(1)
    local holders = 0

    local function hold(permit)
      local held <close> = permit
      holders = holders + 1
      local _ <close> = probe:closes(function() holders = holders - 1 end)
      assert.equal(1, holders)
      async.sleep(0)
    end

    return function()
      local permit <close> = semaphore:acquire()
      probe:together({function() hold(semaphore:acquire()) end, function()
        async.sleep(1)
        permit:release()
        local tried = semaphore:try_acquire()
        if tried then hold(tried) end
      end}, 5)
    end, function(ended)
      assert.equal(0, holders)
      if ended.ok and ended.hits == 0 then assert.equal(1, semaphore:available()) end
    end
  end))
end)

describe("a bug of copas:", function()
  it("a lock is given to a waiter that has died", explored(function(probe)
    local lock = async.lock()
    local owners = oracle.permits(1)

    local function use()
      local permit <close> = owners:acquire(lock.acquire, lock)
      async.sleep(1)
    end

    return function()
      async.task_group(function(group)
        local permit <close> = owners:acquire(lock.acquire, lock)
        local dead = group:spawn(probe:alone(use))
        group:spawn(probe:alone(use))
        async.sleep(1)
        dead:cancel()
        async.sleep(1)
      end)
    end, function(ended)
      local got = owners:check()
      if ended.hits == 0 then assert.equal(2, got) end
      assert.is_false(lock:locked())
    end
  end))

  it("who has only tried for a lock gets it later", explored(function(probe)
    local lock = async.lock()
    local owners = oracle.permits(1)
    return function()
      probe:together {function()
        local permit <close> = owners:acquire(lock.acquire, lock)
        async.sleep(2)
      end, function()
        async.sleep(1)
        pcall(async.wait_for, function() owners:acquire(lock.acquire, lock):release() end, 0)
        local permit <close> = lock:try_acquire()
        async.sleep(5)
      end, function()
        async.sleep(1)
        local permit <close> = owners:acquire(lock.acquire, lock)
        async.sleep(1)
      end}
    end, function()
      owners:check()
      assert.is_false(lock:locked())
    end
  end))
end)

describe("a bug of Janet:", function()
  it("who is handed an item and cancelled in one turn is never resumed, or twice", explored(function(probe)
    local items = oracle.items(async.queue())
    local ends = 0
    return function()
      local task <close> = async.spawn(probe:alone(function()
        local _ <close> = probe:closes(function() ends = ends + 1 end)
        items:get()
        async.sleep(1)
      end))
      async.sleep(1)
      items:put()
      task:cancel()
      async.wait {task}
    end, function(ended)
      items:check()
      if not ended.is_injected then assert.equal(1, ends) end
    end
  end))

  it("a wait that was given up wakes the cleanup", explored(function(probe)
    local took
    return function()
      pcall(function()
        local deadline <close> = async.timeout(1)
        local _ <close> = probe:closes(function()
          local began = probe:elapsed()
          async.shield(function() async.sleep(10) end)
          took = probe:elapsed() - began
        end)
        async.sleep(5)
      end)
    end, function()
      assert.is_true(took == nil or took == 10)
    end
  end))
end)

describe("a bug of Tarantool:", function()
  it("a loop around pcall cannot be cancelled", explored(function(probe)
    local swallowed = 0
    return function()
      local task <close> = async.spawn(probe:alone(function()
        while true do
          local ok = pcall(async.sleep, 1)
          if not ok then swallowed = swallowed + 1 end
          async.sleep(0)
        end
      end))
      async.sleep(2)
      task:cancel()
      async.wait {task}
    end, function()
      assert.is_true(swallowed <= 1)
    end
  end))
end)
