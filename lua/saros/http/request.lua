-- SPDX-License-Identifier: MIT
-- Requests: from a URL and options to the prepared request that saros.http.core sends, and from one to
-- the next when a redirect is followed.
--
-- Invariant: credentials belong to an origin (scheme, host, port). They are part of a request only
-- while it goes to the origin they were given for, and once dropped they do not come back.

local backend = require "saros.http.backend"
local connection = require "saros.http.connection"
local cookies = require "saros.http.cookies"
local core = require "saros.http.core"
local headers = require "saros.http.headers"
local message = require "saros.http.message"
local misuse = require "saros.misuse"
local options = require "saros.http.options"
local retry = require "saros.http.retry"
local upload = require "saros.http.upload"
local url = require "saros.http.url"

local request = {}

---@class saros.http.Request what one hop sends; read by saros.http.core, never changed
---@field caller string     the function the user called
---@field method string
---@field url saros.http.URL
---@field wire_url string
---@field https boolean
---@field key string        what limit_per_host counts by
---@field headers string[]
---@field body? string
---@field source? saros.http.Source of a streamed body
---@field body_length? integer of a streamed body, where it is known
---@field on_progress? function
---@field retries? saros.http.Policy
---@field repeatable boolean may be sent again on a new connection
---@field resend? boolean    the same of a streamed one, which core knows nothing about
---@field extras? table     options of the connection
---@field proxied_by? string|false the option `proxy`, for every hop
---@field proxy? string      of this one
---@field no_proxy? string
---@field total? number     seconds, as are connect, read and pool
---@field max_body? number
---@field cookies? table      of the option, for the first origin only
---@field redirect string
---@field max_redirects integer
---@field map table         the headers, by lower-case name
---@field options? table    as given, for connection options of later hops
---@field session table
---@field jar? table        its cookies
---@field credentials? table for digest authentication
---@field [1] userdata     all of this as core sees it

local idempotent = retry.idempotent
local with_body = { POST = true, PUT = true, PATCH = true }
local upper = { get = true, head = true, post = true, put = true, delete = true, options = true, patch = true }

-- libcurl asks for a go-ahead before bodies of this size, unless told otherwise.
local EXPECT_THRESHOLD = 1000000

local function check_url(caller, text, base)
  if type(text) ~= "string" then
    misuse.argument(caller, 1, "string expected, got " .. misuse.got(caller, 1, text))
  end
  if base and not text:find("^%a[%w+.-]*://") then
    local glue = (text == "" or text:sub(1, 1) == "?" or text:sub(1, 1) == "#") and "" or "/"
    text = (glue == "" and base or base:gsub("/+$", "")) .. glue .. (glue == "" and text or text:gsub("^/+", ""))
  end
  local parsed, reason = url.parse(text)
  if not parsed then misuse.argument(caller, 1, reason .. ": " .. url.quote(text)) end
  return parsed
end

local function choose_method(caller, verb, given, merged, has_body)
  if verb and given and given.method then
    misuse.argument(caller, 2, "option 'method': the name of the function says it")
  end
  local method = verb or merged or (has_body and "POST" or "GET")
  if upper[method:lower()] then method = method:upper() end
  if method == "HEAD" and has_body then misuse.argument(caller, 2, "a HEAD request has no body") end
  return method
end

local body_options = { "body", "json", "form", "multipart" }

local function chosen_body(caller, given)
  local found
  for _, name in ipairs(body_options) do
    if given[name] ~= nil then
      if found then misuse.argument(caller, 2, ("options '%s' and '%s' exclude each other"):format(found, name)) end
      found = name
    end
  end
  return found
end

-- Sets the body or its source from the option that names one, and the Content-Type that goes with it.
local function set_body(prepared, given)
  local found = chosen_body(prepared.caller, given)
  if found == "body" and type(given.body) == "string" then
    prepared.body = given.body
  elseif found == "body" then
    local length = prepared.map["content-length"]
    prepared.map["content-length"] = nil
    prepared.body_length = length and length[1] and math.tointeger(tonumber(length[1]))
    prepared.source = upload.once(given.body, prepared.body_length)
  elseif found == "json" then
    prepared.body = require("saros.json").encode(given.json)
    headers.default(prepared.map, "Content-Type", "application/json")
  elseif found == "form" then
    prepared.body = url.encode_fields(given.form, "+")
    headers.default(prepared.map, "Content-Type", "application/x-www-form-urlencoded")
  elseif found == "multipart" then
    local body, content_type = require("saros.http.multipart").encode(prepared.caller, given.multipart)
    local is_text = type(body) == "string"
    prepared.body, prepared.source = is_text and body or nil, not is_text and body or nil
    prepared.body_length = prepared.source and prepared.source.length
    headers.default(prepared.map, "Content-Type", content_type)
  end
end

-- The table with the options that say what the body is: the request's own, or else those of its session; these
-- only if the method is one that has a body.
local function options_of_body(caller, verb, given, defaults)
  if given and chosen_body(caller, given) then return given end
  local method = verb or given and given.method
  return (not method or with_body[method:upper()]) and defaults or {}
end

-- `{user, password}`, a URL's userinfo or a bearer token: a header. Digest is libcurl's affair.
local function set_auth(map, auth, target)
  if auth == nil and target.user then auth = { target.user, target.password } end
  if not auth then return nil end
  local user, password = auth[1] or auth.user, auth[2] or auth.password or ""
  if auth.digest then return { user = user, password = password } end
  local value = auth.bearer and "Bearer " .. auth.bearer or "Basic " .. message.base64(user .. ":" .. password)
  map.authorization = { name = "Authorization", value }
  return nil
end

local function choose_proxy(prepared)
  local proxy = prepared.proxied_by
  prepared.proxy, prepared.no_proxy = proxy and url.proxy(proxy) or nil, nil
  if proxy ~= nil or prepared.extras and prepared.extras.unix_socket then return end
  local environment = prepared.session.environment
  prepared.proxy = environment[prepared.url.scheme]
  prepared.no_proxy = prepared.proxy and environment.none
end

-- A part of an encoded body cannot be decoded, so a request for a range asks for a body that is not encoded.
local accept_any = core.encodings and "Accept-Encoding: " .. core.encodings
local accept_none = "Accept-Encoding: identity"
local user_agent = "User-Agent: " .. core.user_agent

-- The header lines: those of the map, and those that every request has.
local function set_lines(prepared)
  local map, lines = prepared.map, headers.lines(prepared.map)
  local cookie = not map.cookie and cookies.header(prepared.session.cookies, prepared.url, prepared.cookies)
  if cookie then table.insert(lines, "Cookie: " .. cookie) end
  if not map["accept-encoding"] then table.insert(lines, map.range and accept_none or accept_any) end
  if not map["user-agent"] then table.insert(lines, user_agent) end
  if prepared.body or prepared.source then
    local large = prepared.source or #prepared.body >= EXPECT_THRESHOLD
    if not map["content-type"] then table.insert(lines, "Content-Type:") end
    if large and not map.expect then table.insert(lines, "Expect:") end
  end
  prepared.headers = lines
end

-- What follows from method, URL, body, headers and credentials, at the first hop and at every later one.
local function complete(prepared, digest)
  local target = prepared.url
  prepared.wire_url, prepared.https, prepared.key = target.wire, target.scheme == "https", target.origin
  prepared.extras = connection.extras(prepared.options, prepared.session.extras, digest)
  prepared.credentials = digest
  prepared.repeatable = idempotent[prepared.method] and not prepared.source or false
  prepared.resend = prepared.source and prepared.source.repeatable and idempotent[prepared.method]
  set_lines(prepared)
  choose_proxy(prepared)
  prepared.tls = nil
  backend.prepare(prepared)
  core.prepare(prepared)
  return prepared
end

-- Whether the request names an Authorization header, be it to remove one: then the session's does not hold.
local function names_authorization(given)
  for name in pairs(given and given.headers or {}) do
    if name:lower() == "authorization" then return true end
  end
  return false
end

-- The headers by lower-case name: those of the session, and the request's over them.
local function merged_headers(session, caller, given)
  local map = {}
  if next(session.headers) ~= nil then
    headers.merge(caller, map, session.headers, false, headers.refuse_of_session)
  end
  if given and given.headers then
    headers.merge(caller, map, given.headers, given.body ~= nil and type(given.body) ~= "string")
  end
  return map
end

-- What the options say of limits, redirects and the like.
local function set_rules(prepared, merged)
  for phase, seconds in next, merged.timeout do
    prepared[phase] = seconds
  end
  prepared.redirect, prepared.max_redirects = merged.redirect, merged.max_redirects
  prepared.retries = retry.policy(merged.retries)
  prepared.max_body, prepared.on_progress = merged.max_body_size, merged.on_progress
  if prepared.on_progress and prepared.body and prepared.body ~= "" then
    prepared.source, prepared.body_length, prepared.body = upload.text(prepared.body), #prepared.body, nil
  end
end

local function choose_auth(prepared)
  local given = prepared.options
  local auth = given and given.auth
  if auth ~= nil or prepared.url.user or names_authorization(given) then return auth end
  return prepared.session.defaults.auth
end

local function prepare(session, caller, verb, text, given)
  options.check_fetch(caller, given)
  local merged = options.merge(session.merged, given)
  local target = check_url(caller, text, merged.base_url)
  if merged.query then target = url.add_query(target, merged.query) end
  local map = merged_headers(session, caller, given)
  local prepared = { caller = caller, session = session, options = given, url = target, map = map }
  prepared.jar = session.cookies
  set_body(prepared, options_of_body(caller, verb, given, session.defaults))
  local has_body = (prepared.body or prepared.source) ~= nil
  prepared.method = choose_method(caller, verb, given, merged.method, has_body)
  if not has_body and with_body[prepared.method] then prepared.body = "" end
  prepared.cookies = given and given.cookies
  prepared.proxied_by = merged.proxy
  set_rules(prepared, merged)
  return complete(prepared, set_auth(map, choose_auth(prepared), target))
end

-- Requests without options are remembered, because programs send the same ones again and again: in the field 1 of their
-- session, by URL and by the number of the function, where core finds them, too.
local REMEMBERED_MAX = 256
local COUNT = false -- it is a field that is no URL
local next = next

local numbers, last_number = {}, 0

---The number of a function by which requests are remembered.
---@param caller string
---@return integer
function request.number_of(caller)
  if not numbers[caller] then
    last_number = last_number + 1
    numbers[caller] = last_number
  end
  return numbers[caller]
end

local function remember(session, text, number, prepared)
  local all = session[1]
  if all[COUNT] == REMEMBERED_MAX then
    all = { [COUNT] = 0 }
    session[1] = all
  end
  all[text] = all[text] or {}
  all[text][number], all[COUNT] = prepared, all[COUNT] + 1
end

---Prepares a request, or raises an argument error.
---@param session saros.Session
---@param caller string    the function the user called
---@param verb? string     the method, where the function's name says it
---@param text string      the URL, or a path for a session with a base_url
---@param given? table     the options
---@return saros.http.Request
function request.prepare(session, caller, verb, text, given)
  local jar, shared = session.cookies, session.headers
  if type(shared) ~= "table" then misuse.raise(caller .. ": the headers of the session are no table") end
  if jar and not cookies.is_jar(jar) then misuse.raise(caller .. ": the cookies of the session are no jar") end
  local is_plain = given == nil and next(shared) == nil and not (jar and jar._count > 0)
  if not is_plain or type(text) ~= "string" then
    return prepare(session, caller, verb, text, given)
  end
  local number, found = request.number_of(caller), session[1][text]
  local prepared = found and found[number]
  if prepared then return prepared end
  prepared = prepare(session, caller, verb, text, nil)
  if not prepared.source then remember(session, text, number, prepared) end
  return prepared
end

local function copy(map)
  local result = {}
  for key, value in pairs(map) do
    result[key] = value
  end
  return result
end

local of_origin = { "authorization", "proxy-authorization", "cookie", "host" }
local of_body = { "content-type", "content-encoding", "content-language", "content-location" }

local function drop(map, names)
  for _, name in ipairs(names) do
    map[name] = nil
  end
end

---The request of the next hop after a redirect, or nil and why there is none.
---@param prepared saros.http.Request
---@param status integer
---@param location string
---@return saros.http.Request?
---@return string? reason
function request.redirect(prepared, status, location)
  local target, reason = url.parse(url.join(prepared.url, location))
  if not target then return nil, ("redirected to %q: %s"):format(url.show(location), reason) end
  target = url.keep_fragment(target, prepared.url.fragment)
  local following = copy(prepared)
  local digest = prepared.credentials
  following.url, following.map = target, copy(prepared.map)
  if target.origin ~= prepared.url.origin then
    drop(following.map, of_origin)
    digest, following.cookies = nil, nil
  end
  local method = prepared.method
  local rewrites = status == 303 and method ~= "HEAD" or method == "POST" and (status == 301 or status == 302)
  if rewrites then
    following.method, following.body, following.source, following.body_length = "GET", nil, nil, nil
    drop(following.map, of_body)
  end
  if following.source and not following.source.repeatable then
    return nil, ("redirected to %q, but the body cannot be sent again"):format(url.show(location))
  end
  if target.user then digest = set_auth(following.map, nil, target) end
  return complete(following, digest)
end

return request
