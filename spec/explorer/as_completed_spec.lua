-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("as_completed, explored:", function()
  it("gives each once, in the order in which they end", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local seen, before = {}, 0
      local list = {
        workers:body {seconds = 2, value = 1},
        workers:body {seconds = 0, value = 2},
        workers:body {seconds = 1, fails = true},
        workers:body {seconds = 1, value = 4},
      }
      workers:left_by(function()
        for i, task in async.as_completed(list) do
          assert.is_true(task:done())
          assert.is_nil(seen[i])
          assert.is_true(probe:elapsed() >= before)
          before = probe:elapsed()
          seen[i] = true
          if i ~= 3 and task:status() == "done" and not task:error() then
            local value = task:await()
            assert.is_true(value == nil or value == i)
          end
        end
      end)
      return #seen
    end, function(ended)
      if ended.ok then assert.equal(4, ended.results[1]) end
      if ended.hits < math.huge then assert.is_true(ended.ok) end
    end
  end, {allows = {"Planned"}})) -- it is reported, if the loop was left before its turn

  it("leaves nothing running behind when the loop is left", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      workers:left_by(function()
        for i, task in async.as_completed {
          workers:body {loses = true, cleanup = 1}, workers:body {seconds = 1, cleanup = 2}, workers:body {seconds = 2},
        } do
          assert.is_true(task:done())
          if i > 1 then return end
        end
      end)
      return "left"
    end, function(ended)
      if ended.hits < math.huge then assert.equal("left", ended.results[1]) end
    end
  end))

  it("leaves alone what it was given", explored(function(probe)
    local workers = oracle.workers(probe)
    local future = async.future()
    return function()
      local task <close> = async.spawn(workers:body {seconds = 3, value = "task"})
      local seen = 0
      for _ in async.as_completed {task, workers:body {seconds = 1}, future} do
        seen = seen + 1
        if seen == 1 then break end
      end
      assert.is_false(future:done())
      return task:await()
    end, function(ended)
      if ended.hits == 0 then assert.equal("task", ended.results[1]) end
    end
  end))
end)
