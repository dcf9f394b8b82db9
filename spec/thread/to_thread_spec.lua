-- SPDX-License-Identifier: MIT
local async = require "saros"
local fifo = require "spec.support.fifo"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, inside = tasks.caught, tasks.inside
local to_thread = async.to_thread
local wait, release = fifo.wait, fifo.release

describe("to_thread", function()
  it("calls a function in another state, and returns all it returns", inside(function()
    _G.here = "here"
    local _restoring <close> = tasks.finally(function() _G.here = nil end)
    assert.same({ "a", nil, "c", n = 3 }, table.pack(to_thread(function(...) return ... end, "a", nil, "c")))
    assert.is_nil((to_thread(function() return _G.here end)))
    assert.equal(0, select("#", to_thread(function() end)))
  end))

  it("lets the loop go on meanwhile, and jobs beside each other", inside(function()
    local first, second = fifo.make(), fifo.make()
    local one, other = async.spawn(to_thread, wait, first), async.spawn(to_thread, wait, second)
    async.sleep(0)
    assert.equal("x", to_thread(function() return "x" end)) -- while both wait in C
    release(second)
    assert.equal("x", other:await())
    assert.is_false(one:done())
    release(first)
    assert.equal("x", one:await())
    fifo.remove(first)
    fifo.remove(second)
  end))

  it("works on a virtual clock, which stands still until the job has ended", function()
    testing.run(function()
      local begin = async.now()
      local sleeper = async.spawn(async.sleep, 3600)
      to_thread(function() for _ = 1, 1e6 do end end)
      assert.is_false(sleeper:done())
      sleeper:await()
      assert.is_true(async.now() - begin >= 3600)
    end)
  end)

  it("can be called in one run after the other", function()
    for i = 1, 3 do
      async.run(function() assert.equal(i, to_thread(function(n) return n end, i)) end)
    end
  end)

  it("has as many jobs in line as anybody wants, in order of completion of their threads", inside(function()
    local results = async.map(500, function(i) return to_thread(function(n) return 2 * n end, i) end)
    for i = 1, 500 do assert.equal(2 * i, results[i]) end
  end))

  it("says what it cannot call, and where it cannot wait", function()
    assert.matches("bad argument #1 to 'to_thread' %(function expected, got no value%)", caught(to_thread))
    assert.matches("bad argument #1 to 'to_thread' %(function expected, got table%)", caught(to_thread, {}))
    assert.matches("to_thread: cannot wait here: no loop is running", caught(to_thread, print))
    async.run(function()
      local err = caught(coroutine.wrap(function() to_thread(print) end))
      assert.matches("to_thread: cannot wait inside a coroutine", err)
    end)
  end)
end)

describe("an error in a thread", function()
  it("is raised as it is", inside(function()
    assert.equal("oops", caught(to_thread, function() error("oops", 0) end))
    assert.same({ code = 7 }, caught(to_thread, function() error { code = 7 } end))
    assert.is_nil(caught(to_thread, function() error() end))
    assert.matches("to_thread_spec.lua:%d+: attempt to call a nil value %(local 'nothing'%)",
      caught(to_thread, function() local nothing = nil nothing() end))
  end))

  it("comes with the worker's traceback, above that of who waits", function()
    local err = caught(async.run, function()
      local function deep() error("oops") end
      to_thread(function() deep() end)
    end)
    assert.matches("oops\nstack traceback:.*in upvalue 'deep'.*%[worker thread%]\nawaited by:\n.*%[task 'main'", err)
  end)

  it("has it in its report too, if nobody awaits the task", function()
    local said = script [[
async.run(function()
  local task = async.spawn(async.to_thread, function() local function deep() error "oops" end deep() end)
  while not task:done() do async.sleep(0.001) end
end)]].err
    assert.matches("oops\nstack traceback:.*in local 'deep'.*%[worker thread%]", said)
  end)

  it("has it in its field, if it is an Error object", inside(function()
    local err = caught(to_thread, function()
      local saros = require "saros"
      local function deep() error(saros.error { name = "DeepError", message = "deep" }) end
      deep()
    end)
    assert.is_true(async.is_error(err, "DeepError"))
    assert.matches("in local 'deep'.*%[worker thread%]\nawaited by:\n.*%[task 'main'", err.traceback)
  end))

  it("of a run in it comes out of that", inside(function()
    local function fail() error("in", 0) end
    local err = caught(to_thread, function() async.run(function() async.gather { fail } end) end)
    assert.matches("^in\nstack traceback:", err)
    local timeout = caught(to_thread, function() async.run(async.wait_for, async.future(), 0) end)
    assert.is_true(async.is_error(timeout, "TimeoutError"))
  end))
end)

describe("a job", function()
  it("may run saros, and threads of its own", inside(function()
    local got = to_thread(function()
      return async.run(function()
        local list = async.map(10, function(i) return async.to_thread(function(n) return n * n end, i) end)
        return table.concat(list, " ")
      end)
    end)
    assert.equal("1 4 9 16 25 36 49 64 81 100", got)
  end))

  it("cannot wait outside of a run of its own", inside(function()
    assert.matches("sleep: cannot wait here: no loop is running", caught(to_thread, async.sleep, 1))
    assert.matches("attempt to yield from outside a coroutine", caught(to_thread, coroutine.yield, 1))
  end))

  it("has coroutines as anywhere", inside(function()
    local got = table.pack(to_thread(function()
      local log = {}
      local co = coroutine.create(function(...)
        log[#log + 1] = table.concat({ ... }, ",")
        local sent = coroutine.yield(1, 2)
        log[#log + 1] = sent
        error({ "raised" })
      end)
      local first = table.pack(coroutine.resume(co, "a", "b"))
      log[#log + 1] = table.concat(first, ",", 2)
      local ok, err = coroutine.resume(co, "c")
      log[#log + 1] = tostring(ok) .. err[1] .. coroutine.status(co)
      log[#log + 1] = select(2, coroutine.resume(co))
      local sum = 0
      for i in coroutine.wrap(function() for i = 1, 10 do coroutine.yield(i) end end) do sum = sum + i end
      local closed = false
      local failing = coroutine.wrap(function()
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        error("wrapped", 0)
      end)
      local _, text = pcall(function() failing() end)
      log[#log + 1] = text:match ": (%a+)$"
      local _, other = pcall(coroutine.wrap(function() error { 7 } end))
      return sum, closed, other[1], table.unpack(log)
    end))
    assert.same({ 55, true, 7, "a,b", "1,2", "c", "falseraiseddead", "cannot resume dead coroutine", "wrapped", n = 9 },
      got)
    assert.matches("bad argument #1 to 'resume'", caught(to_thread, function() coroutine.resume(1) end))
    assert.matches("bad argument #1 to 'wrap'", caught(to_thread, function() coroutine.wrap(1) end))
  end))
end)
