-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

--- A function that fails so many times, with "error 1", "error 2" ..., and then returns these; and the
--- list of the seconds, from now on, at which it was called.
local function failing(times, ...)
  local start, calls, results = async.now(), {}, table.pack(...)
  return function()
    calls[#calls + 1] = math.floor((async.now() - start) * 1000 + 0.5) / 1000
    if #calls <= times then error("error " .. #calls, 0) end
    return table.unpack(results, 1, results.n)
  end, calls
end

describe("retry", function()
  it("returns all results of a function that succeeds, called once and without arguments", function()
    local arguments
    local results = table.pack(async.retry(function(...)
      arguments = select("#", ...)
      return 1, nil, 3, nil
    end))
    assert.same({1, nil, 3, nil, n = 4}, results)
    assert.equal(0, arguments)
  end)

  it("calls it again, after a pause, until it succeeds", function()
    local fn, calls = failing(2, "value", nil)
    assert.same({"value", nil, n = 2}, table.pack(async.retry(fn)))
    assert.same({0, 0.5, 1.5}, calls)
  end)

  it("gives up after so many attempts, three if nothing is said, with the last error", function()
    local fn, calls = failing(9)
    assert.equal("error 3", support.failure(async.retry, fn))
    assert.same({0, 0.5, 1.5}, calls)
    fn, calls = failing(9)
    assert.equal("error 1", support.failure(async.retry, fn, {attempts = 1}))
    assert.same({0}, calls)
  end)

  it("raises the last error unchanged, whatever it is", function()
    for _, err in ipairs({{code = 7}, 42, false, async.error{name = "X"}}) do
      assert.equal(err, support.failure(async.retry, function() error(err) end, {delay = 0}))
    end
    assert.is_nil((support.failure(async.retry, function() error(nil) end)))
  end)

  it("lets the pauses grow by a factor, up to a maximum", function()
    local fn, calls = failing(6)
    async.retry(fn, {attempts = 7, delay = 1, factor = 3, max_delay = 10})
    assert.same({0, 1, 4, 13, 23, 33, 43}, calls)
    fn, calls = failing(3)
    async.retry(fn, {attempts = 4, delay = 2, factor = 1})
    assert.same({0, 2, 4, 6}, calls)
    fn, calls = failing(2)
    async.retry(fn, {delay = 60})
    assert.same({0, 30, 60}, calls)
  end)

  it("does not pause with a delay of zero or less, but lets others have a turn", function()
    local fn, calls = failing(2)
    local turns = 0
    local other = async.spawn(function() turns = turns + 1 end)
    async.retry(fn, {delay = 0, factor = 1e300})
    assert.same({0, 0, 0}, calls)
    assert.equal(1, turns)
    other:await()
    async.retry(failing(2), {delay = -math.huge, factor = 0})
  end)

  it("may go on for ever", function()
    local fn, calls = failing(500, "at last")
    assert.equal("at last", async.retry(fn, {attempts = math.huge, factor = 1}))
    assert.equal(501, #calls)
  end)

  it("shortens the pauses by a random part, at most the fraction `jitter`", function()
    local different = {}
    for _ = 1, 50 do
      local fn, calls = failing(1)
      async.retry(fn, {delay = 10, jitter = 0.2})
      assert(calls[2] >= 8 and calls[2] <= 10)
      different[calls[2]] = true
    end
    assert.is_truthy(next(different, next(different)))
    for _ = 1, 50 do
      local fn, calls = failing(1)
      async.retry(fn, {delay = 100, max_delay = 1, jitter = 1})
      assert(calls[2] >= 0 and calls[2] <= 1)
    end
  end)

  describe("with `when`", function()
    it("asks before each new attempt whether there shall be one", function()
      local asked = {}
      local fn, calls = failing(9)
      local err = support.failure(async.retry, fn, {
        attempts = 5,
        when = function(...)
          asked[#asked + 1] = table.pack(...)
          return #asked < 3
        end,
      })
      assert.equal("error 3", err)
      assert.same({{"error 1", 1, n = 2}, {"error 2", 2, n = 2}, {"error 3", 3, n = 2}}, asked)
      assert.equal(3, #calls)
    end)

    it("does not ask after the last attempt", function()
      local asked = 0
      support.failure(async.retry, failing(9), {attempts = 2, when = function()
        asked = asked + 1
        return true
      end})
      assert.equal(1, asked)
    end)

    it("raises its errors, and lets it wait", function()
      local err = {}
      assert.equal(err, support.failure(async.retry, failing(9), {when = function() error(err) end}))
      local fn, calls = failing(1)
      async.retry(fn, {when = function()
        async.sleep(1)
        return true
      end})
      assert.same({0, 1.5}, calls)
    end)
  end)

  describe("that is cancelled", function()
    --- A task that retries; it counts the calls and the questions in the table.
    local function retrying(counts, fn)
      counts.calls, counts.asked = 0, 0
      return support.started(async.retry, function()
        counts.calls = counts.calls + 1
        return fn()
      end, {delay = 1, when = function()
        counts.asked = counts.asked + 1
        return true
      end})
    end

    it("in the function does not call it again, and asks nobody", function()
      local counts = {}
      local task = retrying(counts, function() async.sleep(math.huge) end)
      task:cancel("why")
      local status, err = support.outcome(task)
      assert.same({"cancelled", "why"}, {status, err.reason})
      assert.same({calls = 1, asked = 0}, counts)
    end)

    it("in a pause does not call it again", function()
      local counts = {}
      local task = retrying(counts, function() error "oops" end)
      async.sleep(0.5)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.same({calls = 1, asked = 1}, counts)
    end)

    it("while the function swallows that and fails with another error, does not call it again", function()
      local counts = {}
      local task = retrying(counts, function()
        pcall(async.sleep, math.huge)
        error "oops"
      end)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.equal(1, counts.calls)
    end)

    it("before the call never calls it", function()
      local called = false
      local task = async.spawn(async.retry, function() called = true end)
      task:cancel()
      assert.equal("cancelled", (support.outcome(task)))
      assert.is_false(called)
    end)

    it("by a deadline raises TimeoutError", function()
      local fn, calls = failing(99)
      support.raises("TimeoutError", async.wait_for, function()
        async.retry(fn, {attempts = 99, factor = 1})
      end, 1.2)
      assert.same({0, 0.5, 1}, calls)
    end)

    it("keeps the result of an attempt that succeeds nevertheless", function()
      local task = support.started(async.retry, function()
        pcall(async.sleep, math.huge)
        return "value"
      end)
      task:cancel()
      assert.equal("value", task:await())
    end)

    it("by a group of its own is not called again: that is its own cancellation", function()
      local calls = 0
      support.raises("CancelledError", async.retry, function()
        calls = calls + 1
        local group <close> = async.task_group()
        group:cancel()
        async.sleep(1)
      end)
      assert.equal(1, calls)
    end)
  end)

  it("does retry after a deadline within the function, and after the cancellation of another task", function()
    local calls = 0
    assert.equal(2, async.retry(function()
      calls = calls + 1
      if calls == 1 then async.wait_for(support.after(9), 1) end
      return calls
    end))
    assert.equal(4, async.retry(function()
      calls = calls + 1
      if calls == 3 then
        local task = async.spawn(async.sleep, math.huge)
        task:cancel()
        task:await()
      end
      return calls
    end))
  end)

  it("does not retry after Ctrl-C", function()
    local calls = 0
    support.raises("InterruptError", async.retry, function()
      calls = calls + 1
      error(async.error{name = "InterruptError", code = "EINTR"})
    end)
    assert.equal(1, calls)
  end)

  it("refuses unknown options and bad values before anything has happened", function()
    local called = false
    local function fn() called = true end
    local function refuses(pattern, options)
      assert.matches(pattern, support.refuses(2, "retry", async.retry, fn, options), 1, true)
    end
    refuses("unknown option 'times'", {times = 3})
    refuses("unknown option '1'", {3})
    refuses("table expected, got number", 3)
    local bad = {
      attempts = {0, -1, 1.5, 0 / 0, -math.huge, "3", {}, false},
      delay = {0 / 0, "1", {}, false},
      factor = {-1, 0 / 0, math.huge, "2", {}, false},
      max_delay = {0 / 0, "1", {}, false},
      jitter = {-0.1, 1.1, 0 / 0, "0", {}, false},
      when = {1, "always", {}, false},
    }
    for name, values in pairs(bad) do
      for _, value in ipairs(values) do refuses("option '" .. name .. "'", {[name] = value}) end
    end
    support.refuses(1, "retry", async.retry)
    support.refuses(1, "retry", async.retry, {})
    assert.is_false(called)
  end)

  it("takes whole numbers that are written as floats", function()
    local fn, calls = failing(1)
    async.retry(fn, {attempts = 2.0})
    assert.equal(2, #calls)
  end)

  it("needs a task that can wait, before it calls anything", outside(function()
    support.needs_a_task("retry", function()
      return function() async.retry(function() error "was called" end) end
    end)
  end))
end)
