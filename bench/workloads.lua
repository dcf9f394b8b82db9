-- SPDX-License-Identifier: MIT
-- The workloads as a user of saros would write them: nothing here but the public API. The floor has some of it under
-- the same names, so bench/floor.lua runs them too.

return function(async)
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

  -- The same ten times in a row: what the first round has made is there for the others.
  function workloads.semaphore_10(n)
    for _ = 1, 10 do workloads.semaphore(n // 10) end
  end

  local function list_of(n, fn)
    local list = {}
    for i = 1, n do list[i] = fn(i) end
    return list
  end

  -- Functions that return at once, gathered by the thousand.
  function workloads.gather_list(n)
    local list = list_of(1000, function(i)
      return function() return i end
    end)
    for _ = 1, n, 1000 do
      assert(async.gather(list)[1000] == 1000)
    end
  end

  local function map(n, work, options)
    local items = list_of(1000, function(i) return i end)
    for _ = 1, n, 1000 do
      assert(async.map(items, work, options)[1000] == 2000)
    end
  end

  -- A function for each of 1,000 items.
  function workloads.map(n)
    map(n, function(item) return item * 2 end)
  end

  function workloads.map_limit(n)
    map(n, function(item) return item * 2 end, { limit = 10 })
  end

  -- The same, where each lets the others run before it returns.
  function workloads.children(n)
    map(n, function(item)
      sleep(0)
      return item * 2
    end)
  end

  -- A function within a deadline that does not pass.
  function workloads.wait_for(n)
    local function work() return 1 end
    local sum = 0
    for _ = 1, n do
      sum = sum + async.wait_for(work, 10)
    end
    assert(sum == n)
  end

  -- A lock that is free.
  function workloads.lock(n)
    local lock = async.lock()
    for _ = 1, n do
      local permit <close> = lock:acquire()
    end
  end

  -- The next item of two queues; it is in the second.
  function workloads.select(n)
    local queues = { async.queue(4), async.queue(4) }
    for i = 1, n do
      queues[2]:put(i)
      local index, item = async.select(queues)
      assert(index == 2 and item == i)
    end
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

  return workloads
end
