-- SPDX-License-Identifier: MIT
-- What carries a request: saros' own connections of HTTP/1.1, or libcurl, which is loaded when only that can do what is
-- asked for: HTTP/2, SOCKS, proxies that are spoken to over TLS, and digest authentication.

local core = require "saros.http.core"
local message = require "saros.http.message"

local backend = {}

-- For specs: "own" or "curl" wherever that can do it.
local forced = os.getenv "SAROS_HTTP_BACKEND"
if forced == "" then forced = nil end

message.user_agent = core.user_agent

local curl -- false: there is none

-- libcurl, or why there is none.
local function load_curl()
  if curl == nil then
    local loaded, module = pcall(require, "saros.http.curl.core")
    curl = loaded and module or false
    if not loaded and not module:find "^module 'saros.http.curl.core' not found" then error(module, 0) end
  end
  return curl
end

-- Whether a host is one of a list, as libcurl reads no_proxy. nil: that takes a look at networks of IPv6.
local function is_listed(host, list)
  local is_v4 = host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil
  host = host:match "^%[(.*)%]$" or host:gsub("%.$", "")
  if list:match "^%s*%*%s*$" then return true end
  for entry in list:gmatch "[^%s,]+" do
    local network, size = entry:match "^(.*)/(%d+)$"
    local name = entry:lower():gsub("^%.", ""):gsub("%.$", ""):gsub("^%[(.*)%]$", "%1")
    if name == host then return true end
    if network and is_v4 and backend.is_within(host, network, tonumber(size)) then return true end
    if network and host:find(":", 1, true) then return nil end
    if not is_v4 and not host:find(":", 1, true) and host:sub(-#name - 1) == "." .. name then return true end
  end
  return false
end

local function number_of(address)
  local a, b, c, d = address:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  if not a then return nil end
  local number = 0
  for _, part in ipairs { a, b, c, d } do
    number = number << 8 | tonumber(part)
  end
  return number
end

---Whether an address of IPv4 belongs to a network.
function backend.is_within(address, network, bits)
  local mine, theirs = number_of(address), number_of(network)
  if not mine or not theirs or bits > 32 then return false end
  return mine >> (32 - bits) == theirs >> (32 - bits)
end

-- The proxy that holds for the request, or nil; the second result: only libcurl can tell.
local function proxy_of(prepared)
  if not prepared.proxy then return nil end
  local listed = false
  if prepared.no_proxy then listed = is_listed(prepared.url.host, prepared.no_proxy) end
  if listed == nil then return nil, true end
  return not listed and prepared.proxy or nil
end

-- Why only libcurl can carry the request; nil: it need not.
local function needs_curl(prepared, proxy, unclear)
  if prepared.credentials then return "digest authentication" end
  if proxy and not proxy:find "^[hH][tT][tT][pP]://" then return "a proxy of this kind" end
  if unclear then return "networks of IPv6 in no_proxy" end
  if proxy and prepared.extras and prepared.extras.unix_socket then return "a proxy beside a Unix socket" end
  return nil
end

---Decides what can carry the request, and completes it for saros' own connections.
---@param prepared saros.http.Request
function backend.prepare(prepared)
  local proxy, unclear = proxy_of(prepared)
  prepared.needs_curl = needs_curl(prepared, proxy, unclear)
  message.describe(prepared)
  if not prepared.needs_curl then message.complete(prepared, proxy) end
  prepared.backend = nil
end

-- A context of TLS for saros' own connections. nil and the error that OpenSSL or the system has with the files.
local function secure(prepared, tls)
  if prepared.tls then return true end
  core.use_tls(tls.face)
  local extras = prepared.extras or {}
  local ok, context = pcall(tls.client_context, {
    ca_file = extras.ca_file, ca_path = extras.ca_path, cert = extras.cert, key = extras.key,
    verify = not extras.unverified, min_version = extras.tls_min, alpn = "http/1.1",
  })
  if not ok then return nil, context end
  prepared.tls = context
  core.secure(prepared)
  return true
end

-- What origins speak over TLS, as libcurl has found out, by what connections to them have in common: true where that is
-- HTTP/1.1. Who has spoken HTTP/2 once is not taken to have forgotten it.
local speaks_old, count = {}, 0
local REMEMBERED_MAX = 1024

-- The places that a session reaches by libcurl, which keeps connections to them.
local function keep(session, place)
  if not session.by_curl or session.by_curl.count == REMEMBERED_MAX then session.by_curl = { count = 0 } end
  local kept = session.by_curl
  if not kept[place] then
    kept[place], kept.count = true, kept.count + 1
  end
end

-- Whether libcurl may have a connection that can be used again. A session leaves it when it has none at all, so that
-- finding out costs nobody a second handshake.
local function is_kept(session, place)
  if not session.by_curl or not session.by_curl[place] then return false end
  local stats = session.pool:stats()
  if stats.idle + stats.active > 0 then return true end
  session.by_curl = nil
  return false
end

---libcurl has brought the head of a response.
---@param prepared saros.http.Request
---@param head string
function backend.learn(prepared, head)
  local place = prepared.place
  if not place or not prepared.https then return end
  keep(prepared.session, place)
  if speaks_old[place] ~= nil then return end
  if count == REMEMBERED_MAX then
    speaks_old, count = {}, 0
  end
  speaks_old[place], count = head:find "^HTTP/1%." ~= nil, count + 1
end

local function is_owned(prepared)
  if prepared.needs_curl then return false end
  if forced then return forced == "own" end
  if not prepared.https then return true end
  if prepared.extras and prepared.extras.http1 or not load_curl() then return true end
  return speaks_old[prepared.place] and not is_kept(prepared.session, prepared.place)
end

-- The failure that nothing here can carry the request.
local function unsupported(what, option)
  return { name = "FetchError", code = "ENOTSUP",
    message = ("this build of saros cannot do that: %s (CMake's option %s)"):format(what, option) }
end

-- Our own connections, over TLS where that is asked for.
local function choose_own(prepared)
  if prepared.https then
    local loaded, tls = pcall(require, "saros.net.tls")
    if not loaded then return load_curl() or nil, unsupported(tls, "SAROS_TLS") end
    local ok, err = secure(prepared, tls)
    if not ok then return nil, { name = "FetchError", code = "ETLS", message = err.message or tostring(err) } end
  end
  prepared.backend = core.own
  return core.own
end

---The backend that carries a request now; nil and a failure if there is none.
---@param prepared saros.http.Request
---@return userdata?
---@return saros.http.Failure?
function backend.choose(prepared)
  local chosen = prepared.backend
  if chosen then return chosen end
  if is_owned(prepared) then return choose_own(prepared) end
  chosen = load_curl()
  if chosen then return chosen end
  local what = prepared.needs_curl or "SAROS_HTTP_BACKEND=curl"
  return nil, unsupported("there is no libcurl, which is needed for " .. what, "SAROS_CURL")
end

return backend
