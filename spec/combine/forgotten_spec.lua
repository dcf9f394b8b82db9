-- SPDX-License-Identifier: MIT
-- Scopes that were made without <close>.
local async = require "saros"
local support = require "spec.support.combine"
local testing = require "saros.testing"

local outside = require("saros.busted").outside

--- The line of the caller, `offset` lines further down.
local function line(offset)
  return "forgotten_spec.lua:" .. debug.getinfo(2, "l").currentline + offset
end

--- What is left, with forgotten scopes inside; each calls fn().
local outer = {
  ["a task"] = function(fn) async.spawn(fn):await() end,
  ["a task of gather"] = function(fn) async.gather(fn) end,
  ["a timeout"] = function(fn)
    local _ <close> = async.timeout(100)
    fn()
  end,
  ["a timeout that is closed by hand"] = function(fn)
    local scope = async.timeout(100)
    fn()
    scope:close()
  end,
  ["wait_for"] = function(fn) async.wait_for(fn, 100) end,
  ["shield"] = function(fn) async.shield(fn) end,
  ["a group as a block"] = function(fn)
    local _ <close> = async.task_group()
    fn()
  end,
  ["a group as a function"] = function(fn) async.task_group(fn) end,
}

--- The same without what an error prevents.
local left_by_errors = {}
for name, leave in pairs(outer) do
  if not name:find "by hand" then left_by_errors[name] = leave end
end

--- A task whose cleanup takes two seconds.
local function lingering(log)
  return function()
    local _ <close> = setmetatable({}, {__close = function()
      async.shield(function() async.sleep(2) end)
      log[#log + 1] = "joined"
    end})
    async.sleep(math.huge)
  end
end

describe("a task group that was forgotten", function()
  for name, leave in pairs(outer) do
    it("is joined before its error is raised: in " .. name, function()
      local log = {}
      local err
      assert.equal(3, support.seconds(function()
        err = support.failure(leave, function()
          local group = async.task_group()
          group:spawn(lingering(log))
          group:spawn(lingering(log))
          async.sleep(1)
        end)
      end))
      assert.same({"joined", "joined"}, log)
      if async.is_error(err, "GroupError") then err = err.errors[1] end
      assert.matches("task group made at .*forgotten_spec.lua:%d+ was never closed", err)
      assert.equal(0, support.others())
    end)

    if left_by_errors[name] then it("is joined before an error that hides its own goes on: in " .. name, function()
      local log = {}
      local err = support.failure(leave, function()
        local group = async.task_group()
        group:spawn(lingering(log))
        async.sleep(0)
        error("own", 0)
      end)
      log[#log + 1] = async.is_error(err, "GroupError") and err.errors[1] or err
      assert.same({"joined", "own"}, log)
      assert.equal(0, support.others())
    end) end

    it("is joined with those inside it: in " .. name, function()
      local log, place = {}, nil
      local err = support.failure(leave, function()
        place = line(1)
        local group = async.task_group()
        local inner = async.task_group()
        async.timeout(50)
        local innermost = async.task_group()
        group:spawn(lingering(log))
        inner:spawn(lingering(log))
        innermost:spawn(lingering(log))
        async.sleep(0)
      end)
      if async.is_error(err, "GroupError") then err = err.errors[1] end
      assert.matches(place .. " was never closed", err)
      assert.same({"joined", "joined", "joined"}, log)
      assert.equal(0, support.others())
    end)

    it("is joined though a cancellation comes meanwhile: in " .. name, function()
      local log, inner = {}, nil
      local task = async.spawn(leave, function()
        inner = async.current_task()
        local group = async.task_group()
        group:spawn(lingering(log))
        async.sleep(1)
      end)
      async.sleep(2)
      task:cancel()
      async.wait {task, inner}
      assert.same({"joined"}, log)
      assert.equal(0, support.others())
      assert.is_string(task:error() and inner:error() and "looked at")
    end)
  end

  it("has its errors reported, for nobody else tells them", outside(function()
    local mine = {}
    for name, leave in pairs(left_by_errors) do
      local reports = support.reported(testing.run, function()
        local err = support.failure(leave, function()
          local group = async.task_group()
          group:spawn(error, mine)
          group:spawn(function()
            pcall(async.sleep, 9)
            error("second", 0)
          end)
          support.is_cancelled(async.sleep, 5)
        end)
        if async.is_error(err, "GroupError") then err = err.errors[1] end
        assert.matches("was never closed", err)
      end)
      assert.same({mine, "second"}, reports, name)
    end
  end))

  it("is joined at the end of main, and by Ctrl-C and deadlocks no less", function()
    local script = require "spec.support.script"
    local result = script[[
local function main(after)
  local group = async.task_group()
  group:spawn(function()
    local _ <close> = setmetatable({}, {__close = function()
      async.shield(function() async.sleep(0.01) after() end)
      print "joined"
    end})
    async.sleep(100)
  end)
  async.sleep(0)
end
print(pcall(async.run, main, function() end))
local ok, err = pcall(async.run, main, ctrl_c)
print(ok, err)
print(pcall(async.run, main, function() async.future():await() end))
]]
    local lines = {}
    for text in result.out:gmatch "[^\n]+" do lines[#lines + 1] = text end
    assert.equal("joined", lines[1])
    assert.matches("^false\t.*never closed", lines[2])
    assert.matches("\njoined\nfalse\t[^\n]*never closed", result.out)
    assert.equal(0, result.code)
  end)

  it("does not make a timeout wait where nobody can", function()
    local log = {}
    local task = async.spawn(function()
      local scope = async.timeout(5)
      local group = async.task_group()
      group:spawn(lingering(log))
      async.sleep(0)
      table.sort({1, 2}, function() pcall(scope.close, scope) return false end)
      assert.same({}, log)
    end)
    assert.equal("done", (support.outcome(task)))
    async.sleep(3)
    assert.same({"joined"}, log)
  end)
end)

describe("a timeout that was forgotten and fires", function()
  for name, leave in pairs(left_by_errors) do
    it("says so, with its place: in " .. name, function()
      local place
      local err = support.failure(leave, function()
        place = line(1)
        async.timeout(1)
        async.sleep(5)
      end)
      if async.is_error(err, "GroupError") then err = err.errors[1] end
      assert.is_true(async.is_error(err, "CancelledError"))
      assert.matches(place .. " without <close>", err.message)
      assert.matches("local x <close> =", err.message, 1, true)
    end)
  end

  it("names its place to who catches it inside", function()
    local place = line(2)
    local task = async.spawn(function()
      async.timeout(1)
      local err = support.is_cancelled(async.sleep, 5)
      assert.matches(place, err.message, 1, true)
    end)
    support.outcome(task)
    assert.matches("was never closed", task:error())
  end)

  it("counts for less than a scope around it that is cancelled by then", function()
    local err = support.raises("TimeoutError", function()
      local _ <close> = async.timeout(2)
      async.timeout(1)
      local ok, err = pcall(async.sleep, 5)
      assert.is_false(ok)
      async.shield(function() async.sleep(2) end)
      error(err, 0)
    end)
    assert.equal(2, err.seconds)
    local task = support.started(function()
      async.timeout(1)
      local _, cancelled = pcall(async.sleep, 5)
      async.shield(function() async.sleep(2) end)
      error(cancelled, 0)
    end)
    async.sleep(2)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
  end)

  it("is not blamed for errors of other scopes", function()
    local task = support.started(function()
      async.timeout(10)
      async.sleep(5)
    end)
    task:cancel("reason")
    local status, err = support.outcome(task)
    assert.same({"cancelled", "cancelled: reason"}, {status, err.message})
  end)
end)
