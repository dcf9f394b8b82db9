-- SPDX-License-Identifier: MIT
-- saros.http: fetch, its verbs and sessions. Loaded by saros at their first use.

local misuse = require "saros.http.misuse"
local session = require "saros.http.session"

local http = {}

-- Its pool lives on from run to run; connections do not.
local default_session

local function default()
  default_session = default_session or session.new({}, false)
  return default_session
end

---Performs a request; returns as soon as the headers of the answer are there.
---@async
---@param target string  the URL
---@param given? table   the options
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

---A connection pool with defaults for its requests.
---@param given? table
---@return saros.Session
function http.session(given)
  return session.new(given, true)
end

misuse.guard(http)

return http
