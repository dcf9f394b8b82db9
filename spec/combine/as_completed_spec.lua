-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local inside, after, failing, others = support.inside, support.after, support.failing, support.others

--- A body of a loop that is left at the first step, by `leave`.
local function left_by(leave)
  local log = {}
  local given = support.started(support.lingering(log, "given"))
  local list = {support.lingering(log, "a"), after(1), support.lingering(log, "b"), given}
  local took = support.seconds(pcall, leave, list)
  local joined = #log
  local was_cancelled = given:done()
  given:close()
  return {took = took, log = log, joined = joined, given_was_cancelled = was_cancelled}
end

describe("as_completed", function()
  it("iterates in order of completion, with the index in the list and the task", function()
    local seen = {}
    for i, task in async.as_completed({after(3, "c"), after(1, "a"), after(2, "b")}) do
      assert.is_true(task:done())
      seen[#seen + 1] = i .. task:await()
    end
    assert.same({"2a", "3b", "1c"}, seen)
  end)

  it("comes to each when it ends, not later", function()
    local times, before = {}, async.now()
    for _ in async.as_completed({after(3), after(1)}) do
      times[#times + 1] = math.floor(async.now() - before + 0.5)
    end
    assert.same({1, 3}, times)
  end)

  it("keeps the order of completion for a slow body", function()
    local seen = {}
    for i in async.as_completed({after(3), after(1), after(2)}) do
      seen[#seen + 1] = i
      async.sleep(10)
    end
    assert.same({2, 3, 1}, seen)
  end)

  it("keeps the order of completion within one turn", function()
    local second, first = async.future(), async.future()
    async.spawn(function()
      second:set()
      first:set()
    end)
    local seen = {}
    for i in async.as_completed({first, second}) do seen[#seen + 1] = i end
    assert.same({2, 1}, seen)
  end)

  it("hands out the tasks and futures it was given", function()
    local task, future = async.spawn(after(2, "t")), async.future()
    async.spawn(function()
      async.sleep(1)
      future:set("f")
    end)
    local seen = {}
    for i, item in async.as_completed({task, future}) do
      assert.equal(i == 1 and task or future, item)
      seen[#seen + 1] = item:await()
    end
    assert.same({"f", "t"}, seen)
  end)

  it("comes to what has ended before, without suspending", function()
    local done, turns = support.started(after(0)), 0
    local other = async.spawn(function() turns = turns + 1 end)
    for _, task in async.as_completed({done}) do
      assert.equal(done, task)
      assert.equal(0, turns)
    end
    other:await()
  end)

  it("comes to a failed or cancelled task like to any other; its await raises", function()
    local seen = {}
    local cancelled = async.spawn(async.sleep, math.huge)
    async.spawn(function()
      async.sleep(2)
      cancelled:cancel()
    end)
    for i, task in async.as_completed({failing(1, "oops"), cancelled, after(3, "fine")}) do
      seen[i] = task:status()
      if i == 1 then assert.equal("oops", support.failure(task.await, task)) end
    end
    assert.same({"failed", "cancelled", "done"}, seen)
  end)

  it("has looked at the failures", outside(function()
    assert.same({}, support.reported(testing.run, function()
      local count = 0
      for _ in async.as_completed({failing(0, "a"), failing(0, "b")}) do count = count + 1 end
      assert.equal(2, count)
    end))
  end))

  it("runs functions as tasks of their own, without arguments, even before the loop waits", function()
    local log = {}
    for _, task in async.as_completed({function(...)
      log[#log + 1] = select("#", ...)
      return async.current_task()
    end}) do
      assert.equal(task, task:await())
      assert.not_equal(async.current_task(), task)
    end
    assert.same({0}, log)
  end)

  it("does nothing for an empty list", function()
    for _ in async.as_completed({}) do error "there is nothing" end
  end)

  it("leaves nothing running", function()
    for _ in async.as_completed({after(1), after(2)}) do assert(true) end
    assert.equal(0, others())
  end)

  it("cancels and joins what it started itself when the loop is left by break", function()
    local record = left_by(function(list)
      for i in async.as_completed(list) do
        if i == 2 then break end
      end
    end)
    assert.equal(2, record.took)
    table.sort(record.log)
    assert.same({"a", "b", "given"}, record.log)
    assert.equal(2, record.joined)
    assert.is_false(record.given_was_cancelled)
  end)

  it("cancels and joins what it started itself when the loop is left by return", function()
    local record = left_by(function(list)
      for i in async.as_completed(list) do
        if i == 2 then return end
      end
    end)
    assert.same({2, 2, false}, {record.took, record.joined, record.given_was_cancelled})
  end)

  it("cancels and joins what it started itself when the loop is left by an error", function()
    local record = left_by(function(list)
      for _ in async.as_completed(list) do error "oops" end
    end)
    assert.same({2, 2, false}, {record.took, record.joined, record.given_was_cancelled})
  end)

  it("lets the error of the body through, as it is", function()
    local err = {}
    assert.equal(err, support.failure(function()
      for i in async.as_completed({after(1), after(2)}) do
        if i == 1 then error(err) end
      end
    end))
    assert.equal(0, others())
  end)

  it("cancels and joins what it started itself when the caller is cancelled", function()
    local log = {}
    local given = support.started(support.lingering(log, "given"))
    local caller = support.started(function()
      for _ in async.as_completed({support.lingering(log, "own"), given}) do error "nothing ends" end
    end)
    caller:cancel("why")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "why"}, {status, err.reason})
    assert.same({"own"}, log)
    assert.is_false(given:done())
    given:close()
  end)

  it("leaves a future alone when the caller is cancelled", function()
    local future = async.future()
    local caller = support.started(function()
      for _ in async.as_completed({future}) do error "nothing ends" end
    end)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.is_true(future:set(1))
  end)

  it("delivers what ended in the turn in which the caller was cancelled", function()
    local future = async.future()
    local seen = {}
    local caller = support.started(function()
      for i in async.as_completed({future}) do seen[#seen + 1] = i end
    end)
    future:set()
    caller:cancel()
    support.outcome(caller)
    assert.same({1}, seen)
  end)

  it("lets the others run though there is nothing to wait for", function()
    support.starves_nobody(function()
      for _ in async.as_completed{} do error "there is nothing" end
    end)
  end)

  it("refuses what is no list of awaitables, before anything runs", function()
    local ran = false
    local function run() ran = true end
    support.refuses(1, "as_completed", async.as_completed)
    support.refuses(1, "as_completed", async.as_completed, run)
    support.refuses(1, "as_completed", async.as_completed, {run, 1})
    support.refuses(1, "as_completed", async.as_completed, {run, setmetatable({}, {__call = run})})
    testing.settle()
    assert.is_false(ran)
  end)

  it("names the user's own line where it is misused", outside(function()
    local line = debug.getinfo(1, "l").currentline + 2
    local message = support.failure(function()
      for _ in async.as_completed({after(0)}) do assert(true) end
    end)
    assert.matches("^[^:]*as_completed_spec%.lua:" .. line .. ": ", message)
    inside(function()
      line = debug.getinfo(1, "l").currentline + 2
      message = support.failure(coroutine.wrap(function()
        for _ in async.as_completed({after(0)}) do assert(true) end
      end))
      assert.matches("^[^:]*as_completed_spec%.lua:" .. line .. ": ", message)
      line = debug.getinfo(1, "l").currentline + 1
      message = support.failure(function() async.as_completed({1}) end)
      assert.matches("^[^:]*as_completed_spec%.lua:" .. line .. ": ", message)
    end)()
  end))

  it("needs a running loop", outside(function()
    support.complains("as_completed", function()
      for _ in async.as_completed({after(0)}) do assert(true) end
    end)
  end))
end)
