-- SPDX-License-Identifier: MIT
-- Waiting for the ends of jobs: all who wait for one of a queue share a subscription, which is there as long as
-- somebody waits. Whoever is woken looks for himself.

local async = require "saros"

local ends = {}

---@class saros.jobs.Ends
---@field package _redis saros.Redis
---@field package _channel string
---@field package _watches table<string, table<saros.jobs.Watch, true>>  by the ids of jobs
---@field package _task? saros.Task
local Ends = {}

local metatable = { __index = Ends }

-- Somebody who waits for the end of a job.
---@class saros.jobs.Watch
---@field package _news saros.Event
---@field package _err any
local Watch = {}

local watch_metatable = { __index = Watch }

local function wake(watch, err)
  watch._err = watch._err or err
  watch._news:set()
end

local function wake_all(self, err)
  for _, watches in pairs(self._watches) do
    for watch in pairs(watches) do wake(watch, err) end
  end
end

local function listen(self)
  local step, _, _, subscription = self._redis:subscribe(self._channel)
  local held <close> = subscription
  subscription.on_stand = function() wake_all(self) end -- what ended before was not heard
  for _, id in step do
    for watch in pairs(self._watches[id] or {}) do wake(watch) end
  end
end

-- One that was given up has nobody to tell: those who watch now have another.
local function run(self)
  local ok, err = pcall(listen, self)
  if self._task ~= async.current_task() then return end
  self._task = nil
  if not ok then wake_all(self, err) end
end

---Waits until it is worth while to look again. Raises what ended the subscription.
---@async
function Watch:wait()
  local owner = self._ends
  if not owner._task or owner._task:done() then owner._task = async.spawn(run, owner) end
  self._news:wait()
  self._news:clear()
  if self._err then error(self._err, 0) end
end

---Ends it, and the subscription with the last one.
function Watch:close()
  local owner = self._ends
  local watches = owner._watches[self.id] or {}
  watches[self] = nil
  if next(watches) == nil then owner._watches[self.id] = nil end
  if next(owner._watches) == nil and owner._task then
    owner._task:cancel()
    owner._task = nil
  end
end

watch_metatable.__close = Watch.close

---Watches a job: who looks at it from now on misses no end of it.
---@param id string
---@return saros.jobs.Watch
function Ends:watch(id)
  local watch = setmetatable({ _ends = self, id = id, _news = async.event() }, watch_metatable)
  self._watches[id] = self._watches[id] or {}
  self._watches[id][watch] = true
  return watch
end

---@param redis saros.Redis
---@param channel string
---@return saros.jobs.Ends
function ends.new(redis, channel)
  return setmetatable({ _redis = redis, _channel = channel, _watches = {} }, metatable)
end

return ends
