-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("map, explored:", function()
  it("never runs more than its limit, starts in order and gives all results", explored(function(probe)
    local workers = oracle.workers(probe)
    local started, most = {}, 0
    local work = workers:body {
      work = function(item, index)
        assert.equal(item, index * 10)
        started[#started + 1] = index
        most = math.max(most, workers.running)
        async.sleep(index % 2)
      end,
      value = "done",
    }
    return function()
      return workers:left_by(async.map, {10, 20, 30, 40, 50}, work, {limit = 2})
    end, function(ended)
      assert.is_true(most <= 2)
      if ended.ok then
        assert.same({"done", "done", "done", "done", "done", n = 5}, ended.results[1])
        assert.equal(5, #started)
      end
    end
  end))

  it("starts nothing more after an error", explored(function(probe)
    local workers = oracle.workers(probe)
    local started = 0
    local work = workers:body {
      work = function(item)
        started = started + 1
        async.sleep(item)
        if item == 2 then error(oracle.planned(), 0) end
      end,
    }
    return function()
      local ok, err = pcall(workers.left_by, workers, async.map, {1, 2, 1000, 1, 1}, work, {limit = 2})
      assert.is_true(probe:elapsed() < 1000) -- the third did not come to its end
      assert.is_false(ok)
      error(err, 0)
    end, function(ended)
      assert.is_false(ended.ok)
      if ended.hits == 0 then assert.same({3, 1}, {started, workers.ended}) end
    end
  end, {allows = {"Planned"}}))

  it("tells how far it is, once for each item", explored(function(probe)
    local workers = oracle.workers(probe)
    local told = 0
    return function()
      local _, errors = workers:left_by(async.map, {1, 2, 3}, workers:body {fails = true, cleanup = 0}, {
        return_errors = true,
        on_progress = function(finished, total)
          told = told + 1
          assert.same({told, 3}, {finished, total})
        end,
      })
      return errors.n
    end, function(ended)
      if ended.ok and ended.hits == 0 then assert.equal(3, told) end
      assert.is_true(told <= 3)
    end
  end))
end)
