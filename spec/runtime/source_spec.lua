-- SPDX-License-Identifier: MIT
-- The names of chunks, of which a program that lives long may see any number: places are right all the same, and
-- one more costs no more than the first ones.
local async = require "saros"
local tasks = require "spec.support.tasks"
local caught, hang, inside, turns = tasks.caught, tasks.hang, tasks.inside, tasks.turns

-- Spawns fn from a chunk of this name, at its third line.
local function spawn_from(name, fn)
  return load("local async, fn = ...\n\nreturn async.spawn(fn)", "=" .. name)(async, fn)
end

local function assert_place(task, name)
  local trace = task:traceback()
  if not trace:find(("spawned at %s:3]"):format(name), 1, true) then
    error(("%s was not spawned at %s, but:\n%s"):format(task:name(), name, trace), 2)
  end
end

local function pass() end

describe("places", function()
  it("are right for 200,000 names of chunks, one after another", inside(function()
    local kept = {}
    for i = 1, 200000 do
      local name = "chunk " .. i
      local task = spawn_from(name, pass)
      if i % 10 == 0 then assert_place(task, name) end
      if i % 500 == 0 then
        kept[name] = task
        turns(1)
      end
    end
    turns(1)
    for name, task in pairs(kept) do
      assert.equal("done", task:status())
      assert_place(task, name)
    end
  end))

  it("are right for 80,000 that are there at the same time, before and after their end", inside(function()
    local list = {}
    for i = 1, 80000 do list[i] = spawn_from("live " .. i, pass) end
    for i = 1, 80000, 7 do assert_place(list[i], "live " .. i) end
    turns(1)
    for i = 1, 80000, 7 do assert_place(list[i], "live " .. i) end
  end))

  it("of what lives on stay while others come and go", inside(function()
    local early, locks = {}, {}
    for i = 1, 3000 do early[i] = spawn_from("early " .. i, hang) end
    for i = 1, 60 do
      for j = 1, 500 do spawn_from(("late %d %d"):format(i, j), pass) end
      locks[i] = spawn_from("lasting " .. i, hang)
      turns(1)
    end
    for i, task in ipairs(early) do assert_place(task, "early " .. i) end
    for i, task in ipairs(locks) do assert_place(task, "lasting " .. i) end
    assert.matches("spawned at early 2999:3", async.tree())
    early[2999]:cancel()
    turns(1)
    assert_place(early[2999], "early 2999")
  end))

  it("of blocks stay, too", inside(function()
    local make = load("local async, use = ...\nlocal t = async.timeout(1000)\nuse()", "=forgotten block")
    local task = async.spawn(make, async, function()
      for i = 1, 20000 do
        spawn_from("other " .. i, pass)
        if i % 500 == 0 then turns(1) end
      end
    end)
    assert.matches("timeout made at forgotten block:2 was never closed", caught(task.await, task))
  end))

  it("of children that a gather runs are that of the gather", inside(function()
    for i = 1, 5000 do
      local name = "gather " .. i
      local seen = load("local async, fn = ...\n\nreturn async.gather(fn)", "=" .. name)(async, async.current_task)
      assert_place(seen, name)
    end
  end))

  it("of the functions given to on_done are that of their task", inside(function()
    for i = 1, 5000 do
      local name, called = "called back " .. i, nil
      spawn_from(name, pass):on_done(function() called = async.current_task() end)
      turns(2)
      assert_place(called, name)
    end
  end))

  it("cost no more for many names than for few", function()
    local function cost(first, last)
      collectgarbage()
      local before = os.clock()
      async.run(function()
        for i = first, last do
          spawn_from("name " .. i, pass)
          if i % 100 == 0 then turns(1) end
        end
      end)
      return os.clock() - before
    end
    cost(1, 1000)
    local few = math.max(cost(1001, 11000), cost(11001, 21000))
    cost(21001, 90000)
    local many = cost(90001, 100000)
    assert.is_true(many < 3 * few + 0.1, ("%.3f s, and later %.3f s"):format(few, many))
  end)
end)
