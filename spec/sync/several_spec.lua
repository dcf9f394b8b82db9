-- SPDX-License-Identifier: MIT
-- Several permits of a semaphore at once.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local inside, started = support.inside, support.started

--- A task that acquires so many and holds them for a second.
local function user(semaphore, log, count)
  return started(function()
    local permit <close> = semaphore:acquire(count)
    log[#log + 1] = count
    async.sleep(1)
  end)
end

describe("semaphore:acquire(n)", function()
  it("takes n at once; the permit gives n back, once", inside(function()
    local semaphore = async.semaphore(5)
    local permit = semaphore:acquire(3)
    assert.equal(2, semaphore:available())
    permit:release()
    permit:release()
    assert.equal(5, semaphore:available())
    do
      local _ <close> = semaphore:acquire(5)
      assert.equal(0, semaphore:available())
    end
    assert.equal(5, semaphore:available())
  end))

  it("waits in its turn: nobody overtakes who wants many", inside(function()
    local semaphore, log = async.semaphore(3), {}
    local permit = semaphore:acquire(2)
    user(semaphore, log, 3)
    user(semaphore, log, 1)
    assert.same({{}, 1, 2}, {log, semaphore:available(), semaphore:waiting()})
    assert.is_nil(semaphore:try_acquire())
    permit:release()
    testing.settle()
    assert.same({3}, log)
    async.sleep(1)
    testing.settle()
    assert.same({3, 1}, log)
    async.sleep(1)
    assert.equal(3, semaphore:available())
  end))

  it("serves all for whom there is enough by now", inside(function()
    local semaphore, log = async.semaphore(4), {}
    local permit = semaphore:acquire(4)
    for _, count in ipairs {1, 2, 3, 1} do user(semaphore, log, count) end
    permit:release()
    testing.settle()
    assert.same({1, 2}, log)
    async.sleep(1)
    testing.settle()
    assert.same({1, 2, 3, 1}, log)
    async.sleep(1)
  end))

  it("cancelled while it waits, lets those behind it have what there is", inside(function()
    local semaphore, log = async.semaphore(3), {}
    local permit = semaphore:acquire(1)
    local greedy = started(semaphore.acquire, semaphore, 3)
    user(semaphore, log, 1)
    user(semaphore, log, 1)
    local index = started(async.select, {async.event(), semaphore})
    greedy:cancel()
    testing.settle()
    assert.same({{1, 1}, 0}, {log, semaphore:available()})
    permit:release()
    assert.equal(2, (index:await()))
    async.sleep(1)
    assert.equal(2, semaphore:available())
  end))

  it("cancelled in the turn in which it got them has them", inside(function()
    local semaphore = async.semaphore(2)
    local permit, had = semaphore:acquire(), nil
    local task = started(function()
      local got <close> = semaphore:acquire(2)
      had = tostring(got)
      async.sleep(0)
    end)
    permit:release()
    task:cancel()
    support.outcome(task)
    assert.same({"permit (held)", 2}, {had, semaphore:available()})
  end))

  it("closed by force before it could take them gives them back", function()
    local semaphore = async.semaphore(3)
    support.reported(pcall, testing.run, function()
      async.spawn(async.shield, function()
        local permit = semaphore:acquire(3)
        local _ <close> = setmetatable({}, {__close = function() permit:release() end})
        async.sleep(math.huge)
      end)
      for count = 2, 3 do async.spawn(async.shield, function() semaphore:acquire(count) end) end
      async.sleep(math.huge)
    end)
    assert.same({3, 0}, {semaphore:available(), semaphore:waiting()})
  end)

  it("as try_acquire gives all or nothing", inside(function()
    local semaphore = async.semaphore(3)
    local permit = semaphore:try_acquire(2)
    assert.is_nil(semaphore:try_acquire(2))
    assert.equal(1, semaphore:available())
    permit:release()
    assert.equal(3, semaphore:available())
  end))

  it("is given back by release(n) too, all of it at once", inside(function()
    local semaphore, log = async.semaphore(3), {}
    semaphore:acquire(3)
    user(semaphore, log, 2)
    semaphore:release(2)
    testing.settle()
    assert.same({2}, log)
    async.sleep(1)
    support.complains("semaphore:release", semaphore.release, semaphore, 2)
    assert.equal(2, semaphore:available())
    semaphore:release()
    assert.equal(3, semaphore:available())
  end))

  it("refuses numbers below 1 and above its size", inside(function()
    local semaphore = async.semaphore(3)
    for _, method in ipairs {"acquire", "try_acquire", "release"} do
      for _, count in ipairs {0, -1, 4, math.maxinteger, 1.5, "2", {}, false} do
        support.refuses(1, method, semaphore[method], semaphore, count)
      end
    end
    assert.equal(3, semaphore:available())
    assert.matches("at most 3, the size of the semaphore, got 4", support.failure(semaphore.acquire, semaphore, 4))
  end))
end)
