-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local hang, start = tasks.hang, tasks.start
local co = async.coroutine

-- Each makes what is waited for and returns a function that waits for it.
return {
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
      local _ <close> = tasks.finally(require("spec.support.closing").collect)
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
