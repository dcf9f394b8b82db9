-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

--- Items of one priority each, numbered in order of arrival.
local function is_less(a, b)
  return a.priority < b.priority
end

describe("priority_queue, explored:", function()
  it("neither loses nor doubles, with a limit", explored(function(probe)
    local queue = async.priority_queue(2)
    local put, got, seen = 0, 0, {}

    local function produce(first)
      return function()
        for item = first, first + 2 do
          queue:put(item)
          put = put + item
        end
      end
    end

    local function consume()
      for _ = 1, 3 do
        local item = queue:get()
        assert.is_nil(seen[item])
        seen[item] = true
        got = got + item
        async.sleep(1)
      end
    end

    return function()
      probe:together({produce(10), produce(1), consume, consume}, 10)
    end, function(ended)
      local before = 0
      while queue:size() > 0 do
        local item = queue:try_get()
        assert.is_true(item >= before)
        before = item
        got = got + item
      end
      assert.equal(put, got)
      if not ended.is_injected then assert.equal(39, got) end
    end
  end))

  it("gives the least first, and equals in order of arrival", explored(function(probe)
    local queue = async.priority_queue(nil, is_less)
    local number, got = 0, {}

    local function produce(priority)
      return function()
        for _ = 1, 2 do
          queue:put {priority = priority, number = number + 1}
          number = number + 1
          async.sleep(0)
        end
      end
    end

    return function()
      probe:together {produce(2), produce(1), produce(2)}
      while not queue:empty() do got[#got + 1] = queue:get() end
    end, function()
      for i = 2, #got do
        local a, b = got[i - 1], got[i]
        assert.is_true(a.priority < b.priority or a.priority == b.priority and a.number < b.number)
      end
      if #got > 0 then assert.equal(number, #got + queue:size()) end
    end
  end))

  it("hands an item over to who waits, once", explored(function(probe)
    local queue = async.priority_queue()
    local put, got = 0, 0

    local function get(seconds)
      return function()
        local ok, err = pcall(async.wait_for, function()
          queue:get()
          got = got + 1
        end, seconds)
        assert.is_true(ok or async.is_error(err))
      end
    end

    return function()
      probe:together {get(1), get(1), get(2), function()
        for item = 3, 1, -1 do
          async.sleep(1)
          queue:put(item)
          put = put + 1
        end
      end}
    end, function()
      assert.equal(put, got + queue:size())
    end
  end))
end)

describe("lifo_queue, explored:", function()
  it("neither loses nor doubles, with a limit", explored(function(probe)
    local queue = async.lifo_queue(2)
    local put, got, seen = 0, 0, {}

    local function produce(first)
      return function()
        for item = first, first + 2 do
          queue:put(item)
          put = put + item
          async.sleep(0)
        end
      end
    end

    local function consume()
      for _ = 1, 2 do
        local item = queue:get()
        assert.is_nil(seen[item])
        seen[item] = true
        got = got + item
        async.sleep(1)
      end
    end

    return function()
      probe:together({produce(1), produce(10), consume, consume}, 10)
    end, function(ended)
      while queue:size() > 0 do got = got + queue:try_get() end
      assert.equal(put, got)
      if not ended.is_injected then assert.equal(39, put) end
    end
  end))

  it("gives the newest first", explored(function(probe)
    local queue = async.lifo_queue()
    local got = {}
    return function()
      probe:together {function()
        for item = 1, 3 do
          queue:put(item)
          async.sleep(0)
        end
      end, function() async.sleep(1) end}
      while not queue:empty() do got[#got + 1] = queue:get() end
    end, function(ended)
      for i = 2, #got do assert.is_true(got[i - 1] > got[i]) end
      if not ended.is_injected then assert.same({3, 2, 1}, got) end
    end
  end))
end)
