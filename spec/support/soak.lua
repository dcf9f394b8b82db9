-- SPDX-License-Identifier: MIT
-- What the soaks of saros.jobs share: jobs that tell who has begun them, blows to workers, and an account of both. No
-- job may be lost, and each that was begun again was begun by a worker that was hit meanwhile.
--
-- The list `starts` in Redis has all of it in order: "ID ATTEMPT WORKER" of each start, as its handler tells it, and
-- "hit WORKER" before and after each blow.

local async = require "saros"
local job_worker = require "spec.support.job_worker"
local jobs = require "saros.jobs"
local redis = require "saros.redis"

local soak = {}

local OPTIONS = { lease = 1, delay = 0.01, attempts = 1000 }
local AS_LUA = "{ lease = 1, delay = 0.01, attempts = 1000 }"

soak.lease = OPTIONS.lease

local Soak = {}

local metatable = { __index = Soak }

---Calls again until the server is there.
function soak.insist(fn, ...)
  while true do
    local results = table.pack(pcall(fn, ...))
    if results[1] then return table.unpack(results, 2, results.n) end
    if not async.is_error(results[2], "FetchError") and not async.is_error(results[2], "TimeoutError") then
      error(results[2], 0)
    end
    async.sleep(0.05)
  end
end

---Another worker, in that place among the workers.
---@param prefix? string  of its command
function Soak:start_worker(place, prefix)
  self.workers[place] = job_worker.start(self.worker_url, AS_LUA, nil, prefix)
end

metatable.__close = function(self)
  for _, worker in ipairs(self.workers) do worker:close() end
end

---Adds so many jobs.
function Soak:add(count)
  for _ = 1, count do
    local id = tostring(#self.added + 1)
    self.added[#self.added + 1] = soak.insist(self.queue.add, self.queue, "tracked", id, { id = id })
  end
end

---Strikes workers by fn().
function Soak:hit(workers, fn)
  local function tell()
    for _, worker in ipairs(workers) do soak.insist(self.r.rpush, self.r, "starts", "hit " .. worker.pid) end
  end
  tell()
  fn()
  tell()
end

-- How many jobs have no result.
local function count_lost(self)
  local lost = 0
  for _, job in ipairs(self.added) do
    local ok, result = pcall(soak.insist, job.result, job, 60)
    if not ok or result ~= job.id then
      lost = lost + 1
      print(job.id, result)
    end
  end
  return lost
end

-- The attempts of each job, with their workers and their places in the list; and the places of each worker's hits.
local function read_starts(self)
  local attempts, hits = {}, {}
  for place, text in ipairs(self.r:lrange("starts", 0, -1)) do
    local pid = text:match "^hit (%d+)$"
    if pid then
      hits[pid] = hits[pid] or {}
      table.insert(hits[pid], place)
    else
      local id, attempt, worker = text:match "^(%S+) (%d+) (%d+)$"
      attempts[id] = attempts[id] or {}
      attempts[id][tonumber(attempt)] = { worker = worker, place = place }
    end
  end
  return attempts, hits
end

-- Whether that attempt was hit before the next one, which stands at `place`: each blow stands between two tellings.
-- What a worker tells that was cut off may stand behind the next attempt.
local function was_hit(hits, attempt, place)
  local told = hits[attempt.worker] or {}
  for i = 1, #told - 1, 2 do
    if told[i] < place and (told[i + 1] > attempt.place or attempt.place > place) then return true end
  end
  return false
end

-- How many starts there were; how many of those follow one of a worker that was hit; and of how many that is not known,
-- as a handler did not come to tell.
local function account(self)
  local attempts, hits = read_starts(self)
  local starts, after_hits, untold = 0, 0, 0
  for _, job in ipairs(self.added) do
    local count = tonumber(self.r:hget(self.queue._prefix .. "job:" .. job.id, "started"))
    starts = starts + count
    for number = 2, count do
      local told = attempts[job.id] or {}
      local former, this = told[number - 1], told[number]
      if not former or not this then
        untold = untold + 1
      elseif was_hit(hits, former, this.place) then
        after_hits = after_hits + 1
      else
        local message = "job %s was begun by worker %s at place %d, and again at %d by %s; it was hit at %s"
        error(message:format(job.id, former.worker, former.place, this.place, this.worker,
          table.concat(hits[former.worker] or {}, " ")), 0)
      end
    end
  end
  return starts, after_hits, untold
end

---Waits for all jobs, prints what became of them, and raises what should not have happened.
function Soak:report()
  local lost = count_lost(self)
  local starts, after_hits, untold = account(self)
  local stats = self.queue:stats()
  print(("%d jobs, %d done, %d lost; %d starts, %d again after the worker was hit, %d of which that is not known")
    :format(#self.added, stats.done, lost, starts, after_hits, untold))
  for _, name in ipairs { "waiting", "late", "running", "dead" } do
    if stats[name] ~= 0 then error(("%d jobs are %s"):format(stats[name], name), 0) end
  end
  if lost > 0 or stats.done ~= #self.added then error("jobs were lost, or counted twice", 0) end
  if starts ~= #self.added + after_hits + untold then error("there were other starts", 0) end
end

---The pids of the workers that have told a start behind that place of the list.
function Soak:workers_since(place)
  local seen = {}
  for _, text in ipairs(self.r:lrange("starts", place, -1)) do
    local pid = text:match "^%S+ %d+ (%d+)$"
    if pid then seen[tonumber(pid)] = true end
  end
  return seen
end

---Runs fn(soak) with a queue of that server.
---@param server spec.RedisServer
---@param worker_url? string  that of the server for workers
function soak.run(server, fn, worker_url)
  async.run(function()
    local r <close> = redis.connect(server.url)
    local self <close> = setmetatable({
      r = r, queue = jobs.queue(r, "q", OPTIONS), added = {}, workers = {}, server = server,
      worker_url = worker_url or server.url,
    }, metatable)
    fn(self)
  end)
end

return soak
