-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, virtually, caught, start, hang = tasks.inside, tasks.virtually, tasks.caught, tasks.start, tasks.hang

describe("an Error object", function()
  it("is a table with the fields it was given", function()
    local cause = {}
    local err = async.error{name = "QuotaError", message = "too much", code = "EQUOTA", cause = cause, used = 7}
    assert.equal("table", type(err))
    assert.equal("QuotaError", err.name)
    assert.equal("too much", err.message)
    assert.equal("EQUOTA", err.code)
    assert.equal(cause, err.cause)
    assert.equal(7, err.used)
  end)

  it("is written as name and message", function()
    assert.equal("QuotaError: too much", tostring(async.error{name = "QuotaError", message = "too much"}))
  end)

  it("is written as it is now, not as it was made", function()
    local err = async.error{name = "QuotaError", message = "too much"}
    err.message = "far too much"
    assert.equal("QuotaError: far too much", tostring(err))
  end)

  it("knows where it arose", function()
    local function fail()
      return async.error{name = "QuotaError", message = "too much"}
    end
    local line = debug.getinfo(fail, "S").linedefined + 1
    local err = fail()
    assert.matches("error_spec%.lua:" .. line .. ":", err.traceback)
  end)

  it("has a traceback that names the place in the task, if the runtime made it", inside(function()
    local function wait()
      async.sleep(math.huge)
    end
    local line = debug.getinfo(wait, "S").linedefined + 1
    local task = start(wait)
    task:cancel()
    local err = caught(task.await, task)
    assert.matches("error_spec%.lua:" .. line .. ":", err.traceback)
  end))

  it("leaves the table it was made from alone", function()
    local fields = {name = "QuotaError"}
    local err = async.error(fields)
    assert.not_equal(fields, err)
    assert.is_nil(getmetatable(fields))
    assert.is_nil(fields.traceback)
  end)

  it("can be raised outside a run", function()
    local err = async.error{name = "QuotaError", message = "too much"}
    assert.equal(err, caught(error, err))
  end)
end)

describe("async.error", function()
  it("needs a table with a name", function()
    assert.matches("bad argument #1 to 'error' %(table expected, got no value%)", caught(async.error))
    assert.matches("bad argument #1 to 'error' %(table expected, got string%)", caught(async.error, "QuotaError"))
    assert.matches("bad argument #1 to 'error'.*name", caught(async.error, {}))
    assert.matches("bad argument #1 to 'error'.*name", caught(async.error, {name = 1}))
    assert.matches("bad argument #1 to 'error'.*message", caught(async.error, {name = "QuotaError", message = {}}))
  end)
end)

describe("async.is_error", function()
  it("tells Error objects from everything else", function()
    assert.is_true(async.is_error(async.error{name = "QuotaError"}))
    local alike = {name = "QuotaError", message = "too much", code = "EQUOTA", traceback = ""}
    for _, value in ipairs{alike, setmetatable({}, {}), "QuotaError: too much", 1, true, print} do
      assert.is_false(async.is_error(value))
    end
    assert.is_false(async.is_error(nil))
  end)

  it("asks for the name too, if one is given", function()
    local err = async.error{name = "QuotaError"}
    assert.is_true(async.is_error(err, "QuotaError"))
    assert.is_false(async.is_error(err, "TimeoutError"))
    assert.is_false(async.is_error("QuotaError", "QuotaError"))
    assert.is_true(async.is_error(err, nil))
  end)

  it("is told the name as a string", function()
    assert.matches("bad argument #2 to 'is_error' %(string expected, got number%)",
      caught(async.is_error, async.error{name = "QuotaError"}, 1))
  end)
end)

describe("a CancelledError", function()
  it("has name, code, reason and task", inside(function()
    local reason = {}
    local task = start(hang)
    task:cancel(reason)
    local err = caught(task.await, task)
    assert.is_true(async.is_error(err, "CancelledError"))
    assert.equal("ECANCELED", err.code)
    assert.equal(reason, err.reason)
    assert.equal(task, err.task)
    assert.equal("string", type(err.message))
    assert.equal("string", type(err.traceback))
  end))

  it("has no reason if none was given", inside(function()
    local task = start(hang)
    task:cancel()
    assert.is_nil(caught(task.await, task).reason)
  end))

  it("says a reason that is a string", inside(function()
    local task = start(hang)
    task:cancel("the user left")
    assert.matches("the user left", tostring(caught(task.await, task)))
  end))

  it("is one's own if the task that was cancelled is the current one", inside(function()
    local own
    local task = start(function()
      local err = caught(hang)
      own = err.task == async.current_task()
      error(err, 0)
    end)
    task:cancel()
    local err = caught(task.await, task)
    assert.is_true(own)
    assert.not_equal(async.current_task(), err.task)
  end))

  it("is one's own if it comes from a scope in the task", virtually(function()
    local err
    pcall(async.wait_for, function()
      err = caught(hang)
      error(err, 0)
    end, 1)
    assert.is_true(async.is_error(err, "CancelledError"))
    assert.equal(async.current_task(), err.task)
  end))
end)

describe("a TimeoutError", function()
  it("has name, code and seconds", virtually(function()
    local err = caught(async.wait_for, hang, 2.5)
    assert.is_true(async.is_error(err, "TimeoutError"))
    assert.equal("ETIMEDOUT", err.code)
    assert.equal(2.5, err.seconds)
    assert.matches("^TimeoutError: .*2%.5", tostring(err))
  end))
end)

describe("a GroupError", function()
  local function failing(err)
    return function() error(err, 0) end
  end

  local function group_error(...)
    local fns = {...}
    return caught(async.task_group, function(group)
      for _, fn in ipairs(fns) do group:spawn(fn) end
    end)
  end

  it("has name, code and the list of errors", inside(function()
    local first, second = {}, {}
    local err = group_error(failing(first), failing(second))
    assert.is_true(async.is_error(err, "GroupError"))
    assert.equal("EGROUP", err.code)
    assert.equal(2, #err.errors)
    assert.equal(first, err.errors[1])
    assert.equal(second, err.errors[2])
  end))

  it("nests and is not flattened", inside(function()
    local inner
    local err = group_error(function()
      inner = group_error(failing("deep"))
      error(inner, 0)
    end)
    assert.equal(1, #err.errors)
    assert.equal(inner, err.errors[1])
    assert.same({"deep"}, inner.errors)
  end))

  it("finds errors by name, in all depths", inside(function()
    local deep = async.error{name = "QuotaError"}
    local err = group_error(failing("a string"), function()
      error(group_error(failing(7), failing(deep)), 0)
    end)
    assert.equal(deep, err:find("QuotaError"))
    assert.equal(err.errors[2], err:find("GroupError"))
  end))

  it("finds the first of that name", inside(function()
    local first, second = async.error{name = "QuotaError"}, async.error{name = "QuotaError"}
    assert.equal(first, group_error(failing(first), failing(second)):find("QuotaError"))
  end))

  it("finds what stands behind a group, and what lies very deep", function()
    local leaf, last = async.error{name = "Leaf"}, async.error{name = "Last"}
    local err = leaf
    for _ = 1, 1e5 do err = async.error{name = "GroupError", traceback = "", errors = {err, "a string"}} end
    local root = async.error{name = "GroupError", errors = {err, last}}
    assert.equal(leaf, root:find("Leaf"))
    assert.equal(last, root:find("Last"))
    assert.is_nil(root:find("QuotaError"))
  end)

  it("comes to an end though a group contains itself", function()
    local err = async.error{name = "GroupError"}
    err.errors = {async.error{name = "GroupError", errors = {err}}, async.error{name = "QuotaError"}}
    assert.equal(err.errors[2], err:find("QuotaError"))
    assert.is_nil(err:find("Leaf"))
  end)

  it("finds nothing where there is nothing of that name", inside(function()
    assert.is_nil(group_error(failing("QuotaError"), failing{name = "QuotaError"}):find("QuotaError"))
  end))

  it("is asked for a name that is a string", inside(function()
    local err = group_error(failing("x"))
    assert.matches("bad argument #1 to '.*find' %(string expected, got no value%)", caught(err.find, err))
  end))

  it("tells what the first error was", inside(function()
    assert.matches("out of paper", tostring(group_error(failing("out of paper"))))
  end))
end)

describe("an error value of one's own", function()
  local values = {
    ["a table"] = {code = 7},
    ["a string"] = "just this",
    ["a number"] = 42,
    ["a float"] = 0.5,
    ["true"] = true,
    ["false"] = false,
    ["a function"] = print,
    ["an Error object"] = async.error{name = "QuotaError"},
  }

  local function fail_with(value)
    return function() error(value, 0) end
  end

  -- Asserts that fn(failing) raises `value` itself, for each of the values, and for nil.
  local function crosses(fn)
    return inside(function()
      for kind, value in pairs(values) do
        assert.is_true(rawequal(value, caught(fn, fail_with(value))), kind)
      end
      assert.is_nil(caught(fn, fail_with(nil)))
    end)
  end

  it("crosses task:await unchanged", crosses(function(fn)
    async.spawn(fn):await()
  end))

  it("crosses task:await of a task that has failed already", crosses(function(fn)
    start(fn):await()
  end))

  it("crosses task:result unchanged", crosses(function(fn)
    start(fn):result()
  end))

  it("crosses task:error unchanged", crosses(function(fn)
    error(start(fn):error(), 0)
  end))

  it("crosses gather unchanged", crosses(function(fn)
    async.gather(fn, hang)
  end))

  it("crosses race unchanged", crosses(function(fn)
    async.race{hang, fn}
  end))

  it("crosses wait_for unchanged", crosses(function(fn)
    async.wait_for(fn, 10)
  end))

  it("crosses wait_for around a task unchanged", crosses(function(fn)
    async.wait_for(async.spawn(fn), 10)
  end))

  it("crosses shield unchanged", crosses(function(fn)
    async.shield(fn)
  end))

  it("crosses a timeout scope unchanged", crosses(function(fn)
    local scope <close> = async.timeout(10)
    async.sleep(0)
    fn()
  end))

  it("crosses a future unchanged", crosses(function(fn)
    local future = async.future()
    local _, err = pcall(fn)
    future:fail(err)
    future:await()
  end))

  it("crosses async.pcall unchanged", crosses(function(fn)
    local _, err = async.pcall(fn)
    error(err, 0)
  end))

  it("crosses three tasks unchanged", crosses(function(fn)
    async.spawn(function()
      async.spawn(function()
        async.sleep(0)
        async.spawn(fn):await()
      end):await()
    end):await()
  end))

  it("lies unchanged in a GroupError", inside(function()
    for kind, value in pairs(values) do
      local err = caught(async.task_group, function(group) group:spawn(fail_with(value)) end)
      assert.is_true(rawequal(value, err.errors[1]), kind)
    end
  end))

  it("leaves run unchanged, unless it is a string", function()
    for kind, value in pairs(values) do
      if type(value) ~= "string" then
        assert.is_true(rawequal(value, caught(async.run, fail_with(value))), kind)
      end
    end
    assert.is_nil(caught(async.run, fail_with(nil)))
  end)
end)

describe("async.pcall", function()
  it("returns true and all results", function()
    assert.same(table.pack(true, 1, nil, 3, nil), table.pack(async.pcall(function(...) return ... end, 1, nil, 3, nil)))
  end)

  it("returns false and the error", function()
    local err = {}
    assert.same(table.pack(false, err), table.pack(async.pcall(error, err)))
  end)

  it("returns the results of a function that waits", inside(function()
    assert.same({true, 1, 2}, {async.pcall(function()
      async.sleep(0)
      return 1, 2
    end)})
  end))

  it("returns the error of a function that waits", inside(function()
    assert.same({false, "late"}, {async.pcall(function()
      async.sleep(0)
      error("late", 0)
    end)})
  end))

  it("lets a cancellation of the calling task pass", inside(function()
    local after = false
    local task = start(function()
      async.pcall(hang)
      after = true
    end)
    task:cancel()
    pcall(task.await, task)
    assert.is_false(after)
    assert.is_true(task:cancelled())
  end))

  it("lets the cancellation of a scope pass to that scope", virtually(function()
    local after = false
    local err = caught(async.wait_for, function()
      async.pcall(hang)
      after = true
    end, 1)
    assert.is_false(after)
    assert.is_true(async.is_error(err, "TimeoutError"))
  end))

  it("catches the cancellation of another task", inside(function()
    local other = start(hang)
    other:cancel()
    local ok, err = async.pcall(other.await, other)
    assert.is_false(ok)
    assert.is_true(async.is_error(err, "CancelledError"))
  end))

  it("catches a TimeoutError", virtually(function()
    local ok, err = async.pcall(async.wait_for, hang, 1)
    assert.is_false(ok)
    assert.is_true(async.is_error(err, "TimeoutError"))
  end))

  it("behaves like pcall where there is nothing to call", function()
    assert.matches("bad argument #1 to 'pcall'", caught(async.pcall))
    local ok, err = async.pcall(nil)
    assert.is_false(ok)
    assert.matches("attempt to call a nil value", err)
  end)
end)
