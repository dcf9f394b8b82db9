-- SPDX-License-Identifier: MIT
-- What can go wrong, and the Error objects that say so. A failure of a connection is a plain table at first: each of
-- those who wait makes an error of its own from it, which knows where that one waited.

local async = require "saros"

local failure = {}

---@class saros.redis.Failure
---@field kind "broken"|"timeout"|"closed"|"refused"|"unsent"
---@field code? string
---@field message string
---@field cause? any
---@field is_final? boolean  to try again is of no use

-- What the first word of an error reply says to those who would have to know Redis well.
local hints = {
  MOVED = "the server is part of a cluster, whose parts saros.redis does not look for: connect to the one that has "
    .. "the key",
}
hints.ASK = hints.MOVED

---The error of an error reply.
---@param text string
---@param command? string
---@return saros.Error
function failure.reply(text, command)
  local code = text:match "^%S+" or ""
  local hint = hints[code]
  return async.error {
    name = "RedisError", code = code, message = hint and ("%s (%s)"):format(text, hint) or text, command = command,
  }
end

---What a connection broke by, from the error that its stream raised; nil for one that is not of a stream.
---@param err any
---@return saros.redis.Failure?
function failure.of_stream(err)
  if not async.is_error(err) then return nil end
  if err.name == "SystemError" then
    local code = err.code == "EPIPE" and "ECONNRESET" or err.code -- the same, seen by who writes
    return { kind = "broken", code = code, message = err.message, cause = err }
  end
  if err.name == "TLSError" then
    return { kind = "broken", code = "ETLS", message = err.message, cause = err, is_final = true }
  end
  if err.name == "EOFError" then
    return { kind = "broken", code = "ETRUNCATED", message = "the connection ended in the middle", cause = err }
  end
  if err.name == "ClosedError" then return failure.closed end
  return nil
end

---@param message string  what the server said
---@return saros.redis.Failure
function failure.protocol(message)
  return { kind = "broken", code = "EPROTO", message = "the server does not speak Redis' protocol: " .. message }
end

---The end of a connection.
---@param where string  "between" replies, or "inside" one
---@return saros.redis.Failure
function failure.ended(where)
  if where == "inside" then
    return { kind = "broken", code = "ETRUNCATED", message = "the connection ended in the middle of a reply" }
  end
  return { kind = "broken", code = "ECONNRESET", message = "the server has closed the connection" }
end

---Of what should not happen, such as a lack of memory.
---@param err any
---@return saros.redis.Failure
function failure.unexpected(err)
  return { kind = "broken", code = "EIO", message = tostring(err), cause = err, is_final = true }
end

failure.closed = { kind = "closed", message = "the client is closed", is_final = true }

---Of a command that has not left: it can be given to another connection.
failure.unsent = { kind = "unsent", message = "not sent" }

---@param message string
---@return saros.redis.Failure
function failure.timeout(message, seconds)
  return { kind = "timeout", message = message, seconds = seconds }
end

---An error reply to what the client itself says at the beginning of a connection.
---@param text string
---@return saros.redis.Failure
function failure.refused(text)
  return { kind = "refused", message = text, is_final = text:match "^%S+" ~= "LOADING" }
end

---The Error object of a failure, for the command that met it.
---@param what saros.redis.Failure
---@param command string
---@param place {host: string, port: integer?}
---@return saros.Error
function failure.error(what, command, place)
  if what.kind == "refused" then return failure.reply(what.message, command) end
  local fields = { command = command, message = ("%s: %s"):format(command, what.message) }
  if what.kind == "closed" then
    fields.name, fields.code = "ClosedError", "ECLOSED"
  elseif what.kind == "timeout" then
    fields.name, fields.code, fields.seconds = "TimeoutError", "ETIMEDOUT", what.seconds
  else
    fields.name, fields.code, fields.cause = "FetchError", what.code, what.cause
    fields.host, fields.port, fields.path = place.host, place.port, place.path
  end
  return async.error(fields)
end

return failure
