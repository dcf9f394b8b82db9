-- SPDX-License-Identifier: MIT
local async = require "saros"
local counter = require("spec.support.bodies").counter
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("map over a count, explored:", function()
  it("never runs more than its limit and gives all results", explored(function(probe)
    local workers = oracle.workers(probe)
    local most = 0
    local work = workers:body {
      work = function(item)
        most = math.max(most, workers.running)
        async.sleep(item % 2)
      end,
      value = "done",
    }
    return function()
      return workers:left_by(async.map, 4, work, {limit = 2})
    end, function(ended)
      assert.is_true(most <= 2)
      if ended.ok then assert.same({"done", "done", "done", "done", n = 4}, ended.results[1]) end
    end
  end))
end)

describe("map over an iterator, explored:", function()
  it("asks only when there is room, and gives all results", explored(function(probe)
    local workers = oracle.workers(probe)
    local next_item = counter(4, 0.5)
    local most = 0
    local work = workers:body {
      work = function(item)
        most = math.max(most, workers.running)
        async.sleep(item % 2 + 0.25)
      end,
      value = "done",
    }
    return function()
      return workers:left_by(async.map, function()
        assert.is_true(workers.running < 2)
        return next_item()
      end, work, {limit = 2})
    end, function(ended)
      assert.is_true(most <= 2)
      if ended.ok then assert.same({"done", "done", "done", "done", n = 4}, ended.results[1]) end
    end
  end))

  it("loses no item of a queue that it has not begun with", explored(function(probe)
    local workers = oracle.workers(probe)
    local queue = async.queue()
    local begun = {}
    for i = 1, 3 do queue:try_put(i) end
    local work = workers:body {
      work = function(item)
        begun[#begun + 1] = item
        async.sleep(1)
      end,
    }
    return function()
      local held <close> = async.spawn(probe:alone(function()
        local _ <close> = async.defer(function() queue:close() end)
        async.sleep(1.5)
      end))
      workers:left_by(async.map, queue, work, {limit = 2})
    end, function(ended)
      if not ended.ok then return end
      table.sort(begun)
      assert.same({1, 2, 3}, begun)
    end
  end))

  it("ends by the first error of an item, though the iterator waits", explored(function(probe)
    local workers = oracle.workers(probe)
    local work = workers:body {
      work = function(item)
        async.sleep(item)
        if item == 1 then error(oracle.planned(), 0) end
        async.sleep(1000)
      end,
      cleanup = 1,
    }
    local next_item = counter(2, 0.25)
    return function()
      workers:left_by(async.map, function()
        local _ <close> = probe:closes(function()
          async.shield(function() async.sleep(0.5) end)
        end)
        return next_item() or async.sleep(1000)
      end, work)
    end, function(ended)
      assert.is_false(ended.ok)
    end
  end, {allows = {"Planned"}}))

  it("ends by an error of the iterator, when all is joined", explored(function(probe)
    local workers = oracle.workers(probe)
    local next_item = counter(2, 0.25)
    return function()
      workers:left_by(async.map, function()
        return next_item() or error(oracle.planned(), 0)
      end, workers:body {loses = true, cleanup = 1}, {return_errors = true})
    end, function(ended)
      assert.is_false(ended.ok)
    end
  end, {allows = {"Planned"}}))
end)
