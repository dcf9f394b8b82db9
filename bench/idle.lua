-- SPDX-License-Identifier: MIT
-- What is idle must not cost: the price of one operation beside more and more tasks that wait, and beside more and
-- more connections on which nothing comes.
--
--     lua5.4 bench/idle.lua [TASKS [CONNECTIONS]]       prints rows up to so many

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


-- ---- connections -----------------------------------------------------------------------------------

local function echo(stream)
  for data in function() return stream:read() end do stream:write(data) end
end

-- A byte there and back, over one of n + 1 streams, each with a task that waits at its other end.
local function echo_beside_streams(n)
  local streams, tasks = {}, {}
  for i = 1, n + 1 do
    local far
    streams[i], far = async.net.pair()
    tasks[i] = async.spawn(echo, far)
  end
  async.sleep(0)
  local stream = streams[1]
  local result = price(function()
    stream:write "x"
    stream:read(1)
  end)
  for i = 1, n + 1 do streams[i]:close() end
  for i = 1, n + 1 do tasks[i]:await() end
  return result
end

local REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

-- A request over one of n + 1 connections to a server; the others have had their response.
local function request_beside_connections(n)
  local patient = { backlog = 1024, idle_timeout = 1000, header_timeout = 1000 }
  local server <close> = async.http.listen("127.0.0.1", 0, patient)
  local port = select(2, server:address())
  local _ <close> = async.spawn(server.serve, server, function() return "hello" end)
  local streams = {}
  local function exchange(stream)
    stream:write(REQUEST)
    repeat
      local line = stream:read_line()
    until line == "" or line == "\r"
    return assert(stream:read_exactly(5))
  end
  for i = 1, n + 1 do
    streams[i] = async.net.connect("127.0.0.1", port)
    exchange(streams[i])
  end
  local result = price(function() exchange(streams[1]) end)
  for i = 1, n + 1 do streams[i]:close() end
  return result
end

-- ---- tables ----------------------------------------------------------------------------------------

print("nanoseconds for one operation beside n idle tasks")
print(("%10s  %14s  %14s  %14s"):format("n", "a turn", "a waiter more", "cancel one"))
local n, largest = OPERATIONS, tonumber(arg[1]) or 1000000
while n <= largest do
  print(("%10d  %14.0f  %14.0f  %14.0f"):format(n, measure(n)))
  n = n * 10
end

-- Each connection has its two ends here.
local function most_connections()
  for line in io.lines "/proc/self/limits" do
    local soft = line:match "^Max open files%s+(%d+)"
    if soft then return (tonumber(soft) - 200) // 2 end
  end
end

print("nanoseconds for one operation beside n idle connections")
print(("%10s  %14s  %14s"):format("n", "an echo", "a request"))
n, largest = 10, math.min(tonumber(arg[2]) or 10000, most_connections())
while n <= largest do
  local echoed, requested
  async.run(function() echoed = echo_beside_streams(n) end)
  async.run(function() requested = request_beside_connections(n) end)
  print(("%10d  %14.0f  %14.0f"):format(n, echoed, requested))
  n = n < largest and math.min(n * 10, largest) or largest + 1
end
