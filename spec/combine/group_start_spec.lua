-- SPDX-License-Identifier: MIT
-- group:start: runs a task and waits until it says that it is ready.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

--- Calls started(...) after a second, then works for some more.
local function service(started, seconds, ...)
  async.sleep(1)
  started(...)
  async.sleep(seconds)
end

describe("group:start", function()
  it("gives what `started` was called with; the task goes on", function()
    local took = support.seconds(async.task_group, function(group)
      local began = async.now()
      assert.same({n = 3, "port", nil, 80}, table.pack(group:start(service, 5, "port", nil, 80)))
      assert.equal(1, async.now() - began)
      assert.equal(1, support.others())
    end)
    assert.equal(6, took)
  end)

  it("gives nothing if `started` was called with nothing, at once too", function()
    async.task_group(function(group)
      assert.equal(0, select("#", group:start(function(started) started() end)))
      assert.equal(0, select("#", group:start(service, 0)))
    end)
  end)

  it("hands over many arguments and values", function()
    local values = {}
    for i = 1, 400 do values[i] = i end
    async.task_group(function(group)
      assert.same(values, {group:start(function(started, ...) started(...) end, table.unpack(values))})
    end)
  end)

  it("raises an error that comes before `started`, which is no failure of the group", function()
    local reason = {}
    local reports = support.reported(function()
      assert.equal("fine", async.task_group(function(group)
        local other = group:spawn(async.sleep, 2)
        assert.equal(reason, support.failure(group.start, group, function()
          async.sleep(1)
          error(reason)
        end))
        other:await()
        return "fine"
      end))
    end)
    assert.same({}, reports)
  end)

  it("an error that comes after `started` is one of the group", function()
    local err = support.raises("GroupError", async.task_group, function(group)
      group:start(function(started)
        started()
        error("late", 0)
      end)
      async.sleep(1)
    end)
    assert.same({"late"}, err.errors)
  end)

  it("raises if the function returns without the call, and if it calls twice", function()
    async.task_group(function(group)
      support.complains("returned without calling 'started'", group.start, group, function() return 1 end)
    end)
    local err = support.raises("GroupError", async.task_group, function(group)
      group:start(function(started)
        started()
        started()
      end)
      async.sleep(0)
    end)
    assert.matches("started: it was called before", err.errors[1], 1, true)
  end)

  it("raises the CancelledError of a task that is cancelled before `started`, an ordinary error", function()
    async.task_group(function(group)
      local task
      async.spawn(function()
        async.sleep(1)
        task:cancel "enough"
      end)
      local ok, err = async.pcall(group.start, group, function()
        task = async.current_task()
        async.sleep(math.huge)
      end)
      assert.same({false, task, "enough"}, {ok, err.task, err.reason})
    end)
  end)

  it("cancelled while it waits cancels the task and joins it", function()
    local log = {}
    async.task_group(function(group)
      support.raises("TimeoutError", async.wait_for, function()
        group:start(support.lingering(log, "cleaned up"))
      end, 1)
      assert.same({"cleaned up"}, log)
      group:spawn(async.sleep, 1)
    end)
  end)

  it("cancelled in the turn of `started` has what that gave", function()
    local got
    async.task_group(function(group)
      local task = support.started(function()
        got = group:start(function(started)
          async.sleep(1)
          started "value"
        end)
        async.sleep(0)
      end)
      async.sleep(1)
      task:cancel()
      support.outcome(task)
    end)
    assert.equal("value", got)
  end)

  it("cancelled raises the task's own error, if its cleanup has one", function()
    async.task_group(function(group)
      local task = support.started(group.start, group, function()
        local _ <close> = setmetatable({}, {__close = function() error("cleanup", 0) end})
        async.sleep(math.huge)
      end)
      task:cancel()
      local status, err = support.outcome(task)
      assert.same({"failed", "cleanup"}, {status, err})
    end)
  end)

  it("in a group that goes down cancels it, too", function()
    async.task_group(function(group)
      group:cancel()
      support.raises("CancelledError", group.start, group, service)
    end)
    local foreign
    async.task_group(function(group)
      foreign = support.started(group.start, group, service)
      group:cancel "over"
    end)
    local status, err = support.outcome(foreign)
    assert.same({"failed", "over"}, {status, err.reason})
  end)

  it("waits for a place where there is a limit", function()
    async.task_group({limit = 1}, function(group)
      group:spawn(async.sleep, 3)
      local began = async.now()
      assert.equal("up", group:start(service, 1, "up"))
      assert.equal(4, async.now() - began)
      local task = support.started(group.start, group, service, 0)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
    end)
  end)

  it("can be used by a task of the group, and one within another", function()
    async.task_group(function(group)
      assert.equal("inner", group:start(function(started)
        started(group:start(service, 0, "inner"))
      end))
    end)
  end)

  it("lets `started` be called by others and when nobody waits any more", function()
    local kept
    async.task_group(function(group)
      assert.equal(7, group:start(function(started)
        async.spawn(started, 7)
        async.sleep(1)
      end))
      local task = support.started(group.start, group, function(started)
        kept = started
        async.sleep(math.huge)
      end)
      task:cancel()
      support.outcome(task)
    end)
    kept()
    assert.matches("called before", support.failure(kept))
  end)

  it("shows what it waits for", function()
    async.task_group(function(group)
      local task = support.started(group.start, group, service, 0)
      assert.matches("waiting for the start of task 'task%-%d+' at ", tostring(task))
      task:await()
    end)
  end)

  it("refuses what is no function, and a group that was left", function()
    local left
    async.task_group(function(group)
      support.refuses(1, "start", group.start, group, 5)
      support.refuses(1, "start", group.start, group)
      left = group
    end)
    support.raises("ClosedError", left.start, left, service)
  end)

  it("leaves the group sound when who starts is closed by force", outside(function()
    local ended
    support.reported(pcall, testing.run, function()
      async.spawn(async.shield, function()
        local group <close> = async.task_group()
        async.spawn(async.shield, function()
          group:start(function() async.sleep(math.huge) end)
        end)
        async.sleep(math.huge)
      end)
      ended = true
      async.sleep(math.huge)
    end)
    assert.is_true(ended)
  end))
end)
