-- SPDX-License-Identifier: MIT
-- Plain models of what a semaphore and a queue have to do, to be compared with what happened.
--
-- A call is noted when it begins and when it succeeds; a call that raises takes part in nothing, whatever
-- the moment of its cancellation. So the model needs only those that succeeded, in the order in which they
-- began, and is exact: nobody may overtake, and nobody may get what nobody has given.

local async = require "saros"

local oracle = {}

-- ---- permits --------------------------------------------------------------------------------------

local Permits = {}
Permits.__index = Permits

--- Of a semaphore with n permits, or of a lock with one.
function oracle.permits(n)
  return setmetatable({limit = n, events = {}, held = 0, most = 0}, Permits)
end

local function note(self, kind, call)
  table.insert(self.events, {kind = kind, call = call})
end

--- Calls acquire(...), which gives a permit; returns one that notes its release.
function Permits:acquire(acquire, ...)
  local call = {}
  note(self, "asked", call)
  local permit = acquire(...)
  call.is_granted = true
  note(self, "got", call)
  self.held = self.held + 1
  self.most = math.max(self.most, self.held)
  local function release()
    if call.is_released then return end
    call.is_released = true
    self.held = self.held - 1
    note(self, "released", call)
    permit:release()
  end
  return setmetatable({release = release}, {__close = release})
end

--- Raises unless the calls that were granted got their permits in the order in which they asked.
function Permits:check()
  local free, waiting, allowed, got = self.limit, {}, {}, 0
  for _, event in ipairs(self.events) do
    if event.kind == "released" then
      local next_call = table.remove(waiting, 1)
      if next_call then allowed[next_call] = true else free = free + 1 end
    elseif event.kind == "got" then
      assert(allowed[event.call], "a permit went to a call that was not the next")
      got = got + 1
    elseif event.call.is_granted then
      if free > 0 then
        free = free - 1
        allowed[event.call] = true
      else
        table.insert(waiting, event.call)
      end
    end
  end
  assert(free == self.limit, "a permit was not given back")
  assert(self.held == 0 and self.most <= self.limit, "more permits than there are")
  return got
end

-- ---- items ----------------------------------------------------------------------------------------

local Items = {}
Items.__index = Items

--- Of a queue, first in, first out.
function oracle.items(queue)
  return setmetatable({queue = queue, puts = {}, gets = {}}, Items)
end

--- Puts a new item.
function Items:put()
  local call = {}
  table.insert(self.puts, call)
  self.queue:put(call)
  call.is_done = true
end

--- Gets an item.
function Items:get()
  local call = {}
  table.insert(self.gets, call)
  call.item = self.queue:get()
  return call.item
end

local function succeeded(calls, field)
  local list = {}
  for _, call in ipairs(calls) do
    if call[field] then list[#list + 1] = call end
  end
  return list
end

--- Raises unless the n-th successful get got the item of the n-th successful put, and the rest is still there.
function Items:check()
  local puts, gets = succeeded(self.puts, "is_done"), succeeded(self.gets, "item")
  assert(#gets <= #puts, "an item was got twice")
  for i, call in ipairs(gets) do assert(call.item == puts[i], "an item was lost, or overtaken") end
  for i = #gets + 1, #puts do assert(self.queue:try_get() == puts[i], "an item was lost in the queue") end
  assert(self.queue:try_get() == nil, "an item was put twice")
  return #puts, #gets
end

-- ---- what runs ------------------------------------------------------------------------------------

local Workers = {}
Workers.__index = Workers

local LONG = 1000 -- seconds: longer than anything else in a scenario

--- Bodies whose number at any moment is known: nothing may be running behind a scope that was left.
function oracle.workers(probe)
  return setmetatable({probe = probe, running = 0, ended = 0, outlasted = 0}, Workers)
end

--- A body that works for some seconds, cleans up for some (out of reach of cancellation), and then returns the
--- value, or raises the error. One that `loses` works for so long that it must be cancelled before its end.
function Workers:body(options)
  return self.probe:body(function(...)
    self.running = self.running + 1
    local _ <close> = self.probe:closes(function()
      if options.cleanup then async.shield(function() async.sleep(options.cleanup) end) end
      self.running = self.running - 1
    end)
    if options.work then options.work(...) else async.sleep(options.loses and LONG or options.seconds or 0) end
    self.ended = self.ended + 1
    if options.loses then self.outlasted = self.outlasted + 1 end
    if options.fails then error(oracle.planned(), 0) end
    return options.value
  end)
end

--- Tasks that have begun, or will, and were not there before.
local function count_new(before)
  local known, count = {}, 0
  for _, task in ipairs(before) do known[task] = true end
  for _, task in ipairs(async.all_tasks()) do
    if not known[task] then count = count + 1 end
  end
  return count
end

--- Calls fn(...). When it is left, however, nothing of it may be running or about to begin, and no loser
--- may have come to the end of its work (unless the schedule has cancelled the winner).
function Workers:left_by(fn, ...)
  local before = async.all_tasks()
  local results = table.pack(pcall(fn, ...))
  assert(self.running == 0, "something is running behind a scope that was left")
  assert(count_new(before) == 0, "a task is left behind a scope that was left")
  assert(self.outlasted == 0 or not self.probe:spares_others(), "a loser came to its end instead of being cancelled")
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

--- An error that belongs to the scenario.
function oracle.planned()
  return async.error {name = "Planned", message = "this belongs to the scenario"}
end

return oracle
