-- SPDX-License-Identifier: MIT
-- map over a count, and over an iterator.
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local function same(item) return item end

-- An iterator over 1..n that waits before each, and a record of how often it was asked, and when.
local function counter(n, seconds)
  local record = { asked = 0, times = {} }
  return function(...)
    assert.equal(0, select("#", ...))
    record.asked = record.asked + 1
    record.times[record.asked] = async.now()
    if seconds then async.sleep(seconds) end
    if record.asked <= n then return record.asked, "a second value" end
  end, record
end

describe("map over a count", function()
  it("calls the function for 1 to n", function()
    assert.same({ 11, 22, 33, n = 3 }, async.map(3, function(item, index) return item * 10 + index end))
    assert.same({ 1, 2, n = 2 }, async.map(2.0, same))
    assert.equal("integer", math.type(async.map(1.0, same)[1]))
  end)

  it("does nothing for 0", function()
    assert.same({ n = 0 }, async.map(0, error))
    assert.same({ { n = 0 }, { n = 0 } }, { async.map(0, error, { return_errors = true }) })
  end)

  it("keeps to the limit and tells how far it is", function()
    local told = {}
    local seconds = support.seconds(async.map, 4, function() async.sleep(1) end, {
      limit = 2,
      on_progress = function(finished, total) told[#told + 1] = finished .. "/" .. total end,
    })
    assert.equal(2, seconds)
    assert.same({ "1/4", "2/4", "3/4", "4/4" }, told)
  end)

  it("raises the first error and starts nothing more, or collects them", function()
    local started = 0
    local function fn(item)
      started = started + 1
      if item == 2 then error("two", 0) end
      async.sleep(1)
      return item
    end
    assert.equal("two", support.failure(async.map, 1e9, fn, { limit = 2 }))
    assert.equal(2, started)
    local results, errors = async.map(3, fn, { return_errors = true })
    assert.same({ 1, nil, 3, n = 3 }, results)
    assert.same({ nil, "two", nil, n = 3 }, errors)
  end)

  it("refuses a count that is none", function()
    for _, count in ipairs { -1, 1.5, 0 / 0, math.huge, -math.huge } do
      support.refuses(1, "map", async.map, count, same)
    end
    for _, value in ipairs { "3", true, async.lock(), setmetatable({}, { __call = same }) } do
      support.refuses(1, "map", async.map, value, same)
    end
    support.refuses(1, "map", async.map, nil, same)
  end)
end)

describe("map over an iterator", function()
  it("calls the function with the first value of each step, and its number", function()
    local next_item, record = counter(3)
    assert.same({ 11, 22, 33, n = 3 }, async.map(next_item, function(item, index, ...)
      assert.equal(0, select("#", ...))
      return item * 10 + index
    end))
    assert.equal(4, record.asked)
  end)

  it("gives an empty list if there is nothing", function()
    assert.same({ n = 0 }, async.map(function() end, error))
    assert.same({ { n = 0 }, { n = 0 } }, { async.map(function() end, error, { return_errors = true }) })
  end)

  it("counts results that are nil, and takes false for an item", function()
    local items = { false, 2, false }
    local index = 0
    local results = async.map(function()
      index = index + 1
      return items[index]
    end, function(item) return item or nil end)
    assert.same({ nil, 2, nil, n = 3 }, results)
  end)

  it("asks only when there is room", function()
    local next_item, record = counter(4)
    local began = async.now()
    async.map(next_item, function() async.sleep(1) end, { limit = 2 })
    for i, time in ipairs(record.times) do record.times[i] = math.floor(time - began + 0.5) end
    assert.same({ 0, 0, 1, 1, 2 }, record.times)
  end)

  it("lets it wait, in the calling task, while items run", function()
    local caller = async.current_task()
    local next_item = counter(3, 1)
    local seconds = support.seconds(async.map, function()
      assert.equal(caller, async.current_task())
      return next_item()
    end, function(item)
      assert.not_equal(caller, async.current_task())
      async.sleep(1)
      return item
    end)
    assert.equal(4, seconds)
  end)

  it("lets the items run though it never waits and there is no limit", function()
    local ran = false
    local next_item = counter(1e6)
    async.map(function() return not ran and next_item() or nil end, function() ran = true end)
    assert.is_true(ran)
  end)

  it("takes a queue, until that is closed and empty", function()
    local queue = async.queue(1)
    async.spawn(function()
      for i = 1, 5 do queue:put(i) end
      queue:close()
    end)
    assert.same({ 1, 2, 3, 4, 5, n = 5 }, async.map(queue, same, { limit = 2 }))
  end)

  it("takes what other functions give for a loop", function()
    local squares = async.generator(function(yield)
      for i = 1, 3 do
        async.sleep(1)
        yield(i * i)
      end
    end)
    assert.same({ 1, 4, 9, n = 3 }, async.map(squares, same))
    assert.same({ "a", "b", n = 2 }, async.map(("a b"):gmatch "%a", same))
  end)

  it("tells how far it is, but not how far that is to go", function()
    local told = {}
    async.map(counter(3), same, {
      on_progress = function(...)
        told[#told + 1] = table.pack(...)
      end,
    })
    assert.same({ { 1, nil, n = 2 }, { 2, nil, n = 2 }, { 3, nil, n = 2 } }, told)
  end)

  it("raises the first error of an item at once, though the iterator waits", function()
    local queue = async.queue()
    queue:put(1)
    local cleaned = 0
    local err = support.failure(async.map, function()
      local _ <close> = async.defer(function() cleaned = cleaned + 1 end)
      return queue:get()
    end, function()
      async.sleep(1)
      error("oops", 0)
    end)
    assert.equal("oops", err)
    assert.equal(2, cleaned)
    assert.equal(0, support.others())
    queue:put(2)
    assert.equal(2, queue:get()) -- nobody waits there any more
  end)

  it("cancels and joins the other items then", function()
    local cleaned = {}
    local next_item = counter(3)
    local seconds = support.seconds(pcall, async.map, next_item, function(item)
      if item < 3 then support.lingering(cleaned, item)() end
      async.sleep(1)
      error("oops", 0)
    end)
    table.sort(cleaned)
    assert.same({ 1, 2 }, cleaned)
    assert.equal(2, seconds)
  end)

  it("ends by an error of the iterator, when the items are cancelled and joined", function()
    local cleaned, mine = {}, {}
    local next_item = counter(2)
    local err = support.failure(async.map, function()
      local item = next_item()
      if item then return item end
      async.sleep(1)
      error(mine)
    end, function(item) support.lingering(cleaned, item)() end, { return_errors = true })
    assert.equal(mine, err)
    assert.equal(2, #cleaned)
  end)

  it("collects the errors of items and goes on", function()
    local results, errors = async.map(counter(3), function(item)
      if item == 2 then error("two", 0) end
      return item
    end, { return_errors = true, limit = 1 })
    assert.same({ 1, nil, 3, n = 3 }, results)
    assert.same({ nil, "two", nil, n = 3 }, errors)
  end)

  it("takes all down when the caller is cancelled, wherever that waits", function()
    for _, case in ipairs { { "in the iterator", 2 }, { "for room", 1 }, { "for the end", 3 } } do
      local cleaned, asked = {}, 0
      local task = support.started(async.map, function()
        asked = asked + 1
        if case[2] == 3 and asked == 2 then return nil end
        if asked == 2 then async.sleep(math.huge) end
        return asked
      end, function(item) support.lingering(cleaned, item)() end, { limit = case[2] })
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)), case[1])
      assert.same({ 1 }, cleaned, case[1])
      assert.equal(0, support.others())
    end
  end)

  it("stops at a deadline around it", function()
    local err = support.raises("TimeoutError", async.wait_for, function()
      async.map(counter(math.huge, 1), function() async.sleep(math.huge) end)
    end, 3.5)
    assert.equal(3.5, err.seconds)
    assert.equal(0, support.others())
  end)

  it("asks nothing in a cancelled scope", function()
    local next_item, record = counter(3)
    local task = async.spawn(async.map, next_item, same)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.equal(0, record.asked)
  end)

  it("keeps its first error when the iterator fails while it is cancelled for that", function()
    local err = support.failure(async.map, function()
      local _ <close> = async.defer(error, "of the cleanup", 0)
      async.sleep(0)
      local ok = pcall(async.sleep, 5)
      return ok and 1 or 2
    end, same)
    assert.equal("of the cleanup", err)
    local asked = 0
    err = support.failure(async.map, function()
      asked = asked + 1
      if asked == 1 then return 1 end
      local ok = pcall(async.sleep, 5)
      error(ok and "late" or "of the cleanup", 0)
    end, function() error("first", 0) end)
    assert.equal("first", err)
  end)

  it("raises that the iterator has left a scope open, and joins what runs in that", function()
    local cleaned = {}
    local err = support.failure(async.map, function()
      local group = async.task_group()
      group:spawn(support.lingering(cleaned, "forgotten"))
      async.sleep(0)
      return 1
    end, same)
    assert.matches("task group made at .* was never closed", tostring(err))
    assert.same({ "forgotten" }, cleaned)
  end)

  it("may be nested, in the iterator too", function()
    local rows = counter(2)
    local results = async.map(function()
      local row = rows()
      return row and async.map(counter(row, 1), same)
    end, function(list) return async.map(counter(list.n), function(i) return list[i] * 10 end) end)
    assert.same({ 10, n = 1 }, results[1])
    assert.same({ 10, 20, n = 2 }, results[2])
  end)

  it("keeps where an error of the iterator came from", function()
    local task = support.started(async.map, function()
      local function deep() error "oops" end
      deep()
    end, same)
    assert.is_string(task:error())
    assert.matches("'deep'", task:traceback(), 1, true)
  end)

  it("says what it waits for", function()
    local task = support.started(async.map, counter(9), function() async.sleep(5) end, { limit = 1 })
    assert.matches("waiting for map at", tostring(task), 1, true)
    task:close()
  end)

  it("waits, so it cannot be called elsewhere", outside(function()
    support.needs_a_task("map", function()
      return function() async.map(counter(1), same) end
    end)
  end))

  it("goes on for ever without growing", function()
    local count = 0
    local before
    async.map(function()
      count = count + 1
      if count == 1000 or count == 11000 then
        collectgarbage()
        collectgarbage()
        local now = collectgarbage "count"
        assert.is_true(not before or now - before < 16, tostring(before and now - before))
        before = now
      end
      return count <= 11000 and count or nil
    end, function() async.sleep(0) end, { limit = 4 })
    testing.settle()
  end)
end)
