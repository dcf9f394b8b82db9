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

-- A session goes on with the connections that libcurl has made to find out: one of our own takes another handshake. It
-- leaves them for good when none is free, as it would have to make one anyhow, and after so many responses of HTTP/1.1,
-- which cost by libcurl about as much more as a handshake does.
local RESPONSES_MAX = 50

local function leave(session)
  session.by_curl = false
  session.pool:leave()
end

-- Whether it does so with its next request.
local function stays(session)
  local responses = session.by_curl
  if not responses then return false end
  if responses < RESPONSES_MAX and session.pool:spare() > 0 then return true end
  leave(session)
  return false
end

---libcurl has brought the head of a response.
---@param prepared saros.http.Request
---@param head string
function secure.learn(prepared, head)
  local place, session = prepared.place, prepared.session
  if not place then return end
  if speaks_old[place] == nil then
    if count == REMEMBERED_MAX then
      speaks_old, count = {}, 0
    end
    speaks_old[place], count = head:find "^HTTP/1%." ~= nil, count + 1
  end
  if not speaks_old[place] then return end
  if session.by_curl == false then leave(session) else session.by_curl = (session.by_curl or 0) + 1 end
end

---Whether the request is for our own connections: libcurl has found that HTTP/1.1 is spoken where it goes, and the
---session does not stay with what libcurl has connected.
---@param prepared saros.http.Request
---@return boolean?
function secure.speaks_old(prepared)
  return speaks_old[prepared.place] and not stays(prepared.session)
end

return secure
