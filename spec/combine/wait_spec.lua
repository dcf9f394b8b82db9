-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing = support.after, support.failing

--- Tasks that take so many seconds each.
local function sleepers(...)
  local list = {...}
  for i, seconds in ipairs(list) do list[i] = async.spawn(after(seconds, i)) end
  return list
end

local function finish(...)
  for _, list in ipairs({...}) do
    for _, task in ipairs(list) do task:cancel() end
    async.wait(list)
  end
end

describe("wait", function()
  it("returns done and pending, and waits for all unless told otherwise", function()
    local tasks = sleepers(3, 1, 2)
    local done, pending
    assert.equal(3, support.seconds(function() done, pending = async.wait(tasks) end))
    assert.same({tasks, {}}, {done, pending})
    local again = async.wait(tasks, {return_when = "all"})
    assert.same(tasks, again)
  end)

  it("takes futures and tasks", function()
    local future, task = async.future(), async.spawn(after(2))
    async.spawn(function()
      async.sleep(1)
      future:set()
    end)
    local done, pending = async.wait({task, future}, {return_when = "first_completed"})
    assert.equal(1, #done)
    assert.equal(future, done[1])
    assert.equal(task, pending[1])
    task:await()
  end)

  it("returns when the first is completed, with lists in the order of the input", function()
    local tasks = sleepers(4, 1, 3, 1, 2)
    local done, pending
    local took = support.seconds(function()
      done, pending = async.wait(tasks, {return_when = "first_completed"})
    end)
    assert.equal(1, took)
    assert.equal(tasks[2], done[1])
    assert.equal(tasks[1], pending[1])
    assert.equal(tasks[3], pending[2])
    assert.equal(tasks[5], pending[#pending])
    assert.equal(5, #done + #pending)
    finish(pending)
  end)

  it("takes a failure for a completion", function()
    local tasks = {async.spawn(after(2)), async.spawn(failing(1, "oops"))}
    local done, pending = async.wait(tasks, {return_when = "first_completed"})
    assert.equal(tasks[2], done[1])
    finish(pending)
  end)

  it("returns at the first error", function()
    local tasks = {async.spawn(after(1)), async.spawn(failing(2, "oops")), async.spawn(after(3))}
    local done, pending
    assert.equal(2, support.seconds(function() done, pending = async.wait(tasks, {return_when = "first_error"}) end))
    assert.same({2, 1}, {#done, #pending})
    assert.equal(tasks[1], done[1])
    assert.equal(tasks[2], done[2])
    finish(pending)
  end)

  it("returns at once if one had failed before and it waits for the first error", function()
    local failed, waiting = support.started(failing(0, "oops")), async.spawn(after(5))
    local done, pending = async.wait({waiting, failed}, {return_when = "first_error"})
    assert.equal(failed, done[1])
    assert.equal(waiting, pending[1])
    finish(pending)
  end)

  it("waits for all when it waits for the first error and there is none", function()
    local tasks = sleepers(1, 3, 2)
    assert.equal(3, support.seconds(async.wait, tasks, {return_when = "first_error"}))
  end)

  it("takes no cancellation for an error", function()
    local cancelled, slow = async.spawn(after(9)), async.spawn(after(2))
    async.spawn(function() cancelled:cancel() end)
    local done = async.wait({cancelled, slow}, {return_when = "first_error"})
    assert.equal(2, #done)
  end)

  it("raises nothing for failed and cancelled tasks", function()
    local tasks = {async.spawn(failing(1, "oops")), async.spawn(async.sleep, math.huge)}
    async.spawn(function() tasks[2]:cancel() end)
    local done, pending = async.wait(tasks)
    assert.same({2, 0}, {#done, #pending})
    assert.equal("oops", tasks[1]:error())
  end)

  it("returns what is there when the time is up, and cancels nothing", function()
    local tasks = sleepers(1, 5)
    local done, pending
    assert.equal(2, support.seconds(function() done, pending = async.wait(tasks, {timeout = 2}) end))
    assert.equal(tasks[1], done[1])
    assert.equal(tasks[2], pending[1])
    assert.equal(2, tasks[2]:await())
    assert.is_false(tasks[2]:cancelled())
  end)

  it("returns in time if all are done before the time is up", function()
    assert.equal(1, support.seconds(async.wait, sleepers(1), {timeout = 9}))
  end)

  it("looks once with a timeout of zero or less", function()
    local done_task, slow = support.started(after(0)), async.spawn(after(5))
    for _, seconds in ipairs({0, -1}) do
      local done, pending = async.wait({slow, done_task}, {timeout = seconds})
      assert.equal(done_task, done[1])
      assert.equal(slow, pending[1])
    end
    finish({slow})
  end)

  it("takes math.huge for no timeout", function()
    assert.equal(7, support.seconds(async.wait, sleepers(7), {timeout = math.huge}))
  end)

  it("returns two empty lists for an empty one", function()
    assert.same({{}, {}}, {async.wait({})})
  end)

  it("does not suspend when there is nothing to wait for", function()
    local done, turns = support.started(after(0)), 0
    local other = async.spawn(function() turns = turns + 1 end)
    async.wait({done})
    assert.equal(0, turns)
    other:await()
  end)

  it("can be repeated until none is pending", function()
    local order, pending = {}, sleepers(3, 1, 2)
    while #pending > 0 do
      local done
      done, pending = async.wait(pending, {return_when = "first_completed"})
      for _, task in ipairs(done) do order[#order + 1] = task:result() end
    end
    assert.same({2, 3, 1}, order)
  end)

  it("leaves the tasks alone when the caller is cancelled", function()
    local tasks = sleepers(1, 2)
    local caller = support.started(async.wait, tasks)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.same({1, 2}, {tasks[1]:await(), tasks[2]:await()})
  end)

  it("leaves the tasks alone when it runs into a deadline", function()
    local tasks = sleepers(2)
    support.raises("TimeoutError", async.wait_for, function() async.wait(tasks) end, 1)
    assert.equal(1, tasks[1]:await())
  end)

  it("delivers the lists when the caller is cancelled in the turn in which the last one ended", function()
    local future = async.future()
    local caller = support.started(async.wait, {future})
    future:set()
    caller:cancel()
    assert.equal(future, caller:await()[1])
  end)

  it("raises in a cancelled scope", function()
    local future = async.future()
    future:set()
    local caller = async.spawn(function() support.is_cancelled(async.wait, {future}) end)
    caller:cancel()
    caller:await()
  end)

  it("has looked at the failures", outside(function()
    assert.same({}, support.reported(testing.run, function()
      async.wait({async.spawn(failing(0, "oops"))})
      async.wait({support.started(failing(0, "oops"))})
    end))
  end))

  it("raises DeadlockError when it is given the caller itself", function()
    support.raises("DeadlockError", async.wait, {async.current_task()})
  end)

  it("refuses functions and whatever else is neither task nor future", function()
    local ran = false
    support.refuses(1, "wait", async.wait, {function() ran = true end})
    support.refuses(1, "wait", async.wait, {5})
    support.refuses(1, "wait", async.wait)
    support.refuses(1, "wait", async.wait, async.future())
    async.sleep(0)
    assert.is_false(ran)
  end)

  it("refuses wrong options", function()
    local list = {async.future()}
    support.refuses(2, "wait", async.wait, list, 5)
    support.refuses(2, "wait", async.wait, list, {timeout = "soon"})
    support.refuses(2, "wait", async.wait, list, {timeout = 0 / 0})
    support.refuses(2, "wait", async.wait, list, {return_when = "never"})
    support.refuses(2, "wait", async.wait, list, {return_when = 1})
    support.refuses(2, "wait", async.wait, list, {time_out = 1})
  end)

  it("needs a task that can wait", outside(function()
    local future = async.future()
    support.needs_a_task("wait", function()
      return function() return async.wait({future}) end
    end)
  end))

  it("is over at once if what stands first has ended, whatever else is pending", function()
    local settled, future = async.future(), async.future()
    local task = async.spawn(async.sleep, 5)
    settled:set(1)
    for _, item in ipairs{future, task} do async.wait({settled, item}, {return_when = "first_completed"}) end
    task:close()
  end)
end)
