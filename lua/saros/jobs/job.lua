-- SPDX-License-Identifier: MIT
-- A job as those see it who have added it, and those who do it.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local values = require "saros.jobs.values"

local job = {}

---A job of a queue. It is a name for what is in Redis, so any number of these may stand for one.
---What Redis refuses raises RedisError, a broken connection FetchError, a time-out TimeoutError.
---@class saros.Job
---@field id string
---@field job? string       its name; known in a handler, and to who has added it
---@field attempt? integer  in a handler: which one this is, from 1 on
---@field package _queue saros.JobQueue
---@field package _owner? string  in a handler: the worker
local Job = {}

local metatable = { __index = Job, __name = "Job" }

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("job:" .. method, self) end
  internal.checkpoint("job:" .. method)
end

-- Those fields of its hash.
local function fields(self, ...)
  return self._queue._redis:hmget(self._queue._prefix .. "job:" .. self.id, ...)
end

---Where it is: `"waiting"`, `"late"` (for its time, or for the next attempt), `"running"`, `"done"`, `"dead"`,
---`"cancelled"`; nil when it is not known (any more).
---@async
---@return string?
function Job:status()
  check_self(self, "status")
  return fields(self, "status")[1]
end

local function job_error(self, code, message, more)
  local err = { name = "JobError", code = code, message = message, id = self.id }
  for name, value in pairs(more or {}) do err[name] = value end
  error(async.error(err), 0)
end

-- What a job that has ended has come to. The first result tells whether it has ended at all.
local function outcome(self)
  local found = fields(self, "status", "result", "error", "traceback", "started")
  local status = found[1]
  if status == "done" then return true, values.decode(found[2]) end
  if status == "dead" then
    job_error(self, "EJOB", found[3], { traceback = found[4], attempts = math.tointeger(tonumber(found[5])) })
  elseif status == "cancelled" then
    local message = "the job was cancelled"
    error(async.error { name = "CancelledError", code = "ECANCELED", message = message, id = self.id }, 0)
  elseif not status then
    job_error(self, "EEXPIRED", ("nothing is known of job %s (any more)"):format(self.id))
  end
  return false
end

-- It is watched before it is looked at, so that no end falls in between.
local function wait(self)
  local watch <close> = self._queue._ends:watch(self.id)
  while true do
    local has_ended, result = outcome(self)
    if has_ended then return result end
    watch:wait()
  end
end

---Waits for its end, for so many seconds at most (TimeoutError). Returns what the handler has returned. JobError if
---it is dead (`id`, `traceback`, `attempts`), or with the code `EEXPIRED` if it is not known (any more);
---CancelledError, an ordinary one, if it was cancelled.
---@async
---@param seconds? number
---@return any
function Job:result(seconds)
  misuse.check_deadline("job:result", 1, seconds)
  check_self(self, "result")
  if not seconds then return wait(self) end
  return async.wait_for(wait, seconds, self)
end

---Cancels it: it is not done, or its handler is cancelled. Returns whether that had an effect.
---@async
---@return boolean effect
function Job:cancel()
  check_self(self, "cancel")
  local queue = self._queue
  return queue._scripts.cancel(self.id, values.milliseconds(queue._options.keep_results)) == 1
end

---Without a value the last one that was told, nil if there was none; with one, which JSON has to know, tells it.
---@async
---@param ... any
---@return any
function Job:progress(...)
  check_self(self, "progress")
  if select("#", ...) == 0 then
    local text = fields(self, "progress")[1]
    return text and values.decode(text)
  end
  self._queue._scripts.progress(self.id, self._owner or "", values.encode((...)))
end

---@param queue saros.JobQueue
---@param id string
---@param more? {job: string?, attempt: integer?, _owner: string?}
---@return saros.Job
function job.new(queue, id, more)
  local self = more or {}
  self.id, self._queue = id, queue
  return setmetatable(self, metatable)
end

function metatable.__tostring(self)
  return ("Job %s of %s"):format(self.id, self._queue.name)
end

misuse.guard(Job)

return job
