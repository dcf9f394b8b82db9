-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, virtually, caught = tasks.inside, tasks.virtually, tasks.caught
local start, hang, turns, finally, reported = tasks.start, tasks.hang, tasks.turns, tasks.finally, tasks.reported

local function is_cancelled(err)
  return async.is_error(err, "CancelledError")
end

local function ignore() end

describe("cancellation", function()
  it("is raised by every await, again and again", inside(function()
    local count = 0
    local task = start(function()
      for _ = 1, 10 do
        if is_cancelled(caught(hang)) then count = count + 1 end
      end
    end)
    task:cancel()
    turns(20)
    assert.equal(10, count)
    assert.equal("done", task:status())
  end))

  it("is raised by every kind of await", inside(function()
    local pending, finished = start(hang), start(ignore)
    local awaits = {
      sleep = function() async.sleep(1) end,
      ["sleep(0)"] = function() async.sleep(0) end,
      await = function() pending:await() end,
      ["await of a finished task"] = function() finished:await() end,
      gather = function() async.gather(hang) end,
      race = function() async.race{hang, hang} end,
      any = function() async.any{hang} end,
      map = function() async.map({1}, hang) end,
      wait = function() async.wait{pending} end,
      wait_for = function() async.wait_for(hang, 1) end,
      ["a future"] = function() async.future():await() end,
      ["an event"] = function() async.event():wait() end,
      ["a queue"] = function() async.queue():get() end,
      ["a semaphore"] = function()
        local permit <close> = async.semaphore(1):acquire()
      end,
      ["a task group"] = function()
        local group <close> = async.task_group()
        group:spawn(ignore)
      end,
      ["an empty task group"] = function()
        local _group <close> = async.task_group()
      end,
    }
    local raised = {}
    local task = start(function()
      pcall(hang)
      for name, wait in pairs(awaits) do
        raised[name] = is_cancelled(select(2, pcall(wait)))
      end
    end)
    task:cancel()
    task:await()
    for name in pairs(awaits) do assert.is_true(raised[name], name) end
    pending:close()
  end))

  it("has the same reason each time", inside(function()
    local reasons = {}
    local task = start(function()
      for i = 1, 3 do reasons[i] = caught(hang).reason end
    end)
    task:cancel("why")
    task:await()
    assert.same({"why", "why", "why"}, reasons)
  end))

  it("cannot be lost by a pcall that swallows it", inside(function()
    local passed = false
    local task = start(function()
      pcall(pcall, hang)
      async.sleep(0)
      passed = true
    end)
    task:cancel()
    turns()
    assert.is_false(passed)
    assert.is_true(task:cancelled())
  end))

  it("reaches the innermost of nested functions and blocks", inside(function()
    local log = {}
    local function level(n)
      local _ <close> = finally(function() log[#log + 1] = n end)
      if n == 5 then hang() end
      level(n + 1)
    end
    local task = start(level, 1)
    task:cancel()
    turns()
    assert.same({5, 4, 3, 2, 1}, log)
  end))

  it("does not touch code that does not wait", inside(function()
    local sum = 0
    local task = start(function()
      pcall(hang)
      for i = 1, 100 do sum = sum + i end
      async.spawn(ignore)
      async.event():set()
      async.queue():try_put(1)
    end)
    task:cancel()
    task:await()
    assert.equal(5050, sum)
    assert.equal("done", task:status())
  end))

  it("does not reach work in a shield", inside(function()
    local log = {}
    local task = start(function()
      local _ <close> = finally(function()
        async.shield(function()
          turns(3)
          log[#log + 1] = "cleaned up"
        end)
        log[#log + 1] = "after the shield"
        async.sleep(0)
        log[#log + 1] = "too far"
      end)
      hang()
    end)
    task:cancel()
    turns()
    assert.same({"cleaned up", "after the shield"}, log)
    assert.is_true(task:cancelled())
  end))

  it("gives the others a turn with each raise", inside(function()
    local raises, others = 0, 0
    local task = start(function()
      while raises < 5 do
        pcall(hang)
        raises = raises + 1
      end
    end)
    start(function()
      while not task:done() do
        others = others + 1
        async.sleep(0)
      end
    end)
    task:cancel()
    task:await()
    assert.is_true(others >= 4)
  end))

  it("that is swallowed for ever does not keep timers from firing", inside(function()
    local enough = false
    local task = start(function()
      while not enough do pcall(hang) end
    end)
    task:cancel()
    async.sleep(0.001)
    enough = true
    task:await()
  end))
end)

describe("the cancellation of a scope", function()
  it("is over when the scope is left", virtually(function()
    pcall(async.wait_for, hang, 1)
    async.sleep(1)
    assert.equal(7, async.spawn(function() return 7 end):await())
  end))

  it("is raised by every await inside the scope", virtually(function()
    local count = 0
    local err = caught(function()
      local scope <close> = async.timeout(1)
      for _ = 1, 5 do
        if is_cancelled(caught(hang)) then count = count + 1 end
      end
      hang()
    end)
    assert.equal(5, count)
    assert.is_true(async.is_error(err, "TimeoutError"))
  end))

  it("is raised inside the scopes within it too", virtually(function()
    local inner_error
    local err = caught(async.wait_for, function()
      async.wait_for(function()
        inner_error = caught(hang)
        async.sleep(0)
      end, 100)
    end, 1)
    assert.is_true(is_cancelled(inner_error))
    assert.is_true(async.is_error(err, "TimeoutError"))
    assert.equal(1, err.seconds)
  end))

  it("leaves the scopes around it alone", virtually(function()
    local before = async.now()
    local result = async.wait_for(function()
      local err = caught(async.wait_for, hang, 1)
      assert.equal(1, err.seconds)
      async.sleep(5)
      return "outer goes on"
    end, 100)
    assert.equal("outer goes on", result)
    assert.is_true(async.now() - before >= 6)
  end))

  it("does not become a TimeoutError where the task itself is cancelled", inside(function()
    local task = start(async.wait_for, hang, 100)
    task:cancel("from outside")
    local err = caught(task.await, task)
    assert.is_true(is_cancelled(err))
    assert.equal("from outside", err.reason)
  end))

  it("brings down the tasks of a group, and those of groups inside them", inside(function()
    local log = {}
    local function worker(name)
      local _ <close> = finally(function() log[#log + 1] = name end)
      hang()
    end
    local task = start(function()
      local group <close> = async.task_group()
      group:spawn(worker, "outer")
      group:spawn(function()
        local inner <close> = async.task_group()
        inner:spawn(worker, "inner")
      end)
    end)
    turns()
    task:cancel()
    turns()
    table.sort(log)
    assert.same({"inner", "outer"}, log)
    assert.is_true(task:cancelled())
  end))

  it("reaches a task that starts in a group that goes down, at its first await", inside(function()
    local log = {}
    local group
    async.task_group(function(g)
      group = g
      g:cancel()
      g:spawn(function()
        log[#log + 1] = "started"
        async.sleep(0)
        log[#log + 1] = "too far"
      end)
    end)
    assert.is_not_nil(group)
    assert.same({"started"}, log)
  end))
end)

describe("the end of a run", function()
  it("cancels the tasks that are left", function()
    local task, seen
    async.run(function()
      task = start(function()
        seen = caught(hang)
        error(seen, 0)
      end)
    end)
    assert.is_true(is_cancelled(seen))
    assert.is_true(task:cancelled())
  end)

  it("cancels them all before the first of them runs, in spawn order", function()
    local order, late, list = {}, {}, {}
    async.run(function()
      for i = 1, 4 do
        list[i] = async.spawn(function()
          pcall(hang)
          order[#order + 1] = i
          for k = 1, 4 do late[#late + 1] = list[k]:cancel("too late") end
        end)
      end
      turns()
    end)
    assert.same({1, 2, 3, 4}, order)
    assert.equal(16, #late)
    for _, had_effect in ipairs(late) do assert.is_false(had_effect) end
  end)

  it("does so in spawn order whatever order they began to wait in", function()
    local order = {}
    async.run(function()
      for i = 1, 4 do
        async.spawn(function()
          turns(5 - i)
          pcall(hang)
          order[#order + 1] = i
        end)
      end
      turns()
    end)
    assert.same({1, 2, 3, 4}, order)
  end)

  it("waits for their cleanup, which may wait too", function()
    local cleaned = 0
    async.run(function()
      for i = 1, 3 do
        start(function()
          local _ <close> = finally(function()
            async.shield(function()
              turns(i * 3)
              async.sleep(0.001)
            end)
            cleaned = cleaned + 1
          end)
          hang()
        end)
      end
    end)
    assert.equal(3, cleaned)
  end)

  it("waits for cleanup after an error in main as well", function()
    local cleaned = false
    local err = {}
    assert.equal(err, caught(async.run, function()
      start(function()
        local _ <close> = finally(function()
          async.shield(turns)
          cleaned = true
        end)
        hang()
      end)
      error(err)
    end))
    assert.is_true(cleaned)
  end)

  it("lets a task that has not started run to its first await", function()
    local log = {}
    async.run(function()
      async.spawn(function()
        log[#log + 1] = "started"
        async.sleep(0)
        log[#log + 1] = "too far"
      end)
    end)
    assert.same({"started"}, log)
  end)

  it("lets tasks be spawned by cleanup, which start cancelled", function()
    local log = {}
    async.run(function()
      start(function()
        local _ <close> = finally(function()
          async.spawn(function()
            log[#log + 1] = "started"
            async.sleep(0)
            log[#log + 1] = "too far"
          end)
        end)
        hang()
      end)
    end)
    assert.same({"started"}, log)
  end)

  it("reports the failure of a cleanup", function()
    local reports = reported(function()
      async.run(function()
        start(function()
          pcall(hang)
          error("cleanup broke", 0)
        end)
      end)
    end)
    assert.equal(1, #reports)
    assert.equal("cleanup broke", reports[1].error)
  end)

  it("does not report tasks that were cancelled", function()
    assert.same({}, reported(function()
      async.run(function() start(hang) end)
    end))
  end)

  it("does not hold against a task what scopes have cancelled that it has left", function()
    local log = {}
    local reports = tasks.reported(function()
      async.run(function()
        start(function()
          for _ = 1, 1100 do
            pcall(async.wait_for, function()
              pcall(async.sleep, 1)
              pcall(async.sleep, 1)
            end, 0)
          end
          log[#log + 1] = "worked"
          pcall(async.sleep, math.huge)
          for i = 1, 2 do
            async.shield(turns)
            log[#log + 1] = i
            pcall(async.sleep, 0)
          end
        end)
        while #log == 0 do async.sleep(0.001) end
      end)
    end)
    assert.same({"worked", 1, 2}, log)
    assert.same({}, reports)
  end)

  it("keeps the result of main", function()
    assert.equal("result", async.run(function()
      start(hang)
      return "result"
    end))
  end)
end)

describe("a task that swallows its cancellation for ever", function()
  local function stubborn()
    while true do pcall(hang) end
  end

  it("is closed by force at the end of the run, and reported", function()
    local task
    local reports = reported(function()
      async.run(function() task = start(stubborn):set_name("mule") end)
    end)
    assert.equal(1, #reports)
    assert.equal(task, reports[1].task)
    assert.matches("mule", tostring(reports[1].error))
    assert.equal("failed", task:status())
  end)

  it("does not cost the others their cleanup", function()
    local cleaned = false
    reported(function()
      async.run(function()
        start(stubborn)
        start(function()
          local _ <close> = finally(function()
            async.shield(function()
              async.sleep(0.002)
              cleaned = true
            end)
          end)
          hang()
        end)
      end)
    end)
    assert.is_true(cleaned)
  end)

  it("is closed by force if it swallows sleep(0)", function()
    local reports = reported(function()
      async.run(function()
        start(function()
          while true do pcall(async.sleep, 0) end
        end)
      end)
    end)
    assert.equal(1, #reports)
  end)

  it("has its pending __close run", function()
    local closed = false
    reported(function()
      async.run(function()
        start(function()
          local _ <close> = finally(function() closed = true end)
          stubborn()
        end)
      end)
    end)
    assert.is_true(closed)
  end)

  it("does not take the others of its kind with it: each is reported", function()
    local reports = reported(function()
      async.run(function()
        for _ = 1, 3 do start(stubborn) end
      end)
    end)
    assert.equal(3, #reports)
  end)

  it("is closed by force if it swallows what combinators and groups raise", function()
    local ways = {
      gather = function() async.gather{ignore} end,
      ["gather of nothing"] = function() async.gather{} end,
      map = function() async.map({1}, ignore) end,
      race = function() async.race{hang} end,
      ["a group"] = function() async.task_group(function(group) group:spawn(hang) end) end,
      ["an empty group"] = function() async.task_group(ignore) end,
      wait_for = function() async.wait_for(hang, 1) end,
    }
    for name, way in pairs(ways) do
      local reports = reported(function()
        async.run(function()
          start(function()
            while true do pcall(way) end
          end)
        end)
      end)
      assert.equal(1, #reports, name)
    end
  end)

  it("is one that starts itself anew, too", function()
    local ways = {
      spawn = function(again)
        pcall(hang)
        async.spawn(again, again)
      end,
      on_done = function(again)
        async.spawn(hang):on_done(function() again(again) end)
      end,
      ["on_done of what has ended"] = function(again)
        local ended = async.spawn(hang)
        pcall(ended.await, ended)
        ended:on_done(function() again(again) end)
      end,
      close = function(again)
        local _ <close> = finally(function() async.spawn(again, again) end)
        hang()
      end,
    }
    for name, way in pairs(ways) do
      local reports = reported(function()
        assert.equal("result", async.run(function()
          start(way, way)
          return "result"
        end))
      end)
      assert.is_true(#reports >= 1 and #reports <= 2, name .. ": " .. #reports)
    end
  end)

  it("is none that starts many others while it cleans up", function()
    local done = 0
    local reports = reported(function()
      async.run(function()
        start(function()
          pcall(hang)
          async.shield(function()
            for _ = 1, 3000 do
              async.spawn(async.shield, turns, 1):await()
              done = done + 1
            end
          end)
        end)
      end)
    end)
    assert.equal(3000, done)
    assert.same({}, reports)
  end)

  it("leaves a runtime that works", function()
    reported(function()
      async.run(function() start(stubborn) end)
    end)
    assert.equal(3, async.run(function()
      turns()
      return async.spawn(function() return 3 end):await()
    end))
  end)
end)
