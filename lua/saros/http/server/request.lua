-- SPDX-License-Identifier: MIT
-- What requests have that is written in Lua.

local async = require "saros"
local core = require "saros.http.server.core"
local failure = require "saros.http.server.failure"
local fields = require "saros.http.server.fields"
local headers = require "saros.http.headers"
local internal = require "saros.internal"
local log = require "saros.http.server.log"
local misuse = require "saros.misuse"
local multipart = require "saros.http.server.multipart"
local reading = require "saros.http.server.reading"
local respond = require "saros.http.server.respond"
local writer = require "saros.http.server.writer"

---What a client asks for. Any other field may be set on it, for handlers further in. What reads the body raises an
---HTTPError with `status` where the client got it wrong (400, 408, 413, 415), which is the response unless somebody
---catches it; ClosedError once the request has been answered, BusyError where another task reads.
---@class saros.HTTPRequest
---@field method string
---@field target string        as sent
---@field path string          decoded once, its dots resolved
---@field query saros.HTTPFields
---@field cookies saros.HTTPFields
---@field headers saros.Headers
---@field http_version "1.1"|"1.0"
---@field scheme "http"|"https"
---@field host? string         in lower case, without the port; nil where a client of HTTP/1.0 names none
---@field cancel_on_disconnect? boolean  whether the handler is cancelled when the client goes; nil: that of GET and
---HEAD, and who writes a response
local Request = core.request_methods
local lazy = core.request_lazy

-- ---- Fields --------------------------------------------------------------------------------------

function lazy.headers(self)
  return headers.parse(self:_head())
end

function lazy.query(self)
  return fields.of_form(self:_query())
end

function lazy.cookies(self)
  return fields.of_cookies(self.headers:get_all "cookie")
end

---The other end: host and port, or the path of a Unix socket.
---@return string? host
---@return integer? port
function Request:peer()
  return self:_stream():peer()
end

---What TLS has agreed upon; nil without TLS.
---@return saros.TLSInfo?
function Request:tls_info()
  return self:_stream():tls_info()
end

-- ---- The body ------------------------------------------------------------------------------------

local function check_self(self, method)
  if type(self) ~= "userdata" or self._read ~= Request._read then misuse.self("request:" .. method, self) end
end

---The whole body. It is kept: a second call returns it again.
---@async
---@return string
function Request:text()
  check_self(self, "text")
  return reading.whole(self, "request:text")
end

---The whole body, decoded from JSON, whatever its Content-Type.
---@async
---@return any
function Request:json()
  check_self(self, "json")
  return reading.json(self, "request:json")
end

---The bytes that are there, at most `n`, after waiting for the first; nil at the end.
---@async
---@param n? integer
---@return string?
function Request:read(n)
  check_self(self, "read")
  return reading.read(self, "request:read", n)
end

---`for chunk in request:chunks() do`: pieces as they come. A slow reader slows the sender down.
---@return async fun(): string?
function Request:chunks()
  check_self(self, "chunks")
  return reading.chunks(self, "request:chunks")
end

---`for line in request:lines() do`: lines without their ends; one of more than 1 MiB is a LimitError.
---@return async fun(): string?
function Request:lines()
  check_self(self, "lines")
  return reading.lines(self, "request:lines")
end

---Writes it, or what has not been read of it, to a file, which is there when all has arrived, or not at all.
---@async
---@param path string
---@return integer size
function Request:save(path)
  check_self(self, "save")
  return reading.save(self, "request:save", path)
end

-- The Content-Type without its parameters, in lower case.
local function content_type(self)
  local value = self:_field "content-type"
  return value and value:match("^[^;]*"):gsub("[ \t]+$", ""):lower()
end

---The fields of a form (application/x-www-form-urlencoded). Can be called again.
---@async
---@return saros.HTTPFields
function Request:form()
  check_self(self, "form")
  if content_type(self) ~= "application/x-www-form-urlencoded" then
    reading.refuse(415, "the body of the request is no form")
  end
  self._form = self._form or fields.of_form(reading.whole(self, "request:form"))
  return self._form
end

---`for part in request:multipart() do`: the parts of a form with files (multipart/form-data), as they come.
---@return async fun(): saros.HTTPPart?
function Request:multipart()
  check_self(self, "multipart")
  if self._body ~= nil or self._pieces then
    reading.fail_closed "the body has been read"
  end
  local parts = multipart.parts(self, self:_field "content-type")
  self._body, self._has_ended = true, true -- for all others
  return internal.entry(parts)
end

-- ---- Responses -----------------------------------------------------------------------------------

-- Headers that can be sent; those of the user's argument that cannot are refused.
local function check_headers(self, caller, position, given)
  local found = respond.plain_headers(given)
  if not found then return nil end
  local ok, wrong = pcall(self._check, self, nil, 200, found)
  if ok then return found end
  if type(wrong) == "string" then misuse.argument(caller, position, (wrong:gsub("^response: ", ""))) end
  error(wrong, 0)
end

---Sends the head of the response at once, and gives what its body is written to. The handler then returns nothing.
---@param given? {status?: integer, headers?: table<string, string|number|(string|number)[]>}
---@return saros.HTTPWriter
function Request:respond(given)
  check_self(self, "respond")
  local status, found = respond.check_head("request:respond", given)
  respond.check_stage(self, "request:respond")
  check_headers(self, "request:respond", 1, found)
  respond.begin(self, status, found)
  return writer.new(self)
end

---Begins a response of server-sent events.
---@param given? {status?: integer, headers?: table<string, string|number|(string|number)[]>}
---@return saros.HTTPEvents
function Request:events(given)
  check_self(self, "events")
  local status, found = respond.check_head("request:events", given)
  respond.check_stage(self, "request:events")
  check_headers(self, "request:events", 1, found)
  respond.begin(self, status, respond.with_header(found, "Cache-Control", "no-store"), "text/event-stream")
  return writer.events(self)
end

---Sends an interim response before the one proper, such as 103 (Early Hints).
---@param status integer  102 to 199
---@param given? table<string, string|number|(string|number)[]>
function Request:inform(status, given)
  check_self(self, "inform")
  if math.type(status) ~= "integer" then misuse.type("request:inform", 1, "integer", status) end
  if status < 102 or status > 199 then misuse.argument("request:inform", 1, "a status from 102 to 199 expected") end
  if given ~= nil and type(given) ~= "table" then misuse.type("request:inform", 2, "table", given) end
  respond.check_stage(self, "request:inform")
  self:_inform(status, check_headers(self, "request:inform", 2, given))
end

---Switches to another protocol (101) and gives the stream, which is the handler's until it returns. HTTPError 426
---unless the client asks for that protocol.
---@param protocol string
---@return saros.Stream
function Request:upgrade(protocol)
  check_self(self, "upgrade")
  if type(protocol) ~= "string" then misuse.type("request:upgrade", 1, "string", protocol) end
  respond.check_stage(self, "request:upgrade", true)
  local wanted = (self.headers.upgrade or ""):lower()
  local asks = (self.headers.connection or ""):lower():find "%f[%w%-]upgrade%f[^%w%-]"
  if not asks or self.http_version == "1.0" or not (", " .. wanted .. ","):find(", " .. protocol:lower() .. ",", 1,
    true) then
    error(async.error(failure.fields(426, nil, { Upgrade = protocol })), 0)
  end
  return self:_switch { Upgrade = protocol }
end

---Accepts a WebSocket, which is the handler's until it returns: one that is still open is closed then. HTTPError unless
---the client asks for one: 426, 400; 403 for a page of another origin.
---@param given? saros.WebSocketServerOptions
---@return saros.WebSocket
function Request:websocket(given)
  check_self(self, "websocket")
  return require("saros.websocket.server").accept(self, "request:websocket", given)
end

misuse.guard(Request, "peer", "tls_info", "text", "json", "read", "chunks", "lines", "save", "form", "multipart",
  "respond", "events", "inform", "upgrade", "websocket")

core.half {
  respond = respond.send,
  encode = respond.encode,
  failed = failure.handle,
  log = function(request) log.response(request) end,
  refused = log.refused,
}

return Request
