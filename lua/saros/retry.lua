-- SPDX-License-Identifier: MIT
-- Calling something again until it succeeds, with pauses that grow.

local async = require "saros"
local backoff = require "saros.backoff"
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

-- What else a name of an option may stand for.
local elsewhere = { retry_if = "when", predicate = "when", on = "when" }

local known = { when = { "function", function(value) return type(value) == "function" end } }
for name, rule in pairs(backoff.rules) do
  known[name] = rule
end

-- What is wrong with an option, or nil.
local function complaint(name, value)
  local rule = known[name]
  if not rule then
    local meant = type(name) == "string" and (elsewhere[name] or backoff.meant(name) or internal.nearest(name, known))
    return ("unknown option '%s'%s"):format(tostring(name), meant and (" (did you mean '%s'?)"):format(meant) or "")
  elseif not rule[2](value) then
    return ("option '%s': %s expected, got %s"):format(name, rule[1], misuse.kind(value))
  end
end

-- A table with all options; or nil and what is wrong with them.
local function read(options)
  local result = {}
  for name, value in pairs(backoff.defaults) do
    result[name] = value
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
  local next_pause = backoff.pauses(o)
  for attempt = 1, o.attempts - 1 do
    local results = table.pack(pcall(fn))
    if results[1] then return table.unpack(results, 2, results.n) end
    if is_final(results[2], attempt, o.when) then error(results[2], 0) end
    async.sleep(next_pause())
  end
  return fn() -- outside of pcall, its error keeps its traceback
end

retry.retry = internal.entry(retry.retry)

return retry
