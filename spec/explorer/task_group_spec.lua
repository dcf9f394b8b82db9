-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

--- How many errors of that name are in the list of a GroupError.
local function count(err, name)
  local n = 0
  for _, inner in ipairs(err.errors) do
    if async.is_error(inner, name) then n = n + 1 end
  end
  return n
end

describe("task group, explored:", function()
  it("is left when all have ended, and not before", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      workers:left_by(function()
        local group <close> = async.task_group()
        group:spawn(workers:body {seconds = 2, cleanup = 1})
        group:spawn(workers:body {seconds = 1, work = function()
          group:spawn(workers:body {seconds = 3, cleanup = 1})
          async.sleep(1)
        end})
        async.sleep(1)
        group:spawn(workers:body {seconds = 0})
      end)
    end, function(ended)
      if not ended.is_injected then assert.equal(4, workers.ended) end
    end
  end))

  it("goes down as a whole, and tells each error once", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local ok, err = pcall(function()
        workers:left_by(function()
          local group <close> = async.task_group()
          group:spawn(workers:body {loses = true, cleanup = 1})
          group:spawn(workers:body {seconds = 1, fails = true})
          group:spawn(workers:body {seconds = 1, fails = true})
          async.sleep(5)
        end)
      end)
      if ok then return nil end -- those that were to fail have been cancelled
      if not async.is_error(err, "GroupError") then error(err, 0) end
      return #err.errors, count(err, "Planned"), probe:elapsed()
    end, function(ended)
      if ended.hits == 0 then assert.equal(ended.results[1], ended.results[2]) end
      if not ended.is_injected then assert.same({2, 2, 2, n = 3}, ended.results) end
    end
  end))

  it("goes down with its block, whose error is told too", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local ok, err = pcall(function()
        workers:left_by(async.task_group, function(group)
          group:spawn(workers:body {loses = true, cleanup = 1})
          async.sleep(1)
          error(oracle.planned(), 0)
        end)
      end)
      assert.is_false(ok)
      if not async.is_error(err, "GroupError") then error(err, 0) end
      return count(err, "Planned")
    end, function(ended)
      if ended.hits == 0 then assert.equal(1, ended.results[1]) end
    end
  end))

  it("can be cancelled, which is no failure", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      return workers:left_by(async.task_group, function(group)
        group:spawn(workers:body {loses = true, cleanup = 1})
        group:spawn(workers:body {loses = true})
        async.sleep(1)
        group:cancel()
        group:spawn(workers:body {loses = true})
        return "cancelled"
      end)
    end, function(ended)
      if not ended.is_injected then assert.equal("cancelled", ended.results[1]) end
      if ended.hits == 0 then assert.equal(0, workers.ended) end
    end
  end))

  it("is cancelled by one of its tasks", explored(function(probe)
    local workers = oracle.workers(probe)
    local reached = 0
    return function()
      workers:left_by(async.task_group, function(group)
        group:spawn(workers:body {loses = true, cleanup = 1})
        group:spawn(workers:body {work = function()
          async.sleep(1)
          group:cancel "enough"
        end})
        async.sleep(5)
        reached = reached + 1
      end)
      return probe:elapsed()
    end, function(ended)
      if ended.hits == 0 then assert.same({2, 0}, {ended.results[1], reached}) end
    end
  end))

  it("lets an outer cancellation pass bare", explored(function(probe)
    local workers = oracle.workers(probe)
    local outcome
    return function()
      local task <close> = async.spawn(function()
        workers:left_by(function()
          local group <close> = async.task_group()
          group:spawn(workers:body {loses = true, cleanup = 2})
          local inner <close> = async.task_group()
          inner:spawn(workers:body {loses = true, cleanup = 1})
        end)
      end)
      async.sleep(1)
      task:cancel()
      async.wait {task}
      outcome = task:status()
    end, function(ended)
      assert.equal(0, workers.ended)
      if not ended.is_injected then assert.equal("cancelled", outcome) end
    end
  end))

  it("in each other nests its errors", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local ok, err = pcall(function()
        workers:left_by(function()
          local outer <close> = async.task_group()
          outer:spawn(workers:body {loses = true, cleanup = 1})
          outer:spawn(probe:body(function()
            local inner <close> = async.task_group()
            inner:spawn(workers:body {seconds = 1, fails = true})
            inner:spawn(workers:body {loses = true, cleanup = 2})
          end))
        end)
      end)
      if ok then return nil end -- those that were to fail have been cancelled
      if not async.is_error(err, "GroupError") then error(err, 0) end
      return #err.errors, err:find "Planned" ~= nil
    end, function(ended)
      if ended.hits == 0 then assert.same({1, true, n = 2}, ended.results) end
    end
  end))
end)
