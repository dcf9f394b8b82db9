-- SPDX-License-Identifier: MIT
-- Names with values that a client has sent: of a query, of a form, of cookies.

local misuse = require "saros.misuse"

local fields = {}

-- Key no name can be equal to.
local PAIRS = {}

---By name, the first value. `pairs` runs in order, repeats included.
---@class saros.HTTPFields: { [string]: string }
local HTTPFields = {}

local metatable = { __name = "Fields" }

---All values of one name, in order; an empty list if there is none.
---@param name string
---@return string[]
function HTTPFields:get_all(name)
  if getmetatable(self) ~= metatable then misuse.self("fields:get_all", self) end
  if type(name) ~= "string" then misuse.type("fields:get_all", 1, "string", name) end
  local values, list = {}, rawget(self, PAIRS)
  for i = 1, #list, 2 do
    if list[i] == name then values[#values + 1] = list[i + 1] end
  end
  return values
end

misuse.guard(HTTPFields)

function metatable.__index(self, name)
  if HTTPFields[name] then return HTTPFields[name] end
  local list = rawget(self, PAIRS)
  for i = 1, #list, 2 do
    if list[i] == name then return list[i + 1] end
  end
  return nil
end

function metatable.__newindex()
  error("what a client has sent is read-only", 2)
end

function metatable.__pairs(self)
  local list, i = rawget(self, PAIRS), -1
  return function()
    i = i + 2
    return list[i], list[i + 1]
  end, self, nil
end

local function new(list)
  return setmetatable({ [PAIRS] = list }, metatable)
end

local function byte_of(digits)
  return string.char(tonumber(digits, 16))
end

-- A broken escape stays as it is.
local function decode(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", byte_of))
end

---Reads `a=b&c=d`, as forms and queries are written.
---@param text string
---@return saros.HTTPFields
function fields.of_form(text)
  local list = {}
  for pair in text:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    list[#list + 1] = decode(name)
    list[#list + 1] = decode(value)
  end
  return new(list)
end

---Reads values of the header Cookie.
---@param values string[]
---@return saros.HTTPFields
function fields.of_cookies(values)
  local list = {}
  for _, header in ipairs(values) do
    for pair in header:gmatch "[^;]+" do
      local name, value = pair:match "^[ \t]*([^=]-)[ \t]*=[ \t]*(.-)[ \t]*$"
      if name and name ~= "" then
        list[#list + 1] = name
        list[#list + 1] = value:match '^"(.*)"$' or value
      end
    end
  end
  return new(list)
end

return fields
