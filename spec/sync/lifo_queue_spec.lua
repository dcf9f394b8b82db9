-- SPDX-License-Identifier: MIT
-- What all queues have in common is in queue_spec.lua; here is the order.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local fill, drain = support.fill, support.drain

describe("lifo_queue", function()
  it("gives the newest item first", function()
    local queue = fill(async.lifo_queue(), 1, 2, 3)
    assert.equal(3, queue:get())
    fill(queue, 4, 5)
    assert.same({5, 4, 2, 1}, drain(queue))
  end)

  it("gives an item to the getter that waits longest", function()
    local queue = async.lifo_queue()
    local one, two = support.started(queue.get, queue), support.started(queue.get, queue)
    fill(queue, "a", "b")
    assert.same({"a", "b"}, {one:await(), two:await()})
  end)

  it("that is full admits putters in order of arrival; what they put is the newest then", function()
    local queue = fill(async.lifo_queue(2), "a", "b")
    local c, d = support.started(queue.put, queue, "c"), support.started(queue.put, queue, "d")
    assert.equal("b", queue:get())
    c:await()
    assert.is_false(d:done())
    assert.equal("c", queue:get())
    d:await()
    assert.same({"d", "a"}, drain(queue))
  end)

  it("can be closed, joined and iterated like every queue", function()
    local queue, seen = fill(async.lifo_queue(3), 1, 2, 3), {}
    assert.same({3, 3, true}, {queue:size(), queue:maxsize(), queue:full()})
    local joiner, putter = support.started(queue.join, queue), support.started(queue.put, queue, 4)
    queue:close()
    assert.equal("failed", (support.outcome(putter)))
    for value in queue:items() do
      seen[#seen + 1] = value
      queue:task_done()
    end
    joiner:await()
    assert.same({3, 2, 1}, seen)
    assert.is_nil(queue:get())
  end)

  it("takes false as an item, and refuses nil", function()
    local queue = fill(async.lifo_queue(), true, false)
    assert.same({false, true}, drain(queue))
    support.refuses(1, "put", queue.put, queue, nil)
  end)

  it("keeps the item of a getter that was cancelled before, and has delivered it after", function()
    local queue = async.lifo_queue()
    local before, after = support.started(queue.get, queue), support.started(queue.get, queue)
    before:cancel()
    queue:put(1)
    after:cancel()
    assert.equal("cancelled", (support.outcome(before)))
    assert.equal(1, after:await())
    assert.is_true(queue:empty())
  end)

  it("keeps the item that a getter closed by force has not taken, as the next one", outside(function()
    local function bounded() return async.queue(16) end
    for _, make in ipairs({async.lifo_queue, async.queue, bounded}) do
      for _, getters in ipairs({1, 2}) do
        local queue, count = make(), getters == 1 and 17 or 1
        support.reported(pcall, testing.run, function()
          async.spawn(async.shield, function()
            local _ <close> = setmetatable({}, {
              __close = function() -- the first of these goes to a getter, who is closed after this
                for i = 1, count do queue:try_put(i) end
              end,
            })
            async.sleep(math.huge)
          end)
          for _ = 1, getters do async.spawn(async.shield, function() queue:get() end) end
          async.sleep(math.huge)
        end)
        local items = drain(queue)
        assert.same({1, count}, {items[1], #items})
      end
    end
  end))

  it("does not hold on to what was taken", function()
    local queue, weak = async.lifo_queue(), setmetatable({}, {__mode = "v"})
    for i = 1, 20 do
      weak[i] = {}
      queue:put(weak[i])
    end
    drain(queue)
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("refuses a maxsize that is none", function()
    for _, maxsize in ipairs({0, -1, 1.5, "many", {}, false}) do
      support.refuses(1, "lifo_queue", async.lifo_queue, maxsize)
    end
  end)
end)
