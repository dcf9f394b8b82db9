-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local caught, start, hang, turns, reported = tasks.caught, tasks.start, tasks.hang, tasks.turns, tasks.reported

local function collect()
  collectgarbage()
  collectgarbage()
end

-- Runs main and returns the reports that came until its end.
local function reports_of(main)
  return reported(function() async.run(main) end)
end

describe("a failure that nobody looked at", function()
  it("is reported at the end of run with error and task", function()
    local err, task = {}, nil
    local reports = reported(function(reports)
      async.run(function()
        task = start(error, err)
        turns()
        assert.equal(0, #reports)
      end)
    end)
    assert.equal(1, #reports)
    assert.equal(err, reports[1].error)
    assert.equal(task, reports[1].task)
  end)

  it("is reported when the handle is collected", function()
    reported(function(reports)
      async.run(function()
        start(error, "lost")
        turns()
        collect()
        assert.equal(1, #reports)
        assert.equal("lost", reports[1].error)
        assert.equal("failed", reports[1].task:status())
      end)
    end)
  end)

  it("is reported once, whatever comes later", function()
    local task
    local reports = reported(function(reports)
      async.run(function() task = start(error, "once") end)
      assert.equal(1, #reports)
      async.run(turns)
      task = nil
      collect()
    end)
    assert.equal(1, #reports)
    assert.is_nil(task)
  end)

  it("is reported once though the handle was collected during the run", function()
    assert.equal(1, #reports_of(function()
      start(error, "once")
      collect()
      turns()
    end))
  end)

  it("is reported in the order of the failures", function()
    local reports = reports_of(function()
      local hold = {}
      for i = 1, 4 do hold[i] = async.spawn(error, i) end
      turns()
      assert.equal(4, #hold)
    end)
    local order = {}
    for i, report in ipairs(reports) do order[i] = report.error end
    assert.same({1, 2, 3, 4}, order)
  end)

  it("is reported even if its error value is nil", function()
    local count = 0
    async.on_error(function(err, task)
      count = count + 1
      assert.is_nil(err)
      assert.equal("failed", task:status())
    end)
    async.run(function() start(error) end)
    async.on_error(nil)
    assert.equal(1, count)
  end)

  it("is reported if main fails, too", function()
    local reports = reported(function()
      assert.equal(7, caught(async.run, function()
        start(error, "child")
        error(7)
      end))
    end)
    assert.equal(1, #reports)
    assert.equal("child", reports[1].error)
  end)

  it("is reported though somebody asked for status, done, name and the like", function()
    assert.equal(1, #reports_of(function()
      local task = start(error, "x")
      assert.is_true(task:done())
      assert.equal("failed", task:status())
      assert.is_false(task:cancelled())
      assert.is_string(tostring(task))
      assert.is_string(task:name())
      assert.is_string(async.tree())
    end))
  end)

  it("is reported if the awaiting task was cancelled before the failure came", function()
    assert.equal(1, #reports_of(function()
      local future = async.future()
      local task = async.spawn(function() error(future:await()) end)
      local waiting = start(task.await, task)
      waiting:cancel()
      turns()
      future:set("alone")
      turns()
    end))
  end)
end)

describe("a failure that somebody looked at", function()
  local ways = {
    await = function(task) pcall(task.await, task) end,
    result = function(task) pcall(task.result, task) end,
    error = function(task) task:error() end,
    gather = function(task) pcall(async.gather, task) end,
    ["gather with return_errors"] = function(task) async.gather({task}, {return_errors = true}) end,
    wait = function(task) async.wait({task}) end,
    as_completed = function(task)
      for _, finished in async.as_completed{task} do assert.equal(task, finished) end
    end,
    race = function(task) pcall(async.race, {task}) end,
    any = function(task) pcall(async.any, {task}) end,
    wait_for = function(task) pcall(async.wait_for, task, 1) end,
    shield = function(task) pcall(async.shield, task) end,
  }

  for name, look in pairs(ways) do
    it("by " .. name .. " is not reported", function()
      assert.same({}, reports_of(function() look(start(error, "seen")) end))
    end)

    it("by " .. name .. " before it came is not reported", function()
      assert.same({}, reports_of(function()
        local future = async.future()
        local task = async.spawn(function() error(future:await()) end)
        async.spawn(function()
          turns(3)
          future:set("seen")
        end)
        if name == "result" or name == "error" then turns(6) end
        look(task)
      end))
    end)
  end

  it("in a task group is not reported", function()
    assert.same({}, reports_of(function()
      pcall(async.task_group, function(group) group:spawn(error, "seen") end)
    end))
  end)

  it("because main raised it is not reported", function()
    assert.same({}, reported(function()
      pcall(async.run, function() async.spawn(error, "seen"):await() end)
    end))
  end)

  it("in main is not reported", function()
    assert.same({}, reported(function() pcall(async.run, error, "raised") end))
  end)
end)

describe("what is no failure", function()
  it("is a cancelled task", function()
    assert.same({}, reports_of(function()
      local task = start(hang)
      task:cancel()
      turns()
      start(hang)
    end))
  end)

  it("is a task that swallowed its cancellation and returned", function()
    assert.same({}, reports_of(function()
      local task = start(pcall, hang)
      task:cancel()
      turns()
    end))
  end)
end)

describe("on_error", function()
  it("holds across runs and can be set outside", function()
    local reports = reported(function()
      async.run(function() start(error, 1) end)
      async.run(function() start(error, 2) end)
    end)
    assert.equal(1, reports[1].error)
    assert.equal(2, reports[2].error)
  end)

  it("can be set inside a run", function()
    local seen
    async.run(function()
      async.on_error(function(err) seen = err end)
      start(error, "x")
    end)
    async.on_error(nil)
    assert.equal("x", seen)
  end)

  it("puts the last function given in the place of those before", function()
    local first, second = 0, 0
    async.on_error(function() first = first + 1 end)
    async.on_error(function() second = second + 1 end)
    async.run(function() start(error, "x") end)
    async.on_error(nil)
    assert.same({0, 1}, {first, second})
  end)

  it("may be told about tasks whose names it asks for", function()
    local name
    async.on_error(function(_, task) name = task:name() end)
    async.run(function()
      start(error, "x"):set_name("printer")
      turns()
      collect()
    end)
    async.on_error(nil)
    assert.equal("printer", name)
  end)

  it("needs a function or nil", function()
    assert.matches("bad argument #1 to 'on_error' %(function expected, got number%)", caught(async.on_error, 1))
    assert.matches("bad argument #1 to 'on_error' %(function expected, got table%)", caught(async.on_error, {}))
  end)
end)

describe("the default reporter", function()
  it("writes to standard error, with the traceback", function()
    local result = script[[
local function fail()
  error("out of paper", 0)
end
async.run(function()
  async.spawn(fail):set_name("printer")
  async.sleep(0)
  io.stdout:write("main ends\n")
end)
]]
    assert.equal(0, result.code)
    assert.equal("main ends\n", result.out)
    assert.matches("out of paper", result.err, 1, true)
    assert.matches("printer", result.err, 1, true)
    assert.matches(result.path .. ":3", result.err, 1, true)
    assert.matches("spawned at " .. result.path .. ":6", result.err, 1, true)
  end)

  it("lists the errors of a group, and the causes", function()
    local result = script[[
local function fail(name) error(async.error {name = name, message = "it"}) end
async.run(function()
  async.spawn(function()
    async.task_group({cancel_on_error = false}, function(group)
      group:spawn(error, "first", 0)
      group:spawn(fail, "Second")
    end)
  end)
  async.sleep(0)
end)
]]
    assert.matches("GroupError: 2 tasks.-traceback:.-\nerror 1 of 2: first\nerror 2 of 2: Second: it\nstack traceback:",
      result.err)
    assert.matches("Other: it\nstack traceback:.-\ncaused by: ", script[[
async.run(function()
  async.spawn(error, async.error {name = "Other", message = "it", cause = async.error {name = "Rain"}})
  async.sleep(0)
end)
]].err)
  end)

  it("names a task that was collected", function()
    local result = script[[
async.run(function()
  async.spawn(error, "out of paper"):set_name("printer")
  async.sleep(0)
  collectgarbage()
  collectgarbage()
  io.stderr:write("main ends\n")
end)
]]
    assert.matches("printer.*out of paper.*main ends", result.err)
  end)

  it("comes back when on_error is given nil", function()
    local result = script[[
async.on_error(function() print("mine") end)
async.run(function() async.spawn(error, "first"); async.sleep(0) end)
async.on_error(nil)
async.run(function() async.spawn(error, "second"); async.sleep(0) end)
]]
    assert.equal("mine\n", result.out)
    assert.matches("second", result.err)
    assert.not_matches("first", result.err)
  end)

  it("says once what happened", function()
    local result = script[[
async.run(function() async.spawn(error, "out of paper"); async.sleep(0) end)
async.run(async.sleep, 0)
]]
    assert.equal(1, select(2, result.err:gsub("out of paper", "")))
  end)

  it("is silent where all is well", function()
    local result = script[[
async.run(function()
  local task = async.spawn(error, "seen")
  pcall(task.await, task)
  async.spawn(async.sleep, 100)
end)
]]
    assert.equal("", result.err)
    assert.equal(0, result.code)
  end)

  it("tells of an error that cannot be shown", function()
    local result = script[[
print(async.run(function()
  async.spawn(error, setmetatable({}, {__tostring = function() error "no" end})):set_name("printer")
  async.sleep(0)
  return "fine"
end))
]]
    assert.equal("fine\n", result.out)
    assert.matches("printer", result.err, 1, true)
    assert.matches("__tostring", result.err, 1, true)
    assert.equal(0, result.code)
  end)

  it("takes the place of a function that fails itself", function()
    local result = script[[
async.on_error(function() error("reporter broke", 0) end)
async.run(function() async.spawn(error, "out of paper"); async.sleep(0) end)
print("goes on")
]]
    assert.equal(0, result.code)
    assert.equal("goes on\n", result.out)
    assert.matches("out of paper", result.err, 1, true)
    assert.matches("reporter broke", result.err, 1, true)
  end)
end)
