-- SPDX-License-Identifier: MIT
-- Files as responses: a handler for a folder, and the field `file` of a response.
--
-- A name is looked up as the system has it: where the way to a file leads out of the folder, by links or otherwise,
-- there is no such file.

local fs = require("saros").fs
local compress = require "saros.http.server.compress"
local core = require "saros.http.server.core"
local fs_core = require "saros.fs.core"
local misuse = require "saros.misuse"
local phrases = require "saros.http.status"
local ranges = require "saros.http.server.ranges"
local respond = require "saros.http.server.respond"
local types = require "saros.http.server.types"

local find, drop = fs_core.find, fs_core.drop
local stat_cached, open_cached, read_cached = fs_core.stat_cached, fs_core.open_cached, fs_core.read_cached

local files = {}

-- A file of so many bytes is read whole, and so many of a larger one at once.
local SMALL, PIECE = 65536, 131072

-- Behind their last dot; longer than those of all types that are known.
local LONGEST_EXTENSION = 15

local ALLOW = "GET, HEAD, OPTIONS"

local function plain(status, headers)
  return { status = status, text = phrases[status], headers = headers }
end

-- ---- Sending -------------------------------------------------------------------------------------

---@class saros.http.Found
---@field size integer
---@field mtime number
---@field path string      without links
---@field content? string  all of it, if that is little
---@field file? saros.File open, if it is more
---@field descriptor? integer  of that
---@field parts? table     of an open one, that are sent; nil: all of it
---@field index? integer   of the part that is
---@field request? saros.HTTPRequest  who sends

-- A file that was found. An open one is a body: for <close>, and an iterator, which gives its parts in pieces. Where
-- there is a request to send them to, the system sends what the client takes at once, and a piece is what has to wait.
local Found = respond.Direct

-- The next bytes of a part; "": it has ended.
local function read_part(self, part)
  local file, at, last = self.file, part.at or part[1], part[2]
  if self.request and at <= last then
    local count, goes_on = self.request:_send_file(self.descriptor, at, last - at + 1)
    at = at + count
    if not goes_on then self.request = nil end
  end
  local bytes = ""
  if at <= last then
    if at ~= part.at then file:seek("set", at) end
    bytes = file:read(math.min(last - at + 1, PIECE))
  end
  part.at = at + #(bytes or "")
  return bytes
end

function Found:__call()
  local parts, index = self.parts, self.index
  local part = parts and parts[index] or not parts and index == 1 and self
  if not part then return nil end
  local bytes = part.text or read_part(self, part)
  if part.text or bytes == "" then self.index = self.index + 1 end
  return bytes -- nil: it has become shorter; the response is, too, and is reset
end

-- There is nothing to be learned from its end, so nobody waits for it.
function Found:__close()
  if self.file then drop(self.file) end
end

-- It is a part itself, if all of it is sent.
local function body_of(found, parts)
  found.parts, found.index = parts, 1
  if not parts then found[1], found[2] = 0, found.size - 1 end
  return found
end

-- The same of a file that has been read.
local function text_of(content, parts)
  local pieces = {}
  for i, part in ipairs(parts) do pieces[i] = part.text or content:sub(part[1] + 1, part[2] + 1) end
  return table.concat(pieces)
end

-- Several parts, each with a head of its own.
local function multipart(parts, size, content_type)
  local boundary = ("saros-%016x%016x"):format(math.random(0), math.random(0))
  local list, length = {}, 0
  local function add(part, count)
    list[#list + 1] = part
    length = length + count
  end
  for _, part in ipairs(parts) do
    local head = ("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"):format(
      boundary, content_type, part[1], part[2], size)
    add({ text = head }, #head)
    add(part, part[2] - part[1] + 1)
  end
  local last = ("\r\n--%s--\r\n"):format(boundary)
  add({ text = last }, #last)
  return list, length, "multipart/byteranges; boundary=" .. boundary
end

local function type_of(path)
  local extension = path:match("%.(%w+)$", -LONGEST_EXTENSION - 1)
  return extension and types[extension:lower()] or "application/octet-stream"
end

-- So many files are known by their paths, for what is said of them again and again.
local MOST_KNOWN = 1000
local described, count = {}, 0

---@class saros.http.Said
---@field size integer
---@field mtime number
---@field modified integer  in seconds
---@field tag string
---@field date string
---@field type string

---@param path string
---@param size integer
---@param mtime number
---@return saros.http.Said
local function describe(path, size, mtime)
  local said = described[path]
  if said and said.size == size and said.mtime == mtime then return said end
  if not said then count = count + 1 end
  if count > MOST_KNOWN then described, count = {}, 1 end
  local modified = math.floor(mtime)
  described[path] = {
    size = size, mtime = mtime, modified = modified, tag = ('"%x-%x"'):format(size, math.floor(mtime * 1000)),
    date = core.date(modified), type = type_of(path),
  }
  return described[path]
end

-- Whether there are conditions or ranges, and count: the file has to be what was asked for, not what is said of
-- something else.
local function is_conditional(request, status)
  if not request:_is_conditional() or (status or 200) ~= 200 then return false end
  local method = request.method
  return method == "GET" or method == "HEAD"
end

-- The parts of a file that are wanted; nil: the whole. What is encoded has none.
local function parts_of(request, size, tag, modified, content_type)
  if compress.applies(request, content_type, size) then return nil end
  return ranges.wanted(request, size, tag, modified)
end

-- The response to a request for a file. `is_plain`: there are no conditions and ranges, or they do not count.
local function answer(request, found, options, is_plain)
  local max_age = options.max_age
  local size, said = found.size, describe(found.path, found.size, found.mtime)
  local tag, modified = said.tag, said.modified
  local headers = {
    ETag = tag, ["Last-Modified"] = said.date, ["Accept-Ranges"] = "bytes", ["Content-Type"] = said.type,
    ["Cache-Control"] = max_age and ("max-age=%d"):format(max_age) or nil,
  }
  local status = not is_plain and ranges.precondition(request, tag, modified)
  if status then
    headers["Content-Type"] = nil
    return { status = status, headers = headers }
  end
  local wanted = not is_plain and parts_of(request, size, tag, modified, headers["Content-Type"]) or nil
  if wanted and #wanted == 0 then return plain(416, { ["Content-Range"] = ("bytes */%d"):format(size) }) end
  local parts, length = wanted, size
  if wanted and #wanted == 1 then
    headers["Content-Range"] = ("bytes %d-%d/%d"):format(wanted[1][1], wanted[1][2], size)
    length = wanted[1][2] - wanted[1][1] + 1
  elseif wanted then
    parts, length, headers["Content-Type"] = multipart(wanted, size, headers["Content-Type"])
  end
  headers["Content-Length"] = length
  local body
  if found.file then
    body = body_of(found, parts)
  elseif found.content then
    body = parts and text_of(found.content, parts) or found.content
  end
  return { status = wanted and 206 or options.status or 200, headers = headers, body = body }
end

-- Answers with an open file, which is closed where it does not become the body.
local function send_open(request, found, options, is_plain)
  local ok, result = pcall(answer, request, found, options, is_plain)
  if not ok or not result.body then drop(found.file) end
  if not ok then error(result, 0) end
  return result
end

-- Answers with a file that was found, if it is one; nil: it is none, or could not be opened.
local function send(request, options, is_plain, kind, size, mtime, path, _, content, file, descriptor)
  if kind ~= "file" then return nil end
  local found = { size = size, mtime = mtime, path = path, content = content, file = file, descriptor = descriptor }
  if file then return send_open(request, setmetatable(found, Found), options, is_plain) end
  return (content or request.method == "HEAD") and answer(request, found, options, is_plain) or nil
end

-- Whether the client may well have the file already.
local function may_have_it(request, is_plain)
  return not is_plain and (request:_field "if-none-match" or request:_field "if-modified-since") ~= nil
end

-- As much of a file as is read when it is found, and whether a larger one is opened. Behind a slash there is none.
local function most_for(request, is_plain, path)
  if request.method == "HEAD" or path:byte(-1) == 47 then return -1 end
  return may_have_it(request, is_plain) and 0 or SMALL, 1
end

---The response for the field `file` of one: 404 if there is no such file.
---@async
---@param request saros.HTTPRequest
---@param path string
---@param status? integer
---@param headers? table
---@return table
function files.respond(request, path, status, headers)
  if path == "" or path:find "%z" then return plain(404) end
  local is_plain = not is_conditional(request, status)
  local response = send(request, { status = status }, is_plain, find(path, nil, nil, most_for(request, is_plain, path)))
  if not response then return plain(404) end
  for name, value in pairs(headers or {}) do
    for known in pairs(response.headers) do
      if known:lower() == name:lower() then response.headers[known] = nil end
    end
    response.headers[name] = value
  end
  return response
end

-- ---- A folder ------------------------------------------------------------------------------------

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', escapes))
end

local function encode(text)
  return (text:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function listing(path, shown)
  local names = {}
  for name, kind in fs.scandir(path) do
    if name:sub(1, 1) ~= "." then names[#names + 1] = kind == "directory" and name .. "/" or name end
  end
  table.sort(names)
  local lines = {}
  for i, name in ipairs(names) do
    lines[i] = ('<li><a href="./%s">%s</a></li>'):format(encode(name:gsub("/$", "")) .. (name:match "/$" or ""),
      escape(name))
  end
  return { html = ("<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n<ul>\n%s\n</ul>\n"):format(
    escape(shown), escape(shown), table.concat(lines, "\n")) }
end

-- What find has found is noted, if the next time that may be asked for without a thread: it is no link.
local function note(self, path, kind, size, mtime, real, is_cached, ...)
  if is_cached and not self.known[path] and real:sub(-#path) == path then
    self.count = self.count + 1
    if self.count > MOST_KNOWN then self.known, self.count = {}, 1 end
    self.known[path] = real
  end
  return kind, size, mtime, real, is_cached, ...
end

-- What was not found so is looked for by a thread.
local function look_further(request, self, is_plain, path, kind, ...)
  if kind then return kind, ... end
  return note(self, path, find(self.directory, path, nil, most_for(request, is_plain, path)))
end

-- What was noted, as long as the system has it in memory.
local function look_cached(self, path)
  local real = self.known[path]
  local said = real and described[real]
  if not said then return nil end
  if said.size > SMALL then
    local size, mtime, file, descriptor = open_cached(self.directory, path)
    if size then return "file", size, mtime, real, true, nil, file, descriptor end
  else
    local size, mtime, content = read_cached(self.directory, path)
    if size then return "file", size, mtime, real, true, content end
  end
end

-- The response for which nothing of what is in a file is needed, as far as that is told at once: that to HEAD, and to
-- who has it already. nil: the file is to be looked for.
local function answer_without(request, self, is_plain, path, is_head)
  local real = self.known[path]
  if not real or not is_head and not may_have_it(request, is_plain) then return nil end
  local size, mtime = stat_cached(self.directory, path)
  if not size then return nil end
  local response = answer(request, { size = size, mtime = mtime, path = real }, self, is_plain)
  return (is_head or response.status == 304) and response or nil
end

-- What is at a path inside the folder, nil if nothing is: no dot files, and no links that lead out of it.
local function look(request, self, is_plain, path)
  local is_wrong = path:byte() ~= 47 or path:find("/.", 1, true) or path:find("\0", 1, true) or path:find("\\", 1, true)
  if is_wrong then return nil end
  if request.method ~= "GET" then return find(self.directory, path, nil, most_for(request, is_plain, path)) end
  return look_further(request, self, is_plain, path, look_cached(self, path))
end

-- Where a folder without its slash is. A target that begins with two slashes would be another host, and browsers take
-- a backslash for one.
local function with_slash(request)
  local path = request:_path():gsub("^/+", "/"):gsub("\\", "%%5C")
  return { redirect = path .. "/" .. (request.target:match "%?.*$" or ""), status = 301 }
end

local function answer_folder(request, self, is_plain, real)
  -- Of a folder that is mounted, the path is "/" without its slash, too.
  local is_mount = request.mount and request.path == "/"
  if (is_mount and request.target:match "^[^?]*" or request.path):sub(-1) ~= "/" then return with_slash(request) end
  local path = request.path .. (self.index or "")
  local response = self.index and send(request, self, is_plain, look(request, self, is_plain, path))
  if response then return response end
  return self.listing and listing(real, (request.mount or "") .. request.path) or plain(404)
end

-- What was found at the path of a request.
local function answer_found(request, self, is_plain, path, kind, ...)
  if kind == "directory" then return answer_folder(request, self, is_plain, (select(3, ...))) end
  if not kind or path:byte(-1) == 47 then return plain(404) end
  return send(request, self, is_plain, kind, ...) or plain(404)
end

local function handle(self, request)
  local method = request.method
  if method == "OPTIONS" then return { status = 204, headers = { Allow = ALLOW } } end
  if method ~= "GET" and method ~= "HEAD" then return plain(405, { Allow = ALLOW }) end
  local path, is_plain = request.path, not request:_is_conditional()
  return answer_without(request, self, is_plain, path, method == "HEAD")
    or answer_found(request, self, is_plain, path, look(request, self, is_plain, path))
end

local checks = {
  index = function(value)
    return value == false or type(value) == "string" and value ~= "" and not value:find "[/%z]",
      "name of a file or false"
  end,
  listing = function(value) return type(value) == "boolean", "boolean" end,
  max_age = function(value) return math.type(value) == "integer" and value >= 0, "number of seconds" end,
}

---@class saros.HTTPFileOptions
---@field index? string|false  what is sent for a folder ("index.html")
---@field listing? boolean     a folder without that shows what is in it (false)
---@field max_age? integer     seconds that clients may keep what they got

---A handler that sends what is in a folder: its types by extension, conditions, ranges, `index.html`. Nothing outside
---of it, whatever links and dots say, and no dot files.
---@param directory string
---@param given? saros.HTTPFileOptions
---@return async fun(request: saros.HTTPRequest): table
function files.new(directory, given)
  if type(directory) ~= "string" then misuse.type("files", 1, "string", directory) end
  if directory == "" or directory:find "%z" then misuse.argument("files", 1, "the path of a folder expected") end
  if given ~= nil and type(given) ~= "table" then misuse.type("files", 2, "table", given) end
  local options = { directory = directory, index = "index.html", known = {}, count = 0 }
  for name, value in pairs(given or {}) do
    if not checks[name] then misuse.unknown_option("files", 2, name, checks) end
    local ok, expected = checks[name](value)
    if not ok then misuse.argument("files", 2, ("option '%s': %s expected, got %s"):format(name, expected,
      type(value))) end
    options[name] = value
  end
  return function(request)
    return handle(options, request)
  end
end

return files
