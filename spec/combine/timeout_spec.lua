-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, others = support.after, support.failing, support.others

describe("timeout", function()
  it("raises TimeoutError where its cancellation leaves the block", function()
    local err
    local took = support.seconds(function()
      err = support.raises("TimeoutError", function()
        local _ <close> = async.timeout(2)
        async.sleep(1)
        async.sleep(5)
      end)
    end)
    assert.equal(2, took)
    assert.same({"ETIMEDOUT", 2}, {err.code, err.seconds})
  end)

  it("raises a CancelledError of the running task inside the block", function()
    local _ <close> = async.timeout(1)
    support.is_cancelled(async.sleep, 5)
  end)

  it("does nothing to a block that is left in time", function()
    local scope
    do
      local deadline <close> = async.timeout(2)
      scope = deadline
      async.sleep(1)
    end
    async.sleep(5)
    assert.is_false(scope:expired())
  end)

  it("lets the results of a block through that returns", function()
    local function body()
      local _ <close> = async.timeout(2)
      async.sleep(1)
      return 1, nil, 3
    end
    assert.same({1, nil, 3, n = 3}, table.pack(body()))
  end)

  it("lets the error of a block through, as it is", function()
    local err = {}
    assert.equal(err, support.failure(function()
      local _ <close> = async.timeout(2)
      failing(1, err)()
    end))
  end)

  it("keeps the error of a block that fails when it is cancelled", function()
    assert.equal("own", support.failure(function()
      local _ <close> = async.timeout(1)
      pcall(async.sleep, 5)
      error("own", 0)
    end))
  end)

  it("keeps the results of a block that swallows the cancellation", function()
    local scope
    local function body()
      local deadline <close> = async.timeout(1)
      scope = deadline
      pcall(async.sleep, 5)
      return "result"
    end
    assert.equal("result", body())
    assert.is_true(scope:expired())
    assert.equal(5, support.seconds(async.sleep, 5))
  end)

  it("cannot be lost in a pcall: every await in the block raises", function()
    local count = 0
    support.raises("TimeoutError", function()
      local _ <close> = async.timeout(1)
      for _ = 1, 3 do
        if not pcall(async.sleep, 5) then count = count + 1 end
      end
      async.sleep(0)
    end)
    assert.equal(3, count)
  end)

  it("has let the cleanup in the block finish", function()
    local log = {}
    support.raises("TimeoutError", function()
      local _ <close> = async.timeout(1)
      async.gather(support.lingering(log, "a"), support.lingering(log, "b"))
    end)
    assert.same({"a", "b"}, log)
    assert.equal(0, others())
  end)

  it("tells whether it has expired, inside the block and after it", function()
    local scope
    pcall(function()
      local deadline <close> = async.timeout(1)
      scope = deadline
      assert.is_false(scope:expired())
      pcall(async.sleep, 5)
      assert.is_true(scope:expired())
      async.sleep(0)
    end)
    assert.is_true(scope:expired())
  end)

  it("lets through what is ready, with no time at all", function()
    local queue, task = async.queue(), support.started(after(0, "done"))
    queue:put("item")
    local deadline <close> = async.timeout(0)
    assert.equal("item", queue:get())
    assert.equal("done", task:await())
    support.is_cancelled(queue.get, queue)
    assert.is_true(deadline:expired())
  end)

  it("takes a time below zero for zero", function()
    local before = async.now()
    support.raises("TimeoutError", function()
      local _ <close> = async.timeout(-5)
      async.sleep(1)
    end)
    assert.equal(0, async.now() - before)
  end)

  it("has no deadline with nil and math.huge", function()
    for _, seconds in ipairs({math.huge, false}) do
      local deadline <close> = async.timeout(seconds or nil)
      async.sleep(1e6)
      assert.is_false(deadline:expired())
    end
  end)

  it("lets an outer cancellation pass as it is", function()
    local scope
    local caller = support.started(function()
      local deadline <close> = async.timeout(9)
      scope = deadline
      async.sleep(math.huge)
    end)
    caller:cancel("outer")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "outer", false}, {status, err.reason, scope:expired()})
  end)

  it("lets an outer cancellation pass that came before its own", function()
    local caller = support.started(function()
      local _ <close> = async.timeout(1)
      async.shield(after(5))
      async.sleep(0)
    end)
    caller:cancel("outer")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "outer"}, {status, err.reason})
  end)

  it("lets the CancelledError of another task pass as it is", function()
    local task = async.spawn(async.sleep, math.huge)
    async.spawn(function() task:cancel() end)
    local err = support.raises("CancelledError", function()
      local _ <close> = async.timeout(9)
      task:await()
    end)
    assert.equal(task, err.task)
  end)

  it("leaves a task alone that the block only awaits", function()
    local task = async.spawn(after(5, "alive"))
    support.raises("TimeoutError", function()
      local _ <close> = async.timeout(1)
      task:await()
    end)
    assert.equal("alive", task:await())
  end)

  describe("in another timeout", function()
    it("ends its own block only", function()
      local outer <close> = async.timeout(5)
      local err = support.raises("TimeoutError", function()
        local _ <close> = async.timeout(1)
        async.sleep(9)
      end)
      async.sleep(1)
      assert.same({1, false}, {err.seconds, outer:expired()})
    end)

    it("does not take the deadline of the outer one for its own", function()
      local inner
      local err = support.raises("TimeoutError", function()
        local _ <close> = async.timeout(1)
        support.raises("CancelledError", function()
          local deadline <close> = async.timeout(5)
          inner = deadline
          async.sleep(9)
        end)
        async.sleep(0)
      end)
      assert.same({1, false}, {err.seconds, inner:expired()})
    end)

    it("cannot swallow the deadline of the outer one", function()
      local err = support.raises("TimeoutError", function()
        local _ <close> = async.timeout(1)
        pcall(function()
          local _ <close> = async.timeout(5)
          async.sleep(9)
        end)
        async.sleep(0)
      end)
      assert.equal(1, err.seconds)
    end)
  end)

  describe("reschedule", function()
    it("puts the deadline off, counted from now", function()
      local took = support.seconds(pcall, function()
        local deadline <close> = async.timeout(2)
        async.sleep(1)
        deadline:reschedule(3)
        async.sleep(9)
      end)
      assert.equal(4, took)
    end)

    it("brings the deadline forward", function()
      local err
      local took = support.seconds(function()
        err = support.raises("TimeoutError", function()
          local deadline <close> = async.timeout(9)
          deadline:reschedule(1)
          async.sleep(20)
        end)
      end)
      assert.same({1, 1}, {took, err.seconds})
    end)

    it("takes the deadline away with nil and math.huge", function()
      for _, seconds in ipairs({math.huge, false}) do
        local deadline <close> = async.timeout(1)
        deadline:reschedule(seconds or nil)
        async.sleep(9)
        assert.is_false(deadline:expired())
      end
    end)

    it("sets one where there was none", function()
      assert.equal(2, support.seconds(pcall, function()
        local deadline <close> = async.timeout(math.huge)
        deadline:reschedule(2)
        async.sleep(9)
      end))
    end)

    it("can be called by another task", function()
      local took = support.seconds(pcall, function()
        local deadline <close> = async.timeout(9)
        async.spawn(function() deadline:reschedule(1) end)
        async.sleep(20)
      end)
      assert.equal(1, took)
    end)

    it("raises when the deadline has passed or the block was left", function()
      local scope
      do
        local deadline <close> = async.timeout(1)
        scope = deadline
        pcall(async.sleep, 2)
        support.complains("reschedule", scope.reschedule, scope, 5)
      end
      local err = support.raises("ClosedError", scope.reschedule, scope, 5)
      assert.matches("timeout:reschedule", err.message, 1, true)
    end)
  end)

  describe("close", function()
    it("ends the scope; what follows has no deadline", function()
      local deadline <close> = async.timeout(1)
      deadline:close()
      async.sleep(5)
      assert.is_false(deadline:expired())
    end)

    it("ends a scope whose deadline has passed", function()
      local deadline <close> = async.timeout(1)
      pcall(async.sleep, 5)
      deadline:close()
      async.sleep(5)
      assert.is_true(deadline:expired())
    end)

    it("can be called again", function()
      local deadline = async.timeout(1)
      deadline:close()
      deadline:close()
    end)
  end)

  it("that is forgotten is an error with its place when the task ends", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local status, err = support.outcome(async.spawn(function() async.timeout(5) end))
    assert.equal("failed", status)
    assert.matches("timeout_spec.lua:" .. line, tostring(err), 1, true)
    assert.matches("timeout", tostring(err), 1, true)
  end)

  it("that is forgotten is an error with its place when the enclosing scope is left", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local err = support.failure(async.wait_for, function() async.timeout(5) end, 9)
    assert.matches("timeout_spec.lua:" .. line, tostring(err), 1, true)
    async.sleep(9)
  end)

  it("refuses wrong arguments", function()
    support.refuses(1, "timeout", async.timeout, "soon")
    support.refuses(1, "timeout", async.timeout, {})
    support.refuses(1, "timeout", async.timeout, 0 / 0)
    local deadline <close> = async.timeout(5)
    support.refuses(1, "reschedule", deadline.reschedule, deadline, "soon")
    support.refuses(1, "reschedule", deadline.reschedule, deadline, 0 / 0)
  end)

  it("needs a task", outside(function()
    support.complains("timeout", async.timeout, 1)
  end))
end)
