-- SPDX-License-Identifier: MIT
-- Requests: from a URL and options to the prepared request that saros.http.core sends.

local backend = require "saros.http.backend"
local core = require "saros.http.core"
local lazily = require "saros.lazily"
local url = require "saros.http.url"
local connection = lazily "saros.http.connection"
local cookies = lazily "saros.http.cookies"
local details = lazily "saros.http.details"
local headers = lazily "saros.http.headers"
local misuse = lazily "saros.misuse"

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

-- Methods of requests that may be sent twice.
request.idempotent = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true }

-- Methods of requests that have a body, if only an empty one.
request.with_body = { POST = true, PUT = true, PATCH = true }

local idempotent, with_body = request.idempotent, request.with_body

-- libcurl asks for a go-ahead before bodies of this size, unless told otherwise.
local EXPECT_THRESHOLD = 1000000

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
  local map, jar = prepared.map, prepared.session.cookies
  local lines = next(map) ~= nil and headers.lines(map) or {}
  local cookie = not map.cookie and (jar or prepared.cookies) and cookies.header(jar, prepared.url, prepared.cookies)
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

---What follows from method, URL, body, headers and credentials, at the first hop and at every later one.
---@param prepared saros.http.Request
---@param digest? table  user and password
---@return saros.http.Request
function request.complete(prepared, digest)
  local target = prepared.url
  prepared.wire_url, prepared.https, prepared.key = target.wire, target.scheme == "https", target.origin
  prepared.extras = prepared.session.extras
  if prepared.options or digest then
    prepared.extras = connection.extras(prepared.options, prepared.extras, digest)
  end
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

-- What most requests are: nothing is said of them but method and URL.
local function set_plain(prepared, verb, target)
  local rules = prepared.session.merged
  prepared.url, prepared.map, prepared.method = target, {}, verb or "GET"
  prepared.body = with_body[verb] and "" or nil
  prepared.redirect, prepared.max_redirects, prepared.total = rules.redirect, rules.max_redirects, rules.timeout.total
end

local function prepare(session, caller, verb, text, given)
  local prepared = { caller = caller, session = session, options = given, jar = session.cookies }
  local is_plain = given == nil and next(session.defaults) == nil and next(session.headers) == nil
  local target = is_plain and type(text) == "string" and url.parse(text)
  if not target or target.user then return request.complete(prepared, details.set(prepared, verb, text)) end
  set_plain(prepared, verb, target)
  return request.complete(prepared)
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

return request
