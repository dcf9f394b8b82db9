-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local tasks = require "spec.support.tasks"
local caught, start, hang, turns = tasks.caught, tasks.start, tasks.hang, tasks.turns

-- The message with which a test fails that leaves something over.
local function left_over(fn)
  local err = caught(testing.run, fn)
  assert.equal("string", type(err))
  assert.matches("left over", err)
  return err
end

describe("testing.run", function()
  it("returns the results of its function, nil included", function()
    assert.same(table.pack(1, nil, 3, nil), table.pack(testing.run(function() return 1, nil, 3, nil end)))
  end)

  it("raises the error of its function unchanged", function()
    local err = {}
    assert.equal(err, caught(testing.run, error, err))
    assert.matches("^broken\n", caught(testing.run, function() error("broken", 0) end))
  end)

  it("lets an hour of sleep take no time", function()
    local before = os.time()
    testing.run(function()
      local start_time = async.now()
      async.sleep(3600)
      assert.is_true(math.abs(async.now() - start_time - 3600) < 1)
    end)
    assert.is_true(os.time() - before < 60)
  end)

  it("moves the clock to just the next deadline", function()
    testing.run(function()
      local times, before = {}, async.now()
      local group <close> = async.task_group()
      for _, seconds in ipairs{300, 100, 200} do
        group:spawn(function()
          async.sleep(seconds)
          times[#times + 1] = math.floor(async.now() - before + 0.5)
        end)
      end
      group:spawn(function()
        async.sleep(400)
        assert.same({100, 200, 300}, times)
      end)
    end)
  end)

  it("wakes sleepers with the same deadline in the order in which they went to sleep", function()
    testing.run(function()
      local order = {}
      async.map({1, 2, 3, 4, 5}, function(i)
        async.sleep(10)
        order[#order + 1] = i
      end)
      assert.same({1, 2, 3, 4, 5}, order)
    end)
  end)

  it("keeps the clock still while tasks run", function()
    testing.run(function()
      local before = async.now()
      local clock = os.clock()
      while os.clock() - clock < 0.003 do end -- luacheck: ignore
      turns(100)
      assert.equal(before, async.now())
    end)
  end)

  it("does not wake anybody early or late, however long Lua code runs", function()
    testing.run(function()
      local before = async.now()
      local task = start(function()
        async.sleep(1)
        return async.now() - before
      end)
      local clock = os.clock()
      while os.clock() - clock < 0.003 do end -- luacheck: ignore
      assert.is_true(math.abs(task:await() - 1) < 1e-6)
    end)
  end)

  it("gives the same times whatever time it really is, and takes", function()
    local function busy(seconds)
      local clock = os.clock()
      while os.clock() - clock < seconds do end -- luacheck: ignore
    end
    local function program(pause)
      local log = {}
      local function note(...) log[#log + 1] = {async.now(), ...} end
      testing.run(function()
        local semaphore = async.semaphore(2)
        async.map({0.1, 0.3, 1 / 3, 2.5, 1e-6, 3600.7}, function(seconds, i)
          local permit <close> = semaphore:acquire()
          busy(pause)
          async.sleep(seconds)
          note("slept", i)
          pcall(async.wait_for, hang, seconds / 7)
          note("timed out", i)
        end)
        local scope <close> = async.timeout(0.7)
        for i = 1, 20 do
          if not pcall(async.sleep, i / 10) then break end
          note("step", i)
        end
        note("end", scope:expired())
      end)
      return log
    end
    local first = program(0)
    busy(0.0037)
    assert.same(first, program(0.0011))
  end)

  it("lets deadlines pass", function()
    testing.run(function()
      local before = async.now()
      assert.is_true(async.is_error(caught(async.wait_for, hang, 1000), "TimeoutError"))
      assert.is_true(math.abs(async.now() - before - 1000) < 1)
    end)
  end)

  it("gives the real clock back to run", function()
    testing.run(async.sleep, 1e6)
    local before = os.time()
    async.run(function()
      local now = async.now()
      async.sleep(0.002)
      local passed = async.now() - now
      assert.is_true(passed >= 0.002 and passed < 60)
    end)
    assert.is_true(os.time() - before < 60)
  end)

  it("gives the real clock back after a failure", function()
    pcall(testing.run, error, "x")
    async.run(function()
      local before, clock = async.now(), os.clock()
      while os.clock() - clock < 0.001 do end -- luacheck: ignore
      assert.is_true(async.now() > before)
    end)
  end)

  it("raises inside a running loop, and names itself", function()
    async.run(function()
      assert.matches("run", caught(testing.run, turns))
    end)
    testing.run(function()
      assert.matches("run", caught(testing.run, turns))
      assert.matches("run", caught(async.run, turns))
    end)
  end)

  it("needs a function", function()
    assert.matches("bad argument #1 to '.*run' %(function expected, got no value%)", caught(testing.run))
  end)

  it("finds a deadlock as run does", function()
    local err = caught(testing.run, function() async.event():wait() end)
    assert.is_true(async.is_error(err, "DeadlockError"))
  end)
end)

describe("what a test leaves over", function()
  it("is a failure that names the task, and where it was spawned", function()
    local function spawn()
      return (async.spawn(hang))
    end
    local line = debug.getinfo(spawn, "S").linedefined + 1
    local err = left_over(function()
      spawn():set_name("straggler")
      turns()
    end)
    assert.matches("straggler", err)
    assert.matches("testing_spec.lua:" .. line, err, 1, true)
  end)

  it("is a failure that names each of the tasks", function()
    local err = left_over(function()
      for i = 1, 3 do async.spawn(hang):set_name("straggler-" .. i) end
    end)
    for i = 1, 3 do assert.matches("straggler-" .. i, err, 1, true) end
  end)

  it("is a failure for a task that sleeps, one that is ready and one that has not started", function()
    assert.matches("sleeper", left_over(function() start(async.sleep, 1):set_name("sleeper") end))
    assert.matches("ready", left_over(function() start(turns):set_name("ready") end))
    assert.matches("new", left_over(function() async.spawn(turns):set_name("new") end))
  end)

  it("is cancelled and cleaned up nevertheless", function()
    local cleaned = false
    left_over(function()
      start(function()
        local _ <close> = tasks.finally(function()
          async.shield(turns)
          cleaned = true
        end)
        hang()
      end)
    end)
    assert.is_true(cleaned)
    assert.same({}, async.all_tasks())
  end)

  it("is told after the test's own error", function()
    local err = caught(testing.run, function()
      async.spawn(hang):set_name("straggler")
      error("the test's own", 0)
    end)
    local first, second = err:find("the test's own", 1, true), err:find("straggler", 1, true)
    assert.is_true(first == 1 and second ~= nil and first < second)
  end)

  it("does not take the place of an error that is no string", function()
    local reason = {}
    assert.equal(reason, caught(testing.run, function()
      async.spawn(hang)
      error(reason)
    end))
  end)

  it("is nothing if all tasks have ended", function()
    testing.run(function()
      local _task <close> = start(hang)
      local failed = start(error, "x")
      failed:error()
      start(turns, 0)
      async.gather(turns, turns)
      pcall(async.wait_for, hang, 1)
      local scope <close> = async.timeout(100)
    end)
  end)
end)

describe("testing.settle", function()
  it("waits until all other tasks wait", function()
    testing.run(function()
      local log = {}
      local event = async.event()
      local _task <close> = async.spawn(function()
        turns(50)
        log[#log + 1] = "settled"
        event:wait()
        log[#log + 1] = "too far"
      end)
      testing.settle()
      assert.same({"settled"}, log)
    end)
  end)

  it("waits for the tasks that those spawn and wake", function()
    testing.run(function()
      local queue, log = async.queue(), {}
      local _consumer <close> = async.spawn(function()
        for item in queue:items() do
          turns(3)
          log[#log + 1] = item
        end
      end)
      async.spawn(function()
        turns(3)
        async.spawn(function() queue:put("second") end)
        queue:put("first")
      end)
      testing.settle()
      assert.same({"first", "second"}, log)
    end)
  end)

  it("does not move the clock", function()
    testing.run(function()
      local woken = false
      local _task <close> = async.spawn(function()
        async.sleep(1)
        woken = true
      end)
      local before = async.now()
      for _ = 1, 5 do testing.settle() end
      assert.equal(before, async.now())
      assert.is_false(woken)
      async.sleep(1)
      testing.settle()
      assert.is_true(woken)
    end)
  end)

  it("returns at once if there is no other task", function()
    testing.run(function()
      assert.equal(0, select("#", testing.settle()))
      testing.settle()
    end)
  end)

  it("can be called by several tasks at a time", function()
    testing.run(function()
      local count = 0
      local function settle()
        testing.settle()
        count = count + 1
      end
      async.gather(settle, settle, settle, function() turns(20) end)
      assert.equal(3, count)
    end)
  end)

  it("is an await: it can be cancelled", function()
    testing.run(function()
      local task = start(testing.settle)
      task:cancel()
      turns()
      assert.is_true(task:cancelled())
    end)
  end)

  it("works in an ordinary run", function()
    async.run(function()
      local done = false
      async.spawn(function()
        turns(20)
        done = true
      end)
      testing.settle()
      assert.is_true(done)
    end)
  end)

  it("says by name where it cannot wait", function()
    assert.matches("settle", caught(testing.settle))
    testing.run(function()
      local _, err = coroutine.wrap(function() return pcall(testing.settle) end)()
      assert.matches("settle", err)
    end)
  end)
end)
