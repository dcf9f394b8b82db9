-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

describe("a task local", function()
  it("has its default until it is set", function()
    local value, bare = async.task_local "default", async.task_local()
    assert.same({ "default", nil }, { value:get(), bare:get() })
    value:set(false)
    bare:set(1)
    assert.same({ false, 1 }, { value:get(), bare:get() })
  end)

  it("hides its default by nil", function()
    local value = async.task_local "default"
    value:set(nil)
    assert.is_nil(value:get())
    assert.is_nil(async.spawn(function() return value:get() end):await())
  end)

  it("is handed to tasks as it is when they are spawned, and then belongs to each", function()
    local value = async.task_local()
    value:set "before"
    local seen = {}
    local task = async.spawn(function()
      seen[1] = value:get()
      value:set "in the task"
      async.sleep(1)
      seen[2] = value:get()
      seen[3] = async.spawn(value.get, value):await()
    end)
    value:set "after"
    task:await()
    assert.same({ "before", "in the task", "in the task" }, seen)
    assert.equal("after", value:get())
  end)

  it("is handed to whatever starts tasks", function()
    local value = async.task_local()
    value:set(7)
    local function get() return value:get() end
    assert.same({ 7, 7 }, { async.gather(get, get) })
    assert.same({ 7, 7, 7, n = 3 }, async.map(3, function() async.sleep(1) return get() end, { limit = 1 }))
    assert.equal(7, async.race { get })
    assert.equal(7, async.any { get })
    assert.equal(7, async.wait_for(get, 1))
    assert.equal(7, async.task_group(function(group) return group:spawn(get):await() end))
    for _, task in async.as_completed { get } do assert.equal(7, task:await()) end
    for got in async.generator(function(yield) yield(get()) end) do assert.equal(7, got) end
  end)

  it("is that of the caller in all items of a map, whoever makes room for them", function()
    local value = async.task_local()
    value:set(0)
    local seen = async.map(4, function(item)
      local got = value:get()
      value:set(item)
      async.sleep(1)
      return got
    end, { limit = 1 })
    assert.same({ 0, 0, 0, 0, n = 4 }, seen)
  end)

  it("is of who spawned, not of the group", function()
    local value = async.task_local()
    async.task_group(function(group)
      value:set "owner"
      group:spawn(function()
        value:set "member"
        assert.equal("member", group:spawn(value.get, value):await())
      end)
    end)
  end)

  it("is seen by callbacks as it was for who registered them", function()
    local value, seen = async.task_local "default", {}
    local task = async.spawn(function()
      value:set "its own"
      async.sleep(1)
    end)
    task:on_done(function() seen[1] = value:get() end)
    value:with("registered", function()
      task:on_done(function(ended)
        async.sleep(0)
        seen[2] = value:get()
        assert.equal(task, ended)
      end)
    end)
    async.sleep(2)
    value:set "late"
    task:on_done(function() seen[3] = value:get() end)
    async.sleep(1)
    assert.same({ "default", "registered", "late" }, seen)
  end)

  it("is seen by callbacks of futures as it was for who registered them", function()
    local value, seen = async.task_local "default", {}
    local future = async.future()
    future:on_done(function() seen[1] = value:get() end)
    value:with("registered", function()
      future:on_done(function() seen[2] = value:get() end)
    end)
    async.spawn(function()
      value:set "who settles it"
      future:set()
    end)
    async.sleep(1)
    value:with("late", function() future:on_done(function() seen[3] = value:get() end) end)
    async.sleep(1)
    assert.same({ "default", "registered", "late" }, seen)
  end)

  it("has a value for the time of a call, whichever way that ends", function()
    local value, other = async.task_local "default", async.task_local()
    local results = table.pack(value:with(1, function(...)
      async.sleep(1)
      other:set "kept"
      return value:get(), ...
    end, 2, nil))
    assert.same({ 1, 2, nil, n = 3 }, results)
    assert.equal("oops", support.failure(value.with, value, 2, error, "oops", 0))
    value:with(nil, function() assert.is_nil(value:get()) end)
    assert.same({ "default", "kept" }, { value:get(), other:get() })
    value:set(5)
    value:with(6, function() value:set(7) end)
    assert.equal(5, value:get())
  end)

  it("is handed on by a task that takes it back before its end", function()
    local value = async.task_local()
    local task = value:with(1, async.spawn, function()
      async.sleep(1)
      return value:get()
    end)
    assert.is_nil(value:get())
    assert.equal(1, task:await())
  end)

  it("is given free with its task", function()
    local value = async.task_local()
    local held = setmetatable({}, { __mode = "v" })
    async.spawn(function()
      local big = {}
      held[1] = big
      value:set(big)
    end):await()
    collectgarbage()
    collectgarbage()
    assert.is_nil(held[1])
  end)

  it("has its default outside of a run, where it cannot be set", outside(function()
    local value = async.task_local "default"
    assert.equal("default", value:get())
    support.complains("task_local:set", value.set, value, 1)
    support.complains("task_local:with", value.with, value, 1, print)
    async.run(function() value:set(1) end)
    assert.equal("default", value:get())
    async.run(function() assert.equal("default", value:get()) end)
  end))

  it("refuses other arguments", function()
    local value = async.task_local()
    support.refuses(2, "with", value.with, value, 1)
    support.complains("task_local:get", value.get, {})
    support.complains("task_local:set", value.set)
  end)
end)
