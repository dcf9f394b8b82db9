-- SPDX-License-Identifier: MIT
-- Files as responses: a handler for a folder, and the field `file` of a response.
--
-- A name is looked up as the system has it: where the way to a file leads out of the folder, by links or otherwise,
-- there is no such file.

local async = require "saros"
local compress = require "saros.http.server.compress"
local core = require "saros.http.server.core"
local misuse = require "saros.misuse"
local phrases = require "saros.http.status"
local ranges = require "saros.http.server.ranges"
local types = require "saros.http.server.types"

local fs = async.fs

local files = {}

-- What is read at once.
local PIECE = 65536

local ALLOW = "GET, HEAD, OPTIONS"

local function plain(status, headers)
  return { status = status, text = phrases[status], headers = headers }
end

-- ---- Sending -------------------------------------------------------------------------------------

-- For <close>, and an iterator: the bytes from `first` to `last` of a file, in pieces.
local Body = {}
Body.__index = Body

function Body:__call()
  while true do
    local part = self.parts[self.index]
    if not part then return nil end
    if part.text then
      self.index = self.index + 1
      return part.text
    end
    if not part.at then
      part.at = part[1]
      self.file:seek("set", part.at)
    end
    local left = part[2] - part.at + 1
    if left == 0 then
      self.index = self.index + 1
    else
      local bytes = self.file:read(math.min(left, PIECE))
      if not bytes then return nil end -- it has become shorter: the response is, too, and is reset
      part.at = part.at + #bytes
      return bytes
    end
  end
end

function Body:__close()
  self.file:close()
end

local function body_of(file, parts)
  return setmetatable({ file = file, parts = parts, index = 1 }, Body)
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
  local extension = path:match "%.(%w+)$"
  return extension and types[extension:lower()] or "application/octet-stream"
end

-- Whether conditions and ranges count: the file has to be what was asked for, not what is said of something else.
local function is_asked_for(request, status)
  return (status or 200) == 200 and (request.method == "GET" or request.method == "HEAD")
end

-- The parts of a file that are wanted; nil: the whole. What is encoded has none.
local function parts_of(request, size, tag, modified, content_type)
  if compress.applies(request, content_type, size) then return nil end
  return ranges.wanted(request, size, tag, modified)
end

-- The response to a request for an open file.
local function answer(request, file, path, options)
  local stat, max_age, is_whole = file:stat(), options.max_age, not is_asked_for(request, options.status)
  local size, modified = stat.size, math.floor(stat.mtime)
  local tag = ('"%x-%x"'):format(size, math.floor(stat.mtime * 1000))
  local headers = {
    ETag = tag, ["Last-Modified"] = core.date(modified), ["Accept-Ranges"] = "bytes", ["Content-Type"] = type_of(path),
    ["Cache-Control"] = max_age and ("max-age=%d"):format(max_age) or nil,
  }
  local status = not is_whole and ranges.precondition(request, tag, modified)
  if status then
    headers["Content-Type"] = nil
    return { status = status, headers = headers }
  end
  local wanted = not is_whole and parts_of(request, size, tag, modified, headers["Content-Type"]) or nil
  if wanted and #wanted == 0 then return plain(416, { ["Content-Range"] = ("bytes */%d"):format(size) }) end
  local parts, length = wanted or { { 0, size - 1 } }, size
  if wanted and #wanted == 1 then
    headers["Content-Range"] = ("bytes %d-%d/%d"):format(wanted[1][1], wanted[1][2], size)
    length = wanted[1][2] - wanted[1][1] + 1
  elseif wanted then
    parts, length, headers["Content-Type"] = multipart(wanted, size, headers["Content-Type"])
  end
  headers["Content-Length"] = length
  local body = request.method ~= "HEAD" and body_of(file, parts) or nil
  return { status = wanted and 206 or options.status or 200, headers = headers, body = body }
end

-- What the system says of a path that nobody is to be shown.
local absent = {
  ENOENT = true, ENOTDIR = true, ELOOP = true, ENAMETOOLONG = true, EACCES = true, EPERM = true, EINVAL = true,
}

-- fn(path, ...); nil where there is no such thing. Whatever else fails (no descriptor is left, the disk is broken) does
-- not say that, and is raised.
local function look_up(fn, path, ...)
  local ok, result = async.catch("SystemError", fn, path, ...)
  if ok then return result end
  if not absent[result.code] then error(result, 0) end
end

-- Opens a file and answers with it; nil if it is not there, or none.
local function send(request, path, options)
  local stat = look_up(fs.stat, path)
  if not stat or stat.type ~= "file" then return nil end
  local file = look_up(fs.open, path, "rb")
  if not file then return nil end
  local response <close> = setmetatable({ file = file }, { __close = function(held)
    if held.file then held.file:close() end
  end })
  local result = answer(request, file, path, options)
  if result.body then response.file = nil end
  return result
end

---The response for the field `file` of one: 404 if there is no such file.
---@async
---@param request saros.HTTPRequest
---@param path string
---@param status? integer
---@param headers? table
---@return table
function files.respond(request, path, status, headers)
  local response = send(request, path, { status = status })
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

-- The way to a path inside the folder, nil if there is none: no dot files, and no links that lead out of it.
local function locate(root, path)
  if path:find "/%." or path:find "%z" or path:find("\\", 1, true) then return nil end
  local real = look_up(fs.realpath, root .. path)
  local below = root == "/" and root or root .. "/"
  return real and (real == root or real:sub(1, #below) == below) and real or nil
end

-- Where a folder without its slash is. A target that begins with two slashes would be another host, and browsers take
-- a backslash for one.
local function with_slash(request)
  local path = request:_path():gsub("^/+", "/"):gsub("\\", "%%5C")
  return { redirect = path .. "/" .. (request.target:match "%?.*$" or ""), status = 301 }
end

local function answer_folder(request, self, root, real)
  -- Of a folder that is mounted, the path is "/" without its slash, too.
  local is_mount = request.mount and request.path == "/"
  if (is_mount and request.target:match "^[^?]*" or request.path):sub(-1) ~= "/" then return with_slash(request) end
  local index = self.index and locate(root, request.path .. self.index)
  local response = index and send(request, index, self)
  if response then return response end
  return self.listing and listing(real, (request.mount or "") .. request.path) or plain(404)
end

local function handle(self, request)
  if request.method == "OPTIONS" then return { status = 204, headers = { Allow = ALLOW } } end
  if request.method ~= "GET" and request.method ~= "HEAD" then return plain(405, { Allow = ALLOW }) end
  local root, path = look_up(fs.realpath, self.directory), request.path
  local real = root and path:sub(1, 1) == "/" and locate(root, path)
  local stat = real and look_up(fs.stat, real)
  if not stat then return plain(404) end
  if stat.type == "directory" then return answer_folder(request, self, root, real) end
  if path:sub(-1) == "/" then return plain(404) end
  return send(request, real, self) or plain(404)
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
  local options = { directory = directory, index = "index.html" }
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
