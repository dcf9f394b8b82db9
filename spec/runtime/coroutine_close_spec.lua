-- SPDX-License-Identifier: MIT
local async = require "saros"
local closing = require "spec.support.closing"
local tasks = require "spec.support.tasks"
local closed, collect, waiting, CLOSED = closing.closed, closing.collect, closing.waiting, closing.MESSAGE
local inside, caught, hang, start = tasks.inside, tasks.caught, tasks.hang, tasks.start
local co = async.coroutine

describe("a task whose coroutine was closed by coroutine.close while it waited for", function()
  for _, name in ipairs(closing.names "spec.runtime.closing_waits") do
    it(name .. " ends with an error that says so", function() closing.check("spec.runtime.closing_waits", name) end)
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

  it("does not blame the scopes around the wait", inside(function()
    local waits = {
      function() async.gather(async.future(), async.future()) end,
      function() async.gather(function() hang() end, function() hang() end) end,
      function() async.race {async.future(), async.future()} end,
      function() async.wait_for(hang, 1000) end,
      function() async.shield(hang) end,
      function() async.task_group(function() hang() end) end,
    }
    for i, wait in ipairs(waits) do
      local thread
      local task = start(function()
        thread = coroutine.running()
        local _ <close> = async.timeout(1000)
        wait()
      end)
      async.sleep(0)
      assert.same({true, nil}, {coroutine.close(thread)}, i)
      assert.matches(CLOSED, caught(task.await, task))
    end
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
