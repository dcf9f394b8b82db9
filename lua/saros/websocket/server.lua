-- SPDX-License-Identifier: MIT
-- The handshake of a server (RFC 6455, section 4.2).

local async = require "saros"
local core = require "saros.websocket.core"
local extension = require "saros.websocket.extension"
local failure = require "saros.http.server.failure"
local has_token = require "saros.websocket.token"
local options = require "saros.websocket.options"
local respond = require "saros.http.server.respond"
local socket = require "saros.websocket.socket"

local server = {}

-- Those that are open, by the core of their server.
local open = setmetatable({}, { __mode = "k" })

local function refuse(status, message, headers) error(async.error(failure.fields(status, message, headers)), 0) end

local DEFAULT_PORTS = { http = "80", https = "443" }

-- Scheme and authority, without the scheme's own port.
local function place_of(scheme, authority)
  scheme, authority = scheme:lower(), authority:lower()
  local port = DEFAULT_PORTS[scheme]
  return port and authority:gsub(":" .. port .. "$", "") or authority
end

-- A page of somebody else's must not use the cookies that a browser sends along (RFC 6455, section 10.2).
local function check_origin(request, origins)
  local origin = request.headers.origin
  if not origin then return end
  if type(origins) == "function" then
    if origins(origin) then return end
  else
    for _, allowed in ipairs(origins or {}) do
      if allowed:lower() == origin:lower() then return end
    end
    local scheme, authority = origin:match "^(%a[%w+.-]*)://(.+)$"
    local own = request.headers.host
    if not origins and scheme and own and place_of(scheme, authority) == place_of(scheme, own) then return end
  end
  refuse(403, "this origin may not connect")
end

local function check_handshake(request)
  local found = request.headers
  if request.method ~= "GET" or request.http_version == "1.0" or not has_token(found.upgrade, "websocket")
    or not has_token(found.connection, "upgrade") then
    refuse(426, nil, { Upgrade = "websocket" })
  end
  if found["sec-websocket-version"] ~= "13" then refuse(426, nil, { ["Sec-WebSocket-Version"] = "13" }) end
  local key = found["sec-websocket-key"]
  if not key or not key:match "^[%w+/]+==$" or #key ~= 24 then refuse(400, "Sec-WebSocket-Key is none") end
  return key
end

-- The first of our protocols that the client knows.
local function choose_protocol(request, protocols)
  local asked = {}
  for token in (request.headers["sec-websocket-protocol"] or ""):gmatch "[^, \t]+" do asked[token] = true end
  for _, protocol in ipairs(protocols or {}) do
    if asked[protocol] then return protocol end
  end
end

---Accepts a WebSocket. HTTPError, which becomes the response, unless the request is a handshake: 426, 400; 403 for an
---origin that may not.
---@param request saros.HTTPRequest
---@param caller string
---@param given? saros.WebSocketServerOptions
---@return saros.WebSocket
function server.accept(request, caller, given)
  local all = options.check(caller, 1, given, false)
  respond.check_stage(request, caller, true)
  local key = check_handshake(request)
  check_origin(request, all.origins)
  local agreed, answer
  if all.compress then agreed, answer = extension.choose(request.headers["sec-websocket-extensions"]) end
  agreed = agreed or {}
  agreed.protocol = choose_protocol(request, all.protocols)
  local heart = select(6, request:_state())
  local made = socket.new(request:_switch {
    Upgrade = "websocket", ["Sec-WebSocket-Accept"] = core.accept(key), ["Sec-WebSocket-Protocol"] = agreed.protocol,
    ["Sec-WebSocket-Extensions"] = answer,
  }, false, all, agreed)
  request._websocket = made
  open[heart] = open[heart] or setmetatable({}, { __mode = "k" })
  open[heart][made] = true
  return made
end

---The server takes no further requests: WebSockets are told that it goes away.
---@param heart userdata
function server.go_away(heart)
  for each in pairs(open[heart] or {}) do socket.go_away(each) end
end

return server
