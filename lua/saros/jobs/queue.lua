-- SPDX-License-Identifier: MIT
-- A queue as its users have it: adding, working, looking, and taking care of what has died.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local cron = require "saros.jobs.cron"
local ends = require "saros.jobs.ends"
local job = require "saros.jobs.job"
local scripts = require "saros.jobs.scripts"
local values = require "saros.jobs.values"
local worker = require "saros.jobs.worker"

local queue = {}

---A queue of jobs, each done at least once. What Redis refuses raises RedisError, a broken connection FetchError, a
---time-out TimeoutError.
---@class saros.JobQueue
---@field name string
---@field package _redis saros.Redis
---@field package _prefix string
---@field package _options saros.JobOptions
---@field package _scripts table<string, async fun(...: string|number): any>
---@field package _ends saros.jobs.Ends
local Queue = {}

local metatable = { __index = Queue, __name = "JobQueue" }

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("queue:" .. method, self) end
end

local function check_text(method, position, value)
  local caller = "queue:" .. method
  if type(value) ~= "string" then misuse.type(caller, position, "string", value) end
  if value == "" then misuse.argument(caller, position, "not empty expected") end
end

-- ---- Adding --------------------------------------------------------------------------------------

local function is_seconds(value)
  return type(value) == "number" and value == value and value < math.huge and value > -math.huge
end

local add_options = {
  delay = { "seconds", is_seconds },
  at = { "a time as os.time gives it", is_seconds },
  id = { "string, not empty,", function(value) return type(value) == "string" and value ~= "" end },
  attempts = { "positive integer", function(value) return math.type(value) == "integer" and value > 0 end },
}

-- Raises unless each option is known and passes its test.
local function check_options(caller, position, given, known)
  if given == nil then return {} end
  if type(given) ~= "table" then misuse.type(caller, position, "table", given) end
  for name, value in pairs(given) do
    local rule = known[name]
    if not rule then misuse.unknown_option(caller, position, name, known) end
    if not rule[2](value) then
      misuse.argument(caller, position, ("option '%s': %s expected, got %s"):format(name, rule[1], misuse.kind(value)))
    end
  end
  return given
end

local function milliseconds(seconds)
  return seconds and math.ceil(seconds * 1000) or ""
end

---Adds a job: `name` is that of its handler, `data` what JSON can say. It waits `delay` seconds, or until `at`; one
---whose `id` is there already is not added twice; `attempts` are the starts it may have. JSONError.
---@async
---@param name string
---@param data? any
---@param given? {delay?: number, at?: number, id?: string, attempts?: integer}
---@return saros.Job
function Queue:add(name, data, given)
  check_self(self, "add")
  check_text("add", 1, name)
  given = check_options("queue:add", 3, given, add_options)
  if given.delay and given.at then misuse.argument("queue:add", 3, "either 'delay' or 'at' expected") end
  internal.checkpoint "queue:add"
  local attempts = given.attempts or self._options.attempts
  local id = self._scripts.add(given.id or "", name, values.encode(data), attempts, milliseconds(given.delay),
    milliseconds(given.at))
  return job.new(self, id, { job = name })
end

---A job by its id, whether there is one or not.
---@param id string
---@return saros.Job
function Queue:job(id)
  check_self(self, "job")
  check_text("job", 1, id)
  return job.new(self, id)
end

---Has a job done at each tick of a schedule, by one of the workers: `cron` has five fields (minute, hour, day, month,
---day of the week), in UTC. There is one schedule for each job; it lives in Redis until `every(nil, job)`. Ticks that
---were missed are made up for once.
---@async
---@param text string|nil
---@param name string
---@param data? any
function Queue:every(text, name, data)
  check_self(self, "every")
  if text ~= nil and type(text) ~= "string" then misuse.type("queue:every", 1, "string or nil", text) end
  check_text("every", 2, name)
  local plan, reason
  if text then plan, reason = cron.parse(text) end
  if reason then misuse.argument("queue:every", 1, "no schedule of cron: " .. reason) end
  internal.checkpoint "queue:every"
  if not plan then
    self._scripts.unschedule(name)
    return
  end
  local now = self._redis:time()
  local tick = cron.after(plan, math.tointeger(tonumber(now[1])))
  self._scripts.schedule(name, text, values.encode(data), tick * 1000)
end

-- ---- Working -------------------------------------------------------------------------------------

local work_options = {
  concurrency = { "positive integer", function(value) return math.type(value) == "integer" and value > 0 end },
  grace = { "seconds", function(value) return type(value) == "number" and value >= 0 end },
}

---Does jobs until it is cancelled: `handlers` by name, each called as `handler(data, job)`, `concurrency` (10) of them
---at a time. What a handler returns is the result. Cancelled, it takes no more, waits for those that run, cancels them
---after `grace` (30) seconds and hands their jobs back.
---@async
---@param handlers table<string, async fun(data: any, job: saros.Job): any>
---@param given? {concurrency?: integer, grace?: number}
function Queue:work(handlers, given)
  check_self(self, "work")
  if type(handlers) ~= "table" then misuse.type("queue:work", 1, "table", handlers) end
  for name, handler in pairs(handlers) do
    if type(name) ~= "string" or type(handler) ~= "function" then
      misuse.argument("queue:work", 1, "functions by the names of jobs expected")
    end
  end
  given = check_options("queue:work", 2, given, work_options)
  if self._redis._settings.pool < 3 then
    misuse.raise "queue:work: a worker needs three connections, and 'pool' allows for fewer"
  end
  internal.checkpoint "queue:work"
  worker.run(self, handlers, given.concurrency or 10, given.grace or 30)
end

-- ---- Looking -------------------------------------------------------------------------------------

---What happens, from the first step of the loop on: `kind` (`added`, `started`, `progress`, `failed`, `done`, `dead`,
---`cancelled`), `id`, `job`; `attempt` of started, `value` of progress, `error` of failed and dead.
---@return async fun(): table next
function Queue:events()
  check_self(self, "events")
  local step, _, _, closing = self._redis:subscribe(self._prefix .. "events")
  return internal.entry(function()
    local _, message = step()
    local event = message and async.json.decode(message)
    if event and event.value == async.json.null then event.value = nil end
    return event
  end), nil, nil, closing
end

---Counts: `waiting`, `late`, `running` and `dead` now, `done` and `failed` (attempts) since the beginning.
---@async
---@return {waiting: integer, late: integer, running: integer, dead: integer, done: integer, failed: integer}
function Queue:stats()
  check_self(self, "stats")
  internal.checkpoint "queue:stats"
  local counts = self._scripts.stats()
  return {
    waiting = counts[1], late = counts[2], running = counts[3], dead = counts[4], done = counts[5], failed = counts[6],
  }
end

---Jobs that have failed for good, the oldest first.
---@async
---@return {id: string, job: string, data: any, error: string, traceback: string, attempts: integer}[]
function Queue:dead()
  check_self(self, "dead")
  internal.checkpoint "queue:dead"
  local list = {}
  for i, item in ipairs(self._scripts.dead()) do
    list[i] = {
      id = item[1], job = item[2], data = values.decode(item[3]), error = item[4], traceback = item[5],
      attempts = math.tointeger(tonumber(item[6])),
    }
  end
  return list
end

---What is being done now, and by whom.
---@async
---@return {id: string, job: string, attempt: integer, worker: string}[]
function Queue:running()
  check_self(self, "running")
  internal.checkpoint "queue:running"
  local list = {}
  for i, item in ipairs(self._scripts.running()) do
    list[i] = { id = item[1], job = item[2], attempt = math.tointeger(tonumber(item[3])), worker = item[4] }
  end
  return list
end

-- ---- Taking care ---------------------------------------------------------------------------------

---Gives a dead job its attempts anew. Returns whether there was one.
---@async
---@param id string
---@return boolean
function Queue:retry(id)
  check_self(self, "retry")
  check_text("retry", 1, id)
  internal.checkpoint "queue:retry"
  return self._scripts.retry(id) == 1
end

---Forgets a job: a dead one, one that waits, a result. BusyError if it is being done. Returns whether there was one.
---@async
---@param id string
---@return boolean
function Queue:remove(id)
  check_self(self, "remove")
  check_text("remove", 1, id)
  internal.checkpoint "queue:remove"
  local removed = self._scripts.remove(id)
  if removed == -1 then
    error(async.error { name = "BusyError", code = "EBUSY", message = ("job %s is running"):format(id), id = id }, 0)
  end
  return removed == 1
end

---No job is begun any more, by any worker; those that run go on.
---@async
function Queue:pause()
  check_self(self, "pause")
  internal.checkpoint "queue:pause"
  self._scripts.pause()
end

---Jobs are begun again.
---@async
function Queue:resume()
  check_self(self, "resume")
  internal.checkpoint "queue:resume"
  self._scripts.resume()
end

misuse.guard(Queue)

function metatable.__tostring(self)
  return "JobQueue " .. self.name
end

---@param redis saros.Redis
---@param name string
---@param options saros.JobOptions
---@return saros.JobQueue
function queue.new(redis, name, options)
  local prefix = ("saros:jobs:{%s}:"):format(name)
  return setmetatable({
    name = name, _redis = redis, _prefix = prefix, _options = options, _scripts = scripts.of(redis, prefix),
    _ends = ends.new(redis, prefix .. "ended"),
  }, metatable)
end

return queue
