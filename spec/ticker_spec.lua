-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

--- The first `count` ticks as {number, seconds since the beginning}; `body(number)` is the loop's body.
local function ticks(ticker, count, body)
  local start, seen = async.now(), {}
  for n in ticker do
    seen[#seen + 1] = {n, math.floor((async.now() - start) * 1000 + 0.5) / 1000}
    if #seen == count then break end
    if body then body(n) end
  end
  return seen
end

describe("ticker", function()
  it("ticks at a fixed rate, for the first time after one interval, and counts", function()
    assert.same({{1, 1}, {2, 2}, {3, 3}}, ticks(async.ticker(1), 3))
    assert.same({{1, 0.25}, {2, 0.5}}, ticks(async.ticker(0.25), 2))
  end)

  it("does not drift: the time that the body takes does not count", function()
    assert.same({{1, 1}, {2, 2}, {3, 3}, {4, 4}}, ticks(async.ticker(1), 4, function() async.sleep(0.7) end))
    local last = ticks(async.ticker(0.1), 10000, function() async.sleep(0.03) end)[10000]
    assert.same({10000, 1000}, last)
  end)

  it("merges late ticks into one, which comes at once and has the number of the latest", function()
    assert.same({{1, 1}, {3, 3.5}, {4, 4}, {5, 5}}, ticks(async.ticker(1), 4, function(n)
      if n == 1 then async.sleep(2.5) end
    end))
  end)

  it("gives a single late tick at once, under its own number", function()
    assert.same({{1, 1}, {2, 2.5}, {3, 3}}, ticks(async.ticker(1), 3, function(n)
      if n == 1 then async.sleep(1.5) end
    end))
  end)

  it("begins with the loop, not when it is made", function()
    local ticker = async.ticker(1)
    async.sleep(10.5)
    assert.same({{1, 1}, {2, 2}}, ticks(ticker, 2))
  end)

  it("lets others have a turn though its loop is always late", function()
    local stop = false
    async.spawn(function() stop = true end)
    for _ in async.ticker(1e-9) do
      if stop then break end
      local before = async.now()
      while async.now() == before and not stop do async.sleep(1e-9) end
    end
    assert.is_true(stop)
  end)

  it("can be cancelled while it waits for a tick, and leaves nothing behind", function()
    local seen = {}
    local task = support.started(function()
      for n in async.ticker(1) do seen[#seen + 1] = n end
    end)
    async.sleep(2.5)
    task:cancel()
    assert.equal("cancelled", (support.outcome(task)))
    assert.same({1, 2}, seen)
  end)

  it("raises in a cancelled scope though a tick is late", function()
    local task = support.started(function()
      local ticker = async.ticker(1)
      ticker()
      pcall(async.sleep, math.huge)
      support.is_cancelled(ticker)
      support.is_cancelled(ticker)
    end)
    async.sleep(5)
    task:cancel()
    local _, err = support.outcome(task)
    assert.is_nil(err)
  end)

  it("is cut off by a deadline", function()
    local count = 0
    support.raises("TimeoutError", async.wait_for, function()
      for _ in async.ticker(1) do count = count + 1 end
    end, 3.5)
    assert.equal(3, count)
  end)

  it("keeps to its rate on the real clock", outside(function()
    async.run(function()
      local start = async.now()
      for n in async.ticker(0.01) do
        assert(async.now() - start >= n * 0.01 - 1e-6)
        if n >= 5 then break end
      end
    end)
  end))

  it("refuses what is no interval", function()
    for _, interval in ipairs({0, -1, 0 / 0, "1", {}, false}) do
      support.refuses(1, "ticker", async.ticker, interval)
    end
    support.refuses(1, "ticker", async.ticker)
  end)

  it("names the user's own line where it is misused", outside(function()
    local line = debug.getinfo(1, "l").currentline + 2
    local message = support.failure(function()
      for _ in async.ticker(1) do assert(true) end
    end)
    assert.matches("^[^:]*ticker_spec%.lua:" .. line .. ": ", message)
    line = debug.getinfo(1, "l").currentline + 1
    message = support.failure(function() async.ticker(0) end)
    assert.matches("^[^:]*ticker_spec%.lua:" .. line .. ": ", message)
  end))

  it("can be made outside of a run, but needs a task to wait in", outside(function()
    support.needs_a_task("ticker", function() return async.ticker(1) end)
  end))
end)
