-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local toolchain = require "spec.embed.toolchain"
local caught, inside, start = tasks.caught, tasks.inside, tasks.start

local DOCUMENT = "docs/c-api.md"

local function is_named(err, name)
  assert.is_true(async.is_error(err, name), tostring(err))
end

-- Keeps from the collector what a test leaves over.
local kept

local workshop, module

setup(function()
  workshop = toolchain.open()
  local path = workshop:compile("spec/embed/timer_module.c", "timer_module.so")
  module = assert(package.loadlib(path, "luaopen_timer_module"))()
end)

teardown(function()
  kept = nil
  workshop:close()
end)

describe("an await of a C module", function()
  it("returns what its continuation pushes", inside(function()
    assert.equal("done", module.labour(0.001))
    assert.same(table.pack(), table.pack(module.work(0.001)))
  end))

  it("raises outside of a run, and names its function", function()
    for _, name in ipairs{"work", "labour", "doze", "ready"} do
      assert.matches(name .. ": cannot wait here: no loop is running", caught(module[name], 0))
    end
  end)

  it("raises inside a coroutine of the user's own and across a C function, and names its function", inside(function()
    assert.matches("^work: cannot wait inside a coroutine", caught(coroutine.wrap(module.work), 0))
    assert.matches("work: cannot wait across a C function", caught(table.sort, {1, 2}, function() module.work(0) end))
  end))

  it("refuses a wrong argument before anything else, through pcall too", function()
    assert.matches("bad argument #1 to 'work' %(number expected, got nil%)", caught(module.work, nil))
    assert.matches("bad argument #1 to 'doze' %(seconds out of range%)", caught(module.doze, -1))
  end)

  it("is shown under the name of its kind", inside(function()
    local alarm <close> = module.alarm()
    local task = start(alarm.wait, alarm, 60)
    assert.matches("alarm", async.tree())
    task:close()
  end))

  it("raises an Error object of the module's making", inside(function()
    local alarm = module.alarm()
    alarm:close()
    local err = caught(alarm.wait, alarm, 0)
    is_named(err, "ClosedError")
    assert.same({"ECLOSED", "the alarm is closed"}, {err.code, err.message})
    assert.matches("embed_spec.lua", err.traceback, 1, true)
  end))

  it("returns at once what is at hand, nil included, and yet starves nobody", inside(function()
    assert.same(table.pack(nil, 2, nil), table.pack(module.ready(nil, 2, nil)))
    local turns, went_on = 0, false
    local other = async.spawn(function()
      for _ = 1, 3 do
        async.sleep(0)
        turns = turns + 1
      end
    end)
    async.spawn(function()
      module.work(0.001)
      went_on = true
    end)
    local limit = async.now() + 30
    while (turns < 3 or not went_on) and async.now() < limit do module.ready() end
    assert.equal(3, turns)
    assert.is_true(went_on)
    other:await()
  end))
end)

describe("a callback that ends the wait of a C module", function()
  -- The time that fn() takes while another task sleeps for a minute.
  local function beside_a_sleeper(fn)
    local seconds
    async.run(function()
      start(async.sleep, 60)
      local before = async.now()
      fn()
      seconds = async.now() - before
    end)
    assert.is_true(seconds < 50, "it took " .. seconds .. " seconds")
  end

  for _, kind in ipairs{"timer", "idle", "prepare", "check", "async"} do
    it("is not held up by the poll that follows it: " .. kind, function()
      beside_a_sleeper(function()
        for _ = 1, 3 do module.hop(kind) end
      end)
    end)

    it("is not held up when it sets a deadline that is nearer: " .. kind, function()
      beside_a_sleeper(function()
        for _ = 1, 3 do module.hop(kind, 0.01) end
      end)
    end)

    it("ends the wait of each task that it concerns: " .. kind, function()
      beside_a_sleeper(function()
        async.gather(
          function() module.hop(kind) end, function() module.hop(kind, 0.005) end, function() module.hop "timer" end)
      end)
    end)
  end

  it("is not held up where nothing else keeps the loop alive", function()
    async.run(function() module.hop "timer" module.hop "prepare" end)
  end)

  it("is not held up in a test, where other time is virtual", function()
    testing.run(function()
      local sleeper = start(async.sleep, 30)
      module.hop("timer", 0.01)
      assert.equal("pending", sleeper:status())
      sleeper:close()
    end)
  end)
end)

describe("cancelling an await of a C module", function()
  it("reaches the abort function", inside(function()
    local alarm <close> = module.alarm()
    local task = start(alarm.wait, alarm, 60)
    is_named(caught(alarm.wait, alarm, 0), "BusyError")
    task:cancel()
    is_named(caught(task.await, task), "CancelledError")
    alarm:wait(0.001)
  end))

  it("is raised by each await, again and again, before anything is submitted", inside(function()
    local labours = {}
    local task = start(function()
      pcall(async.sleep, 60)
      for _, name in ipairs{"work", "labour", "doze", "ready"} do
        is_named(caught(module[name], 0.001), "CancelledError")
      end
      labours[1] = module.labours()
    end)
    task:cancel()
    task:await()
    assert.same({0}, labours)
  end))

  it("lets the task go on at once where a completion may come late, which then finds nobody", inside(function()
    local before = module.works_done()
    local task = start(function()
      is_named(caught(async.wait_for, function() module.work(0.5) end, 0.002), "TimeoutError")
      local done, now = module.works_done(), async.now()
      local woken = module.doze(0.06)
      assert.is_true(tasks.eventually(function() return module.works_done() > done end))
      return done, module.works_done(), woken - now
    end)
    local at_once, later, slept = task:await()
    assert.same({before, before + 1}, {at_once, later})
    assert.is_true(slept >= 0.06)
  end))

  it("joins what cannot stop at once", inside(function()
    local task = start(module.labour, 60)
    task:cancel()
    assert.same({"pending", 1}, {task:status(), module.labours()})
    is_named(caught(task.await, task), "CancelledError")
    assert.equal(0, module.labours())
  end))

  it("joins it as well where a scope, a combinator or the end of the run cancels", function()
    async.run(function()
      is_named(caught(async.wait_for, function() module.labour(60) end, 0.002), "TimeoutError")
      assert.equal(0, module.labours())
      assert.equal("x", caught(async.gather, {
        function() module.labour(60) end,
        function()
          async.sleep(0.001)
          error("x", 0)
        end,
      }))
      assert.equal(0, module.labours())
      start(module.labour, 60)
      assert.equal(1, module.labours())
    end)
    assert.equal(0, module.labours())
  end)

  it("does nothing more the second time", inside(function()
    local task = start(module.labour, 60)
    task:cancel("first")
    task:cancel("second")
    local err = caught(async.wait_for, task, 30)
    assert.equal("first", err.reason)
    assert.equal(0, module.labours())
  end))

  it("keeps a result that was there in the same turn", inside(function()
    local alarm <close> = module.alarm()
    local task = start(function()
      alarm:wait(60)
      return "woken"
    end)
    alarm:close()
    task:cancel()
    is_named(caught(task.await, task), "ClosedError")
  end))

  it("waits as long as the operation likes", inside(function()
    local task = start(module.errand)
    task:cancel()
    tasks.turns()
    assert.equal("pending", task:status())
    assert.equal(1, module.end_errand())
    is_named(caught(task.await, task), "CancelledError")
  end))

  it("aborts but once, and where the task was closed by force the end of the operation finds nobody", function()
    local result = script([[
local module = require "timer_module"
async.on_error(function(err) print((err:gsub("%(.-%) ", ""))) end)
async.run(function()
  async.spawn(module.errand):set_name("x")
  async.sleep(0)
end)
collectgarbage()
collectgarbage()
print(module.end_errand())
]], {env = {LUA_CPATH_5_4 = workshop:cpath()}})
    assert.same({code = 0, err = ""}, {code = result.code, err = result.err})
    assert.equal("task 'x' did not end when it was cancelled and was closed by force\n1\n", result.out)
  end)

  it("leaves nothing behind where the task has to be closed by force", function()
    local reports = tasks.reported(function()
      async.run(function()
        start(function()
          while true do pcall(module.labour, 60) end
        end)
      end)
    end)
    assert.equal(1, #reports)
    assert.equal(0, module.labours())
  end)
end)

describe("a resource of a C module", function()
  it("that a test leaves open is named, with the place where it was opened", function()
    local function open()
      kept = module.alarm()
    end
    local line = debug.getinfo(open, "S").linedefined + 1
    assert.matches("handle alarm opened at .*embed_spec.lua:" .. line .. "$", caught(testing.run, open))
  end)

  it("that is closed is no leak, and neither is one without a name", function()
    testing.run(function()
      local _ <close> = module.alarm()
      module.alarm():close()
      module.labour(0.001)
    end)
  end)

  it("is closed at the end of the run", function()
    local alarm
    async.run(function() alarm = module.alarm() end)
    async.run(function() is_named(caught(alarm.wait, alarm, 0), "ClosedError") end)
    alarm:close()
    assert.matches("alarm: no loop is running", caught(module.alarm))
  end)

  it("that the collector closed is named in debug mode, with the place where it was opened", function()
    local result = script([[
local module = require "timer_module"
async.debug(true)
async.run(function()
  module.alarm()
  collectgarbage()
  collectgarbage()
  module.alarm():close()
  local left = module.alarm()
end)
collectgarbage()
]], {env = {LUA_CPATH_5_4 = workshop:cpath()}})
    assert.equal(0, result.code, result.err)
    assert.matches("alarm opened at .*:5 was closed by the collector", result.err)
    assert.equal(1, select(2, result.err:gsub("alarm", "")))
  end)
end)

describe("time in a C module", function()
  local function passed(fn, ...)
    local before = async.now()
    fn(...)
    return async.now() - before
  end

  it("is real in a run", inside(function()
    local seconds = passed(module.doze, 0.005)
    assert.is_true(seconds >= 0.005 and seconds < 30)
  end))

  it("is virtual in a test", function()
    local before = os.time()
    testing.run(function()
      assert.is_true(math.abs(passed(module.doze, 3600) - 3600) < 1)
      local fuse = module.fuse()
      fuse:light(7200)
      async.sleep(7199)
      assert.is_false(fuse:burnt())
      module.doze(2)
      assert.is_true(fuse:burnt())
    end)
    assert.is_true(os.time() - before < 60)
  end)

  it("gives the time of saros' own clock", function()
    testing.run(function()
      local now = module.doze(100)
      assert.is_true(now - async.now() <= 0 and async.now() - now < 1)
    end)
  end)

  it("does not jump in a test while real I/O is pending", function()
    testing.run(function()
      local sleeper = start(module.doze, 3600)
      local alarm <close> = module.alarm()
      for _, operation in ipairs{
        function() alarm:wait(0.01) end,
        function() module.work(0.01) end,
        function() module.labour(0.01) end,
      } do
        local seconds = passed(operation)
        assert.is_true(seconds > 0 and seconds < 60, "passed: " .. seconds)
      end
      assert.equal("pending", sleeper:status())
      sleeper:await()
    end)
  end)

  it("names a timer that a test leaves set", function()
    local function light()
      kept = module.fuse()
      kept:light(60)
    end
    assert.matches("timer: 1 still set", caught(testing.run, light))
  end)

  it("ends with the run: a timer that was still set is idle, and can be stopped or set again", function()
    local result = script([[
local module = require "timer_module"
local stopped, again = module.fuse(), module.fuse()
async.run(function()
  stopped:light(60)
  again:light(60)
end)
stopped:close()
async.run(function()
  again:light(0.001)
  module.doze(0.002)
  print(stopped:burnt(), again:burnt())
end)
]], {env = {LUA_CPATH_5_4 = workshop:cpath()}})
    assert.equal(0, result.code, result.signal)
    assert.equal("false\ttrue\n", result.out)
  end)
end)

describe("a C module that is loaded", function()
  it("is refused if it was built for another version", function()
    local header = assert(io.open("include/saros.h")):read("a")
    local changed, count = header:gsub("#define SAROS_API_VERSION %d+", "#define SAROS_API_VERSION 999")
    assert.equal(1, count)
    workshop:write("other/saros.h", changed)
    local path = workshop:compile(workshop:write("other/nap.c", toolchain.block(DOCUMENT, "nap.c")), "other/nap.so")
    assert.matches("saros speaks version %d+ of its C API, this module was built for 999",
      caught(assert(package.loadlib(path, "luaopen_nap"))))
  end)
end)

describe("a host with a loop of its own", function()
  setup(function()
    workshop:compile("spec/embed/host.c", "host")
  end)

  local PRELUDE = 'local async, module = require "saros", require "timer_module" local _ = async, module '

  -- Runs each program in the same host, one after another; host.c checks what has to be true at the end of any.
  local function serves(...)
    local programs = {...}
    for i, program in ipairs(programs) do programs[i] = PRELUDE .. program end
    local result = workshop:run("host", table.unpack(programs))
    assert.same({err = "", code = 0}, {err = result.err, code = result.code})
    return result.out
  end

  it("runs one program after another, and its own handle is served meanwhile", function()
    local program = [[
      local before = host.ticks()
      async.run(function()
        local alarm <close> = module.alarm()
        async.gather(
          function() async.sleep(0.01) end, function() module.work(0.01) end, function() module.labour(0.01) end,
          function() alarm:wait(0.01) end)
      end)
      assert(host.ticks() > before)
      io.write("ran ")
    ]]
    assert.equal("ran ran ran ", serves(program, program, program))
  end)

  it("is served while tasks never wait", function()
    serves[[
      async.run(function()
        local before, limit = host.ticks(), async.now() + 30
        while host.ticks() < before + 3 and async.now() < limit do async.sleep(0) end
        assert(host.ticks() >= before + 3)
      end)
    ]]
  end)

  it("keeps SIGINT, and no task is interrupted", function()
    serves([[
      async.run(function()
        assert(host.interrupt() == 1)
        async.sleep(0.005)
        assert(host.interrupt() == 2)
      end)
      assert(host.interrupt() == 3)
    ]], "assert(host.interrupt() == 4)")
  end)

  it("may call Lua from a callback that settles a future", function()
    serves[[
      async.run(function()
        local future = async.future()
        host.later(function() future:set("called") end)
        assert(future:await() == "called")
      end)
    ]]
  end)

  it("hears why nobody can wait in such a callback", function()
    serves[[
      async.run(function()
        local future = async.future()
        host.later(function() future:set(pcall(async.sleep, 0)) end)
        local ok, err = future:await()
        assert(not ok and err:find("sleep: cannot wait here: no task is running", 1, true), err)
        future = nil
        host.later(function() future = async.future() future:fail(select(2, pcall(async.run, async.now))) end)
        while not future do async.sleep(0.001) end
        ok, err = pcall(future.await, future)
        assert(not ok and err:find("a loop is running already", 1, true), err)
      end)
    ]]
  end)

  it("is told of a deadlock when nothing of its own is alive", function()
    serves[[
      host.rest()
      local ok, err = pcall(async.run, function() async.event():wait() end)
      assert(not ok and async.is_error(err, "DeadlockError"), err)
    ]]
  end)

  it("holds back the virtual clock as long as a handle of its own is active", function()
    serves[[
      local testing = require "saros.testing"
      testing.run(function()
        local before = async.now()
        local sleeper = async.spawn(async.sleep, 3600)
        async.sleep(0.01)
        assert(async.now() - before < 60)
        host.rest()
        sleeper:await()
        assert(async.now() - before > 3599)
      end)
    ]]
  end)

  it("may stop its loop in the middle of a run, which goes on", function()
    serves([[
      async.run(function()
        for _ = 1, 3 do
          host.stop()
          async.sleep(0.002)
        end
        host.stop()
      end)
    ]], "async.run(function() async.sleep(0.001) host.stop() host.close() end)")
  end)

  it("gets errors as they are, and goes on", function()
    serves([[
      local ok, err = pcall(async.run, function()
        async.spawn(async.sleep, 60)
        module.alarm()
        module.work(0.001)
        error({code = 7})
      end)
      assert(not ok and err.code == 7)
    ]], "async.run(async.sleep, 0.001)")
  end)

  it("finds resources closed that a program left open", function()
    serves("async.run(function() LEFT = module.alarm() end)", "async.run(async.sleep, 0) assert(LEFT)")
  end)

  it("says so if a C module is required before saros", function()
    local result = workshop:run("host", 'require "timer_module"', 'require "saros" require "timer_module"')
    assert.equal(1, result.code)
    assert.matches('saros is not loaded: require "saros" first', result.err)
    assert.equal(1, select(2, result.err:gsub("host:", "")))
  end)
end)

describe("lua_close", function()
  -- Every kind of wait there is, each in a task; one operation was aborted and completes late, one has yet to end.
  local PENDING = [[
    local async, module = require "saros", require "timer_module"
    async.on_error(function() end)
    local function pend()
      local alarm, queue, lock = module.alarm(), async.queue(1), async.lock()
      local parked = {
        function() async.sleep(60) end, function() async.sleep(math.huge) end, function() module.doze(60) end,
        function() alarm:wait(60) end, function() module.work(0.03) end, function() module.labour(60) end,
        function() async.event():wait() end, function() queue:get() end, function() async.future():await() end,
        function() local _ <close> = lock:acquire() async.sleep(60) end, function() lock:acquire() end,
        function() async.gather(function() async.sleep(60) end, function() module.doze(60) end) end,
        function() async.race{function() module.labour(60) end, function() module.work(0.02) end} end,
        function() async.wait_for(function() module.labour(60) end, 60) end,
        function() local scope <close> = async.timeout(60) async.sleep(math.huge) end,
        function() local group <close> = async.task_group() group:spawn(async.sleep, 60) end,
        function() async.shield(function() async.sleep(60) end, 0.01) end,
        function() for _ in async.generator(function(yield) yield(1) async.sleep(60) end) do end end,
        function() module.fuse():light(60) async.sleep(60) end,
      }
      for _, fn in ipairs(parked) do async.spawn(fn) end
      local late, ending = async.spawn(module.work, 0.03), async.spawn(module.labour, 60)
      local failed = async.spawn(error, "nobody looks at this")
      async.sleep(0.005)
      late:cancel()
      ending:cancel()
      return failed
    end
  ]]

  local function closes(...)
    local programs = {...}
    programs[#programs] = PENDING .. programs[#programs]
    local result = workshop:run("host", table.unpack(programs))
    assert.same({err = "", code = 0}, {err = result.err, code = result.code})
  end

  setup(function()
    workshop:compile("spec/embed/host.c", "host")
  end)

  it("leaves the host's loop working before the first run", function()
    closes ""
    closes "host.close()"
  end)

  it("leaves it working after a run", function()
    closes "async.run(pend) host.close()"
  end)

  it("leaves it working in the main task of a run with everything pending", function()
    closes "async.run(function() async.spawn(module.errand) pend() host.close() end)"
  end)

  it("leaves it working in the main task of a second run", function()
    closes("local async = require 'saros' async.run(async.sleep, 0.001)",
      "async.run(function() pend() host.close() end)")
  end)

  it("leaves it working in any other task", function()
    closes "async.run(function() async.spawn(module.errand) pend() async.spawn(host.close) async.sleep(60) end)"
  end)

  it("leaves it working in the cleanup at the end of a run", function()
    closes [[
      async.run(function()
        async.spawn(function()
          local _ <close> = setmetatable({}, {__close = host.close})
          async.sleep(60)
        end)
        pend()
      end)
    ]]
  end)

  it("leaves it working in the reporter of failures", function()
    closes [[
      async.on_error(host.close)
      async.run(pend)
    ]]
  end)

  it("leaves it working in a coroutine inside a task, below pcall and a C function", function()
    closes [[
      async.run(function()
        pend()
        coroutine.wrap(function() pcall(table.sort, {1, 2}, host.close) end)()
      end)
    ]]
  end)

  it("leaves it working in a test", function()
    closes "require('saros.testing').run(function() pend() host.close() end)"
  end)

  it("leaves it working though finalizers and to-be-closed variables still use saros", function()
    closes [[
      local event, alarm = async.event(), nil
      local _ <close> = setmetatable({}, {__close = function() event:set() alarm:close() pcall(async.sleep, 0) end})
      local failed, fuse
      finalized = setmetatable({}, {__gc = function()
        event:set()
        alarm:close()
        fuse:close()
        failed:cancel()
        pcall(async.run, async.now)
        pcall(async.spawn, async.now)
      end})
      async.run(function()
        alarm, fuse, failed = module.alarm(), module.fuse(), pend()
        fuse:light(60)
        async.spawn(alarm.wait, alarm, 60)
        async.spawn(event.wait, event)
        async.sleep(0)
        host.close()
      end)
    ]]
  end)

  it("leaves it working with an HTTP exchange pending", function()
    if not package.searchpath("saros.http.core", package.cpath) then return pending("built without saros.http") end
    closes [[
      local url = "http://127.0.0.1:" .. host.listen()
      async.run(function()
        async.spawn(async.fetch, url, {proxy = false})
        async.sleep(0.01)
        host.close()
      end)
    ]]
  end)

  it("as os.exit calls it, from inside a task, ends the process", function()
    closes "async.run(function() pend() os.exit(0, true) end)"
  end)
end)

describe("the page about the C API", function()
  setup(function()
    workshop:compile(workshop:write("page.c", toolchain.block(DOCUMENT, "host.c")), "page")
    workshop:compile(workshop:write("nap.c", toolchain.block(DOCUMENT, "nap.c")), "nap.so")
  end)

  it("has a host and a module that do what it says", function()
    local result = workshop:run("page", toolchain.block(DOCUMENT, "nap.lua"))
    assert.same({err = "", code = 0}, {err = result.err, code = result.code})
    assert.matches("^rested\trested\nfalse\tTimeoutError: [^\n]+\nserved\n$", result.out)
  end)

  it("has a host that turns its loop itself", function()
    workshop:compile(workshop:write("guest_page.c", toolchain.block(DOCUMENT, "guest.c")), "guest_page")
    local result = workshop:run("guest_page", toolchain.block(DOCUMENT, "guest.lua"))
    assert.same({out = "greet gave hello host\nthe run has ended\n", err = "", code = 0}, result)
  end)

  it("has a module that a thread completes", function()
    workshop:compile(workshop:write("crunch.c", toolchain.block(DOCUMENT, "crunch.c")), "crunch.so")
    local result = workshop:run("page", toolchain.block(DOCUMENT, "crunch.lua"))
    assert.same({err = "", code = 0}, {err = result.err, code = result.code})
    assert.matches("^6 2 2\n", result.out)
  end)

  it("has a module that lua_close finds in any state", function()
    workshop:compile("spec/embed/host.c", "host")
    for _, last in ipairs{"", "host.close()", "host.stop() host.close()", "os.exit(0, true)"} do
      local result = workshop:run("host", [[
        local async = require "saros"
        local nap = require "nap"
        async.run(function()
          for _, duration in ipairs{0, 1, 60000, 60000} do LAST = async.spawn(nap, duration) end
          async.sleep(0.005)
          LAST:cancel()
        ]] .. last .. " end)")
      assert.same({err = "", code = 0}, {err = result.err, code = result.code})
    end
  end)
end)
