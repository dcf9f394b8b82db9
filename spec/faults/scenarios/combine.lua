-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: combinators and scopes.
local async = require "saros"
local testing = require "saros.testing"
local check = require "spec.faults.check"
require "saros.defer"
require "saros.generator"
require "saros.move_on_after"
require "saros.task_local"
local bodies = require "spec.support.bodies"
local after, failing, counter = bodies.after, bodies.failing, bodies.counter

local scenarios = {}

local function scenario(name, fn)
  scenarios[name] = check.test(fn)
end

scenario("gather", function()
  local a, b, c = async.gather(after(3, "a", 1), after(1), after(2, "c"))
  assert(a == "a" and b == nil and c == "c")
  local task, future = async.spawn(after(1, 5)), async.future()
  async.spawn(function() future:set(7, 8) end)
  local results = async.gather {task, future, after(2, 9)}
  assert(results.n == 3 and results[1] == 5 and results[2] == 7 and results[3] == 9)
end)

scenario("gather_fails", function()
  local mine = {}
  local task = async.spawn(after(9))
  check.raises(mine, async.gather, {after(3), failing(1, mine), task, failing(1, "other")})
  check.fails(task, "CancelledError")
  local results, errors = async.gather({after(2, 1), failing(1, mine), failing(1, "oops")}, {return_errors = true})
  if not rawequal(errors[2], mine) then check.is(errors[2], mine) end
  check.is(errors[3], "oops")
  assert(results[1] == 1 and results.n == 3)
end)

-- Everything in it is cancelled, the caller as well.
scenario("gather_cancelled", function()
  local task = async.spawn(function()
    local inner = async.spawn(after(8))
    async.gather {inner, after(9), function() async.gather(after(5), after(6)) end}
  end)
  testing.settle()
  task:cancel()
  check.fails(task, "CancelledError")
end)

scenario("map", function()
  local told = 0
  local results = async.map({5, 3, 4, 1, 2}, function(item, i)
    async.sleep(item)
    return item * i
  end, {limit = 2, on_progress = function(finished, total) told = told + finished + total end})
  assert(results.n == 5 and results[5] == 10 and told == 40)
end)

-- Most of it runs in records that have been used before; some becomes tasks before its turn.
scenario("later", function()
  local function double(i)
    if i == 3 then async.spawn(after(0)) end
    if i == 4 then async.sleep(0) end
    return i * 2
  end
  local results = async.map({1, 2, 3, 4, 5, 6, 7, 8}, double, {limit = 4})
  assert(results.n == 8 and results[3] == 6 and results[8] == 16)
  local seen = 0
  async.gather(
    function() seen = #async.all_tasks() end,
    function() seen = seen + #async.tree() end,
    after(0, 1), function() return async.current_task() end)
  assert(seen > 5)
  assert(async.race {function() return 1, 2 end, function() end, after(1)} == 1)
end)

scenario("map_fails", function()
  check.raises("oops", async.map, {1, 2, 3, 4}, function(item)
    async.sleep(item)
    if item == 2 then error("oops", 0) end
  end, {limit = 3})
  local results, errors = async.map({1, 2, 3}, function(item)
    async.sleep(item)
    if item == 2 then error("oops", 0) end
    return item
  end, {limit = 2, return_errors = true, on_progress = function() end})
  for i = 1, 3 do
    if i == 2 or errors[i] then check.is(errors[i], "oops") end
  end
  assert(results[1] == 1 and results[3] == 3)
end)

scenario("map_over", function()
  local results = async.map(3, function(item)
    async.sleep(item)
    return item
  end, {limit = 2})
  assert(results.n == 3 and results[3] == 3)
  results = async.map(counter(4, 0.25), function(item)
    async.sleep(1)
    return item * 2
  end, {limit = 2, on_progress = function(_, total) assert(total == nil) end})
  assert(results.n == 4 and results[4] == 8)
end)

scenario("map_over_fails", function()
  local queue = async.queue()
  queue:put(1)
  check.raises("oops", async.map, queue, failing(1, "oops"))
  check.raises("oops", async.map, failing(1, "oops"), after(1))
  local next_item = counter(1, 0)
  check.raises("oops", async.map, function() return next_item() or error("oops", 0) end, after(5))
end)

scenario("catch", function()
  local timed_out, err = async.catch({"Other", "TimeoutError"}, async.wait_for, after(3), 1)
  assert(timed_out == false)
  check.is(err, "timed out")
  check.raises("oops", async.catch, "TimeoutError", failing(1, "oops"))
end)

scenario("groups_of_errors", function()
  local err = check.raises("GroupError", async.task_group, function(group)
    group:spawn(failing(1, async.error {name = "Mine"}))
    group:spawn(failing(1, "oops"))
  end)
  for _, inner in ipairs(err.errors) do
    if tostring(inner):find "memory" then error(inner, 0) end
  end
  assert(#err:find_all "Mine" == 1)
  local mine, rest = err:split "Mine"
  assert(#mine.errors == 1 and #rest.errors == 1)
end)

scenario("defer", function(has_fault)
  local done = 0
  local task = async.spawn(function()
    local _ <close> = async.defer(function()
      async.sleep(1)
      done = done + 1
    end)
    async.sleep(9)
  end)
  async.sleep(1)
  task:cancel()
  check.fails(task, "CancelledError")
  assert(done == 1 or has_fault)
end)

scenario("move_on_after", function()
  assert(not async.move_on_after(1, after(2)))
  local in_time, value = async.move_on_after(3, after(2, "value"))
  assert(in_time and value == "value")
  check.raises("oops", async.move_on_after, 3, failing(1, "oops"))
end)

scenario("task_local", function()
  local value = async.task_local("default")
  value:set(1)
  local seen = {}
  local task = async.spawn(function()
    seen[1] = value:get()
    value:set(2)
  end)
  value:with(3, task.on_done, task, function() seen[2] = value:get() end)
  check.is(task:await(), nil)
  async.sleep(1)
  assert(seen[1] == 1 and (seen[2] == 3 or seen[2] == nil) and value:get() == 1)
end)

scenario("task_local_with", function()
  local value, other = async.task_local(), async.task_local()
  other:set("other")
  local ok, err = pcall(value.with, value, 1, function() return value:get() end)
  assert(value:get() == nil and other:get() == "other")
  if not ok then error(err, 0) end
  value:with(2, other.set, other, "changed")
  assert(value:get() == nil and other:get() == "changed")
end)

scenario("race", function()
  local a, b = async.race {after(3, "slow"), after(1, "first", 2), after(2)}
  assert(a == "first" and b == 2)
  local task = async.spawn(after(9))
  check.raises("oops", async.race, {task, failing(1, "oops"), after(5)})
  check.fails(task, "CancelledError")
end)

scenario("any", function(has_fault)
  local first = async.any {failing(1, "oops"), after(2, "second"), after(3, "third")}
  assert(first == "second" or has_fault and first == "third")
  local err = check.raises("GroupError", async.any, {failing(1, "x"), failing(2, {}), failing(3, "z")})
  for _, inner in ipairs(err.errors) do
    if tostring(inner):find "memory" then error(inner, 0) end
  end
  assert(#err.errors == 3)
end)

scenario("wait", function()
  local fast, slow = async.spawn(after(1)), async.spawn(failing(5, "oops"))
  local done, pending = async.wait({fast, slow}, {timeout = 2})
  if slow:done() then check.fails(slow, "oops") end
  assert(done[1] == fast and pending[1] == slow)
  done = async.wait({slow}, {return_when = "first_error"})
  assert(done[1] == slow)
  check.is(slow:error(), "oops")
  local future = async.future()
  async.spawn(future.fail, future, "broken")
  local rest <close> = async.spawn(after(3))
  async.wait({future, rest}, {return_when = "first_completed"})
  assert(future:done())
end)

scenario("as_completed", function()
  local order = {}
  for i, task in async.as_completed {after(3), async.spawn(after(1)), failing(2, "oops")} do
    order[#order + 1] = i
    if i == 3 then check.is(task:error(), "oops") else task:await() end
  end
  assert(table.concat(order) == "231")
  for i in async.as_completed {after(1), after(50)} do
    if i == 1 then break end
  end
end)

scenario("wait_for", function()
  assert(async.wait_for(after(1, "a"), 2) == "a")
  check.raises("TimeoutError", async.wait_for, after(5), 1)
  check.raises("TimeoutError", async.wait_for, async.spawn(after(5)), 1)
  check.raises("TimeoutError", async.wait_for, async.future(), 1)
  check.raises("oops", async.wait_for, failing(1, "oops"), 2)
end)

scenario("timeout", function()
  check.raises("TimeoutError", function()
    local scope <close> = async.timeout(2)
    local inner <close> = async.timeout(5)
    inner:reschedule(1)
    check.raises("TimeoutError", async.sleep, 9)
  end)
  local scope <close> = async.timeout(3)
  pcall(async.sleep, 1)
  scope:close()
  check.raises("never closed", function()
    async.spawn(function() async.timeout(1) end):await()
  end)
end)

scenario("shield", function()
  local finished
  local task = async.spawn(function()
    async.shield(function()
      async.sleep(3)
      finished = true
    end)
    async.sleep(1)
  end)
  async.sleep(1)
  task:cancel()
  check.fails(task, "CancelledError")
  assert(finished)
  local limited = async.spawn(async.shield, after(9), 2)
  async.sleep(1)
  limited:cancel()
  check.fails(limited, "CancelledError")
end)

scenario("group_with_limit", function()
  local ended = 0
  async.task_group({limit = 2}, function(group)
    for _ = 1, 5 do
      group:spawn(function()
        async.sleep(1)
        ended = ended + 1
      end)
    end
  end)
  assert(ended == 5)
  local err = check.raises("", async.task_group, {limit = 1, cancel_on_error = false}, function(group)
    for _ = 1, 3 do group:spawn(failing(1, "oops")) end
  end)
  if async.is_error(err, "GroupError") then
    for i = 1, #err.errors do check.is(err.errors[i], "oops") end
    assert(#err.errors == 3)
  else
    check.is(err, "GroupError")
  end
end)

scenario("group_start", function()
  async.task_group(function(group)
    local a, b, c = group:start(function(started, ...)
      async.sleep(1)
      started(...)
      async.sleep(1)
    end, 1, nil, 3)
    assert(a == 1 and b == nil and c == 3)
    check.raises("oops", group.start, group, failing(1, "oops"))
    local task = async.spawn(group.start, group, after(9))
    testing.settle()
    task:cancel()
    check.fails(task, "CancelledError")
  end)
end)

scenario("group", function()
  local sum = 0
  do
    local group <close> = async.task_group()
    for i = 1, 4 do
      group:spawn(function()
        async.sleep(i)
        sum = sum + i
      end)
    end
  end
  assert(sum == 10)
  assert(async.task_group(function(group)
    group:spawn(async.sleep, 1)
    return "result"
  end) == "result")
end)

scenario("group_fails", function()
  local mine = {}
  local err = check.raises("GroupError", function()
    local group <close> = async.task_group()
    group:spawn(failing(1, mine))
    group:spawn(after(9))
    group:spawn(function()
      local _ <close> = check.closing(function() error("cleanup", 0) end)
      async.sleep(9)
    end)
    async.sleep(5)
  end)
  for _, inner in ipairs(err.errors) do
    if not rawequal(inner, mine) then check.is(inner, "cleanup") end
  end
  assert(#err.errors == 2)
  check.raises("GroupError", async.task_group, function(group)
    group:spawn(after(2))
    async.task_group(function(inner)
      inner:spawn(failing(1, "oops"))
      async.sleep(5)
    end)
  end)
end)

scenario("group_cancelled", function()
  local task = async.spawn(function()
    local group <close> = async.task_group()
    for i = 1, 3 do group:spawn(after(i * 10)) end
  end)
  async.sleep(1)
  task:cancel()
  check.fails(task, "CancelledError")
  async.task_group(function(group)
    group:spawn(after(9))
    group:cancel()
    group:spawn(after(9))
  end)
end)

-- The group is forgotten: its tasks go down with the run.
scenario("group_forgotten", function()
  local task = async.spawn(function()
    local group = async.task_group()
    group:spawn(after(5))
  end)
  check.fails(task, "never closed")
  testing.settle()
end)

-- What was forgotten is joined before the error of that is raised, or another one goes on.
scenario("forgotten", function()
  local function forget(fn)
    return function()
      local group, left = async.task_group(), 2
      local function body()
        local _ <close> = setmetatable({}, {__close = function()
          async.shield(function() async.sleep(1) end)
          left = left - 1
        end})
        async.sleep(9)
      end
      group:spawn(body)
      async.timeout(20)
      async.task_group():spawn(body)
      testing.settle()
      fn()
    end
  end
  local function fail() error("oops", 0) end
  check.raises("never closed", async.wait_for, forget(function() end), 9)
  check.raises("oops", async.shield, forget(fail))
  check.raises("never closed", function()
    local _ <close> = async.timeout(9)
    forget(function() end)()
  end)
  check.raises("oops", async.task_group, forget(fail))
  check.fails(async.spawn(forget(function() end)), "never closed")
  local fired = async.spawn(function()
    async.timeout(1)
    async.sleep(5)
  end)
  check.fails(fired, "CancelledError")
end)

-- The outermost cancellation counts.
scenario("outermost", function()
  local function slow()
    local _ <close> = setmetatable({}, {__close = function()
      async.shield(function() async.sleep(2) end)
    end})
    async.sleep(9)
  end
  for _, inner in ipairs {
    function() async.wait_for(slow, 1) end,
    function()
      local _ <close> = async.timeout(1)
      slow()
    end,
    function()
      async.task_group(function(group)
        group:spawn(slow)
        async.sleep(1)
        group:cancel()
      end)
    end,
  } do
    check.raises("TimeoutError: timed out after 2", function()
      local _ <close> = async.timeout(2)
      inner()
    end)
  end
end)

scenario("generator", function()
  local sum = 0
  for v in async.generator(function(yield)
    for i = 1, 3 do
      async.sleep(1)
      yield(i)
    end
  end) do
    sum = sum + v
  end
  assert(sum == 6)
  for v in async.generator(function(yield)
    while true do yield(1) end
  end) do
    if v == 1 then break end
  end
  check.raises("oops", function()
    for _ in async.generator(function(yield)
      yield(1)
      error("oops", 0)
    end) do
      async.sleep(1)
    end
  end)
end)

scenario("coroutine", function()
  local co = async.coroutine
  local sum = 0
  for v in co.wrap(function()
    for i = 1, 3 do
      async.sleep(1)
      co.yield(co.wrap(after(1, i))())
    end
  end) do
    sum = sum + v
  end
  assert(sum == 6)
  check.raises("oops", co.wrap(failing(1, "oops")))
  local thread = co.create(function()
    local _ <close> = check.closing(function() async.sleep(1) end)
    co.yield(1)
  end)
  local ok, err = co.resume(thread)
  check.is(ok and "ok" or err, "ok")
  ok, err = co.close(thread)
  check.is(ok and "ok" or err, "ok")
end)

-- The task inside is cancelled, and its chain unwinds.
scenario("coroutine_cancelled", function()
  local co = async.coroutine
  local task = async.spawn(co.wrap(function() co.wrap(after(9))() end))
  testing.settle()
  async.tree()
  async.tree_svg()
  task:traceback()
  task:cancel()
  check.fails(task, "CancelledError")
end)

-- Whatever fails is caught, and the task goes on. Nothing that was started may be left then.
scenario("caught", function()
  check.attempt(async.gather, after(1, "a"), after(2), after(3))
  check.attempt(function()
    local task <close> = async.spawn(after(2, 3, 4))
    local future = async.future()
    async.gather {after(1), task, function() future:set(5, 6) end}
  end)
  check.attempt(async.map, {3, 2, 1}, async.sleep, {limit = 2})
  check.attempt(async.race, {after(2, "slow"), after(1, "fast", "two"), after(3)})
  check.attempt(async.any, {failing(1, "oops"), after(2, "second")})
  check.attempt(async.wait_for, after(1), 5)
  check.attempt(async.shield, after(1), 5)
  check.attempt(function()
    local scope <close> = async.timeout(5)
    async.sleep(1)
  end)
  check.attempt(function()
    local group <close> = async.task_group()
    for i = 1, 3 do group:spawn(after(i)) end
    async.gather(after(1), after(9))
  end)
  check.attempt(async.task_group, function(group)
    group:spawn(after(2))
    local scope <close> = async.timeout(5)
    async.gather(after(1), after(3))
  end)
  check.attempt(function()
    for _ in async.as_completed {after(1), after(2), after(3)} do async.sleep(1) end
  end)
  check.attempt(function()
    for _ in async.generator(function(yield)
      yield(1)
      yield(2)
    end) do
      async.sleep(1)
    end
  end)
  async.sleep(20)
end)

-- All of them inside of one another.
scenario("nested", function(has_fault)
  local log = {}
  check.raises("GroupError", async.wait_for, function()
    local group <close> = async.task_group()
    group:spawn(function()
      async.gather(after(9), function()
        local scope <close> = async.timeout(7)
        async.map({1, 2}, function(i) async.sleep(i * 9) end)
      end)
    end)
    group:spawn(function()
      async.race {after(8), function()
        local _ <close> = check.closing(function()
          async.shield(after(1))
          log[#log + 1] = "cleaned"
        end)
        async.sleep(9)
      end}
    end)
    group:spawn(failing(3, "oops"))
  end, 20)
  assert(#log == 1 or has_fault)
end)

return scenarios
