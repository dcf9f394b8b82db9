-- SPDX-License-Identifier: MIT
-- JSON over lua-cjson, which reads quickly but knows only floats, takes control characters for text and
-- an empty array for an empty object: all that is put right here, and writing, where it would lose digits,
-- is done here altogether.
--
-- Invariant: decode(encode(v)) gives numbers of the same value and the same math.type, and
-- encode(decode(text)) has arrays where the text has them.

local async = require "saros"
local cjson = require("cjson").new()
local internal = require "saros.internal"
local misuse = require "saros.misuse"

cjson.decode_invalid_numbers(false)

---Needs lua-cjson, which is loaded at the first use.
---@class saros.JSON
---@field null lightuserdata  the value null, as an element of a table
local json = {}

json.null = cjson.null

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

local function fail(message)
  error(async.error { name = "JSONError", code = "EJSON", message = message }, 0)
end

-- Decoding ----------------------------------------------------------------------------------------

-- In texts with numbers that a float cannot tell (1.0 from 1) or hold (more than 15 digits), such
-- numbers travel through cjson as strings that begin with this. Nobody outside can guess it.
local MARK = ("number %p %s "):format({}, os.time())
local EMPTY_MARK = MARK .. "[]"
local MANY_DIGITS = ("%d"):rep(16)

local EMPTY_ARRAY = "%[[ \t\r\n]*%]"

-- Plain texts are found quickly, and few are written so.
local function has_empty_array(text)
  if text:find("[]", 1, true) then return true end
  for _, opening in ipairs { "[ ", "[\n", "[\r", "[\t" } do
    if text:find(opening, 1, true) then return text:find(EMPTY_ARRAY) ~= nil end
  end
  return false
end

local function is_plain(text)
  return not (has_empty_array(text) or text:find("%d%.0") or text:find("%d[eE]") or text:find(MANY_DIGITS)
    or text:find("%d%.%D") or text:find("-.", 1, true) or text:byte(-1) == 46)
end

-- Whether JSON has numbers of this form; cjson, which asks C, takes "1." and "-.5".
local function is_number(token)
  local rest = token:match("^%-?%d+(.*)$")
  rest = rest and rest:gsub("^%.%d+", "")
  return rest and (rest == "" or rest:find("^[eE][+-]?%d+$") ~= nil)
end

local function mark_number(token)
  if not is_number(token) then return "." .. token end -- which cjson refuses
  local number = tonumber(token)
  local whole = number and number % 1 == 0
  local is_float = token:find("[.eE]")
  if not whole or not is_float and #token < 16 then return token end
  if token:find("^%-?0%d") then return token end -- broken, too
  return '"' .. MARK .. token .. '"'
end

-- Where the next string begins and ends (nil: it does not), from a position outside of strings on.
local function next_string(text, position)
  local quote = text:find('"', position, true)
  local stop = quote
  while stop do
    stop = text:find('["\\]', stop + 1)
    if not stop or text:byte(stop) == 34 then break end
    stop = stop + 1
  end
  return quote, stop
end

-- Marks numbers and empty arrays everywhere but inside strings.
local function mark(text)
  local parts, position = {}, 1
  while true do
    local quote, stop = next_string(text, position)
    local part = text:sub(position, (quote or 0) - 1):gsub("%-?%.?%d[%d.eE+-]*", mark_number)
    parts[#parts + 1] = part:gsub(EMPTY_ARRAY, '["' .. EMPTY_MARK .. '"]')
    if not quote then break end
    parts[#parts + 1] = text:sub(quote, stop or -1)
    if not stop then break end
    position = stop + 1
  end
  return table.concat(parts)
end

-- Where the first number stands that JSON does not have, outside of strings.
local function find_wrong_number(text)
  local bare = text:gsub("\\.", "  "):gsub('"[^"]*"', function(string)
    return (" "):rep(#string)
  end)
  for at, token in bare:gmatch("()(%-?%.?%d[%d.eE+-]*)") do
    if not is_number(token) then return at end
  end
end

-- What is wrong with the text; cjson has seen another one where numbers were marked.
local function complaint(text, message)
  local is_read, own = pcall(cjson.decode, text)
  local at = is_read and find_wrong_number(text)
  message = not is_read and tostring(own) or at and ("invalid number at character %d"):format(at) or tostring(message)
  return "invalid JSON: " .. message:gsub("T_END", "the end"):gsub("T_", "")
end

-- The position of a control character inside of a string, where cjson takes it for text.
local function find_control(text)
  local quote = text:find('"', 1, true)
  while quote do
    local stop = text:find('["\\%c]', quote + 1)
    while stop and text:byte(stop) ~= 34 do
      local byte = text:byte(stop)
      if byte < 32 then return stop end
      stop = text:find('["\\%c]', stop + (byte == 92 and 2 or 1))
    end
    quote = stop and text:find('"', stop + 1, true)
  end
  return nil
end

-- A NUL is the end of the text for cjson.
local function check_controls(text)
  local position = text:find("\0", 1, true) or text:find "%c" and find_control(text)
  if position then fail(("invalid JSON: invalid control character at character %d"):format(position)) end
end

local function restore(value, is_marked)
  local kind = type(value)
  if kind == "number" then return math.tointeger(value) or value end
  if kind == "string" and is_marked and value:sub(1, #MARK) == MARK then return tonumber(value:sub(#MARK + 1)) end
  if kind ~= "table" then return value end
  if value[1] == EMPTY_MARK then
    value[1] = nil
    return setmetatable(value, empty_mark)
  end
  for key, item in next, value do
    value[key] = restore(item, is_marked)
  end
  return value
end

-- As pcall, and whether the value has marks.
local function read(text)
  if is_plain(text) then return pcall(cjson.decode, text) end
  local ok, value = pcall(cjson.decode, mark(text))
  return ok, value, true
end

---Reads JSON; a byte order mark before it is skipped. Integers stay integers, null becomes `json.null`, and an empty
---array is written as one again. JSONError if it is broken.
---@param text string
---@return any
function json.decode(text)
  if type(text) ~= "string" then
    misuse.type("decode", 1, "string", text)
  end
  if text:byte() == 0xEF and text:sub(1, 3) == "\u{FEFF}" then text = text:sub(4) end
  local ok, value, is_marked = read(text)
  if not ok then fail(complaint(text, value)) end
  check_controls(text)
  return restore(value, is_marked)
end

-- Encoding ----------------------------------------------------------------------------------------

local MAX_DEPTH = 1000

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(char)
  return escapes[char] or ("\\u%04x"):format(char:byte())
end

-- What stands for itself, the most frequent first: to skip it is much cheaper than to look for what does not.
local PLAIN = "^[a-~ !#-Z^-`\128-\255%[%]]*"

local function encode_string(text)
  local _, last = text:find(PLAIN)
  if last == #text then return '"' .. text .. '"' end
  return '"' .. text:gsub('[%c"\\]', escape) .. '"'
end

local function encode_number(number)
  if math.type(number) == "integer" then return ("%d"):format(number) end
  if number ~= number or number == math.huge or number == -math.huge then
    fail("cannot encode a number that is not finite")
  end
  local text = ("%.14g"):format(number)
  if tonumber(text) ~= number then text = ("%.17g"):format(number) end
  return text:find("[.eE]") and text or text .. ".0"
end

local encode_value

local function encode_array(list, count, depth)
  local parts = {}
  for i = 1, count do
    parts[i] = encode_value(list[i] == nil and json.null or list[i], depth)
  end
  return "[" .. table.concat(parts, ",") .. "]"
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

local function encode_object(object, depth)
  local keys, parts = {}, {}
  for key in next, object do
    if type(key) ~= "string" then fail(("cannot encode a table with a key of type %s"):format(type(key))) end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = encode_string(key) .. ":" .. encode_value(object[key], depth)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- Whether a table without entries is known to be a list, as those are that were read or that async.map returns.
local function is_list(meta)
  return type(meta) == "table" and rawget(meta, "__jsontype") == "array"
end

local MIXED = "cannot encode a table with list and record fields, or a list with holes"

-- Nothing of a marked table may be lost; holes in it are nulls.
local function check_list(value, count)
  for key in next, value do
    if math.type(key) ~= "integer" or key < 1 or key > count then fail(MIXED) end
  end
end

-- A table is an array if it is marked or has exactly the keys 1..n.
local function encode_table(value, depth)
  if depth > MAX_DEPTH then fail("cannot encode a table nested so deep (or in itself)") end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__pairs then return encode_object(plain_fields(value), depth) end
  local count = #value
  if meta == array_mark then
    check_list(value, count)
    return encode_array(value, count, depth)
  end
  if count == 0 and next(value) == nil and is_list(meta) then return "[]" end
  if count == 0 then return encode_object(value, depth) end
  local keys = 0
  for _ in next, value do
    keys = keys + 1
  end
  if keys ~= count then fail(MIXED) end
  return encode_array(value, count, depth)
end

function encode_value(value, depth)
  local kind = type(value)
  if kind == "string" then return encode_string(value) end
  if kind == "number" then return encode_number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "table" then return encode_table(value, depth + 1) end
  if value == json.null or value == nil then return "null" end
  return fail(("cannot encode a %s"):format(kind))
end

---Writes JSON. Keys come sorted; `{}` is an object, `json.array {}` an array; headers, and fields of a query, are
---objects. JSONError for what JSON cannot say: functions, NaN, tables with holes or with keys of both kinds, in
---themselves or nested 1000 deep.
---@param value any
---@return string
function json.encode(value)
  return encode_value(value, 0)
end

for _, name in ipairs { "array", "decode", "encode" } do
  json[name] = internal.entry(json[name])
end

return json
