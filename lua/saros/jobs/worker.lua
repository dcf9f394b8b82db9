-- SPDX-License-Identifier: MIT
-- A worker: takes jobs from the queue and runs their handlers, so many at a time.
--
-- While a handler runs, heartbeats keep the lease of its job. A job whose lease was lost belongs to somebody else: its
-- handler is cancelled and its end is not told. The tasks of handlers stand in shields, which give them their grace
-- when the worker is cancelled; what is told to Redis then is told in a shield, too.

local async = require "saros"
local backoff = require "saros.backoff"
local cron = require "saros.jobs.cron"
local job = require "saros.jobs.job"
local reader = require "saros.jobs.reader"
local values = require "saros.jobs.values"

local milliseconds = values.milliseconds

local worker = {}

---@class saros.jobs.Worker
---@field package _queue saros.JobQueue
---@field package _handlers table<string, async fun(data: any, job: saros.Job): any>
---@field package _consumer string      its name in the group, which nobody had before
---@field package _running table<string, saros.jobs.Running>
---@field package _count integer        of those
---@field package _change saros.Event   one of them has ended
---@field package _stop saros.Event     heartbeats are not needed any more
---@field package _next_look number     when to look what time has brought
---@field package _looks_for_more boolean  there was no room for all jobs of workers that are gone
---@field package _reader saros.jobs.Reader
---@field package _taking? saros.TaskGroup  what the task that takes is in
---@field package _is_stopping boolean
---@field package _starts integer       how many names for starts there were
local Worker = {}

local metatable = { __index = Worker }

---A job that is being done.
---@class saros.jobs.Running
---@field id string
---@field owner string       the name of this start
---@field job string
---@field data string        JSON
---@field attempt integer
---@field lease_until number on our own clock
---@field is_lost boolean    it belongs to somebody else, or to nobody
---@field scope? saros.TaskGroup
---@field task saros.Task

-- Errors that pass when the server is back.
local PASSING = {
  LOADING = true, READONLY = true, MASTERDOWN = true, CLUSTERDOWN = true, TRYAGAIN = true, BUSY = true, OOM = true,
  MISCONF = true, NOREPLICAS = true,
}

-- What it says when somebody has emptied the database.
local EMPTIED = { NOGROUP = true, UNBLOCKED = true }

local function is_passing(err)
  if not async.is_error(err) then return false end
  if err.name == "FetchError" or err.name == "TimeoutError" then return true end
  return err.name == "RedisError" and PASSING[err.code] == true
end

local function pauses()
  return backoff.pauses { delay = 0.05, factor = 2, max_delay = 2, jitter = 0.5 }
end

-- Runs a script, again until it has passed. That does no harm: what a script has done it does not do twice.
local function insist(self, deadline, name, ...)
  local pause
  while true do
    local ok, result = async.pcall(self._queue._scripts[name], ...)
    if ok then return result end
    if not is_passing(result) or async.now() > deadline then error(result, 0) end
    pause = pause or pauses()
    async.sleep(pause())
  end
end

-- ---- Doing ---------------------------------------------------------------------------------------

-- Our own files do not show in a traceback.
local HERE = debug.getinfo(1, "S").short_src:match "^(.*[/\\])[^/\\]*$" or ""

local function without_us(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    if not line:find(HERE, 1, true) and not line:find "^%s*%[C%]" then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

-- What went wrong in a handler, in words.
local function describe(err)
  if async.is_error(err) then return { message = tostring(err), traceback = without_us(err.traceback or "") } end
  return { message = tostring(err), traceback = without_us(debug.traceback("", 2)), value = err }
end

-- A message handler: it sees where the error arose.
local function on_raised(err)
  local failure = describe(err)
  failure.is_cancelled = async.is_error(err, "CancelledError") and err.task == async.current_task()
  return failure
end

local function perform(self, running)
  local queue, handler = self._queue, self._handlers[running.job]
  if not handler then error(("no worker here knows how to do '%s'"):format(running.job), 0) end
  local as_job = job.new(queue, running.id, { job = running.job, attempt = running.attempt, _owner = running.owner })
  return values.encode((handler(values.decode(running.data), as_job)))
end

-- Runs the handler where it can be cancelled when the lease is lost, and has its grace when the worker is.
local function perform_shielded(self, running)
  local ok, result = false, { message = "the worker was stopped", traceback = "", is_cancelled = true }
  pcall(async.shield, function()
    async.task_group(function(group)
      running.scope = group
      if running.is_lost then return end
      ok, result = xpcall(perform, on_raised, self, running)
    end)
  end, self._grace)
  running.scope = nil
  return ok, result
end

local function retry_delay(self, attempt)
  local options = self._queue._options
  local pause = backoff.pauses(options)
  local seconds = 0
  for _ = 1, math.min(attempt, 100) do seconds = pause() end
  return milliseconds(seconds)
end

-- Tells how it ended. Of a job that is not ours any more there is nothing to tell.
local function tell(self, running, was_stopped, ok, result)
  if running.is_lost then return end
  local id, owner, deadline = running.id, running.owner, running.lease_until
  if ok then
    insist(self, deadline, "finish", id, owner, result, milliseconds(self._queue._options.keep_results))
  elseif result.is_cancelled and was_stopped then
    insist(self, deadline, "release", id, owner)
  else
    local delay = retry_delay(self, running.attempt)
    insist(self, deadline, "fail", id, owner, result.message, result.traceback, delay)
  end
end

-- The task of a job.
local function run(self, running)
  local ok, result = perform_shielded(self, running)
  local was_stopped = async.cancelled()
  local told, err = pcall(async.shield, function() tell(self, running, was_stopped, ok, result) end)
  self._running[running.id] = nil
  self._count = self._count - 1
  self._change:set()
  if not told then error(err, 0) end
end

-- Cancels the handler of a job that is not ours any more.
local function lose(self, id)
  local running = self._running[id]
  if not running or running.is_lost then return end
  running.is_lost = true
  if running.scope then running.scope:cancel() end
end

-- Begins a job: {id, name, data, attempt}. One that we do already had lost its lease; it is handed back, for the next
-- to come.
local function begin(self, given, owner)
  local id = given[1]
  if self._running[id] then
    lose(self, id)
    return self._queue._scripts.release(id, owner)
  end
  local running = {
    id = id, owner = owner, job = given[2], data = given[3], attempt = given[4], is_lost = false,
    lease_until = async.now() + self._queue._options.lease,
  }
  self._running[id], self._count = running, self._count + 1
  running.task = async.spawn(run, self, running)
end

-- A name for the starts that follow, which nobody else has.
local function next_owner(self)
  self._starts = self._starts + 1
  return ("%s.%d"):format(self._consumer, self._starts)
end

-- ---- Heartbeats ----------------------------------------------------------------------------------

local function beat(self)
  local list, sent = {}, async.now()
  for id, running in pairs(self._running) do
    if not running.is_lost then table.move({ id, running.owner }, 1, 2, #list + 1, list) end
  end
  if #list == 0 then return true end
  local ok, lost = async.pcall(self._queue._scripts.beat, self._consumer, table.unpack(list))
  if not ok then return false end
  for _, id in ipairs(lost) do lose(self, id) end
  for i = 1, #list, 2 do
    local running = self._running[list[i]]
    if running then running.lease_until = sent + self._queue._options.lease end
  end
  return true
end

-- Without an answer the leases run out here, as they do there.
local function expire(self)
  local now = async.now()
  for id, running in pairs(self._running) do
    if now > running.lease_until then lose(self, id) end
  end
end

local function heart(self)
  local lease = self._queue._options.lease
  while not self._stop:is_set() do
    local is_well = beat(self)
    if not is_well then expire(self) end
    async.move_on_after(is_well and lease / 3 or lease / 10, self._stop.wait, self._stop)
  end
end

-- Hears of jobs that were cancelled while they run. Without it the next heartbeat would tell.
local function listen(self)
  local queue, pause = self._queue, pauses()
  while true do
    local ok, err = async.pcall(function()
      for _, id in queue._redis:subscribe(queue._prefix .. "lost") do lose(self, id) end
    end)
    if not ok and async.is_error(err, "ClosedError") then return end
    async.sleep(pause())
  end
end

-- ---- Taking --------------------------------------------------------------------------------------

-- Fires a schedule that is due; missed ticks are made up for once.
local function fire(self, name, tick, text, time)
  local plan = cron.parse(text)
  if not plan then return end
  local following = cron.after(plan, time // 1000)
  self._queue._scripts.fire(name, tick, following * 1000, self._queue._options.attempts)
  self._next_look = math.min(self._next_look, async.now() + following - time / 1000)
end

-- What time has brought: late jobs, jobs of workers that are gone, schedules.
local function look(self)
  beat(self) -- so that our own are not among those whose lease is over
  local room, owner = self._concurrency - self._count, next_owner(self)
  local lease = milliseconds(self._queue._options.lease)
  local taken, pause, due, time, more = table.unpack(self._queue._scripts.look(self._consumer, owner, lease, room))
  self._next_look = async.now() + pause / 1000
  self._looks_for_more = room == 0 or more == 1
  for _, given in ipairs(taken) do begin(self, given, owner) end
  for _, schedule in ipairs(due) do fire(self, schedule[1], schedule[2], schedule[3], time) end
end

-- Entries as arguments of a script: each its id, and what it carries.
local function arguments(entries)
  local list, has_wake = {}, false
  for i, entry in ipairs(entries) do
    list[3 * i - 2], list[3 * i - 1], list[3 * i] = entry[1], entry[2][1], entry[2][2]
    has_wake = has_wake or entry[2][1] == "wake"
  end
  return list, has_wake
end

-- Waits for new jobs, until it is time to look again. What comes when we stop is left, to be handed back.
local function fetch(self)
  local wait = math.max(milliseconds(self._next_look - async.now()), 1)
  local entries = self._reader:read(self._concurrency - self._count, wait)
  if not entries or self._is_stopping then return end
  local list, has_wake = arguments(entries)
  if has_wake then self._next_look = 0 end
  local owner = next_owner(self)
  for _, given in ipairs(self._queue._scripts.start(owner, table.unpack(list))) do begin(self, given, owner) end
end

-- One that is full looks, too: what is due by then is for those that have room.
local function turn(self)
  local has_room = self._count < self._concurrency
  if async.now() >= self._next_look or has_room and self._looks_for_more then return look(self) end
  if has_room then return fetch(self) end
  self._change:clear()
  async.move_on_after(self._next_look - async.now(), self._change.wait, self._change)
end

local function take(self)
  local pause = pauses()
  while not self._is_stopping do
    local ok, err = async.pcall(turn, self)
    if ok then
      pause = pauses()
    elseif async.is_error(err, "RedisError") and EMPTIED[err.code] then
      self._queue._scripts.join()
    elseif is_passing(err) then
      self._next_look = 0
      async.sleep(pause())
    else
      error(err, 0)
    end
  end
end

-- The task that takes. The group is there to be cancelled.
local function taker(self)
  local ok, err = true, nil
  async.task_group(function(group)
    self._taking = group
    ok, err = async.pcall(take, self)
  end)
  if not ok then error(err, 0) end
end

-- ---- Beginning and end ---------------------------------------------------------------------------

-- Takes no more, gives those that run their grace, and hands back what is left.
local function finish(self, taking, helpers)
  self._is_stopping = true
  self._change:set()
  self._reader:interrupt(function() return taking:done() end)
  if self._taking then self._taking:cancel() end
  async.wait { taking }
  self._reader:close()
  local tasks = {}
  for _, running in pairs(self._running) do tasks[#tasks + 1] = running.task end
  for _, task in ipairs(tasks) do task:cancel "the worker stops" end
  async.wait(tasks)
  self._stop:set()
  for _, helper in ipairs(helpers) do helper:close() end
  pcall(self._queue._scripts.leave, self._consumer)
end

---Works until it is cancelled.
---@async
---@param queue saros.JobQueue
---@param handlers table<string, async fun(data: any, job: saros.Job): any>
---@param concurrency integer
---@param grace number
function worker.run(queue, handlers, concurrency, grace)
  local self = setmetatable({
    _queue = queue, _handlers = handlers, _concurrency = concurrency, _grace = grace, _running = {}, _count = 0,
    _change = async.event(), _stop = async.event(), _next_look = 0, _starts = 0, _is_stopping = false,
    _looks_for_more = false,
  }, metatable)
  self._consumer = ("worker-%d-%08x"):format(queue._scripts.join(), math.random(0, 0xffffffff))
  self._reader = reader.new(queue._redis, queue._prefix .. "stream", self._consumer)
  local taking = async.spawn(async.shield, function() taker(self) end)
  local helpers = { async.spawn(async.shield, function() heart(self) end), async.spawn(listen, self) }
  local _, err = pcall(taking.await, taking)
  async.shield(function() finish(self, taking, helpers) end)
  error(err, 0)
end

return worker
