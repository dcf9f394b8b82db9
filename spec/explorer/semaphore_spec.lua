-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("semaphore, explored:", function()
  it("permits are conserved and go to those who asked first", explored(function(probe)
    local semaphore = async.semaphore(2)
    local permits = oracle.permits(2)

    local function use(seconds)
      return function()
        local _ <close> = probe:closes()
        local permit <close> = permits:acquire(semaphore.acquire, semaphore)
        async.sleep(seconds)
      end
    end

    return function()
      probe:together {use(1), use(0), use(1), use(2)}
    end, function()
      permits:check()
      assert.equal(2, semaphore:available())
    end
  end))

  it("who comes back gets behind those who wait", explored(function(probe)
    local semaphore = async.semaphore(1)
    local permits = oracle.permits(1)

    local function use()
      for _ = 1, 3 do
        local permit <close> = permits:acquire(semaphore.acquire, semaphore)
        async.sleep(0)
      end
    end

    return function()
      probe:together {use, use, use}
    end, function(ended)
      local got = permits:check()
      if not ended.is_injected then assert.equal(9, got) end
      assert.equal(1, semaphore:available())
    end
  end))

  it("a permit that comes with the deadline is had or given back", explored(function(probe)
    local semaphore = async.semaphore(1)
    local permits = oracle.permits(1)

    local function use(seconds)
      return function()
        local ok, permit = pcall(async.wait_for, function()
          return permits:acquire(semaphore.acquire, semaphore)
        end, seconds)
        if not ok then return assert.is_true(async.is_error(permit)) end
        local held <close> = permit
        async.sleep(1)
      end
    end

    return function()
      probe:together {use(0), use(1), use(2), use(2)}
    end, function()
      permits:check()
      assert.equal(1, semaphore:available())
    end
  end))

  it("nobody gets a permit by trying while others wait", explored(function(probe)
    local semaphore = async.semaphore(1)
    local waiting, tried = 0, 0

    local function wait()
      waiting = waiting + 1
      local _ <close> = probe:closes(function() waiting = waiting - 1 end)
      semaphore:with(async.sleep, 1)
    end

    local function try()
      for _ = 1, 3 do
        local permit <close> = semaphore:try_acquire()
        if permit then tried = tried + 1 end
        async.sleep(0.5)
      end
    end

    return function()
      probe:together {wait, wait, try}
    end, function()
      assert.is_true(waiting == 0 and tried <= 3)
      assert.equal(1, semaphore:available())
    end
  end))

  it("several at once are had in turn, all or none", explored(function(probe)
    local semaphore = async.semaphore(3)
    local held, asked = 0, 0

    local function use(count)
      return function()
        asked = asked + 1
        local turn = asked
        local permit <close> = semaphore:acquire(count)
        assert(semaphore:waiting() <= asked - turn, "somebody was overtaken")
        held = held + count
        assert(held <= 3)
        local _ <close> = probe:closes(function() held = held - count end)
        async.sleep(1)
      end
    end

    return function()
      probe:together {use(2), use(3), use(1), use(2), use(1)}
    end, function()
      assert.same({3, 0}, {semaphore:available(), semaphore:waiting()})
    end
  end))

  it("release by somebody else wakes the next, once", explored(function(probe)
    local semaphore = async.semaphore(2)
    local got, released = 0, 0

    local function take()
      semaphore:acquire()
      got = got + 1
    end

    local function give()
      while released < 3 do
        async.sleep(1)
        if semaphore:available() < 2 then
          semaphore:release()
          released = released + 1
        end
      end
    end

    return function()
      probe:together({take, take, take, take, give}, 10)
    end, function()
      assert.equal(2, semaphore:available() + got - released)
    end
  end))

  it("what a race acquires is given back", explored(function(probe)
    local semaphore = async.semaphore(1)
    local permits = oracle.permits(1)

    local function use()
      local permit <close> = permits:acquire(semaphore.acquire, semaphore)
      async.sleep(1)
      return true
    end

    return function()
      assert.is_true(async.race {probe:body(use), probe:body(use), probe:body(use)})
    end, function()
      permits:check()
      assert.equal(1, semaphore:available())
    end
  end))
end)
