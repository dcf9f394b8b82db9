-- SPDX-License-Identifier: MIT
local async = require "saros"
local plain = require "coroutine"
local tasks = require "spec.support.tasks"
local inside, virtually, caught = tasks.inside, tasks.virtually, tasks.caught
local co = async.coroutine

describe("a coroutine that may wait", function()
  it("goes on in place after an await, and gives its values to who resumed it", virtually(function()
    local thread = co.create(function(a)
      async.sleep(1)
      local b, c = co.yield(a + 1, "more")
      async.sleep(2)
      return b * c
    end)
    local began = async.now()
    assert.same({true, 3, "more"}, {co.resume(thread, 2)})
    assert.equal(1, async.now() - began)
    assert.same({true, 42}, {co.resume(thread, 6, 7)})
    assert.equal(3, async.now() - began)
    assert.equal("dead", co.status(thread))
  end))

  it("lets other tasks run meanwhile", virtually(function()
    local log = {}
    local function worker(name, seconds)
      return function()
        for i in co.wrap(function()
          for i = 1, 2 do
            async.sleep(seconds)
            co.yield(i)
          end
        end) do log[#log + 1] = name .. i end
      end
    end
    async.gather(worker("slow", 3), worker("fast", 2))
    assert.equal("fast1 slow1 fast2 slow2", table.concat(log, " "))
  end))

  it("waits in everything that waits: queues, locks, tasks, timeouts", virtually(function()
    local queue, lock = async.queue(1), async.lock()
    async.spawn(function()
      for i = 1, 3 do queue:put(i) end
    end)
    local next_item = co.wrap(function()
      while true do
        local permit <close> = lock:acquire()
        local item = queue:get()
        permit:release()
        co.yield(item, async.spawn(function() return item * 10 end):await())
      end
    end)
    for i = 1, 3 do assert.same({i, 10 * i}, {next_item()}) end
    assert.equal("TimeoutError", tasks.error_of(async.timeout and function()
      async.wait_for(function() next_item() end, 5)
    end).name)
  end))

  it("is the same task, in the same scopes", inside(function()
    local me = async.current_task()
    local name = async.task_local "none"
    name:set "mine"
    local deadline <close> = async.timeout(100)
    co.wrap(function()
      assert.equal(me, async.current_task())
      assert.equal("mine", name:get())
      assert.is_true(async.deadline() < math.huge)
      name:set "changed"
    end)()
    assert.equal("changed", name:get())
    deadline:close()
  end))

  it("may be 20,000 deep", inside(function()
    local function down(n)
      if n == 0 then
        async.sleep(0)
        return "bottom"
      end
      return co.wrap(down)(n - 1)
    end
    assert.equal("bottom", down(100))
    assert.equal("bottom", down(20000))
  end))

  it("ends a recursion without end as the plain library does", inside(function()
    local depth, message = 0, nil
    local function down()
      depth = depth + 1
      local ok, why = co.resume(co.create(down))
      message = message or not ok and why
    end
    down()
    assert.equal("C stack overflow", message)
    assert.is_true(depth > 20000)
    assert.equal("goes on", co.wrap(function() return "goes on" end)())
  end))

  it("yields through any number of levels that pass values on", inside(function()
    local function level(n)
      return co.wrap(function()
        if n == 0 then
          for i = 1, 3 do
            async.sleep(0)
            co.yield(i)
          end
        else
          for i in level(n - 1) do co.yield(i + 1) end
        end
      end)
    end
    local got = {}
    for i in level(100) do got[#got + 1] = i end
    assert.same({101, 102, 103}, got)
  end))

  it("costs no C stack when many take turns", inside(function()
    local step = co.wrap(function()
      for i = 1, math.huge do co.yield(i) end
    end)
    local last
    for _ = 1, 300000 do last = step() end
    assert.equal(300000, last)
  end))

  it("works without a loop, where nothing in it can wait", function()
    assert.equal(3, co.wrap(function(a) return co.yield(a) end)(3))
    assert.matches("sleep: cannot wait here: no loop is running", caught(co.wrap(function() async.sleep(1) end)))
  end)

  it("works below a C function, where nothing in it can wait", inside(function()
    local list = {3, 1, 2}
    table.sort(list, function(a, b) return co.wrap(function() co.yield(a < b) end)() end)
    assert.same({1, 2, 3}, list)
    local message = caught(table.sort, list, function() co.wrap(function() async.sleep(0) end)() end)
    assert.matches("sleep: cannot wait across a C function", message)
  end))

  it("goes on in a task when it began without a loop", function()
    local thread = co.create(function()
      co.yield(1)
      async.sleep(0)
      return 2
    end)
    assert.same({true, 1}, {co.resume(thread)})
    async.run(function() assert.same({true, 2}, {co.resume(thread)}) end)
  end)

  it("may be begun or resumed by the plain library, where nothing in it can wait", inside(function()
    local function body(a)
      local b = co.yield(a + 1)
      return "end", co.yield(b + 1)
    end
    for _, begins in ipairs {plain, co} do
      for _, goes_on in ipairs {plain, co} do
        for _, ends in ipairs {plain, co} do
          local thread = co.create(body)
          assert.same({true, 2}, {begins.resume(thread, 1)})
          assert.same({true, 3}, {goes_on.resume(thread, 2)})
          assert.same({true, "end", 3}, {ends.resume(thread, 3)})
          assert.same({"dead", "dead"}, {co.status(thread), plain.status(thread)})
          assert.same({false, "cannot resume dead coroutine"}, {begins.resume(thread)})
        end
      end
    end
    assert.matches("sleep: cannot wait", select(2, plain.resume(co.create(function() async.sleep(0) end))))
    async.sleep(0)
  end))

  it("runs coroutines of the plain library as they are", inside(function()
    local thread = plain.create(function(a) return plain.yield(a) end)
    assert.same({true, 1}, {co.resume(thread, 1)})
    assert.equal("suspended", co.status(thread))
    assert.same({true, 2}, {co.resume(thread, 2)})
    local _, message = co.resume(plain.create(function() async.sleep(0) end))
    assert.matches("inside a coroutine of your own", message)
    assert.same({true, 5}, {co.resume(plain.create(function() co.yield(5) end))})
    local open = plain.create(plain.yield)
    co.resume(open)
    assert.is_true(co.close(open))
  end))

  it("is outside any coroutine in the task itself", inside(function()
    local thread, is_main = co.running()
    assert.is_true(is_main)
    assert.is_false(co.isyieldable())
    assert.matches("attempt to yield from outside a coroutine", caught(co.yield, 1))
    co.wrap(function()
      assert.equal("normal", co.status(thread))
      assert.same({false, "cannot resume non-suspended coroutine"}, {co.resume(thread)})
      assert.is_true(co.isyieldable())
    end)()
  end))

  it("is collected when nobody holds it", inside(function()
    local weak = setmetatable({}, {__mode = "k"})
    do
      local thread = co.create(function() co.yield(weak) end)
      weak[thread] = true
      co.resume(thread)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end))
end)

describe("a coroutine of another task", function()
  it("is normal while it waits there, and refused by name", inside(function()
    local event = async.event()
    local thread = co.create(function()
      event:wait()
      return "done"
    end)
    local owner = tasks.start(function() return co.resume(thread) end):set_name "owner"
    assert.equal("normal", co.status(thread))
    assert.same({false, "cannot resume a coroutine that belongs to task 'owner'"}, {co.resume(thread)})
    assert.matches("cannot close a coroutine that belongs to task 'owner'", caught(co.close, thread))
    event:set()
    assert.same({true, "done"}, {owner:await()})
    assert.equal("dead", co.status(thread))
  end))

  it("is refused between two yields too, until that task has ended", inside(function()
    local step = co.wrap(function()
      for i = 1, math.huge do co.yield(i) end
    end)
    local event = async.event()
    local owner = tasks.start(function()
      step()
      event:wait()
    end):set_name "owner"
    assert.matches("cannot resume a coroutine that belongs to task 'owner'", caught(step))
    event:set()
    owner:await()
    assert.equal(2, step())
  end))

  it("belongs to nobody before it begins", inside(function()
    local thread = co.create(function() return async.current_task() end)
    local task = async.spawn(co.resume, thread)
    assert.same({true, task}, {task:await()})
  end))
end)

describe("cancelling a task inside coroutines", function()
  it("arrives at the innermost await and unwinds through the chain, in order", virtually(function()
    local log = {}
    local function finally(name)
      return tasks.finally(function(_, err)
        async.shield(function() async.sleep(1) end)
        log[#log + 1] = name .. " " .. tostring(err and err.name)
      end)
    end
    local function level(n)
      local _ <close> = finally("level " .. n)
      if n == 3 then tasks.hang() end
      co.wrap(level)(n + 1)
    end
    local task = tasks.start(level, 1)
    task:cancel "enough"
    local err = caught(task.await, task)
    assert.equal("enough", err.reason)
    assert.is_true(task:cancelled())
    assert.same({"level 3 CancelledError", "level 2 CancelledError", "level 1 CancelledError"}, log)
  end))

  it("is given to who resumed as any error is, and comes again at the next await", inside(function()
    local seen
    local task = tasks.start(function()
      seen = table.pack(co.resume(co.create(tasks.hang)))
      async.sleep(0)
    end)
    task:cancel()
    caught(task.await, task)
    assert.is_false(seen[1])
    assert.equal("CancelledError", seen[2].name)
    assert.is_true(task:cancelled())
  end))

  it("ends them by force if nothing else does", function()
    local log = {}
    async.on_error(function() end)
    async.run(function()
      tasks.start(function()
        local _ <close> = tasks.finally(function() log[#log + 1] = "outer" end)
        co.wrap(function()
          local _ <close> = tasks.finally(function() log[#log + 1] = "inner" end)
          while true do pcall(tasks.hang) end
        end)()
      end)
    end)
    async.on_error(nil)
    assert.same({"inner", "outer"}, log)
  end)

  it("works by a timeout around the coroutine and by one inside", virtually(function()
    assert.equal("TimeoutError", tasks.error_of(async.wait_for, co.wrap(tasks.hang), 3).name)
    local err = tasks.error_of(co.wrap(function()
      local held <close> = async.timeout(2)
      tasks.hang()
    end))
    assert.equal("TimeoutError", err.name)
  end))
end)

describe("yield inside a block", function()
  it("is refused, as its resumer would be in that block", inside(function()
    local function inside_block()
      local held <close> = async.timeout(1)
      co.yield()
    end
    local line = debug.getinfo(inside_block, "S").linedefined + 1
    local message = caught(co.wrap(inside_block))
    assert.matches("attempt to yield inside a timeout made at .*coroutine_spec.lua:" .. line, message)
    assert.matches("inside a shield", caught(co.wrap(function() async.shield(co.yield) end)))
  end))

  it("is allowed where the block is around the resume", inside(function()
    local step = co.wrap(function()
      while true do co.yield(async.deadline() < math.huge) end
    end)
    assert.is_false(step())
    local held <close> = async.timeout(1)
    assert.is_true(step())
  end))
end)

describe("a coroutine that closes a block around it", function()
  it("may yield then, into the block around that", inside(function()
    local outer <close> = async.timeout(100)
    local inner <close> = async.timeout(100)
    local step = co.wrap(function()
      inner:close()
      co.yield(async.deadline() < math.huge)
    end)
    assert.is_true(step())
    outer:close()
  end))
end)

describe("closing a coroutine", function()
  it("is an await, and so are its __close handlers", virtually(function()
    local log = {}
    local thread = co.create(function()
      local _ <close> = tasks.finally(function()
        async.sleep(2)
        log[#log + 1] = "closed"
      end)
      co.yield()
    end)
    co.resume(thread)
    local began = async.now()
    assert.is_true(co.close(thread))
    assert.equal(2, async.now() - began)
    assert.same({"closed"}, log)
    assert.equal("dead", co.status(thread))
  end))

  it("is refused while another closes it", inside(function()
    local event = async.event()
    local thread = co.create(function()
      local _ <close> = tasks.finally(function() event:wait() end)
      co.yield()
    end)
    local closer = tasks.start(function()
      co.resume(thread)
      return co.close(thread)
    end):set_name "closer"
    assert.matches("belongs to task 'closer'", caught(co.close, thread))
    event:set()
    assert.is_true(closer:await())
  end))

  it("raises at its yield what async.pcall lets pass", inside(function()
    local log = {}
    local thread = co.create(function()
      log[1] = "begun"
      async.pcall(co.yield)
      log[2] = "swallowed"
    end)
    co.resume(thread)
    assert.is_true(co.close(thread))
    assert.same({"begun"}, log)
  end))

  it("unwinds what it had resumed by itself", inside(function()
    local log = {}
    local thread = co.create(function()
      local inner = co.create(function()
        local _ <close> = tasks.finally(function() log[#log + 1] = "inner" end)
        co.yield()
      end)
      local _ <close> = tasks.finally(function()
        async.sleep(0)
        log[2] = tostring(co.close(inner))
      end)
      co.resume(inner)
      co.yield()
    end)
    co.resume(thread)
    assert.is_true(co.close(thread))
    assert.same({"inner", "true"}, log)
  end))
end)

describe("where an error arose in a coroutine", function()
  local function fail()
    async.sleep(0)
    error("out of paper", 0)
  end

  local function count(text, part)
    return select(2, text:gsub(part, ""))
  end

  it("is kept by wrap, with the chain", function()
    local function middle() co.wrap(fail)() end
    local function outer() co.wrap(middle)() end
    local text = caught(async.run, outer)
    local at = "coroutine_spec.lua:" .. debug.getinfo(fail, "S").linedefined + 2
    assert.matches("out of paper\nstack traceback:.*" .. at, text)
    assert.equal(2, count(text, "%[coroutine resumed by%]"))
    assert.matches("resumed by%].*:" .. debug.getinfo(middle, "S").linedefined, text)
    assert.matches("resumed by%].*resumed by%].*:" .. debug.getinfo(outer, "S").linedefined, text)
  end)

  it("is kept when it is raised anew by hand", function()
    local function outer()
      local ok, err = co.resume(co.create(fail))
      if not ok then error(err, 0) end
    end
    local text = caught(async.run, outer)
    assert.matches("coroutine_spec.lua:" .. debug.getinfo(fail, "S").linedefined + 2, text)
  end)

  it("is in the traceback of an Error object", inside(function()
    local err = tasks.error_of(co.wrap(function() error(async.error{name = "Mine", message = "x"}) end))
    assert.equal(1, count(err.traceback, "%[coroutine resumed by%]"))
  end))

  it("is told in short of a long chain", inside(function()
    local function down(n)
      if n == 0 then error(async.error{name = "Mine", message = "x"}) end
      return (co.wrap(down)(n - 1))
    end
    local err = tasks.error_of(down, 1000)
    assert.equal(51, count(err.traceback, "%[coroutine resumed by%]"))
    assert.matches("%(949 more coroutines%)", err.traceback)
  end))
end)

describe("async.tree", function()
  it("shows where a task waits and the chain of coroutines that leads there", inside(function()
    local function waits() tasks.hang() end
    local function middle() co.wrap(waits)() end
    local function outer() co.wrap(middle)() end
    tasks.start(outer):set_name "reader"
    local line = async.tree():match "reader: [^\n]+"
    local places = {}
    for number in line:gmatch "in a coroutine resumed at [^:]*coroutine_spec.lua:(%d+)" do
      places[#places + 1] = tonumber(number)
    end
    assert.same({debug.getinfo(middle, "S").linedefined, debug.getinfo(outer, "S").linedefined}, places)
    assert.matches("waiting for sleep", line)
  end))

  it("names the caller where a coroutine has no Lua code of its own", inside(function()
    local function outer() co.wrap(async.sleep)(math.huge) end
    tasks.start(outer):set_name "reader"
    local line = debug.getinfo(outer, "S").linedefined
    assert.matches("reader: waiting for sleep without end at [^:]*coroutine_spec.lua:" .. line, async.tree())
  end))
end)

describe("a coroutine in the hands of others", function()
  it("cannot be made to go on before what it waits for is there", inside(function()
    local thread = co.create(function() return pcall(tasks.hang) end)
    local owner = tasks.start(function() return co.resume(thread) end)
    plain.resume(thread)
    local ok, done, err = owner:await()
    assert.same({true, false}, {ok, done})
    assert.matches("resumed by hand", err)
  end))

  it("cannot make who resumed it go on", inside(function()
    local owner = plain.running()
    local outer
    outer = co.create(function()
      co.wrap(function()
        plain.resume(owner)
        plain.resume(outer, 1, 2)
        async.sleep(0)
        co.yield "from inside"
      end)()
      return "from outside"
    end)
    assert.same({true, "from outside"}, {co.resume(outer)})
  end))

  it("is an error for who resumed it once it was closed by hand", inside(function()
    local event = async.event()
    local thread = co.create(function() event:wait() end)
    local owner = tasks.start(function() return co.resume(thread) end)
    plain.close(thread)
    event:set()
    assert.same({false, "cannot resume dead coroutine"}, {owner:await()})
  end))

  it("does no harm when its resumer was closed by hand", inside(function()
    local event = async.event()
    local middle = co.create(function()
      co.wrap(function()
        event:wait()
        return "lost"
      end)()
    end)
    local owner = tasks.start(function() return co.resume(middle) end)
    plain.close(middle)
    event:set()
    assert.same({false, "cannot resume dead coroutine"}, {owner:await()})
  end))
end)

describe("a step that goes through coroutines", function()
  local script = require "spec.support.script"

  it("is interrupted by Ctrl-C wherever it is", function()
    local result = script [[
      local co = async.coroutine
      async.run(function()
        co.wrap(function()
          ctrl_c()
          while true do co.wrap(function() co.yield() end)() end
        end)()
      end)
    ]]
    assert.equal(1, result.code)
    assert.matches("InterruptError: interrupted", result.err)
  end)

  it("counts as one for the warning that it holds the loop", function()
    local result = script [[
      local co = async.coroutine
      async.debug{slow = 0.3}
      async.run(function()
        local began = os.clock()
        local step = co.wrap(function() while true do co.yield() end end)
        while os.clock() - began < 0.6 do step() end
      end)
    ]]
    assert.equal(0, result.code)
    assert.matches("has held the loop for", result.err)
  end)
end)

describe("lua_close", function()
  it("may come while tasks are inside coroutines", function()
    local script = require "spec.support.script"
    local result = script [[
      local async = require "saros"
      local co = async.coroutine
      async.run(function()
        for _ = 1, 3 do
          async.spawn(function()
            co.wrap(function()
              local _ <close> = setmetatable({}, {__gc = function() co.wrap(print)() end})
              co.wrap(async.sleep)(1000)
            end)()
          end)
        end
        async.sleep(0)
        co.wrap(function() co.wrap(function() os.exit(7, true) end)() end)()
      end)
    ]]
    assert.equal(7, result.code)
  end)
end)
