-- SPDX-License-Identifier: MIT
-- Bad arguments of the functions of the runtime stand with their specs; here is what they have in common.
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local inside, virtually, caught = tasks.inside, tasks.virtually, tasks.caught
local start, hang, turns = tasks.start, tasks.hang, tasks.turns

local NAN = 0 / 0
local function none() end

-- Every function that waits, by the name that its messages have: how it is called.
local waiting = {
  sleep = function() return pcall(async.sleep, 0) end,
  gather = function() return pcall(async.gather, none) end,
  map = function() return pcall(async.map, {1}, none) end,
  race = function() return pcall(async.race, {none}) end,
  any = function() return pcall(async.any, {none}) end,
  wait = function() return pcall(async.wait, {async.future()}) end,
  as_completed = function()
    return pcall(function()
      for _ in async.as_completed{none} do none() end
    end)
  end,
  wait_for = function() return pcall(async.wait_for, none, 1) end,
  timeout = function() return pcall(async.timeout, 1) end,
  task_group = function() return pcall(async.task_group) end,
  shield = function() return pcall(async.shield, none) end,
}

-- Methods that wait; the objects can be made anywhere.
local methods = {
  await = function()
    local future = async.future()
    return pcall(future.await, future)
  end,
  acquire = function()
    local semaphore = async.semaphore(1)
    return pcall(semaphore.acquire, semaphore)
  end,
  ["event.*wait"] = function()
    local event = async.event()
    return pcall(event.wait, event)
  end,
  get = function()
    local queue = async.queue()
    return pcall(queue.get, queue)
  end,
  put = function()
    local queue = async.queue(1)
    return pcall(queue.put, queue, 1)
  end,
  join = function()
    local queue = async.queue()
    queue:try_put(1)
    return pcall(queue.join, queue)
  end,
  ["lock.*acquire"] = function()
    local lock = async.lock()
    return pcall(lock.acquire, lock)
  end,
}

-- Asserts that every waiting function refuses to be called by way of `call`, by name and with `reason`.
local function all_refuse(call, reason)
  for _, set in ipairs{waiting, methods} do
    for name, wait in pairs(set) do
      local ok, err = call(wait)
      assert.is_false(ok, name)
      assert.equal("string", type(err), name)
      assert.matches(name, err)
      assert.matches(reason, err)
    end
  end
end

-- Calls fn below a C function that cannot be yielded across.
local below = {
  ["table.sort"] = function(fn)
    local result
    table.sort({2, 1}, function(a, b)
      result = result or table.pack(fn())
      return a < b
    end)
    return table.unpack(result)
  end,
  ["string.gsub"] = function(fn)
    local result
    string.gsub("x", "x", function() result = table.pack(fn()) end)
    return table.unpack(result)
  end,
  ["require"] = function(fn)
    local result
    package.preload["saros.spec.waits"] = function() result = table.pack(fn()) end
    require "saros.spec.waits"
    package.loaded["saros.spec.waits"] = nil
    return table.unpack(result)
  end,
  ["a finalizer"] = function(fn)
    local result
    setmetatable({}, {__gc = function() result = table.pack(fn()) end})
    repeat collectgarbage() until result
    return table.unpack(result)
  end,
}

describe("a waiting function called where the caller cannot be suspended", function()
  it("says so by name outside run", function()
    all_refuse(function(wait) return wait() end, "run")
  end)

  it("says so by name after a run", function()
    async.run(turns)
    all_refuse(function(wait) return wait() end, "run")
  end)

  it("says so by name inside a coroutine of one's own", inside(function()
    all_refuse(function(wait) return coroutine.wrap(wait)() end, "coroutine")
  end))

  for name, call in pairs(below) do
    it("says so by name inside " .. name, inside(function()
      all_refuse(call, "C function")
    end))
  end

  it("has done nothing: nothing is spawned, taken or cancelled", inside(function()
    local count = #async.all_tasks()
    all_refuse(function(wait) return coroutine.wrap(wait)() end, "coroutine")
    assert.equal(count, #async.all_tasks())
    local semaphore = async.semaphore(1)
    pcall(coroutine.wrap(function() semaphore:acquire() end))
    assert.equal(1, semaphore:available())
  end))

  it("can be called again right away where it may wait", inside(function()
    all_refuse(below["table.sort"], "C function")
    async.sleep(0)
    assert.equal(1, async.gather(function() return 1 end))
  end))

  it("says so for a task that is awaited, too", inside(function()
    local task = start(hang)
    for _, call in pairs(below) do
      local ok, err = call(function() return pcall(task.await, task) end)
      assert.is_false(ok)
      assert.matches("await", err)
    end
    local ok, err = coroutine.wrap(function() return pcall(task.close, task) end)()
    assert.is_false(ok)
    assert.matches("close", err)
    assert.equal("pending", task:status())
    task:close()
  end))

  it("says so even if nothing would have to be waited for", inside(function()
    local task = start(none)
    local ok, err = coroutine.wrap(function() return pcall(task.await, task) end)()
    assert.is_false(ok)
    assert.matches("await", err)
  end))

  it("says so with the place of the call", inside(function()
    local function misplaced()
      async.sleep(0)
    end
    local line = debug.getinfo(misplaced, "S").linedefined + 1
    local _, err = coroutine.wrap(function() return pcall(misplaced) end)()
    assert.matches("^.*misuse_spec%.lua:" .. line .. ": sleep", err)
  end))
end)

describe("spawn where there is no run", function()
  it("says so by name", function()
    local message = caught(async.spawn, none)
    assert.equal("string", type(message))
    assert.matches("spawn", message)
    assert.matches("run", message)
  end)

  it("needs a function, there as anywhere", function()
    assert.matches("bad argument #1 to 'spawn' %(function expected, got no value%)", caught(async.spawn))
    async.run(function()
      assert.matches("bad argument #1 to 'spawn' %(function expected, got nil%)", caught(async.spawn, nil))
      assert.matches("bad argument #1 to 'spawn' %(function expected, got table%)", caught(async.spawn, {}))
      assert.matches("bad argument #1 to 'spawn' %(function expected, got string%)", caught(async.spawn, "print"))
      assert.equal(1, #async.all_tasks())
    end)
  end)

  it("works in a coroutine of one's own and below C functions, as it does not wait", inside(function()
    local ran = 0
    local function count() ran = ran + 1 end
    coroutine.wrap(function() async.spawn(count) end)()
    for _, call in pairs(below) do call(function() async.spawn(count) end) end
    turns()
    assert.equal(5, ran)
  end))
end)

describe("a wrong argument", function()
  -- {function, the number of the argument, what its message says, arguments...}
  local cases = {
    {"run", 1, "function expected, got nil", nil, 1},
    {"sleep", 1, "number expected, got string", "1"},
    {"sleep", 1, "NaN", NAN},
    {"spawn", 1, "function expected, got table", {}},
    {"gather", 1, "expected, got string", "f"},
    {"gather", 2, "expected, got number", none, 1},
    {"gather", 1, "item 2", {none, 1}},
    {"gather", 2, "unknown option 'return_error'", {none}, {return_error = true}},
    {"map", 1, "list, count or iterator expected, got nil", nil, none},
    {"map", 2, "function expected, got boolean", {}, true},
    {"map", 3, "limit", {}, none, {limit = 0}},
    {"map", 3, "option 'limit': a positive integer expected, got 3", {}, none, {limit = "3"}},
    {"map", 3, "unknown option 'limits'", {}, none, {limits = 1}},
    {"race", 1, "list expected, got function", none},
    {"race", 1, "empty", {}},
    {"any", 1, "empty", {}},
    {"any", 1, "item 1", {{}}},
    {"wait", 1, "item 1", {none}},
    {"wait", 2, "NaN", {}, {timeout = NAN}},
    {"wait", 2, "return_when", {}, {return_when = "never"}},
    {"as_completed", 1, "list expected, got string", "x"},
    {"wait_for", 1, "expected, got table", {}, 1},
    {"wait_for", 1, "expected, got table", setmetatable({}, {__call = none}), 1},
    {"wait_for", 2, "number expected, got string", none, "1"},
    {"wait_for", 2, "NaN", none, NAN},
    {"timeout", 1, "number expected, got boolean", true},
    {"timeout", 1, "NaN", NAN},
    {"task_group", 1, "function expected, got number", 1},
    {"shield", 1, "expected, got nil", nil, 1},
    {"shield", 2, "NaN", none, NAN},
    {"is_error", 2, "string expected, got number", nil, 1},
    {"on_error", 1, "function expected, got boolean", false},
    {"debug", 1, "got number", 1},
    {"semaphore", 1, "got no value"},
    {"semaphore", 1, "1", 0},
    {"queue", 1, "integer", 1.5},
  }

  for _, case in ipairs(cases) do
    local name, number, reason = case[1], case[2], case[3]
    local what = ("'%s', argument %d (%s)"):format(name, number, reason)

    it("is named by function and number, also through pcall: " .. what, inside(function()
      local err = caught(async[name], table.unpack(case, 4))
      assert.equal("string", type(err))
      assert.matches(("bad argument #%d to '%s' ("):format(number, name), err, 1, true)
      assert.matches(reason, err, 1, true)
    end))
  end

  it("that is missing is no value, and one that is nil is nil", inside(function()
    local jar, lock = async.session().cookies, async.lock()
    local functions = {
      get = async.get, fetch = async.fetch, post = async.post, retry = async.retry, generator = async.generator,
      ticker = async.ticker, as_completed = async.as_completed, map = async.map, race = async.race, wait = async.wait,
      wait_for = async.wait_for, spawn = async.spawn, sleep = async.sleep, semaphore = async.semaphore,
      decode = async.json.decode, array = async.json.array, error = async.error, shield = async.shield,
    }
    for name, fn in pairs(functions) do
      local what = ("bad argument #1 to '%s' ("):format(name)
      local missing, given = caught(fn), caught(fn, nil)
      assert.matches(what, missing, 1, true)
      assert.matches("got no value)", missing, 1, true)
      assert.matches(what, given, 1, true)
      assert.matches("got nil)", given, 1, true)
    end
    assert.matches("'lock:with' (function expected, got no value)", caught(lock.with, lock), 1, true)
    assert.matches("'lock:with' (function expected, got nil)", caught(lock.with, lock, nil), 1, true)
    assert.matches("'session:get' (string expected, got nil)", caught(function() async.session():get(nil) end), 1, true)
    assert.matches("'session:get' (string expected, got no value)",
      caught(function() async.session():get() end), 1, true)
    assert.matches("got nil", caught(jar.get, jar, nil), 1, true)
    assert.matches("got no value", caught(jar.get, jar), 1, true)
  end))

  it("of HTTP is raised at the user's line, also of a tail call, and no file of saros shows", function()
    for _, way in ipairs{
      function() return async.get "nowhere" end, function() return async.get("http://h/", {params = {}}) end,
      function() return async.session{bogus = 1} end, function() return async.session().get() end,
      function() return async.session().cookies:set("a b", 1) end, function() return async.json.decode(7) end,
      function() return async.post("http://h/", {multipart = {a = {}}}) end,
      function() return async.retry(print, {attempts = 0}) end, function() return async.lock():with(1) end,
    } do
      local at = "misuse_spec.lua:" .. debug.getinfo(way, "S").linedefined .. ": "
      local err = caught(async.run, function()
        local result = way()
        return result
      end)
      assert.matches(at, err:match "^[^\n]*", 1, true)
      assert.is_nil(err:find("[/\\]saros[/\\]"), err)
      assert.is_nil(err:find("[C]: in ?", 1, true))
    end
  end)

  it("is refused before anything has happened", inside(function()
    local ran = false
    local function run() ran = true end
    pcall(async.gather, run, 1)
    pcall(async.gather, {run, run, {}})
    pcall(async.race, {run, false})
    pcall(async.any, {run, "x"})
    pcall(async.map, {1}, run, {limit = -1})
    pcall(async.wait_for, run, NAN)
    pcall(async.shield, run, "x")
    pcall(async.task_group, 1)
    turns()
    assert.is_false(ran)
    assert.equal(1, #async.all_tasks())
  end))

  it("is named by the method, too", inside(function()
    async.task_group(function(group)
      assert.matches("bad argument #1 to 'group:spawn' %(function expected, got nil%)", caught(group.spawn, group, nil))
      assert.matches("group:spawn", caught(group.spawn))
    end)
    local scope <close> = async.timeout(1)
    assert.matches("bad argument #1 to 'timeout:reschedule' %(.*NaN", caught(scope.reschedule, scope, NAN))
    local queue = async.queue()
    assert.matches("bad argument #1 to 'queue:put' %(", caught(queue.put, queue, nil))
  end))

  it("is named by a method that is called on another object, or with a dot", inside(function()
    local semaphore, ran = async.semaphore(1), false
    local function run() ran = true end
    for name, object in pairs{
      semaphore = semaphore,
      lock = async.lock(),
      condition = async.condition(),
      rate_limiter = async.rate_limiter(1, 1),
    } do
      local expected = ("calling '%s:with' on bad self (%s expected, got "):format(name, name:gsub("_", " "))
      assert.matches(expected .. "function; ", caught(object.with, run), 1, true)
      assert.matches(expected .. "nil; ", caught(object.with), 1, true)
      assert.matches(expected .. "userdata; ", caught(object.with, async.future(), run), 1, true)
    end
    assert.matches("calling 'lock:with'", caught(async.lock().with, semaphore, run), 1, true)
    assert.is_false(ran)
    assert.equal(1, semaphore:available())
  end))

  it("stands in the message with the place of the call", inside(function()
    local function call()
      async.sleep("x")
    end
    local line = debug.getinfo(call, "S").linedefined + 1
    assert.matches("misuse_spec%.lua:" .. line .. ": bad argument #1 to 'sleep'", caught(call))
  end))
end)

describe("a scope made without <close>", function()
  it("is found when the task ends, with its place", inside(function()
    local line
    local task = async.spawn(function()
      line = debug.getinfo(1, "l").currentline + 1
      local scope = async.timeout(10)
      assert.is_userdata(scope)
    end)
    local err = caught(task.await, task)
    assert.equal("string", type(err))
    assert.matches("timeout", err)
    assert.matches("misuse_spec%.lua:" .. line, err)
    assert.matches("close", err)
  end))

  it("is found when main ends", function()
    local err = caught(async.run, function()
      local group = async.task_group()
      assert.is_userdata(group)
    end)
    assert.matches("group", err)
    assert.matches("misuse_spec%.lua:%d+", err)
    assert.matches("close", err)
  end)

  it("is found when the enclosing scope is left", inside(function()
    local function forget()
      local scope = async.timeout(10)
      return scope
    end
    local line = debug.getinfo(forget, "S").linedefined + 1
    local ways = {
      timeout = function()
        local _outer <close> = async.timeout(10)
        forget()
      end,
      wait_for = function() async.wait_for(forget, 10) end,
      shield = function() async.shield(forget) end,
      gather = function() async.gather(forget) end,
    }
    for name, way in pairs(ways) do
      local err = caught(way)
      assert.equal("string", type(err), name)
      assert.matches("misuse_spec%.lua:" .. line, err)
    end
    local err = caught(async.task_group, forget)
    assert.matches("misuse_spec%.lua:" .. line, err.errors[1])
    err = caught(function()
      local _outer <close> = async.task_group()
      forget()
    end)
    assert.matches("misuse_spec%.lua:" .. line, err.errors[1])
  end))

  it("does not take the place of an error that is under way", inside(function()
    local task = async.spawn(function()
      local scope = async.timeout(10)
      assert.is_userdata(scope)
      error("the real one", 0)
    end)
    assert.equal("the real one", caught(task.await, task))
  end))

  it("has its tasks cancelled, so that nothing runs on unseen", inside(function()
    local child
    pcall(async.wait_for, function()
      local group = async.task_group()
      child = group:spawn(hang)
      async.sleep(0)
    end, 10)
    turns()
    assert.is_true(child:cancelled())
  end))

  it("does no longer count its deadline", virtually(function()
    pcall(async.wait_for, function()
      local scope = async.timeout(1)
      assert.is_userdata(scope)
    end, 10)
    async.sleep(5)
  end))

  it("leaves nothing behind: the next scopes work", virtually(function()
    pcall(async.wait_for, async.timeout, 10)
    assert.is_true(async.is_error(caught(async.wait_for, hang, 1), "TimeoutError"))
  end))
end)

describe("a scope that is closed out of place", function()
  it("is refused by another task", inside(function()
    local scope <close> = async.timeout(10)
    local task = async.spawn(scope.close, scope)
    assert.matches("another task", caught(task.await, task))
    local group <close> = async.task_group()
    task = async.spawn(group.close, group)
    assert.matches("another task", caught(task.await, task))
  end))

  it("is refused inside a function that runs in a scope within it, and goes on", function()
    local result = script[[
local outer = {
  timeout = function() return async.timeout(10) end,
  group = function() return async.task_group() end,
}
local inner = {
  wait_for = function(fn) async.wait_for(fn, 5) end,
  shield = async.shield,
  task_group = async.task_group,
}
async.run(function()
  for what, open in pairs(outer) do
    for name, call in pairs(inner) do
      local scope <close> = open()
      call(function()
        local ok, err = pcall(scope.close, scope)
        assert(not ok and type(err) == "string", err)
        assert(err:find("close: the function that runs in a .* has not returned yet"), err)
        async.sleep(0)
      end)
      scope:close()
    end
  end
end)
print("the process lives")
]]
    assert.equal("", result.err)
    assert.equal("the process lives\n", result.out)
  end)

  it("is refused in the function of the group itself, which is a failure like any other", function()
    local result = script[[
async.run(function()
  local ok, err = pcall(async.task_group, function(group)
    group:spawn(async.sleep, 0)
    group:close()
  end)
  print(ok, err.name, #err.errors, (err.errors[1]:gsub("^.*group:close", "group:close")))
end)
]]
    assert.equal("", result.err)
    assert.equal(
      "false\tGroupError\t1\tgroup:close: the function that runs in a task group has not returned yet\n", result.out)
  end)

  it("may be closed twice", inside(function()
    local scope <close> = async.timeout(10)
    scope:close()
    scope:close()
    local group <close> = async.task_group()
    group:close()
    group:close()
  end))

  it("is dead after the run that made it", function()
    local scope, group
    async.run(function()
      scope, group = async.timeout(10), async.task_group()
      group:close()
      scope:close()
    end)
    scope:close()
    assert.is_false(scope:expired())
    assert.is_true(async.is_error(caught(scope.reschedule, scope, 1), "ClosedError"))
    async.run(function()
      assert.is_true(async.is_error(caught(group.spawn, group, none), "ClosedError"))
    end)
  end)
end)

describe("the coroutine of a task in the hands of others", function()
  -- Whatever comes of it, it must not be a crash.
  local function survives(source)
    local result = script(source)
    assert.is_nil(result.signal, result.err)
    assert.equal("the process lives\n", result.out)
  end

  it("does no harm when it is resumed while the task waits", function()
    survives[[
pcall(async.run, function()
  local co
  async.spawn(function()
    co = coroutine.running()
    async.sleep(0.001)
  end)
  async.sleep(0)
  coroutine.resume(co, 1, 2, 3)
  async.sleep(0.002)
end)
print("the process lives")
]]
  end)

  it("does no harm when it is resumed while the task is ready", function()
    survives[[
async.on_error(function() end)
for _, is_resumed_first in ipairs{true, false} do
  pcall(async.run, function()
    local co
    local function resume()
      async.sleep(0)
      coroutine.resume(co)
    end
    local function victim()
      co = coroutine.running()
      for _ = 1, 2 do async.sleep(0) end
    end
    if is_resumed_first then async.spawn(resume) end
    async.spawn(victim)
    if not is_resumed_first then async.spawn(resume) end
    async.event():wait()
  end)
end
assert(async.run(function() return async.gather(function() return 1 end) end) == 1)
print("the process lives")
]]
  end)

  it("does no harm when it is resumed, and the task ends so, while that is ready", function()
    survives[[
async.on_error(function() end)
local function is_ready_after_a_yield() coroutine.yield() end
local function is_ready_after_its_last_yield() return coroutine.yield() end
local function is_ready_after_its_share()
  local event = async.event()
  event:set()
  for _ = 1, 257 do event:wait() end
end
for _, victim in ipairs{is_ready_after_a_yield, is_ready_after_its_last_yield, is_ready_after_its_share} do
  pcall(async.run, function()
    local co
    local task = async.spawn(function()
      co = coroutine.running()
      return victim()
    end)
    async.sleep(0)
    coroutine.resume(co)
    assert(task:done() and coroutine.status(co) == "dead")
    co, task = nil, nil
    collectgarbage()
    async.gather{function() async.sleep(0) end, function() async.sleep(0) end}
    assert(#async.all_tasks() == 1)
  end)
end
print("the process lives")
]]
  end)

  it("does no harm when a finalizer older than saros resumes it while the state is closed", function()
    local result = script([[
local co
FINALIZED_LAST = setmetatable({}, {__gc = function()
  coroutine.resume(co)
  print "the process lives"
end})
local async = require "saros"
async.run(function()
  async.spawn(function()
    async.task_group(function(group)
      group:spawn(function()
        co = coroutine.running()
        async.sleep(1)
      end)
    end)
  end)
  for _ = 1, 3 do async.sleep(0) end
  os.exit(0, true)
end)
]], {bare = true})
    assert.is_nil(result.signal, result.err)
    assert.equal("the process lives\n", result.out)
  end)

  it("does no harm when it is closed while the task waits", function()
    survives[[
pcall(async.run, function()
  local co
  async.spawn(function()
    co = coroutine.running()
    async.sleep(0.001)
  end)
  async.sleep(0)
  coroutine.close(co)
  async.sleep(0.002)
end)
print("the process lives")
]]
  end)

  it("does no harm when it is resumed or closed while others bring what the task waits for", function()
    survives[[
async.on_error(function() end)
local function late()
  pcall(async.sleep, 0.001)
  return {}
end
local queue, full, future
local waits = {
  gather = function() async.gather{late, late} end,
  ["gather of a task"] = function() async.gather{async.spawn(late), late} end,
  ["gather of a future"] = function() async.gather{future} end,
  map = function() async.map({1, 2, 3}, late, {limit = 2}) end,
  any = function() async.any{error, late} end,
  ["wait"] = function() async.wait{async.spawn(late)} end,
  group = function() async.task_group(function(group) group:spawn(late) end) end,
  get = function() queue:get() end,
  put = function() full:put({}) end,
}
local function resume(co) coroutine.resume(co, 1, {}, 3) end
local function goes_on(wait)
  pcall(wait)
  coroutine.yield({}, {}, {})
end
for name, wait in pairs(waits) do
  for _, misuse in ipairs{resume, coroutine.close} do
    for _, body in ipairs{goes_on, wait} do
      async.run(function()
        local co
        queue, full, future = async.queue(), async.queue(1), async.future()
        full:put(1)
        async.spawn(function()
          co = coroutine.running()
          body(wait)
        end)
        async.sleep(0)
        misuse(co)
        collectgarbage()
        future:set{}
        queue:put(function() error "this is no task" end)
        full:get()
        async.sleep(0.003)
        assert(queue:size() == 1 and full:size() == 0, name)
      end)
    end
  end
end
print("the process lives")
]]
  end)

  it("does no harm when it is resumed or closed after the task has ended", function()
    survives[[
for _, misuse in ipairs{coroutine.resume, coroutine.close} do
  pcall(async.run, function()
    local co
    async.spawn(function() co = coroutine.running() end):await()
    misuse(co)
    for _ = 1, 3 do async.spawn(async.sleep, 0):await() end
  end)
end
print("the process lives")
]]
  end)

  it("does no harm when it is resumed after the run", function()
    survives[[
local co
async.run(function() co = coroutine.running() end)
coroutine.resume(co)
async.run(function() async.gather(function() async.sleep(0) end, function() end) end)
print("the process lives")
]]
  end)
end)
