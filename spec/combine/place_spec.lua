-- SPDX-License-Identifier: MIT
-- Where the tasks of gather and its like were made is looked up when somebody wants to know. It is what it would have
-- been at once: the line that called, whoever asks, and whenever.
local async = require "saros"
local internal = require "saros.internal"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"

local caught, hang, inside, turns = tasks.caught, tasks.hang, tasks.inside, tasks.turns

--- The function that this source returns, from a chunk of this name, with async as its upvalue.
local function chunk(name, source)
  return assert(load("local async = ...\n" .. source, "=" .. name))(async)
end

--- "spawned at ..." of a task.
local function spawned_at(task)
  return task:traceback():match "spawned at ([^\n%]]+)"
end

--- The handles that those get who call `meet` first, up to `count`.
local function handles(count)
  local list = {}
  return list, function()
    list[#list + 1] = async.current_task()
    if #list < count then async.sleep(0) end
  end
end

-- Each calls a combinator at its line 3, with the functions or the function that it is given.
local callers = {
  gather = "return function(fn)\n async.gather({fn, fn})\nend",
  ["gather with arguments"] = "return function(fn)\n async.gather(fn, fn)\nend",
  race = "return function(fn)\n async.race({fn, fn})\nend",
  any = "return function(fn)\n async.any({fn, fn})\nend",
  ["map over a list"] = "return function(fn)\n async.map({1, 2}, function() return fn() end)\nend",
  ["map over a count"] = "return function(fn)\n async.map(2, fn)\nend",
  ["map with progress"] = "return function(fn)\n async.map(2, fn, {on_progress = function() end})\nend",
  ["a call by pcall"] = "return function(fn)\n assert(pcall(async.gather, {fn, fn}))\nend",
  ["a tail call"] = "return function(fn)\n return async.gather({fn, fn})\nend",
  ["a metamethod"] = [[return function(fn)
 return #setmetatable({}, {__len = function() async.gather(fn, fn) end})
end]],
  ["a coroutine"] = "return function(fn)\n async.coroutine.wrap(function() async.gather({fn, fn}) end)()\nend",
}
callers["map over an iterator"] = [[return function(fn)
 local n = 0; async.map(function() n = n + 1; return n <= 2 and n or nil end, fn)
end]]

for name, source in pairs(callers) do
  describe("the place of the tasks of " .. name, function()
    local line = name .. ":3"

    it("is known while they run", inside(function()
      local seen = {}
      chunk(name, source)(function() seen[#seen + 1] = spawned_at(async.current_task()) end)
      assert.same({line, line}, seen)
    end))

    it("is known while they wait, to who looks from elsewhere", inside(function()
      local host = async.spawn(chunk(name, source), hang)
      turns(3)
      local _, count = async.tree():gsub("waiting for [^\n]*%(spawned at " .. line:gsub("%p", "%%%0") .. "%)", "")
      assert.equal(2, count)
      host:cancel()
    end))

    it("is known when it is over, of those whose handles somebody has", inside(function()
      local list, meet = handles(2)
      chunk(name, source)(meet)
      collectgarbage()
      assert.same({line, line}, {spawned_at(list[1]), spawned_at(list[2])})
    end))
  end)
end

describe("the place of a task of gather", function()
  local gather = chunk("host", "return function(...)\n return async.gather(...)\nend")

  it("is where the innermost one was called", inside(function()
    local outer, inner
    gather(function()
      outer = spawned_at(async.current_task())
      chunk("inner", "return function(fn)\n\n async.gather(fn)\nend")(function()
        inner = spawned_at(async.current_task())
      end)
    end)
    assert.same({"host:3", "inner:4"}, {outer, inner})
  end))

  it("stands in the traceback of its error", inside(function()
    local task
    caught(gather, function()
      task = async.current_task()
      error "no"
    end)
    assert.matches("spawned at host:3]", task:traceback())
  end))

  it("stands for where it waits, in a report of a deadlock, if that is in no Lua code", function()
    local map = chunk("host", "return function(...)\n async.map(...)\nend")
    local err = caught(async.run, function()
      local future = async.future()
      map({future, future}, future.await)
    end)
    assert.equal("DeadlockError", err.name)
    assert.same({"host:3", "host:3", "host:3"}, {err.tasks[1].where, err.tasks[2].where, err.tasks[3].where})
  end)

  it("is that of a function that its end calls", inside(function()
    local place
    gather(function()
      async.current_task():on_done(function() place = spawned_at(async.current_task()) end)
    end)
    turns(2)
    assert.equal("host:3", place)
  end))

  it("is known of those that are left over at the end of a run, and closed by force", function()
    local task, steps = nil, 0
    internal.schedule(function()
      steps = steps + 1
      if steps == 4 then error("stop", 0) end
      return 1
    end)
    async.on_error(function() end)
    local err = caught(testing.run, gather, function()
      task = async.current_task()
      hang()
    end, function() async.sleep(0) end, function() async.sleep(0) end)
    async.on_error(nil)
    internal.schedule(nil)
    assert.equal("stop", err)
    assert.equal("host:3", spawned_at(task))
    assert.matches("spawned at host:3%) did not end", caught(async.run, task.await, task))
  end)

  it("is known of those that were cancelled before they began", inside(function()
    local list
    local host = async.spawn(function()
      gather(function()
        list = async.all_tasks()
        async.sleep(0)
      end, hang, hang)
    end)
    turns(1)
    host:cancel()
    turns(2)
    assert.equal("cancelled", list[#list]:status())
    assert.equal("host:3", spawned_at(list[#list]))
  end))

  it("is known for as many names of chunks as there are", inside(function()
    local kept = {}
    for i = 1, 5000 do
      local name = "gather " .. i
      chunk(name, "return function(fn)\n async.gather(fn)\nend")(function()
        if i % 250 == 0 then kept[name] = async.current_task() end
      end)
    end
    for name, task in pairs(kept) do assert.equal(name .. ":3", spawned_at(task)) end
  end))

  it("is lost if the coroutine of who called was closed by hand, unless somebody had asked before", inside(function()
    local first, second, place
    local coroutine_of_host
    local host = async.spawn(function()
      coroutine_of_host = coroutine.running()
      gather(function()
        first = async.current_task()
        hang()
      end, function()
        second = async.current_task()
        place = spawned_at(first)
        coroutine.close(coroutine_of_host)
        hang()
      end)
    end)
    pcall(host.await, host)
    turns(3)
    assert.equal("host:3", place)
    assert.same({"cancelled", "cancelled"}, {first:status(), second:status()})
    assert.equal("?", spawned_at(second))
  end))
end)

describe("a child of gather whose host is closed while it runs", function()
  it("has its place if the host was closed by saros", inside(function()
    local child
    local c = async.coroutine.create(function()
      async.gather(function()
        child = async.current_task()
        hang()
      end)
    end)
    local host = async.spawn(async.coroutine.resume, c)
    turns(2)
    host:cancel()
    turns(2)
    assert.matches("place_spec.lua:%d+$", spawned_at(child))
  end))
end)
