-- SPDX-License-Identifier: MIT
local async = require "saros"
local closing = require "spec.support.closing"
local tasks = require "spec.support.tasks"
local closed, collect, waiting, CLOSED = closing.closed, closing.collect, closing.waiting, closing.MESSAGE
local inside, caught, hang, start = tasks.inside, tasks.caught, tasks.hang, tasks.start
local co = async.coroutine

-- Each makes what is waited for and returns a function that waits for it.
local waits = {
  sleep = function() return function() async.sleep(1000) end end,
  ["sleep without end"] = function() return hang end,
  future = function()
    local future = async.future()
    return function() future:await() end
  end,
  event = function()
    local event = async.event()
    return function() event:wait() end
  end,
  semaphore = function()
    local semaphore = async.semaphore(2)
    return function()
      semaphore:acquire()
      semaphore:acquire()
      semaphore:acquire()
    end
  end,
  ["several permits"] = function()
    local semaphore = async.semaphore(2)
    return function()
      semaphore:acquire()
      semaphore:acquire(2)
    end
  end,
  lock = function()
    local lock = async.lock()
    start(function()
      lock:acquire()
      hang()
    end)
    return function() lock:acquire() end
  end,
  condition = function()
    local condition = async.condition()
    return function()
      condition:acquire()
      condition:wait()
    end
  end,
  ["condition with a predicate"] = function()
    local condition = async.condition()
    return function()
      condition:acquire()
      condition:wait_for(function() return false end)
    end
  end,
  ["lock of a condition"] = function()
    local condition = async.condition()
    async.spawn(function()
      async.sleep(0)
      condition:acquire()
      condition:notify()
      hang()
    end)
    return function()
      condition:acquire()
      condition:wait()
    end
  end,
  barrier = function()
    local barrier = async.barrier(2)
    return function() barrier:wait() end
  end,
  queue = function()
    local queue = async.queue()
    return function() queue:get() end
  end,
  ["items of a queue"] = function()
    local queue = async.queue()
    return function() for _ in queue:items() do end end
  end,
  ["room in a queue"] = function()
    local queue = async.priority_queue(1)
    queue:try_put(1)
    return function() queue:put(2) end
  end,
  ["join of a queue"] = function()
    local queue = async.lifo_queue()
    queue:try_put(1)
    return function() queue:join() end
  end,
  ["rate limiter"] = function()
    local limiter = async.rate_limiter(1, 1000)
    return function()
      limiter:acquire()
      limiter:acquire()
    end
  end,
  signals = function()
    local signals = async.signals "SIGUSR2"
    return function() signals() end
  end,
  ticker = function() return function() for _ in async.ticker(1000) do end end end,
  retry = function() return function() async.retry(error, {delay = 1000}) end end,
  generator = function()
    local get = async.generator(function() async.future():await() end)
    return function() get() end
  end,
  ["select of many"] = function()
    local list = {async.queue(), async.future(), async.event(), async.semaphore(1), async.lock(), async.spawn(hang)}
    list[4]:try_acquire()
    start(function()
      list[5]:acquire()
      hang()
    end)
    return function() async.select(list) end
  end,
  task = function()
    local task = async.spawn(hang)
    return function() task:await() end
  end,
  ["close of a task"] = function()
    local task = start(async.shield, hang)
    return function() task:close() end
  end,
  ["wait_for a task"] = function()
    local task = async.spawn(hang)
    return function() async.wait_for(task, 1000) end
  end,
  ["wait_for a future"] = function()
    local future = async.future()
    return function() async.wait_for(future, 1000) end
  end,
  shield = function()
    local future = async.future()
    return function() async.shield(future) end
  end,
  timeout = function()
    local future = async.future()
    return function()
      local _ <close> = async.timeout(1000)
      future:await()
    end
  end,
  gather = function()
    local list = {async.future(), async.spawn(hang), hang}
    return function() async.gather(list) end
  end,
  ["gather in a timeout, which its handler closes"] = function()
    return function()
      local _ <close> = async.timeout(1000)
      async.gather(hang, hang)
    end
  end,
  ["gather in a timeout, which its handler closes after others that collect garbage"] = function()
    return function()
      local _ <close> = async.timeout(1000)
      local _ <close> = tasks.finally(collect)
      async.gather(async.future(), async.future())
    end
  end,
  race = function()
    local list = {async.future(), async.future()}
    return function() async.race(list) end
  end,
  ["wait"] = function()
    local list = {async.future(), async.spawn(hang)}
    return function() async.wait(list, {timeout = 1000}) end
  end,
  map = function() return function() async.map({async.future(), async.future()}, function(f) f:await() end) end end,
  as_completed = function()
    local list = {async.future(), hang}
    return function() for _ in async.as_completed(list) do end end
  end,
  group = function()
    return function()
      local group <close> = async.task_group()
      group:spawn(function() async.future():await() end)
    end
  end,
  ["inside a group"] = function()
    return function()
      local group <close> = async.task_group()
      group:spawn(hang)
      async.queue():get()
    end
  end,
  ["place in a group"] = function()
    return function()
      local group <close> = async.task_group{limit = 1}
      group:spawn(hang)
      group:spawn(hang)
    end
  end,
  ["start in a group"] = function()
    return function()
      local group <close> = async.task_group()
      group:start(hang)
    end
  end,
  ["a coroutine that may wait"] = function()
    local queue = async.queue()
    return function() co.wrap(function() co.wrap(function() queue:get() end)() end)() end
  end,
}

describe("a task whose coroutine was closed by coroutine.close while it waited for", function()
  for _, name in ipairs(closing.names(waits)) do
    it(name .. " ends with an error that says so", function() closing.check(waits, name) end)
  end
end)

describe("the coroutine of a task that was closed by coroutine.close", function()
  it("shows in what is told of the task", inside(function()
    local task = closed(function() async.queue():get() end)
    assert.matches("waiting for nothing any more %(its coroutine was closed by coroutine%.close%)", tostring(task))
    assert.matches("waiting for nothing any more %(its coroutine was closed by coroutine%.close%)", async.tree())
    assert.is_string(task:traceback())
    assert.equal("pending", task:status())
    task:close()
    assert.matches(CLOSED, task:error())
  end))

  it("leaves nobody waiting for the task for ever", inside(function()
    local task = closed(function() async.queue():get() end)
    assert.matches(CLOSED, caught(task.await, task))
    task = closed(async.shield, hang)
    assert.matches(CLOSED, caught(task.await, task))
  end))

  it("leaves the other tasks that wait for ever to the deadlock", inside(function()
    local task = closed(function() async.queue():get() end)
    local other = async.spawn(function() async.queue():get() end)
    assert.equal("DeadlockError", tasks.error_of(other.await, other).name)
    assert.matches(CLOSED, task:error())
  end))

  it("is a failure of the group of the task", inside(function()
    local err = tasks.error_of(async.task_group, function(group)
      local thread
      group:spawn(function()
        thread = coroutine.running()
        async.queue():get()
      end)
      group:spawn(hang)
      async.sleep(0)
      coroutine.close(thread)
    end)
    assert.equal("GroupError", err.name)
    assert.equal(1, #err.errors)
    assert.matches(CLOSED, err.errors[1])
  end))

  it("may be that of one that is cancelled while all that wait for ever are closed by force", inside(function()
    local task, held, err
    err = tasks.error_of(async.task_group, function(group)
      group:spawn(function()
        local _ <close> = tasks.finally(function()
          coroutine.close(held[1])
          task:cancel()
        end)
        async.shield(hang)
      end)
      task, held = waiting(function() async.queue():get() end)
    end)
    assert.equal("GroupError", err.name)
    assert.matches("was closed by force", err.errors[1])
    assert.matches(CLOSED, task:error())
    collect()
  end))

  it("may be that of main", function()
    local err = caught(async.run, function()
      local main = coroutine.running()
      async.spawn(function() coroutine.close(main) end)
      async.queue():get()
    end)
    assert.matches(CLOSED, err)
  end)

  it("is reached by a cancellation through a shield", inside(function()
    local elsewhere = async.spawn(async.sleep, 1000) -- there is no deadlock
    local future = async.future()
    local task = closed(async.shield, future)
    assert.is_true(task:cancel())
    async.wait{task}
    assert.matches(CLOSED, task:error())
    elsewhere:cancel()
  end))

  it("makes way for those behind it: nothing that is handed over is lost", tasks.virtually(function()
    local queue, full, semaphore, lock = async.queue(), async.queue(1), async.semaphore(2), async.lock()
    local event, condition, limiter = async.event(), async.condition(), async.rate_limiter(1, 1000)
    full:put "first"
    limiter:acquire()
    local both, mine = semaphore:acquire(2), lock:acquire()
    local function twice(fn, ...) return {closed(fn, ...), (start(fn, ...))} end
    local both_tasks = {
      twice(queue.get, queue), twice(full.put, full, "second"), twice(function() lock:acquire():release() end),
      twice(semaphore.acquire, semaphore, 2), twice(event.wait, event),
      twice(async.select, {queue, semaphore}), twice(limiter.acquire, limiter),
      twice(function()
        local _ <close> = condition:acquire()
        condition:wait()
      end),
    }
    both_tasks[1][1]:cancel()
    async.sleep(0)
    queue:put "item"
    queue:put "for select"
    assert.equal("first", full:get())
    both:release()
    mine:release()
    event:set()
    do
      local _ <close> = condition:acquire()
      condition:notify()
    end
    async.sleep(0)
    assert.equal("second", full:get())
    for _, pair in ipairs(both_tasks) do
      async.wait(pair)
      assert.matches(CLOSED, pair[1]:error())
      assert.equal("done", pair[2]:status())
    end
    assert.equal(0, queue:size())
    assert.equal(0, semaphore:available())
    both_tasks[4][2]:result():release()
    assert.equal(2, semaphore:available())
  end))

  it("counts as one that has come to a barrier", inside(function()
    local barrier = async.barrier(3)
    local task = closed(barrier.wait, barrier)
    local other = start(barrier.wait, barrier)
    assert.equal(3, barrier:wait())
    assert.equal(1, other:await())
    async.wait{task}
    assert.matches(CLOSED, task:error())
    assert.equal(0, barrier:waiting())
  end))

  it("may be closed when the task has been woken", inside(function()
    local queue = async.queue()
    local task, held = waiting(queue.get, queue)
    queue:try_put(1)
    coroutine.close(held[1])
    queue = nil -- luacheck: ignore
    collect()
    async.wait{task}
    assert.matches(CLOSED, task:error())
  end))

  it("cannot wait in its __close handlers, which run", inside(function()
    local log = {}
    local queue = async.queue()
    local task = closed(function()
      local _ <close> = tasks.finally(function()
        log[1] = "handler"
        queue:get()
      end)
      queue:get()
    end)
    assert.equal("handler", log[1])
    queue:put(1)
    async.wait{task}
    assert.matches(CLOSED, task:error())
    assert.equal(1, queue:size())
  end))

  it("gives back in its __close handlers what it holds", tasks.virtually(function()
    local lock, condition, semaphore, thread = async.lock(), async.condition(), async.semaphore(1), nil
    local function hold()
      thread = coroutine.running()
      local _ <close> = lock:acquire()
      local _ <close> = condition:acquire()
      local _ <close> = semaphore:acquire()
      async.sleep(1000)
    end
    for _, fn in ipairs{hold, function() co.wrap(hold)() end} do
      local task = start(fn)
      local others = {}
      for i, giver in ipairs{lock, condition, semaphore} do
        others[i] = start(function() giver:acquire():release() end)
      end
      assert.is_true(coroutine.close(thread))
      local before = async.now()
      async.gather(others)
      assert.equal(before, async.now())
      async.wait{task}
      assert.equal("failed", task:status())
    end
  end))

  it("may hold a future that is settled when the run is long over", function()
    local future, task = async.future(), nil
    async.run(function()
      task = closed(future.await, future)
      task:cancel()
      async.wait{task}
    end)
    collect()
    async.run(function()
      local other = start(future.await, future)
      future:set(1)
      assert.equal(1, other:await())
    end)
    assert.matches(CLOSED, task:error())
  end)

  it("may be one that the task has left for one of async.coroutine, in which it goes on", inside(function()
    for depth = 1, 3 do
      for at = 0, depth do
        local threads, queue, log = {}, async.queue(), {}
        local function down(n)
          threads[n] = coroutine.running()
          if n == depth then
            log[#log + 1] = queue:get()
            co.yield(1)
            return
          end
          co.wrap(down)(n + 1)
          log[#log + 1] = n
        end
        local task = start(down, 0)
        coroutine.close(threads[at])
        threads = nil -- luacheck: ignore
        collect()
        queue:put "item"
        async.wait{task}
        if at < depth then assert.equal("item", log[1]) end
        assert.matches(at == 0 and CLOSED or "cannot resume dead coroutine", task:error())
        collect()
      end
    end
    collect()
  end))

  it("may be closed from inside one that its task has gone into", inside(function()
    local task
    task = async.spawn(function()
      local root = coroutine.running()
      local function bottom()
        coroutine.close(root)
        root = nil
        collect()
        return "value"
      end
      co.wrap(function() co.wrap(bottom)() end)()
    end)
    async.wait{task}
    assert.matches(CLOSED, task:error())
    collect()
  end))

  it("may be closed by a plain coroutine inside one that its task has gone into", inside(function()
    for turns = 0, 1 do
      local sum = 0
      local task = async.spawn(function()
        local root = coroutine.running()
        if turns > 0 then async.sleep(0) end
        co.wrap(function()
          local parts = {{1}, {2}, {3}}
          if turns > 0 then async.sleep(0) end
          coroutine.wrap(function()
            coroutine.close(root)
            root = nil
            collect()
            for _ = 1, 100 do coroutine.create(collect) end
          end)()
          for _, part in ipairs(parts) do sum = sum + part[1] end
          async.sleep(0)
          sum = sum * 2
        end)()
      end)
      async.wait{task}
      assert.matches(CLOSED, task:error())
      assert.equal(12, sum)
    end
  end))

  it("goes back into no pool", inside(function()
    for _ = 1, 50 do
      local task, held = waiting(async.sleep, 0.001)
      local thread = held[1]
      coroutine.close(thread)
      async.wait{task}
      local seen
      async.spawn(function() seen = coroutine.running() end):await()
      assert.not_equal(thread, seen)
    end
  end))

  it("has nothing to do with one that has not begun, runs or has ended", inside(function()
    local main = coroutine.running()
    assert.matches("cannot close a running coroutine", caught(coroutine.close, main))
    coroutine.wrap(function() assert.matches("cannot close a normal coroutine", caught(coroutine.close, main)) end)()
    local thread
    async.spawn(function() thread = coroutine.running() end):await()
    assert.is_true(coroutine.close(thread))
    for _ = 1, 3 do assert.equal(1, async.spawn(function() return 1 end):await()) end
  end))
end)
