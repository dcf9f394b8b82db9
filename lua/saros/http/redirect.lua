-- SPDX-License-Identifier: MIT
-- Redirects: from a response to the request that follows from it, until there is none.
--
-- Invariant: credentials belong to an origin (scheme, host, port). They are part of a request only
-- while it goes to the origin they were given for, and once dropped they do not come back.

local async = require "saros"
local auth = require "saros.http.auth"
local request = require "saros.http.request"
local responses = require "saros.http.response"
local url = require "saros.http.url"

local redirect = {}

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

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

-- The request of the next hop after a redirect, or nil and why there is none.
local function redirected(prepared, status, location)
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
  if target.user then digest = auth.set(following.map, nil, target) end
  return request.complete(following, digest)
end

local function refuse_redirect(prepared, response, message)
  response:close()
  responses.fail(prepared, response, { name = "FetchError", code = "EREDIRECT", message = message })
end

-- The request that follows from a redirect; raises where none may follow.
local function next_hop(prepared, response, location)
  if prepared.redirect == "error" then
    refuse_redirect(prepared, response, ("redirected to %q"):format(url.show(location)))
  elseif #response.history >= prepared.max_redirects then
    refuse_redirect(prepared, response, ("more than %d redirects"):format(prepared.max_redirects))
  end
  local following, reason = redirected(prepared, response.status, location)
  if not following then refuse_redirect(prepared, response, reason) end
  response:discard()
  return following
end

-- Where a redirect leads. If the server names several places the first one counts. An empty place is none, because it
-- would lead to the same URL again and again.
local function location_of(response)
  for _, location in ipairs(redirects[response.status] and response.headers:get_all "location" or {}) do
    if location ~= "" then return location end
  end
  return nil
end

---Follows redirects from a first response to the last one.
---@async
---@param send function  sends a request: `send(session, prepared, history, started)`
---@param session saros.Session
---@param prepared saros.http.Request
---@param response saros.Response
---@return saros.Response
function redirect.follow(send, session, prepared, response)
  local started = async.now() - response.elapsed
  local location = location_of(response)
  while location do
    prepared = next_hop(prepared, response, location)
    local history = table.move(response.history, 1, #response.history, 1, {})
    history[#history + 1] = response
    response = send(session, prepared, history, started)
    location = location_of(response)
  end
  return response
end

return redirect
