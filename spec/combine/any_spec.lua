-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, others = support.after, support.failing, support.others

describe("any", function()
  it("returns all results of the first to succeed", function()
    local results = table.pack(async.any({failing(1, "oops"), after(3, "late"), after(2, "good", nil, nil)}))
    assert.same({"good", nil, nil, n = 3}, results)
  end)

  it("takes the first in the list of futures that are set in one turn, in whatever order", function()
    support.check_one_turn(async.any)
  end)

  it("leaves a future alone that was not set in the turn of the winner", function()
    support.check_later_turn(async.any)
  end)

  it("goes on after failures", function()
    assert.equal(3, support.seconds(async.any, {failing(1, "a"), failing(2, "b"), after(3)}))
  end)

  it("does not wait for the rest once one has succeeded", function()
    assert.equal(1, support.seconds(async.any, {failing(5, "a"), after(1)}))
  end)

  it("has cancelled and joined the rest before it returns", function()
    local log = {}
    local given = support.started(support.lingering(log, "task"))
    assert.equal("good", async.any({support.lingering(log, "function"), given, after(1, "good")}))
    table.sort(log)
    assert.same({"function", "task"}, log)
    assert.equal(0, others())
  end)

  it("leaves a future alone", function()
    local future = async.future()
    async.any({future, after(1)})
    assert.is_true(future:set(1))
  end)

  it("raises a GroupError with every error, in the order of the list, if all fail", function()
    local one, two = {}, async.error({name = "MyError"})
    local err = support.raises("GroupError", async.any, {failing(2, one), failing(1, two), failing(3, "three")})
    assert.equal("EGROUP", err.code)
    assert.equal(3, #err.errors)
    assert.equal(one, err.errors[1])
    assert.equal(two, err.errors[2])
    assert.equal("three", err.errors[3])
    assert.equal(two, err:find("MyError"))
    assert.is_nil(err:find("OtherError"))
  end)

  it("lists errors that are nil by a length of their own, and finds what is behind them", function()
    local err = support.raises("GroupError", async.any, {failing(0, nil), failing(0, "b"), failing(0, nil), function()
      error(async.error{name = "MyError"})
    end})
    assert.equal(4, err.errors.n)
    assert.equal("b", err.errors[2])
    assert.is_true(async.is_error(err:find "MyError", "MyError"))
    local plain = support.raises("GroupError", async.any, {failing(0, "a"), failing(0, "b")})
    assert.same({"a", "b"}, plain.errors)
  end)

  it("counts errors that are nil", function()
    local err = support.raises("GroupError", async.any, {failing(0, nil), failing(0, nil)})
    assert.matches("2 tasks", err.message, 1, true)
  end)

  it("takes what failed before, and a future that fails", function()
    local future, failed = async.future(), support.started(failing(0, "task"))
    future:fail("future")
    assert.same({"task", "future"}, support.raises("GroupError", async.any, {failed, future}).errors)
    assert.equal("good", async.any({failed, future, after(1, "good")}))
  end)

  it("takes a cancelled task for one that failed", function()
    local task = support.started(async.sleep, math.huge)
    async.spawn(function() task:cancel() end)
    assert.equal("good", async.any({task, after(1, "good")}))
    local err = support.raises("GroupError", async.any, {task, failing(1, "oops")})
    assert.equal(task, err:find("CancelledError").task)
  end)

  it("goes by the order of the list among what had succeeded before", function()
    local failed = support.started(failing(0, "oops"))
    local second, first = support.started(after(0, "second")), support.started(after(0, "first"))
    assert.equal("first", async.any({failed, first, second}))
    assert.equal("second", async.any({failed, second, first}))
  end)

  it("is not won by what succeeds when it is cancelled", function()
    local function stubborn()
      pcall(async.sleep, math.huge)
      return "late"
    end
    assert.equal("good", async.any({stubborn, after(1, "good")}))
  end)

  it("cancels and joins all when the caller is cancelled", function()
    local log = {}
    local given = support.started(support.lingering(log, "task"))
    local caller = support.started(async.any, {support.lingering(log, "function"), given, failing(0, "oops")})
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    table.sort(log)
    assert.same({"function", "task"}, log)
  end)

  it("delivers the result when the caller is cancelled in the turn in which it came", function()
    local future = async.future()
    local caller = support.started(async.any, {future})
    future:set("a", "b")
    caller:cancel()
    assert.same({"a", "b"}, {caller:await()})
  end)

  it("has looked at the errors", outside(function()
    assert.same({}, support.reported(testing.run, function()
      async.any({failing(0, "a"), after(1)})
      pcall(async.any, {failing(0, "b")})
    end))
  end))

  it("raises DeadlockError when it is given the caller itself", function()
    support.raises("DeadlockError", async.any, {async.current_task(), after(1)})
  end)

  it("refuses an empty list and what is no awaitable, before anything runs", function()
    local ran = false
    local function run() ran = true end
    support.refuses(1, "any", async.any, {})
    support.refuses(1, "any", async.any, nil)
    support.refuses(1, "any", async.any, run)
    support.refuses(1, "any", async.any, {run, "x"})
    async.sleep(0)
    assert.is_false(ran)
  end)

  it("needs a task that can wait", outside(function()
    support.needs_a_task("any", function()
      return function() return async.any({after(0)}) end
    end)
  end))

  it("is over at once if what stands first has ended, whatever else is pending", function()
    local settled, future = async.future(), async.future()
    local task = async.spawn(async.sleep, 5)
    settled:set(1)
    for _, item in ipairs{future, task} do async.any{settled, item} end
    task:close()
  end)
end)
