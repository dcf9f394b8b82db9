-- SPDX-License-Identifier: MIT
-- Requests over TLS: contexts for saros' own connections, and who speaks HTTP/1.1 so that these can be used.

local core = require "saros.http.core"

local secure = {}

---Gives a request a context of TLS for saros' own connections. nil and the error that OpenSSL or the system has with
---the files.
---@param prepared saros.http.Request
---@param tls table  the module
---@return boolean?
---@return any err
function secure.prepare(prepared, tls)
  if prepared.tls then return true end
  core.use_tls(tls.face)
  local extras = prepared.extras or {}
  local ok, context = pcall(tls.client_context, {
    ca_file = extras.ca_file, ca_path = extras.ca_path, cert = extras.cert, key = extras.key,
    verify = not extras.unverified, min_version = extras.tls_min, alpn = "http/1.1",
  })
  if not ok then return nil, context end
  prepared.tls = context
  core.secure(prepared)
  return true
end

-- What origins speak over TLS, as libcurl has found out, by what connections to them have in common: true where that is
-- HTTP/1.1. Who has spoken HTTP/2 once is not taken to have forgotten it.
local speaks_old, count = {}, 0
local REMEMBERED_MAX = 1024

-- The places that a session reaches by libcurl, which keeps connections to them.
local function keep(session, place)
  if not session.by_curl or session.by_curl.count == REMEMBERED_MAX then session.by_curl = { count = 0 } end
  local kept = session.by_curl
  if not kept[place] then
    kept[place], kept.count = true, kept.count + 1
  end
end

-- Whether libcurl may have a connection that can be used again. A session leaves it when it has none at all, so that
-- finding out costs nobody a second handshake.
local function is_kept(session, place)
  if not session.by_curl or not session.by_curl[place] then return false end
  local stats = session.pool:stats()
  if stats.idle + stats.active > 0 then return true end
  session.by_curl = nil
  return false
end

---libcurl has brought the head of a response.
---@param prepared saros.http.Request
---@param head string
function secure.learn(prepared, head)
  local place = prepared.place
  if not place then return end
  keep(prepared.session, place)
  if speaks_old[place] ~= nil then return end
  if count == REMEMBERED_MAX then
    speaks_old, count = {}, 0
  end
  speaks_old[place], count = head:find "^HTTP/1%." ~= nil, count + 1
end

---Whether libcurl has found that HTTP/1.1 is spoken where the request goes, and has no connection to go on with.
---@param prepared saros.http.Request
---@return boolean?
function secure.speaks_old(prepared)
  return speaks_old[prepared.place] and not is_kept(prepared.session, prepared.place)
end

return secure
