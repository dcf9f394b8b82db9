-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing = support.after, support.failing

--- Runs `body` in a task that is cancelled once it waits; returns the task, when it has ended.
local function cancelled_in(body)
  local task = support.started(body)
  task:cancel("outside")
  async.wait({task})
  return task
end

describe("shield", function()
  it("returns all results", function()
    assert.same({1, nil, 3, nil, n = 4}, table.pack(async.shield(after(1, 1, nil, 3, nil))))
  end)

  it("takes functions, tasks and futures", function()
    local future = async.future()
    future:set("f", 1)
    assert.same({"f", 1}, {async.shield(future)})
    assert.same({"t", 2}, {async.shield(async.spawn(after(1, "t", 2)))})
  end)

  it("runs a function in the calling task, without arguments", function()
    local function body(...) return async.current_task(), select("#", ...) end
    assert.same({async.current_task(), 0}, {async.shield(body)})
  end)

  it("raises errors as they are", function()
    local err = {}
    assert.equal(err, support.failure(async.shield, failing(1, err)))
  end)

  it("is out of reach of a cancellation, which arrives at the next await", function()
    local log = {}
    local task = cancelled_in(function()
      log[#log + 1] = async.shield(after(5, "result"))
      log[#log + 1] = "before the await"
      async.sleep(0)
      log[#log + 1] = "never"
    end)
    assert.same({"result", "before the await"}, log)
    assert.is_true(task:cancelled())
    assert.equal("outside", task:error().reason)
  end)

  it("lets a task that waits no more end with its result", function()
    local task = cancelled_in(function() return async.shield(after(5, "result")) end)
    assert.equal("result", task:result())
  end)

  it("lets an error of its own come first", function()
    local task = cancelled_in(function() async.shield(failing(5, "own")) end)
    assert.same({"failed", "own"}, {task:status(), task:error()})
  end)

  it("lets cleanup wait in a cancelled scope, as often as it is called", function()
    local log = {}
    local task = cancelled_in(function()
      local ok = pcall(async.sleep, math.huge)
      for i = 1, 2 do log[i] = async.shield(after(1, i)) end
      log[3] = ok
      log[4] = pcall(async.sleep, 0)
    end)
    assert.same({1, 2, false, false}, log)
    assert.is_true(task:done())
  end)

  it("shields what it runs, tasks and scopes included", function()
    local log = {}
    local task = cancelled_in(function()
      async.shield(function()
        async.gather(function()
          async.sleep(1)
          log[#log + 1] = "gathered"
        end)
        async.task_group(function(group)
          group:spawn(function()
            async.sleep(1)
            log[#log + 1] = "in a group"
          end)
        end)
        log[#log + 1] = async.wait_for(after(1, "waited for"), 2)
      end)
    end)
    assert.same({"gathered", "in a group", "waited for"}, log)
    assert.equal("done", task:status())
  end)

  it("lets deadlines inside it act", function()
    local task = cancelled_in(function()
      async.shield(function() support.raises("TimeoutError", async.wait_for, after(9), 1) end)
      return "fine"
    end)
    assert.equal("fine", task:result())
  end)

  it("keeps the deadline of a wait_for around it off; its result is not thrown away", function()
    local took = support.seconds(function()
      assert.equal("result", async.wait_for(function() return async.shield(after(5, "result")) end, 1))
    end)
    assert.equal(5, took)
  end)

  it("lets the deadline around it arrive at the next await", function()
    local result
    support.raises("TimeoutError", async.wait_for, function()
      result = async.shield(after(5, "result"))
      async.sleep(0)
    end, 1)
    assert.equal("result", result)
  end)

  it("holds the cancellation of a group around it off", function()
    local log = {}
    local err = support.raises("GroupError", async.task_group, function(group)
      group:spawn(function()
        log[#log + 1] = async.shield(after(5, "shielded"))
        async.sleep(0)
        log[#log + 1] = "never"
      end)
      group:spawn(failing(1, "oops"))
    end)
    assert.same({"oops"}, err.errors)
    assert.same({"shielded"}, log)
  end)

  it("holds off the cancellation that its own body asks for", function()
    local log = {}
    local task = async.spawn(function()
      async.shield(function()
        async.current_task():cancel()
        async.sleep(1)
        log[#log + 1] = "inside"
      end)
      async.sleep(0)
      log[#log + 1] = "never"
    end)
    assert.equal("cancelled", (support.outcome(task)))
    assert.same({"inside"}, log)
  end)

  it("does not cancel a task that it awaits", function()
    local other = async.spawn(after(5, "result"))
    local task = cancelled_in(function() return async.shield(other) end)
    assert.same({"result", "result"}, {task:result(), other:result()})
  end)

  it("does not keep a task it awaits from being cancelled itself", function()
    local other = async.spawn(async.sleep, math.huge)
    local waiter = support.started(function()
      return support.raises("CancelledError", async.shield, other).task
    end)
    other:cancel()
    assert.equal(other, waiter:await())
  end)

  it("starts even in a task that was cancelled before its start", function()
    local task = async.spawn(function()
      local result = async.shield(after(5, "result"))
      support.is_cancelled(async.sleep, 0)
      return result
    end)
    task:cancel()
    assert.equal("result", task:await())
  end)

  it("can be nested", function()
    local task = cancelled_in(function()
      return async.shield(function()
        local inner = async.shield(after(1, "inner"))
        async.sleep(1)
        return inner, "outer"
      end)
    end)
    assert.same({"inner", "outer"}, {task:result()})
  end)

  describe("with a limit", function()
    it("raises CancelledError inside when a cancellation has waited that long", function()
      local inner
      local task, took
      took = support.seconds(function()
        task = cancelled_in(function()
          async.shield(function()
            inner = support.is_cancelled(async.sleep, math.huge)
            error(inner, 0)
          end, 3)
        end)
      end)
      assert.equal(3, took)
      assert.is_true(task:cancelled())
      assert.equal("ECANCELED", inner.code)
    end)

    it("counts from the cancellation, not from the call", function()
      local task = support.started(function() async.shield(function() async.sleep(math.huge) end, 3) end)
      async.sleep(10)
      assert.is_false(task:done())
      task:cancel()
      assert.equal(3, support.seconds(async.wait, {task}))
      assert.is_true(task:cancelled())
    end)

    it("counts from the call if the cancellation came before", function()
      local task = async.spawn(function()
        pcall(async.sleep, math.huge)
        async.shield(after(math.huge), 3)
      end)
      task:cancel()
      assert.equal(3, support.seconds(async.wait, {task}))
      assert.is_true(task:cancelled())
    end)

    it("is no deadline while nothing is cancelled", function()
      assert.equal("result", async.shield(after(1e6, "result"), 1))
    end)

    it("returns the result of what ends within it", function()
      local task = cancelled_in(function() return async.shield(after(2, "result"), 3) end)
      assert.equal("result", task:result())
    end)

    it("keeps the result of a body that swallows the CancelledError", function()
      local task = cancelled_in(function()
        local result = async.shield(function()
          pcall(async.sleep, math.huge)
          return "result"
        end, 3)
        support.is_cancelled(async.sleep, 0)
        return result
      end)
      assert.equal("result", task:result())
    end)

    it("raises inside again and again", function()
      local count = 0
      cancelled_in(function()
        async.shield(function()
          for _ = 1, 3 do
            if not pcall(async.sleep, 9) then count = count + 1 end
          end
        end, 1)
      end)
      assert.equal(3, count)
    end)

    it("of zero lets through what is ready", function()
      local queue = async.queue()
      queue:put("item")
      local task = async.spawn(function()
        pcall(async.sleep, 1)
        return async.shield(function() return queue:get() end, 0)
      end)
      task:cancel()
      assert.equal("item", task:await())
    end)

    it("ends as TimeoutError in a deadline around it", function()
      local took = support.seconds(support.raises, "TimeoutError", async.wait_for, function()
        async.shield(after(math.huge), 3)
      end, 2)
      assert.equal(5, took)
    end)

    it("has the reason of the cancellation from outside, in the tasks that it waits for, too", function()
      local reasons = {}
      local function note()
        local err = support.is_cancelled(after(9))
        reasons[#reasons + 1] = err.reason
      end
      local task = support.started(function()
        async.shield(function() async.gather(note, note, function() async.shield(note, 1) end) end, 1)
      end)
      task:cancel("outside")
      support.outcome(task)
      assert.same({"outside", "outside", "outside"}, reasons)
    end)

    it("has no limit with nil or math.huge", function()
      for _, seconds in ipairs({math.huge, false}) do
        local task = cancelled_in(function() return async.shield(after(1e6, "result"), seconds or nil) end)
        assert.equal("result", task:result())
      end
    end)
  end)

  it("lets the others run though its body never waits", function()
    support.starves_nobody(function() assert.equal("ready", async.shield(function() return "ready" end)) end)
  end)

  it("raises DeadlockError when it is given the caller itself", function()
    support.raises("DeadlockError", async.shield, async.current_task())
  end)

  it("refuses wrong arguments", function()
    support.refuses(1, "shield", async.shield)
    support.refuses(1, "shield", async.shield, 5)
    support.refuses(1, "shield", async.shield, setmetatable({}, {__call = print}))
    support.refuses(2, "shield", async.shield, print, "soon")
    support.refuses(2, "shield", async.shield, print, 0 / 0)
  end)

  it("needs a task that can wait", outside(function()
    support.needs_a_task("shield", function()
      return function() return async.shield(after(0)) end
    end)
  end))
end)
