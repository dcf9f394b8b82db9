-- SPDX-License-Identifier: MIT
-- JSON, which is read and written by C.
--
-- Invariant: decode(encode(v)) gives numbers of the same value and the same math.type, and
-- encode(decode(text)) has arrays where the text has them.

require "saros"
local core = require "saros.json.core"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros.JSON
---@field null lightuserdata  the value null, as an element of a table; that of lua-cjson
local json = {}

json.null = core.null

local array_mark = { __name = "JSON array" }

-- What was an empty array when it was read. It says no more: who puts fields in may make an object of it.
local empty_mark = { __name = "JSON array", __jsontype = "array" }

---Marks a table as an array, so that it is written as one even when it is empty.
---@generic T: table
---@param t T
---@return T t itself
function json.array(t)
  if type(t) ~= "table" then
    misuse.type("array", 1, "table", t)
  end
  return setmetatable(t, array_mark)
end

-- What `pairs` gives of a table that has a say in that, such as headers and the fields of a query. A name that comes
-- again has the text that it is read as.
local function plain_fields(object)
  local fields = {}
  for key, value in pairs(object) do
    local text = fields[key] ~= nil and object[key]
    if fields[key] == nil then fields[key] = value elseif type(text) == "string" then fields[key] = text end
  end
  return fields
end

local encode, decode = core.functions(array_mark, empty_mark, plain_fields)

---Writes JSON. Keys come sorted; `{}` is an object, `json.array {}` an array; headers, and fields of a query, are
---objects. JSONError for what JSON cannot say: functions, NaN, tables with holes or with keys of both kinds, in
---themselves or nested 1000 deep.
---@type fun(value: any): string
json.encode = encode

---Reads JSON; a byte order mark before it is skipped. Integers stay integers, null becomes `json.null`, and an empty
---array is written as one again. JSONError if it is broken.
---@type fun(text: string): any
json.decode = decode

json.array = internal.entry(json.array)

return json
