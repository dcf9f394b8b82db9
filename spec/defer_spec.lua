-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

-- A function that records its arguments.
local function recorder()
  local calls = {}
  return function(...) calls[#calls + 1] = table.pack(...) end, calls
end

describe("defer", function()
  it("calls the function with its arguments when the block is left", function()
    local fn, calls = recorder()
    do
      local _ <close> = async.defer(fn, 1, nil, 3, nil)
      assert.same({}, calls)
    end
    assert.same({ { 1, nil, 3, nil, n = 4 } }, calls)
  end)

  it("gives it the error that leaves the block, last, and lets that pass", function()
    local fn, calls = recorder()
    local mine = {}
    local err = support.failure(function()
      local _ <close> = async.defer(fn, "a", nil)
      error(mine)
    end)
    assert.equal(mine, err)
    assert.same({ { "a", nil, mine, n = 3 } }, calls)
    assert.is_false((pcall(function()
      local _ <close> = async.defer(fn)
      error(false)
    end)))
    assert.same({ false, n = 1 }, calls[2])
  end)

  it("calls in reverse order, as blocks are left", function()
    local order = {}
    do
      local _first <close> = async.defer(table.insert, order, "first")
      local _second <close> = async.defer(table.insert, order, "second")
    end
    assert.same({ "second", "first" }, order)
  end)

  it("lets the function wait when the task was cancelled", function()
    local cleaned
    local task = support.started(function()
      local _ <close> = async.defer(function(err)
        async.sleep(1)
        cleaned = err
      end)
      async.sleep(math.huge)
    end)
    task:cancel("stop")
    assert.equal("cancelled", (support.outcome(task)))
    assert.equal("stop", cleaned.reason)
  end)

  it("is out of reach of a cancellation that comes while it waits", function()
    local done = false
    local task = support.started(function()
      local _ <close> = async.defer(function()
        async.sleep(1)
        done = true
      end)
    end)
    task:cancel()
    async.wait { task }
    assert.is_true(done)
  end)

  it("lets the function wait when a deadline has passed", function()
    local waited = false
    support.raises("TimeoutError", function()
      local deadline <close> = async.timeout(1)
      local _ <close> = async.defer(function()
        async.sleep(1)
        waited = true
      end)
      async.sleep(5)
    end)
    assert.is_true(waited)
  end)

  it("lets an error of the function leave the block, in place of that of the block", function()
    local err = support.failure(function()
      local _ <close> = async.defer(error, "of the cleanup", 0)
    end)
    assert.equal("of the cleanup", err)
    err = support.failure(function()
      local _ <close> = async.defer(function(first) error("after " .. first, 0) end)
      error("the block", 0)
    end)
    assert.equal("after the block", err)
  end)

  it("can be called before the end of the block, and is called once", function()
    local fn, calls = recorder()
    do
      local deferred <close> = async.defer(fn, 1)
      deferred:close()
      assert.same({ { 1, n = 1 } }, calls)
      deferred:close()
    end
    assert.equal(1, #calls)
  end)

  it("is called once also if it fails", function()
    local count = 0
    support.failure(function()
      local deferred <close> = async.defer(function()
        count = count + 1
        error "oops"
      end)
      deferred:close()
    end)
    assert.equal(1, count)
  end)

  it("calls the function where nothing can wait: outside of a run, in a coroutine, below C", outside(function()
    local fn, calls = recorder()
    local function use() local _ <close> = async.defer(fn) end
    use()
    async.run(function()
      coroutine.wrap(use)()
      table.sort({ 1, 2 }, function(a, b)
        use()
        return a < b
      end)
    end)
    assert.is_true(#calls >= 3)
  end))

  it("is called for a task that is closed by force", outside(function()
    local fn, calls = recorder()
    support.reported(async.run, function()
      async.spawn(function()
        local _ <close> = async.defer(fn)
        while true do pcall(async.sleep, 1) end
      end)
      async.sleep(0)
    end)
    assert.equal(1, #calls)
  end))

  it("names the place of one that was made without <close>, in debug mode", outside(function()
    local script = require "spec.support.script"
    local result = script [[
      async.debug(true)
      async.defer(print)
      collectgarbage()
    ]]
    assert.matches("deferred call.*:3", result.err)
  end))

  it("refuses other arguments", function()
    support.refuses(1, "defer", async.defer)
    support.refuses(1, "defer", async.defer, {})
    local deferred <close> = async.defer(print)
    support.complains("deferred:close", deferred.close, {})
    deferred.close(deferred)
  end)
end)
