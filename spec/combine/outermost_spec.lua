-- SPDX-License-Identifier: MIT
-- A scope is cancelled, and while what is inside cleans up a scope around it is cancelled, too.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

--- Waits; what it does when it is cancelled takes two seconds, whatever comes meanwhile.
local function slow_cleanup()
  local _ <close> = setmetatable({}, {__close = function()
    async.shield(function() async.sleep(2) end)
  end})
  async.sleep(math.huge)
end

local function tasks_of(body)
  return function()
    async.task_group(function(group)
      for _ = 1, 3 do group:spawn(body) end
    end)
  end
end

--- Inner scopes that are cancelled after one second; `body` runs in them.
local inner = {
  ["timeout"] = function(body)
    local _ <close> = async.timeout(1)
    body()
  end,
  ["wait_for of a function"] = function(body) async.wait_for(body, 1) end,
  ["wait_for of a task"] = function(body) async.wait_for(async.spawn(body), 1) end,
  ["group as a block"] = function(body)
    local group <close> = async.task_group()
    group:spawn(function()
      async.sleep(1)
      group:cancel()
    end)
    body()
  end,
  ["group as a block that has come to its end"] = function(body)
    local group <close> = async.task_group()
    group:spawn(body)
    group:spawn(function()
      async.sleep(1)
      group:cancel()
    end)
  end,
  ["group as a function"] = function(body)
    async.task_group(function(group)
      group:spawn(function()
        async.sleep(1)
        group:cancel()
      end)
      body()
    end)
  end,
  ["group as a function that has come to its end"] = function(body)
    async.task_group(function(group)
      group:spawn(body)
      async.sleep(1)
      group:cancel()
    end)
  end,
  ["shield with a limit, in a timeout"] = function(body)
    local _ <close> = async.timeout(0.5)
    async.shield(body, 0.5)
  end,
}

--- Ways to run the body further inside.
local bodies = {
  ["itself"] = function(body) return body end,
  ["gather"] = function(body) return function() async.gather(body, body) end end,
  ["race"] = function(body) return function() async.race {body, body} end end,
  ["any"] = function(body) return function() async.any {body, body} end end,
  ["map"] = function(body) return function() async.map({1, 2}, body) end end,
  ["as_completed"] = function(body)
    return function()
      for _ in async.as_completed {body, body} do error "nothing has come to its end" end
    end
  end,
  ["a group"] = tasks_of,
}

--- What leaves fn(...) when the task that calls it is cancelled at second `at`, and how long that took.
local function outcome_of_task(at, fn, ...)
  local began = async.now()
  local task = async.spawn(fn, ...)
  async.sleep(at)
  task:cancel("outer")
  local status, err = support.outcome(task)
  return status, err, async.now() - began
end

describe("the outermost cancellation counts: it leaves", function()
  for inner_name, run in pairs(inner) do
    for body_name, around in pairs(bodies) do
      local name = ("a %s with %s inside"):format(inner_name, body_name)

      it(name .. " when the task is cancelled during the cleanup", support.inside(function()
        local reached = false
        local status, err, took = outcome_of_task(2, function()
          run(around(slow_cleanup))
          reached = true
        end)
        assert.same({"cancelled", "outer", 3, false}, {status, err.reason, took, reached})
      end))

      it(name .. " when a deadline around passes during the cleanup", support.inside(function()
        local err
        assert.equal(3, support.seconds(function()
          err = support.raises("TimeoutError", function()
            local _ <close> = async.timeout(2)
            support.is_cancelled(run, around(slow_cleanup))
            async.sleep(0)
          end)
        end))
        assert.equal(2, err.seconds)
      end))
    end

    it(("a %s when the group around it is cancelled"):format(inner_name), support.inside(function()
      local reached = false
      async.task_group(function(group)
        group:spawn(function()
          async.sleep(2)
          group:cancel()
        end)
        run(slow_cleanup)
        reached = true
      end)
      assert.is_false(reached)
    end))

    it(("a %s when the run ends"):format(inner_name), function()
      local err
      pcall(testing.run, function() -- which says what is left over
        async.spawn(function()
          local _ <close> = setmetatable({}, {__close = function(_, e) err = e end})
          run(slow_cleanup)
        end)
        async.sleep(2)
      end)
      assert.is_true(async.is_error(err, "CancelledError"))
    end)

    it(("a %s not from outside of a shield"):format(inner_name), support.inside(function()
      local ok, err
      local status = outcome_of_task(2, function()
        async.shield(function() ok, err = pcall(run, slow_cleanup) end)
        async.sleep(0)
      end)
      assert.equal("cancelled", status)
      if not ok and not async.is_error(err, "TimeoutError") then
        assert.is_true(async.is_error(err, "CancelledError"), tostring(err))
        assert.is_nil(err.reason)
      end
    end))
  end

  it("three deadlines, whichever of them pass during the cleanup", support.inside(function()
    local cases = {
      {1, 9, 9, 1}, {1, 2, 9, 2}, {1, 9, 2, 2}, {1, 2, 2.5, 2.5}, {1, 2.5, 2, 2}, {9, 1, 9, 1}, {9, 1, 2, 2},
    }
    for _, case in ipairs(cases) do
      local first, second, third, last = table.unpack(case)
      local seen = {}
      local function note(fn)
        return function()
          local ok, err = pcall(fn)
          seen[#seen + 1] = ok and "done" or err.seconds or "cancelled"
          if not ok then error(err, 0) end
        end
      end
      local err = support.raises("TimeoutError", note(function()
        local _ <close> = async.timeout(third)
        note(function()
          async.wait_for(note(function()
            local _ <close> = async.timeout(first)
            slow_cleanup()
          end), second)
        end)()
      end))
      assert.equal(last, err.seconds)
      for i = 1, #seen do assert.is_true(seen[i] == last or seen[i] == "cancelled") end
    end
  end))

  it("deadlines that pass at the same moment, in either order", support.inside(function()
    for _, inner_first in ipairs {true, false} do
      local err = support.raises("TimeoutError", function()
        local outer <close> = async.timeout(inner_first and 9 or 1)
        support.is_cancelled(function()
          local _ <close> = async.timeout(1)
          if inner_first then outer:reschedule(1) end
          async.sleep(5)
        end)
        async.sleep(0)
      end)
      assert.equal(1, err.seconds)
    end
  end))

  it("a deadline whose task is cancelled in the turn in which it passed", support.inside(function()
    local task = async.spawn(function() async.wait_for(function() async.sleep(5) end, 1) end)
    async.sleep(1)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
  end))

  it("no block that fails: that error is kept", support.inside(function()
    for _, name in ipairs {"timeout", "wait_for of a function"} do
      local status, err = outcome_of_task(2, inner[name], function()
        pcall(slow_cleanup)
        error("own", 0)
      end)
      assert.same({"failed", "own"}, {status, err})
    end
  end))

  it("no group that has errors", support.inside(function()
    local status, err = outcome_of_task(2, async.task_group, function(group)
      group:spawn(function()
        async.sleep(1)
        error("own", 0)
      end)
      slow_cleanup()
    end)
    assert.same({"failed", "GroupError", {"own"}}, {status, err.name, err.errors})
  end))

  it("no block that has its result", support.inside(function()
    local status = outcome_of_task(2, async.wait_for, function() pcall(slow_cleanup) end, 1)
    assert.equal("done", status)
  end))
end)
