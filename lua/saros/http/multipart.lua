-- SPDX-License-Identifier: MIT
-- multipart/form-data (RFC 7578): a string where all of it is at hand, else a source that reads the
-- files as they are sent.

local fs = require "saros.fs"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

local multipart = {}

-- What is read of a file at once.
local PIECE = 65536

---@class saros.Part either `data` or `path`
---@field name? string  in a list of parts, where it is needed
---@field data? string|number
---@field path? string  a file, read while it is sent
---@field filename? string
---@field content_type? string

-- Checking ----------------------------------------------------------------------------------------

local part_fields = { name = true, data = true, path = true, filename = true, content_type = true }

local function check_part(caller, label, part, is_listed)
  local function refuse(message)
    misuse.option(caller, "option 'multipart': %s: %s", label, message)
  end
  if not is_listed and (type(part) == "string" or type(part) == "number") then return end
  if type(part) ~= "table" then refuse(("string or table expected, got %s"):format(type(part))) end
  for field, value in pairs(part) do
    if not part_fields[field] then refuse(("unknown field '%s'"):format(tostring(field))) end
    if type(value) ~= "string" and not (field == "data" and type(value) == "number") then
      refuse(("%s: string expected, got %s"):format(field, type(value)))
    end
    if field ~= "data" and value:find "%z" or field == "content_type" and value:find "[\r\n]" then
      refuse(field .. ": without control characters expected")
    end
  end
  if (part.data == nil) == (part.path == nil) then refuse "either data or path expected" end
  if is_listed and not part.name then refuse "a name expected" end
end

---Raises unless `given` is what the option may be.
---@param caller string
---@param given any
function multipart.check(caller, given)
  misuse.check_type(caller, misuse.position_of_options(caller), given, "option 'multipart'", "table")
  local is_list = given[1] ~= nil and misuse.is_list(given)
  for key, part in pairs(given) do
    if not is_list and type(key) ~= "string" then
      misuse.option(caller, "option 'multipart': either a list of parts or parts by their names expected")
    end
    if not is_list and key:find "%z" then
      misuse.option(caller, "option 'multipart': %q: a name without NUL expected", key)
    end
    check_part(caller, is_list and "part " .. key or "'" .. key .. "'", part, is_list)
  end
end

-- Writing -----------------------------------------------------------------------------------------

-- The parts as a list; those given by name are sorted by it.
local function listed(given)
  if given[1] ~= nil then return given end
  local names, parts = {}, {}
  for name in pairs(given) do
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local part = given[name]
    if type(part) ~= "table" then part = { data = part } end
    parts[i] = {
      name = name, data = part.data, path = part.path, filename = part.filename, content_type = part.content_type,
    }
  end
  return parts
end

local quoted = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }

local function quote(text)
  return '"' .. text:gsub('["\r\n]', quoted) .. '"'
end

local function head_of(part, boundary)
  local filename = part.filename or part.path and part.path:match "[^/\\]*$"
  local content_type = part.content_type or filename and "application/octet-stream"
  return table.concat {
    "--", boundary, "\r\nContent-Disposition: form-data; name=", quote(part.name),
    filename and "; filename=" .. quote(filename) or "",
    content_type and "\r\nContent-Type: " .. content_type or "", "\r\n\r\n",
  }
end

-- Random enough that nobody can put it into the data.
local function new_boundary()
  return ("saros-%016x%016x"):format(math.random(0), math.random(0))
end

-- The body in segments: strings, and tables for files. Strings in a row are one.
local function segments_of(parts, boundary)
  local segments, texts = {}, {}
  for _, part in ipairs(parts) do
    texts[#texts + 1] = head_of(part, boundary)
    if part.path then
      segments[#segments + 1] = table.concat(texts)
      segments[#segments + 1] = { path = part.path }
      texts = {}
    else
      texts[#texts + 1] = tostring(part.data)
    end
    texts[#texts + 1] = "\r\n"
  end
  texts[#texts + 1] = "--" .. boundary .. "--\r\n"
  segments[#segments + 1] = table.concat(texts)
  return segments
end

-- The size of a file; nil if it does not tell it, as a pipe and the files of /proc do not.
local function size_of(path)
  local stat = fs.stat(path)
  if stat.type ~= "file" and stat.type ~= "directory" then return nil end
  local handle <close> = fs.open(path)
  local has_bytes = handle:read(0) -- which a folder refuses
  return not (has_bytes and stat.size == 0) and stat.size or nil
end

-- The length of all segments; nil if a file does not tell its size. A file that cannot be read is
-- found here, before anything is sent.
local function length_of(segments)
  local length = 0
  for _, segment in ipairs(segments) do
    local size = type(segment) == "string" and #segment or size_of(segment.path)
    length = size and length and length + size
  end
  return length or nil
end

-- An iterator over the segments, and what closes the file that it may have open.
local function open(segments)
  local index, handle = 0, nil
  local closer = setmetatable({}, { __close = function()
    if handle then handle:close() end
  end })
  local function step()
    local piece = handle and handle:read(PIECE)
    if piece then return piece end
    if handle then
      handle:close()
      handle = nil
    end
    index = index + 1
    local segment = segments[index]
    if type(segment) ~= "table" then return segment end
    handle = fs.open(segment.path)
    return step()
  end
  return step, closer
end

---The body that the option means: a string or a source, and its content type. Waits if there are files.
---@async
---@param caller string
---@param given table<string, string|number|saros.Part>|saros.Part[]
---@return string|saros.http.Source
---@return string content_type
function multipart.encode(caller, given)
  local boundary = new_boundary()
  local content_type = "multipart/form-data; boundary=" .. boundary
  local segments = segments_of(listed(given), boundary)
  if #segments == 1 then return segments[1], content_type end
  internal.checkpoint(caller)
  return {
    repeatable = true, length = length_of(segments),
    open = function()
      return open(segments)
    end,
  }, content_type
end

return multipart
