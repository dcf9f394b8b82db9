-- SPDX-License-Identifier: MIT
-- Functions that begin at their turn, as they do where nobody chooses who runs next: what gather, map, race and any
-- start stands in the ready queue as one, and most of it runs in records that have been used before.
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

local LATE = {late = true, allows = {"Planned"}}

--- Calls fn(...); nothing of it may be running when it is left. (all_tasks would make tasks of what has not begun.)
local function left_by(workers, fn, ...)
  local results = table.pack(pcall(fn, ...))
  assert.equal(0, workers.running, "something is running behind a scope that was left")
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

describe("functions that begin later, explored:", function()
  it("give their results in the order of the list", explored(function(probe)
    local workers = oracle.workers(probe)
    local function at_once() return "at once" end
    return function()
      return left_by(workers, async.gather,
        at_once, workers:body {seconds = 0, value = "b"}, at_once, workers:body {seconds = 1, value = "d", cleanup = 1},
        at_once)
    end, function(ended)
      if ended.ok then assert.same({"at once", "b", "at once", "d", "at once", n = 5}, ended.results) end
      if workers.ended < 2 then assert.is_true(ended.hits > 0) end
    end
  end, LATE))

  it("do so beside each other, and in each other", explored(function(probe)
    local function leaf(value)
      return function()
        if value % 2 == 0 then async.sleep(0) end
        return value
      end
    end
    local sums = {}
    local function branch(from)
      return function()
        local sum = 0
        for _, value in ipairs(async.gather {leaf(from), leaf(from + 1), leaf(from + 2)}) do sum = sum + value end
        return sum
      end
    end
    local function tree(index, from)
      return function()
        local a, b = async.gather(branch(from), branch(from + 10))
        sums[index] = a + b
      end
    end
    return function()
      probe:together {tree(1, 0), tree(2, 100)}
    end, function(ended)
      if ended.hits == 0 then assert.same({36, 636}, sums) end
      if not ended.is_injected then assert.is_true(ended.ok) end
    end
  end, LATE))

  it("never run more than the limit, and give all results", explored(function(probe)
    local workers = oracle.workers(probe)
    local most = 0
    local options = {
      work = function(item, index)
        assert.equal(item, index * 10)
        most = math.max(most, workers.running)
        if index == 2 then async.spawn(function() end) end -- stands behind those that have not begun
        if index % 3 == 0 then async.sleep(index % 2) end
      end,
      value = "done",
    }
    return function()
      return left_by(workers, async.map, {10, 20, 30, 40, 50, 60}, workers:body(options), {limit = 3})
    end, function(ended)
      assert.is_true(most <= 3)
      if ended.ok then
        assert.same({"done", "done", "done", "done", "done", "done", n = 6}, ended.results[1])
        assert.equal(6, workers.ended)
      end
    end
  end, LATE))

  it("go down with the first error, begun or not", explored(function(probe)
    local workers = oracle.workers(probe)
    local function succeed() return 1 end
    return function()
      left_by(workers, async.gather, {
        succeed, workers:body {loses = true, cleanup = 1}, succeed, workers:body {seconds = 0, fails = true},
        workers:body {loses = true}, succeed,
      })
    end, function(ended)
      assert.is_false(ended.ok)
      assert.equal(0, workers.outlasted)
      if not ended.is_injected then assert.is_true(async.is_error(ended.error, "Planned")) end
    end
  end, LATE))

  it("keep errors beside the results, if they are asked to", explored(function(probe)
    local workers = oracle.workers(probe)
    local options = {
      work = function(item)
        if item == 2 then async.sleep(0) end
        if item % 2 == 0 then error(oracle.planned(), 0) end
      end,
      value = true,
    }
    return function()
      local results, errors = left_by(workers, async.map, 5, workers:body(options), {limit = 2, return_errors = true})
      for i = 1, 5 do assert.is_true((results[i] == nil) ~= (errors[i] == nil)) end
      return results.n, errors.n
    end, function(ended)
      if ended.ok then assert.same({5, 5, n = 2}, ended.results) end
      if ended.hits < math.huge then assert.is_true(ended.ok) end
    end
  end, LATE))

  it("are won by the first, be it at once", explored(function(probe)
    local workers = oracle.workers(probe)
    local function fail() error(oracle.planned(), 0) end
    local function at_once() return "at once", 2 end
    return function()
      local first, second = left_by(workers, async.race, {
        workers:body {loses = true, cleanup = 1}, at_once, at_once, workers:body {loses = true},
      })
      local any = left_by(workers, async.any, {fail, workers:body {seconds = 0, value = "any"}, fail})
      return first, second, any
    end, function(ended)
      if ended.ok then assert.same({"at once", 2, "any", n = 3}, ended.results) end
      if ended.hits == 0 then assert.is_true(ended.ok) end
      assert.equal(0, workers.outlasted)
    end
  end, LATE))

  it("know where they were started, whoever has ended before", explored(function(probe)
    local kept, seen = {}, {}
    local function meet(seconds)
      return function()
        kept[#kept + 1] = async.current_task()
        if seconds then async.sleep(seconds) end
        seen[#seen + 1] = kept[1]:traceback()
      end
    end
    local start = load("local async = ...\nreturn async[select(2, ...)](select(3, ...))", "=start")
    return function()
      probe:together {
        function() start(async, "gather", meet(0), meet(), meet(1)) end,
        function() start(async, "race", {meet(1), meet(0)}) end,
      }
    end, function()
      for _, task in ipairs(kept) do seen[#seen + 1] = task:traceback() end
      for _, text in ipairs(seen) do assert.matches("spawned at start:2]", text, 1, true) end
    end
  end, LATE))

  it("become tasks when somebody asks for them", explored(function(probe)
    local workers = oracle.workers(probe)
    local least = math.huge
    local function look() least = math.min(least, #async.all_tasks()) end
    return function()
      return left_by(workers, async.gather,
        look, workers:body {seconds = 1, value = 2}, look, workers:body {seconds = 0, value = 4})
    end, function(ended)
      assert.is_true(least >= 2)
      if ended.ok then assert.same({nil, 2, nil, 4, n = 4}, ended.results) end
    end
  end, LATE))

  it("hand over permits and items as others do", explored(function()
    local permits, semaphore = oracle.permits(1), async.semaphore(1)
    local items = oracle.items(async.queue(1))
    local function hold()
      local _ <close> = permits:acquire(semaphore.acquire, semaphore)
      async.sleep(0)
    end
    local function put() items:put() end
    local function get() items:get() end
    return function()
      async.gather(hold, put, get, hold, put, get, hold)
    end, function()
      permits:check()
      items:check()
    end
  end, LATE))
end)
