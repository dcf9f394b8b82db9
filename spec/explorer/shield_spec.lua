-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

describe("shield, explored:", function()
  it("comes to its end, whatever happens outside", explored(function(probe)
    local begun, finished = 0, 0

    local function work()
      async.sleep(0)
      async.shield(function()
        begun = begun + 1
        async.sleep(1)
        async.sleep(0)
        finished = finished + 1
      end)
      async.sleep(1)
    end

    return function()
      probe:together {work, work, work}
    end, function()
      assert.equal(begun, finished)
    end
  end))

  it("keeps its result; the cancellation comes at the next await", explored(function(probe)
    local results, went_on = 0, 0

    local function work()
      local value = async.shield(function()
        async.sleep(2)
        return "result"
      end)
      assert.equal("result", value)
      results = results + 1
      async.sleep(0)
      went_on = went_on + 1
    end

    return function()
      async.task_group(function(group)
        for _ = 1, 2 do group:spawn(probe:body(work)) end
        async.sleep(1)
        group:cancel()
      end)
    end, function(ended)
      if ended.hits == 0 then assert.same({2, 0}, {results, went_on}) end
    end
  end))

  it("holds back for as long as it was told to", explored(function(probe)
    local took
    return function()
      local task <close> = async.spawn(function()
        local began = probe:elapsed()
        local _ <close> = probe:closes(function() took = probe:elapsed() - began end)
        async.shield(function() async.sleep(10) end, 2)
      end)
      async.sleep(1)
      task:cancel()
      async.wait {task}
      assert.equal("cancelled", task:status())
    end, function(ended)
      if took then assert.is_true(took <= 4) end
      if not ended.is_injected then assert.equal(3, took) end
    end
  end))

  it("does not hold back what is inside it", explored(function()
    local timeouts = 0
    return function()
      async.shield(function()
        local ok, err = pcall(async.wait_for, function() async.sleep(5) end, 1)
        assert.is_false(ok)
        assert.is_true(async.is_error(err, "TimeoutError"))
        async.task_group(function(group)
          group:spawn(async.sleep, 5)
          async.sleep(1)
          group:cancel()
        end)
        timeouts = timeouts + 1
      end)
    end, function(ended)
      assert.is_true(timeouts == 1 or not ended.ok and ended.is_injected and timeouts == 0)
    end
  end))

  it("in a shield is as good as one", explored(function(probe)
    local inner, outer = 0, 0
    return function()
      probe:together({function()
        async.shield(function()
          async.shield(function() async.sleep(2) end, 1)
          inner = inner + 1
          async.sleep(1)
          outer = outer + 1
        end)
      end, function() async.sleep(1) end}, 1.5)
    end, function(ended)
      assert.equal(inner, outer)
      if ended.hits == 0 then assert.equal(1, outer) end
    end
  end))

  it("awaits a task without taking it along", explored(function(probe)
    local finished = false
    return function()
      local task <close> = async.spawn(function()
        async.sleep(3)
        finished = true
        return "value"
      end)
      async.task_group(function(group)
        group:spawn(probe:body(function()
          local ok, value = pcall(async.shield, task)
          assert.is_true(ok and value == "value" or async.is_error(value, "CancelledError"))
        end))
        async.sleep(1)
        group:cancel()
      end)
      return finished
    end, function(ended)
      if ended.hits == 0 then assert.is_true(ended.results[1]) end
    end
  end))
end)
