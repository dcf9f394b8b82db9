-- SPDX-License-Identifier: MIT
-- What the functions of async.fs are given, checked before anything happens.

local misuse = require "saros.misuse"

local check = {}

---A path: a string without NUL bytes.
function check.path(caller, position, value)
  if type(value) ~= "string" then misuse.type(caller, position, "string", value) end
  if value:find("\0", 1, true) then misuse.argument(caller, position, "must not contain NUL bytes") end
end

---What is to be written: a string or a number.
function check.data(caller, position, value)
  if type(value) ~= "string" and type(value) ~= "number" then misuse.type(caller, position, "string", value) end
end

local function is_integer(value)
  return type(value) == "number" and math.tointeger(value) ~= nil
end

---An integer, from 0 on; nil where it may be left out.
function check.id(caller, position, value, is_optional)
  if value == nil and is_optional then return end
  if type(value) ~= "number" then misuse.type(caller, position, "integer", value) end
  if not is_integer(value) or value < -1 or value >= 0xffffffff then -- the last one stands for none
    misuse.argument(caller, position, "user or group out of range")
  end
end

-- The bits of permissions that a value stands for, or nil: an integer, or octal digits as a string.
local function mode_of(value)
  if type(value) == "string" and value:find "^[0-7]+$" then value = tonumber(value, 8) end
  if is_integer(value) and value >= 0 and value <= 4095 then return math.tointeger(value) end
end

---Permissions: an integer, or its octal digits as a string ("644"); nil where they may be left out.
---@return integer?
function check.mode(caller, position, value, is_optional)
  if value == nil and is_optional then return nil end
  if type(value) ~= "number" and type(value) ~= "string" then
    misuse.type(caller, position, "permissions (integer or octal string)", value)
  end
  return mode_of(value) or misuse.argument(caller, position, ("no permissions: %s"):format(value))
end

---Seconds since the epoch; nil: now.
function check.time(caller, position, value)
  if value == nil then return end
  if type(value) ~= "number" then misuse.type(caller, position, "number", value) end
  if value ~= value or value - value ~= 0 then misuse.argument(caller, position, "a finite time expected") end
end

local options = {
  atomic = function(value) return type(value) == "boolean", "boolean" end,
  exclusive = function(value) return type(value) == "boolean", "boolean" end,
  parents = function(value) return type(value) == "boolean", "boolean" end,
  mode = function(value) return mode_of(value) ~= nil, "permissions (integer or octal string)" end,
}

---Options, or nil for none.
---@return table
function check.options(caller, position, given, known)
  return misuse.check_options(caller, position, given, known, options)
end

---The permissions of an option that was checked.
---@return integer?
function check.mode_of(value) return mode_of(value) end

return check
