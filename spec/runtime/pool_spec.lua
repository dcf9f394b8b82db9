-- SPDX-License-Identifier: MIT
-- The pool of coroutines.
local async = require "saros"
local tasks = require "spec.support.tasks"

local inside, start, hang = tasks.inside, tasks.start, tasks.hang

-- The pool has no place for more of them; the main task has one.
local PLACES = 16384

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

  it("may be larger than the pool, which keeps what it has places for", inside(function()
    local first = burst(PLACES + 100)
    local second = burst(PLACES + 100)
    assert.equal(PLACES - 1, count(second, first))
    assert.equal(1, async.spawn(function() return 1 end):await())
  end))
end)

describe("the pool of coroutines", function()
  it("does not keep one that was closed or resumed by hand while its task waited", inside(function()
    local gone = setmetatable({}, {__mode = "k"})
    for _, finish in ipairs {coroutine.close, coroutine.resume} do
      for _ = 1, 10 do
        local thread
        local task = start(function()
          thread = coroutine.running()
          hang()
        end)
        finish(thread)
        async.wait {task}
        assert.equal("failed", task:status())
        gone[thread] = true
      end
    end
    burst(1) -- on whatever stack they stood last, something else stands there now
    collectgarbage()
    assert.is_nil(next(gone))
  end))

  it("leaves a task that waits no more of its function than is on its stack", inside(function()
    local weak = setmetatable({}, {__mode = "v"})
    local function spawn()
      local object = {}
      weak[1] = object
      return start(function() return hang(object) end)
    end
    local task = spawn()
    collectgarbage()
    assert.is_nil(weak[1])
    task:close()
  end))
end)
