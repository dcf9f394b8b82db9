-- SPDX-License-Identifier: MIT
-- Workloads on a Redis server, each of N operations: lua5.4 bench/redis/saros.lua WORKLOAD N URL

local async = require "saros"
local redis = require "saros.redis"

local TASKS = 64

local function clock(fn)
  local before = async.now()
  fn()
  return async.now() - before
end

local function in_tasks(count, fn)
  local tasks = {}
  for i = 1, TASKS do
    tasks[i] = function()
      for _ = 1, count // TASKS do fn() end
    end
  end
  async.gather(tasks)
end

local workloads = {}

function workloads.ping(r, count)
  return clock(function() in_tasks(count, function() r:ping() end) end)
end

function workloads.get(r, count)
  r:set("key", ("x"):rep(64))
  return clock(function() in_tasks(count, function() r:get "key" end) end)
end

function workloads.pipeline(r, count)
  return clock(function()
    for _ = 1, count // TASKS do
      r:pipeline(function(p)
        for _ = 1, TASKS do p:ping() end
      end)
    end
  end)
end

-- Of the server, by the name that INFO has for it.
local function info(r, name) return tonumber(r:info():match(name .. ":(%d+)")) end

local function queue_of(r) return require("saros.jobs").queue(r, "bench", { keep_results = 0 }) end

local function add(queue, count)
  async.map(count, function() queue:add "empty" end, { limit = TASKS })
end

-- Jobs that wait; what they take in Redis.
function workloads.add(r, count)
  local queue = queue_of(r)
  add(queue, TASKS)
  local before = info(r, "used_memory")
  local seconds = clock(function() add(queue, count) end)
  return seconds, info(r, "used_memory") - before
end

-- Empty jobs that wait already; one worker. What goes over the wire.
function workloads.jobs(r, count)
  local queue = queue_of(r)
  local function traffic() return info(r, "total_net_input_bytes") + info(r, "total_net_output_bytes") end
  local before = traffic()
  add(queue, count)
  return clock(function()
    local done, finished = 0, async.event()
    local worker <close> = async.spawn(queue.work, queue, { empty = function()
      done = done + 1
      if done == count then finished:set() end
    end }, { concurrency = TASKS })
    finished:wait()
    assert(worker)
  end), traffic() - before
end

async.run(function(workload, count, url)
  local r <close> = redis.connect(url)
  r:flushall()
  local seconds, bytes = workloads[workload](r, math.tointeger(tonumber(count)))
  print(("seconds=%.6f bytes=%d"):format(seconds, bytes or 0))
end, table.unpack(arg))
