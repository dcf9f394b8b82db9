-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local inside, caught, start, hang, turns = tasks.inside, tasks.caught, tasks.start, tasks.hang, tasks.turns

-- "trace_spec.lua:N:" for the line `offset` lines below the head of fn.
local function place(fn, offset)
  return "trace_spec.lua:" .. debug.getinfo(fn, "S").linedefined + (offset or 1)
end

-- Asserts that `text` has the parts, in this order.
local function in_order(text, ...)
  local position = 1
  for _, part in ipairs{...} do
    local first, last = text:find(part, position, true)
    if not first then error(("%q is not behind position %d of:\n%s"):format(part, position, text), 2) end
    position = last + 1
  end
end

local function count(text, part)
  return select(2, text:gsub(part, ""))
end

describe("the traceback of a string error that leaves run", function()
  it("begins with the message", function()
    assert.matches("^out of paper\nstack traceback:\n", caught(async.run, function() error("out of paper", 0) end))
  end)

  it("names the function that raised, and its callers", function()
    local function inner()
      error "out of paper"
    end
    local function outer()
      inner()
      return 1
    end
    in_order(caught(async.run, outer), place(inner), "stack traceback", place(inner), place(outer))
  end)

  it("names where it arose though the task had waited", function()
    local function fail()
      turns()
      error("out of paper", 0)
    end
    in_order(caught(async.run, fail), "out of paper", place(fail, 2))
  end)

  it("goes on with who awaited the task, and where each was spawned", function()
    local function child()
      error("out of paper", 0)
    end
    local function parent()
      local task = async.spawn(child):set_name("printer")
      task:await()
    end
    in_order(caught(async.run, parent), "out of paper", place(child), "printer", "spawned at", place(parent),
      "awaited by", place(parent, 2))
  end)

  it("shows the whole chain of tasks", function()
    local function first()
      error("out of paper", 0)
    end
    local function second()
      async.sleep(0)
      async.spawn(first):await()
    end
    local function third()
      async.spawn(second):await()
    end
    local function main()
      async.spawn(third):await()
    end
    local message = caught(async.run, main)
    in_order(message, place(first), place(second, 2), "awaited by", place(second, 2), place(third), "awaited by",
      place(third), place(main), "awaited by", place(main))
    assert.equal(3, count(message, "awaited by"))
  end)

  it("shows the chain if the task had failed before it was awaited", function()
    local function child()
      error("out of paper", 0)
    end
    local function parent()
      local task = start(child)
      turns()
      task:await()
    end
    in_order(caught(async.run, parent), place(child), "awaited by", place(parent, 3))
  end)

  it("shows the chain through gather", function()
    local function child()
      error("out of paper", 0)
    end
    local function parent()
      async.gather(hang, child)
    end
    in_order(caught(async.run, parent), place(child), "awaited by", place(parent))
  end)

  it("shows the chain through race and map", function()
    local function child()
      error("out of paper", 0)
    end
    local function racing()
      async.race{child}
    end
    local function mapping()
      async.map({1}, child)
    end
    in_order(caught(async.run, racing), place(child), "awaited by", place(racing))
    in_order(caught(async.run, mapping), place(child), "awaited by", place(mapping))
  end)

  it("keeps the place inside wait_for, a shield and a task group's function", function()
    local function child()
      turns()
      error("out of paper", 0)
    end
    local function waiting()
      async.wait_for(child, 10)
    end
    local function shielded()
      async.shield(child)
    end
    in_order(caught(async.run, waiting), place(child, 2), place(waiting))
    in_order(caught(async.run, shielded), place(child, 2), place(shielded))
  end)

  it("does not show the scheduler's frames", function()
    local function fail() error("out of paper", 0) end
    for _, way in ipairs{
      function() async.spawn(fail):await() end,
      function() async.wait_for(async.spawn(fail), 1) end,
      function() async.shield(async.spawn(fail)) end,
    } do
      local message = caught(async.run, way)
      in_order(message, place(fail, 0), "awaited by", place(way, 0))
      for line in message:gmatch("[^\n]+") do
        assert.not_matches("%[C%]: in %?", line)
        assert.not_matches("saros%.run", line)
        assert.not_matches("init%.lua", line)
      end
    end
  end)

  it("does not grow when an error is caught and raised again", function()
    local function fail()
      error("out of paper", 0)
    end
    local message = caught(async.run, function()
      local _, err = pcall(fail)
      turns()
      error(err, 0)
    end)
    assert.equal(1, count(message, "out of paper"))
    assert.equal(1, count(message, "stack traceback"))
  end)

  it("is not mixed up with an error that was caught before", function()
    local function first()
      error("same words", 0)
    end
    local function second()
      error("other words", 0)
    end
    local message = caught(async.run, function()
      local task = start(first)
      pcall(task.await, task)
      pcall(first)
      async.spawn(second):await()
    end)
    assert.equal(0, count(message, "same words"))
    in_order(message, "other words", place(second))
    assert.is_nil(message:find(place(first), 1, true))
  end)

  it("is not there while the error is inside the run", inside(function()
    local task = start(error, "out of paper", 0)
    assert.equal("out of paper", caught(task.await, task))
    assert.equal("out of paper", task:error())
  end))
end)

describe("the traceback of an error that is no string", function()
  it("stays out of the error", function()
    local err = setmetatable({code = 7}, {__tostring = function() return "seven" end})
    local raised = caught(async.run, function() async.spawn(error, err):await() end)
    assert.equal(err, raised)
    assert.same({code = 7}, raised)
  end)
end)

describe("the traceback of an Error object", function()
  local function quota() return async.error{name = "QuotaError", message = "too much"} end
  local refused = "http://127.0.0.1:1/"

  -- Raises an Error object, each in another way: by saros' C, by its Lua, by HTTP, by the user.
  local ways = {
    sleep = function() return async.wait_for(function() async.sleep(9) end, 0) end,
    get = function() return async.get(refused) end,
    post = function() return async.post(refused, {body = "x"}) end,
    upload = function() return async.post(refused, {body = function() return nil end}) end,
    decode = function() return async.json.decode "{" end,
    encode = function() return async.json.encode{[true] = 1} end,
    retry = function() return async.retry(function() return async.get(refused) end, {attempts = 2, delay = 0}) end,
    session = function() return async.session():put(refused, {json = {}}) end,
    http_retry = function() return async.get(refused, {retries = {attempts = 2, delay = 0}}) end,
    deadlock = function() return async.current_task():await() end,
    user = function() return error(quota()) end,
  }

  for name, way in pairs(ways) do
    it("begins with the user's own line, also of a tail call: " .. name, function()
      local function call()
        local results = table.pack(way())
        return table.unpack(results)
      end
      async.run(function()
        local err = caught(call)
        assert.is_true(async.is_error(err))
        local first = err.traceback:match "^stack traceback:\n\t([^\n]*)"
        if name == "user" then first = err.traceback:match "\n\t[^\n]*\n\t([^\n]*)" or first end
        in_order(err.traceback, place(way, 0), place(call), "[task 'main' spawned at")
        if name ~= "user" and name ~= "retry" then assert.matches(place(way, 0), first, 1, true) end
        assert.is_nil(tostring(err):find("\n", 1, true))
      end)
    end)

    it("shows no file and no function of saros: " .. name, function()
      local err = caught(async.run, function()
        local task = async.spawn(way)
        async.gather(task)
      end)
      for line in (err.traceback .. "\n" .. tostring(err)):gmatch "[^\n]+" do
        assert.is_nil(line:find("[/\\]saros[/\\]"), line)
        assert.is_nil(line:find "%[C%]: in %?", line)
        assert.is_nil(line:find "function 'saros%.", line)
      end
    end)
  end

  it("names the task and where it was spawned where no line of the user's is left", function()
    async.run(function()
      local task = async.spawn(async.get, refused)
      local spawned = "trace_spec.lua:" .. debug.getinfo(1, "l").currentline - 1
      in_order(caught(task.await, task).traceback, "[task 'task-2' spawned at", spawned, "awaited by")
    end)
  end)

  it("goes on with who awaited, and where each was spawned", inside(function()
    local function child()
      turns()
      error(quota())
    end
    local function parent()
      async.spawn(child):set_name("child"):await()
    end
    local function main()
      async.spawn(parent):set_name("parent"):await()
    end
    local err = caught(main)
    in_order(err.traceback, place(child, 2), "[task 'child' spawned at", place(parent), "awaited by", place(parent),
      "[task 'parent' spawned at", place(main), "awaited by", place(main))
    assert.equal(2, count(err.traceback, "awaited by"))
    assert.equal("QuotaError: too much", tostring(err))
  end))

  it("goes on through gather, race, map, any and wait_for", inside(function()
    local function fail() error(quota()) end
    for _, way in ipairs{
      function() async.gather(hang, fail) end,
      function() async.gather{fail} end,
      function() async.race{fail, hang} end,
      function() async.map({1}, fail) end,
      function() async.wait_for(async.spawn(fail), 1) end,
      function() async.shield(async.spawn(fail)) end,
      function() error((select(2, async.gather({fail}, {return_errors = true})))[1]) end,
      function() error(caught(async.any, {fail}).errors[1]) end,
      function() for _, task in async.as_completed{fail} do task:await() end end,
    } do
      in_order(caught(way).traceback, place(fail, 0), "awaited by", place(way, 0))
    end
  end))

  it("goes on with who awaited a task that was cancelled", inside(function()
    local task = start(hang)
    task:cancel()
    local function await() task:await() end
    local err = caught(await)
    in_order(err.traceback, "[task 'task-", "awaited by", place(await, 0))
    assert.equal(1, count(caught(await).traceback, "awaited by"))
  end))

  it("tells of the latest of those that await one task, and does not grow", inside(function()
    local task = start(function() error(quota()) end)
    local err
    for _ = 1, 50 do err = caught(task.await, task) end
    assert.equal(1, count(err.traceback, "awaited by"))
  end))

  it("does not grow with an object that is raised again and again", inside(function()
    local err = quota()
    local function fail() error(err) end
    for _ = 1, 50 do
      local task = async.spawn(fail)
      assert.equal(err, caught(task.await, task))
    end
    in_order(err.traceback, "raised in", place(fail, 0), "awaited by")
    assert.equal(1, count(err.traceback, "awaited by"))
  end))

  it("has a limit, however long the chain of tasks is", inside(function()
    local function fail(depth)
      if depth == 0 then error(quota()) end
      async.spawn(fail, depth - 1):await()
    end
    local err = caught(fail, 3000)
    assert.is_true(#err.traceback < 40000)
    assert.matches("'task%-3001'.*awaited by:\n%(%d+ more tasks%)\nawaited by:.*'main'", err.traceback)
  end))

  it("stays as it is if it is no string, or given by the user", inside(function()
    local own = async.error{name = "E", traceback = {}}
    local task = start(error, own)
    assert.same({}, caught(task.await, task).traceback)
    local given = async.error{name = "E", traceback = "from a worker"}
    task = start(error, given)
    assert.matches("^from a worker\n", caught(task.await, task).traceback)
  end))

  it("of a deadlock is where main waits", function()
    local function main()
      return async.future():await()
    end
    in_order(caught(async.run, main).traceback, place(main), "[task 'main'")
  end)
end)

describe("tostring of an Error object that left run", function()
  local function quota(cause) return async.error{name = "QuotaError", message = "too much", cause = cause} end

  it("shows the traceback below the message, and inside the run it does not", function()
    local within
    local function fail() error(quota()) end
    local err = caught(async.run, function()
      within = tostring(caught(fail))
      fail()
    end)
    assert.equal("QuotaError: too much", within)
    in_order(tostring(err), "QuotaError: too much\nstack traceback:\n\t", place(fail, 0), "[task 'main' spawned at")
    assert.equal("too much", err.message)
  end)

  it("shows its causes", function()
    local function inner() return async.error{name = "DiskError", message = "full", cause = "no luck"} end
    local function fail() error(quota(inner())) end
    in_order(tostring(caught(async.run, fail)), "QuotaError: too much", place(fail, 0), "caused by: DiskError: full",
      place(inner, 0), "caused by: no luck")
  end)

  it("ends where a cause is its own", function()
    local err = quota()
    err.cause = err
    assert.matches("caused by: QuotaError", tostring(caught(async.run, function() error(err) end)))
  end)

  it("shows the errors of a group, each with its place", function()
    local function one() error(quota()) end
    local function two() error "out of paper" end
    local err = caught(async.run, function()
      local group <close> = async.task_group()
      group:spawn(one)
      group:spawn(two)
    end)
    in_order(tostring(err), "GroupError: 2 tasks of the group failed", "[task 'main'", "error 1 of 2: QuotaError",
      place(one, 0), "error 2 of 2: ", "out of paper")
  end)

  it("leaves values that are no Error objects alone", function()
    for _, value in ipairs{7, {}, setmetatable({}, {__tostring = function() return "mine" end})} do
      assert.equal(value, caught(async.run, function() error(value) end))
    end
  end)
end)

describe("task:traceback", function()
  it("shows where a waiting task waits, and where it was spawned", inside(function()
    local function wait()
      async.sleep(math.huge)
    end
    local function spawn()
      return (async.spawn(wait))
    end
    local task = spawn():set_name("sleeper")
    turns()
    in_order(task:traceback(), "stack traceback", place(wait), "sleeper", place(spawn))
    task:close()
  end))

  it("shows where a failed task failed", inside(function()
    local function fail()
      turns()
      error("out of paper", 0)
    end
    local task = async.spawn(fail)
    pcall(task.await, task)
    in_order(task:traceback(), "stack traceback", place(fail, 2))
    assert.equal("out of paper", task:error())
  end))

  it("shows the running task itself", inside(function()
    local function show()
      local text = async.current_task():traceback()
      return text
    end
    in_order(show(), "stack traceback", place(show))
  end))

  it("is a string for tasks in every state", inside(function()
    local new, done, cancelled = async.spawn(hang), start(turns, 0), start(hang)
    cancelled:cancel()
    turns()
    for _, task in ipairs{new, done, cancelled, async.spawn(turns)} do
      assert.equal("string", type(task:traceback()))
      assert.matches("spawned at .*%.lua:%d+", task:traceback())
    end
    new:close()
  end))

  it("can be asked for after the run", function()
    local function fail()
      error("out of paper", 0)
    end
    local task
    async.run(function()
      task = async.spawn(fail)
      pcall(task.await, task)
    end)
    in_order(task:traceback(), place(fail))
  end)
end)

describe("the traceback of a task that forgot a scope", function()
  local scopes = {
    timeout = function() return async.timeout(5) end,
    ["task group"] = function() return async.task_group() end,
  }
  for name, make in pairs(scopes) do
    local function forget() make() end

    it("names the task and its place: " .. name, inside(function()
      local task = start(forget):set_name("forgetful")
      in_order(task:traceback(), "forgetful", "spawned at")
      in_order(task:error(), name, "was never closed")
    end))

    it("crosses tasks, whoever awaits: " .. name, function()
      local waits = {
        function() async.gather(forget) end, function() async.race {forget} end, function() async.map({1}, forget) end,
        function() async.spawn(forget):await() end, function() async.wait_for(async.spawn(forget), 5) end,
        function()
          for _, task in async.as_completed {forget} do task:await() end
        end,
        function()
          async.gather(function() async.gather(function() async.spawn(forget):await() end) end)
        end,
        forget,
      }
      for _, wait in ipairs(waits) do
        local text = caught(async.run, wait)
        in_order(text, name .. " made at", "was never closed", "spawned at")
        assert.is_nil(text:find("null", 1, true), text)
      end
    end)
  end
end)

describe("a script that plain lua runs", function()
  it("shows the chain of tasks when it fails, without doing anything for it", function()
    local result = script[[
local function child()
  error("out of paper")
end
local function parent()
  async.spawn(child):await()
end
async.run(function()
  async.sleep(0)
  async.spawn(parent):set_name("office"):await()
end)
]]
    assert.equal(1, result.code)
    local function line(number) return result.path .. ":" .. number end
    in_order(result.err, line(3) .. ": out of paper", "stack traceback", line(3), line(6), "awaited by", line(6),
      "office", line(10), "awaited by", line(10))
  end)

  it("shows an Error object by name and message", function()
    local result = script[[
async.run(function() error(async.error{name = "QuotaError", message = "too much"}) end)
]]
    assert.equal(1, result.code)
    in_order(result.err, "QuotaError: too much\nstack traceback:", result.path .. ":2: in function", "[task 'main'")
  end)
end)
