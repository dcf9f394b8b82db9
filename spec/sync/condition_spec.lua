-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local inside = support.inside

--- A task that waits for a notification and, once it has one and the lock, says its name in the list.
local function waiter(condition, log, name)
  return support.started(function()
    local permit <close> = condition:acquire()
    condition:wait()
    assert(condition:locked())
    log[#log + 1] = name
  end)
end

--- Calls a method of the condition while holding its lock.
local function holding(condition, method, ...)
  local permit <close> = condition:acquire()
  return condition[method](condition, ...)
end

--- Nobody waits for the lock or holds it.
local function is_free(condition)
  assert.is_false(condition:locked())
  condition:acquire():release()
end

describe("condition", function()
  it("gives its lock up while it waits, and holds it again afterwards", function()
    local condition, log = async.condition(), {}
    local task = waiter(condition, log, 1)
    assert.is_false(condition:locked())
    holding(condition, "notify")
    task:await()
    assert.same({1}, log)
    is_free(condition)
  end)

  it("works on a lock that it is given, several on one", function()
    local lock, log = async.lock(), {}
    local full, empty = async.condition(lock), async.condition(lock)
    local task = waiter(full, log, "full")
    local permit = lock:acquire()
    assert.same({true, true}, {full:locked(), empty:locked()})
    empty:notify_all()
    testing.settle()
    full:notify()
    permit:release()
    task:await()
    assert.same({"full"}, log)
    assert.is_false(lock:locked())
  end)

  it("wakes one, so many, or all, in order of arrival", function()
    local condition, log, tasks = async.condition(), {}, {}
    for i = 1, 6 do tasks[i] = waiter(condition, log, i) end
    holding(condition, "notify")
    testing.settle()
    assert.same({1}, log)
    holding(condition, "notify", 2)
    testing.settle()
    assert.same({1, 2, 3}, log)
    holding(condition, "notify", 0)
    testing.settle()
    assert.equal(3, #log)
    holding(condition, "notify_all")
    async.wait(tasks)
    assert.same({1, 2, 3, 4, 5, 6}, log)
    is_free(condition)
  end)

  it("forgets a notification that nobody waits for", function()
    local condition, log = async.condition(), {}
    holding(condition, "notify", 5)
    holding(condition, "notify_all")
    local task = waiter(condition, log, 1)
    assert.same({}, log)
    holding(condition, "notify")
    task:await()
  end)

  it("lets nobody go on before the lock is free: who came for it first has it first", function()
    local condition, log = async.condition(), {}
    local task = waiter(condition, log, "waiter")
    local permit = condition:acquire()
    local early = support.started(function()
      local held <close> = condition:acquire()
      log[#log + 1] = "early"
    end)
    condition:notify()
    local late = support.started(function()
      local held <close> = condition:acquire()
      log[#log + 1] = "late"
    end)
    assert.same({}, log)
    permit:release()
    async.wait({task, early, late})
    assert.same({"early", "waiter", "late"}, log)
    is_free(condition)
  end)

  it("lets the permit from before the wait release the lock after it", function()
    local condition = async.condition()
    local permit = condition:acquire()
    local other = async.spawn(holding, condition, "notify")
    condition:wait()
    other:await()
    assert.is_true(condition:locked())
    permit:release()
    is_free(condition)
  end)

  it("needs the lock for everything but acquire, and says so", function()
    local condition = async.condition()
    local calls = {release = {}, wait = {}, wait_for = {print}, notify = {}, notify_all = {}}
    local function complain()
      for name, arguments in pairs(calls) do
        support.complains("condition:" .. name, condition[name], condition, table.unpack(arguments))
      end
    end
    complain()
    local permit <close> = condition:acquire()
    async.spawn(complain):await()
    assert.is_true(condition:locked())
    support.raises("DeadlockError", condition.acquire, condition)
  end)

  it("can be released by itself", function()
    local condition = async.condition()
    condition:acquire()
    condition:release()
    is_free(condition)
  end)

  describe("whose waiter is cancelled", function()
    it("before the notification: it holds the lock when it leaves, and the next one is notified", function()
      local condition, log, held = async.condition(), {}, nil
      local one = support.started(function()
        local permit <close> = condition:acquire()
        local err = support.is_cancelled(condition.wait, condition)
        held = condition:locked()
        error(err, 0)
      end)
      local two = waiter(condition, log, 2)
      one:cancel()
      assert.equal("cancelled", (support.outcome(one)))
      assert.is_true(held)
      assert.is_false(condition:locked())
      holding(condition, "notify")
      two:await()
      is_free(condition)
    end)

    it("while another holds the lock: it waits for that in its turn, however often it is cancelled", function()
      local condition, log = async.condition(), {}
      local task = waiter(condition, log, 1)
      local permit = condition:acquire()
      task:cancel()
      testing.settle()
      task:cancel()
      async.sleep(5)
      assert.is_false(task:done())
      permit:release()
      assert.is_true(condition:locked())
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({}, log)
      is_free(condition)
    end)

    it("after the notification, before it has the lock: it passes the notification on", function()
      local condition, log = async.condition(), {}
      local one, two, three = waiter(condition, log, 1), waiter(condition, log, 2), waiter(condition, log, 3)
      local permit = condition:acquire()
      condition:notify()
      one:cancel()
      permit:release()
      assert.equal("cancelled", (support.outcome(one)))
      two:await()
      testing.settle()
      assert.same({2}, log)
      assert.is_false(three:done())
      holding(condition, "notify")
      three:await()
      is_free(condition)
    end)

    it("in the turn of the notification, before that: another one is notified", function()
      local condition, log = async.condition(), {}
      local one, two = waiter(condition, log, 1), waiter(condition, log, 2)
      local permit = condition:acquire()
      one:cancel()
      condition:notify()
      permit:release()
      assert.equal("cancelled", (support.outcome(one)))
      two:await()
      assert.same({2}, log)
      is_free(condition)
    end)

    it("in the turn in which it was handed the lock: the wait has succeeded, the next await raises", function()
      local condition, log = async.condition(), {}
      local one = support.started(function()
        local permit <close> = condition:acquire()
        condition:wait()
        log[#log + 1] = 1
        async.sleep(0)
      end)
      local two = waiter(condition, log, 2)
      local permit = condition:acquire()
      condition:notify()
      permit:release()
      one:cancel()
      assert.equal("cancelled", (support.outcome(one)))
      testing.settle()
      assert.same({1}, log)
      assert.is_false(two:done())
      holding(condition, "notify_all")
      two:await()
      is_free(condition)
    end)

    it("all of them, notified: nothing is left behind", function()
      local condition, log, tasks = async.condition(), {}, {}
      for i = 1, 3 do tasks[i] = waiter(condition, log, i) end
      local permit = condition:acquire()
      condition:notify_all()
      for i = 3, 1, -1 do tasks[i]:cancel() end
      permit:release()
      async.wait(tasks)
      assert.same({}, log)
      is_free(condition)
    end)

    it("by a deadline: it has the lock again before the TimeoutError arrives", function()
      local condition = async.condition()
      local permit <close> = condition:acquire()
      support.raises("TimeoutError", async.wait_for, function() condition:wait() end, 1)
      assert.is_true(condition:locked())
      condition:notify() -- would raise without the lock
    end)

    it("by a deadline, while another holds the lock: the error comes when it has that", function()
      local condition = async.condition()
      local task = support.started(function()
        local permit <close> = condition:acquire()
        support.raises("TimeoutError", async.wait_for, function() condition:wait() end, 1)
        return async.now()
      end)
      local before = async.now()
      local permit = condition:acquire()
      async.sleep(3)
      permit:release()
      assert.is_true(task:await() - before >= 3)
      is_free(condition)
    end)

    it("before the call: it raises, with the lock held throughout", function()
      local condition, log = async.condition(), {}
      local task = support.started(function()
        local permit <close> = condition:acquire()
        pcall(async.sleep, math.huge)
        support.is_cancelled(condition.wait, condition)
        support.is_cancelled(condition.wait_for, condition, function() log[1] = "called" end)
        assert.is_true(condition:locked())
      end)
      task:cancel()
      support.outcome(task)
      assert.same({}, log)
      is_free(condition)
    end)
  end)

  it("neither loses nor doubles a notification, whoever is cancelled when", function()
    local seed = 7
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2 ^ 31
      return math.floor(seed / 65536) % n + 1
    end
    for _ = 1, 30 do
      local condition, tasks, tokens, taken = async.condition(), {}, 0, 0
      for i = 1, 12 do
        tasks[i] = async.spawn(function()
          local permit <close> = condition:acquire()
          while tokens == 0 do condition:wait() end
          tokens, taken = tokens - 1, taken + 1
        end)
      end
      for _ = 1, 12 do
        if random(2) == 1 then
          local permit <close> = condition:acquire()
          tokens = tokens + 1
          condition:notify()
          if random(2) == 1 then tasks[random(#tasks)]:cancel() end
        end
        if random(3) == 1 then tasks[random(#tasks)]:cancel() end
        if random(3) == 1 then async.sleep(0) end
      end
      testing.settle()
      local waiting = 0
      for _, task in ipairs(tasks) do
        if not task:done() then waiting = waiting + 1 end
      end
      assert(tokens == 0 or waiting == 0, "somebody waits though there is a token")
      for _, task in ipairs(tasks) do task:cancel() end
      async.wait(tasks)
      is_free(condition)
    end
  end)

  it("that nobody can ever notify raises DeadlockError, with the lock held", function()
    local condition = async.condition()
    local permit = condition:acquire()
    support.raises("DeadlockError", condition.wait, condition)
    assert.is_true(condition:locked())
    support.raises("DeadlockError", condition.wait_for, condition, function() return false end)
    permit:release()
    is_free(condition)
  end)

  describe("wait_for", function()
    it("waits until the predicate is true, and returns its value", function()
      local condition, ready, calls = async.condition(), nil, 0
      local task = support.started(function()
        local permit <close> = condition:acquire()
        local value = condition:wait_for(function()
          calls = calls + 1
          return ready
        end)
        return value, condition:locked()
      end)
      for _ = 1, 3 do
        holding(condition, "notify")
        testing.settle()
      end
      ready = "value"
      holding(condition, "notify")
      assert.same({"value", true}, {task:await()})
      assert.equal(5, calls)
      is_free(condition)
    end)

    it("does not wait when it is true already", function()
      local condition, turns = async.condition(), 0
      local other = async.spawn(function() turns = turns + 1 end)
      local permit <close> = condition:acquire()
      assert.equal(5, condition:wait_for(function() return 5, 6 end))
      assert.same({1, 5, n = 2}, table.pack(1, condition:wait_for(function() return 5, 6 end)))
      assert.equal(0, turns)
      other:await()
    end)

    it("calls the predicate with the lock held, and that may wait itself", function()
      local condition, ready = async.condition(), false
      local task = support.started(function()
        local permit <close> = condition:acquire()
        return condition:wait_for(function()
          async.sleep(1)
          return condition:locked() and ready
        end)
      end)
      async.sleep(2)
      ready = true
      holding(condition, "notify")
      assert.is_true(task:await())
    end)

    it("raises the error of the predicate as it is, with the lock held", function()
      local condition, err, fails = async.condition(), {}, false
      local task = support.started(function()
        local permit <close> = condition:acquire()
        assert.equal(err, support.failure(condition.wait_for, condition, function()
          if fails then error(err) end
        end))
        assert.is_true(condition:locked())
      end)
      fails = true
      holding(condition, "notify")
      task:await()
      is_free(condition)
    end)

    it("holds the lock when it is cancelled, and passes the notification on", function()
      local condition, log = async.condition(), {}
      local one = support.started(function()
        local permit <close> = condition:acquire()
        local err = support.is_cancelled(condition.wait_for, condition, function() return false end)
        log[#log + 1] = condition:locked()
        error(err, 0)
      end)
      local two = waiter(condition, log, 2)
      local permit = condition:acquire()
      condition:notify()
      one:cancel()
      permit:release()
      two:await()
      assert.equal("cancelled", (support.outcome(one)))
      assert.same({true, 2}, log)
      is_free(condition)
    end)

    it("complains when the predicate has released the lock", function()
      local condition = async.condition()
      condition:acquire()
      support.complains("condition:wait_for", condition.wait_for, condition, function() condition:release() end)
      is_free(condition)
    end)

    it("refuses what is no function", function()
      local condition = async.condition()
      local permit <close> = condition:acquire()
      support.refuses(1, "wait_for", condition.wait_for, condition)
      support.refuses(1, "wait_for", condition.wait_for, condition, true)
    end)
  end)

  describe("with", function()
    it("calls the function holding the lock, and returns its results", function()
      local condition = async.condition()
      assert.same({true, 1, nil, 3, n = 4}, table.pack(condition:with(function(...)
        return condition:locked(), ...
      end, 1, nil, 3)))
      is_free(condition)
      support.refuses(1, "with", condition.with, condition, 5)
    end)
  end)

  it("leaves no waiter behind where tasks are closed by force", outside(function()
    local condition, other = async.condition(), async.condition()
    support.reported(pcall, testing.run, function()
      async.spawn(function() -- notified or not, its shield keeps cancellation off
        async.shield(function()
          local permit <close> = condition:acquire()
          condition:wait()
        end)
      end)
      local waiting = async.spawn(function() -- cancelled, it waits for a lock that is never released
        local permit <close> = other:acquire()
        other:wait()
      end)
      async.spawn(function()
        async.shield(function()
          local permit <close> = other:acquire()
          async.sleep(math.huge)
        end)
      end)
      testing.settle()
      waiting:cancel()
      testing.settle()
      async.sleep(math.huge)
    end)
    collectgarbage()
    inside(function()
      is_free(condition)
      is_free(other)
      holding(condition, "notify_all")
      holding(other, "notify_all")
    end)()
  end))

  it("whose notified waiter is closed by force passes lock and notification on", outside(function()
    local condition, log = async.condition(), {}
    local reports = support.reported(pcall, testing.run, function()
      local function shielded(name, fn)
        async.spawn(async.shield, fn):set_name(name)
        testing.settle()
      end
      shielded("holder", function()
        async.sleep(1)
        local held <close> = condition:acquire()
        condition:notify()
        async.sleep(math.huge)
      end)
      for _, name in ipairs({"one", "two"}) do
        shielded(name, function()
          local held <close> = condition:acquire()
          condition:wait()
          log[#log + 1] = name
        end)
      end
      async.sleep(math.huge) -- a deadlock: the holder is closed, which hands the lock over, ...
    end)
    assert.same({}, log)
    assert.equal(3, #reports)
    for i, name in ipairs({"holder", "one", "two"}) do
      assert.matches("task '" .. name .. "' (spawned", tostring(reports[i]), 1, true)
    end
    inside(function()
      is_free(condition)
      holding(condition, "notify_all")
    end)()
  end))

  it("can be made outside of a run", outside(function()
    local condition = async.condition(async.lock())
    assert.is_false(condition:locked())
    inside(function()
      local task = waiter(condition, {}, 1)
      holding(condition, "notify")
      task:await()
    end)()
  end))

  it("refuses what is no lock, and no count", function()
    for _, lock in ipairs({1, {}, async.semaphore(1), false}) do
      support.refuses(1, "condition", async.condition, lock)
    end
    local condition = async.condition()
    local permit <close> = condition:acquire()
    for _, count in ipairs({-1, 1.5, "many", {}}) do
      support.refuses(1, "notify", condition.notify, condition, count)
    end
  end)

  it("needs a task that can wait", outside(function()
    local condition = async.condition()
    for _, name in ipairs({"acquire", "wait", "wait_for"}) do
      support.needs_a_task("condition:" .. name, function()
        return function() return condition[name](condition, print) end
      end)
    end
    support.complains("condition:notify", condition.notify, condition)
    support.complains("condition:notify_all", condition.notify_all, condition)
    support.complains("condition:release", condition.release, condition)
  end))
end)
