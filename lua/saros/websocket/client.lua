-- SPDX-License-Identifier: MIT
-- The handshake of a client (RFC 6455, section 4.1).

local async = require "saros"
local core = require "saros.websocket.core"
local extension = require "saros.websocket.extension"
local has_token = require "saros.websocket.token"
local headers = require "saros.http.headers"
local misuse = require "saros.misuse"
local net = require "saros.net"
local options = require "saros.websocket.options"
local phrases = require "saros.http.status"
local socket = require "saros.websocket.socket"

---@class saros
local client = {}

local HEAD_LIMIT, BODY_LIMIT = 65536, 65536
local BODY_TIME = 2 -- seconds
local PORTS = { ws = 80, wss = 443 }

-- Headers that are the handshake's own.
local OWN = {
  host = true, upgrade = true, connection = true, ["sec-websocket-key"] = true, ["sec-websocket-version"] = true,
  ["sec-websocket-protocol"] = true, ["sec-websocket-extensions"] = true, ["sec-websocket-accept"] = true,
}

local function refuse(position, message, ...) misuse.argument("websocket", position, message:format(...)) end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The host in ASCII; a name that is none is refused.
local function check_host(host)
  if not host:find "[\128-\255]" and not host:find "[<>\"{}|^`%%\\]" then return host:lower() end
  local ascii, reason = require("saros.http.url").ascii_host(host) -- most are ASCII
  if not ascii or ascii:find "[<>\"{}|^`%%\\]" then refuse(1, "%s", reason or ("invalid host name %q"):format(host)) end
  return ascii
end

local function escape(text)
  return (text:gsub("[^\33-\126]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function check_url(text)
  if type(text) ~= "string" then misuse.type("websocket", 1, "string", text) end
  if text:find "[%c%s\127]" then refuse(1, "a URL has no blanks and no control characters in it") end
  if text:find("#", 1, true) then refuse(1, "the URL of a WebSocket has no fragment") end
  local scheme, authority, rest = text:match "^(%a[%w+.-]*)://([^/?]*)(.*)$"
  scheme = scheme and scheme:lower()
  if not PORTS[scheme] then refuse(1, "a URL with ws:// or wss:// expected") end
  local user, place = authority:match "^(.*)@(.*)$"
  place = place or authority
  local host, port = place:match "^(%[[%x:.]+%]):?(%d*)$"
  if not host then host, port = place:match "^([^:%[%]]+):?(%d*)$" end
  port = port == "" and PORTS[scheme] or math.tointeger(tonumber(port))
  if not host or not port or port < 1 or port > 65535 then refuse(1, "the URL has no host, or a port that is none") end
  host, rest = check_host(host), escape(rest)
  return {
    text = scheme .. "://" .. place .. rest, scheme = scheme, host = host, port = port, user = user and unescape(user),
    address = host:match "^%[(.*)%]$" or host, target = rest:sub(1, 1) == "/" and rest or "/" .. rest,
    authority = port == PORTS[scheme] and host or host .. ":" .. port,
  }
end

-- The lines of a header: a list repeats it, false stands for none.
local function check_header(name, value)
  local list = type(value) == "table" and value or { value or nil }
  local lines, sendable = {}, misuse.is_list(list)
  for i, each in ipairs(list) do
    sendable = sendable and (type(each) == "string" or type(each) == "number") and not tostring(each):find "[%z\r\n]"
    lines[i] = sendable and ("%s: %s\r\n"):format(name, each)
  end
  if not sendable then refuse(2, "option 'headers': the value of '%s' cannot be sent", name) end
  return table.concat(lines)
end

local function check_headers(given)
  local lines = {}
  for name, value in pairs(given or {}) do
    if type(name) ~= "string" or name == "" or name:find "[^%w!#$%%&'*+%-.^_`|~]" then
      refuse(2, "option 'headers': '%s' is no name of a header", tostring(name))
    end
    if OWN[name:lower()] then refuse(2, "option 'headers': '%s' is set by the handshake", name) end
    lines[#lines + 1] = check_header(name, value)
  end
  table.sort(lines)
  return table.concat(lines)
end

local function fetch_error(place, code, message, more)
  local fields = { name = "FetchError", code = code, message = message, url = place.text, host = place.address,
    port = place.port }
  for name, value in pairs(more or {}) do fields[name] = value end
  return async.error(fields)
end

local function request_of(place, given, lines, key)
  local parts = {
    ("GET %s HTTP/1.1\r\nHost: %s\r\n"):format(place.target, place.authority),
    "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"):format(key), lines,
  }
  if place.user then
    local credentials = place.user:find(":", 1, true) and place.user or place.user .. ":"
    parts[#parts + 1] = "Authorization: Basic " .. core.base64(credentials) .. "\r\n"
  end
  if given.protocols then
    parts[#parts + 1] = "Sec-WebSocket-Protocol: " .. table.concat(given.protocols, ", ") .. "\r\n"
  end
  local offer = given.compress and extension.offer()
  if offer then parts[#parts + 1] = "Sec-WebSocket-Extensions: " .. offer .. "\r\n" end
  return table.concat(parts) .. "\r\n"
end

-- ---- The answer ----------------------------------------------------------------------------------

local function read_chunked(stream)
  local parts, size = {}, 0
  while true do
    local length = tonumber(stream:read_line():match "^%x+", 16)
    size = size + length
    if length == 0 or size > BODY_LIMIT then return table.concat(parts) end
    parts[#parts + 1] = stream:read_exactly(length)
    stream:read_line()
  end
end

local function read_to_end(stream)
  local text = ""
  for chunk in stream:chunks() do
    text = text .. chunk
    if #text > BODY_LIMIT then break end
  end
  return text
end

local function read_body(stream, status, found)
  local length = math.tointeger(tonumber(found["content-length"] or ""))
  if status == 204 or status == 304 then return "" end
  if found["transfer-encoding"] then return read_chunked(stream) end
  if length then return length <= BODY_LIMIT and stream:read_exactly(length) or "" end
  return read_to_end(stream)
end

-- A response that is no handshake, with its body, if that comes whole and soon: the refusal is what counts.
local function refusal(stream, place, status, head, started)
  local found, elapsed = headers.parse(head), async.now() - started
  local came, ok, body = async.move_on_after(BODY_TIME, async.pcall, read_body, stream, status, found)
  local asked = { method = "GET", url = { text = place.text, address = place.address, port = place.port } }
  local responses = require "saros.http.response" -- loads the client of HTTP, which is needed for nothing else
  return responses.received(asked, status, head, elapsed, came and ok and body or "")
end

local function contains(list, value)
  for _, each in ipairs(list or {}) do
    if each == value then return true end
  end
  return false
end

-- Why the answer is no handshake; or the agreement.
local function agree(found, given, key)
  if not has_token(found.upgrade, "websocket") or not has_token(found.connection, "upgrade") then
    return nil, "the server does not switch to WebSocket"
  end
  if found["sec-websocket-accept"] ~= core.accept(key) then
    return nil, "the server's answer is to another handshake"
  end
  local protocol = found["sec-websocket-protocol"]
  if protocol and not contains(given.protocols, protocol) then
    return nil, "the server chose a protocol that was not asked for"
  end
  local extensions = found["sec-websocket-extensions"]
  local agreed, why = extension.accept(extensions, given.compress)
  if not agreed then return nil, why end
  agreed.protocol = protocol
  return agreed
end

local function read_head(stream, place)
  local ok, head = async.pcall(stream.read_until, stream, "\r\n\r\n", { limit = HEAD_LIMIT })
  if not ok and (async.is_error(head, "LimitError") or async.is_error(head, "EOFError")) then head = nil end
  if not ok and head then error(head, 0) end
  local version, status = (head and head .. "\r\n" or ""):match "^HTTP/1%.([01]) (%d%d%d)[ \r]"
  if not status or version == "0" and status == "101" then -- an old server may well refuse
    error(fetch_error(place, "EPROTO", "the server's answer is no HTTP/1.1"), 0)
  end
  return math.tointeger(tonumber(status)), head .. "\r\n\r\n"
end

local function shake_hands(stream, place, given, lines)
  local key, started = core.key(), async.now()
  stream:write(request_of(place, given, lines, key))
  local status, head
  repeat status, head = read_head(stream, place) until status == 101 or status >= 200
  if status ~= 101 then
    local message = ("the server refuses the WebSocket: %d %s"):format(status, phrases[status] or "")
    local response = refusal(stream, place, status, head, started)
    error(fetch_error(place, "EHTTP", message, { status = status, response = response }), 0)
  end
  local agreed, why = agree(headers.parse(head), given, key)
  if not agreed then error(fetch_error(place, "EPROTO", why), 0) end
  return socket.new(stream, true, given, agreed)
end

-- What failed below HTTP, as fetch has it.
local function as_fetch_error(place, err)
  if async.is_error(err, "SystemError") or async.is_error(err, "TLSError") or async.is_error(err, "EOFError") then
    return fetch_error(place, err.code, err.message, { cause = err })
  end
  return err
end

local function open(place, given, lines)
  local tls = place.scheme == "wss" and options.tls(given) or nil
  if tls then tls.alpn = "http/1.1" end
  local ok, stream = async.pcall(net.connect, place.address, place.port, { tls = tls })
  if not ok then error(as_fetch_error(place, stream), 0) end
  local done, result = pcall(shake_hands, stream, place, given, lines)
  if done then return result end
  stream:abort()
  error(as_fetch_error(place, result), 0)
end

---Opens a WebSocket. FetchError: `EHTTP` with `status` and `response` where the server refuses it, `EPROTO` where its
---answer makes no sense, the codes of fetch where it cannot be reached. TimeoutError.
---@async
---@param url string  ws:// or wss://
---@param given? saros.WebSocketOptions
---@return saros.WebSocket
function client.websocket(url, given)
  local place = check_url(url)
  local all = options.check("websocket", 2, given, true)
  local lines = check_headers(all.headers)
  require("saros.internal").checkpoint "websocket"
  local came, socket_of_it = async.move_on_after(all.timeout, open, place, all, lines)
  if came then return socket_of_it end
  local message = ("not open within %g s (total timeout)"):format(all.timeout)
  error(fetch_error(place, "ETIMEDOUT", message, { name = "TimeoutError", phase = "total", seconds = all.timeout }), 0)
end

misuse.guard(client)

return client
