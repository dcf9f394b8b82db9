-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

--- A body that calls fn n times, with a pause after each.
local function times(n, seconds, fn)
  return function()
    for _ = 1, n do
      fn()
      async.sleep(seconds)
    end
  end
end

describe("queue, explored:", function()
  it("without a limit neither loses nor doubles nor overtakes", explored(function(probe)
    local items = oracle.items(async.queue())
    local function put() items:put() end
    local function get() items:get() end
    return function()
      probe:together({times(2, 1, put), times(3, 0, put), times(3, 1, get), times(2, 0, get)}, 10)
    end, function(ended)
      local puts, gets = items:check()
      if not ended.is_injected then assert.same({5, 5}, {puts, gets}) end
    end
  end))

  it("with a limit neither loses nor doubles nor overtakes", explored(function(probe)
    local items = oracle.items(async.queue(1))
    local function put() items:put() end
    local function get() items:get() end
    return function()
      probe:together({times(3, 0, put), times(2, 1, put), times(2, 1, get), times(3, 0, get)}, 10)
    end, function(ended)
      local puts, gets = items:check()
      if not ended.is_injected then assert.same({5, 5}, {puts, gets}) end
    end
  end))

  it("keeps what nobody takes, and who cannot put takes it along", explored(function(probe)
    local queue = async.queue(2)
    local items = oracle.items(queue)
    local function put() items:put() end
    return function()
      probe:together({times(2, 0, put), times(2, 1, put), times(1, 0, function() items:get() end)}, 5)
    end, function(ended)
      assert.is_true(queue:size() <= 2)
      local puts, gets = items:check()
      if not ended.is_injected then assert.same({3, 1}, {puts, gets}) end
    end
  end))

  it("an item that comes with the deadline is had or stays", explored(function(probe)
    local queue = async.queue()
    local items = oracle.items(queue)

    local function get(seconds)
      return function()
        local ok, err = pcall(async.wait_for, function() return items:get() end, seconds)
        assert.is_true(ok or async.is_error(err))
      end
    end

    return function()
      probe:together {get(1), get(1), get(2), times(3, 1, function() items:put() end)}
    end, function()
      items:check()
    end
  end))

  it("a put that comes with the deadline is done or undone", explored(function(probe)
    local items = oracle.items(async.queue(1))

    local function put(seconds)
      return function()
        local ok, err = pcall(async.wait_for, function() items:put() end, seconds)
        assert.is_true(ok or async.is_error(err))
      end
    end

    return function()
      probe:together({put(0), put(1), put(2), put(2), function()
        async.sleep(1)
        items:get()
        async.sleep(1)
        items:get()
      end}, 10)
    end, function()
      items:check()
    end
  end))

  it("that is closed drains, and ends its getters and putters", explored(function(probe)
    local queue = async.queue(1)
    local items = oracle.items(queue)
    local ends, refused = 0, 0

    local function consume()
      while items:get() do async.sleep(0) end
      ends = ends + 1
    end

    local function produce()
      local ok, err = pcall(function()
        while true do items:put() end
      end)
      assert.is_false(ok)
      if not async.is_error(err, "ClosedError") then error(err, 0) end
      refused = refused + 1
    end

    return function()
      probe:together {consume, consume, produce, produce, function()
        local _ <close> = queue
        for _ = 1, 4 do async.sleep(0) end
      end}
    end, function(ended)
      if not ended.is_injected then assert.same({2, 2}, {ends, refused}) end
      items:check()
    end
  end))

  it("is joined when every item was dealt with", explored(function(probe)
    local queue = async.queue()
    local done, joined = 0, nil

    local function work()
      for _ in queue:items() do
        local _ <close> = probe:closes(function()
          done = done + 1
          queue:task_done()
        end)
        async.sleep(1)
      end
    end

    local function produce()
      for i = 1, 4 do queue:put(i) end
      queue:join()
      joined = done
      queue:close()
    end

    return function()
      probe:together({work, work, produce}, 20)
    end, function(ended)
      if joined then assert.equal(4, joined) end
      if not ended.is_injected then assert.equal(4, joined) end
    end
  end))

  it("by trying nobody takes what is somebody's", explored(function(probe)
    local queue = async.queue(1)
    local put, got = 0, 0

    local function try_to_get()
      for _ = 1, 4 do
        if queue:try_get() then got = got + 1 end
        async.sleep(0)
      end
    end

    local function try_to_put()
      for _ = 1, 4 do
        if queue:try_put(true) then put = put + 1 end
        async.sleep(0)
      end
    end

    local function get()
      queue:get()
      got = got + 1
    end

    local function put_two()
      for _ = 1, 2 do
        queue:put(true)
        put = put + 1
      end
    end

    return function()
      probe:together({try_to_get, try_to_put, get, put_two}, 10)
    end, function()
      assert.equal(put, got + queue:size())
    end
  end))
end)
