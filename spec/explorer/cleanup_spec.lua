-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("defer, explored:", function()
  it("calls once whatever happens, and to the end", explored(function(probe)
    local begun, ended_calls, blocks = 0, 0, 0
    local body = probe:alone(function()
      async.sleep(0)
      blocks = blocks + 1
      local _ <close> = async.defer(function()
        begun = begun + 1
        async.sleep(1)
        ended_calls = ended_calls + 1
      end)
      async.sleep(1)
    end)
    return function()
      probe:together {body, body}
    end, function()
      assert.same({blocks, blocks}, {begun, ended_calls})
    end
  end))
end)

describe("move_on_after, explored:", function()
  it("moves on at its own deadline alone, when the body has cleaned up", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local in_time = workers:left_by(async.move_on_after, 2, workers:body {seconds = 5, cleanup = 1})
      assert.is_false(in_time)
      return probe:elapsed()
    end, function(ended)
      if not ended.is_injected then assert.equal(3, ended.results[1]) end
      if ended.ok then assert.is_true(ended.results[1] <= 3) end
    end
  end))

  it("never throws a result away", explored(function()
    local had = 0
    return function()
      local in_time, value = async.move_on_after(2, function()
        pcall(async.sleep, 5)
        had = had + 1
        return "result"
      end)
      assert.same({true, "result"}, {in_time, value})
      had = had - 1
    end, function()
      assert.equal(0, had)
    end
  end))

  it("gives way to an outer cancellation", explored(function(probe)
    local went_on = false
    return function()
      local task <close> = async.spawn(function()
        async.move_on_after(3, function()
          local _ <close> = probe:closes(function()
            async.shield(function() async.sleep(2) end)
          end)
          async.sleep(5)
        end)
        went_on = true
      end)
      async.sleep(2)
      task:cancel()
      async.wait {task}
      return task:status()
    end, function(ended)
      if not ended.is_injected then assert.same({"cancelled", false}, {ended.results[1], went_on}) end
    end
  end))
end)

describe("catch, explored:", function()
  it("catches errors of the name and no cancellation of the task", explored(function(probe)
    local caught, cancelled = 0, 0
    local body = probe:alone(function()
      for _ = 1, 2 do
        local ok, err = async.catch({"Planned", "CancelledError"}, function()
          async.sleep(0.5)
          error(oracle.planned(), 0)
        end)
        assert.is_false(ok)
        if err.name == "Planned" then caught = caught + 1 else cancelled = cancelled + 1 end
      end
    end)
    return function()
      probe:together {body, body}
      return caught
    end, function(ended)
      assert.equal(0, cancelled)
      if not ended.is_injected then assert.equal(4, ended.results[1]) end
    end
  end))
end)

describe("task locals, explored:", function()
  it("are those of who spawned, at that moment, in any order", explored(function(probe)
    local value = async.task_local "default"
    local function check(expected)
      return probe:alone(function()
        async.sleep(0)
        assert.equal(expected, value:get())
        value:set "changed"
        async.sleep(0)
        assert.equal("changed", value:get())
      end)
    end
    return function()
      async.task_group(function(group)
        local first = group:spawn(check "default")
        value:set "one"
        first:on_done(function() assert.equal("one", value:get()) end)
        group:spawn(check "one")
        value:with("two", function()
          group:spawn(check "two")
          async.sleep(0)
        end)
        assert.equal("one", value:get())
      end)
    end
  end))
end)
