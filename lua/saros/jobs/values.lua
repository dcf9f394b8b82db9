-- SPDX-License-Identifier: MIT
-- Data and results travel as JSON; nil is null.

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

return values
