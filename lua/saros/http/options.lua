-- SPDX-License-Identifier: MIT
-- The options of fetch and session: which there are, what their values may be, and what becomes of those of a session
-- where a request has some, too. Whatever is wrong is an argument error that names the option, before any I/O.

local backoff = require "saros.backoff"
local cookies = require "saros.http.cookies"
local misuse = require "saros.misuse"
local url = require "saros.http.url"

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
---@field json? any  the body, encoded as JSON
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

-- Loaded when something is wrong.
local function suggest()
  return require "saros.http.suggest"
end

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
      refuse(caller, "option 'timeout': unknown field '%s'%s", tostring(phase), suggest().field(phase, phases))
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
      refuse(caller, "option '%s': unknown field '%s'%s", name, tostring(field), suggest().field(field, auth_fields))
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

-- The fields of `retries`: what each may be, in words and as a test.
local retry_fields = {
  statuses = { "a list of integers", list_of(function(item)
    return type(item) == "number" and math.tointeger(item)
  end) },
  methods = { "a list of strings", list_of(function(item)
    return type(item) == "string"
  end) },
}
for name, rule in pairs(backoff.rules) do
  retry_fields[name] = rule
end

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
      refuse(caller, "option '%s': unknown field '%s'%s", name, tostring(field), suggest().field(field, retry_fields))
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
  local is_session = caller == "session" or caller == "client"
  if value == false and is_session then return end
  local types = is_session and "table or false" or "table"
  misuse.check_type(caller, position(caller), value, ("option '%s'"):format(name), types)
  for key, item in pairs(value) do
    cookies.check(caller, position(caller), key, position(caller), item)
  end
end

-- Merging -----------------------------------------------------------------------------------------

local function normal_seconds(value)
  if value == false or value == math.huge then return nil end
  return math.max(value, 0)
end

-- The limits of all phases, those of `timeout` over those in `limits`; a number stands for the total alone, false
-- takes back every limit.
local function merge_timeout(limits, timeout)
  local merged = {}
  for phase, seconds in next, timeout ~= false and limits or {} do
    merged[phase] = seconds
  end
  if type(timeout) ~= "table" then
    merged.total = normal_seconds(timeout)
    return merged
  end
  for phase, seconds in next, timeout do
    merged[phase] = normal_seconds(seconds)
  end
  return merged
end

-- Declarations ------------------------------------------------------------------------------------

-- Every option, by name:
--   check       raises unless a value may be one
--   merge       makes one value of the session's and the request's; unless said otherwise the request's holds
--   apart       it is not merged here: whether the session's holds, too, depends on other things of the request
--   connects    it sets up a connection, see saros.http.connection
--   of_session  a request has none
local declared = {
  method = { check = check_method },
  query = { check = check_fields },
  headers = { check = of_type "table", apart = true },
  cookies = { check = check_cookies, apart = true },
  auth = { check = check_auth, apart = true },
  body = { check = check_body, apart = true },
  json = { check = function() end, apart = true },
  form = { check = check_fields, apart = true },
  multipart = { check = check_multipart, apart = true },
  timeout = { check = check_timeout, merge = merge_timeout },
  redirect = { check = one_of("follow", "manual", "error") },
  max_redirects = { check = count_from(0) },
  retries = { check = check_retries },
  max_body_size = { check = count_from(0) },
  on_progress = { check = of_type "function" },
  proxy = { check = check_proxy },
  verify = { check = of_type "boolean", connects = true },
  ca_file = { check = text, connects = true },
  ca_path = { check = text, connects = true },
  cert = { check = text, connects = true },
  key = { check = text, connects = true },
  tls_min = { check = one_of("1.2", "1.3"), connects = true },
  http_version = { check = one_of("1.1", "2"), connects = true },
  resolve = { check = check_resolve, connects = true },
  local_address = { check = text, connects = true },
  unix_socket = { check = text, connects = true },
  base_url = { check = of_type "string", of_session = true },
  limit = { check = count_from(1), of_session = true },
  limit_per_host = { check = count_from(1), of_session = true },
  keepalive = { check = function(caller, name, value)
    if value ~= true then check_seconds(caller, name, value) end
  end, of_session = true },
}

local of_request, of_session = {}, {}
for name, option in pairs(declared) do
  (option.of_session and of_session or of_request)[name] = option
end

---Checks the options of `fetch` and its like.
---@param caller string
---@param given? table
function options.check_fetch(caller, given)
  if given == nil then return end
  misuse.check_type(caller, position(caller), given, "options", "table")
  for name, value in pairs(given) do
    local option = of_request[name]
    if not option then
      refuse(caller, "unknown option '%s'%s", tostring(name), suggest().option(name, of_request, of_session))
    end
    option.check(caller, name, value)
  end
end

local function check_base(caller, base)
  if base == nil then return end
  local parsed, reason = url.parse(base)
  if not parsed then misuse.option(caller, "option 'base_url': %s: %s", reason, url.quote(base)) end
  if parsed.query ~= "" or parsed.fragment ~= "" then
    misuse.option(caller, "option 'base_url': a URL without query and fragment expected")
  end
end

---Checks the options of `session`, or of another function that makes one.
---@param caller string
---@param given table
function options.check_session(caller, given)
  for name, value in pairs(given) do
    local option = declared[name]
    if not option then refuse(caller, "unknown option '%s'%s", tostring(name), suggest().option(name, declared)) end
    option.check(caller, name, value)
  end
  check_base(caller, given.base_url)
end

---Whether the option sets up a connection.
---@param name string
---@return boolean
function options.sets_up_connection(name)
  return declared[name].connects or false
end

---The same of any name.
---@param name string
---@return boolean
function options.is_of_connection(name)
  return declared[name] ~= nil and declared[name].connects or false
end

---`given` over `inherited`, which stays as it is. Options that are merged elsewhere are left out.
---@param inherited table
---@param given? table
---@return table
function options.merge(inherited, given)
  if not given then return inherited end
  local merged = {}
  for name, value in next, inherited do
    merged[name] = value
  end
  for name, value in next, given do
    local option = declared[name]
    if option.merge then
      merged[name] = option.merge(merged[name], value)
    elseif not option.apart then
      merged[name] = value
    end
  end
  return merged
end

return options
