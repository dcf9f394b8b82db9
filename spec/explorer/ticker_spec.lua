-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

local NEAR = 1e-6 -- seconds

--- Calls fn(n) for so many ticks and checks each: it has the number of the latest tick, and comes when that is due,
--- or at once if that is over.
local function ticks(probe, interval, count, fn)
  local began, asked, last, seen = probe:elapsed(), probe:elapsed(), 0, 0
  for n in async.ticker(interval) do
    local came = probe:elapsed()
    assert.is_true(n > last)
    assert.equal(n, (came - began + NEAR) // interval)
    assert.is_true(math.abs(came - math.max(asked, began + n * interval)) < NEAR)
    last, seen = n, seen + 1
    if seen == count then break end
    fn(n)
    asked = probe:elapsed()
  end
end

describe("ticker, explored:", function()
  it("keeps to its rate, however long its body and the others take", explored(function(probe)
    local ended_at = {}
    local function run(name, interval, work)
      return function()
        ticks(probe, interval, 4, function(n) async.sleep(work * (n % 2)) end)
        ended_at[name] = probe:elapsed()
      end
    end
    return function()
      probe:together {run("steady", 1, 0.25), run("late", 1, 2.5), run("busy", 0.5, 0.5)}
    end, function(ended)
      if not ended.is_injected then assert.same({steady = 4, late = 7, busy = 2}, ended_at) end
    end
  end))

  it("leaves nothing behind when its loop is left", explored(function(probe)
    local left = 0
    local function run(fn)
      return function()
        local _ <close> = probe:closes(function() left = left + 1 end)
        ticks(probe, 1, 3, fn)
      end
    end
    return function()
      probe:together {
        run(function() end),
        run(function() async.shield(function() async.sleep(1.5) end) end),
        function() async.wait_for(run(async.sleep), 2.5) end,
      }
    end, function(ended)
      assert.is_true(left >= 3 - ended.hits)
    end
  end, {allows = {"TimeoutError"}}))

  it("of two tasks gives each tick to one of them", explored(function(probe)
    local seen, got = {}, 0
    return function()
      local tick = async.ticker(1)
      local lock = async.lock()
      local function take()
        for _ = 1, 2 do
          local permit <close> = lock:acquire()
          local n = tick()
          assert.is_nil(seen[n])
          seen[n], got = true, got + 1
        end
      end
      probe:together {take, take}
    end, function(ended)
      if not ended.is_injected then assert.same({4, 4}, {got, #seen}) end
    end
  end))
end)
