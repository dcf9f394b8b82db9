-- SPDX-License-Identifier: MIT
-- The options of fetch and session: which there are, and what their values may be. Whatever is
-- wrong is an argument error that names the option, before any I/O.

local cookies = require "saros.http.cookies"
local core = require "saros.http.core"
local misuse = require "saros.http.misuse"
local url = require "saros.http.url"

local suggest = require "saros.http.suggest"

local options = {}

---Seconds each; false or math.huge for none.
---@class saros.Timeouts
---@field total? number|false    everything, the reading of the body included; 30 unless said otherwise
---@field connect? number|false  name lookup, connection, TLS, the proxy's CONNECT
---@field read? number|false     each gap without a byte, never while the reader is the slow one
---@field pool? number|false     waiting for a slot

---@class saros.Auth user and password, or `bearer`
---@field [1]? string  user
---@field [2]? string  password
---@field user? string
---@field password? string
---@field digest? boolean  digest instead of basic authentication
---@field bearer? string   a token

---@class saros.Retries
---@field attempts? number    in all; 3 unless said otherwise, math.huge for no limit
---@field statuses? integer[]  429, 502, 503, 504 unless said otherwise; Retry-After is minded
---@field methods? string[]   the idempotent ones unless said otherwise
---@field delay? number       seconds before the second attempt, 0.1 unless said otherwise
---@field factor? number      how each delay grows from the one before, 2 unless said otherwise
---@field max_delay? number   seconds, 30 unless said otherwise; a longer Retry-After is not waited for
---@field jitter? number      from 0 to 1: each delay is shortened by a random part, at most this fraction

---@class saros.FetchOptions
---@field method? string  GET, or POST if there is a body
---@field headers? table<string, string|number|(string|number)[]|false>  a list repeats one, false removes a default
---@field query? table<string, any>  added to the URL; a list repeats the key
---@field body? string|(async fun(): string?)  a function or iterator gives pieces until nil, in its own task; may wait
---@field json? any  the body, encoded as JSON (needs lua-cjson)
---@field form? table<string, any>  the body, as a form; a list repeats the key
---@field multipart? table<string, string|number|saros.Part>|saros.Part[]  the body, as a form with files
---@field timeout? number|false|saros.Timeouts  seconds for everything; false for none
---@field redirect? "follow"|"manual"|"error"  "follow" unless said otherwise
---@field max_redirects? integer  20 unless said otherwise
---@field retries? integer|saros.Retries|false  more attempts where the connection failed; a table adds statuses
---@field auth? saros.Auth|false
---@field cookies? table<string, string|number>  sent with this request
---@field max_body_size? integer  bytes of the decoded body
---@field on_progress? fun(received: integer, total: integer?, sent: integer, to_send: integer?)  bytes
---@field proxy? string|false  an http, https or socks5 URL; else http_proxy, https_proxy, all_proxy, no_proxy
---@field verify? boolean  certificates; true unless said otherwise
---@field ca_file? string
---@field ca_path? string
---@field cert? string  of the client, a file, and its
---@field key? string
---@field tls_min? "1.2"|"1.3"
---@field http_version? "1.1"|"2"
---@field resolve? table<string, string>  addresses by "host:port"
---@field local_address? string
---@field unix_socket? string  the path

---@class saros.SessionOptions: saros.FetchOptions
---@field base_url? string         paths are joined to it
---@field cookies? table<string, string|number>|false  for base_url, or every host; false: no jar
---@field limit? integer           requests under way at a time; 100 unless said otherwise
---@field limit_per_host? integer  the same for each scheme, host and port
---@field keepalive? number|boolean  seconds for which an unused connection is kept; false: not at all

local position, refuse = misuse.position_of_options, misuse.option

-- A wrong value in a message: numbers as they are, of others the type.
local function shown(value)
  return type(value) == "number" and tostring(value) or type(value)
end

local function one_of(...)
  local allowed = { ... }
  local words = table.concat(allowed, "', '")
  return function(caller, name, value)
    for _, word in ipairs(allowed) do
      if value == word then return end
    end
    local got = type(value) == "string" and "'" .. value .. "'" or type(value)
    refuse(caller, "option '%s': '%s' expected, got %s", name, words, got)
  end
end

local function of_type(types)
  return function(caller, name, value)
    misuse.check_type(caller, position(caller), value, ("option '%s'"):format(name), types)
  end
end

-- What libcurl takes as text: a NUL would cut it short.
local function text(caller, name, value)
  misuse.check_type(caller, position(caller), value, ("option '%s'"):format(name), "string")
  if value == "" or value:find("[%z\r\n]") then
    refuse(caller, "option '%s': not empty, without CR, LF and NUL expected", name)
  end
end

local function count_from(least)
  return function(caller, name, value)
    local whole = type(value) == "number" and math.tointeger(value)
    if value == math.huge or whole and whole >= least then return end
    refuse(caller, "option '%s': integer of at least %d expected, got %s", name, least, shown(value))
  end
end

-- A token; CONNECT is libcurl's own affair.
local function check_method(caller, name, value)
  misuse.check_type(caller, position(caller), value, "option 'method'", "string")
  if value:find("^[%w!#$%%&'*+%-.^_`|~]+$") and value:upper() ~= "CONNECT" then return end
  refuse(caller, "option '%s': invalid method %q", name, value)
end

local function check_body(caller, name, value)
  if type(value) == "string" or type(value) == "function" then return end
  local meta = getmetatable(value)
  if type(meta) == "table" and type(meta.__call) == "function" then return end
  refuse(caller, "option '%s': string, function or iterator expected, got %s", name, type(value))
end

local function check_multipart(caller, _, value)
  require("saros.http.multipart").check(caller, value)
end

local phases = { total = true, connect = true, read = true, pool = true }

local function check_seconds(caller, name, value)
  if value == false or type(value) == "number" and value == value then return end
  local expected = name == "timeout" and "seconds, false or a table of those" or "seconds or false"
  refuse(caller, "option '%s': %s expected, got %s", name, expected, shown(value))
end

local function check_timeout(caller, name, value)
  if type(value) ~= "table" then return check_seconds(caller, name, value) end
  for phase, seconds in pairs(value) do
    if not phases[phase] then
      refuse(caller, "option 'timeout': unknown field '%s'%s", tostring(phase), suggest.field(phase, phases))
    end
    check_seconds(caller, "timeout." .. phase, seconds)
  end
end

local auth_fields = { "string", "string", user = "string", password = "string", bearer = "string", digest = "boolean" }

local function check_auth(caller, name, value)
  if value == false then return end
  misuse.check_type(caller, position(caller), value, "option 'auth'", "table or false")
  for field, item in pairs(value) do
    local expected = auth_fields[field]
    if not expected then
      refuse(caller, "option '%s': unknown field '%s'%s", name, tostring(field), suggest.field(field, auth_fields))
    end
    misuse.check_type(caller, position(caller), item, ("option '%s.%s'"):format(name, field), expected)
    if expected == "string" and item:find("[%z\r\n]") then
      refuse(caller, "option '%s': without CR, LF and NUL expected", name)
    end
  end
  local user = value[1] or value.user
  if not value.bearer and not user then refuse(caller, "option 'auth': user and password, or bearer expected") end
  if value.bearer and value.digest then refuse(caller, "option 'auth': either bearer or digest expected") end
  if user and user:find(":", 1, true) then refuse(caller, "option 'auth': a user without ':' expected") end
end

local proxy_schemes = { http = true, https = true, socks5 = true, socks5h = true }

local function check_proxy(caller, name, value)
  if value == false then return end
  misuse.check_type(caller, position(caller), value, "option 'proxy'", "string or false")
  local scheme, authority = value:match("^(%a[%w]*)://([^/?#]+)")
  if not proxy_schemes[(scheme or ""):lower()] or value:find("[%c%s]") then
    refuse(caller, "option '%s': an http, https or socks5 URL expected", name)
  end
  local host, reason = url.ascii_host(authority:match "[^@:]*:?%d*$":gsub(":%d*$", ""))
  if not host then refuse(caller, "option '%s': %s", name, reason) end
end

local function check_resolve(caller, _, value)
  misuse.check_type(caller, position(caller), value, "option 'resolve'", "table")
  for place, address in pairs(value) do
    if type(place) ~= "string" or not place:find("^[^:%s%c]+:%d+$") or type(address) ~= "string"
      or not address:find("^[%x:.,%[%]]+$") then
      refuse(caller, "option 'resolve': addresses by \"host:port\" expected")
    end
    local host, reason = url.ascii_host(place:match "^[^:]+")
    if not host then refuse(caller, "option 'resolve': %s", reason) end
  end
end

local function is_seconds(value)
  return type(value) == "number" and value == value
end

-- A test for a list of these.
local function list_of(is_item)
  return function(value)
    if type(value) ~= "table" or not misuse.is_list(value) then return false end
    for _, item in ipairs(value) do
      if not is_item(item) then return false end
    end
    return true
  end
end

-- The fields of `retries`: what each may be, in words and as a test. As far as possible as in async.retry.
local retry_fields = {
  attempts = { "a whole number from 1, or math.huge", function(value)
    return value == math.huge or type(value) == "number" and value >= 1 and math.tointeger(value) ~= nil
  end },
  statuses = { "a list of integers", list_of(function(item)
    return type(item) == "number" and math.tointeger(item)
  end) },
  methods = { "a list of strings", list_of(function(item)
    return type(item) == "string"
  end) },
  delay = { "seconds", is_seconds }, max_delay = { "seconds", is_seconds },
  factor = { "a finite number from 0", function(value)
    return is_seconds(value) and value >= 0 and value < math.huge
  end },
  jitter = { "a fraction from 0 to 1", function(value)
    return is_seconds(value) and value >= 0 and value <= 1
  end },
}

local function check_retries(caller, name, value)
  if value == false then return end
  if type(value) ~= "table" then
    local whole = type(value) == "number" and math.tointeger(value)
    if whole and whole >= 0 then return end
    refuse(caller, "option '%s': integer of at least 0, a table or false expected, got %s", name, shown(value))
  end
  for field, item in pairs(value) do
    local rule = retry_fields[field]
    if not rule then
      refuse(caller, "option '%s': unknown field '%s'%s", name, tostring(field), suggest.field(field, retry_fields))
    end
    if not rule[2](item) then
      refuse(caller, "option '%s.%s': %s expected, got %s", name, field, rule[1], misuse.kind(item))
    end
  end
end

local field_types = { string = true, number = true, boolean = true }

-- Fields of a query or a form: text, or lists of it to be repeated.
local function check_fields(caller, name, value)
  misuse.check_type(caller, position(caller), value, ("option '%s'"):format(name), "table")
  for key, item in pairs(value) do
    local list = type(item) == "table" and item or { item }
    local wrong = not misuse.is_list(list) and "a table that is no list"
    for _, part in ipairs(list) do
      wrong = wrong or not field_types[type(part)] and type(part)
    end
    if wrong then
      refuse(caller, "option '%s': field '%s': string, number, boolean or list of those expected, got %s", name,
        tostring(key), wrong)
    end
  end
end

local function check_cookies(caller, name, value)
  if value == false and caller == "session" then return end
  local types = caller == "session" and "table or false" or "table"
  misuse.check_type(caller, position(caller), value, ("option '%s'"):format(name), types)
  for key, item in pairs(value) do
    cookies.check(caller, position(caller), key, position(caller), item)
  end
end

-- Every option of fetch; those of a session besides.
local fetch_checks = {
  method = check_method, headers = of_type "table", query = check_fields,
  body = check_body, form = check_fields, json = function() end,
  timeout = check_timeout, redirect = one_of("follow", "manual", "error"), max_redirects = count_from(0),
  auth = check_auth, proxy = check_proxy, verify = of_type "boolean", ca_file = text, ca_path = text,
  cert = text, key = text, tls_min = one_of("1.2", "1.3"), http_version = one_of("1.1", "2"),
  max_body_size = count_from(0), resolve = check_resolve, local_address = text, unix_socket = text,
  multipart = check_multipart, retries = check_retries, cookies = check_cookies, on_progress = of_type "function",
}
local session_checks = {
  base_url = of_type "string", limit = count_from(1), limit_per_host = count_from(1),
  keepalive = function(caller, name, value)
    if value ~= true then check_seconds(caller, name, value) end
  end,
}

---Checks the options of `fetch` and its like.
---@param caller string
---@param given? table
function options.check_fetch(caller, given)
  if given == nil then return end
  misuse.check_type(caller, position(caller), given, "options", "table")
  for name, value in pairs(given) do
    local check = fetch_checks[name]
    if not check then
      refuse(caller, "unknown option '%s'%s", tostring(name), suggest.option(name, fetch_checks, session_checks))
    end
    check(caller, name, value)
  end
end

local all_checks = {}
for _, checks in ipairs { fetch_checks, session_checks } do
  for name, check in pairs(checks) do
    all_checks[name] = check
  end
end

---Checks the options of `session`.
---@param given table
function options.check_session(given)
  for name, value in pairs(given) do
    local check = all_checks[name]
    if not check then
      refuse("session", "unknown option '%s'%s", tostring(name), suggest.option(name, all_checks))
    end
    check("session", name, value)
  end
end

-- Merging -----------------------------------------------------------------------------------------

local function normal_seconds(value)
  if value == false or value == math.huge then return nil end
  return math.max(value, 0)
end

---Writes the limits of all phases over those in `limits`; a number stands for the total alone, false
---takes back every limit.
---@param limits table<string, number>
---@param timeout? number|table<string, number|false>|false
function options.merge_timeout(limits, timeout)
  if timeout == nil then return end
  for phase in pairs(timeout == false and phases or {}) do
    limits[phase] = nil
  end
  if type(timeout) ~= "table" then
    limits.total = normal_seconds(timeout)
    return
  end
  for phase, value in pairs(timeout) do
    limits[phase] = normal_seconds(value)
  end
end

-- Options that set up a connection. They reach C as one table with an id of its own, by which a
-- reused handle knows whether it carries them already.
local is_extra = {
  verify = true, ca_file = true, ca_path = true, cert = true, key = true, tls_min = true, http_version = true,
  resolve = true, local_address = true, unix_socket = true,
}
local last_id = 0

-- The addresses by places as libcurl will ask for them.
local function by_ascii(map)
  local result = {}
  for place, address in pairs(map) do
    local host, port = place:match("^(.*):(%d+)$")
    result[url.ascii_host(host) .. ":" .. port] = address
  end
  return result
end

local function resolve_lines(map)
  local lines = {}
  for place, address in pairs(map) do
    lines[#lines + 1] = "+" .. place .. ":" .. address
  end
  table.sort(lines)
  return lines
end

-- A name of a host's that nobody asks for by chance, the same for the same addresses.
local function alias_of(host, addresses)
  local hash = 0xcbf29ce484222325 -- FNV-1a
  for i = 1, #addresses do
    hash = (hash ~ addresses:byte(i)) * 0x100000001b3
  end
  return ("%s.%016x.invalid"):format(host, hash)
end

local ALIAS = "%." .. ("%x"):rep(16) .. "%.invalid"

---What libcurl says of a host, with its own name.
---@param message string
---@return string
function options.without_alias(message)
  return (message:gsub(ALIAS, ""))
end

-- The same as places to connect to. Where there are several addresses, or none, that is an alias of the host,
-- and the second result tells how to resolve it.
local function connect_lines(map)
  local lines, aliases = {}, {}
  for place, address in pairs(map) do
    if not core.is_address(address) then
      local host, port = place:match("^(.*):(%d+)$")
      local alias = alias_of(host, address)
      aliases[#aliases + 1] = ("+%s:%s:%s"):format(alias, port, address)
      address = alias
    elseif address:find(":", 1, true) and address:sub(1, 1) ~= "[" then
      address = "[" .. address .. "]"
    end
    lines[#lines + 1] = place .. ":" .. address .. ":"
  end
  table.sort(lines)
  return lines, aliases
end

---The connection options of `given` over those of `defaults`, for saros.http.core.
---@param given? table
---@param defaults? table   made by this function
---@param digest? table     user and password for digest authentication
---@return table?
function options.extras(given, defaults, digest)
  local changed = digest ~= nil
  for name in next, given or {} do
    changed = changed or is_extra[name]
  end
  if not changed then return defaults end
  local extras = {}
  for name, value in pairs(defaults or {}) do
    extras[name] = value
  end
  for name, value in next, given or {} do
    if is_extra[name] then extras[name] = value end
  end
  if given and given.resolve then
    local map = by_ascii(given.resolve)
    extras.resolve = resolve_lines(map)
    extras.connect_to, extras.aliases = connect_lines(map)
  end
  if given and given.local_address then extras.interface = "host!" .. given.local_address end
  extras.http1, extras.unverified = extras.http_version == "1.1", extras.verify == false
  if digest then extras.digest, extras.user, extras.password = true, digest.user, digest.password end
  last_id = last_id + 1
  extras.id = last_id
  return extras
end

return options
