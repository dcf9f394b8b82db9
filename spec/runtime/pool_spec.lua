-- SPDX-License-Identifier: MIT
-- The coroutines that wait for a task.
local async = require "saros"
local tasks = require "spec.support.tasks"

local inside = tasks.inside

--- Runs n tasks that all wait at once; returns the set of their coroutines, which does not hold them.
local function burst(n)
  local coroutines = setmetatable({}, {__mode = "k"})
  async.task_group(function(group)
    for _ = 1, n do
      group:spawn(function()
        coroutines[coroutine.running()] = true
        async.sleep(0)
      end)
    end
  end)
  return coroutines
end

local function count(set, other)
  local n = 0
  for co in pairs(set) do
    if not other or other[co] then n = n + 1 end
  end
  return n
end

describe("a burst of tasks", function()
  it("leaves its coroutines to the next one", inside(function()
    local first = burst(5000)
    local second = burst(5000)
    assert.equal(5000, count(second, first))
  end))

  it("gives back what nobody needs after it", inside(function()
    local coroutines = burst(5000)
    local function left()
      collectgarbage()
      return count(coroutines)
    end
    assert.equal(5000, left())
    local limit = os.time() + 60
    while left() > 2500 and os.time() < limit do async.sleep(1) end
    assert.is_true(left() <= 2500)
    assert.is_true(left() >= 1000) -- so many are kept
  end))
end)
