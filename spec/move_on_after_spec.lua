-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

describe("move_on_after", function()
  it("returns true and all results of a function that is in time", function()
    local results = table.pack(async.move_on_after(1, function(...)
      async.sleep(0.5)
      return ...
    end, 1, nil, 3, nil))
    assert.same({ true, 1, nil, 3, nil, n = 5 }, results)
    assert.same({ true, n = 1 }, table.pack(async.move_on_after(1, function() end)))
  end)

  it("returns false alone once its deadline has passed, when the cleanup has finished", function()
    local cleaned = {}
    local seconds = support.seconds(function()
      local results = table.pack(async.move_on_after(1, support.lingering(cleaned, "body")))
      assert.same({ false, n = 1 }, results)
    end)
    assert.same({ "body" }, cleaned)
    assert.equal(2, seconds)
  end)

  it("lets other errors pass, TimeoutErrors from inside too", function()
    local mine = {}
    assert.equal(mine, support.failure(async.move_on_after, 1, error, mine))
    local err = support.raises("TimeoutError", async.move_on_after, 5, async.wait_for, support.after(3), 1)
    assert.equal(1, err.seconds)
    local made = async.error { name = "TimeoutError" }
    assert.equal(made, support.failure(async.move_on_after, 1, function()
      pcall(async.sleep, 5)
      error(made)
    end))
  end)

  it("knows its own deadline from those around and inside it", function()
    local order = {}
    local err = support.raises("TimeoutError", function()
      local deadline <close> = async.timeout(3)
      order[1] = async.move_on_after(2, function()
        order[2] = async.move_on_after(1, async.sleep, 9)
        async.sleep(9)
      end)
      async.move_on_after(9, async.sleep, 9)
    end)
    assert.equal(3, err.seconds)
    assert.same({ false, false }, order)
  end)

  it("gives true and the results of a body that swallows the deadline and returns", function()
    local results = table.pack(async.move_on_after(1, function()
      pcall(async.sleep, 5)
      return "kept"
    end))
    assert.same({ true, "kept", n = 2 }, results)
  end)

  it("gives way to a cancellation from outside", function()
    local task = support.started(async.move_on_after, 1, function()
      pcall(async.sleep, 5)
      async.shield(function() async.sleep(5) end)
      async.sleep(5)
    end)
    async.sleep(2)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
  end)

  it("takes nil and math.huge for no deadline, and lets through what is ready in no time at all", function()
    assert.is_true((async.move_on_after(nil, async.sleep, 100)))
    assert.is_true((async.move_on_after(math.huge, async.sleep, 100)))
    local queue = async.queue()
    queue:put(1)
    assert.same({ true, 1 }, { async.move_on_after(0, queue.get, queue) })
    assert.same({ false }, { async.move_on_after(-1, queue.get, queue) })
  end)

  it("keeps where an error came from", function()
    local task = support.started(async.move_on_after, 1, function()
      local function deep() error "oops" end
      deep()
    end)
    assert.is_string(task:error())
    assert.matches("'deep'", task:traceback(), 1, true)
  end)

  it("waits, so it cannot be called elsewhere", require("saros.busted").outside(function()
    support.needs_a_task("move_on_after", function()
      return function() async.move_on_after(1, print) end
    end)
  end))

  it("raises in a cancelled scope without calling the function", function()
    local called = false
    local task = async.spawn(async.move_on_after, 1, function() called = true end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.is_false(called)
  end)

  it("refuses other arguments", function()
    support.refuses(1, "move_on_after", async.move_on_after, "1", print)
    support.refuses(1, "move_on_after", async.move_on_after, 0 / 0, print)
    support.refuses(2, "move_on_after", async.move_on_after, 1)
    support.refuses(2, "move_on_after", async.move_on_after, 1, {})
  end)
end)
