-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("timeout and wait_for, explored:", function()
  it("raise TimeoutError at the deadline, when the body has cleaned up", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local ok, err = pcall(function()
        workers:left_by(async.wait_for, workers:body {seconds = 5, cleanup = 1}, 2)
      end)
      assert.is_false(ok)
      if not async.is_error(err, "TimeoutError") then error(err, 0) end
      return probe:elapsed()
    end, function(ended)
      if not ended.is_injected then assert.equal(3, ended.results[1]) end
      if ended.ok then assert.is_true(ended.results[1] <= 3) end
    end
  end))

  it("never throw a result away", explored(function()
    local had = 0
    return function()
      local value = async.wait_for(function()
        pcall(async.sleep, 5)
        had = had + 1
        return "result"
      end, 2)
      assert.equal("result", value)
      had = had - 1
    end, function()
      assert.equal(0, had)
    end
  end))

  it("let the error of the body pass, at the deadline too", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      workers:left_by(async.wait_for, workers:body {seconds = 2, fails = true, cleanup = 1}, 2)
    end, function(ended)
      assert.is_false(ended.ok)
    end
  end, {allows = {"Planned", "TimeoutError"}}))

  it("cannot be confused with each other", explored(function()
    local seen = {}
    return function()
      local outer <close> = async.timeout(3)
      local ok, err = pcall(function()
        local scope <close> = async.timeout(2)
        local ok, err = pcall(async.wait_for, async.sleep, 1)
        assert.is_false(ok)
        if async.is_error(err, "TimeoutError") then seen[#seen + 1] = err.seconds end
        async.sleep(10)
      end)
      assert.is_false(ok)
      if async.is_error(err, "TimeoutError") then seen[#seen + 1] = err.seconds end
      local ok_after, err_after = pcall(async.sleep, 10)
      assert.is_false(ok_after)
      if outer:expired() then seen[#seen + 1] = 3 end
      error(err_after, 0)
    end, function(ended)
      assert.is_false(ended.ok)
      if not ended.is_injected then
        assert.same({2, 3}, {seen[#seen - 1], seen[#seen]})
        assert.is_true(async.is_error(ended.error, "TimeoutError"))
        assert.equal(3, ended.error.seconds)
      end
    end
  end, {allows = {"TimeoutError"}}))

  it("give way to an outer cancellation", explored(function(probe)
    local statuses = {}
    return function()
      local task <close> = async.spawn(function()
        async.wait_for(function()
          local _ <close> = probe:closes(function()
            async.shield(function() async.sleep(2) end)
          end)
          async.sleep(5)
        end, 3)
      end)
      async.sleep(2)
      task:cancel()
      async.wait {task}
      statuses[1] = task:status()
    end, function(ended)
      if not ended.is_injected then assert.same({"cancelled"}, statuses) end
    end
  end))

  it("give way to an outer cancellation that comes during their own cleanup", explored(function(probe)
    local statuses = {}
    return function()
      local task <close> = async.spawn(function()
        local scope <close> = async.timeout(1)
        async.task_group(function(group)
          group:spawn(async.wait_for, function()
            local _ <close> = probe:closes(function()
              async.shield(function() async.sleep(2) end)
            end)
            async.sleep(5)
          end, 0.5)
          async.sleep(0.75)
          group:cancel()
        end)
        return scope:expired()
      end)
      async.sleep(2)
      task:cancel()
      async.wait {task}
      statuses[1] = task:status()
    end, function(ended)
      if not ended.is_injected then assert.same({"cancelled"}, statuses) end
    end
  end))

  it("leave Futures alone and take Tasks along", explored(function(probe)
    local workers = oracle.workers(probe)
    local future = async.future()
    return function()
      assert.is_false(pcall(async.wait_for, future, 1))
      assert.is_false(future:done())
      local task <close> = async.spawn(workers:body {seconds = 5, cleanup = 1})
      workers:left_by(pcall, async.wait_for, task, 1)
      assert.is_true(task:done())
    end
  end))

  it("can be put off until they have expired", explored(function(probe)
    return function()
      local scope <close> = async.timeout(1)
      for _ = 1, 3 do
        async.sleep(0.75)
        scope:reschedule(1)
      end
      scope:reschedule(nil)
      async.sleep(5)
      assert.is_false(scope:expired())
      return probe:elapsed()
    end, function(ended)
      if ended.ok then assert.equal(7.25, ended.results[1]) end
    end
  end))

  it("of no time at all let through what is ready", explored(function(probe)
    local queue = async.queue()
    queue:try_put "item"
    return function()
      local ok, item = pcall(async.wait_for, function() return queue:get() end, 0)
      if not ok then error(item, 0) end
      assert.equal("item", item)
      local again, err = pcall(async.wait_for, function() return queue:get() end, 0)
      assert.is_false(again)
      if not async.is_error(err, "TimeoutError") then error(err, 0) end
      return probe:elapsed()
    end, function(ended)
      if ended.ok then assert.equal(0, ended.results[1]) end
    end
  end))
end)
