-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("any, explored:", function()
  it("is won by the first that succeeds", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.any, {
        workers:body {seconds = 1, fails = true, cleanup = 1},
        workers:body {seconds = 4, value = "slow", cleanup = 1},
        workers:body {seconds = 2, value = "fast"},
      }), probe:elapsed()
    end, function(ended)
      -- The first has cleaned up at 2, the last at 3: in every order of the tasks, and without the slow one's work.
      if ended.hits == 0 then
        assert.same({"fast", 3, n = 2}, ended.results)
        assert.equal(2, workers.ended)
      end
      if ended.hits == 1 then assert.is_true(ended.ok) end
    end
  end, {allows = {"Planned"}}))

  it("cancels a loser that would never end", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.any, {
        workers:body {loses = true, cleanup = 1},
        function()
          async.sleep(1)
          return "winner"
        end,
        workers:body {loses = true},
      })
    end, function(ended)
      if ended.hits == 0 then assert.equal("winner", ended.results[1]) end
    end
  end))

  it("raises all errors in the order of the list, if nobody succeeds", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      workers:left_by(async.any, {
        workers:body {seconds = 2, fails = true},
        workers:body {seconds = 1, fails = true, cleanup = 2},
        workers:body {seconds = 1, fails = true},
      })
    end, function(ended)
      assert.is_false(ended.ok)
      if ended.hits < math.huge then
        assert.is_true(async.is_error(ended.error, "GroupError"))
        assert.equal(3, #ended.error.errors)
      end
    end
  end, {allows = {"Planned"}}))
end)
