-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("gather, explored:", function()
  it("gives the results in the order of the list", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.gather,
        workers:body {seconds = 2, value = "a"},
        workers:body {seconds = 0, value = "b"},
        workers:body {seconds = 1, value = "c", cleanup = 1})
    end, function(ended)
      if ended.ok then assert.same({"a", "b", "c", n = 3}, ended.results) end
      if workers.ended < 3 then assert.is_true(ended.hits > 0) end
    end
  end))

  it("raises the first error when the others have ended", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      workers:left_by(async.gather, {
        workers:body {loses = true, cleanup = 1},
        workers:body {seconds = 1, fails = true},
        workers:body {seconds = 1, fails = true, cleanup = 2},
      })
    end, function(ended)
      assert.is_false(ended.ok)
      if not ended.is_injected then assert.is_true(async.is_error(ended.error, "Planned")) end
    end
  end, {allows = {"Planned"}}))

  it("keeps errors beside the results, if it is asked to", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local results, errors = workers:left_by(async.gather, {
        workers:body {seconds = 1, value = "a"},
        workers:body {seconds = 1, fails = true},
        workers:body {seconds = 0, value = "c", cleanup = 1},
      }, {return_errors = true})
      for i = 1, 3 do assert.is_true((results[i] == nil) ~= (errors[i] == nil)) end
      return results.n, errors.n
    end, function(ended)
      if ended.ok then assert.same({3, 3, n = 2}, ended.results) end
      if ended.hits < math.huge then assert.is_true(ended.ok) end
    end
  end))

  it("takes Tasks along, and leaves Futures alone", explored(function(probe)
    local workers = oracle.workers(probe)
    local future = async.future()
    return function()
      local first <close> = async.spawn(workers:body {seconds = 3, value = "first", cleanup = 1})
      local second <close> = async.spawn(workers:body {seconds = 1, value = "second"})
      local function settle()
        async.sleep(2)
        future:set "future"
        return "settled"
      end
      local ok, err = pcall(function()
        return workers:left_by(async.gather, {first, future, probe:body(settle), second})
      end)
      assert.is_true(first:done() and second:done())
      if not ok then error(err, 0) end
      return table.unpack(err)
    end, function(ended)
      if ended.ok then assert.same({"first", "future", "settled", "second", n = 4}, ended.results) end
    end
  end))

  it("in each other goes down as a whole", explored(function(probe)
    local workers = oracle.workers(probe)
    local function inner()
      async.gather(workers:body {loses = true, cleanup = 1}, workers:body {loses = true})
    end
    return function()
      workers:left_by(async.gather, {
        probe:body(inner), probe:body(inner), workers:body {seconds = 2, fails = true},
      })
    end, function(ended)
      assert.is_false(ended.ok)
    end
  end, {allows = {"Planned"}}))
end)
