-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored
local co = async.coroutine

-- A value for `<close>` whose handler waits, out of reach of cancellation; `log.closed` lists the names in order.
local function waits_at_end(probe, log, name)
  return probe:closes(function()
    async.shield(function() async.sleep(1) end)
    log[#log + 1] = name
  end)
end

describe("async.coroutine, explored:", function()
  it("unwinds a chain from the inside out, wherever a cancellation comes", explored(function(probe)
    local log = {}
    local function level(n)
      local _ <close> = waits_at_end(probe, log, n)
      async.sleep(1)
      local sum = n
      if n < 4 then sum = sum + co.wrap(level)(n + 1) end
      async.sleep(1)
      return sum
    end
    return function()
      return level(1)
    end, function(ended)
      for i = 2, #log do assert.equal(log[i - 1] - 1, log[i]) end
      assert.is_true(#log == 0 or log[#log] == 1)
      if ended.ok and ended.hits == 0 then assert.equal(10, ended.results[1]) end
    end
  end))

  it("hands values on in lockstep, waits on both sides", explored(function(probe)
    local log, made = {}, 0
    local function produce(n)
      local _ <close> = waits_at_end(probe, log, "producer")
      for i = 1, n do
        async.sleep(1)
        made = i
        assert.equal(i * 2, co.yield(i))
      end
    end
    return function()
      local thread, sum = co.create(produce), 0
      local _ <close> = probe:closes(function() co.close(thread) end)
      local ok, value = co.resume(thread, 3)
      while value and ok do
        assert.equal(made, value)
        sum = sum + value
        async.sleep(value % 2)
        ok, value = co.resume(thread, value * 2)
      end
      if not ok then error(value, 0) end
      return sum
    end, function(ended)
      assert.is_true(made == 0 or #log == 1)
      if ended.ok and ended.hits == 0 then assert.equal(6, ended.results[1]) end
    end
  end))

  it("closes one that is left half way, and waits for that", explored(function(probe)
    local log = {}
    return function()
      local thread = co.create(function()
        local _ <close> = waits_at_end(probe, log, "outer")
        local _ <close> = waits_at_end(probe, log, "inner")
        co.yield(1)
      end)
      assert.same({true, 1}, {co.resume(thread)})
      assert.same({true}, {co.close(thread)})
      assert.same({"inner", "outer"}, log)
      async.sleep(1)
      return true
    end, function()
      assert.same({"inner", "outer"}, log)
    end
  end))

  it("keeps the tasks apart that are each in a chain of their own", explored(function(probe)
    local queue, got, put = async.queue(1), {}, 0
    local function produce()
      local _ <close> = queue
      for value in co.wrap(function()
        for i = 1, 4 do
          async.sleep(i % 2)
          co.yield(i)
        end
      end) do
        queue:put(value)
        put = value
      end
    end
    local function consume()
      for value in co.wrap(function()
        for item in queue:items() do co.yield(item) end
      end) do got[#got + 1] = value end
    end
    return function()
      probe:together({produce, consume, consume}, 10)
    end, function()
      assert.equal(put, #got + queue:size())
    end
  end))

  it("is refused to others while a task is in it", explored(function(probe)
    local inside = false
    local thread = co.create(function()
      local _ <close> = setmetatable({}, {__close = function() inside = false end}) -- nobody closes it
      for _ = 1, 2 do
        inside = true
        async.sleep(1)
        inside = false
        co.yield()
      end
    end)
    local function use()
      for _ = 1, 3 do
        local was_inside = inside
        local ok, err = co.resume(thread)
        if was_inside then
          assert.is_false(ok)
          assert.matches("belongs to task", err)
        elseif not ok and async.is_error(err) then
          error(err, 0)
        end
        async.sleep(0.5)
      end
    end
    return function()
      probe:together({use, use}, 10)
    end, function() end
  end))
end)
