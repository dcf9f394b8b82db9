-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

--- A queue that holds these items.
local function queue_of(maxsize, ...)
  return support.fill(async.queue(maxsize), ...)
end

local drain = support.drain

local function getter(queue) return support.started(queue.get, queue) end
local function putter(queue, item) return support.started(queue.put, queue, item) end

describe("queue", function()
  it("gives items in the order in which they were put", function()
    local queue = queue_of(nil, 1, 2, 3)
    assert.same({1, 2, 3}, {queue:get(), queue:get(), queue:get()})
  end)

  it("keeps the order of many items, put and taken in turns", function()
    local queue, put, got = async.queue(), 0, 0
    for round = 1, 200 do
      for _ = 1, round % 17 do
        put = put + 1
        queue:put(put)
      end
      for _ = 1, round % 13 do
        local item = queue:try_get()
        if item == nil then break end
        got = got + 1
        assert(item == got)
      end
    end
    for item in function() return queue:try_get() end do
      got = got + 1
      assert(item == got)
    end
    assert.equal(put, got)
  end)

  it("keeps the order when it outgrows the places that it has in itself, wherever the ring has turned to", function()
    local wanted = {}
    for i = 1, 40 do wanted[i] = i end
    for turned = 0, 16 do
      local queue = async.queue()
      for i = 1, turned do
        queue:put(i)
        queue:get()
      end
      assert.same(wanted, drain(support.fill(queue, table.unpack(wanted))))
    end
  end)

  it("of whatever size holds that many, in order, again and again", function()
    for _, maxsize in ipairs {1, 2, 3, 16, 17, 255, 256, 257} do
      local queue = async.queue(maxsize)
      for _ = 1, 3 do
        for i = 1, maxsize do assert(queue:try_put(i)) end
        assert.is_false(queue:try_put(0))
        for i = 1, maxsize do assert(queue:get() == i) end
        queue:put(true) -- the ring turns by a place
        queue:get()
      end
    end
  end)

  it("does not hold on to what was taken", function()
    local weak, queues = setmetatable({}, {__mode = "v"}), {async.queue(), async.queue(30), async.queue(300)}
    for _, queue in ipairs(queues) do
      for _ = 1, 30 do
        local item = {}
        weak[#weak + 1] = item
        queue:put(item)
      end
      assert.equal(30, #drain(queue))
    end
    collectgarbage()
    assert.is_nil(next(weak))
    assert.equal(3, #queues) -- which are still there
  end)

  it("knows size, maxsize, empty and full", function()
    local queue = async.queue(2)
    assert.same({0, 2, true, false}, {queue:size(), queue:maxsize(), queue:empty(), queue:full()})
    queue:put(1)
    assert.same({1, 2, false, false}, {queue:size(), queue:maxsize(), queue:empty(), queue:full()})
    queue:put(2)
    assert.same({2, 2, false, true}, {queue:size(), queue:maxsize(), queue:empty(), queue:full()})
  end)

  it("without maxsize is never full", function()
    local queue = async.queue()
    assert.is_nil(queue:maxsize())
    for i = 1, 1000 do queue:put(i) end
    assert.same({1000, false}, {queue:size(), queue:full()})
  end)

  it("lets get wait for an item, in order", function()
    local queue = async.queue()
    local one, two = getter(queue), getter(queue)
    queue:put("a")
    queue:put("b")
    assert.same({"a", "b"}, {one:await(), two:await()})
  end)

  it("lets put wait for room, in order", function()
    local queue = queue_of(1, "a")
    local b, c = putter(queue, "b"), putter(queue, "c")
    assert.same({1, false}, {queue:size(), b:done()})
    assert.same({"a", "b", "c"}, {queue:get(), queue:get(), queue:get()})
    b:await()
    c:await()
  end)

  it("does not suspend put when there is room, nor get when there are items", function()
    local queue, turns = async.queue(1), 0
    local other = async.spawn(function() turns = turns + 1 end)
    queue:put(1)
    queue:get()
    assert.equal(0, turns)
    other:await()
  end)

  it("hands an item over to the getter that waits: nobody overtakes", function()
    local queue = async.queue()
    local task = getter(queue)
    queue:put("item")
    assert.equal(0, queue:size())
    assert.is_nil(queue:try_get())
    assert.equal("item", task:await())
  end)

  it("gives room to the putter that waits: nobody overtakes", function()
    local queue = queue_of(1, "a")
    local task = putter(queue, "b")
    assert.equal("a", queue:get())
    assert.same({1, false}, {queue:size(), queue:try_put("barging")})
    assert.equal("b", queue:get())
    task:await()
  end)

  it("tries without waiting", function()
    local queue = async.queue(1)
    assert.is_nil(queue:try_get())
    assert.is_true(queue:try_put("a"))
    assert.is_false(queue:try_put("b"))
    assert.equal("a", queue:try_get())
    assert.is_nil(queue:try_get())
    local get = getter(queue)
    assert.is_true(queue:try_put("c"))
    assert.equal("c", get:await())
    queue:put("d")
    local put = putter(queue, "e")
    assert.equal("d", queue:try_get())
    put:await()
    assert.equal("e", queue:try_get())
  end)

  it("takes false as an item, and all that is not nil", function()
    local items = {false, 0, "", {}, print}
    local queue, seen = async.queue(), {}
    for _, item in ipairs(items) do queue:put(item) end
    queue:put(false)
    assert.is_true(queue:try_put(false))
    queue:close()
    for item in queue do seen[#seen + 1] = item end
    assert.same({false, 0, "", items[4], print, false, false}, seen)
    local waiting = async.queue()
    local task = getter(waiting)
    waiting:put(false)
    assert.is_false(task:await())
  end)

  it("refuses nil", function()
    local queue = async.queue()
    support.refuses(1, "put", queue.put, queue, nil)
    support.refuses(1, "put", queue.put, queue)
    support.refuses(1, "try_put", queue.try_put, queue, nil)
    assert.equal(0, queue:size())
  end)

  describe("whose getter is cancelled", function()
    it("gives the item to the next one", function()
      local queue = async.queue()
      local one, two = getter(queue), getter(queue)
      one:cancel()
      assert.equal("cancelled", (support.outcome(one)))
      queue:put("item")
      assert.equal("item", two:await())
    end)

    it("in the turn of the put, before it, keeps the item", function()
      local queue = async.queue()
      local task = getter(queue)
      task:cancel()
      queue:put("item")
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({"item"}, drain(queue))
    end)

    it("in the turn of the put, after it, has delivered the item", function()
      local queue = async.queue()
      local task = support.started(function()
        local item = queue:get()
        support.is_cancelled(async.sleep, 0)
        return item
      end)
      queue:put("item")
      task:cancel()
      assert.equal("item", task:await())
      assert.is_true(queue:empty())
    end)

    it("by a deadline keeps what comes later", function()
      local queue = async.queue()
      support.raises("TimeoutError", async.wait_for, function() return queue:get() end, 1)
      queue:put("item")
      assert.equal("item", queue:get())
    end)

    it("before the call keeps the item", function()
      local queue = queue_of(nil, "item")
      local task = async.spawn(queue.get, queue)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({"item"}, drain(queue))
    end)
  end)

  describe("whose putter is cancelled", function()
    it("does not take the item, and admits the next one", function()
      local queue = queue_of(1, "a")
      local b, c = putter(queue, "b"), putter(queue, "c")
      b:cancel()
      assert.equal("cancelled", (support.outcome(b)))
      assert.equal("a", queue:get())
      c:await()
      assert.same({"c"}, drain(queue))
    end)

    it("in the turn of the get, before it, does not take the item", function()
      local queue = queue_of(1, "a")
      local b = putter(queue, "b")
      b:cancel()
      assert.equal("a", queue:get())
      assert.equal("cancelled", (support.outcome(b)))
      assert.same({}, drain(queue))
    end)

    it("in the turn of the get, after it, has taken the item once", function()
      local queue = queue_of(1, "a")
      local b = putter(queue, "b")
      assert.equal("a", queue:get())
      b:cancel()
      assert.equal("done", (support.outcome(b)))
      assert.same({"b"}, drain(queue))
    end)

    it("before the call does not take the item", function()
      local queue = async.queue()
      local task = async.spawn(queue.put, queue, "item")
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.is_true(queue:empty())
    end)
  end)

  it("neither loses nor doubles an item, whoever is cancelled when", function()
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2 ^ 31
      return math.floor(seed / 65536) % n + 1
    end
    for round = 1, 30 do
      local queue, put, got, tasks = async.queue(round % 3 + 1), {}, {}, {}
      local number = 0
      for _ = 1, 30 do
        if random(2) == 1 then
          number = number + 1
          local item = number
          tasks[#tasks + 1] = async.spawn(function()
            queue:put(item)
            put[#put + 1] = item
          end)
        else
          tasks[#tasks + 1] = async.spawn(function()
            local item = queue:get()
            got[#got + 1] = item
          end)
        end
        if random(3) == 1 then tasks[random(#tasks)]:cancel() end
        if random(3) == 1 then async.sleep(0) end
        if random(3) == 1 then tasks[random(#tasks)]:cancel() end
      end
      testing.settle()
      for _, item in ipairs(drain(queue)) do got[#got + 1] = item end
      testing.settle()
      for _, item in ipairs(drain(queue)) do got[#got + 1] = item end
      for _, task in ipairs(tasks) do task:cancel() end
      async.wait(tasks)
      table.sort(put)
      table.sort(got)
      assert.same(put, got)
    end
  end)

  it("passes all items from many putters to many getters", function()
    local queue, got = async.queue(3), {}
    local consumers = {}
    for i = 1, 4 do
      consumers[i] = async.spawn(function()
        for item in queue:items() do
          got[#got + 1] = item
          if item % 3 == 0 then async.sleep(0) end
        end
      end)
    end
    async.map({0, 1, 2, 3, 4}, function(producer)
      for i = 1, 20 do queue:put(producer * 20 + i) end
    end)
    queue:close()
    async.wait(consumers)
    table.sort(got)
    assert.equal(100, #got)
    for i = 1, 100 do assert(got[i] == i) end
  end)

  it("lets others have a turn though a task never really waits for it", function()
    local queue, stop = async.queue(), false
    async.spawn(function() stop = true end)
    for i = 1, 1e6 do
      if stop then break end
      queue:put(i)
      queue:get()
    end
    assert.is_true(stop)
  end)

  describe("join", function()
    it("waits until task_done was called for every item", function()
      local queue = queue_of(nil, 1, 2)
      local joiners = {support.started(queue.join, queue), support.started(queue.join, queue)}
      queue:get()
      queue:get()
      queue:task_done()
      testing.settle()
      assert.is_false(joiners[1]:done())
      queue:task_done()
      async.gather(joiners)
    end)

    it("counts items that went straight to a getter, and those of waiting putters", function()
      local queue = async.queue(1)
      local get = getter(queue)
      queue:put(1)
      get:await()
      queue:put(2)
      local put = putter(queue, 3)
      queue:get()
      put:await()
      local joiner = support.started(queue.join, queue)
      for _ = 1, 2 do
        queue:task_done()
        testing.settle()
        assert.is_false(joiner:done())
      end
      queue:task_done()
      joiner:await()
    end)

    it("does not wait when there is nothing to be done", function()
      local queue, turns = async.queue(), 0
      local other = async.spawn(function() turns = turns + 1 end)
      queue:join()
      queue:put(1)
      queue:get()
      queue:task_done()
      queue:join()
      assert.equal(0, turns)
      other:await()
    end)

    it("does not count the item of a cancelled putter", function()
      local queue = queue_of(1, 1)
      local put = putter(queue, 2)
      put:cancel()
      support.outcome(put)
      queue:get()
      queue:task_done()
      queue:join()
    end)

    it("can be cancelled", function()
      local queue = queue_of(nil, 1)
      local joiner = support.started(queue.join, queue)
      joiner:cancel()
      assert.equal("cancelled", (support.outcome(joiner)))
      queue:task_done()
      queue:join()
    end)

    it("raises when task_done is called once too often", function()
      local queue = queue_of(nil, 1)
      queue:get()
      queue:task_done()
      support.complains("queue:task_done", queue.task_done, queue)
    end)
  end)

  describe("that is closed", function()
    it("refuses what is put, before it is taken", function()
      local queue = queue_of(nil, 1)
      queue:close()
      assert.equal("ECLOSED", support.raises("ClosedError", queue.put, queue, 2).code)
      support.raises("ClosedError", queue.try_put, queue, 2)
      assert.same({1}, drain(queue))
    end)

    it("gives what is there and then nil, for ever", function()
      local queue = queue_of(nil, 1, 2)
      queue:close()
      assert.same({1, 2, nil, nil, n = 4}, table.pack(queue:get(), queue:get(), queue:get(), (queue:get())))
      assert.is_nil(queue:try_get())
    end)

    it("gives nil to everybody who waits for an item", function()
      local queue = async.queue()
      local one, two = getter(queue), getter(queue)
      queue:close()
      assert.same({nil, nil, n = 2}, table.pack(one:await(), (two:await())))
    end)

    it("raises ClosedError in putters that wait; their items never come out", function()
      local queue = queue_of(1, "a")
      local put = putter(queue, "b")
      queue:close()
      local status, err = support.outcome(put)
      assert.equal("failed", status)
      assert.is_true(async.is_error(err, "ClosedError"))
      assert.same({"a", nil, n = 2}, table.pack(queue:get(), (queue:get())))
      queue:task_done()
      queue:join()
    end)

    it("can be joined", function()
      local queue = queue_of(nil, 1)
      queue:close()
      local joiner = support.started(queue.join, queue)
      queue:get()
      queue:task_done()
      joiner:await()
    end)

    it("can be closed again, and is closed at the end of a block", function()
      local queue
      do
        local held <close> = async.queue()
        queue = held
      end
      assert.is_nil(queue:get())
      queue:close()
      queue:close()
    end)

    it("gives a getter its item that it got before the close", function()
      local queue = async.queue()
      local get = getter(queue)
      queue:put("item")
      queue:close()
      assert.equal("item", get:await())
    end)

    it("keeps the item of a putter that was admitted before the close", function()
      local queue = queue_of(1, "a")
      local put = putter(queue, "b")
      queue:get()
      queue:close()
      put:await()
      assert.equal("b", queue:get())
    end)

    it("does not revive a getter that was cancelled right before", function()
      local queue = async.queue()
      local get = getter(queue)
      get:cancel()
      queue:close()
      assert.equal("cancelled", (support.outcome(get)))
    end)
  end)

  describe("in a for loop", function()
    it("gives items until it is closed, by items() or by itself", function()
      for _, iterate in ipairs({function(queue) return queue:items() end, function(queue) return queue end}) do
        local queue, seen = async.queue(1), {}
        async.spawn(function()
          for i = 1, 3 do
            queue:put(i)
            async.sleep(1)
          end
          queue:close()
        end)
        for item in iterate(queue) do seen[#seen + 1] = item end
        assert.same({1, 2, 3}, seen)
      end
    end)

    it("keeps what is left when the loop is left", function()
      for _, iterate in ipairs({function(queue) return queue:items() end, function(queue) return queue end}) do
        local queue = queue_of(nil, 1, 2, 3)
        for item in iterate(queue) do
          if item == 2 then break end
        end
        assert.equal(3, queue:get())
        assert.is_true(queue:try_put(4))
      end
    end)

    it("can be left by a cancellation without losing an item", function()
      local queue, seen = async.queue(), {}
      local task = support.started(function()
        for item in queue:items() do seen[#seen + 1] = item end
      end)
      queue:put(1)
      testing.settle()
      task:cancel()
      queue:put(2)
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({1}, seen)
      assert.same({2}, drain(queue))
    end)
  end)

  it("can be made and used without waiting outside of a run", outside(function()
    local queue = async.queue(2)
    assert.is_true(queue:try_put("a"))
    assert.equal(1, queue:size())
    assert.equal("a", queue:try_get())
    queue:try_put("b")
    testing.run(function() assert.equal("b", queue:get()) end)
    queue:close()
  end))

  it("refuses a maxsize that is none", function()
    for _, maxsize in ipairs({-1, 1.5, 0 / 0, "many", {}, false}) do
      support.refuses(1, "queue", async.queue, maxsize)
    end
  end)

  it("needs a task that can wait", outside(function()
    local queue = async.queue(1)
    for _, name in ipairs({"get", "join", "put"}) do
      support.needs_a_task("queue:" .. name, function()
        return function() return queue[name](queue, 1) end
      end)
    end
    assert.is_true(queue:empty())
  end))
end)
