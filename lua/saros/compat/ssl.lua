-- SPDX-License-Identifier: MIT
-- LuaSec's interface for tasks, over saros.compat.socket: newcontext, wrap, dohandshake. LuaSec's own https finds it by
-- `package.loaded.ssl = require "saros.compat.ssl"`.

local async = require "saros"
local misuse = require "saros.misuse"
local Socket = require "saros.compat.socket_object"
local tcp = require "saros.compat.tcp"
local attempt = require("saros.compat.failure").attempt
local Tcp = tcp.methods

---LuaSec's interface, for sockets of `saros.compat.socket`: `package.loaded.ssl = require "saros.compat.ssl"`.
---@class saros.compat.LuaSec
local ssl = { _VERSION = "1.2.0 (saros)" }

-- ---- contexts ------------------------------------------------------------------------------------

local Context = { __name = "SSL:Context", __tostring = function(self) return ("SSL context: %p"):format(self) end }

-- By protocol, the lowest version of TLS that it means.
local VERSIONS = { any = "1.2", sslv23 = "1.2", tlsv1_2 = "1.2", tlsv1_3 = "1.3" }

local function has(list, word)
  if list == word then return true end
  for _, value in ipairs(type(list) == "table" and list or {}) do
    if value == word then return true end
  end
  return false
end

-- What LuaSec says of a file that cannot be read.
local function missing(path, what)
  if not path then return nil end
  local file, problem = io.open(path)
  if file then return file:close() and nil end
  return ("error loading %s (%s)"):format(what, problem)
end

local VERIFY = { none = true, peer = true, client_once = true, fail_if_no_peer_cert = true }

-- Nobody who mistypes what is to be verified gets a connection that verifies nothing.
local function wrong_verify(list)
  for _, word in ipairs(type(list) == "table" and list or { list }) do
    if not VERIFY[word] then return ("invalid verify option (%s)"):format(tostring(word)) end
  end
end

-- What is asked for that is not to be had, or nil. What is only about taste (ciphers, curves, options) is left to TLS.
local function problem_of(params)
  if params.mode ~= "client" and params.mode ~= "server" then return "invalid mode" end
  if not VERSIONS[params.protocol or "any"] then return ("invalid protocol (%s)"):format(tostring(params.protocol)) end
  if params.capath then return "capath is not supported by saros: use cafile" end
  if params.password then return "keys with a password are not supported by saros" end
  local problem = wrong_verify(params.verify)
  if problem then return problem end
  return missing(params.cafile, "CA locations") or missing(params.certificate, "certificate")
    or missing(params.key, "private key")
end

-- The options of start_tls that mean the same. Who verifies a server verifies its name, too: LuaSec leaves that open.
local function options_of(params)
  local verifies = has(params.verify, "peer")
  local options = {
    server = params.mode == "server", cert = params.certificate, key = params.key,
    min_version = VERSIONS[params.protocol or "any"], alpn = type(params.alpn) ~= "function" and params.alpn or nil,
  }
  if params.mode == "client" then
    options.verify, options.ca_file = verifies, params.cafile
  elseif verifies then
    options.client_ca, options.verify = params.cafile, has(params.verify, "fail_if_no_peer_cert")
  end
  return options
end

---A context for `wrap`: what is wrong with files and names is said now.
---@param params table  LuaSec's: mode, protocol, cafile, certificate, key, verify, alpn
---@return table? context
---@return string? problem
function ssl.newcontext(params)
  if type(params) ~= "table" then misuse.type("newcontext", 1, "table", params) end
  local problem = problem_of(params)
  if problem then return nil, problem end
  return setmetatable({ options = options_of(params) }, Context)
end

-- ---- connections ---------------------------------------------------------------------------------

---@class saros.compat.TLS: saros.compat.TCP  (internal)
---@field package context table
---@field package name? string          to be told to the server and proven by it
---@field package handshake? saros.Task  one that is under way, or has ended
local Tls = {}
local metatable = Socket.class("ssl", Tls)
metatable.__name = "SSL:Connection"
metatable.__tostring = function(self) return ("SSL connection: %p"):format(self) end

---Takes over the connection of a socket. What comes of it has `dohandshake`, `send`, `receive`, `sni`, `info`,
---`getpeercertificate` and the rest, as LuaSec's.
---@param sock table  a connected socket
---@param params table  a context, or what one is made of
---@return table? connection
---@return string? problem
function ssl.wrap(sock, params)
  if type(params) ~= "table" then misuse.type("wrap", 2, "table", params) end
  local context, problem = params, nil
  if getmetatable(params) ~= Context then context, problem = ssl.newcontext(params) end
  if not context then return nil, problem end
  local channel = type(sock) == "table" and getmetatable(sock) == tcp.metatable and tcp.release(sock)
  if not channel then return nil, "invalid socket" end
  local self = setmetatable(Socket.fields("tcp", "client"), metatable)
  self.context, self.channel, self.peer = context, channel, sock.peer
  self.block, self.total = sock.block, sock.total
  return self
end

---The name of the server, for its certificate.
function Tls:sni(name)
  if type(name) ~= "string" then misuse.type("sni", 1, "string", name) end
  self.name = name
end

local function shake_hands(self)
  local options = {}
  for name, value in pairs(self.context.options) do
    options[name] = value
  end
  if not options.server then options.server_name = self.name or self.peer end
  return attempt(nil, self.channel.stream.start_tls, self.channel.stream, options)
end

---The handshake goes on when a call has run out of time, and the next one waits for it again.
---@async
---@return boolean ok
---@return string? problem  "wantread" for the time-out
function Tls:dohandshake()
  if not self.channel then return false, "closed" end
  self.handshake = self.handshake or async.spawn(shake_hands, self)
  attempt(Socket.deadline(self), self.handshake.await, self.handshake)
  if not self.handshake:done() then return false, "wantread" end
  local stream, problem = self.handshake:result()
  return stream ~= nil, problem
end

-- A call that runs out of time says what it waits for.
local function wanting(what, result, problem, partial)
  return result, problem == "timeout" and what or problem, partial
end

---@async
function Tls:receive(pattern, prefix)
  return wanting("wantread", Tcp.receive(self, pattern, prefix))
end

---@async
function Tls:send(data, first, last)
  return wanting("wantwrite", Tcp.send(self, data, first, last))
end

function Tls:close()
  if self.handshake then self.handshake:cancel() end
  Tcp.close(self)
end

function Tls.want()
  return "nothing"
end

local function info_of(self)
  return self.channel and self.channel.stream:tls_info() or {}
end

---@param field? string  "protocol", "cipher"
function Tls:info(field)
  local info = info_of(self)
  local told = { protocol = info.version and "TLSv" .. info.version, cipher = info.cipher, compression = nil }
  if field then return told[field] end
  return told
end

function Tls:getalpn()
  return info_of(self).alpn
end

function Tls:getsniname()
  return info_of(self).server_name
end

function Tls:getpeerverification()
  if info_of(self).verified then return true end
  return false, { { "the certificate of the peer was not verified" } }
end

local Certificate = {}
Certificate.__index = Certificate

function Certificate:pem() return self.known.pem end
function Certificate:serial() return self.known.serial end

function Certificate:digest(algorithm)
  if algorithm == "sha256" then return self.known.sha256 end
  return nil, "only the SHA-256 digest is known"
end

---The certificate of the peer: `pem()`, `serial()`, `digest("sha256")`.
function Tls:getpeercertificate()
  local known = info_of(self).peer_certificate
  return known and setmetatable({ known = known }, Certificate)
end

Tls.dirty, Tls.getstats, Tls.setstats = Tcp.dirty, Tcp.getstats, Tcp.setstats
Tls.getpeername, Tls.getsockname = Tcp.getpeername, Tcp.getsockname

misuse.guard(Tls)
misuse.guard(ssl, "newcontext", "wrap")

return ssl
