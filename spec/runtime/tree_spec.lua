-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, start, hang, turns = tasks.inside, tasks.start, tasks.hang, tasks.turns

local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

-- The line that has the name, and how far it is indented.
local function line_of(name)
  for _, line in ipairs(lines(async.tree())) do
    if line:find(name, 1, true) then return line, #line:match("^[^%w]*") end
  end
end

describe("tree", function()
  it("shows every task that has not ended, and no other", inside(function()
    local waiting, ended = start(hang):set_name("waiting"), start(turns, 0):set_name("ended")
    local new = async.spawn(hang):set_name("not-started")
    turns(0)
    assert.equal("done", ended:await() or ended:status())
    assert.is_string(line_of(async.current_task():name()))
    assert.is_string(line_of("waiting"))
    assert.is_string(line_of("not-started"))
    assert.is_nil(line_of("ended"))
    assert.equal(3, #lines(async.tree()))
    waiting:close()
    new:close()
  end))

  it("shows the status of each", inside(function()
    start(hang):set_name("sleeper")
    async.spawn(hang):set_name("newcomer")
    assert.matches("running", line_of(async.current_task():name()))
    assert.matches("waiting", line_of("sleeper"))
    assert.not_matches("waiting", line_of("newcomer"))
  end))

  it("shows where each waits, and what for", inside(function()
    local function wait(event)
      event:wait()
    end
    local place = "tree_spec.lua:" .. debug.getinfo(wait, "S").linedefined + 1
    start(wait, async.event()):set_name("listener")
    start(async.sleep, 100):set_name("sleeper")
    local listener, sleeper = line_of("listener"), line_of("sleeper")
    assert.matches(place, listener, 1, true)
    assert.matches("event", listener)
    assert.matches("sleep", (sleeper:gsub("sleeper", "")))
  end))

  it("shows which task it is that is waited for", inside(function()
    local task, future = start(hang):set_name("the goal"), async.future()
    start(task.await, task):set_name("one")
    start(async.wait_for, task, 5):set_name("two")
    start(future.await, future):set_name("three")
    assert.matches("one: waiting for task 'the goal'", line_of("one"), 1, true)
    assert.matches("two: waiting for task 'the goal'", line_of("two"), 1, true)
    assert.matches("three: waiting for future", line_of("three"), 1, true)
    assert.matches("waiting for task 'the goal' at ", tostring(async.all_tasks()[3]), 1, true)
  end))

  it("says in order what a task that cleans up waits for, and that it is cancelled", inside(function()
    local event = async.event()
    local task = start(function()
      pcall(hang)
      async.shield(function() event:wait() end)
    end):set_name("cleaner")
    task:cancel()
    turns()
    assert.matches("^cleaner: waiting for event at [^ ]*, cancelled %(spawned at", (line_of("cleaner")))
    event:set()
  end))

  it("shows where each was spawned", inside(function()
    local function spawn()
      return (async.spawn(hang))
    end
    local place = "tree_spec.lua:" .. debug.getinfo(spawn, "S").linedefined + 1
    spawn():set_name("child")
    async.sleep(0)
    assert.matches(place, line_of("child"), 1, true)
  end))

  it("shows tasks below those that wait for them in a group or gather", inside(function()
    start(function()
      local group <close> = async.task_group()
      group:spawn(function()
        async.current_task():set_name("inner")
        async.gather(function()
          async.current_task():set_name("innermost")
          hang()
        end)
      end)
    end):set_name("outer")
    turns()
    local _, outer = line_of("outer")
    local _, inner = line_of("inner:")
    local _, innermost = line_of("innermost")
    assert.is_true(outer < inner and inner < innermost)
  end))

  it("shows spawned tasks at the top, whoever spawned them", inside(function()
    start(function()
      async.spawn(hang):set_name("child")
      hang()
    end):set_name("parent")
    turns()
    local _, parent = line_of("parent")
    local _, child = line_of("child")
    assert.equal(parent, child)
  end))

  it("shows which tasks are cancelled and still clean up", inside(function()
    local task = start(function()
      pcall(hang)
      async.shield(turns, 5)
    end):set_name("tidy")
    task:cancel()
    turns(2)
    assert.matches("cancelled", line_of("tidy"))
    task:close()
  end))

  it("can be asked for by any task, and deep down", inside(function()
    local deepest
    local function nest(depth)
      if depth == 0 then
        deepest = #lines(async.tree())
        return
      end
      async.gather(function() nest(depth - 1) end)
    end
    nest(150)
    assert.equal(151, deepest)
  end))

  it("is empty outside a run", function()
    assert.equal("", async.tree())
    async.run(function() start(hang) end)
    assert.equal("", async.tree())
  end)
end)
