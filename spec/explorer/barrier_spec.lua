-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

describe("barrier, explored:", function()
  it("lets all through when all are there, each with its number, again and again", explored(function(probe)
    local barrier = async.barrier(3)
    local rounds = {{}, {}}

    local function walk()
      for round = 1, 2 do
        async.sleep(round)
        table.insert(rounds[round], barrier:wait())
      end
    end

    return function()
      probe:together({walk, walk, walk}, 10)
    end, function(ended)
      for _, numbers in ipairs(rounds) do
        table.sort(numbers)
        for i = 2, #numbers do assert.is_true(numbers[i - 1] < numbers[i]) end
        if not ended.is_injected then assert.same({1, 2, 3}, numbers) end
      end
    end
  end))

  it("does not count those who have left", explored(function(probe)
    local barrier = async.barrier(2)
    local passed = 0

    local function pass(seconds, patience)
      return function()
        async.sleep(seconds)
        local ok, err = pcall(async.wait_for, function() return barrier:wait() end, patience)
        if ok then passed = passed + 1 else assert.is_true(async.is_error(err)) end
      end
    end

    return function()
      probe:together({pass(0, 1), pass(1, 1), pass(2, 5), pass(3, 5), pass(4, 5)}, 20)
    end, function(ended)
      -- Nobody passes alone: whoever had got the number of the last was let through with another, who may have
      -- been cancelled only after that.
      assert.is_true(passed % 2 == 0)
      if not ended.is_injected then assert.is_true(passed >= 2) end
    end
  end))
end)
