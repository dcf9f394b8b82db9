-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("lock, explored:", function()
  it("has one owner at a time, those who asked first before the others", explored(function(probe)
    local lock = async.lock()
    local owners = oracle.permits(1)

    local function use(seconds)
      return function()
        for _ = 1, 2 do
          local permit <close> = owners:acquire(lock.acquire, lock)
          async.sleep(seconds)
        end
      end
    end

    return function()
      probe:together {use(0), use(1), use(0)}
    end, function(ended)
      local got = owners:check()
      if not ended.is_injected then assert.equal(6, got) end
      assert.is_false(lock:locked())
    end
  end))

  it("is released whatever happens while it is held", explored(function(probe)
    local lock = async.lock()

    local function use()
      lock:with(function()
        local _ <close> = probe:closes(function()
          async.shield(function() async.sleep(1) end)
          assert.is_true(lock:locked())
        end)
        async.sleep(1)
      end)
    end

    return function()
      probe:together {use, use, use}
    end, function()
      assert.is_false(lock:locked())
    end
  end))

  it("that comes with the deadline is had or given back", explored(function(probe)
    local lock = async.lock()
    local owners = oracle.permits(1)

    local function use(seconds)
      return function()
        local ok, permit = pcall(async.wait_for, function() return owners:acquire(lock.acquire, lock) end, seconds)
        if not ok then return assert.is_true(async.is_error(permit)) end
        local held <close> = permit
        async.sleep(1)
      end
    end

    return function()
      probe:together {use(1), use(1), use(2), use(3)}
    end, function()
      owners:check()
      assert.is_false(lock:locked())
    end
  end))

  it("that its owner leaves behind goes to the next, and that is reported", explored(function(probe)
    local lock = async.lock()
    local reports, got = 0, 0

    local function forget()
      lock:acquire()
      got = got + 1
      async.sleep(1)
    end

    return function()
      async.on_error(function(err)
        assert.is_string(err)
        reports = reports + 1
      end)
      probe:together {forget, forget, forget}
    end, function(ended)
      assert.equal(got, reports)
      if not ended.is_injected then assert.equal(3, got) end
      assert.is_false(lock:locked())
    end
  end))

  it("taken twice by one task is a deadlock that is told at once", explored(function(probe)
    local lock = async.lock()
    local told = 0

    local function twice()
      local permit <close> = lock:acquire()
      async.sleep(0)
      local _, err = pcall(lock.acquire, lock)
      if async.is_error(err, "DeadlockError") then told = told + 1 end
      assert.is_true(lock:locked())
    end

    return function()
      probe:together {twice, twice}
    end, function(ended)
      assert.is_true(told >= 2 - ended.hits)
      assert.is_false(lock:locked())
    end
  end))
end)
