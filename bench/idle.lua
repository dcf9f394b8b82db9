-- SPDX-License-Identifier: MIT
-- What is idle must not cost: the price of one operation beside more and more tasks that wait.
--
--     lua5.4 bench/idle.lua [LARGEST]       prints a row for 10,000, 100,000, ... idle tasks

local async = require "saros"

local OPERATIONS = 10000

-- Nanoseconds that fn(i) takes, the mean of many. The collector stands still: its price is that of
-- memory, not of the operation.
local function price(fn)
  collectgarbage "stop"
  local start = os.clock()
  for i = 1, OPERATIONS do fn(i) end
  local seconds = os.clock() - start
  collectgarbage "restart"
  return seconds / OPERATIONS * 1e9
end

-- One ready task beside n that sleep.
local function turn_beside_sleepers()
  return price(function() async.sleep(0) end)
end

-- One waiter more on a semaphore that n wait for: it arrives, is cancelled and has left.
local function waiter_more(semaphore)
  return price(function()
    local task = async.spawn(semaphore.acquire, semaphore)
    async.sleep(0)
    task:close()
  end)
end

-- Cancelling one of n sleepers.
local function cancel_one(tasks)
  local step = math.max(1, #tasks // OPERATIONS)
  return price(function(i)
    local task = tasks[i * step]
    if task then task:close() end
  end)
end

local function spawn_all(n, fn, ...)
  local tasks = {}
  for i = 1, n do tasks[i] = async.spawn(fn, ...) end
  async.sleep(0)
  return tasks
end

local function measure(n)
  local turn, waiter, cancel
  async.run(function()
    local tasks = spawn_all(n, async.sleep, 1000)
    turn = turn_beside_sleepers()
    cancel = cancel_one(tasks)
  end)
  collectgarbage()
  async.run(function()
    local semaphore = async.semaphore(1)
    local permit <close> = semaphore:acquire()
    spawn_all(n, semaphore.acquire, semaphore)
    waiter = waiter_more(semaphore)
  end)
  collectgarbage()
  return turn, waiter, cancel
end

print("nanoseconds for one operation beside n idle tasks")
print(("%10s  %14s  %14s  %14s"):format("n", "a turn", "a waiter more", "cancel one"))
local n, largest = OPERATIONS, tonumber(arg[1]) or 1000000
while n <= largest do
  print(("%10d  %14.0f  %14.0f  %14.0f"):format(n, measure(n)))
  n = n * 10
end
