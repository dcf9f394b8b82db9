-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after = support.after

--- A task that acquires and, once it has, says its name in the list and holds on until `go` is set.
local function holder(lock, log, name, go)
  return support.started(function()
    local permit <close> = lock:acquire()
    log[#log + 1] = name
    if go then go:wait() end
  end)
end

describe("lock", function()
  it("lets one in at a time", function()
    local lock, running, peak = async.lock(), 0, 0
    async.task_group(function(group)
      for _ = 1, 20 do
        group:spawn(function()
          local permit <close> = lock:acquire()
          running = running + 1
          peak = math.max(peak, running)
          async.sleep(1)
          running = running - 1
        end)
      end
    end)
    assert.equal(1, peak)
    assert.is_false(lock:locked())
  end)

  it("is locked until its permit, or itself, is released", function()
    local lock = async.lock()
    assert.is_false(lock:locked())
    local permit = lock:acquire()
    assert.is_true(lock:locked())
    permit:release()
    assert.is_false(lock:locked())
    lock:acquire()
    lock:release()
    assert.is_false(lock:locked())
    do
      local held <close> = lock:acquire()
      assert.is_true(lock:locked())
    end
    assert.is_false(lock:locked())
  end)

  it("takes a permit back once: an old one does not release the next owner", function()
    local lock = async.lock()
    local old = lock:acquire()
    old:release()
    local new = lock:acquire()
    old:release()
    assert.is_true(lock:locked())
    new:release()
    lock:acquire()
    lock:release()
    local again = lock:acquire()
    new:release()
    assert.is_true(lock:locked())
    again:release()
  end)

  it("that was released by hand is not released again by its permit", function()
    local lock, go = async.lock(), async.event()
    local other
    do
      local permit <close> = lock:acquire()
      lock:release()
      other = holder(lock, {}, 1, go)
    end
    assert.is_true(lock:locked())
    go:set()
    other:await()
    assert.is_false(lock:locked())
  end)

  it("serves who waits in order, directly: nobody overtakes", function()
    local lock, log = async.lock(), {}
    local permit = lock:acquire()
    local tasks = {}
    for i = 1, 4 do tasks[i] = holder(lock, log, i) end
    permit:release()
    assert.is_true(lock:locked())
    assert.is_nil(lock:try_acquire())
    local last = lock:acquire()
    log[#log + 1] = "main"
    last:release()
    async.wait(tasks)
    assert.same({1, 2, 3, 4, "main"}, log)
  end)

  it("gives a permit when it is tried and free, else nil, to its owner too", function()
    local lock = async.lock()
    local permit = lock:try_acquire()
    assert.is_true(lock:locked())
    assert.is_nil(lock:try_acquire())
    assert.is_nil((async.spawn(function() return lock:try_acquire() end):await()))
    permit:release()
    assert.is_false(lock:locked())
  end)

  it("raises DeadlockError when its owner acquires it again, and stays with the owner", function()
    local lock = async.lock()
    local permit = lock:acquire()
    local err = support.raises("DeadlockError", lock.acquire, lock)
    assert.equal(1, #err.tasks)
    assert.equal(async.current_task():name(), err.tasks[1].name)
    assert.matches("%.lua:%d+$", err.tasks[1].where)
    support.raises("DeadlockError", lock.with, lock, print)
    support.raises("DeadlockError", async.wait_for, function() lock:acquire() end, 5)
    assert.is_true(lock:locked())
    permit:release()
    assert.is_false(lock:locked())
  end)

  it("raises when another task releases it, by itself or by its permit", function()
    local lock = async.lock()
    local permit = lock:acquire()
    async.spawn(function()
      support.complains("lock:release", lock.release, lock)
      support.complains("release", permit.release, permit)
    end):await()
    assert.is_true(lock:locked())
    permit:release()
    assert.is_false(lock:locked())
  end)

  it("raises when it is released and nobody holds it", function()
    local lock = async.lock()
    support.complains("lock:release", lock.release, lock)
  end)

  it("forgets a waiter that is cancelled; the next one is served", function()
    local lock, log = async.lock(), {}
    local permit = lock:acquire()
    local first, second, third = holder(lock, log, 1), holder(lock, log, 2), holder(lock, log, 3)
    second:cancel()
    assert.equal("cancelled", (support.outcome(second)))
    permit:release()
    async.wait({first, third})
    assert.same({1, 3}, log)
    assert.is_false(lock:locked())
  end)

  it("is not given to a waiter that was cancelled in the turn of the release", function()
    local lock, log = async.lock(), {}
    local permit = lock:acquire()
    local first, second = holder(lock, log, 1), holder(lock, log, 2)
    first:cancel()
    permit:release()
    assert.equal("cancelled", (support.outcome(first)))
    second:await()
    assert.same({2}, log)
    assert.is_false(lock:locked())
  end)

  it("that was given before the cancellation is delivered, and not lost", function()
    local lock, log = async.lock(), {}
    local permit = lock:acquire()
    local first, second = holder(lock, log, 1, async.event()), holder(lock, log, 2)
    permit:release()
    first:cancel()
    assert.equal("cancelled", (support.outcome(first)))
    second:await()
    assert.same({1, 2}, log)
    assert.is_false(lock:locked())
  end)

  it("stays free when its only waiter runs into a deadline", function()
    local lock = async.lock()
    local permit = lock:acquire()
    async.spawn(function()
      support.raises("TimeoutError", async.wait_for, function() lock:acquire() end, 1)
    end):await()
    permit:release()
    assert.is_false(lock:locked())
    lock:acquire():release()
  end)

  it("is not taken in a cancelled scope", function()
    local lock = async.lock()
    local task = async.spawn(function() lock:acquire() end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.is_false(lock:locked())
  end)

  it("whose owner has ended is released and reported, and goes to who waits", outside(function()
    local log = {}
    local reports = support.reported(testing.run, function()
      local lock = async.lock()
      local owner = support.started(function()
        lock:acquire()
        async.sleep(1)
      end)
      local waiter = holder(lock, log, "waiter")
      owner:await()
      waiter:await()
      assert.is_false(lock:locked())
    end)
    assert.same({"waiter"}, log)
    assert.equal(1, #reports)
    assert.matches("lock", tostring(reports[1]), 1, true)
  end))

  it("whose owner was cancelled or failed is released and reported", outside(function()
    local reports = support.reported(testing.run, function()
      local one, two = async.lock(), async.lock()
      local cancelled = support.started(function()
        one:acquire()
        async.sleep(math.huge)
      end)
      local failed = support.started(function()
        two:acquire()
        error "oops"
      end)
      cancelled:cancel()
      async.wait({cancelled, failed})
      assert.same({false, false}, {one:locked(), two:locked()})
    end)
    assert.equal(2, #reports)
  end))

  it("whose owner has ended is reported on standard error as what it is, however the owner ended", function()
    local script = require "spec.support.script"
    for _, ending in ipairs{"return 5", "async.sleep(100)", "error('oops', 0)", "async.wait_for(async.future(), 0)"} do
      local result = script([[
async.run(function()
  local lock = async.lock()
  local task = async.spawn(function()
    lock:acquire()
    ]] .. ending .. [[

  end):set_name("holder")
  async.sleep(0.01)
  task:cancel()
  async.wait {task}
  task:error()
end)]])
      assert.equal("saros: task 'holder': it ended without releasing a lock that it held, which was released "
        .. "(declare the permit as local x <close>)\n", result.err)
    end
  end)

  it("held by main at the end of a run is free in the next one", outside(function()
    local lock = async.lock()
    support.reported(testing.run, function() lock:acquire() end)
    assert.is_false(lock:locked())
    testing.run(function() lock:acquire():release() end)
  end))

  it("is free when owner and waiters are closed by force", outside(function()
    local lock, log = async.lock(), {}
    local reports = support.reported(pcall, testing.run, function()
      for i = 1, 3 do -- closing the first hands the lock to the second, who is closed with it, ...
        async.spawn(async.shield, function()
          local permit <close> = lock:acquire()
          log[#log + 1] = i
          async.sleep(math.huge)
        end)
      end
      async.sleep(math.huge)
    end)
    assert.same({1}, log)
    assert.equal(3, #reports)
    for _, report in ipairs(reports) do assert.matches("closed by force", tostring(report), 1, true) end
    assert.is_false(lock:locked())
  end))

  it("is given back by its permit, as always, when its owner is closed by force", outside(function()
    local lock, closed_with = async.lock(), {}
    local reports = support.reported(async.run, function()
      async.spawn(function()
        local _ <close> = setmetatable({}, {__close = function(_, err) closed_with = {err} end})
        local permit <close> = lock:acquire()
        while true do pcall(async.sleep, math.huge) end
      end)
      testing.settle()
      assert.is_true(lock:locked())
    end)
    assert.same({}, closed_with)
    assert.equal(1, #reports)
    assert.matches("closed by force", tostring(reports[1]), 1, true)
    assert.is_false(lock:locked())
  end))

  it("that is collected while it is held does no harm", function()
    async.lock():acquire()
    collectgarbage()
    collectgarbage()
    async.sleep(0)
  end)

  it("gives permits that can be closed like everything else, twice as well", function()
    local lock = async.lock()
    local permit = lock:acquire()
    permit:close()
    permit:close()
    assert.is_false(lock:locked())
  end)

  describe("with", function()
    it("calls the function with the arguments, holding it, and returns its results", function()
      local lock = async.lock()
      local results = table.pack(lock:with(function(...)
        assert.is_true(lock:locked())
        return select("#", ...), ...
      end, 1, nil, 3, nil))
      assert.same({4, 1, nil, 3, nil, n = 5}, results)
      assert.is_false(lock:locked())
    end)

    it("releases it after an error, which passes as it is", function()
      local lock, err = async.lock(), {}
      assert.equal(err, support.failure(lock.with, lock, function() error(err) end))
      assert.is_false(lock:locked())
    end)

    it("releases it when it is cancelled in the function, and never calls it when cancelled before", function()
      local lock, called = async.lock(), false
      local first = support.started(lock.with, lock, async.sleep, math.huge)
      local second = support.started(lock.with, lock, function() called = true end)
      second:cancel()
      first:cancel()
      async.wait({first, second})
      assert.same({true, true, false}, {first:cancelled(), second:cancelled(), called})
      assert.is_false(lock:locked())
    end)

    it("refuses what is no function, before it takes the lock", function()
      local lock = async.lock()
      support.refuses(1, "with", lock.with, lock, 5)
      assert.is_false(lock:locked())
    end)
  end)

  it("needs a task that can wait", outside(function()
    local lock = async.lock()
    support.needs_a_task("lock:acquire", function()
      return function() return lock:acquire() end
    end)
    support.complains("lock:try_acquire", lock.try_acquire, lock)
    support.complains("lock:release", lock.release, lock)
  end))

  describe("in a cycle", function()
    -- Holds the first lock and, when both locks are held, goes for the second.
    local function crossing(mine, yours, ready)
      return function()
        local permit <close> = mine:acquire()
        ready:wait()
        local held <close> = yours:acquire()
        return "both"
      end
    end

    it("raises DeadlockError in the task that closes it, at once, and the others go on", function()
      local a, b, c, ready = async.lock(), async.lock(), async.lock(), async.barrier(3)
      local tasks = {
        async.spawn(crossing(a, b, ready)), async.spawn(crossing(b, c, ready)), async.spawn(crossing(c, a, ready)),
      }
      async.sleep(0.001)
      local failed = {}
      for _, task in ipairs(tasks) do
        if task:status() == "failed" then failed[#failed + 1] = task end
      end
      assert.equal(1, #failed)
      assert.is_true(async.is_error(failed[1]:error(), "DeadlockError"))
      assert.equal(3, #failed[1]:error().tasks)
      assert.matches("'task%-%d' waits for lock at [^ ]*lock_spec.lua:%d+", failed[1]:error().message)
      local done = 0
      async.wait(tasks)
      for _, task in ipairs(tasks) do done = done + (task:status() == "done" and 1 or 0) end
      assert.equal(2, done)
    end)

    it("sees through an await of the owner", function()
      local lock = async.lock()
      local permit <close> = lock:acquire()
      local waiting = async.spawn(function() lock:acquire() end)
      async.sleep(0)
      local ok, err = pcall(waiting.await, waiting)
      assert.is_false(ok)
      assert.is_true(async.is_error(err, "DeadlockError"))
      waiting:close()
    end)

    it("sees through a group that the owner leaves", function()
      local lock = async.lock()
      local err = support.raises("GroupError", lock.with, lock, async.task_group, function(group)
        group:spawn(function() lock:acquire() end)
      end)
      assert.is_true(async.is_error(err.errors[1], "DeadlockError"))
      assert.is_false(lock:locked())
    end)

    it("sees through a gather of the owner", function()
      local lock = async.lock()
      support.raises("DeadlockError", lock.with, lock, async.gather, function() lock:acquire() end, after(1))
      assert.is_false(lock:locked())
    end)

    it("is none while the owner waits for something else", function()
      local lock = async.lock()
      local owner = support.started(lock.with, lock, after(1))
      assert.equal(1, support.seconds(lock.with, lock, function() return owner:await() end))
    end)

    it("is told at once behind a shield that keeps the deadline outside", function()
      local a, b, ready = async.lock(), async.lock(), async.barrier(2)
      local shielded = async.spawn(function()
        local permit <close> = a:acquire()
        ready:wait()
        local scope <close> = async.timeout(5)
        async.shield(function()
          local held <close> = b:acquire()
        end)
      end)
      local other = async.spawn(crossing(b, a, ready))
      async.wait({shielded, other}, {return_when = "first_error"})
      assert.equal(0, async.now())
      local err = shielded:status() == "failed" and shielded:error() or other:error()
      assert.is_true(async.is_error(err, "DeadlockError"))
      async.wait({shielded, other})
    end)

    it("waits where a deadline will end it", function()
      local a, b, ready = async.lock(), async.lock(), async.barrier(2)
      local patient = async.spawn(crossing(a, b, ready))
      local hurried = async.spawn(async.wait_for, crossing(b, a, ready), 1)
      async.wait({patient, hurried})
      assert.equal("both", patient:result())
      assert.is_true(async.is_error(hurried:error(), "TimeoutError"))
    end)
  end)
end)
