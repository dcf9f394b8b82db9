-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, others = support.after, support.failing, support.others

--- Two tasks that end in the same turn, the second one first: `first` and `second` say how.
local function same_turn(first, second)
  local one, two = async.event(), async.event()
  local list = {
    function()
      one:wait()
      return first()
    end,
    function()
      two:wait()
      return second()
    end,
  }
  async.spawn(function()
    async.sleep(1)
    two:set()
    one:set()
  end)
  return list
end

describe("race", function()
  it("returns all results of the first to finish", function()
    local results = table.pack(async.race({after(2, "slow"), after(1, "fast", nil, nil), after(3, "slowest")}))
    assert.same({"fast", nil, nil, n = 3}, results)
  end)

  it("takes the first in the list of futures that are set in one turn, in whatever order", function()
    support.check_one_turn(async.race)
  end)

  it("leaves a future alone that was not set in the turn of the winner", function()
    support.check_later_turn(async.race)
  end)

  it("takes as long as the first", function()
    assert.equal(1, support.seconds(async.race, {after(3), after(1), after(2)}))
  end)

  it("raises the error of the first to finish, as it is", function()
    local err = {}
    assert.equal(err, support.failure(async.race, {after(2), failing(1, err)}))
    assert.same({false, nil, n = 2}, table.pack(pcall(async.race, {after(2), failing(1, nil)})))
  end)

  it("does not let an error come in place of a result that came first", function()
    assert.equal("fast", async.race({failing(2, "oops"), after(1, "fast")}))
  end)

  it("has cancelled and joined the rest before it returns", function()
    local log = {}
    local given = support.started(support.lingering(log, "task"))
    assert.equal("fast", async.race({support.lingering(log, "function"), given, after(1, "fast")}))
    table.sort(log)
    assert.same({"function", "task"}, log)
    assert.is_true(given:cancelled())
    assert.equal(0, others())
  end)

  it("has cancelled and joined the rest before it raises", function()
    local log = {}
    assert.equal("oops", support.failure(async.race, {support.lingering(log, "a"), failing(1, "oops")}))
    assert.same({"a"}, log)
    assert.equal(0, others())
  end)

  it("keeps the winner, whatever the rest does when it is cancelled", function()
    local function returns()
      pcall(async.sleep, math.huge)
      return "late"
    end
    local function fails()
      pcall(async.sleep, math.huge)
      error "late"
    end
    assert.equal("first", async.race({returns, fails, after(1, "first")}))
  end)

  it("leaves a future alone", function()
    local future = async.future()
    async.race({future, after(1)})
    assert.is_true(future:set("later"))
    assert.equal("later", future:await())
  end)

  it("is won by a future, a task or a function", function()
    local future = async.future()
    async.spawn(function()
      async.sleep(1)
      future:set("f", 1)
    end)
    assert.same({"f", 1}, {async.race({future, after(2)})})
    assert.same({"t", 2}, {async.race({after(2), async.spawn(after(1, "t", 2))})})
  end)

  it("is won by what has finished already, without suspending", function()
    local done = support.started(after(0, "done", 1))
    local turns = 0
    local other = async.spawn(function() turns = turns + 1 end)
    assert.same({"done", 1}, {async.race({async.spawn(async.sleep, math.huge), done})})
    other:await()
    assert.equal(1, turns)
  end)

  it("goes by the order of the list within one turn", function()
    assert.equal("one", async.race(same_turn(after(0, "one"), after(0, "two"))))
    local function one() return "one", 1 end
    local function two() return "two", 2 end
    assert.same({"one", 1}, {async.race(same_turn(one, two))})
    assert.equal("one", (async.race(same_turn(one, function() error "two" end))))
    assert.equal("one", support.failure(async.race, same_turn(function() error("one", 0) end, two)))
  end)

  it("goes by the order of the list among what had finished before", function()
    local second, first = support.started(after(0, "second")), support.started(after(0, "first"))
    assert.equal("first", async.race({first, second}))
    assert.equal("second", async.race({second, first}))
  end)

  it("takes a single one", function()
    assert.same({1, 2}, {async.race({after(1, 1, 2)})})
  end)

  it("raises the CancelledError of a task as an ordinary error", function()
    local task = support.started(async.sleep, math.huge)
    local caller = support.started(function()
      local err = support.raises("CancelledError", async.race, {task, after(5)})
      async.sleep(1)
      return err.task
    end)
    task:cancel()
    assert.equal(task, caller:await())
  end)

  it("cancels and joins all when the caller is cancelled", function()
    local log = {}
    local given = support.started(support.lingering(log, "task"))
    local caller = support.started(async.race, {support.lingering(log, "function"), given})
    caller:cancel("why")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "why"}, {status, err.reason})
    table.sort(log)
    assert.same({"function", "task"}, log)
  end)

  it("delivers the result when the caller is cancelled in the turn in which it came", function()
    local future = async.future()
    local caller = support.started(function()
      local results = {async.race({future})}
      support.is_cancelled(async.sleep, 0)
      return table.unpack(results)
    end)
    future:set("a", "b")
    caller:cancel()
    assert.same({"a", "b"}, {caller:await()})
  end)

  it("starts nothing in a cancelled scope", function()
    local started = false
    local caller = async.spawn(async.race, {function() started = true end})
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.is_false(started)
  end)

  it("raises DeadlockError when it is given the caller itself", function()
    support.raises("DeadlockError", async.race, {async.current_task(), after(1)})
  end)

  it("refuses an empty list and what is no awaitable, before anything runs", function()
    local ran = false
    local function run() ran = true end
    support.refuses(1, "race", async.race, {})
    support.refuses(1, "race", async.race)
    support.refuses(1, "race", async.race, run)
    support.refuses(1, "race", async.race, {run, 1})
    support.refuses(1, "race", async.race, {run, setmetatable({}, {__call = run})})
    async.sleep(0)
    assert.is_false(ran)
  end)

  it("needs a task that can wait", outside(function()
    support.needs_a_task("race", function()
      return function() return async.race({after(0)}) end
    end)
  end))

  it("is over at once if what stands first has ended, whatever else is pending", function()
    local settled, future = async.future(), async.future()
    local task = async.spawn(async.sleep, 5)
    settled:set(1)
    for _, item in ipairs{future, task} do async.race{settled, item} end
    task:close()
  end)
end)
