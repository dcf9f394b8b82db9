-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"
local new_random = require("spec.support.explorer").new_random

local inside, started, outcome = support.inside, support.started, support.outcome
local failure, raises, after, failing = support.failure, support.raises, support.after, support.failing

--- A task that selects from these things, and waits; `await` gives the index and what that gave.
local function selecting(...)
  return started(async.select, {...})
end

describe("select", function()
  describe("gives the index and", function()
    it("an item of a queue that has one", inside(function()
      local first, second = async.queue(), async.queue()
      second:put "item"
      assert.same({2, "item"}, {async.select {first, second}})
      assert.is_true(first:empty() and second:empty())
    end))

    it("the next item of a priority queue", inside(function()
      local queue = async.priority_queue()
      for _, item in ipairs {3, 1, 2} do queue:put(item) end
      assert.same({1, 1}, {async.select {queue}})
      assert.same({1, 2}, {async.select {queue}})
    end))

    it("an item that comes later, false too", inside(function()
      local first, second = async.queue(), async.lifo_queue()
      local task = selecting(first, second)
      second:put(false)
      assert.same({2, false}, {task:await()})
    end))

    it("nil when a queue is closed, before or while it waits", inside(function()
      local open, closed = async.queue(), async.queue()
      local task = selecting(open, closed)
      closed:close()
      assert.same({2, n = 2}, table.pack(task:await()))
      assert.same({2, n = 2}, table.pack(async.select {open, closed}))
    end))

    it("what is left in a closed queue first", inside(function()
      local queue = async.queue()
      queue:put(1)
      queue:close()
      assert.same({1, 1}, {async.select {queue}})
      assert.same({1}, {async.select {queue}})
    end))

    it("a permit of a semaphore", inside(function()
      local semaphore = async.semaphore(1)
      local index, permit = async.select {semaphore}
      assert.equal(1, index)
      assert.equal(0, semaphore:available())
      local task = selecting(async.event(), semaphore)
      permit:release()
      index, permit = task:await()
      assert.equal(2, index)
      assert.equal(0, semaphore:available())
      permit:close()
      permit:release()
      assert.equal(1, semaphore:available())
    end))

    it("a permit of a lock, of which the task is the owner from then on", inside(function()
      local lock = async.lock()
      local held = lock:acquire()
      local task = started(function()
        local index, permit = async.select {async.queue(), lock}
        raises("DeadlockError", lock.acquire, lock)
        permit:release()
        return index
      end)
      held:release()
      assert.equal(2, task:await())
      assert.is_false(lock:locked())
    end))

    it("true for an event, even if that is cleared at once", inside(function()
      local event = async.event()
      local task = selecting(async.queue(), event)
      event:set()
      event:clear()
      assert.same({2, true}, {task:await()})
      event:set()
      assert.same({1, true}, {async.select {event, event}})
    end))

    it("all results of a task or a future", inside(function()
      local future = async.future()
      local task = async.spawn(after(1, 1, nil, 3))
      assert.same({2, 1, nil, 3}, {async.select {future, task}})
      future:set()
      assert.same({1, n = 1}, table.pack(async.select {future, task}))
    end))
  end)

  describe("raises", function()
    it("the error of a task that fails, or of a future, unchanged", inside(function()
      local reason = {}
      local task = async.spawn(failing(1, reason))
      assert.equal(reason, failure(async.select, {async.queue(), task}))
      assert.equal(reason, failure(async.select, {task}))
      local future = async.future()
      future:fail(reason)
      assert.equal(reason, failure(async.select, {future}))
    end))

    it("the CancelledError of a task that was cancelled, an ordinary error", inside(function()
      local task = started(async.sleep, math.huge)
      local waiter = selecting(task)
      task:cancel "enough"
      local status, err = outcome(waiter)
      assert.equal("failed", status)
      assert.same({task, "enough"}, {err.task, err.reason})
    end))

    it("DeadlockError for a lock that the task owns, whatever else is there", inside(function()
      local lock, queue = async.lock(), async.queue()
      queue:put(1)
      local held <close> = lock:acquire()
      raises("DeadlockError", async.select, {queue, lock})
      assert.equal(1, queue:size())
    end))

    it("DeadlockError for the task itself, and where nothing can come but from who waits for it", inside(function()
      raises("DeadlockError", async.select, {async.queue(), async.current_task()})
      local me, lock = async.current_task(), async.lock()
      local other = started(function()
        local held <close> = lock:acquire()
        me:await()
      end)
      raises("DeadlockError", async.select, {other, lock})
      local queue = async.queue()
      async.spawn(function() queue:put(1) end)
      assert.same({2, 1}, {async.select {other, queue}})
      other:close()
    end))

    it("what `less` of a priority queue raises, and has taken nothing", inside(function()
      local broken = false
      local queue = async.priority_queue(nil, function(a, b)
        if broken then error "broken" end
        return a < b
      end)
      for i = 1, 3 do queue:put(i) end
      broken = true
      assert.matches("broken", failure(async.select, {async.event(), queue}))
      assert.equal(3, queue:size())
    end))
  end)

  describe("refuses", function()
    it("what is no list, and an empty one", inside(function()
      support.refuses(1, "select", async.select)
      support.refuses(1, "select", async.select, async.queue())
      assert.matches("empty", support.refuses(1, "select", async.select, {}))
      support.refuses(1, "select", async.select, {queue = async.queue()})
      support.refuses(1, "select", async.select, {n = 2, async.event()})
    end))

    it("items from which nothing can be taken", inside(function()
      local queue = async.queue()
      queue:put(1)
      for _, item in ipairs {async.sleep, 1, "queue", {}, io.stdout, async.barrier(1), async.condition()} do
        local message = support.refuses(1, "select", async.select, {queue, item})
        assert.matches("item 2: queue, semaphore, lock, event, task, future or signals expected", message, 1, true)
      end
      assert.equal(1, queue:size())
    end))

    it("to wait where nobody can", function()
      local event = async.event()
      support.needs_a_task("select", function()
        return function() return async.select {event} end
      end)
    end)
  end)

  describe("takes from one alone:", function()
    it("of several that are ready the first of the list", inside(function()
      local queue, event, semaphore = async.queue(), async.event(), async.semaphore(2)
      queue:put(1)
      event:set()
      local task = async.spawn(after(0, 1))
      task:await()
      assert.equal(1, (async.select {event, queue, semaphore, task}))
      assert.equal(1, (async.select {queue, semaphore, event}))
      assert.equal(0, queue:size())
      assert.equal(1, (async.select {task, semaphore, event}))
      assert.equal(2, semaphore:available())
    end))

    it("of several that come in one turn the first that came", inside(function()
      local first, second = async.queue(), async.queue()
      local task = selecting(first, second)
      second:put "b"
      first:put "a"
      assert.same({2, "b"}, {task:await()})
      assert.same({1, 0}, {first:size(), second:size()})
    end))

    it("the same object may stand in the list twice", inside(function()
      local queue, future, event = async.queue(), async.future(), async.event()
      local task = selecting(queue, future, event, queue, future, event)
      queue:put(1)
      queue:put(2)
      assert.same({1, 1}, {task:await()})
      assert.equal(1, queue:size())
      task = selecting(future, event, future, event)
      future:set(5)
      assert.same({1, 5}, {task:await()})
      task = selecting(event, event)
      event:set()
      assert.same({1, true}, {task:await()})
    end))

    it("whoever waits behind it is served next", inside(function()
      local first, second = async.queue(), async.queue()
      local task, other = selecting(first, second), started(second.get, second)
      first:put "for select"
      second:put "for the other"
      assert.same({1, "for select"}, {task:await()})
      assert.equal("for the other", other:await())
    end))

    it("its own lock and the owner's end at once", inside(function()
      local lock = async.lock()
      local owner = started(function()
        local held <close> = lock:acquire()
        async.sleep(1)
        return "ended"
      end)
      local task = started(function()
        local index, permit = async.select {owner, lock}
        if index == 2 then permit:release() end
        return index
      end)
      assert.equal(2, task:await())
      assert.is_false(lock:locked())
    end))
  end)

  describe("stands in each line from its call on:", function()
    it("in turn with those who wait for one thing", inside(function()
      local queue, semaphore, log = async.queue(), async.semaphore(1), {}
      local permit = semaphore:acquire()
      for i = 1, 6 do
        started(function()
          if i % 2 == 0 then
            local got, what = async.select {queue, semaphore}
            log[#log + 1] = i
            if got == 2 then what:release() end
          else
            queue:get()
            log[#log + 1] = i
          end
        end)
      end
      permit:release() -- all that select, in order
      testing.settle()
      assert.same({2, 4, 6}, log)
      for i = 1, 3 do queue:put(i) end
      testing.settle()
      assert.same({2, 4, 6, 1, 3, 5}, log)
    end))

    it("nobody overtakes it", inside(function()
      local semaphore = async.semaphore(1)
      local permit = semaphore:acquire()
      local task = started(function()
        local _, got = async.select {semaphore}
        return got
      end)
      permit:release()
      assert.is_nil(semaphore:try_acquire())
      task:await():release()
      assert.equal(1, semaphore:available())
    end))
  end)

  describe("cancelled", function()
    it("has taken nothing and stands in no line any more", inside(function()
      local queue, semaphore, lock, event = async.queue(), async.semaphore(1), async.lock(), async.event()
      local future, other = async.future(), async.spawn(after(1))
      local permit, held = semaphore:acquire(), lock:acquire()
      local task = selecting(queue, semaphore, lock, event, future, other)
      task:cancel()
      assert.equal("cancelled", (outcome(task)))
      permit:release()
      held:release()
      queue:put(1)
      event:set()
      future:set(1)
      assert.same({1, 1, false}, {queue:size(), semaphore:available(), lock:locked()})
      for _, object in ipairs {queue, semaphore, lock, future} do
        assert.is_nil(tostring(object):find "1 waiting", tostring(object))
      end
      other:await()
    end))

    it("in the turn in which something came delivers that; the next await raises", inside(function()
      local queue, got = async.queue(), nil
      local task = started(function()
        got = {async.select {async.event(), queue}}
        async.sleep(0)
      end)
      queue:put "item"
      task:cancel()
      assert.equal("cancelled", (outcome(task)))
      assert.same({2, "item"}, got)
    end))

    it("before it began raises and takes nothing, though all is there", inside(function()
      local queue, semaphore, event = async.queue(), async.semaphore(1), async.event()
      queue:put(1)
      event:set()
      local task = async.spawn(function()
        for _ = 1, 2 do support.is_cancelled(async.select, {queue, semaphore, event}) end
      end)
      task:cancel()
      task:await()
      assert.same({1, 1}, {queue:size(), semaphore:available()})
    end))

    it("by a deadline raises TimeoutError", inside(function()
      local queue = async.queue()
      raises("TimeoutError", async.wait_for, function() async.select {queue, async.event()} end, 1)
      queue:put(1)
      assert.equal(1, queue:get())
    end))
  end)

  it("passes on what it was handed if it is closed by force before it could take it", function()
    for _, selects in ipairs {1, 2} do
      local queue, semaphore, lock = async.queue(), async.semaphore(1), async.lock()
      support.reported(pcall, testing.run, function()
        async.spawn(async.shield, function()
          local permit, held = semaphore:acquire(), lock:acquire()
          local _ <close> = setmetatable({}, {
            __close = function() -- each goes to one that selects, who is closed after this
              queue:try_put "item"
              permit:release()
              held:release()
            end,
          })
          async.sleep(math.huge)
        end)
        for _, object in ipairs {queue, semaphore, lock} do
          for _ = 1, selects do async.spawn(async.shield, function() async.select {async.event(), object} end) end
        end
        async.sleep(math.huge)
      end)
      assert.equal("item", queue:try_get())
      assert.same({1, false}, {semaphore:available(), lock:locked()})
      for _, object in ipairs {queue, semaphore, lock} do assert.matches("0 waiting", tostring(object), 1, true) end
    end
  end)

  it("stands in no line any more once its coroutine is closed by hand", function()
    local queue, event = async.queue(), async.event()
    support.reported(pcall, testing.run, function()
      local co
      local task = started(function()
        co = coroutine.running()
        async.select {queue, event}
      end)
      coroutine.close(co)
      collectgarbage()
      collectgarbage()
      queue:put "item"
      event:set()
      task:cancel()
    end)
    assert.equal("item", queue:try_get())
  end)

  it("does not look at what it did not take from", inside(function()
    local reports = support.reported(function()
      testing.settle()
      local event = async.event()
      event:set()
      local task = async.spawn(failing(0, "unseen"))
      assert.equal(1, (async.select {event, task}))
      async.wait({}, {})
      task = nil -- luacheck: ignore
      async.sleep(1)
    end)
    assert.same({"unseen"}, reports)
  end))

  it("lets the others run though it never waits", inside(function()
    local queue, failed = async.queue(), async.future()
    failed:fail "failed"
    support.starves_nobody(function()
      queue:put(1)
      async.select {queue}
    end)
    support.starves_nobody(function() pcall(async.select, {failed}) end)
  end))

  it("keeps what it waits for alive, whatever becomes of the list", inside(function()
    local list = {async.queue(), async.event()}
    local queue = list[1]
    local task = started(async.select, list)
    list[1], list[2] = nil, nil
    collectgarbage()
    collectgarbage()
    queue:put(2)
    assert.same({1, 2}, {task:await()})
  end))

  it("shows where it waits", inside(function()
    local task = selecting(async.queue(), async.event())
    assert.matches("waiting for select at ", tostring(task), 1, true)
    task:close()
  end))

  it("over two queues neither loses nor doubles an item, under a hundred random schedules", function()
    local internal = require "saros.internal"
    for seed = 1, 100 do
      local random = new_random(seed)
      local a, b = async.queue(random(3)), async.queue()
      local put, got = 0, {}
      internal.schedule(function(tasks) return random(#tasks) end)
      local ok, err = pcall(testing.run, function()
        local tasks = {}
        for i = 1, 4 do
          tasks[i] = async.spawn(function()
            for _ = 1, 10 do
              local taken = table.pack(pcall(async.wait_for, function()
                return async.select {a, b}
              end, random(3) - 1))
              if taken[1] then got[#got + 1] = taken[3] end
            end
          end)
        end
        for i = 1, 2 do
          tasks[4 + i] = async.spawn(function()
            local queue = i == 1 and a or b
            for _ = 1, 10 do
              async.sleep(random(4) - 2)
              if queue:try_put(put + 1) then put = put + 1 end
            end
          end)
        end
        for _ = 1, 3 do
          async.sleep(random(3) - 1)
          tasks[random(4)]:cancel()
        end
        async.wait(tasks)
        for _, queue in ipairs {a, b} do
          for item in function() return queue:try_get() end do got[#got + 1] = item end
        end
      end)
      internal.schedule(nil)
      if not ok then error(err, 0) end
      table.sort(got)
      for i = 1, math.max(put, #got) do assert.equal(i, got[i], "seed " .. seed) end
    end
  end)
end)
