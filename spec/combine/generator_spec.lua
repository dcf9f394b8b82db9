-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local inside, others = support.inside, support.others

--- Yields 1, 2, 3, ...; its cleanup takes a second and says so in the list.
local function counting(log)
  return function(yield)
    local _ <close> = setmetatable({}, {
      __close = function()
        async.shield(function() async.sleep(1) end)
        log[#log + 1] = "closed"
      end,
    })
    for i = 1, math.huge do yield(i) end
  end
end

describe("generator", function()
  it("iterates over what is passed to yield, all values of it", function()
    local seen = {}
    for a, b, c in async.generator(function(yield)
      yield(1, nil, 3)
      yield(2, "b")
      yield(false)
    end) do
      seen[#seen + 1] = {a, b, c}
    end
    assert.same({{1, nil, 3}, {2, "b"}, {false}}, seen)
  end)

  it("ends when the function returns, whatever that is", function()
    local count = 0
    for _ in async.generator(function(yield)
      yield(1)
      return "dropped"
    end) do
      count = count + 1
    end
    assert.equal(1, count)
    for _ in async.generator(function() end) do error "there is nothing" end
    assert.equal(0, others())
  end)

  it("lets both sides wait, in lockstep, without a buffer", function()
    local log = {}
    for i in async.generator(function(yield)
      for i = 1, 2 do
        async.sleep(1)
        log[#log + 1] = "make " .. i
        yield(i)
        log[#log + 1] = "back " .. i
      end
    end) do
      async.sleep(5)
      log[#log + 1] = "take " .. i
    end
    assert.same({"make 1", "take 1", "back 1", "make 2", "take 2", "back 2"}, log)
  end)

  it("does not start before the first value is asked for", function()
    local started = false
    local next_value, _, _, closing = async.generator(function() started = true end)
    async.sleep(1)
    assert.is_false(started)
    local _ <close> = closing
    assert.is_nil(next_value())
    assert.is_true(started)
  end)

  it("gives nil again after its end", function()
    local next_value, _, _, closing = async.generator(function(yield) yield(1) end)
    local _ <close> = closing
    assert.same({1, nil, nil, n = 3}, table.pack(next_value(), next_value(), (next_value())))
  end)

  it("is closed when the loop is left by break, with its cleanup done", function()
    local log = {}
    for i in async.generator(counting(log)) do
      if i == 2 then break end
    end
    assert.same({"closed"}, log)
    assert.equal(0, others())
  end)

  it("is closed when the loop is left by return", function()
    local log = {}
    local function first()
      for i in async.generator(counting(log)) do
        if i == 2 then return i end
      end
    end
    assert.equal(2, first())
    assert.same({"closed"}, log)
  end)

  it("is closed when the loop is left by an error, which passes as it is", function()
    local log, err = {}, {}
    assert.equal(err, support.failure(function()
      for i in async.generator(counting(log)) do
        if i == 2 then error(err) end
      end
    end))
    assert.same({"closed"}, log)
    assert.equal(0, others())
  end)

  it("raises the error of the function in the loop, after the values before it, as it is", function()
    local err, seen = {}, {}
    assert.equal(err, support.failure(function()
      for i in async.generator(function(yield)
        yield(1)
        error(err)
      end) do
        seen[#seen + 1] = i
      end
    end))
    assert.same({1}, seen)
  end)

  it("is closed when the loop is cancelled while it waits for a value", function()
    local log = {}
    local task = support.started(function()
      for _ in async.generator(support.lingering(log, "closed")) do error "there is nothing" end
    end)
    task:cancel("why")
    local status, err = support.outcome(task)
    assert.same({"cancelled", "why"}, {status, err.reason})
    assert.same({"closed"}, log)
  end)

  it("is closed when the loop is cancelled in its body", function()
    local log = {}
    local task = support.started(function()
      for _ in async.generator(counting(log)) do async.sleep(math.huge) end
    end)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.same({"closed"}, log)
  end)

  it("is closed when the loop runs into a deadline", function()
    local log = {}
    support.raises("TimeoutError", async.wait_for, function()
      for _ in async.generator(counting(log)) do async.sleep(1) end
    end, 3.5)
    assert.same({"closed"}, log)
    assert.equal(0, others())
  end)

  it("loses no value when a step of it that was called by hand is cancelled", function()
    local step, _, _, closing = async.generator(function(yield)
      for i = 1, 3 do
        async.sleep(2)
        yield(i)
      end
    end)
    local _ <close> = closing
    for i = 1, 3 do
      support.raises("TimeoutError", async.wait_for, step, 1)
      assert.equal(i, step())
    end
    support.raises("TimeoutError", async.wait_for, function()
      async.sleep(1)
      return step() or async.sleep(1)
    end, 1.5)
    assert.is_nil(step())
  end)

  it("can be made outside of a run", outside(function()
    local next_value, state, control, closing = async.generator(function(yield) yield "value" end)
    inside(function()
      local seen = {}
      for value in next_value, state, control, closing do seen[#seen + 1] = value end
      assert.same({"value"}, seen)
    end)()
  end))

  it("says by name, and with the place, that nobody can wait there", outside(function()
    local function loop()
      for _ in async.generator(function(yield) yield(1) end) do error "there is nothing" end
    end
    assert.matches("^[^:]*generator_spec.lua:%d+: generator: cannot wait here: no loop", support.failure(loop))
    inside(function()
      assert.matches("generator: cannot wait inside a coroutine", support.failure(coroutine.wrap(loop)))
      assert.equal(0, others())
    end)()
  end))

  it("says in reports that a task waits for it", function()
    local task = support.started(function()
      for _ in async.generator(function() async.sleep(1) end) do error "there is nothing" end
    end)
    assert.matches("waiting for generator at", tostring(task), 1, true)
    task:await()
  end)

  it("lets the others run though it and the loop never really wait", outside(function()
    local count, others_ran = 0, false
    async.run(function()
      async.spawn(function() others_ran = true end)
      local step, _, _, closing = async.generator(function() end)
      local _ <close> = closing
      repeat
        count = count + 1
        step()
      until others_ran or count > 1e6
    end)
    assert.is_true(others_ran)
  end))

  it("is cancelled by the collector when its iterator, called by hand, is given up", function()
    local cleaned = false
    local step = async.generator(function(yield)
      local _ <close> = setmetatable({}, {__close = function() cleaned = true end})
      yield(1)
      yield(2)
    end)
    assert.equal(1, step())
    collectgarbage()
    assert.equal(1, others())
    step = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    async.sleep(1)
    assert.is_true(cleaned)
    assert.equal(0, others())
  end)

  it("can be nested", function()
    local seen = {}
    for a in async.generator(function(yield)
      for b in async.generator(function(inner)
        inner(1)
        inner(2)
      end) do
        yield(b * 10)
      end
    end) do
      seen[#seen + 1] = a
    end
    assert.same({10, 20}, seen)
  end)

  it("refuses what is no function", function()
    support.refuses(1, "generator", async.generator)
    support.refuses(1, "generator", async.generator, {})
    support.refuses(1, "generator", async.generator, setmetatable({}, {__call = print}))
  end)
end)
