-- SPDX-License-Identifier: MIT
-- The workloads as a user of saros would write them: nothing here but the public API.
--
--     lua5.4 bench/saros.lua WORKLOAD SIZE        prints seconds=... bytes=... (peak)

local async = require "saros"
local spawn, sleep = async.spawn, async.sleep

local workloads = {}

-- Tasks in batches of 1,000: spawn them, then await each.
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
      sum = sum + tasks[i]:await()
    end
  end
  assert(sum == n // 1000 * 500500)
end

-- 1,000 tasks that let each other run.
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
    tasks[i]:await()
  end
  assert(finished == 1000)
end

-- n tasks that sleep for a second, all at once.
function workloads.sleepers(n)
  local finished = 0
  local function work()
    sleep(1)
    finished = finished + 1
  end
  async.task_group(function(group)
    for _ = 1, n do
      group:spawn(work)
    end
  end)
  assert(finished == n)
end

-- n items through a queue of 128, from one task to another.
function workloads.queue(n)
  local queue = async.queue(128)
  local producer = spawn(function()
    for i = 1, n do
      queue:put(i)
    end
  end)
  local sum = 0
  for _ = 1, n do
    sum = sum + queue:get()
  end
  producer:await()
  assert(sum == n * (n + 1) // 2)
end

-- n tasks on a semaphore of 10, each holding it while the others get a turn.
function workloads.semaphore(n)
  local semaphore = async.semaphore(10)
  local finished = 0
  local function work()
    local permit <close> = semaphore:acquire()
    sleep(0)
    finished = finished + 1
  end
  local tasks = {}
  for i = 1, n do
    tasks[i] = spawn(work)
  end
  for i = 1, n do
    tasks[i]:await()
  end
  assert(finished == n)
end

-- Each level gathers six of the level below; returns the number of leaves.
local function gather(level, leaf)
  if level == 0 then
    return leaf()
  end
  local children = {}
  for i = 1, 6 do
    children[i] = function()
      return gather(level - 1, leaf)
    end
  end
  local leaves = 0
  for _, below in ipairs(async.gather(children)) do
    leaves = leaves + below
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
  local next_value = async.coroutine.wrap(function()
    for i = 1, n do
      async.coroutine.yield(i)
    end
  end)
  local sum = 0
  for _ = 1, n do
    sum = sum + next_value()
  end
  assert(sum == n * (n + 1) // 2)
end

-- "VmRSS" (memory held now) or "VmHWM" (the most ever held) of this process, in bytes.
local function memory(field)
  for line in io.lines "/proc/self/status" do
    local kib = line:match("^" .. field .. ":%s*(%d+) kB")
    if kib then
      return tonumber(kib) * 1024
    end
  end
end

async.run(function(name, size)
  local before, start = memory "VmRSS", async.now()
  workloads[name](size)
  local seconds = async.now() - start
  print(("seconds=%.6f bytes=%d"):format(seconds, memory "VmHWM" - before))
end, arg[1], math.tointeger(arg[2]))
