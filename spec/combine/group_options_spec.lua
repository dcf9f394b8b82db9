-- SPDX-License-Identifier: MIT
-- Task groups with a limit, and those that only collect failures.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, started = support.after, support.failing, support.started

describe("a task group with a limit", function()
  it("are named when their values are wrong", function()
    for _, limit in ipairs {0, -1, 1.5, "2", {}} do
      local _, err = pcall(async.task_group, {limit = limit})
      assert.matches("bad argument #1 to 'task_group' %(option 'limit': a positive integer expected, got ", err)
    end
  end)

  it("are refused behind the function", function()
    local ok, err = pcall(async.task_group, function() end, {limit = 1})
    assert.is_false(ok)
    assert.matches("bad argument #2 to 'task_group' %(the options come before the function%)", err)
  end)

  it("runs so many at once; spawn waits for its turn", function()
    local running, most, total = 0, 0, 0
    local took = support.seconds(async.task_group, {limit = 2}, function(group)
      for i = 1, 6 do
        group:spawn(function()
          running = running + 1
          most = math.max(most, running)
          async.sleep(1)
          running, total = running - 1, total + 1
        end)
        assert.equal(math.max(0, (i - 1) // 2), total // 2)
      end
    end)
    assert.same({2, 6, 3}, {most, total, took})
  end)

  it("serves those who wait in spawn in order, and nobody overtakes", function()
    local log = {}
    async.task_group({limit = 1}, function(group)
      group:spawn(async.sleep, 1)
      for i = 1, 3 do
        started(function()
          group:spawn(function() log[#log + 1] = i end)
        end)
      end
      group:spawn(function() log[#log + 1] = 4 end)
    end)
    assert.same({1, 2, 3, 4}, log)
  end)

  it("is left when those who wait in spawn have had their turn and their tasks have ended", function()
    local log = {}
    do
      local group <close> = async.task_group {limit = 1}
      group:spawn(async.sleep, 1)
      for i = 1, 2 do
        started(function()
          local task = group:spawn(after(1, i))
          log[#log + 1] = task:await()
        end)
      end
    end
    testing.settle()
    assert.same({1, 2}, log)
  end)

  it("lets a task that was cancelled while it waited in spawn go, and spawns nothing for it", function()
    local ran = false
    async.task_group({limit = 1}, function(group)
      group:spawn(async.sleep, 2)
      local waiting = started(function() group:spawn(function() ran = true end) end)
      local next_one = started(function() return group:spawn(after(0, "next")):await() end)
      waiting:cancel()
      assert.equal("cancelled", (support.outcome(waiting)))
      assert.equal("next", next_one:await())
    end)
    assert.is_false(ran)
  end)

  it("raises CancelledError in those who wait in spawn when it goes down", function()
    local errors, ran = {}, 0
    local foreign
    async.task_group({limit = 2}, function(group)
      local function wait_in_spawn()
        local ok, err = pcall(group.spawn, group, function() ran = ran + 1 end)
        assert.is_false(ok)
        errors[#errors + 1] = err
      end
      foreign = async.spawn(wait_in_spawn)
      group:spawn(async.sleep, math.huge)
      local child = group:spawn(wait_in_spawn)
      async.spawn(function() group:cancel "enough" end)
      wait_in_spawn()
      assert.equal("enough", errors[#errors].reason)
      assert.equal("pending", child:status())
    end)
    foreign:await()
    assert.same({3, 0}, {#errors, ran})
    for _, err in ipairs(errors) do assert.is_true(async.is_error(err, "CancelledError")) end
  end)

  it("says so, and why, also where it has been left before they go on", function()
    for _, way in ipairs {"spawn", "start"} do
      local refused
      local err = support.raises("GroupError", async.task_group, {limit = 1}, function(group)
        group:spawn(failing(1, "a"))
        refused = started(group[way], group, async.sleep)
        async.sleep(math.huge)
      end)
      assert.same({"a"}, err.errors)
      assert.is_true(async.is_error(select(2, support.outcome(refused)), "CancelledError"))
      async.task_group({limit = 1}, function(group)
        group:spawn(async.sleep, math.huge)
        refused = started(group[way], group, async.sleep)
        group:cancel "enough"
      end)
      assert.equal("enough", select(2, support.outcome(refused)).reason)
    end
  end)

  it("gives a task that starts cancelled once it goes down, without waiting", function()
    async.task_group({limit = 1}, function(group)
      group:spawn(pcall, async.shield, after(5))
      async.sleep(0)
      group:cancel()
      local task = group:spawn(async.sleep, 1)
      async.shield(function() async.wait {task} end)
      assert.equal("cancelled", task:status())
    end)
  end)

  it("fails as any other: the rest is cancelled, and all errors are raised", function()
    local err = support.raises("GroupError", async.task_group, {limit = 2}, function(group)
      group:spawn(failing(1, "a"))
      for _ = 1, 5 do group:spawn(async.sleep, 3) end
    end)
    assert.same({"a"}, err.errors)
  end)

  it("that is forgotten gives those who wait in spawn ClosedError", function()
    local task
    pcall(function()
      local scope <close> = async.timeout(9)
      local group = async.task_group {limit = 1}
      group:spawn(async.sleep, math.huge)
      task = started(group.spawn, group, async.sleep)
    end)
    local _, err = support.outcome(task)
    assert.is_true(async.is_error(err, "ClosedError") or async.is_error(err, "CancelledError"))
  end)

  it("may have any limit from 1", function()
    for _, limit in ipairs {1, 7, math.maxinteger} do
      async.task_group({limit = limit}, function(group)
        for _ = 1, 3 do group:spawn(async.sleep, 0) end
      end)
    end
    for _, limit in ipairs {0, -1, 1.5, "2", {}, false} do
      support.refuses(1, "task_group", async.task_group, {limit = limit})
    end
  end)

  it("gives a place that was handed over on when its owner is closed by force", outside(function()
    local ran = 0
    support.reported(pcall, testing.run, function()
      local group
      async.spawn(async.shield, function()
        group = async.task_group {limit = 1}
        local _ <close> = group
        group:spawn(function() async.sleep(1) end)
        async.sleep(math.huge)
      end)
      testing.settle()
      for _ = 1, 2 do
        async.spawn(async.shield, function()
          group:spawn(function() ran = ran + 1 end)
        end)
      end
      async.sleep(math.huge)
    end)
    assert.is_true(ran <= 2)
  end))
end)

describe("a task group with cancel_on_error = false", function()
  local collecting = {cancel_on_error = false}

  it("lets the others go on when one fails, and raises all failures at its end", function()
    local log = {}
    local err = support.raises("GroupError", async.task_group, collecting, function(group)
      group:spawn(failing(1, "a"))
      group:spawn(function()
        async.sleep(2)
        log[#log + 1] = "went on"
      end)
      group:spawn(failing(3, "b"))
      async.sleep(2.5)
      log[#log + 1] = "block"
    end)
    assert.same({{"went on", "block"}, {"a", "b"}}, {log, err.errors})
  end)

  it("does so as a block", function()
    local err = support.raises("GroupError", function()
      local group <close> = async.task_group(collecting)
      group:spawn(failing(0, "a"))
      group:spawn(after(1))
    end)
    assert.same({"a"}, err.errors)
  end)

  it("is brought down by an error of the block itself", function()
    local task
    local err = support.raises("GroupError", async.task_group, collecting, function(group)
      group:spawn(failing(0, "a"))
      task = group:spawn(async.sleep, math.huge)
      async.sleep(1)
      error("block", 0)
    end)
    assert.same({"a", "block"}, err.errors)
    assert.equal("cancelled", task:status())
  end)

  it("by a cancellation from outside, which does not hide its failures", function()
    local err = support.raises("GroupError", function()
      local scope <close> = async.timeout(2)
      async.task_group(collecting, function(group)
        group:spawn(failing(1, "a"))
        group:spawn(async.sleep, math.huge)
      end)
    end)
    assert.same({"a"}, err.errors)
  end)

  it("and by cancel; without failures it returns what the function does", function()
    assert.equal(5, async.task_group(collecting, function(group)
      group:spawn(async.sleep, math.huge)
      group:cancel()
      return 5
    end))
  end)

  it("goes with a limit: a failure makes place", function()
    local ran = 0
    local err = support.raises("GroupError", async.task_group, {limit = 1, cancel_on_error = false}, function(group)
      for i = 1, 4 do
        group:spawn(function()
          ran = ran + 1
          async.sleep(1)
          if i % 2 == 0 then error(i, 0) end
        end)
      end
    end)
    assert.same({4, {2, 4}}, {ran, err.errors})
  end)
end)

describe("task_group", function()
  it("takes options, a function, both or none", function()
    for _, options in ipairs {{}, {limit = 3}, {cancel_on_error = true}, {cancel_on_error = false}} do
      assert.equal(1, async.task_group(options, function() return 1 end))
      local group <close> = async.task_group(options)
      assert.matches("0 tasks running", tostring(group))
    end
    local _ <close> = async.task_group(nil)
    assert.equal(2, async.task_group(function() return 2 end))
    assert.equal(3, async.task_group(nil, function() return 3 end))
  end)

  it("refuses what is none of these", function()
    support.refuses(1, "task_group", async.task_group, {limits = 1})
    support.refuses(1, "task_group", async.task_group, {1})
    support.refuses(1, "task_group", async.task_group, 5)
    support.refuses(2, "task_group", async.task_group, {limit = 1}, 5)
    support.refuses(2, "task_group", async.task_group, nil, {limit = 1})
  end)
end)
