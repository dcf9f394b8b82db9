-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

describe("event, explored:", function()
  it("wakes everybody who waits when it is set, even if it is cleared at once", explored(function(probe)
    local event = async.event()
    local waiting, woken, at_set = 0, 0, nil

    local function wait()
      waiting = waiting + 1
      event:wait()
      woken = woken + 1
    end

    local function set()
      async.sleep(0)
      async.sleep(0)
      at_set = waiting
      event:set()
      event:clear()
    end

    return function()
      probe:together({wait, wait, wait, set}, 10)
    end, function(ended)
      assert.is_false(event:is_set())
      if at_set then assert.is_true(woken <= at_set and woken >= at_set - ended.hits) end
    end
  end))

  it("lets everybody pass while it is set", explored(function(probe)
    local event = async.event()
    local passed = 0

    local function pass(seconds)
      return function()
        async.sleep(seconds)
        event:wait()
        event:wait()
        passed = passed + 1
      end
    end

    return function()
      event:set()
      probe:together {pass(0), pass(1), pass(1)}
    end, function(ended)
      assert.is_true(passed >= 3 - ended.hits)
    end
  end))

  it("is set for those who have waited in time, and not for the others", explored(function(probe)
    local event = async.event()
    local results = {}

    local function wait(name, seconds)
      return function()
        local ok, err = pcall(async.wait_for, function() event:wait() end, seconds)
        assert.is_true(ok or async.is_error(err))
        results[name] = ok
      end
    end

    return function()
      probe:together({
        wait("early", 1), wait("late", 3), wait("exact", 2),
        function()
          async.sleep(2)
          event:set()
        end,
      }, 10)
    end, function(ended)
      assert.is_not_true(results.early)
      if not ended.is_injected then assert.is_true(results.late) end
    end
  end))

  it("hands a turn to and fro", explored(function(probe)
    local ping, pong = async.event(), async.event()
    local log = {}

    local function play(mine, other, name)
      return function()
        for _ = 1, 3 do
          mine:wait()
          mine:clear()
          log[#log + 1] = name
          other:set()
        end
      end
    end

    return function()
      ping:set()
      probe:together({play(ping, pong, "ping"), play(pong, ping, "pong")}, 10)
    end, function(ended)
      for i, name in ipairs(log) do assert.equal(i % 2 == 1 and "ping" or "pong", name) end
      if not ended.is_injected then assert.equal(6, #log) end
    end
  end))
end)
