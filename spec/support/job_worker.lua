-- SPDX-License-Identifier: MIT
-- Workers that are processes of their own, to be killed, stopped and cut off. A handler tells what it does by a list in
-- Redis: `begun` has "ID ATTEMPT" for each start.

local job_worker = {}

local PROGRAM = [[
local async = require "saros"
local redis = require "saros.redis"
local jobs = require "saros.jobs"
async.run(function()
  local r <close> = redis.connect(%q)
  local queue = jobs.queue(r, "q", %s)
  local function begin(job) r:rpush("begun", job.id .. " " .. job.attempt) end
  queue:work({
    -- Waits until it is released, once for each job.
    wait = function(data, job)
      begin(job)
      r:blpop("release:" .. job.id, 0)
      return data
    end,
    -- Takes its worker along.
    poison = function(_, job)
      begin(job)
      io.popen("kill -KILL $PPID"):close()
    end,
    quick = function(data, job)
      begin(job)
      return data
    end,
    -- Takes its time, and tells who it is.
    tracked = function(data, job)
      r:rpush("starts", ("%%s %%d %%s"):format(job.id, job.attempt, os.getenv "WORKER"))
      async.sleep(0.1 * math.random())
      return data
    end,
  }, %s)
end)
]]

local Process = {}
Process.__index = Process

function Process:signal(name)
  os.execute(("kill -%s %d 2>/dev/null"):format(name, self.pid))
end

---Ends it for good.
function Process:close()
  self:signal "KILL"
  self.pipe:close()
  os.remove(self.path)
end

Process.__close = Process.close

local function interpreter()
  local lowest = 0
  while arg and arg[lowest - 1] do lowest = lowest - 1 end
  return lowest < 0 and arg[lowest] or "lua5.4"
end

local function program(url, options, work_options)
  return PROGRAM:format(url, options, work_options or "{}")
end

local function launch(source, prefix)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  assert(file:write(source))
  file:close()
  local command = ("echo $$; exec %s env WORKER=$$ LUA_PATH_5_4='%s' LUA_CPATH_5_4='%s' '%s' %s"):format(prefix or "",
    package.path, package.cpath, interpreter(), path)
  local pipe = io.popen(command, "r")
  return setmetatable({ pipe = pipe, pid = pipe:read "n", path = path }, Process)
end

---@param url string
---@param options string       of the queue, as Lua
---@param work_options? string of work
---@param prefix? string       of its command
function job_worker.start(url, options, work_options, prefix)
  return launch(program(url, options, work_options), prefix)
end

---The same on a machine whose clock is a day ahead.
---@param url string
---@param options string
function job_worker.on_another_day(url, options)
  return launch("local time = os.time\nfunction os.time(...) return time(...) + 86400 end\n" .. program(url, options))
end

return job_worker
