-- SPDX-License-Identifier: MIT
-- What carries a request: saros' own connections of HTTP/1.1, or libcurl, which is loaded when only that can do what is
-- asked for: HTTP/2, SOCKS, proxies that are spoken to over TLS, and digest authentication.

local core = require "saros.http.core"
local lazily = require "saros.lazily"
local message = require "saros.http.message"
local carriers = lazily "saros.http.carriers" -- for all but plain HTTP

local backend = {}

local is_forced = (os.getenv "SAROS_HTTP_BACKEND" or "") ~= ""

---Decides what can carry the request, and completes it for saros' own connections.
---@param prepared saros.http.Request
function backend.prepare(prepared)
  local proxy, reason
  if prepared.proxy or prepared.credentials then proxy, reason = carriers.judge(prepared) end
  prepared.needs_curl = reason
  message.describe(prepared)
  if not reason then message.complete(prepared, proxy) end
  prepared.backend = nil
end

---The backend that carries a request now; nil and a failure if there is none.
---@param prepared saros.http.Request
---@return userdata?
---@return saros.http.Failure?
function backend.choose(prepared)
  if prepared.backend then return prepared.backend end
  if is_forced or prepared.https or prepared.needs_curl then return carriers.choose(prepared) end
  prepared.backend = core.own
  return core.own
end

return backend
