-- SPDX-License-Identifier: MIT
-- Generators: an iterator made by a function that may wait.

local async = require "saros"
local internal = require "saros.internal"
local iterators = require "saros.iterators"
local misuse = require "saros.misuse"

---@class saros
local generator = {}

local first = { return_when = "first_completed" }

-- Waits until the loop asks for a value. One that was left asks for none, though a shield be around.
local function wait_until_wanted(self)
  if not self.finished then self.wanted:await() end
  if self.finished then internal.raise_left() end
end

-- Runs in the producer's task: hands the values over and waits until the consumer asks again. If the `yield`
-- before this one was interrupted, the loop has not asked yet.
local function hand_over(self, ...)
  local values = table.pack(...)
  if self.finished or not self.given or self.given:done() then wait_until_wanted(self) end
  self.values = values
  self.wanted = async.future()
  self.given:set()
  wait_until_wanted(self)
end

-- The loop was left: a producer that waits in `yield`, out of reach of its cancellation, goes on.
local function release(self)
  self.finished = true
  if self.wanted then self.wanted:set() end
end

-- What the loop holds, and the iterator; the producer does not, so that the collector finds out when both are gone.
local Handle = {
  -- Cancels and joins the producer when the loop is left. Errors of its cleanup are raised.
  __close = function(handle)
    local self = handle.state
    local task = self.task
    if task and task ~= async.current_task() then task:cancel() end
    release(self)
    if task == nil then return end
    task:close()
    if task:status() == "failed" and not self.raised then error(task:error(), 0) end
  end,

  -- The backstop for an iterator that was called by hand and given up.
  __gc = function(handle)
    local self = handle.state
    if not self.finished and self.task and not self.task:done() then
      self.task:cancel()
      release(self)
      internal.collected("generator", self.place)
    end
  end,
}

-- Lets the producer go on, for the first time or behind its yield. A request stands until it is met,
-- also if the step that made it was cancelled.
local function request(self, fn)
  if self.given ~= nil then return end
  self.given = async.future()
  if self.task ~= nil then
    self.wanted:set()
    return
  end
  self.task = async.spawn(fn, function(...)
    if async.current_task() ~= self.task then
      misuse.raise "yield: called by another task than the generator's own"
    end
    hand_over(self, ...)
  end)
end

-- Takes what was handed over.
local function take(self)
  self.given = nil
  return table.unpack(self.values, 1, self.values.n)
end

---An iterator over what fn(yield) passes to yield(...). Both sides may wait; fn runs in a task of its
---own, in lockstep with the loop: from one `yield` to the next while the loop waits for a value.
---Leaving the loop cancels and joins it. An error in fn is raised in the loop. BusyError if another task
---waits in the iterator.
---@param fn async fun(yield: async fun(...: any))
---@return async fun(): ... next
function generator.generator(fn)
  misuse.check_function("generator", 1, fn)
  local handle = setmetatable({ state = { finished = false, place = internal.place() } }, Handle)

  ---@async
  local function step()
    internal.checkpoint "generator"
    local self = handle.state
    if self.finished then return nil end
    if self.busy then
      error(async.error { name = "BusyError", code = "EBUSY", message = "generator: another task waits in it" }, 0)
    end
    self.busy = true
    local held <close> = setmetatable({}, { __close = function() self.busy = false end })
    request(self, fn)
    internal.wait_in_generator({ self.given, self.task }, first)
    if self.given:done() then return take(self) end
    self.finished, self.raised = true, true
    self.task:await()
    return nil
  end
  return iterators.closed_by(internal.entry(step), handle)
end

generator.generator = internal.entry(generator.generator)

return generator
