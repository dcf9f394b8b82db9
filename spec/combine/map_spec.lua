-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local others = support.others

--- A function for map that takes a second, and a record of how many of it run at once.
local function counted()
  local record = {running = 0, peak = 0, started = {}}
  return function(item)
    record.started[#record.started + 1] = item
    record.running = record.running + 1
    record.peak = math.max(record.peak, record.running)
    async.sleep(1)
    record.running = record.running - 1
    return item
  end, record
end

describe("map", function()
  it("calls the function with item and index and returns the first results in order, with n", function()
    local results = async.map({"a", "b", "c"}, function(...)
      local item, index = ...
      async.sleep(3 - index)
      return item .. index .. select("#", ...), "more"
    end)
    assert.same({"a12", "b22", "c32", n = 3}, results)
  end)

  it("counts results that are nil", function()
    assert.same({nil, 2, nil, n = 3}, async.map({1, 2, 3}, function(item) return item == 2 and item or nil end))
  end)

  it("takes items of all kinds as they are", function()
    local function never() error "an item is not called" end
    local task = async.spawn(async.sleep, 1)
    local items = {false, never, task, setmetatable({}, {__call = never})}
    local results = async.map(items, function(item) return {item} end)
    for i = 1, 4 do assert.equal(items[i], results[i][1]) end
    assert.is_false(task:done())
    task:await()
  end)

  it("gives an empty list for an empty one", function()
    local function never() error "there is no item" end
    local options = {return_errors = true, limit = 2, on_progress = never}
    assert.same({n = 0}, async.map({}, never))
    local results, errors = async.map({}, never, options)
    assert.same({{n = 0}, {n = 0}}, {results, errors})
  end)

  it("runs all at once without a limit", function()
    local fn, record = counted()
    assert.equal(1, support.seconds(async.map, {1, 2, 3, 4, 5}, fn))
    assert.equal(5, record.peak)
  end)

  it("runs at most `limit` at a time, and as many", function()
    local fn, record = counted()
    assert.equal(3, support.seconds(async.map, {1, 2, 3, 4, 5}, fn, {limit = 2}))
    assert.equal(2, record.peak)
  end)

  it("takes the items in order", function()
    local fn, record = counted()
    async.map({5, 3, 4, 1, 2}, fn, {limit = 2})
    assert.same({5, 3, 4, 1, 2}, record.started)
  end)

  it("starts the next item as soon as one is done", function()
    local starts = {}
    local before = async.now()
    async.map({3, 1, 1, 1}, function(seconds)
      starts[#starts + 1] = math.floor(async.now() - before + 0.5)
      async.sleep(seconds)
    end, {limit = 2})
    assert.same({0, 0, 1, 2}, starts)
  end)

  it("runs one after the other with a limit of 1", function()
    local fn, record = counted()
    assert.same({1, 2, 3, n = 3}, async.map({1, 2, 3}, fn, {limit = 1}))
    assert.equal(1, record.peak)
  end)

  it("takes a limit above the number of items", function()
    assert.same({1, n = 1}, async.map({1}, function(item) return item end, {limit = math.maxinteger}))
  end)

  it("goes through many items with a small limit", function()
    local items = {}
    for i = 1, 3000 do items[i] = i end
    local results = async.map(items, function(item)
      if item % 3 == 0 then async.sleep(0) end
      return -item
    end, {limit = 3})
    for i = 1, 3000 do assert(results[i] == -i) end
  end)

  it("raises the first error as it is, when the running ones are joined; the rest never starts", function()
    local err, log, started = {}, {}, {}
    local function fn(item)
      started[#started + 1] = item
      if item == 2 then support.failing(1, err)() end
      support.lingering(log, item)()
    end
    assert.equal(err, support.failure(async.map, {1, 2, 3, 4}, fn, {limit = 3}))
    assert.same({1, 3}, log)
    assert.same({1, 2, 3}, started)
    assert.equal(0, others())
  end)

  it("returns results and errors, both with n, with return_errors", function()
    local err = {}
    local results, errors = async.map({1, 2, 3}, function(item)
      async.sleep(1)
      if item == 2 then error(err) end
      return item * 10
    end, {limit = 1, return_errors = true})
    assert.same({10, nil, 30, n = 3}, results)
    assert.same({nil, err, nil, n = 3}, errors)
  end)

  it("goes on after failures, as many as there may be", function()
    local items = {}
    for i = 1, 100 do items[i] = i end
    local _, errors = async.map(items, function(item) error(item, 0) end, {limit = 2, return_errors = true})
    for i = 1, 100 do assert(errors[i] == i) end
  end)

  it("takes the cancellation of an item as its failure, not as that of the caller", function()
    local caller = support.started(function()
      local err = support.raises("CancelledError", async.map, {1}, function()
        async.current_task():cancel()
        async.sleep(0)
      end)
      assert.not_equal(async.current_task(), err.task)
      async.sleep(1)
      return "went on"
    end)
    assert.equal("went on", caller:await())
  end)

  it("tells on_progress how many are finished", function()
    local told = {}
    async.map({3, 1, 2}, async.sleep, {on_progress = function(...) told[#told + 1] = {...} end})
    assert.same({{1, 3}, {2, 3}, {3, 3}}, told)
  end)

  it("tells on_progress when each ends, not later", function()
    local times, before = {}, async.now()
    async.map({2, 1, 4}, async.sleep, {on_progress = function()
      times[#times + 1] = math.floor(async.now() - before + 0.5)
    end})
    assert.same({1, 2, 4}, times)
  end)

  it("counts failed items as finished with return_errors", function()
    local told = {}
    async.map({1, 2, 3}, function(item) if item < 3 then error "oops" end end, {
      limit = 1, return_errors = true,
      on_progress = function(finished, total) told[#told + 1] = finished .. "/" .. total end,
    })
    assert.same({"1/3", "2/3", "3/3"}, told)
  end)

  it("cancels and joins what runs when the caller is cancelled, and starts no more", function()
    local log, started = {}, 0
    local caller = support.started(async.map, {1, 2, 3, 4}, function(item)
      started = started + 1
      support.lingering(log, item)()
    end, {limit = 2, return_errors = true})
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.same({1, 2}, log)
    assert.equal(2, started)
  end)

  it("starts nothing in a cancelled scope", function()
    local started = false
    local caller = async.spawn(async.map, {1}, function() started = true end)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.is_false(started)
  end)

  it("delivers the results when the caller is cancelled in the turn in which the last item ended", function()
    local future = async.future()
    local caller = support.started(function() return async.map({1, 2}, function() return (future:await()) end) end)
    future:set("x")
    async.spawn(function() caller:cancel() end)
    assert.same({"x", "x", n = 2}, caller:await())
  end)

  it("has looked at the errors it returns", outside(function()
    assert.same({}, support.reported(testing.run, function()
      async.map({1, 2}, function() error "oops" end, {return_errors = true})
    end))
  end))

  it("refuses wrong arguments before anything runs", function()
    local ran = false
    local function fn() ran = true end
    support.refuses(1, "map", async.map, nil, fn)
    support.refuses(1, "map", async.map, "list", fn)
    support.refuses(2, "map", async.map, {1})
    support.refuses(2, "map", async.map, {1}, {})
    support.refuses(3, "map", async.map, {1}, fn, 5)
    support.refuses(3, "map", async.map, {1}, fn, {limits = 5})
    for _, limit in ipairs({0, -1, 1.5, 0 / 0, "many", true, {}}) do
      support.refuses(3, "map", async.map, {1}, fn, {limit = limit})
    end
    support.refuses(3, "map", async.map, {1}, fn, {on_progress = 1})
    async.sleep(0)
    assert.is_false(ran)
  end)

  it("needs a task that can wait", outside(function()
    support.needs_a_task("map", function()
      return function() return async.map({1}, print) end
    end)
  end))
end)
