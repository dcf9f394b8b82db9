-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("race, explored:", function()
  it("is won by the first; the others have ended when it is left", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.race, {
        workers:body {loses = true, cleanup = 1},
        workers:body {seconds = 1, value = "fast"},
        workers:body {loses = true, cleanup = 2},
      }), probe:elapsed()
    end, function(ended)
      if ended.hits == 0 then assert.same({"fast", 3, n = 2}, ended.results) end
    end
  end))

  it("is won by the first of the list, if they end in one turn", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.race, {
        workers:body {loses = true},
        workers:body {seconds = 1, value = "second"},
        workers:body {seconds = 1, value = "third"},
      })
    end, function(ended)
      if ended.hits == 0 then assert.equal("second", ended.results[1]) end
    end
  end))

  it("can be lost to an error", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.race, {
        workers:body {loses = true, cleanup = 1},
        workers:body {seconds = 1, fails = true},
      })
    end, function(ended)
      if ended.hits == 0 then assert.is_true(async.is_error(ended.error, "Planned")) end
    end
  end, {allows = {"Planned"}}))

  it("of items for one queue loses none", explored(function(probe)
    local queue = async.queue()
    local got = 0
    for i = 1, 3 do queue:try_put(i) end
    return function()
      local function get() return queue:get() end
      assert.is_true(async.race {probe:body(get), probe:body(get)} ~= nil)
      got = 1
    end, function(ended)
      -- Both have got one; that of the loser is gone with its task, as in every race.
      assert.is_true(queue:size() >= 1)
      if ended.ok then assert.equal(1, got) end
    end
  end))
end)
