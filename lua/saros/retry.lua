-- SPDX-License-Identifier: MIT
-- Calling something again until it succeeds, with pauses that grow.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros
local retry = {}

---@class saros.RetryOptions
---@field attempts? number   calls at most; 3 unless said otherwise, math.huge for no limit
---@field delay? number      seconds before the second attempt; 0.5 unless said otherwise
---@field factor? number     by which the delay grows each time; 2 unless said otherwise
---@field max_delay? number  seconds it grows to; 30 unless said otherwise
---@field jitter? number     from 0 to 1: each delay is shortened by a random part, at most this fraction
---@field when? async fun(err: any, attempt: integer): boolean  whether to try again after this error

local function is_seconds(value)
  return value == value
end

-- Every option: its type, what it is if it is not given, and for numbers what it has to be.
local known = {
  attempts = {
    type = "number",
    default = 3,
    expected = "a whole number from 1, or math.huge",
    accepts = function(value)
      return value >= 1 and (value == math.huge or math.tointeger(value) ~= nil)
    end,
  },
  delay = { type = "number", default = 0.5, expected = "seconds", accepts = is_seconds },
  max_delay = { type = "number", default = 30, expected = "seconds", accepts = is_seconds },
  factor = {
    type = "number",
    default = 2,
    expected = "a finite number from 0",
    accepts = function(value)
      return value >= 0 and value < math.huge
    end,
  },
  jitter = {
    type = "number",
    default = 0,
    expected = "a fraction from 0 to 1",
    accepts = function(value)
      return value >= 0 and value <= 1
    end,
  },
  when = { type = "function" },
}

-- What others call them.
local elsewhere = {
  tries = "attempts", max_tries = "attempts", retries = "attempts", max_attempts = "attempts", max_retries = "attempts",
  times = "attempts", backoff = "factor", multiplier = "factor", wait = "delay", interval = "delay",
  retry_if = "when", predicate = "when", on = "when",
}

-- What is wrong with an option, or nil.
local function complaint(name, value)
  local option = known[name]
  if not option then
    local meant = type(name) == "string" and (elsewhere[name] or internal.nearest(name, known))
    return ("unknown option '%s'%s"):format(tostring(name), meant and (" (did you mean '%s'?)"):format(meant) or "")
  elseif type(value) ~= option.type then
    return ("option '%s': %s expected, got %s"):format(name, option.type, type(value))
  elseif option.accepts and not option.accepts(value) then
    return ("option '%s': %s expected, got %s"):format(name, option.expected, value)
  end
end

-- A table with all options; or nil and what is wrong with them.
local function read(options)
  local result = {}
  for name, option in pairs(known) do
    result[name] = option.default
  end
  if type(options) ~= "table" and options ~= nil then return nil, ("table expected, got %s"):format(type(options)) end
  for name, value in pairs(options or {}) do
    local message = complaint(name, value)
    if message then return nil, message end
    result[name] = value
  end
  return result
end

-- Whether `err` ends it all: our own cancellation, Ctrl-C, or `when` says so.
local function is_final(err, attempt, when)
  if async.is_error(err, "InterruptError") then
    return true
  elseif async.is_error(err, "CancelledError") and err.task == async.current_task() then
    return true
  end
  return when ~= nil and not when(err, attempt)
end

---Calls fn() until it succeeds, at most `attempts` times; returns its results or raises its last error,
---unchanged. Between two attempts it pauses: `delay` seconds, then `factor` times as long each time, up to
---`max_delay`; `jitter` shortens each pause by a random part, at most that fraction. `when(err, attempt)`,
---asked before each new attempt, says by a false value that there shall be none. A cancellation of the
---calling task and Ctrl-C are never retried. Waits.
---@async
---@param fn async fun(): ...
---@param options? saros.RetryOptions
---@return any ...
function retry.retry(fn, options)
  misuse.check_function("retry", 1, fn)
  local o, message = read(options)
  if not o then misuse.argument("retry", 2, message) end
  internal.checkpoint "retry"
  local pause = math.max(0, math.min(o.delay, o.max_delay))
  for attempt = 1, o.attempts - 1 do
    local results = table.pack(pcall(fn))
    if results[1] then return table.unpack(results, 2, results.n) end
    if is_final(results[2], attempt, o.when) then error(results[2], 0) end
    async.sleep(pause * (1 - o.jitter * math.random()))
    pause = math.min(pause * o.factor, o.max_delay)
  end
  return fn() -- outside of pcall, its error keeps its traceback
end

retry.retry = internal.entry(retry.retry)

return retry
