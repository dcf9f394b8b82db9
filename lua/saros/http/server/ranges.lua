-- SPDX-License-Identifier: MIT
-- Conditions and ranges of requests (RFC 9110, sections 13 and 14): what of a file is to be sent, if anything.

local date = require "saros.http.date"

local ranges = {}

-- Who asks for more parts than these gets the whole: it would cost more than that.
local MOST = 8

-- A header; most requests have none of those below, and then they are not taken apart for it.
local function field(request, name)
  return request:_field(name) and request.headers[name] or nil
end

-- ---- Conditions ----------------------------------------------------------------------------------

-- Whether a list of tags has this one; `weak`: what is the same in meaning counts.
local function has_tag(list, tag, weak)
  if list:match "^%s*%*%s*$" then return true end
  for prefix, found in list:gmatch '(W?/?)("[^"]*")' do
    if found == tag and (weak or prefix == "") then return true end
  end
  return false
end

local function is_before(text, modified)
  local given = text and date.parse(text)
  return given and given < modified
end

---The status that the conditions of a request come to before the file is sent; nil: send it.
---@param request saros.HTTPRequest
---@param tag string       the file's, with its quotes
---@param modified integer when the file was changed
---@return 304|412|nil
function ranges.precondition(request, tag, modified)
  local match, none = field(request, "if-match"), field(request, "if-none-match")
  if match and not has_tag(match, tag, false) then return 412 end
  if not match and is_before(field(request, "if-unmodified-since"), modified) then return 412 end
  if none then return has_tag(none, tag, true) and 304 or nil end
  local since = field(request, "if-modified-since")
  local given = since and date.parse(since)
  return given and given >= modified and 304 or nil
end

-- Whether the part that the client has is still one of this file.
local function is_current(condition, tag, modified)
  if not condition then return true end
  if condition:find '^W?/?"' then return condition == tag end
  return date.parse(condition) == modified
end

-- ---- Ranges --------------------------------------------------------------------------------------

-- First and last byte, from 0 on; nil: there are none of them. False: this is no range.
local function read_range(text, size)
  local first, last = text:match "^%s*(%d*)%-(%d*)%s*$"
  if not first or first == "" and last == "" or #first > 15 or #last > 15 then return false end
  if first == "" then
    local count = math.tointeger(last)
    if count == 0 or size == 0 then return nil end
    return math.max(size - count, 0), size - 1
  end
  first, last = math.tointeger(first), last == "" and size - 1 or math.tointeger(last)
  if last < first and first < size then return false end
  if first >= size then return nil end
  return first, math.min(last, size - 1)
end

---The parts that a request asks for, by first and last byte, in order; nil: the whole; an empty list: none is there.
---@param request saros.HTTPRequest
---@param size integer
---@param tag string
---@param modified integer
---@return {[1]: integer, [2]: integer}[]?
function ranges.wanted(request, size, tag, modified)
  local range = field(request, "range")
  local wanted = range and range:match "^%s*[bB][yY][tT][eE][sS]=(.*)$"
  if not wanted or wanted == "" or request.method ~= "GET" then return nil end
  if not is_current(field(request, "if-range"), tag, modified) then return nil end
  if select(2, wanted:gsub(",", "")) >= MOST then return nil end
  local parts, total = {}, 0
  for text in wanted:gmatch "[^,]+" do
    local first, last = read_range(text, size)
    if first == false then return nil end
    if first then
      parts[#parts + 1] = { first, last }
      total = total + last - first + 1
    end
  end
  if total > size then return nil end -- they overlap
  return parts
end

return ranges
