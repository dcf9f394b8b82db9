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

  it("goes on with a yield after one that was interrupted while the body of the loop was away", function()
    local interruptions = {
      function(fn) pcall(async.wait_for, fn, 1) end,
      function(fn)
        pcall(function()
          local _ <close> = async.timeout(1)
          fn()
        end)
      end,
      function(fn)
        async.task_group(function(group)
          group:spawn(function()
            async.sleep(1)
            group:cancel()
          end)
          fn()
        end)
      end,
      function(fn) for _ = 1, 3 do pcall(async.wait_for, fn, 0) end end,
    }
    for _, interrupted in ipairs(interruptions) do
      for _, away in ipairs {0, 0.5, 5} do
        local seen = {}
        for value in async.generator(function(yield)
          for i = 1, 4 do
            if i % 2 == 1 then interrupted(function() yield(i) end) else yield(i) end
          end
        end) do
          seen[#seen + 1] = value
          async.sleep(away)
        end
        assert.equal(seen[1], 1)
        for i = 2, #seen do assert.is_true(seen[i] >= seen[i - 1]) end
        assert.equal(4, seen[#seen])
      end
    end
  end)

  it("does not make a value before it is asked for, though a yield was interrupted", function()
    local log = {}
    for value in async.generator(function(yield)
      pcall(async.wait_for, function() yield "a" end, 1)
      log[#log + 1] = "interrupted"
      yield "b"
      log[#log + 1] = "back"
    end) do
      log[#log + 1] = value
      async.sleep(5)
      log[#log + 1] = "asks"
    end
    assert.same({"a", "interrupted", "asks", "b", "asks", "back"}, log)
  end)

  it("raises CancelledError in a yield after its loop was left, in a shield too", function()
    local shields = {
      function(fn) async.shield(fn) end,
      function(fn) async.shield(fn, 100) end,
      function(fn) async.shield(function() async.shield(fn) end) end,
      function(fn) async.shield(function() async.wait_for(fn, 100) end) end,
      function(fn) fn() end,
    }
    for _, shielded in ipairs(shields) do
      for _, before in ipairs {0, 1} do -- values that are taken
        local errors, task = {}, nil
        local before_time = async.now()
        for _ in async.generator(function(yield)
          task = async.current_task()
          for _ = 1, before do yield(0) end
          shielded(function()
            for i = 1, 5 do
              local ok, err = pcall(yield, i)
              if not ok then errors[#errors + 1] = err end
            end
            yield(6)
          end)
          error "not reached"
        end) do
          if before == 0 then break end
          before = before - 1
        end
        assert.equal("cancelled", task:status())
        assert.is_true(#errors > 0)
        for _, err in ipairs(errors) do
          assert.is_true(async.is_error(err, "CancelledError"))
          assert.equal(task, err.task)
        end
        assert.equal(before_time, async.now())
      end
    end
    assert.equal(0, others())
  end)

  it("starves nobody with a yield that is tried again and again in a shield, and is joined", function()
    local count = 0
    for value in async.generator(function(yield)
      async.shield(function()
        while async.now() < 3 do
          if not pcall(yield, 1) then
            count = count + 1
            async.sleep(1)
          end
        end
      end)
    end) do
      if value == 1 then break end
    end
    assert.equal(3, count)
  end)

  it("that the collector closes goes on in a yield in a shield", function()
    local log = {}
    do
      local step = async.generator(function(yield)
        async.shield(function()
          local _, err = pcall(yield, 1)
          log[1] = err.name
        end)
      end)
      assert.equal(1, step())
    end
    for _ = 1, 3 do
      collectgarbage()
      async.sleep(0)
    end
    assert.same({"CancelledError"}, log)
    assert.equal(0, others())
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
