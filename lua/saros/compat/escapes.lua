-- SPDX-License-Identifier: MIT
-- Base64, and what goes into URLs and SQL, as libraries for OpenResty ask for it.

local misuse = require "saros.misuse"

local escapes = {}

---What OpenResty takes an argument for: nil is nothing, and numbers are their digits.
---@param value any
---@return string
function escapes.text(value)
  return value and tostring(value) or ""
end

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local VALUES = {}
for i = 1, 64 do VALUES[DIGITS:byte(i)] = i - 1 end

---@param text any
---@param no_padding? boolean
---@return string
function escapes.encode_base64(text, no_padding)
  text = escapes.text(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, b and (c and 0 or 6) or 12, -6 do
      local digit = (bits >> shift & 63) + 1
      out[#out + 1] = DIGITS:sub(digit, digit)
    end
  end
  return table.concat(out) .. (no_padding and "" or ("="):rep(-#text % 3))
end

---@param text string
---@return string? bytes  nil: it is no Base64
function escapes.decode_base64(text)
  if type(text) ~= "string" then misuse.type("decode_base64", 1, "string", text) end
  text = text:gsub("=+$", "")
  if #text % 4 == 1 then return nil end
  local out = {}
  for at = 1, #text, 4 do
    local bits, count = 0, math.min(4, #text - at + 1)
    for i = 0, 3 do
      local value = i < count and VALUES[text:byte(at + i)] or 0
      if i < count and not VALUES[text:byte(at + i)] then return nil end
      bits = bits << 6 | value
    end
    out[#out + 1] = (">I3"):pack(bits):sub(1, count - 1)
  end
  return table.concat(out)
end

---@param text any
---@return string
function escapes.escape_uri(text)
  return (escapes.text(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

---@param text string
---@return string
function escapes.unescape_uri(text)
  return (escapes.text(text):gsub("%+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- One argument: true stands for a name alone, a list repeats it.
local function add_argument(parts, name, value)
  if type(value) == "table" then
    for _, item in ipairs(value) do add_argument(parts, name, item) end
  elseif value == true then
    parts[#parts + 1] = escapes.escape_uri(name)
  elseif value ~= false then
    parts[#parts + 1] = escapes.escape_uri(name) .. "=" .. escapes.escape_uri(value)
  end
end

---@param arguments table<string, any>
---@return string
function escapes.encode_args(arguments)
  local names, parts = {}, {}
  for name in pairs(arguments) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do add_argument(parts, name, arguments[name]) end
  return table.concat(parts, "&")
end

---@param text string
---@param limit? integer  0: none
---@return table<string, any>
function escapes.decode_args(text, limit)
  local arguments, count = {}, 0
  for part in text:gmatch "[^&]+" do
    count = count + 1
    if limit ~= 0 and count > (limit or 100) then return arguments, "truncated" end
    local name, value = part:match "^([^=]*)=?(.*)$"
    name = escapes.unescape_uri(name)
    value = part:find("=", 1, true) and escapes.unescape_uri(value) or true
    local before = arguments[name]
    if before == nil then
      arguments[name] = value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      arguments[name] = { before, value }
    end
  end
  return arguments
end

local QUOTED = {
  ["\0"] = "\\0", ["\b"] = "\\b", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\26"] = "\\Z",
  ["\\"] = "\\\\", ["'"] = "\\'", ['"'] = '\\"',
}

---As MySQL wants it.
---@param text string
---@return string
function escapes.quote_sql_str(text)
  return "'" .. text:gsub("[%z\b\n\r\t\26\\'\"]", QUOTED) .. "'"
end

return escapes
