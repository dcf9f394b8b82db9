-- SPDX-License-Identifier: MIT
-- The words that LuaSocket and cosockets have for what saros raises.

local async = require "saros"

local failure = {}

-- By code of a SystemError; for others the system's own text stands.
local WORDS = {
  EADDRINUSE = "address already in use",
  EISCONN = "already connected",
  EACCES = "permission denied",
  ECONNREFUSED = "connection refused",
  ECONNABORTED = "closed",
  ECONNRESET = "closed",
  EPIPE = "closed",
  ETIMEDOUT = "timeout",
  ENOTFOUND = "host or service not provided, or not known",
  EAI_AGAIN = "temporary failure in name resolution",
  EADDRNOTAVAIL = "Cannot assign requested address",
  EINVAL = "Invalid argument",
  EMFILE = "Too many open files",
  EMSGSIZE = "Message too long",
  ENETUNREACH = "Network is unreachable",
  EHOSTUNREACH = "No route to host",
}

-- Errors that are results there. All others (misuse, BusyError) are raised there as here.
local RESULTS = { SystemError = true, ClosedError = true, EOFError = true, TLSError = true, LimitError = true }

---What an error is called. Raises it again if it is not for who called the library.
---@param err any
---@return string
function failure.text(err)
  if not async.is_error(err) or not RESULTS[err.name] then error(err, 0) end
  if err.name == "ClosedError" or err.name == "EOFError" then return "closed" end
  if err.name == "TLSError" then return err.reason or err.message end
  return WORDS[err.code] or err.message:match "[^:]+$":gsub("^%s+", "")
end

---Calls fn(...), which may wait until the deadline (on async.now's clock; nil: for ever). What is ready comes through
---a deadline that has passed. Returns its first result, "closed" instead of nil, or the words for what went wrong.
---@async
---@param deadline? number
---@param fn function
---@return any result
---@return string? problem
function failure.attempt(deadline, fn, ...)
  local ok, in_time, result
  if deadline then
    ok, in_time, result = async.pcall(async.move_on_after, math.max(deadline - async.now(), 0), fn, ...)
  else
    ok, result = async.pcall(fn, ...)
    in_time = ok or result
  end
  if not ok then return nil, failure.text(in_time) end
  if not in_time then return nil, "timeout" end
  if result == nil then return nil, "closed" end
  return result
end

return failure
