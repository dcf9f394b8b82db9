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

-- Empty jobs that wait already; one worker.
function workloads.jobs(r, count)
  local queue = require("saros.jobs").queue(r, "bench", { keep_results = 0 })
  async.map(count, function() queue:add "empty" end, { limit = TASKS })
  return clock(function()
    local done, finished = 0, async.event()
    local worker <close> = async.spawn(queue.work, queue, { empty = function()
      done = done + 1
      if done == count then finished:set() end
    end }, { concurrency = TASKS })
    finished:wait()
    assert(worker)
  end)
end

async.run(function(workload, count, url)
  local r <close> = redis.connect(url)
  r:flushall()
  local seconds = workloads[workload](r, math.tointeger(tonumber(count)))
  print(("seconds=%.6f bytes=0"):format(seconds))
end, table.unpack(arg))
