-- SPDX-License-Identifier: MIT
-- Forms with files, multipart/form-data (RFC 7578), read as they come.
--
-- Invariant: what has come and was not given stands in `_rest`. Of it nothing is given that may be the beginning of a
-- delimiter.

local headers = require "saros.http.headers"
local misuse = require "saros.misuse"
local reading = require "saros.http.server.reading"

local multipart = {}

-- How long the headers of a part may be.
local HEAD_LIMIT = 16384

---A part of a form. It is read as a request is, and before the next one is asked for: what was left is skipped then.
---What reads raises an HTTPError with `status` where the client got it wrong, and ClosedError once the next part has
---been asked for.
---@class saros.HTTPPart
---@field name string
---@field filename? string     as sent: it may be anything, so it is no path
---@field content_type? string
---@field headers saros.Headers
---@field package _form saros.http.Form
---@field package _body string|boolean|nil
---@field package _has_ended? boolean  read to its end
---@field package _read function
local HTTPPart = {}

---@class saros.http.Form
---@field request saros.HTTPRequest
---@field delimiter string   with the line end before it
---@field rest string
---@field part? saros.HTTPPart  that is being read
---@field caller string

local metatable = { __name = "part", __index = HTTPPart }

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("part:" .. method, self) end
end

local function refuse(message)
  reading.refuse(400, "the body of the request: " .. message)
end

-- More of the body behind what there is.
local function fill(form)
  local piece = form.request:_read(nil, form.caller)
  if not piece then refuse "a part is cut short" end
  form.rest = form.rest .. piece
end

-- All up to a text and that text itself are taken off; gives what stood before it.
local function take_until(form, text, limit)
  while true do
    local first, last = form.rest:find(text, 1, true)
    if first then
      local before = form.rest:sub(1, first - 1)
      form.rest = form.rest:sub(last + 1)
      return before
    end
    if #form.rest > limit then refuse "the headers of a part are too large" end
    fill(form)
  end
end

-- The next piece of the present part; nil at its end.
local function read(form, limit)
  local at = form.rest:find(form.delimiter, 1, true)
  while not at and #form.rest < #form.delimiter do
    fill(form)
    at = form.rest:find(form.delimiter, 1, true)
  end
  local sure = at and at - 1 or #form.rest - #form.delimiter + 1
  if at == 1 then
    form.rest, form.part = form.rest:sub(#form.delimiter + 1), nil
    return nil
  end
  local count = math.min(sure, limit or sure)
  local piece = form.rest:sub(1, count)
  form.rest = form.rest:sub(count + 1)
  return piece
end

-- What a part is read by. What was left of it is gone once the next one has been asked for.
local function read_part(self, limit, caller)
  local form = self._form
  if form.part ~= self then
    if self._has_ended then return nil end
    reading.fail_closed "the part was skipped when the next one was asked for"
  end
  form.caller = caller
  return read(form, limit)
end

---The whole part. It is kept: a second call returns it again.
---@async
---@return string
function HTTPPart:text()
  check_self(self, "text")
  return reading.whole(self, "part:text")
end

---The whole part, decoded from JSON.
---@async
---@return any
function HTTPPart:json()
  check_self(self, "json")
  return reading.json(self, "part:json")
end

---The bytes that are there, at most `n`, after waiting for the first; nil at the end.
---@async
---@param n? integer
---@return string?
function HTTPPart:read(n)
  check_self(self, "read")
  return reading.read(self, "part:read", n)
end

---`for chunk in part:chunks() do`: pieces as they come.
---@return async fun(): string?
function HTTPPart:chunks()
  check_self(self, "chunks")
  return reading.chunks(self, "part:chunks")
end

---`for line in part:lines() do`: lines without their ends; one of more than 1 MiB is a LimitError.
---@return async fun(): string?
function HTTPPart:lines()
  check_self(self, "lines")
  return reading.lines(self, "part:lines")
end

---Writes it, or what has not been read of it, to a file, which is there when all has arrived, or not at all.
---@async
---@param path string
---@return integer size
function HTTPPart:save(path)
  check_self(self, "save")
  return reading.save(self, "part:save", path)
end

misuse.guard(HTTPPart, "text", "json", "read", "chunks", "lines", "save")

-- What browsers write for the bytes that would end a name.
local escaped = { ["%22"] = '"', ["%0D"] = "\r", ["%0A"] = "\n" }

-- The value of a parameter of a header. Those before it are taken one by one, as there may be anything in their quotes.
local function parameter(value, name)
  local at = value:find(";", 1, true)
  while at do
    local key, start = value:match("^;%s*([^%s;=\"]*)%s*=%s*()", at)
    local text, stop = nil, at + 1
    if key then
      text, stop = value:match('^"([^"]*)"()', start)
      if not text then text, stop = value:match("^([^;%s]*)()", start) end
    end
    if key and key:lower() == name then return (text:gsub("%%%x%x", escaped)) end
    at = value:find(";", stop, true)
  end
  return nil
end

local function new_part(form, head)
  local fields = headers.parse("\r\n" .. head .. "\r\n")
  local disposition = fields["content-disposition"] or ""
  local name = disposition:lower():find "^form%-data%s*;" and parameter(disposition, "name")
  if not name then refuse "a part without a name" end
  form.part = setmetatable({
    name = name, filename = parameter(disposition, "filename"), content_type = fields["content-type"],
    headers = fields, _form = form, _read = read_part,
  }, metatable)
  return form.part
end

-- The next part; nil behind the last one.
local function next_part(form)
  while form.part do read(form) end
  if form.has_ended then return nil end
  while #form.rest < 2 do fill(form) end
  if form.rest:sub(1, 2) == "--" then
    form.has_ended = true
    return nil
  end
  if not take_until(form, "\r\n", HEAD_LIMIT):find "^[ \t]*$" then refuse "a malformed delimiter" end
  if form.rest:sub(1, 2) == "\r\n" then refuse "a part without a name" end
  return new_part(form, take_until(form, "\r\n\r\n", HEAD_LIMIT))
end

---An iterator over the parts of a form.
---@param request saros.HTTPRequest
---@param content_type? string
---@return async fun(): saros.HTTPPart?
function multipart.parts(request, content_type)
  if not (content_type or ""):lower():find "^multipart/form%-data%s*;" then
    reading.refuse(415, "the body of the request is no form with parts")
  end
  local boundary = parameter(content_type, "boundary")
  if not boundary or boundary == "" or #boundary > 70 then refuse "its Content-Type names no boundary" end
  local form = { request = request, delimiter = "\r\n--" .. boundary, rest = "\r\n", caller = "request:multipart" }
  local has_begun = false
  return function()
    form.caller = "request:multipart"
    if not has_begun then
      has_begun = true
      take_until(form, form.delimiter, HEAD_LIMIT)
    end
    return next_part(form)
  end
end

return multipart
