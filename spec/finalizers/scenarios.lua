-- SPDX-License-Identifier: MIT
-- Scenarios of spec/finalizers, as short as can be: one or two entry points each. A finalizer may do anything in the
-- midst of them, so they may fail in any way, but for an error from `broken`.
local async = require "saros"
local testing = require "saros.testing"
local bodies = require "spec.support.bodies"
local after, failing = bodies.after, bodies.failing

local scenarios = {}

local function broken(message)
  error({is_broken = true, message = message}, 0)
end

-- Everything has had time to end. What has not waits for something that was taken away, or was forgotten.
local function check_ended()
  for _ = 1, 2 do -- the finalizer may come as late as after the first sleep
    async.shield(function() async.sleep(1000) end)
    if #async.all_tasks() == 1 then return end
  end
  error({is_broken = true, is_starved = true, message = "a task never ends: " .. async.tree()}, 0)
end

-- A function that runs as the main task, on the virtual clock. Nobody looks at failures.
local function scenario(name, fn)
  scenarios[name] = function()
    async.on_error(function() end)
    testing.run(function()
      local ok, err = pcall(fn)
      if not ok then error(err, 0) end -- what it started may wait for it for ever
      check_ended()
    end)
  end
end

-- Calls fn(...) in a task of its own, which finalizers know, and waits for it, whatever becomes of it.
local function try(fn, ...)
  local task = async.spawn(fn, ...)
  async.wait{task}
  return task
end

scenario("spawn", function()
  local task = async.spawn(function(a, b) return a, b end, 1, 2)
  task:on_done(function() end)
  task:on_done(function() end)
  async.wait{task}
  task:on_done(function() end)
end)

scenario("spawn_many_arguments", function()
  async.wait{async.spawn(function(...) return ... end, table.unpack({}, 1, 300))}
end)

scenario("results", function()
  local task = async.spawn(after(1, 1, 2, 3))
  local failed = async.spawn(failing(1, {}))
  async.wait{task, failed}
  pcall(task.await, task)
  pcall(failed.await, failed)
  failed:traceback()
end)

scenario("futures", function()
  for _, method in ipairs{"set", "fail", "cancel"} do
    local future = async.future()
    for _ = 1, 2 do pcall(future.on_done, future, function() end) end
    future[method](future, {})
    pcall(future.on_done, future, function() end)
    pcall(future.result, future)
  end
end)

scenario("cancelled", function()
  local task = async.spawn(function()
    local scope <close> = async.timeout(5)
    async.sleep(9)
  end)
  async.sleep(1)
  task:cancel "why"
  async.wait{task}
end)

scenario("timeout", function()
  try(function()
    local _ <close> = async.timeout(3)
    local inner <close> = async.timeout(2)
    inner:reschedule(1)
    async.sleep(5)
  end)
end)

scenario("forgotten", function()
  try(function()
    local scope <close> = async.timeout(5)
    async.timeout(9)
    local group = async.task_group()
    group:spawn(async.sleep, 1)
    async.sleep(1)
  end)
end)

scenario("all_tasks", function()
  for _ = 1, 5 do async.spawn(async.sleep, 1) end
  local tasks = async.all_tasks()
  for i = 2, #tasks do
    if type(tasks[i]) ~= "userdata" then broken "a task is missing" end
  end
  async.sleep(2)
end)

scenario("tree", function()
  local group <close> = async.task_group()
  for _ = 1, 3 do
    group:spawn(function()
      local inner <close> = async.task_group()
      inner:spawn(async.sleep, 1)
    end)
  end
  async.sleep(0)
  async.tree()
  tostring(async.current_task())
  tostring(async.all_tasks()[3])
end)

-- A deadlock that a finalizer may resolve while it is described.
scenarios.deadlock = function()
  async.on_error(function() end)
  local _, err = pcall(async.run, function()
    local event = async.event()
    for _ = 1, 3 do async.spawn(event.wait, event) end
    event:wait()
  end)
  if err ~= nil and not tostring(err):find "Deadlock" then error(err, 0) end
end

scenarios.left_over = function()
  async.on_error(function() end)
  pcall(testing.run, function()
    for _ = 1, 5 do async.spawn(async.sleep, 5) end
  end)
end

scenarios.unseen = function()
  async.on_error(function() pcall(async.spawn, error, "again", 0) end)
  async.run(function()
    for _ = 1, 3 do async.spawn(error, "oops", 0) end
    async.sleep(0)
    async.spawn(failing(0, "oops"))
    async.sleep(0)
  end)
end

scenario("gather", function()
  try(function() async.gather(after(1, 1), after(2, 2)) end)
  local task, future = async.spawn(after(1)), async.future()
  async.spawn(function() future:set(1) end)
  try(function() async.gather{task, future, after(2)} end)
end)

-- Functions that return at once, so that records are used again, and some that have to become tasks before their turn.
scenario("gather_later", function()
  local function work(i)
    if i == 2 then async.spawn(after(1)) end
    if i == 3 then async.sleep(1) end
    return i
  end
  try(function() async.gather(function() end, function() async.tree() end, after(1), function() end) end)
  try(function() async.map({1, 2, 3, 4, 5, 6}, work, {limit = 3}) end)
  try(function() async.race{function() return 1 end, function() end} end)
end)

scenario("gather_futures", function()
  local first, second = async.future(), async.future()
  local task = async.spawn(failing(1, "oops"))
  local waiter = async.spawn(function() async.gather({task, first, second}, {return_errors = true}) end)
  async.sleep(2)
  first:fail "oops"
  second:set(1)
  async.wait{waiter}
end)

scenario("race", function()
  local future, task = async.future(), async.spawn(failing(1, "oops"))
  try(function()
    local scope <close> = async.timeout(3)
    async.race{future, task, after(2)}
  end)
end)

scenario("any", function()
  local future, task = async.future(), async.spawn(failing(1, "oops"))
  try(function()
    local scope <close> = async.timeout(3)
    async.any{future, task, after(2)}
  end)
  try(function() async.any{failing(1, "a"), failing(2, "b")} end)
end)

scenario("several_permits", function()
  local semaphore = async.semaphore(3)
  for i = 1, 3 do
    async.spawn(function()
      local scope <close> = async.timeout(9)
      local permit <close> = semaphore:acquire(i)
      async.sleep(1)
    end)
  end
  async.sleep(1)
  local permit <close> = semaphore:try_acquire(2)
end)

scenario("drain", function()
  local queue, ordered = async.queue(3), async.priority_queue(3, function(a, b)
    return #("x"):rep(a + 50) < #("x"):rep(b + 50)
  end)
  for i = 1, 3 do
    queue:try_put(i)
    ordered:try_put(i)
  end
  for _, full in ipairs{queue, ordered} do
    async.spawn(function()
      local scope <close> = async.timeout(3)
      full:put(4)
    end)
  end
  async.sleep(1)
  queue:drain()
  pcall(ordered.drain, ordered)
  async.sleep(1)
  queue:close{discard = true}
  ordered:close{discard = true}
end)

scenario("select", function()
  local queue, ordered = async.queue(), async.priority_queue(9, function(a, b)
    return #("x"):rep(a + 50) < #("x"):rep(b + 50)
  end)
  local semaphore, event = async.semaphore(1), async.event()
  for i = 1, 3 do ordered:put(i) end
  local tasks = {}
  for i = 1, 5 do
    tasks[i] = async.spawn(function()
      local scope <close> = async.timeout(5)
      local _, taken = async.select{event, semaphore, queue, ordered}
      async.sleep(1)
      if type(taken) == "userdata" then taken:release() end
    end)
  end
  async.sleep(1)
  queue:try_put(5)
  event:set()
  async.wait(tasks)
end)

scenario("wait", function()
  local fast, slow, future = async.spawn(after(1)), async.spawn(failing(5, "oops")), async.future()
  try(function()
    local scope <close> = async.timeout(9)
    async.wait({fast, slow, future}, {timeout = 2})
    async.wait({slow, future}, {return_when = "first_error"})
  end)
end)

-- What map has started is over when it returns.
scenario("map", function()
  local running, is_over, starts_late = 0, false, false
  try(function()
    local ok, err = pcall(async.map, {1, 2, 3}, function(i)
      starts_late = starts_late or is_over
      running = running + 1
      local _ <close> = setmetatable({}, {__close = function() running = running - 1 end})
      async.sleep(i)
    end, {limit = 1, on_progress = function() end})
    is_over = true
    starts_late = starts_late or running ~= 0
    if not ok then error(err, 0) end
  end):error()
  async.sleep(9)
  if running ~= 0 or starts_late then broken "map has returned, and runs on" end
end)

-- The same with an iterator, which the caller waits in, and with deadlines and cleanup.
scenario("map_over", function()
  local running, asked = 0, 0
  try(function()
    async.map(function()
      local _ <close> = async.defer(async.sleep, 1)
      async.sleep(1)
      asked = asked + 1
      return asked <= 3 and asked or nil
    end, function(i)
      running = running + 1
      local _ <close> = setmetatable({}, {__close = function() running = running - 1 end})
      async.sleep(i)
    end, {limit = 2, on_progress = function() end})
  end):error()
  async.sleep(20)
  if running ~= 0 then broken "map has returned, and runs on" end
end)

scenario("task_local", function()
  local value = async.task_local(1)
  value:set(2)
  local task = async.spawn(function()
    async.sleep(1)
    value:set {}
  end)
  task:on_done(function() value:get() end)
  value:with(3, try, function() async.move_on_after(1, async.sleep, 2) end)
  if value:get() ~= 2 then broken "a task local is not what was set" end
end)

scenario("as_completed", function()
  local future = async.future()
  async.spawn(function()
    async.sleep(2)
    future:set()
  end)
  try(function()
    local scope <close> = async.timeout(9)
    for _ in async.as_completed{after(1), async.spawn(after(1)), failing(2, "oops"), future} do async.sleep(0) end
  end)
end)

-- Whatever a task waits for in vain, cancelling it ends that, be it that a finalizer does it just before.
local WAITS = {
  semaphore = function()
    local semaphore = async.semaphore(1)
    async.spawn(function()
      local permit <close> = semaphore:acquire()
      async.sleep(99)
    end)
    async.sleep(0)
    return semaphore.acquire, semaphore
  end,
  lock = function()
    local lock = async.lock()
    async.spawn(function()
      local permit <close> = lock:acquire()
      async.sleep(99)
    end)
    async.sleep(0)
    return lock.acquire, lock
  end,
  gather = function() return async.gather, {async.future(), async.future()} end,
  gather_values = function() return async.gather, async.future(), async.future() end,
  gather_functions = function()
    local future = async.future()
    return async.gather, function() future:await() end, function() future:await() end
  end,
  gather_both = function() return async.gather, {async.future(), function() async.future():await() end} end,
  race = function() return async.race, {async.future(), function() async.future():await() end} end,
  any = function() return async.any, {async.future()} end,
  wait = function() return async.wait, {async.future()} end,
  select = function()
    local semaphore, lock = async.semaphore(1), async.lock()
    async.spawn(function()
      local permit <close> = semaphore:acquire()
      local held <close> = lock:acquire()
      async.sleep(99)
    end)
    async.sleep(0)
    return async.select, {async.priority_queue(), semaphore, lock, async.event(), async.future()}
  end,
  map = function() return async.map, {1, 2}, function() async.future():await() end, {limit = 1} end,
  as_completed = function()
    return function()
      for _ in async.as_completed{async.future()} do async.sleep(0) end
    end
  end,
  wait_for = function() return async.wait_for, async.future(), 999 end,
  wait_for_task = function() return async.wait_for, async.spawn(async.sleep, 999), 999 end,
  await = function() return async.future().await, async.future() end,
  put = function()
    local queue = async.queue(1)
    queue:put(1)
    return queue.put, queue, 2
  end,
  put_in_order = function()
    local queue = async.priority_queue(1, function(a, b) return #("x"):rep(a + 50) < #("x"):rep(b + 50) end)
    queue:put(1)
    return queue.put, queue, 2
  end,
  get = function() return async.queue().get, async.queue() end,
  join = function()
    local queue = async.queue()
    queue:put(1)
    return queue.join, queue
  end,
  event = function() return async.event().wait, async.event() end,
  barrier = function() return async.barrier(2).wait, async.barrier(2) end,
  condition = function()
    local condition = async.condition()
    return function()
      local permit <close> = condition:acquire()
      condition:wait()
    end
  end,
  rate_limiter = function()
    local limiter = async.rate_limiter(1, 999)
    limiter:acquire()
    return limiter.acquire, limiter
  end,
  generator = function()
    return function()
      for _ in async.generator(function() async.future():await() end) do async.sleep(0) end
    end
  end,
}

for kind, prepare in pairs(WAITS) do
  scenario("cancelled_" .. kind, function()
    local task = async.spawn(prepare())
    async.sleep(1)
    task:cancel()
    async.sleep(5)
    if not task:done() then broken "it is cancelled, and waits on" end
  end)
end

scenario("wait_for", function()
  try(async.wait_for, after(1, 1), 2)
  try(async.wait_for, async.spawn(after(5)), 1)
  try(async.wait_for, async.future(), 1)
  try(async.shield, after(1), 3)
end)

scenario("group_with_limit", function()
  try(function()
    local scope <close> = async.timeout(9)
    async.task_group({limit = 1, cancel_on_error = false}, function(group)
      async.spawn(pcall, group.spawn, group, after(1))
      for i = 1, 3 do pcall(group.spawn, group, i == 2 and failing(1, "oops") or after(1)) end
    end)
  end)
end)

scenario("group_start", function()
  try(function()
    local scope <close> = async.timeout(9)
    local group <close> = async.task_group{limit = 2}
    pcall(group.start, group, function(started, ...)
      async.sleep(1)
      started(...)
      async.sleep(1)
    end, 1, 2)
    pcall(group.start, group, failing(1, "oops"))
    pcall(group.start, group, after(1))
  end)
end)

scenario("group", function()
  try(function()
    local scope <close> = async.timeout(5)
    local group <close> = async.task_group()
    for i = 1, 3 do pcall(group.spawn, group, after(i)) end
  end)
end)

scenario("group_function", function()
  try(function()
    local scope <close> = async.timeout(5)
    return async.task_group(function(group)
      group:spawn(after(1))
      return 7
    end)
  end)
end)

scenario("group_fails", function()
  try(function()
    local scope <close> = async.timeout(5)
    local group <close> = async.task_group()
    group:spawn(failing(1, "oops"))
    group:spawn(function()
      local _ <close> = setmetatable({}, {__close = function() error("cleanup", 0) end})
      async.sleep(9)
    end)
    error("its own", 0)
  end)
end)

-- What is in the group has ended when it is left.
scenario("group_joins", function()
  local running = 0
  local function item()
    running = running + 1
    local _ <close> = setmetatable({}, {__close = function() running = running - 1 end})
    async.sleep(1)
  end
  try(function()
    pcall(async.task_group, function(group)
      group:spawn(item)
      group:spawn(item)
    end)
    if running ~= 0 then broken "a task outlives its group" end
  end):error()
end)

scenario("future", function()
  local future = async.future()
  local waiter = async.spawn(future.await, future)
  async.sleep(0)
  local is_first = future:set(1, 2, 3)
  local is_second = future:fail "oops"
  if is_first and is_second then broken "both set and fail were the first" end
  async.wait{waiter}
  if is_first and waiter:status() == "done" and select("#", waiter:result()) ~= 3 then broken "a result is lost" end
end)

scenario("semaphore", function()
  local semaphore = async.semaphore(1)
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = async.spawn(function()
      local permit <close> = semaphore:acquire()
      async.sleep(1)
    end)
  end
  local permit = semaphore:try_acquire()
  if permit then permit:release() end
  async.wait(tasks)
end)

scenario("try_acquire", function()
  local semaphore, lock = async.semaphore(1), async.lock()
  local permit, held = semaphore:try_acquire(), lock:try_acquire()
  if held then held:release() end
  async.sleep(2)
  if permit then permit:release() end
end)

scenario("lock", function()
  local lock, inside = async.lock(), 0
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = async.spawn(function()
      local permit <close> = lock:acquire()
      inside = inside + 1
      local _ <close> = setmetatable({}, {__close = function() inside = inside - 1 end})
      async.sleep(1)
    end)
  end
  async.wait(tasks)
end)

scenario("condition", function()
  local condition, ready = async.condition(), false
  local tasks = {}
  for i = 1, 2 do
    tasks[i] = async.spawn(function()
      local permit <close> = condition:acquire()
      condition:wait_for(function() return ready or #("x"):rep(50) > 50 end)
    end)
  end
  async.sleep(1)
  local permit = condition:acquire()
  ready = true
  condition:notify_all()
  permit:release()
  async.wait(tasks)
end)

scenario("event_and_barrier", function()
  local event, barrier = async.event(), async.barrier(2)
  local waiter = async.spawn(event.wait, event)
  local other = async.spawn(function()
    local scope <close> = async.timeout(2)
    barrier:wait()
  end)
  async.sleep(1)
  event:set()
  local scope <close> = async.timeout(2)
  pcall(barrier.wait, barrier)
  async.wait{waiter, other}
end)

local function check_items(queue, puts)
  local taken = {}
  for item in queue do taken[#taken + 1] = item end
  if #taken > puts then broken "an item came twice" end
end

scenario("queue", function()
  local queue = async.queue(1)
  local producers = {}
  for i = 1, 2 do
    producers[i] = async.spawn(function()
      for k = 1, 2 do queue:put(10 * i + k) end
    end)
  end
  local consumer = async.spawn(check_items, queue, 9)
  async.wait(producers, {timeout = 5})
  queue:close()
  async.wait{consumer}
end)

local function less(a, b)
  return #("x"):rep(a + 40) < #("x"):rep(b + 40) -- strings that long are made anew
end

scenario("priority_queue", function()
  local queue = async.priority_queue(3, less)
  for i = 1, 3 do
    if not queue:try_put(i) and queue:size() < 3 then broken "there was room" end
  end
  local putter = async.spawn(queue.put, queue, 2)
  async.sleep(0)
  local last = 0
  for _ = 1, queue:size() do
    local item = queue:try_get() or 99
    if item < last and item ~= 2 and item ~= 5 then broken "not in order" end
    last = item
  end
  async.wait({putter}, {timeout = 1})
  queue:close()
  if putter:status() == "failed" and not async.is_error(putter:error(), "ClosedError") then
    broken("put fails: " .. tostring(putter:error()))
  end
end)

scenario("priority_queue_waits", function()
  local queue = async.priority_queue(2, less)
  local producers = {}
  for i = 1, 4 do producers[i] = async.spawn(queue.put, queue, i) end
  local consumer = async.spawn(check_items, queue, 9)
  async.wait(producers, {timeout = 5})
  queue:close()
  async.wait{consumer}
  for i = 1, 4 do
    local task = producers[i]
    if task:status() == "failed" and not async.is_error(task:error(), "ClosedError") then
      broken("put fails: " .. tostring(task:error()))
    end
  end
end)

scenario("lifo_queue", function()
  local queue = async.lifo_queue(2)
  local putter = async.spawn(function()
    for i = 1, 4 do queue:put(i) end
  end)
  async.sleep(0)
  local getter = async.spawn(check_items, queue, 9)
  async.wait({putter}, {timeout = 5})
  queue:close()
  async.wait{getter}
end)

scenario("rate_limiter", function()
  local limiter = async.rate_limiter(1, 2)
  try(function()
    for _ = 1, 2 do limiter:acquire() end
  end)
end)

scenario("generator", function()
  try(function()
    for v in async.generator(function(yield)
      for i = 1, 3 do
        async.sleep(1)
        yield(i)
      end
    end) do
      if v == 2 then break end
    end
  end)
end)

scenario("coroutine", function()
  local co = async.coroutine
  try(function()
    for v in co.wrap(function()
      for i = 1, 3 do
        async.sleep(1)
        co.yield(i)
      end
    end) do
      if v == 3 then break end
    end
    pcall(co.wrap(failing(1, "oops")))
  end)
  try(function()
    local thread = co.create(function()
      local _ <close> = setmetatable({}, {__close = function() async.sleep(1) end})
      co.yield(co.status(co.running()), co.isyieldable())
    end)
    co.resume(thread)
    co.close(thread)
  end)
end)

scenario("retry_and_ticker", function()
  try(async.retry, failing(1, "oops"), {attempts = 2})
  try(function()
    for n in async.ticker(1) do
      if n == 2 then break end
    end
  end)
end)

return scenarios
