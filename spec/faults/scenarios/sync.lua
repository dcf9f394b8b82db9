-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: synchronisation.
local async = require "saros"
local testing = require "saros.testing"
local check = require "spec.faults.check"
require "saros.ticker"
require "saros.retry"

local scenarios = {}

local function scenario(name, fn)
  scenarios[name] = check.test(function() return fn({}) end)
end

scenario("semaphore", function(log)
  local semaphore = async.semaphore(2)
  local tasks = {}
  for i = 1, 5 do
    tasks[i] = async.spawn(function()
      local permit <close> = semaphore:acquire()
      async.sleep(i)
      log[#log + 1] = i
    end)
  end
  testing.settle()
  tasks[4]:cancel()
  async.wait(tasks)
  for i = 1, 5 do
    if i == 4 then check.is(tasks[i]:error(), "CancelledError") else tasks[i]:await() end
  end
  assert(semaphore:available() == 2)
  assert(semaphore:with(function() return 7 end) == 7)
  semaphore:try_acquire():release()
  semaphore:acquire()
  semaphore:release()
  assert(semaphore:available() == 2)
end)

scenario("semaphore_several", function()
  local semaphore = async.semaphore(3)
  local permit = semaphore:acquire(2)
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = async.spawn(function()
      local held <close> = semaphore:acquire(i)
      async.sleep(1)
    end)
  end
  testing.settle()
  tasks[2]:cancel()
  permit:release()
  async.wait(tasks)
  check.is(tasks[2]:error(), "CancelledError")
  tasks[1]:await()
  tasks[3]:await()
  assert(semaphore:available() == 3)
end)

scenario("drain", function()
  for _, make in ipairs {async.queue, async.lifo_queue, async.priority_queue} do
    local queue = make(20)
    for i = 1, 20 do queue:put(i) end
    local putter = async.spawn(queue.put, queue, 21)
    testing.settle()
    local ok, list = pcall(queue.drain, queue)
    if not ok then
      assert(queue:size() == 20)
      error(list, 0)
    end
    assert(#list == 20)
    putter:await()
    ok = pcall(queue.close, queue, {discard = true})
    assert(queue:size() == (ok and 0 or 1))
  end
end)

scenario("lock", function(log)
  local lock = async.lock()
  local permit = lock:acquire()
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = async.spawn(function()
      local held <close> = lock:acquire()
      log[#log + 1] = i
      check.raises("DeadlockError", lock.acquire, lock)
    end)
  end
  testing.settle()
  permit:release()
  for i = 1, 3 do tasks[i]:await() end
  assert(#log == 3 and not lock:locked())
end)

-- Its owner ends without releasing it.
scenarios.lock_abandoned = check.scenario(function(reports, has_fault)
  local lock = async.lock()
  testing.run(function()
    local owner = async.spawn(function() lock:acquire() end)
    local heir = async.spawn(function() lock:with(async.sleep, 1) end)
    owner:await()
    heir:await()
  end)
  assert(not lock:locked())
  check.reported(reports, 1, has_fault)
  for _, err in ipairs(reports) do check.is(err, "lock") end
end)

scenario("event", function(log)
  local event = async.event()
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = async.spawn(function()
      event:wait()
      log[#log + 1] = i
    end)
  end
  testing.settle()
  event:set()
  for i = 1, 3 do tasks[i]:await() end
  event:wait()
  assert(#log == 3)
end)

scenario("future", function()
  local future, other = async.future(), async.future()
  local task = async.spawn(function() return future:await() end)
  testing.settle()
  future:set(1, nil, 3)
  local a, b, c = task:await()
  assert(a == 1 and b == nil and c == 3)
  async.spawn(other.fail, other, "oops")
  check.raises("oops", other.await, other)
end)

scenario("queue", function(log)
  local queue = async.queue(2)
  local producers = {}
  for i = 1, 3 do
    producers[i] = async.spawn(function()
      for k = 1, 4 do queue:put(i * 10 + k) end
    end)
  end
  local consumer = async.spawn(function()
    for item in queue do
      log[#log + 1] = item
      queue:task_done()
      async.sleep(1)
    end
  end)
  for i = 1, 3 do producers[i]:await() end
  queue:join()
  queue:close()
  consumer:await()
  assert(#log == 12)
  check.raises("ClosedError", queue.put, queue, 1)
end)

scenario("select", function()
  local queue, ordered, semaphore = async.queue(1), async.priority_queue(), async.semaphore(1)
  local lock, event, future = async.lock(), async.event(), async.future()
  local list = {queue, ordered, semaphore, lock, event, future}
  local index, permit = async.select(list)
  assert(index == 3 and semaphore:available() == 0)
  local index_of_lock, held = async.select(list)
  assert(index_of_lock == 4 and lock:locked())
  local tasks = {}
  for i = 1, 5 do
    tasks[i] = async.spawn(async.select, list)
    testing.settle()
  end
  tasks[4]:cancel()
  ordered:put(1)
  permit:release()
  queue:put(2)
  event:set()
  held:release()
  async.wait(tasks)
  local expected = {2, 3, 1, nil, 5}
  for i = 1, 5 do
    if i == 4 then check.is(tasks[i]:error(), "CancelledError") else assert(tasks[i]:await() == expected[i]) end
  end
  assert(not lock:locked() and semaphore:available() == 0)
end)

-- Getters and putters wait while others are cancelled and the queue closes.
scenario("queue_closed", function()
  local queue, full = async.queue(), async.queue(1)
  full:put(1)
  local getters, putters = {}, {}
  for i = 1, 3 do
    getters[i] = async.spawn(queue.get, queue)
    putters[i] = async.spawn(full.put, full, i)
  end
  testing.settle()
  getters[2]:cancel()
  putters[2]:cancel()
  queue:put("x")
  queue:close()
  full:close()
  assert(getters[1]:await() == "x" and getters[3]:await() == nil)
  check.fails(getters[2], "CancelledError")
  check.fails(putters[2], "CancelledError")
  check.fails(putters[1], "ClosedError")
  check.fails(putters[3], "ClosedError")
  assert(full:get() == 1 and full:get() == nil)
end)

scenario("queue_grows", function()
  local queue = async.queue()
  for i = 1, 70 do assert(queue:try_put(i)) end
  for i = 1, 70 do assert(queue:try_get() == i) end
end)

scenario("condition", function(log)
  local condition = async.condition()
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = async.spawn(function()
      local permit <close> = condition:acquire()
      condition:wait_for(function() return #log == i - 1 end)
      log[i] = i
      condition:notify_all()
    end)
  end
  local cancelled = async.spawn(function()
    local permit <close> = condition:acquire()
    condition:wait()
  end)
  testing.settle()
  cancelled:cancel()
  for i = 1, 3 do tasks[i]:await() end
  check.fails(cancelled, "CancelledError")
  assert(#log == 3 and not condition:locked())
end)

scenario("barrier", function()
  local barrier = async.barrier(3)
  local sum = 0
  for _ = 1, 2 do
    for _, number in ipairs(async.gather {
      function() return barrier:wait() end,
      function() return barrier:wait() end,
      function() return barrier:wait() end,
    }) do
      sum = sum + number
    end
  end
  assert(sum == 12)
end)

scenario("priority_queue", function(log)
  local queue = async.priority_queue(20, function(a, b) return a > b end)
  for i = 1, 20 do queue:put(i % 7) end
  local putter = async.spawn(queue.put, queue, 9)
  testing.settle()
  for i = 1, 20 do log[i] = queue:get() end
  putter:await()
  assert(queue:get() == 9 or log[2] == 9)
  local getter = async.spawn(queue.get, queue)
  testing.settle()
  queue:put(3)
  assert(getter:await() == 3)
end)

scenario("lifo_queue", function()
  local queue = async.lifo_queue()
  for i = 1, 20 do queue:put(i) end
  for i = 20, 1, -1 do assert(queue:get() == i) end
end)

scenario("rate_limiter", function()
  local limiter = async.rate_limiter(2, 10)
  local before = async.now()
  async.map({1, 2, 3, 4, 5}, function() limiter:acquire() end)
  assert(async.now() - before >= 20)
end)

scenario("ticker_and_retry", function()
  local count = 0
  for n in async.ticker(2) do
    if n == 3 then break end
  end
  check.raises("oops", async.retry, function()
    count = count + 1
    error("oops", 0)
  end, {attempts = 3})
  assert(count == 3)
end)

-- Cleanup at the end of the run that nothing can wake: it is closed by force.
scenarios.closed_by_force = check.scenario(function(reports, has_fault)
  local semaphore, lock, queue = async.semaphore(1), async.lock(), async.queue()
  async.run(function()
    for _ = 1, 2 do
      async.spawn(function()
        local _ <close> = check.closing(function()
          async.shield(function()
            local permit <close> = semaphore:acquire()
            local held <close> = lock:acquire()
            local scope <close> = async.timeout(nil)
            queue:get()
          end)
        end)
        async.sleep(math.huge)
      end)
    end
    async.sleep(0)
  end)
  collectgarbage()
  check.reported(reports, 2, has_fault)
  for _, err in ipairs(reports) do check.is(err, "by force") end
  assert(semaphore:available() == 1 and not lock:locked())
end)

return scenarios
