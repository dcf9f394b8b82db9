-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local inside, caught, start, hang, turns, finally =
  tasks.inside, tasks.caught, tasks.start, tasks.hang, tasks.turns, tasks.finally

local function is_deadlock(err)
  return async.is_error(err, "DeadlockError")
end

local function wait_for_event()
  async.event():wait()
end

local function names(err)
  local list = {}
  for i, entry in ipairs(err.tasks) do list[i] = entry.name end
  return list
end

describe("a run in which nothing can wake the waiting tasks", function()
  it("raises DeadlockError", function()
    local err = caught(async.run, wait_for_event)
    assert.is_true(is_deadlock(err))
    assert.equal("EDEADLK", err.code)
  end)

  for name, wait in pairs{
    ["a future"] = function() async.future():await() end,
    ["an event"] = wait_for_event,
    ["an empty queue"] = function() async.queue():get() end,
    ["a full queue"] = function()
      local queue = async.queue(1)
      queue:put(1)
      queue:put(2)
    end,
    ["a semaphore"] = function()
      local semaphore = async.semaphore(1)
      local permit <close> = semaphore:acquire()
      semaphore:acquire()
    end,
    ["a sleep without end"] = hang,
    ["a task that waits for ever"] = function() async.spawn(wait_for_event):await() end,
    ["gather"] = function() async.gather(wait_for_event, hang) end,
    ["wait_for without a deadline"] = function() async.wait_for(wait_for_event) end,
    ["a timeout without a deadline"] = function()
      local scope <close> = async.timeout(math.huge)
      wait_for_event()
    end,
    ["a shield"] = function() async.shield(wait_for_event) end,
  } do
    it("raises it if main waits for " .. name, function()
      assert.is_true(is_deadlock(caught(async.run, wait)))
    end)
  end

  it("raises it if main waits for a task group", function()
    local err = caught(async.run, function()
      local group <close> = async.task_group()
      group:spawn(wait_for_event)
    end)
    assert.is_true(is_deadlock(err))
  end)

  it("raises it once all that could wake somebody is over", inside(function()
    start(async.sleep, 0.001)
    assert.is_true(is_deadlock(caught(wait_for_event)))
  end))

  it("can catch it and go on", inside(function()
    assert.is_true(is_deadlock(caught(wait_for_event)))
    async.sleep(0)
    async.sleep(0.001)
    assert.is_true(is_deadlock(caught(hang)))
  end))

  it("runs cleanup, which may wait for what does come", function()
    local cleaned = false
    local err = caught(async.run, function()
      local _ <close> = finally(function()
        async.sleep(0.001)
        cleaned = true
      end)
      wait_for_event()
    end)
    assert.is_true(is_deadlock(err))
    assert.is_true(cleaned)
  end)

  it("runs the cleanup of the other tasks", function()
    local cleaned = {}
    pcall(async.run, function()
      for i = 1, 3 do
        start(function()
          local _ <close> = finally(function() cleaned[#cleaned + 1] = i end)
          wait_for_event()
        end)
      end
      hang()
    end)
    assert.same({1, 2, 3}, cleaned)
  end)

  it("raises it at main's await, not in the other tasks", inside(function()
    local event = async.event()
    local task = start(function()
      event:wait()
      return "woken after all"
    end)
    assert.is_true(is_deadlock(caught(hang)))
    event:set()
    assert.equal("woken after all", task:await())
  end))

  it("tells names and places of all tasks that wait", function()
    local line = debug.getinfo(wait_for_event, "S").linedefined + 1
    local err = caught(async.run, function()
      async.current_task():set_name("boss")
      async.spawn(wait_for_event):set_name("worker")
      hang()
    end)
    assert.same({"boss", "worker"}, names(err))
    assert.matches("%.lua:%d+$", err.tasks[1].where)
    assert.matches("deadlock_spec%.lua:" .. line .. "$", err.tasks[2].where)
    assert.matches("boss", tostring(err))
    assert.matches("worker", tostring(err))
    assert.matches("deadlock_spec.lua:" .. line, tostring(err), 1, true)
  end)

  it("raises the same for two tasks that each hold what the other wants", function()
    local err = caught(async.run, function()
      local a, b = async.semaphore(1), async.semaphore(1)
      local function take(first, second)
        local held <close> = first:acquire()
        async.sleep(0)
        local permit <close> = second:acquire()
      end
      async.gather(function() take(a, b) end, function() take(b, a) end)
    end)
    assert.is_true(is_deadlock(err))
    assert.equal(3, #err.tasks)
  end)
end)

describe("a deadlock inside a task group", function()
  it("is among its errors, if one of its tasks fails as well", function()
    local err = caught(async.run, function()
      local group <close> = async.task_group()
      group:spawn(function()
        pcall(wait_for_event)
        error("cleanup failed", 0)
      end)
    end)
    assert.is_true(async.is_error(err, "GroupError"))
    assert.equal(2, #err.errors)
    assert.is_true(is_deadlock(err:find "DeadlockError"))
    assert.is_true(err.errors[1] == "cleanup failed" or err.errors[2] == "cleanup failed")
  end)
end)

describe("what is no deadlock", function()
  it("is a sleep that ends", inside(function() async.sleep(0.001) end))

  it("is a wait that has a deadline", inside(function()
    assert.is_true(async.is_error(caught(async.wait_for, wait_for_event, 0.001), "TimeoutError"))
  end))

  it("is a wait while another task sleeps", inside(function()
    local event = async.event()
    async.spawn(function()
      async.sleep(0.001)
      event:set()
    end)
    event:wait()
  end))
end)

describe("the end of a run", function()
  it("does not hang though a task waits for ever in a shield", function()
    local closed, task = false, nil
    local reports = tasks.reported(function()
      assert.equal("result", async.run(function()
        task = start(function()
          local _ <close> = finally(function() closed = true end)
          async.shield(wait_for_event)
        end)
        return "result"
      end))
    end)
    assert.is_true(closed)
    assert.is_true(task:done())
    assert.is_true(#reports <= 1)
  end)

  it("does not hang though cleanup waits for ever in a shield", function()
    tasks.reported(function()
      async.run(function()
        start(function()
          local _ <close> = finally(function() async.shield(wait_for_event) end)
          hang()
        end)
      end)
    end)
    assert.equal(1, async.run(function() return 1 end))
  end)

  it("is survived by tasks that are closed by force while they join each other", function()
    local result = script[[
async.on_error(function() end)
local function litter()
  for _ = 1, 3 do collectgarbage() end
  for _ = 1, 500 do async.event() end
end
for _ = 1, 3 do
  pcall(async.run, function()
    local main, never = async.current_task(), async.event()
    async.spawn(function() main:close() end)
    async.sleep(0)
    local _ <close> = setmetatable({}, {__close = litter})
    local group <close> = async.task_group()
    group:spawn(function() async.shield(function() never:wait() end) end)
  end)
  litter()
end
print(async.run(function() return (async.gather(function() return "the process lives" end)) end))
]]
    assert.is_nil(result.signal, result.err)
    assert.equal("the process lives\n", result.out)
  end)

  it("does not hang though a task joins what cannot end", function()
    tasks.reported(function()
      pcall(async.run, function()
        local _task <close> = start(function()
          async.shield(wait_for_event)
        end)
      end)
    end)
    assert.equal(1, async.run(function()
      turns()
      return 1
    end))
  end)
end)
