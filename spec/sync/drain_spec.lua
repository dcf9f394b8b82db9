-- SPDX-License-Identifier: MIT
-- What is done with all items of a queue at once: drain, close{discard}.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local inside, started = support.inside, support.started

local MAKERS = {queue = async.queue, lifo_queue = async.lifo_queue, priority_queue = async.priority_queue}

--- A queue of that class with these items in it.
local function filled(make, maxsize, ...)
  local queue = make(maxsize)
  for _, item in ipairs {...} do queue:put(item) end
  return queue
end

local function each_class(visit)
  for name, make in pairs(MAKERS) do visit(make, name) end
end

describe("queue:drain", function()
  it("takes all that is there, in the order in which get would give it", inside(function()
    each_class(function(make, name)
      local expected = {queue = {2, 3, 1}, lifo_queue = {1, 3, 2}, priority_queue = {1, 2, 3}}
      local queue = filled(make, nil, 2, 3, 1)
      assert.same(expected[name], queue:drain())
      assert.same({0, {}}, {queue:size(), queue:drain()})
      queue:put(4)
      assert.equal(4, queue:get())
    end)
  end))

  it("takes any number of items, from a ring that has turned too", inside(function()
    each_class(function(make)
      local queue = make()
      for i = 1, 10 do queue:put(i) end
      for _ = 1, 7 do queue:get() end
      for i = 1, 100 do queue:put(i) end
      assert.equal(103, #queue:drain())
      for round = 1, 3 do
        for i = 1, 40 do queue:put(i) end
        assert.equal(40, #queue:drain(), round)
      end
    end)
  end))

  it("leaves false an item", inside(function()
    assert.same({false, true, false}, filled(async.queue, nil, false, true, false):drain())
  end))

  it("lets what putters wait with move into the room", inside(function()
    each_class(function(make)
      local queue, put = filled(make, 2, 1, 2), {}
      for i = 3, 5 do
        started(function()
          queue:put(i)
          put[#put + 1] = i
        end)
      end
      local list = queue:drain()
      table.sort(list)
      assert.same({1, 2}, list)
      testing.settle()
      assert.same({{3, 4}, 2, 1}, {put, queue:size(), queue:waiting()})
      list = queue:drain()
      table.sort(list)
      assert.same({3, 4}, list)
      testing.settle()
      assert.same({{3, 4, 5}, {5}}, {put, queue:drain()})
    end)
  end))

  it("leaves task_done due for each", inside(function()
    local queue = filled(async.queue, nil, 1, 2)
    queue:drain()
    local joiner = started(queue.join, queue)
    queue:task_done()
    testing.settle()
    assert.is_false(joiner:done())
    queue:task_done()
    joiner:await()
    support.complains("task_done", queue.task_done, queue)
  end))

  it("works on a closed queue, which is at its end then", inside(function()
    local queue = filled(async.queue, nil, 1, 2)
    queue:close()
    assert.same({1, 2}, queue:drain())
    assert.is_nil(queue:get())
  end))

  it("of a priority queue takes all or nothing, whatever `less` does", inside(function()
    local calls, limit, act = 0, math.huge, nil
    local queue = async.priority_queue(nil, function(a, b)
      calls = calls + 1
      if calls > limit then act() end
      return a < b
    end)
    for i = 1, 10 do queue:put(11 - i) end
    for at = 0, 20 do
      calls, limit, act = 0, at, function() error "broken" end
      assert.matches("broken", support.failure(queue.drain, queue))
      limit = math.huge
      assert.equal(10, queue:size())
    end
    calls, limit, act = 0, 0, function()
      limit = math.huge
      queue:try_put(0)
      assert(queue:try_get() == 0)
      limit = calls + 20
    end
    assert.matches("was changed while its items were compared", support.failure(queue.drain, queue))
    limit = math.huge
    local rest = queue:drain()
    for i = 2, #rest do assert.is_true(rest[i - 1] <= rest[i]) end
    calls, limit = 0, 0
    act = function()
      limit = math.huge
      queue:try_put(5)
    end
    for _, item in ipairs {3, 1, 2} do queue:put(item) end
    rest = queue:drain()
    assert.same({1, 2, 3}, {rest[1], rest[2], rest[3]})
    assert.equal(0, queue:size())
  end))

  it("needs no loop", function()
    local queue = async.queue()
    queue:try_put(1)
    assert.same({1}, queue:drain())
  end)
end)

describe("queue:close{discard = true}", function()
  it("drops what is there", inside(function()
    each_class(function(make)
      local queue = filled(make, nil, 1, 2, 3)
      queue:close {discard = true}
      assert.same({0, {}}, {queue:size(), queue:drain()})
      assert.is_nil(queue:get())
    end)
  end))

  it("counts it as done, but not what has been got", inside(function()
    local queue = filled(async.queue, nil, 1, 2, 3)
    local joiner = started(queue.join, queue)
    queue:get()
    queue:close {discard = true}
    testing.settle()
    assert.is_false(joiner:done())
    queue:task_done()
    joiner:await()
    queue = filled(async.queue, nil, 1)
    joiner = started(queue.join, queue)
    queue:close {discard = true}
    joiner:await()
  end))

  it("counts nothing as done for which task_done was called before it was got", inside(function()
    each_class(function(make)
      local queue = filled(make, nil, 1, 2)
      queue:task_done()
      queue:close {discard = true}
      queue:join()
      support.complains("task_done", queue.task_done, queue)
    end)
  end))

  it("drops it also of a queue that is closed already", inside(function()
    local queue = filled(async.queue, nil, 1, 2)
    queue:close()
    assert.equal(1, queue:get())
    queue:close {discard = true}
    queue:close {discard = true}
    assert.is_nil(queue:get())
  end))

  it("ends putters and getters as close does", inside(function()
    local full, empty = filled(async.queue, 1, 1), async.queue()
    local putter, getter = started(full.put, full, 2), started(empty.get, empty)
    full:close {discard = true}
    empty:close {discard = true}
    assert.is_nil(getter:await())
    support.raises("ClosedError", putter.await, putter)
    full:join()
  end))

  it("lets go of the items", inside(function()
    each_class(function(make)
      local weak = setmetatable({{}, {}}, {__mode = "v"})
      local queue = make(nil, make == async.priority_queue and function() return false end or nil)
      for i = 1, 2 do queue:put(weak[i]) end
      queue:close {discard = true}
      collectgarbage()
      assert.is_nil(next(weak))
    end)
  end))

  it("without the option, or with false, drops nothing", inside(function()
    for _, options in ipairs {{}, {discard = false}} do
      local queue = filled(async.queue, nil, 1)
      queue:close(options)
      assert.equal(1, queue:get())
    end
  end))

  it("refuses other options, and is closed by `<close>` whatever the error", inside(function()
    local queue = async.queue()
    support.refuses(1, "close", queue.close, queue, {drop = true})
    support.refuses(1, "close", queue.close, queue, "discard")
    assert.is_true(queue:try_put(1))
    assert.equal("oops", support.failure(function()
      local _ <close> = queue
      error("oops", 0)
    end))
    support.raises("ClosedError", queue.try_put, queue, 2)
    assert.equal(1, queue:size())
  end))
end)
