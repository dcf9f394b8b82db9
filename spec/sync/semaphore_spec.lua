-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local inside, after = support.inside, support.after

--- A task that acquires and, once it has, says its name in the list and holds on until `go` is set.
local function holder(semaphore, log, name, go)
  return support.started(function()
    local permit <close> = semaphore:acquire()
    log[#log + 1] = name
    if go then go:wait() end
  end)
end

describe("semaphore", function()
  it("gives as many permits as it has", function()
    local semaphore = async.semaphore(2)
    assert.equal(2, semaphore:available())
    local one, two = semaphore:acquire(), semaphore:acquire()
    assert.equal(0, semaphore:available())
    one:release()
    assert.equal(1, semaphore:available())
    two:release()
    assert.equal(2, semaphore:available())
  end)

  it("never lets more in than it has permits, and loses none", function()
    local semaphore, running, peak, total = async.semaphore(3), 0, 0, 0
    async.task_group(function(group)
      for i = 1, 50 do
        group:spawn(function()
          local permit <close> = semaphore:acquire()
          running = running + 1
          peak = math.max(peak, running)
          async.sleep(i % 4)
          running, total = running - 1, total + 1
        end)
      end
    end)
    assert.same({3, 50, 3}, {peak, total, semaphore:available()})
  end)

  it("takes a permit back once, by release or at the end of a block", function()
    local semaphore = async.semaphore(2)
    do
      local permit <close> = semaphore:acquire()
      permit:release()
      permit:release()
      assert.equal(2, semaphore:available())
    end
    assert.equal(2, semaphore:available())
    pcall(function()
      local permit <close> = semaphore:acquire()
      error "oops"
    end)
    assert.equal(2, semaphore:available())
  end)

  it("does not suspend while there are permits", function()
    local semaphore, turns = async.semaphore(1), 0
    local other = async.spawn(function() turns = turns + 1 end)
    semaphore:acquire():release()
    assert.equal(0, turns)
    other:await()
  end)

  it("takes a permit back without its handle, as in asyncio", function()
    local semaphore = async.semaphore(1)
    semaphore:acquire()
    semaphore:release()
    assert.equal(1, semaphore:available())
    semaphore:acquire()
    local waiter = support.started(function() return semaphore:acquire() end)
    semaphore:release()
    waiter:await():release()
    assert.equal(1, semaphore:available())
  end)

  it("raises when more is released than was acquired, and keeps its count", function()
    local semaphore = async.semaphore(1)
    support.complains("semaphore:release", semaphore.release, semaphore)
    semaphore:acquire():release()
    support.complains("semaphore:release", semaphore.release, semaphore)
    assert.equal(1, semaphore:available())
  end)

  it("lets another task release a permit", function()
    local semaphore = async.semaphore(1)
    local permit = semaphore:acquire()
    async.spawn(function() permit:release() end):await()
    assert.equal(1, semaphore:available())
  end)

  it("serves who waits in order", function()
    local semaphore, log = async.semaphore(1), {}
    local permit = semaphore:acquire()
    local tasks = {}
    for i = 1, 5 do tasks[i] = holder(semaphore, log, i) end
    permit:release()
    async.wait(tasks)
    assert.same({1, 2, 3, 4, 5}, log)
  end)

  it("hands a permit over at the moment of release: nobody overtakes", function()
    local semaphore, log = async.semaphore(1), {}
    local permit = semaphore:acquire()
    local first = holder(semaphore, log, "first")
    permit:release()
    assert.equal(0, semaphore:available())
    assert.is_nil(semaphore:try_acquire())
    local held <close> = semaphore:acquire()
    log[#log + 1] = "main"
    assert.same({"first", "main"}, log)
    first:await()
  end)

  it("gives a permit or nil when it is tried", function()
    local semaphore = async.semaphore(1)
    local permit = semaphore:try_acquire()
    assert.is_nil(semaphore:try_acquire())
    permit:release()
    do
      local held <close> = semaphore:try_acquire()
      assert.equal(0, semaphore:available())
    end
    assert.equal(1, semaphore:available())
  end)

  it("forgets a waiter that is cancelled; the next one is served", function()
    local semaphore, log = async.semaphore(1), {}
    local permit = semaphore:acquire()
    local first, second, third = holder(semaphore, log, 1), holder(semaphore, log, 2), holder(semaphore, log, 3)
    second:cancel()
    assert.equal("cancelled", (support.outcome(second)))
    permit:release()
    async.wait({first, third})
    assert.same({1, 3}, log)
    assert.equal(1, semaphore:available())
  end)

  it("gives nothing to a waiter that was cancelled in the turn of the release", function()
    local semaphore, log = async.semaphore(1), {}
    local permit = semaphore:acquire()
    local first, second = holder(semaphore, log, 1), holder(semaphore, log, 2)
    first:cancel()
    permit:release()
    assert.equal("cancelled", (support.outcome(first)))
    second:await()
    assert.same({2}, log)
    assert.equal(1, semaphore:available())
  end)

  it("delivers a permit that was given before the cancellation; it is not lost", function()
    local semaphore, log = async.semaphore(1), {}
    local permit = semaphore:acquire()
    local first, second = holder(semaphore, log, 1, async.event()), holder(semaphore, log, 2)
    permit:release()
    first:cancel()
    assert.equal("cancelled", (support.outcome(first)))
    second:await()
    assert.same({1, 2}, log)
    assert.equal(1, semaphore:available())
  end)

  it("wakes as many as there are releases, cancelled ones in between or not", function()
    local semaphore, log, go = async.semaphore(3), {}, async.event()
    local permits = {semaphore:acquire(), semaphore:acquire(), semaphore:acquire()}
    local tasks = {}
    for i = 1, 6 do tasks[i] = holder(semaphore, log, i, go) end
    tasks[1]:cancel()
    tasks[3]:cancel()
    for i = 1, 3 do permits[i]:release() end
    testing.settle()
    assert.same({2, 4, 5}, log)
    go:set()
    async.wait(tasks)
    assert.same({2, 4, 5, 6}, log)
    assert.equal(3, semaphore:available())
  end)

  it("keeps its permits when waiters run into deadlines", function()
    local semaphore, timed_out, served = async.semaphore(2), 0, 0
    async.task_group(function(group)
      for i = 1, 20 do
        group:spawn(function()
          local ok, permit = pcall(async.wait_for, function() return semaphore:acquire() end, i % 5)
          if not ok then
            assert(async.is_error(permit, "TimeoutError"))
            timed_out = timed_out + 1
            return
          end
          async.sleep(1)
          served = served + 1
          permit:release()
        end)
      end
    end)
    assert.equal(20, timed_out + served)
    assert(timed_out > 0 and served > 2)
    assert.equal(2, semaphore:available())
  end)

  it("takes nothing in a cancelled scope", function()
    local semaphore = async.semaphore(1)
    local task = async.spawn(function() semaphore:acquire() end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.equal(1, semaphore:available())
  end)

  it("forgets many waiters that are cancelled at once", function()
    local semaphore = async.semaphore(1)
    local permit = semaphore:acquire()
    local tasks = {}
    for i = 1, 1000 do tasks[i] = async.spawn(semaphore.acquire, semaphore) end
    testing.settle()
    for i = 1000, 1, -1 do tasks[i]:cancel() end
    async.wait(tasks)
    permit:release()
    assert.equal(1, semaphore:available())
  end)

  it("lets others have a turn though a task never really waits for it", function()
    local semaphore, stop = async.semaphore(1), false
    async.spawn(function() stop = true end)
    for _ = 1, 1e6 do
      if stop then break end
      semaphore:acquire():release()
    end
    assert.is_true(stop)
  end)

  it("gives permits that can be closed like everything else, twice as well", function()
    local semaphore = async.semaphore(1)
    local permit = semaphore:acquire()
    permit:close()
    permit:close()
    assert.equal(1, semaphore:available())
  end)

  describe("with", function()
    it("calls the function with the arguments, holding a permit, and returns its results", function()
      local semaphore = async.semaphore(1)
      local results = table.pack(semaphore:with(function(...)
        assert.equal(0, semaphore:available())
        return select("#", ...), ...
      end, 1, nil, 3, nil))
      assert.same({4, 1, nil, 3, nil, n = 5}, results)
      assert.equal(1, semaphore:available())
    end)

    it("gives the permit back after an error, which passes as it is", function()
      local semaphore, err = async.semaphore(1), {}
      assert.equal(err, support.failure(semaphore.with, semaphore, function() error(err) end))
      assert.equal(1, semaphore:available())
    end)

    it("gives the permit back when it is cancelled in the function", function()
      local semaphore = async.semaphore(1)
      local task = support.started(semaphore.with, semaphore, async.sleep, math.huge)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.equal(1, semaphore:available())
    end)

    it("does not call the function when it is cancelled while it waits", function()
      local semaphore, called = async.semaphore(1), false
      local permit <close> = semaphore:acquire()
      local task = support.started(semaphore.with, semaphore, function() called = true end)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.is_false(called)
    end)

    it("refuses what is no function, before it takes a permit", function()
      local semaphore = async.semaphore(1)
      support.refuses(1, "with", semaphore.with, semaphore)
      support.refuses(1, "with", semaphore.with, semaphore, 5)
      assert.equal(1, semaphore:available())
    end)

    it("says by its own name, for each class that has it, that nobody can wait there", outside(function()
      local objects = {
        semaphore = async.semaphore(1), lock = async.lock(), condition = async.condition(),
        rate_limiter = async.rate_limiter(1, 1),
      }
      for name, object in pairs(objects) do
        local ok, err = pcall(object.with, object, print)
        assert.is_false(ok)
        assert.matches(name .. ":with: cannot wait here: no loop is running", err, 1, true)
      end
    end))
  end)

  it("can be made, tried and released outside of a run", outside(function()
    local semaphore = async.semaphore(2)
    local permit = semaphore:try_acquire()
    assert.equal(1, semaphore:available())
    permit:release()
    assert.equal(2, semaphore:available())
    inside(function() semaphore:with(after(1)) end)()
    assert.equal(2, semaphore:available())
  end))

  it("refuses what is no positive integer", function()
    for _, n in ipairs({0, -1, 1.5, 0 / 0, "many", false, {}}) do
      support.refuses(1, "semaphore", async.semaphore, n)
    end
    support.refuses(1, "semaphore", async.semaphore)
  end)

  it("needs a task that can wait", outside(function()
    local semaphore = async.semaphore(1)
    support.needs_a_task("semaphore:acquire", function()
      return function() return semaphore:acquire() end
    end)
  end))
end)
