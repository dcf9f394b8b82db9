-- SPDX-License-Identifier: MIT
-- The workloads on luv with coroutines by hand: the fast way, as somebody who knows luv well would
-- write it. Coroutines and timers are used again, a ready queue is drained on an idle handle, locals
-- stand in for fields. It does less than a runtime has to (no cancellation, one waiter for each
-- task, an error ends the program), so it is a peer that is hard to beat.
--
--     lua5.4 bench/luv.lua WORKLOAD SIZE        prints seconds=... bytes=... (peak)

local uv = require "luv"

local wrap, yield = coroutine.wrap, coroutine.yield
local new_timer, timer_start = uv.new_timer, uv.timer_start

-- The ready queue: coroutines to resume, in order. What becomes ready during a turn runs in the
-- next one, after libuv had a look at timers and I/O.
local current
local ready, count, spare = {}, 0, {}
local idle, idle_runs = uv.new_idle(), false

local function drain()
  local turn, n = ready, count
  ready, count = spare, 0
  for i = 1, n do
    local co = turn[i]
    current = co
    co()
  end
  spare = turn
  if count == 0 then
    idle:stop()
    idle_runs = false
  end
end

local function start_idle()
  idle:start(drain)
  idle_runs = true
end

local function push(co)
  local n = count + 1
  count = n
  ready[n] = co
  if not idle_runs then
    start_idle()
  end
end

-- Tasks run in coroutines that are used again. A task takes one when it starts, not when it is
-- spawned: one that never waits leaves its coroutine to the next.
local new, new_first, new_last = {}, 1, 0
local free, free_count = {}, 0

local function worker()
  while true do
    local task = new[new_first]
    if new_first == new_last then
      new_first, new_last = 1, 0
    else
      new_first = new_first + 1
    end
    task.value = task.fn(task.value)
    task.done = true
    if task.waiter then
      push(task.waiter)
    end
    free_count = free_count + 1
    free[free_count] = current
    yield()
  end
end

local function next_task() -- stands in the ready queue for the next new task
  local co
  if free_count > 0 then
    co = free[free_count]
    free_count = free_count - 1
  else
    co = wrap(worker)
  end
  current = co
  co()
end

local function spawn(fn, argument)
  local task = { fn = fn, value = argument, done = false, waiter = false }
  new_last = new_last + 1
  new[new_last] = task
  push(next_task)
  return task
end

local function await(task)
  if not task.done then
    task.waiter = current
    yield()
  end
  return task.value
end

local timers, timer_count = {}, 0

local function sleep(seconds)
  local co = current
  if seconds == 0 then -- push, inlined
    local n = count + 1
    count = n
    ready[n] = co
    if not idle_runs then
      start_idle()
    end
    yield()
    return
  end
  local timer
  if timer_count > 0 then
    timer = timers[timer_count]
    timer_count = timer_count - 1
  else
    timer = new_timer()
  end
  timer_start(timer, seconds * 1000 // 1, 0, function()
    timer_count = timer_count + 1
    timers[timer_count] = timer
    current = co
    co()
  end)
  yield()
end

local workloads = {}

function workloads.spawn_await(n)
  local function work(i)
    return i
  end
  local sum = 0
  for _ = 1, n, 1000 do
    local tasks = {}
    for i = 1, 1000 do
      tasks[i] = spawn(work, i)
    end
    for i = 1, 1000 do
      sum = sum + await(tasks[i])
    end
  end
  assert(sum == n // 1000 * 500500)
end

function workloads.sleep0(rounds)
  local finished = 0
  local function work()
    for _ = 1, rounds do
      sleep(0)
    end
    finished = finished + 1
  end
  local tasks = {}
  for i = 1, 1000 do
    tasks[i] = spawn(work)
  end
  for i = 1, 1000 do
    await(tasks[i])
  end
  assert(finished == 1000)
end

function workloads.sleepers(n)
  local finished = 0
  local function work()
    sleep(1)
    finished = finished + 1
  end
  local tasks = {}
  for i = 1, n do
    tasks[i] = spawn(work)
  end
  for i = 1, n do
    await(tasks[i])
  end
  assert(finished == n)
end

-- A ring between one putter and one getter.
local function new_queue(size)
  local items, head, tail = {}, 0, 0
  local putter, getter
  local queue = {}
  function queue.put(value)
    local t = tail
    if t - head == size then
      putter = current
      yield()
    end
    tail = t + 1
    items[t % size + 1] = value
    if getter then
      push(getter)
      getter = nil
    end
  end
  function queue.get()
    local h = head
    if h == tail then
      getter = current
      yield()
    end
    head = h + 1
    if putter then
      push(putter)
      putter = nil
    end
    return items[h % size + 1]
  end
  return queue
end
function workloads.queue(n)
  local queue = new_queue(128)
  local put, get = queue.put, queue.get
  local producer = spawn(function()
    for i = 1, n do
      put(i)
    end
  end)
  local sum = 0
  for _ = 1, n do
    sum = sum + get()
  end
  await(producer)
  assert(sum == n * (n + 1) // 2)
end

-- Permits are handed over to who has waited longest.
local function new_semaphore(permits)
  local waiters, first, last = {}, 1, 0
  local semaphore = {}
  function semaphore.acquire()
    if permits > 0 then
      permits = permits - 1
    else
      last = last + 1
      waiters[last] = current
      yield()
    end
  end
  function semaphore.release()
    if first <= last then
      push(waiters[first])
      waiters[first] = nil
      first = first + 1
    else
      permits = permits + 1
    end
  end
  return semaphore
end

function workloads.semaphore(n)
  local semaphore = new_semaphore(10)
  local finished = 0
  local function work()
    semaphore.acquire()
    sleep(0)
    semaphore.release()
    finished = finished + 1
  end
  local tasks = {}
  for i = 1, n do
    tasks[i] = spawn(work)
  end
  for i = 1, n do
    await(tasks[i])
  end
  assert(finished == n)
end

function workloads.semaphore_10(n)
  for _ = 1, 10 do workloads.semaphore(n // 10) end
end

-- As many at a time as the limit says; each that ends starts the next one.
local function map(n, work, limit)
  local items = {}
  for i = 1, 1000 do items[i] = i end
  for _ = 1, n, 1000 do
    local results, tasks = {}, {}
    local started = 0
    local function child(i)
      results[i] = work(items[i])
      if started < 1000 then
        started = started + 1
        tasks[started] = spawn(child, started)
      end
    end
    for i = 1, limit do
      started = i
      tasks[i] = spawn(child, i)
    end
    for i = 1, 1000 do await(tasks[i]) end
    assert(results[1000] == 2000)
  end
end

function workloads.gather_list(n)
  local list = {}
  for i = 1, 1000 do list[i] = function() return i end end
  for _ = 1, n, 1000 do
    local tasks, results = {}, {}
    for i = 1, 1000 do tasks[i] = spawn(list[i]) end
    for i = 1, 1000 do results[i] = await(tasks[i]) end
    assert(results[1000] == 1000)
  end
end

function workloads.map(n)
  map(n, function(item) return item * 2 end, 1000)
end

function workloads.map_limit(n)
  map(n, function(item) return item * 2 end, 10)
end

function workloads.children(n)
  map(n, function(item)
    sleep(0)
    return item * 2
  end, 1000)
end

-- With a timer that is used again; what it would do is left out.
function workloads.wait_for(n)
  local function work() return 1 end
  local timer, sum = new_timer(), 0
  local function on_timeout() end
  for _ = 1, n do
    timer_start(timer, 10000, 0, on_timeout)
    local ok, value = pcall(work)
    timer:stop()
    assert(ok)
    sum = sum + value
  end
  timer:close()
  assert(sum == n)
end

local function gather(level, leaf)
  if level == 0 then
    return leaf()
  end
  local function child()
    return gather(level - 1, leaf)
  end
  local tasks = {}
  for i = 1, 6 do
    tasks[i] = spawn(child)
  end
  local leaves = 0
  for i = 1, 6 do
    leaves = leaves + await(tasks[i])
  end
  return leaves
end

function workloads.gather(levels)
  assert(gather(levels, function()
    return 1
  end) == 6 ^ levels)
end

function workloads.gather_sleep(levels)
  assert(gather(levels, function()
    sleep(0.05)
    return 1
  end) == 6 ^ levels)
end

-- n values out of a coroutine, to the task that resumes it.
function workloads.coroutine(n)
  local next_value = coroutine.wrap(function()
    for i = 1, n do
      coroutine.yield(i)
    end
  end)
  local sum = 0
  for _ = 1, n do
    sum = sum + next_value()
  end
  assert(sum == n * (n + 1) // 2)
end

local measure = dofile "bench/measure.lua"

spawn(function()
  measure(function() return uv.hrtime() / 1e9 end, workloads[arg[1]], math.tointeger(arg[2]))
end)
uv.run()
