-- SPDX-License-Identifier: MIT
-- Who is cancelled leaves a job at once. Jobs tell what becomes of them through named pipes.
local async = require "saros"
local fifo = require "spec.support.fifo"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local caught = tasks.caught
local wait, release = fifo.wait, fifo.release

-- The body of an `it`: fn(pool, pipe, other), with a pool of so many threads and two named pipes.
local function with_pool(size, fn)
  return function()
    local pipe, other = fifo.make(), fifo.make()
    local _removal <close> = tasks.finally(function()
      fifo.remove(pipe)
      fifo.remove(other)
    end)
    async.run(function()
      local pool <close> = async.thread_pool { size = size }
      fn(pool, pipe, other)
    end)
  end
end

-- Cancels a task, which is to end at once.
local function cancel(task)
  task:cancel()
  local err = caught(task.await, task)
  assert.is_true(async.is_error(err, "CancelledError"), tostring(err))
end

-- Starts a job that calls `body` once it has told so, and tells when it is left.
local function started(pool, pipe, other, body)
  local task = async.spawn(pool.run, pool, function()
    local _ <close> = setmetatable({}, { __close = function() release(other) end })
    release(pipe)
    body()
  end)
  async.to_thread(wait, pipe)
  return task
end

describe("a job whose task is cancelled", function()
  it("leaves the line if it has not begun", with_pool(1, function(pool, pipe)
    local path = os.tmpname()
    os.remove(path)
    local first = async.spawn(pool.run, pool, wait, pipe)
    local waiting = async.spawn(pool.run, pool, function() io.open(path, "w"):close() end)
    local last = async.spawn(pool.run, pool, function() return "last" end)
    async.sleep(0)
    cancel(waiting)
    release(pipe)
    assert.same({ "x", "last" }, { first:await(), last:await() })
    assert.is_nil(io.open(path))
  end))

  local loops = {
    ["never waits"] = function() while true do end end,
    ["calls functions"] = function()
      local function f(n) return n and f(n - 1 > 0 and n - 1 or nil) end
      while true do f(10) end
    end,
    ["catches errors"] = function() while true do pcall(function() while true do end end) end end,
    ["is in a coroutine"] = function()
      coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()
    end,
    ["resumes coroutines"] = function()
      local next_one = coroutine.wrap(function() while true do coroutine.yield() end end)
      while true do next_one() end
    end,
    ["runs saros, and never waits"] = function() async.run(function() while true do end end) end,
    ["runs saros, in a task"] = function()
      async.run(function() async.gather { function() while true do end end } end)
    end,
    ["runs saros, and waits"] = function() async.run(function() async.sleep(1e6) end) end,
    ["runs saros, and waits in a task"] = function()
      async.run(function() async.gather { function() async.sleep(1e6) end } end)
    end,
    ["waits for a thread of its own"] = function()
      async.run(function() async.to_thread(function() while true do end end) end)
    end,
  }
  for name, loop in pairs(loops) do
    it("is stopped in its Lua code: one that " .. name, with_pool(1, function(pool, pipe, other)
      cancel(started(pool, pipe, other, loop))
      async.to_thread(wait, other) -- its block has been left
      assert.equal("next", pool:run(function() return "next" end))
    end))
  end

  it("is left behind where nothing stops it, and its thread is replaced", with_pool(1, function(pool, pipe, other)
    local third = fifo.make()
    cancel(started(pool, pipe, other, function() wait(third) end))
    assert.equal("next", pool:run(function() return "next" end))
    release(third)
    async.to_thread(wait, other)
    assert.equal("after", pool:run(function() return "after" end))
    fifo.remove(third)
  end))

  it("may be left behind by a deadline, as any wait", with_pool(1, function(pool, pipe)
    local err = caught(async.wait_for, function() pool:run(wait, pipe) end, 0.01)
    assert.is_true(async.is_error(err, "TimeoutError"))
  end))

  it("does not harm those that come after it in its state", with_pool(2, function(pool)
    for _ = 1, 50 do
      local task = async.spawn(pool.run, pool, function() while true do end end)
      async.sleep(0)
      cancel(task)
      assert.equal(500500, pool:run(function()
        local sum = 0
        for i = 1, 1000 do sum = sum + i end
        return sum
      end))
    end
  end))

  it("does not begin if its scope was cancelled before", with_pool(1, function(pool)
    local task = async.spawn(function()
      async.current_task():cancel()
      pool:run(error, "it has begun", 0)
    end)
    local err = caught(task.await, task)
    assert.is_true(async.is_error(err, "CancelledError"))
  end))
end)

describe("a job that blocks", function()
  -- The script finds a pipe that nobody ever writes to.
  local function blocking(source)
    local pipe = fifo.make()
    local got = script(("local pipe = %q\n"):format(pipe) .. source)
    fifo.remove(pipe)
    return got
  end

  it("holds up neither the end of a run nor that of the process", function()
    local got = blocking [[
async.run(function()
  for _ = 1, 3 do async.spawn(async.to_thread, function() return io.open(pipe):read() end) end
  async.to_thread(function() end)
end)
print "the run has ended"
async.run(function() print(async.to_thread(function() return "the next one" end)) end)
]]
    assert.same({ "the run has ended\nthe next one\n", "", 0 }, { got.out, got.err, got.code })
  end)

  it("does not hold up lua_close, nor os.exit in the midst of a run", function()
    for _, exit in ipairs { "os.exit(0, true)", "os.exit(0)" } do
      local got = blocking(([[
async.run(function()
  async.spawn(async.to_thread, function() return io.open(pipe):read() end)
  async.spawn(async.to_thread, function() while true do end end)
  async.to_thread(function() end)
  print "here"
  %s
end)
]]):format(exit))
      assert.same({ "here\n", "", 0 }, { got.out, got.err, got.code })
    end
  end)

  it("does not hold up the collector either, if its pool is forgotten", function()
    local got = blocking [[
async.run(function()
  local pool = async.thread_pool { size = 1 }
  local task = async.spawn(pool.run, pool, function() return io.open(pipe):read() end)
  async.sleep(0)
  task:close()
end)
collectgarbage()
collectgarbage()
print "collected"
]]
    assert.same({ "collected\n", "", 0 }, { got.out, got.err, got.code })
  end)
end)

describe("Ctrl-C", function()
  it("interrupts who waits for a job, and leaves that behind", function()
    local got = script [[
local ok, err = pcall(async.run, function()
  async.spawn(ctrl_c)
  async.to_thread(function() while true do end end)
end)
print(ok, async.is_error(err, "InterruptError"))
]]
    assert.same({ "false\ttrue\n", "" }, { got.out, got.err })
  end)
end)
