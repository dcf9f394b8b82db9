-- SPDX-License-Identifier: MIT
-- Workers under load that are killed again and again, stopped for longer than their lease, and lose their server in
-- between: ./dev soak [KILLS]. No job may be lost, and none may run oftener than its leases ran out.

local async = require "saros"
local job_worker = require "spec.support.job_worker"
local jobs = require "saros.jobs"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"

local KILLS = math.tointeger(tonumber(arg[1])) or 100
local WORKERS, JOBS_PER_KILL = 3, 20
local OPTIONS = { lease = 0.5, delay = 0.01, attempts = 1000 }
local AS_LUA = "{ lease = 0.5, delay = 0.01, attempts = 1000 }"

local server = redis_server.start "--appendonly yes --appendfsync always"

-- Again until the server is there.
local function insist(fn, ...)
  while true do
    local results = table.pack(pcall(fn, ...))
    if results[1] then return table.unpack(results, 2, results.n) end
    if not async.is_error(results[2], "FetchError") and not async.is_error(results[2], "TimeoutError") then
      error(results[2], 0)
    end
    async.sleep(0.05)
  end
end

-- One round: more jobs, and one worker less, or one that stands still, or the server is started again.
local function round(queue, workers, number, added)
  for i = 1, JOBS_PER_KILL do
    local id = ("%d-%d"):format(number, i)
    added[#added + 1] = insist(queue.add, queue, "quick", id, { id = id })
  end
  local victim = number % WORKERS + 1
  if number % 10 == 5 then
    workers[victim]:signal "STOP"
    async.sleep(2 * OPTIONS.lease)
    workers[victim]:signal "CONT"
  elseif number % 25 == 24 then
    server:kill()
    server:start()
  end
  async.sleep(0.02 * math.random())
  workers[victim]:close()
  workers[victim] = job_worker.start(server.url, AS_LUA)
end

local function report(r, queue, added)
  local lost, starts = 0, 0
  for _, job in ipairs(added) do
    local ok, result = pcall(insist, job.result, job, 60)
    if not ok or result ~= job.id then
      lost = lost + 1
      print(job.id, result)
    end
  end
  for _, job in ipairs(added) do starts = starts + tonumber(r:hget(queue._prefix .. "job:" .. job.id, "started")) end
  local stats = queue:stats()
  print(("%d jobs, %d done, %d lost, %d starts"):format(#added, stats.done, lost, starts))
  for _, name in ipairs { "waiting", "late", "running", "dead" } do
    if stats[name] ~= 0 then error(("%d jobs are %s"):format(stats[name], name), 0) end
  end
  if lost > 0 or stats.done ~= #added then error("jobs were lost, or counted twice", 0) end
end

async.run(function()
  local r <close> = redis.connect(server.url)
  local queue = jobs.queue(r, "q", OPTIONS)
  local workers, added = {}, {}
  for i = 1, WORKERS do workers[i] = job_worker.start(server.url, AS_LUA) end
  for number = 1, KILLS do round(queue, workers, number, added) end
  report(r, queue, added)
  for _, worker in ipairs(workers) do worker:close() end
end)
server:close()
