-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

describe("condition, explored:", function()
  it("holds its lock whenever wait is left", explored(function(probe)
    local condition = async.condition()
    local inside, woken = 0, 0

    --- Two at a time between these would mean that the lock is not held.
    local function enter()
      assert.is_true(condition:locked())
      inside = inside + 1
      assert.equal(1, inside)
    end

    local function leave()
      inside = inside - 1
    end

    local function wait()
      local permit <close> = condition:acquire()
      enter()
      local _ <close> = probe:closes(leave)
      leave()
      local ok, err = pcall(condition.wait, condition)
      enter()
      if not ok then error(err, 0) end
      woken = woken + 1
      async.sleep(0)
    end

    return function()
      probe:together({wait, wait, wait, function()
        async.sleep(1)
        local permit <close> = condition:acquire()
        condition:notify_all()
        enter()
        local _ <close> = probe:closes(leave)
        async.sleep(1)
      end}, 10)
    end, function(ended)
      assert.same({false, 0}, {condition:locked(), inside})
      if not ended.is_injected then assert.equal(3, woken) end
    end
  end))

  it("consumes a notification, or passes it on, once", explored(function(probe)
    local condition = async.condition()
    local waiting, woken, notified = 0, 0, 0

    local function wait()
      local permit <close> = condition:acquire()
      waiting = waiting + 1
      local _ <close> = probe:closes(function() waiting = waiting - 1 end)
      condition:wait()
      woken = woken + 1
    end

    --- By the end of both at least one of those waited for whom it was.
    local function notify()
      async.sleep(1)
      for _ = 1, 2 do
        local permit <close> = condition:acquire()
        if waiting > 0 then
          condition:notify()
          notified = notified + 1
        end
        async.sleep(0)
      end
    end

    return function()
      probe:together({wait, wait, wait, notify}, 10)
    end, function(ended)
      assert.is_false(condition:locked())
      assert.is_true(woken <= notified)
      if ended.hits <= 1 and notified == 2 then assert.equal(2, woken) end
    end
  end))

  it("waits for a predicate", explored(function(probe)
    local condition = async.condition()
    local level, seen = 0, {}

    local function wait(goal)
      return function()
        local permit <close> = condition:acquire()
        local value = condition:wait_for(function() return level >= goal and goal end)
        seen[#seen + 1] = value
        assert.is_true(level >= goal)
      end
    end

    local function raise()
      for _ = 1, 3 do
        async.sleep(1)
        local permit <close> = condition:acquire()
        level = level + 1
        condition:notify_all()
      end
    end

    return function()
      probe:together({wait(3), wait(1), wait(2), raise}, 10)
    end, function(ended)
      assert.is_false(condition:locked())
      for i = 2, #seen do assert.is_true(seen[i - 1] < seen[i]) end
      if not ended.is_injected then assert.same({1, 2, 3}, seen) end
    end
  end))

  it("shares a lock with others", explored(function(probe)
    local lock = async.lock()
    local full, empty = async.condition(lock), async.condition(lock)
    local items, put, got = 0, 0, 0

    local function produce()
      for _ = 1, 3 do
        local permit <close> = lock:acquire()
        empty:wait_for(function() return items == 0 end)
        items = items + 1
        put = put + 1
        full:notify()
      end
    end

    local function consume()
      for _ = 1, 3 do
        local permit <close> = lock:acquire()
        full:wait_for(function() return items > 0 end)
        items = items - 1
        got = got + 1
        empty:notify()
      end
    end

    return function()
      probe:together({produce, consume}, 10)
    end, function(ended)
      assert.is_false(lock:locked())
      assert.equal(put, got + items)
      if not ended.is_injected then assert.same({3, 3}, {put, got}) end
    end
  end))

  it("gives up waiting at the deadline, with its lock", explored(function(probe)
    local condition = async.condition()
    local outcomes = {}

    local function wait(seconds)
      return function()
        local permit <close> = condition:acquire()
        local ok, err = pcall(async.wait_for, function() condition:wait() end, seconds)
        assert.is_true(condition:locked())
        assert.is_true(ok or async.is_error(err))
        outcomes[#outcomes + 1] = ok
        async.sleep(0)
      end
    end

    return function()
      probe:together({wait(1), wait(2), wait(3), function()
        async.sleep(2)
        local permit <close> = condition:acquire()
        condition:notify(2)
        async.sleep(1)
      end}, 10)
    end, function(ended)
      assert.is_false(condition:locked())
      if not ended.is_injected then assert.equal(3, #outcomes) end
    end
  end))
end)
