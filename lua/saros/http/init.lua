-- SPDX-License-Identifier: MIT
-- saros.http: fetch, its verbs and sessions. Loaded by saros at their first use.

local guard = require "saros.guard"
local session = require "saros.http.session"

---@class saros
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field get saros.Verb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field post saros.Verb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field put saros.Verb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field patch saros.Verb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field delete saros.Verb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field head saros.Verb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field options saros.Verb
local http = {}

---@alias saros.Verb async fun(target: string, given?: saros.FetchOptions): saros.Response

-- The session of these functions, once it is needed. Its pool lives on from run to run; connections do not.
local of_default = {}

local function default()
  of_default[1] = of_default[1] or session.new({}, false)
  return of_default[1]
end

---Sends a request and returns as soon as the headers of the response are in. Any status is a response; see
---`raise_for_status`. FetchError (`code` tells why: `ECONNREFUSED`, `ENOTFOUND`, `ETLS`, ...) or TimeoutError.
---@async
---@param target string  the URL, http or https
---@param given? saros.FetchOptions
---@return saros.Response
function http.fetch(target, given)
  return session.perform(default(), "fetch", nil, target, given)
end

-- The same with the method that the name says.
for _, verb in ipairs(session.verbs) do
  local method = verb:upper()
  ---@async
  http[verb] = function(target, given)
    return session.perform(default(), verb, method, target, given)
  end
end

---Requests that share connections and defaults: `local session <close> = async.session{...}`.
---@param given? saros.SessionOptions
---@return saros.Session
function http.session(given)
  return session.new(given, true)
end

guard(http)
for _, verb in ipairs { "fetch", table.unpack(session.verbs) } do
  http[verb] = session.verb(http[verb], verb, of_default)
end

return http
