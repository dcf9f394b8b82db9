-- SPDX-License-Identifier: MIT
-- Credentials of a request, as they are given to it, to its session, or by its URL.

local base64 = require "saros.http.base64"

local auth = {}

---Sets the header of `{user, password}`, a URL's userinfo or a bearer token. Digest is libcurl's affair: returns user
---and password for that.
---@param map table<string, table>  headers
---@param given? saros.Auth|false
---@param target saros.http.URL
---@return table?
function auth.set(map, given, target)
  if given == nil and target.user then given = { target.user, target.password } end
  if not given then return nil end
  local user, password = given[1] or given.user, given[2] or given.password or ""
  if given.digest then return { user = user, password = password } end
  local value = given.bearer and "Bearer " .. given.bearer or "Basic " .. base64(user .. ":" .. password)
  map.authorization = { name = "Authorization", value }
  return nil
end

-- Whether the request names an Authorization header, be it to remove one: then the session's does not hold.
local function names_authorization(given)
  for name in pairs(given and given.headers or {}) do
    if name:lower() == "authorization" then return true end
  end
  return false
end

---What holds for a request: its own, or its session's.
---@param prepared saros.http.Request
---@return saros.Auth|false|nil
function auth.choose(prepared)
  local given = prepared.options
  local own = given and given.auth
  if own ~= nil or prepared.url.user or names_authorization(given) then return own end
  return prepared.session.defaults.auth
end

return auth
