-- SPDX-License-Identifier: MIT
local async = require "saros"
local testing = require "saros.testing"
local support = require "spec.support.combine"

local outside = require("saros.busted").outside

local after, failing, others = support.after, support.failing, support.others

--- Calls `body(group)` as a block with a group of its own.
local function block(body)
  local group <close> = async.task_group()
  return body(group)
end

--- The errors of the GroupError that `fn(...)` raises.
local function errors_of(fn, ...)
  local err = support.raises("GroupError", fn, ...)
  assert.equal("EGROUP", err.code)
  return err.errors
end

--- The specs of what both forms have in common: `group_of(body)` runs body(group) in a group.
local function behaves_as_group(group_of)
  it("waits for all of its tasks when it is left", function()
    local log = {}
    local took = support.seconds(group_of, function(group)
      for i = 3, 1, -1 do
        group:spawn(function()
          async.sleep(i)
          log[#log + 1] = i
        end)
      end
      log[#log + 1] = "left"
    end)
    assert.same({"left", 1, 2, 3}, log)
    assert.equal(3, took)
    assert.equal(0, others())
  end)

  it("gives tasks that start in order with their arguments and keep their results", function()
    local log, tasks = {}, {}
    group_of(function(group)
      for i = 1, 3 do
        tasks[i] = group:spawn(function(...)
          log[#log + 1] = table.concat({i, ...}, " ")
          return i, "more"
        end, "a", "b")
        assert.equal("pending", tasks[i]:status())
      end
    end)
    assert.same({"1 a b", "2 a b", "3 a b"}, log)
    for i = 1, 3 do assert.same({i, "more"}, {tasks[i]:result()}) end
  end)

  it("waits for tasks that its tasks spawn into it", function()
    local log = {}
    group_of(function(group)
      local function nest(depth)
        async.sleep(1)
        log[#log + 1] = depth
        if depth < 3 then group:spawn(nest, depth + 1) end
      end
      group:spawn(nest, 1)
    end)
    assert.same({1, 2, 3}, log)
  end)

  it("returns what the block returns", function()
    local results = table.pack(group_of(function(group)
      group:spawn(async.sleep, 1)
      return 1, nil, 3, nil
    end))
    assert.same({1, nil, 3, nil, n = 4}, results)
    assert.equal(0, others())
  end)

  it("cancels and joins the others and the block when one fails", function()
    local log, err = {}, {}
    local errors = errors_of(group_of, function(group)
      group:spawn(support.lingering(log, "task"))
      group:spawn(failing(1, err))
      support.lingering(log, "block")()
    end)
    table.sort(log)
    assert.same({"block", "task"}, log)
    assert.equal(1, #errors)
    assert.equal(err, errors[1])
    assert.equal(0, others())
  end)

  it("cancels and joins the others when one fails while it is being left", function()
    local log = {}
    local errors = errors_of(group_of, function(group)
      group:spawn(failing(1, "oops"))
      group:spawn(support.lingering(log, "task"))
    end)
    assert.same({"oops"}, errors)
    assert.same({"task"}, log)
  end)

  it("cancels and joins its tasks when the block fails", function()
    local log, err = {}, {}
    local errors = errors_of(group_of, function(group)
      group:spawn(support.lingering(log, "a"))
      group:spawn(support.lingering(log, "b"))
      async.sleep(1)
      error(err)
    end)
    assert.same({"a", "b"}, log)
    assert.equal(1, #errors)
    assert.equal(err, errors[1])
    assert.equal(0, others())
  end)

  it("says whether it was a task of it that failed, or the block", function()
    local by_block = support.raises("GroupError", group_of, function() error("mine", 0) end)
    assert.equal("the block of the group failed: mine", by_block.message)
    local by_task = support.raises("GroupError", group_of, function(group) group:spawn(failing(0, "its own")) end)
    assert.equal("a task of the group failed: its own", by_task.message)
    local passed_on = support.raises("GroupError", group_of, function(group)
      async.shield(group:spawn(failing(0, "its own")))
    end)
    assert.equal("a task of the group failed: its own", passed_on.message)
  end)

  it("raises a GroupError for the block alone, too", function()
    assert.same({"oops"}, errors_of(group_of, function() error("oops", 0) end))
    assert.same({false}, errors_of(group_of, function() error(false) end))
  end)

  it("takes nil for an error of a task like any other, and counts it", function()
    local log = {}
    local err = support.raises("GroupError", group_of, function(group)
      group:spawn(error, nil)
      support.lingering(log, "block")()
    end)
    assert.same({"block"}, log)
    assert.not_matches("0 tasks", err.message, 1, true)
  end)

  it("collects every error, those of the cleanup too", function()
    local function fails_in_cleanup(name)
      return function()
        local _ <close> = setmetatable({}, {__close = function() error(name, 0) end})
        async.sleep(math.huge)
      end
    end
    local errors = errors_of(group_of, function(group)
      group:spawn(fails_in_cleanup "task")
      group:spawn(failing(1, "first"))
      fails_in_cleanup "block" ()
    end)
    assert.equal("first", errors[1])
    table.sort(errors)
    assert.same({"block", "first", "task"}, errors)
  end)

  it("collects the errors of tasks that fail in one turn", function()
    local errors = errors_of(group_of, function(group)
      group:spawn(failing(1, "a"))
      group:spawn(failing(1, "b"))
    end)
    assert.same({"a", "b"}, errors)
  end)

  it("has an error once, though the block awaited the task that failed", function()
    local err = {}
    local errors = errors_of(group_of, function(group)
      group:spawn(failing(1, err)):await()
    end)
    assert.equal(1, #errors)
    assert.equal(err, errors[1])
  end)

  it("has an error once, though another task awaited the one that failed", function()
    local err = {}
    local errors = errors_of(group_of, function(group)
      local task = group:spawn(failing(1, err))
      group:spawn(function() task:await() end)
    end)
    assert.equal(1, #errors)
  end)

  it("does not fail when the block catches the error of a task and waits no more", function()
    local status
    local errors = errors_of(group_of, function(group)
      local task = group:spawn(failing(1, "oops"))
      status = pcall(task.await, task)
    end)
    assert.is_false(status)
    assert.same({"oops"}, errors)
  end)

  it("is not failed by a task that is cancelled alone", function()
    local cancelled
    group_of(function(group)
      cancelled = group:spawn(async.sleep, math.huge)
      group:spawn(after(1))
      async.sleep(0)
      cancelled:cancel()
      async.sleep(1)
    end)
    assert.is_true(cancelled:cancelled())
  end)

  it("is failed by the CancelledError of a task from elsewhere", function()
    local elsewhere = async.spawn(async.sleep, math.huge)
    async.spawn(function() elsewhere:cancel() end)
    local errors = errors_of(group_of, function(group)
      group:spawn(function() elsewhere:await() end)
    end)
    assert.equal(1, #errors)
    assert.equal(elsewhere, errors[1].task)
  end)

  it("waits for what on_done of its last task spawns into it", function()
    local log = {}
    local took = support.seconds(group_of, function(group)
      local function again(depth)
        group:spawn(after(1)):on_done(function()
          log[#log + 1] = depth
          if depth < 3 then again(depth + 1) end
        end)
      end
      again(1)
    end)
    assert.same({1, 2, 3}, log)
    assert.equal(3, took)
  end)

  it("fails by what on_done of its last task spawns into it", function()
    local errors = errors_of(group_of, function(group)
      group:spawn(after(1)):on_done(function() group:spawn(failing(1, "late")) end)
    end)
    assert.same({"late"}, errors)
  end)

  it("can show an error that cannot be shown", function()
    local shy = setmetatable({}, {__tostring = function() error "no" end})
    local err = support.raises("GroupError", group_of, function(group) group:spawn(failing(0, shy)) end)
    assert.equal(shy, err.errors[1])
    assert.matches("__tostring", tostring(err), 1, true)
  end)

  it("nests GroupErrors without flattening them; find looks into all depths", function()
    local deep = async.error({name = "DeepError"})
    local outer = support.raises("GroupError", group_of, function(group)
      group:spawn(function()
        group_of(function(inner)
          inner:spawn(failing(0, "shallow"))
          inner:spawn(failing(0, deep))
        end)
      end)
    end)
    assert.equal(1, #outer.errors)
    assert.is_true(async.is_error(outer.errors[1], "GroupError"))
    assert.same({"shallow", deep}, outer.errors[1].errors)
    assert.equal(deep, outer:find("DeepError"))
    assert.equal(outer.errors[1], outer:find("GroupError"))
  end)

  it("lets an outer cancellation pass bare, with everything joined", function()
    local log = {}
    local caller = support.started(group_of, function(group)
      group:spawn(support.lingering(log, "task"))
      support.lingering(log, "block")()
    end)
    caller:cancel("outer")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "outer"}, {status, err.reason})
    table.sort(log)
    assert.same({"block", "task"}, log)
  end)

  it("lets an outer cancellation pass bare that comes while it is being left", function()
    local log = {}
    local caller = support.started(group_of, function(group)
      group:spawn(support.lingering(log, "task"))
    end)
    caller:cancel("outer")
    local status, err = support.outcome(caller)
    assert.same({"cancelled", "outer"}, {status, err.reason})
    assert.same({"task"}, log)
  end)

  it("raises a GroupError if something fails during an outer cancellation, which is not lost", function()
    local errors, caller
    caller = support.started(function()
      errors = errors_of(group_of, function(group)
        group:spawn(function()
          pcall(async.sleep, math.huge)
          error("oops", 0)
        end)
        async.sleep(math.huge)
      end)
      support.is_cancelled(async.sleep, 0)
    end)
    caller:cancel()
    caller:await()
    assert.same({"oops"}, errors)
  end)

  it("ends by a deadline around it with a bare TimeoutError, with everything joined", function()
    local log = {}
    support.raises("TimeoutError", async.wait_for, function()
      group_of(function(group)
        group:spawn(support.lingering(log, "task"))
        support.lingering(log, "block")()
      end)
    end, 1)
    assert.equal(2, #log)
    assert.equal(0, others())
  end)

  it("does not forget the outer cancellation in nested groups", function()
    local reached = false
    local caller = support.started(group_of, function(outer)
      outer:spawn(async.sleep, math.huge)
      pcall(group_of, function(inner)
        inner:spawn(failing(5, "inner"))
        async.shield(after(9))
      end)
      async.sleep(0)
      reached = true
    end)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.is_false(reached)
  end)

  it("is left by an await, even when it is empty", function()
    local entered = false
    local caller = async.spawn(group_of, function() entered = true end)
    caller:cancel()
    assert.equal("cancelled", (support.outcome(caller)))
    assert.is_true(entered)
  end)

  it("delivers what its block has and raises at the next await if all ended in the turn", function()
    local future = async.future()
    local caller = support.started(function()
      local result = group_of(function(group)
        group:spawn(function() future:await() end)
        return "result"
      end)
      support.is_cancelled(async.sleep, 0)
      return result
    end)
    future:set()
    async.spawn(function() caller:cancel() end)
    assert.equal("result", caller:await())
  end)

  it("runs a task of a cancelled group to its first await", function()
    local log, task = {}, nil
    pcall(group_of, function(group)
      group:cancel()
      task = group:spawn(function()
        log[#log + 1] = "started"
        async.sleep(0)
        log[#log + 1] = "went on"
      end)
    end)
    assert.same({"started"}, log)
    assert.equal("cancelled", task:status())
  end)

  it("gives a task that starts cancelled also to a task of a failed group", function()
    local late
    errors_of(group_of, function(group)
      group:spawn(function()
        pcall(async.sleep, math.huge)
        late = group:spawn(async.sleep, math.huge)
      end)
      group:spawn(failing(1, "oops"))
    end)
    assert.is_true(late:cancelled())
  end)

  it("cannot lose its cancellation in a pcall of a task or of the block", function()
    local counts = {task = 0, block = 0}
    local function stubborn(name)
      for _ = 1, 3 do
        if not pcall(async.sleep, 5) then counts[name] = counts[name] + 1 end
      end
    end
    errors_of(group_of, function(group)
      group:spawn(stubborn, "task")
      group:spawn(failing(1, "oops"))
      stubborn "block"
    end)
    assert.same({task = 3, block = 3}, counts)
  end)

  it("leaves the caller as it was after a failure", function()
    pcall(group_of, function(group)
      group:spawn(failing(1, "oops"))
      async.sleep(math.huge)
    end)
    assert.equal(5, support.seconds(async.sleep, 5))
  end)

  it("holds the permits of its tasks no longer than they run", function()
    local semaphore = async.semaphore(2)
    pcall(group_of, function(group)
      for _ = 1, 5 do
        group:spawn(function()
          local permit <close> = semaphore:acquire()
          async.sleep(math.huge)
        end)
      end
      group:spawn(failing(1, "oops"))
    end)
    assert.equal(2, semaphore:available())
  end)

  it("takes no error for Ctrl-C but an InterruptError", function()
    local own = async.error{name = "SystemError", message = "interrupted system call", code = "EINTR"}
    for _, run in ipairs{block, async.task_group} do
      local done = false
      local err = support.raises("GroupError", run, function(group)
        group:spawn(function()
          local _ <close> = setmetatable({}, {__close = function() done = async.current_task():status() end})
          async.sleep(100)
        end)
        async.sleep(0)
        error(own, 0)
      end)
      assert.same({own}, err.errors)
      assert.equal("pending", done)
    end
    local status, err = support.outcome(async.spawn(function()
      local _ <close> = async.timeout(1)
      block(function()
        support.is_cancelled(async.sleep, 9)
        error(own, 0)
      end)
    end))
    assert.same({"failed", "GroupError"}, {status, err.name})
  end)

  it("reports none of the failures that it raises", outside(function()
    assert.same({}, support.reported(testing.run, function()
      pcall(group_of, function(group)
        group:spawn(failing(0, "a"))
        group:spawn(failing(0, "b"))
      end)
    end))
  end))

  it("cannot be spawned into any more when it has been left", function()
    local group
    group_of(function(it) group = it end)
    support.raises("ClosedError", group.spawn, group, print)
    assert.is_false(group:cancel())
  end)

  it("refuses to spawn what is no function", function()
    group_of(function(group)
      support.refuses(1, "spawn", group.spawn, group, 5)
      support.refuses(1, "spawn", group.spawn, group)
      support.refuses(1, "spawn", group.spawn, group, setmetatable({}, {__call = print}))
    end)
  end)
end

describe("task_group", function()
  describe("as a block", function()
    behaves_as_group(block)

    it("waits when the block is left by break or return, too", function()
      local log = {}
      local function add(name)
        async.sleep(1)
        log[#log + 1] = name
      end
      for i = 1, 2 do
        local group <close> = async.task_group()
        if i == 1 then group:spawn(add, "break") end
        if #log == 0 then break end
      end
      local function returns()
        local group <close> = async.task_group()
        group:spawn(add, "return")
        return #log
      end
      assert.equal(1, returns())
      assert.same({"break", "return"}, log)
    end)

    it("is no failure when it is cancelled while the block does not wait", function()
      local task
      do
        local group <close> = async.task_group()
        task = group:spawn(async.sleep, math.huge)
        assert.is_true(group:cancel())
        assert.is_false(group:cancel())
      end
      assert.is_true(task:cancelled())
      assert.equal(1, support.seconds(async.sleep, 1))
    end)

    it("is no failure when a task cancels it while it is being left", function()
      local task
      do
        local group <close> = async.task_group()
        task = group:spawn(async.sleep, math.huge)
        group:spawn(function() group:cancel() end)
      end
      assert.is_true(task:cancelled())
    end)

    it("lets the CancelledError leave the block as an ordinary error when it interrupts it", function()
      local log = {}
      local err = support.raises("CancelledError", block, function(group)
        group:spawn(support.lingering(log, "task"))
        group:spawn(function() group:cancel("enough") end)
        async.sleep(math.huge)
      end)
      assert.equal(async.current_task(), err.task)
      assert.same({"task"}, log)
      assert.equal(1, support.seconds(async.sleep, 1))
    end)

    it("that is cancelled inside another group makes that fail if nobody catches it", function()
      local errors = errors_of(block, function()
        block(function(inner)
          inner:spawn(function() inner:cancel() end)
          async.sleep(math.huge)
        end)
      end)
      assert.equal(1, #errors)
      assert.is_true(async.is_error(errors[1], "CancelledError"))
    end)

    it("can be closed by hand, again and again", function()
      local done = false
      local group <close> = async.task_group()
      group:spawn(function()
        async.sleep(1)
        done = true
      end)
      group:close()
      assert.is_true(done)
      group:close()
    end)

    it("that is forgotten is an error with its place, and its tasks are cancelled", function()
      local child
      local line = debug.getinfo(1, "l").currentline + 2
      local status, err = support.outcome(async.spawn(function()
        local group = async.task_group()
        child = group:spawn(async.sleep, math.huge)
      end))
      assert.equal("failed", status)
      assert.matches("task_group_spec.lua:" .. line, tostring(err), 1, true)
      support.outcome(child)
      assert.is_true(child:cancelled())
    end)

    it("that is forgotten is found when the enclosing scope is left", function()
      local line = debug.getinfo(1, "l").currentline + 1
      local err = support.failure(async.task_group, function() async.task_group() end)
      assert.matches("task_group_spec.lua:" .. line, tostring(err), 1, true)
    end)
  end)

  describe("that was never left", function()
    --- Fails a group in a task that never leaves it. Nothing else is opened, so its place is free again.
    local function forget_group(...)
      local errors = {...}
      local task = async.spawn(function()
        local group = async.task_group()
        for _, err in ipairs(errors) do group:spawn(error, err, 0) end
        pcall(async.sleep, 0)
        pcall(async.sleep, 0)
      end)
      assert.same(errors, support.reported(async.sleep, 1))
      assert.equal("failed", task:status())
      assert.matches("never closed", task:error(), 1, true)
    end

    --- Fails groups inside each other, each with one error of its own.
    local function fail_groups(depth)
      local errors = errors_of(block, function(group)
        group:spawn(error, depth, 0)
        pcall(async.sleep, 1)
        if depth > 1 then fail_groups(depth - 1) end
      end)
      assert.same({depth}, errors)
    end

    it("because it was forgotten leaves its errors to none that come later", function()
      forget_group("old 1", "old 2", "old 3")
      fail_groups(5)
    end)

    it("because its task was closed by force leaves its errors to none that come later", outside(function()
      local reports = support.reported(async.run, function()
        async.spawn(function()
          local group <close> = async.task_group()
          for i = 1, 3 do group:spawn(error, "old " .. i, 0) end
          while true do pcall(async.sleep, math.huge) end
        end)
        for _ = 1, 5 do async.sleep(0) end
      end)
      assert.same({"old 1", "old 2", "old 3"}, {table.unpack(reports, 1, 3)})
      assert.equal(4, #reports)
      assert.matches("closed by force", reports[4])
      testing.run(function() fail_groups(5) end)
    end))

    it("does not keep later ones from raising an error that it had, too", function()
      local err = {}
      forget_group("old", err)
      assert.same({err}, errors_of(block, function(group) group:spawn(error, err) end))
    end)
  end)

  describe("as a function", function()
    behaves_as_group(async.task_group)

    it("calls the function with the group alone, in the calling task", function()
      async.task_group(function(...)
        assert.equal(1, select("#", ...))
        assert.is_function((...).spawn)
      end)
      assert.equal(async.current_task(), async.task_group(async.current_task))
    end)

    it("fails when the function raises nil", function()
      support.raises("GroupError", async.task_group, function() error(nil) end)
    end)

    it("ends without an error when it is cancelled", function()
      local log = {}
      local results = table.pack(async.task_group(function(group)
        group:spawn(support.lingering(log, "task"))
        group:spawn(function() group:cancel() end)
        support.lingering(log, "block")()
        return "never"
      end))
      assert.same({n = 0}, results)
      table.sort(log)
      assert.same({"block", "task"}, log)
      assert.equal(1, support.seconds(async.sleep, 1))
    end)

    it("ends without an error when it is cancelled and the function raises its CancelledError", function()
      async.task_group(function(group)
        group:cancel()
        async.sleep(0)
        error "not reached"
      end)
    end)

    it("returns what the function returns, cancelled or not", function()
      local function body(group)
        group:spawn(async.sleep, math.huge)
        group:cancel()
        return "result", 2
      end
      assert.same({"result", 2}, {async.task_group(body)})
    end)

    it("raises a GroupError when something fails in the course of its cancellation", function()
      local errors = errors_of(async.task_group, function(group)
        group:spawn(function()
          pcall(async.sleep, math.huge)
          error("oops", 0)
        end)
        async.sleep(0)
        group:cancel()
      end)
      assert.same({"oops"}, errors)
    end)

    it("that is cancelled leaves the group around it alone", function()
      local log = {}
      async.task_group(function(outer)
        outer:spawn(function()
          async.sleep(5)
          log[#log + 1] = "outer"
        end)
        async.task_group(function(inner)
          inner:spawn(support.lingering(log, "inner"))
          async.sleep(0)
          inner:cancel()
        end)
        async.sleep(1)
        log[#log + 1] = "block"
      end)
      assert.same({"inner", "block", "outer"}, log)
    end)

    it("that is cancelled together with what is around it lets that cancellation pass", function()
      local caller = support.started(async.task_group, function(group)
        group:cancel()
        async.sleep(math.huge)
      end)
      support.outcome(caller)
      local reached = false
      caller = async.spawn(function()
        async.task_group(function(group)
          async.current_task():cancel("outer")
          group:cancel()
          async.sleep(0)
        end)
        reached = true
      end)
      local status, err = support.outcome(caller)
      assert.same({"cancelled", "outer", false}, {status, err.reason, reached})
    end)
  end)

  it("refuses what is no function", function()
    support.refuses(1, "task_group", async.task_group, 5)
    support.refuses(1, "task_group", async.task_group, "function")
  end)

  it("needs a task", outside(function()
    support.complains("task_group", async.task_group)
    support.needs_a_task("task_group", function()
      return function() return async.task_group(print) end
    end)
  end))
end)
