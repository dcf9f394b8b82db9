-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local function raising(err)
  return function() error(err, 0) end
end

describe("catch", function()
  local timed_out = async.error { name = "TimeoutError", message = "late" }

  it("returns true and all results, also those that are nil", function()
    local results = table.pack(async.catch("TimeoutError", function(...) return ... end, 1, nil, 3, nil))
    assert.same({ true, 1, nil, 3, nil, n = 5 }, results)
  end)

  it("catches Error objects of the name, and gives the error itself", function()
    local ok, err, more = async.catch("TimeoutError", raising(timed_out))
    assert.same({ false, timed_out, nil }, { ok, err, more })
    assert.is_true(rawequal(timed_out, err))
  end)

  it("catches those of any name in a list", function()
    assert.is_false((async.catch({ "FetchError", "TimeoutError" }, raising(timed_out))))
    assert.equal(timed_out, support.failure(async.catch, { "FetchError", "HTTPError" }, raising(timed_out)))
    assert.equal(timed_out, support.failure(async.catch, {}, raising(timed_out)))
  end)

  it("lets every other error pass as it is", function()
    local table_of_mine = setmetatable({ name = "TimeoutError" }, { __index = error })
    for _, err in ipairs { "TimeoutError", 5, false, table_of_mine, async.error { name = "FetchError" } } do
      local ok, passed = pcall(async.catch, "TimeoutError", raising(err))
      assert.is_false(ok)
      assert.is_true(rawequal(err, passed))
    end
    assert.is_false((pcall(async.catch, "TimeoutError", raising(nil))))
  end)

  it("does not look into groups, and not at fields that a metatable gives", function()
    local group = async.error { name = "GroupError", errors = { timed_out } }
    assert.equal(group, support.failure(async.catch, "TimeoutError", raising(group)))
  end)

  it("lets the function wait", function()
    local ok, err = async.catch("TimeoutError", async.wait_for, function() async.sleep(5) end, 2)
    assert.is_false(ok)
    assert.equal(2, err.seconds)
    local results = table.pack(async.catch("TimeoutError", support.after(1, "a", nil)))
    assert.same({ true, "a", nil, n = 3 }, results)
  end)

  it("calls whatever can be called", function()
    local callable = setmetatable({}, { __call = function(_, value) return value end })
    assert.same({ true, 7 }, { async.catch("Error", callable, 7) })
  end)

  it("lets a cancellation of the calling task pass, whatever the name", function()
    local caught = {}
    local task = support.started(function()
      caught[1] = async.catch({ "CancelledError", "TimeoutError" }, async.sleep, 5)
    end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.same({}, caught)
  end)

  it("catches the cancellation of another task, and that of a scope that was left", function()
    local other = support.started(async.sleep, 5)
    other:cancel()
    assert.is_false((async.catch("CancelledError", other.await, other)))
    assert.is_false((async.catch("CancelledError", function()
      local group <close> = async.task_group()
      group:cancel()
      async.sleep(1)
    end)))
  end)

  it("keeps where a passing string error came from", outside(function()
    local err = support.failure(async.run, function()
      async.catch("TimeoutError", function()
        local function deep() error "oops" end
        async.sleep(0)
        deep()
      end)
    end)
    assert.matches("oops.-\n.-in .-'deep'", err)
  end))

  it("refuses other arguments before it calls anything", function()
    local called = false
    local function fn() called = true end
    support.refuses(1, "catch", async.catch)
    support.refuses(1, "catch", async.catch, 5, fn)
    support.refuses(1, "catch", async.catch, { "a", 1 }, fn)
    support.refuses(1, "catch", async.catch, { name = "a" }, fn)
    support.refuses(2, "catch", async.catch, "a")
    support.refuses(2, "catch", async.catch, "a", {})
    assert.is_false(called)
  end)

  it("works outside of a run", outside(function()
    assert.is_false((async.catch("TimeoutError", raising(timed_out))))
  end))
end)
