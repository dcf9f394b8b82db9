-- SPDX-License-Identifier: MIT
-- What all queues have in common is in queue_spec.lua; here is the order, and what `less` may do.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local function by_priority(a, b) return a.priority < b.priority end

local function item(priority, name) return {priority = priority, name = name} end

local fill, drain = support.fill, support.drain

local function names(items)
  local result = {}
  for i, value in ipairs(items) do result[i] = value.name end
  return table.concat(result, " ")
end

--- A generator of small numbers, the same each time.
local function numbers(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) % 2 ^ 31
    return math.floor(seed / 65536) % n + 1
  end
end

describe("priority_queue", function()
  it("gives the least item first", function()
    assert.same({1, 2, 3, 4, 5}, drain(fill(async.priority_queue(), 4, 1, 5, 3, 2)))
    assert.same({"a", "b", "c"}, drain(fill(async.priority_queue(), "c", "a", "b")))
  end)

  it("compares by `<`, so by __lt where there is one", function()
    local meta = {__lt = by_priority}
    local queue = async.priority_queue()
    for i, priority in ipairs({2, 1, 3}) do queue:put(setmetatable(item(priority, i), meta)) end
    assert.equal("2 1 3", names(drain(queue)))
  end)

  it("compares by `less` where that is given", function()
    local queue = async.priority_queue(nil, function(a, b) return a > b end)
    assert.is_nil(queue:maxsize())
    assert.same({5, 4, 3, 2, 1}, drain(fill(queue, 4, 1, 5, 3, 2)))
  end)

  it("gives items of equal priority in order of arrival", function()
    local queue = async.priority_queue(nil, by_priority)
    fill(queue, item(2, "a"), item(1, "b"), item(2, "c"), item(1, "d"), item(2, "e"), item(1, "f"))
    assert.equal("b d f a c e", names(drain(queue)))
    for i = 1, 100 do queue:put(item(0, i)) end
    for i = 1, 100 do assert(queue:get().name == i) end
  end)

  it("keeps the order of many items, put and taken in turns", function()
    local random, queue, model = numbers(3), async.priority_queue(nil, by_priority), {}
    for number = 1, 3000 do
      if random(5) <= 3 or #model == 0 then
        local value = item(random(20), number)
        local place = #model + 1
        while place > 1 and value.priority < model[place - 1].priority do place = place - 1 end
        table.insert(model, place, value)
        queue:put(value)
      else
        assert(table.remove(model, 1) == queue:get())
      end
      assert(#model == queue:size())
    end
    assert.equal(names(model), names(drain(queue)))
  end)

  it("gives an item to the getter that waits, whatever its priority", function()
    local queue = async.priority_queue()
    local one, two = support.started(queue.get, queue), support.started(queue.get, queue)
    fill(queue, 9, 1)
    assert.same({9, 1}, {one:await(), two:await()})
  end)

  it("that is full admits putters in order of arrival; what they put takes its place by priority", function()
    local queue = fill(async.priority_queue(2), 5, 6)
    local low, high = support.started(queue.put, queue, 7), support.started(queue.put, queue, 1)
    assert.is_false(queue:try_put(0))
    assert.equal(5, queue:get())
    low:await()
    assert.is_false(high:done())
    assert.equal(6, queue:get())
    high:await()
    assert.same({1, 7}, drain(queue))
  end)

  it("can be closed, joined and iterated like every queue", function()
    local queue, seen = fill(async.priority_queue(), 3, 1, 2), {}
    local joiner = support.started(queue.join, queue)
    queue:close()
    support.raises("ClosedError", queue.put, queue, 0)
    for value in queue do
      seen[#seen + 1] = value
      assert.is_false(joiner:done())
      queue:task_done()
    end
    joiner:await()
    assert.same({1, 2, 3}, seen)
    assert.is_nil(queue:get())
  end)

  it("takes false as an item, and refuses nil", function()
    local queue = async.priority_queue(nil, function(a, b) return a and not b end)
    assert.same({true, false}, drain(fill(queue, false, true)))
    support.refuses(1, "put", queue.put, queue, nil)
    support.refuses(1, "try_put", queue.try_put, queue)
  end)

  describe("whose `less` fails", function()
    it("raises that from put, as it is, and has not taken the item", function()
      local err = {}
      local queue = async.priority_queue(nil, function(a, b)
        if a == "bad" or b == "bad" then error(err) end
        return a < b
      end)
      fill(queue, 3, 1, 2)
      assert.equal(err, support.failure(queue.put, queue, "bad"))
      assert.equal(err, support.failure(queue.try_put, queue, "bad"))
      assert.equal(3, queue:size())
      for _ = 1, 3 do
        queue:get()
        queue:task_done()
      end
      queue:join()
    end)

    it("raises what `<` says of items that cannot be compared", function()
      local queue = fill(async.priority_queue(), {})
      assert.matches("attempt to compare", support.failure(queue.put, queue, {}))
      assert.matches("attempt to compare", support.failure(queue.put, queue, 1))
      assert.equal(1, #drain(queue))
    end)

    it("raises that from get, and has given nothing away", function()
      local fails = false
      local queue = async.priority_queue(nil, function(a, b)
        if fails then error("oops", 0) end
        return a < b
      end)
      fill(queue, 4, 2, 5, 1, 3)
      fails = true
      assert.equal("oops", support.failure(queue.get, queue))
      assert.equal("oops", support.failure(queue.try_get, queue))
      assert.equal(5, queue:size())
      fails = false
      assert.same({1, 2, 3, 4, 5}, drain(queue))
    end)

    it("at any comparison whatever leaves all items in it, in order", function()
      local random, countdown = numbers(5), math.huge
      local queue = async.priority_queue(nil, function(a, b)
        countdown = countdown - 1
        if countdown == 0 then error "oops" end
        return a.priority < b.priority
      end)
      local expected = {}
      for number = 1, 400 do
        countdown = random(6)
        local value = item(random(9), number)
        if pcall(queue.put, queue, value) then expected[#expected + 1] = value end
        countdown = random(12)
        if random(3) == 1 then
          local ok, got = pcall(queue.get, queue)
          for i = 1, #expected do
            if ok and expected[i] == got then
              table.remove(expected, i)
              break
            end
          end
        end
      end
      countdown = math.huge
      table.sort(expected, function(a, b)
        if a.priority ~= b.priority then return a.priority < b.priority end
        return a.name < b.name
      end)
      assert.equal(names(expected), names(drain(queue)))
    end)

    it("for the item of a waiting putter, raises there and not in the getter; the next is admitted", function()
      local queue = fill(async.priority_queue(2), 1, 2)
      local bad, good = support.started(queue.put, queue, {}), support.started(queue.put, queue, 3)
      assert.equal(1, queue:get())
      local status, err = support.outcome(bad)
      assert.equal("failed", status)
      assert.matches("attempt to compare", err)
      good:await()
      assert.same({2, 3}, drain(queue))
      for _ = 1, 3 do queue:task_done() end
      queue:join()
    end)

    it("for the only putter that waits, leaves room behind", function()
      local queue = fill(async.priority_queue(2), 1, 2)
      local bad = support.started(queue.put, queue, {})
      assert.equal(1, queue:get())
      assert.equal("failed", (support.outcome(bad)))
      assert.is_true(queue:try_put(0))
      assert.same({0, 2}, drain(queue))
    end)
  end)

  it("complains when `less` uses the queue, and stays as it was", function()
    local queue, use
    queue = async.priority_queue(nil, function(a, b)
      if use then use() end
      return a < b
    end)
    fill(queue, 3, 1, 2, 4)
    local function swap()
      use = nil
      queue:try_put(assert(queue:try_get()))
      use = swap
    end
    use = swap
    support.complains("changed", queue.put, queue, 0)
    support.complains("changed", queue.get, queue)
    use = nil
    assert.same({1, 2, 3, 4}, drain(queue))
  end)

  -- A finalizer may run in the midst of any comparison.
  describe("that is used while it compares", function()
    local queue, meanwhile

    local function set_up(maxsize, ...)
      queue = async.priority_queue(maxsize, function(a, b)
        local use = meanwhile
        meanwhile = nil
        if use then use() end
        return a < b
      end)
      meanwhile = nil
      fill(queue, ...)
    end

    it("puts the item where it belongs by then", function()
      set_up(nil, 3, 1, 2)
      meanwhile = function() assert.equal(1, queue:try_get()) end
      queue:put(0)
      meanwhile = function() queue:try_put(1) end
      queue:put(4)
      assert.same({0, 1, 2, 3, 4}, drain(queue))
    end)

    it("takes the least of what is there by then", function()
      set_up(nil, 3, 1, 2)
      meanwhile = function() queue:try_put(0) end
      assert.equal(0, queue:get())
      meanwhile = function() assert.equal(1, queue:try_get()) end
      assert.equal(2, queue:try_get())
      assert.equal(3, queue:get())
    end)

    it("has no item left for the one who came too late", function()
      set_up(nil, 3, 2, 1)
      meanwhile = function() drain(queue) end
      assert.is_nil(queue:try_get())
      fill(queue, 3, 2, 1)
      meanwhile = function() drain(queue) end
      local getter = support.started(queue.get, queue)
      queue:put(7)
      assert.equal(7, getter:await())
    end)

    it("keeps to its size", function()
      set_up(3, 1, 2)
      meanwhile = function() queue:try_put(4) end
      assert.is_false(queue:try_put(3))
      assert.equal(1, queue:try_get())
      meanwhile = function() queue:try_put(5) end
      local putter = support.started(queue.put, queue, 3)
      assert.equal("pending", putter:status())
      assert.same({2, 3, 4, 5}, {queue:get(), queue:get(), queue:get(), queue:get()})
      putter:await()
    end)

    it("keeps the room that has come free for the putter that waits", function()
      set_up(3, 1, 2, 4)
      local putter = support.started(queue.put, queue, 3)
      local fits
      queue:try_get()
      putter:await()
      putter = support.started(queue.put, queue, 5)
      queue:try_get()
      putter:await()
      putter = support.started(queue.put, queue, 6)
      meanwhile = function()
        meanwhile = function() fits = queue:try_put(7) end
      end
      queue:try_get()
      putter:await()
      assert.equal(3, queue:size())
      assert.is_not_true(fits)
    end)

    it("refuses the item if it was closed", function()
      set_up(nil, 1, 2)
      meanwhile = function() queue:close() end
      assert.is_true(async.is_error(support.failure(queue.put, queue, 3), "ClosedError"))
      assert.same({1, 2}, drain(queue))
    end)

    it("does not put it for a task that was cancelled", function()
      set_up(nil, 1, 2)
      local putter = async.spawn(queue.put, queue, 3)
      meanwhile = function()
        putter:cancel()
        queue:try_put(4)
      end
      async.wait{putter}
      assert.is_true(putter:cancelled())
      assert.same({1, 2, 4}, drain(queue))
    end)
  end)

  it("does not let `less` wait", function()
    local queue = fill(async.priority_queue(nil, function() async.sleep(1) end), 1)
    support.complains("sleep", queue.put, queue, 2)
    assert.equal(1, queue:size())
  end)

  describe("whose waiter is cancelled", function()
    it("keeps the item that was for it, or has delivered it", function()
      local queue = async.priority_queue()
      local before, after = support.started(queue.get, queue), support.started(queue.get, queue)
      before:cancel()
      queue:put(1)
      after:cancel()
      assert.equal("cancelled", (support.outcome(before)))
      assert.equal(1, after:await())
      assert.is_true(queue:empty())
    end)

    it("does not take the item that it would put, or has taken it once", function()
      local queue = fill(async.priority_queue(1), 5)
      local before, after = support.started(queue.put, queue, 1), support.started(queue.put, queue, 2)
      before:cancel()
      assert.equal(5, queue:get())
      after:cancel()
      assert.equal("cancelled", (support.outcome(before)))
      assert.equal("done", (support.outcome(after)))
      assert.same({2}, drain(queue))
    end)
  end)

  it("neither loses nor doubles an item, whoever is cancelled when", function()
    local random = numbers(42)
    for round = 1, 30 do
      local queue, put, got, tasks = async.priority_queue(round % 3 + 1), {}, {}, {}
      for number = 1, 30 do
        if random(2) == 1 then
          tasks[#tasks + 1] = async.spawn(function()
            queue:put(number)
            put[#put + 1] = number
          end)
        else
          tasks[#tasks + 1] = async.spawn(function()
            local value = queue:get()
            got[#got + 1] = value
          end)
        end
        if random(3) == 1 then tasks[random(#tasks)]:cancel() end
        if random(3) == 1 then async.sleep(0) end
        if random(3) == 1 then tasks[random(#tasks)]:cancel() end
      end
      testing.settle()
      while not queue:empty() do
        for _, value in ipairs(drain(queue)) do got[#got + 1] = value end
        testing.settle()
      end
      for _, task in ipairs(tasks) do task:cancel() end
      async.wait(tasks)
      table.sort(put)
      table.sort(got)
      assert.same(put, got)
    end
  end)

  it("keeps the item that a getter closed by force has not taken, before its equals", outside(function()
    for _, fails in ipairs({false, true}) do
      local queue = async.priority_queue(nil, function(a, b)
        if fails then error "oops" end
        return a.priority < b.priority
      end)
      support.reported(pcall, testing.run, function()
        async.spawn(async.shield, function()
          local _ <close> = setmetatable({}, {
            __close = function() -- the first of these goes to the getter, who is closed after this
              queue:try_put(item(2, "a"))
              queue:try_put(item(2, "b"))
              if not fails then queue:try_put(item(1, "c")) end
            end,
          })
          async.sleep(math.huge)
        end)
        async.spawn(async.shield, function() queue:get() end)
        async.sleep(math.huge)
      end)
      if fails then
        assert.equal(2, queue:size())
      else
        assert.equal("c a b", names(drain(queue)))
      end
    end
  end))

  it("does not hold on to what was taken", function()
    local queue, weak = async.priority_queue(nil, by_priority), setmetatable({}, {__mode = "v"})
    for i = 1, 20 do
      weak[i] = item(i % 3, i)
      queue:put(weak[i])
    end
    drain(queue)
    collectgarbage()
    assert.is_nil(next(weak))
    assert.is_true(queue:empty())
  end)

  it("refuses a maxsize, or a less, that is none", function()
    for _, maxsize in ipairs({0, -1, 1.5, "many", {}, false}) do
      support.refuses(1, "priority_queue", async.priority_queue, maxsize)
    end
    for _, less in ipairs({1, "<", {}, false}) do
      support.refuses(2, "priority_queue", async.priority_queue, nil, less)
    end
  end)

  it("can be made and used without waiting outside of a run", outside(function()
    local queue = async.priority_queue(2)
    assert.same({true, true, false}, {queue:try_put(2), queue:try_put(1), queue:try_put(0)})
    assert.same({1, 2}, {queue:try_get(), queue:try_get()})
  end))
end)
