-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

local MOST, PERIOD = 2, 3

--- A call that succeeded was granted when it returned; in any stretch of a period there are at most so many.
local function check_window(granted)
  for i = MOST + 1, #granted do assert.is_true(granted[i] - granted[i - MOST] >= PERIOD - 1e-6) end
end

describe("rate_limiter, explored:", function()
  it("grants no more than so many in any period, those who asked first before the others", explored(function(probe)
    local limiter = async.rate_limiter(MOST, PERIOD)
    local granted, asked, served = {}, {}, {}

    local function use(name, seconds)
      return function()
        for turn = 1, 2 do
          local call = {name = name, turn = turn}
          asked[#asked + 1] = call
          limiter:acquire()
          served[call] = probe:elapsed()
          granted[#granted + 1] = probe:elapsed()
          async.sleep(seconds)
        end
      end
    end

    return function()
      probe:together {use("a", 0), use("b", 1), use("c", 0)}
    end, function(ended)
      check_window(granted)
      local before = 0
      for _, call in ipairs(asked) do
        if served[call] then
          assert.is_true(served[call] >= before)
          before = served[call]
        end
      end
      if not ended.is_injected then
        assert.equal(6, #granted)
        assert.equal(2 * PERIOD, granted[6])
      end
    end
  end))

  it("forgets those who have given up", explored(function(probe)
    local limiter = async.rate_limiter(MOST, PERIOD)
    local granted = {}

    local function use(seconds, patience)
      return function()
        async.sleep(seconds)
        local ok, err = pcall(async.wait_for, function() limiter:acquire() end, patience)
        if ok then granted[#granted + 1] = probe:elapsed() else assert.is_true(async.is_error(err)) end
      end
    end

    return function()
      probe:together {use(0, 1), use(0, 1), use(0, 1), use(1, 2), use(2, 9)}
    end, function(ended)
      table.sort(granted)
      check_window(granted)
      if not ended.is_injected then assert.is_true(#granted >= 3 and granted[3] == PERIOD) end
    end
  end))
end)
