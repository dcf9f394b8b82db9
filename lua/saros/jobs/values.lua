-- SPDX-License-Identifier: MIT
-- Data and results travel as JSON; nil is null. Times travel in milliseconds.

local async = require "saros"

local values = {}

---@param value any
---@return string
function values.encode(value)
  if value == nil then return "null" end
  return async.json.encode(value)
end

---@param text string
---@return any
function values.decode(text)
  local value = async.json.decode(text)
  if value == async.json.null then return nil end
  return value
end

---Seconds as the server wants them; more than it can count are as many as it can.
---@param seconds number
---@return integer
function values.milliseconds(seconds)
  return math.ceil(math.min(seconds, 1e12) * 1000)
end

return values
