-- SPDX-License-Identifier: MIT
-- What options say of a request: those given to it, and those of its session.

local auth = require "saros.http.auth"
local headers = require "saros.http.headers"
local misuse = require "saros.misuse"
local options = require "saros.http.options"
local payload = require "saros.http.payload"
local request = require "saros.http.request"
local retry = require "saros.http.retry"
local upload = require "saros.http.upload"
local url = require "saros.http.url"

local details = {}

local with_body = request.with_body
local upper = { get = true, head = true, post = true, put = true, delete = true, options = true, patch = true }

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

---Sets what method, URL and options say. Returns user and password for digest authentication.
---@param prepared saros.http.Request
---@param verb? string     the method, where the function's name says it
---@param text string      the URL, or a path for a session with a base_url
---@return table?
function details.set(prepared, verb, text)
  local caller, session, given = prepared.caller, prepared.session, prepared.options
  local merged, defaults = session.merged, session.defaults
  if given ~= nil then
    options.check_fetch(caller, given)
    merged = options.merge(merged, given)
  end
  local target = check_url(caller, text, merged.base_url)
  if merged.query then target = url.add_query(target, merged.query) end
  prepared.url, prepared.map = target, merged_headers(session, caller, given)
  payload.set(prepared, verb, given, defaults)
  local has_body = (prepared.body or prepared.source) ~= nil
  prepared.method = choose_method(caller, verb, given, merged.method, has_body)
  if not has_body and with_body[prepared.method] then prepared.body = "" end
  prepared.cookies = given and given.cookies
  prepared.proxied_by = merged.proxy
  set_rules(prepared, merged)
  return auth.set(prepared.map, auth.choose(prepared), target)
end

return details
