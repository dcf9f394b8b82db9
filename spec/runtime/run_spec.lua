-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, caught, start, hang, turns = tasks.inside, tasks.caught, tasks.start, tasks.hang, tasks.turns

describe("run", function()
  it("returns all results of main, nil included", function()
    assert.same(table.pack(1, nil, "three", nil), table.pack(async.run(function() return 1, nil, "three", nil end)))
    assert.same({n = 0}, table.pack(async.run(function() end)))
    assert.same({n = 1}, table.pack(async.run(function() return nil end)))
  end)

  it("passes its arguments to main, nil included", function()
    assert.same(table.pack(nil, 2, nil), async.run(table.pack, nil, 2, nil))
  end)

  it("runs main as a task", function()
    async.run(function()
      local me = async.current_task()
      assert.equal("pending", me:status())
      assert.same({me}, async.all_tasks())
    end)
  end)

  it("returns the results of a main that waited", function()
    assert.same({1, 2}, {async.run(function()
      turns()
      return 1, 2
    end)})
  end)

  it("raises the error of main unchanged, unless it is a string", function()
    local err = {code = 7}
    assert.equal(err, caught(async.run, error, err))
    assert.equal(7, caught(async.run, error, 7))
    assert.is_nil(caught(async.run, error))
  end)

  it("raises an error that comes after a wait", function()
    local err = {}
    assert.equal(err, caught(async.run, function()
      turns()
      error(err)
    end))
  end)

  it("raises a string error with the traceback of main behind it", function()
    local message = caught(async.run, function() error("broken", 0) end)
    assert.matches("^broken\nstack traceback:\n", message)
    assert.matches("run_spec%.lua", message)
  end)

  it("raises the CancelledError of a main that was cancelled", function()
    local err = caught(async.run, function()
      async.current_task():cancel("enough")
      async.sleep(0)
    end)
    assert.is_true(async.is_error(err, "CancelledError"))
    assert.equal("enough", err.reason)
  end)

  it("can be cancelled through main by another task", function()
    local err = caught(async.run, function()
      local main = async.current_task()
      async.spawn(function() main:cancel("by a child") end)
      hang()
    end)
    assert.equal("by a child", err.reason)
  end)

  it("can be called again and again", function()
    for i = 1, 50 do
      assert.equal(i, async.run(function()
        async.sleep(0)
        return async.spawn(function() return i end):await()
      end))
    end
  end)

  it("can be called again after an error", function()
    for _ = 1, 10 do
      assert.equal("x", caught(async.run, function()
        start(hang)
        error(setmetatable({}, {__tostring = function() return "x" end}))
      end).x or "x")
    end
    assert.equal(1, async.run(function() return 1 end))
  end)

  it("leaves no task and no current task behind", function()
    async.run(function()
      start(hang)
      async.spawn(hang)
    end)
    assert.same({}, async.all_tasks())
    assert.is_nil(async.current_task())
  end)

  it("raises inside a running loop, and names itself", inside(function()
    local message = caught(async.run, function() end)
    assert.equal("string", type(message))
    assert.matches("run", message)
    assert.matches("running", message)
  end))

  it("raises inside a child task and inside a coroutine of one's own, too", inside(function()
    assert.matches("run", async.spawn(function() return caught(async.run, turns) end):await())
    assert.matches("run", coroutine.wrap(function() return caught(async.run, turns) end)())
  end))

  it("does no harm to the running loop when it raises", inside(function()
    local task = start(turns, 3)
    pcall(async.run, function() end)
    turns(5)
    assert.equal("done", task:status())
  end))

  it("works in a coroutine of one's own outside a loop", function()
    assert.equal("result", coroutine.wrap(function()
      return async.run(function()
        turns()
        return "result"
      end)
    end)())
  end)

  it("works below a C function such as table.sort", function()
    local list = {3, 1, 2}
    table.sort(list, function(a, b)
      return async.run(function()
        async.sleep(0)
        return a < b
      end)
    end)
    assert.same({1, 2, 3}, list)
  end)

  it("needs a function", function()
    assert.matches("bad argument #1 to 'run' %(function expected, got no value%)", caught(async.run))
    assert.matches("bad argument #1 to 'run' %(function expected, got nil%)", caught(async.run, nil))
    assert.matches("bad argument #1 to 'run' %(function expected, got string%)", caught(async.run, "main"))
    local callable = setmetatable({}, {__call = function() end})
    assert.matches("bad argument #1 to 'run' %(function expected, got table%)", caught(async.run, callable))
  end)
end)

describe("a main that yields as if it were a plain coroutine", function()
  it("is told so, and nothing else happens", function()
    local err = caught(async.run, function() coroutine.yield(1) end)
    assert.equal("string", type(err))
    assert.matches("yield", err)
  end)

  it("may catch that and go on", inside(function()
    assert.matches("yield", caught(function()
      coroutine.yield(1)
      error("it came back")
    end))
    async.sleep(0)
  end))
end)

describe("a task that yields as the last thing it does", function()
  it("fails, for nobody can give the yield an answer", inside(function()
    local task = async.spawn(coroutine.yield, 1)
    assert.matches("attempt to yield a task", caught(task.await, task))
    local tail = async.spawn(function() return coroutine.yield() end)
    assert.matches("attempt to yield a task", caught(tail.await, tail))
  end))

  it("does no harm to the task that runs next in its place", inside(function()
    for _ = 1, 3 do
      async.wait{async.spawn(coroutine.yield, 1)}
      local sum = async.spawn(function()
        local n = 0
        for i = 1, 10 do n = n + i end
        return n
      end)
      assert.equal(55, sum:await())
    end
  end))
end)

describe("coroutines of one's own", function()
  it("work inside a task", inside(function()
    local numbers = {}
    for n in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do numbers[#numbers + 1] = n end
    assert.same({1, 2, 3}, numbers)
  end))

  it("can be resumed by one task after another", inside(function()
    local generate = coroutine.wrap(function() for i = 1, 4 do coroutine.yield(i) end end)
    local function take()
      local first = generate()
      async.sleep(0)
      return first .. generate()
    end
    assert.same({"13", "24"}, {async.gather(take, take)})
  end))

  it("cannot be mistaken for the task: coroutine.running differs", inside(function()
    local me = coroutine.running()
    assert.is_true(coroutine.isyieldable())
    assert.not_equal(me, coroutine.wrap(function() return coroutine.running() end)())
  end))
end)
