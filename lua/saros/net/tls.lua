-- SPDX-License-Identifier: MIT
-- TLS for the streams of async.net: what its options may be, and the contexts that connections with the same options
-- share. It is loaded at the first use of one of them, and OpenSSL with it.

local misuse = require "saros.misuse"
local net = require "saros.net.core"

local loaded, core = pcall(require, "saros.tls.core")
if not loaded then
  local is_absent = core:find "^module 'saros.tls.core' not found"
  error("there is no TLS in this build of saros: it needs OpenSSL 1.1.1 or later (Debian: libssl-dev) and CMake's "
    .. "option SAROS_TLS" .. (is_absent and "" or "; " .. core), 0)
end

local tls = {}

---@class saros.TLSOptions
---@field ca_file? string      client: whom to trust (PEM) instead of those whom the system trusts
---@field ca_path? string      client: a folder of those, as `openssl rehash` makes it
---@field cert? string         the own certificate and those between it and the authority (PEM); a server needs one
---@field key? string          its private key (PEM, without a password); in the file of `cert` unless said otherwise
---@field verify? boolean      client: false takes any server for the right one. Server: see `client_ca`
---@field server_name? string  client: to be proven by the server, and told to it (SNI); the host unless said otherwise
---@field alpn? string|string[] application protocols, the one liked best first
---@field min_version? "1.2"|"1.3" 1.2 unless said otherwise
---@field client_ca? string    server: who signs certificates of its clients (PEM); with `verify = false` they need none
---@field timeout? number      seconds for the handshake; 10 (server) or 60 (client) unless said otherwise
---@field server? boolean      `start_tls`: which side we are; of an accepted stream the server, unless said otherwise

---What `stream:tls_info()` tells.
---@class saros.TLSInfo
---@field version string       "1.3", "1.2"
---@field cipher string
---@field alpn? string         the application protocol that was agreed on
---@field server_name? string  of a client: what the server has proven; of a server: what the client asked for
---@field resumed boolean      whether the handshake took up an earlier session
---@field verified boolean     whether the peer has proven by its certificate who it is
---@field peer_certificate? saros.Certificate

---@class saros.Certificate
---@field subject string
---@field issuer string
---@field names string[]       DNS names and addresses it is for
---@field serial string        in hexadecimal
---@field not_before integer   as `os.time` counts
---@field not_after integer
---@field sha256 string        its fingerprint, in hexadecimal
---@field pem string

-- ---- What the options may be ---------------------------------------------------------------------

local CLIENT, SERVER = "client", "server"

-- How long a handshake may take, in seconds.
local PATIENCE = { [CLIENT] = 60, [SERVER] = 10 }

-- By option, whose it is where it is not for both.
local SIDES = { ca_file = CLIENT, ca_path = CLIENT, server_name = CLIENT, client_ca = SERVER }

local function refuse(caller, position, message, ...)
  misuse.argument(caller, position, message:format(...))
end

-- The types are words: "string or table".
local function check_type(caller, position, name, value, types)
  if types:find(type(value), 1, true) then return end
  refuse(caller, position, "option '%s': %s expected, got %s", name, types, type(value))
end

local function text(caller, position, name, value)
  check_type(caller, position, name, value, "string")
  if value == "" or value:find "%z" then refuse(caller, position, "option '%s': it is empty or holds a NUL", name) end
end

local function flag(caller, position, name, value)
  check_type(caller, position, name, value, "boolean")
end

local function seconds(caller, position, name, value)
  check_type(caller, position, name, value, "number")
  if value ~= value then refuse(caller, position, "option '%s': not a number (NaN)", name) end
end

local function version(caller, position, name, value)
  if value == "1.2" or value == "1.3" then return end
  local got = type(value) == "string" and "'" .. value .. "'" or type(value)
  refuse(caller, position, "option '%s': '1.2' or '1.3' expected, got %s", name, got)
end

local function count(list)
  local total = 0
  for _ in pairs(list) do total = total + 1 end
  return total
end

local function protocols(caller, position, name, value)
  check_type(caller, position, name, value, "string or table")
  local list = type(value) == "string" and { value } or value
  if #list == 0 or #list ~= count(list) then
    refuse(caller, position, "option '%s': a list of names expected", name)
  end
  for _, protocol in ipairs(list) do
    if type(protocol) ~= "string" or #protocol < 1 or #protocol > 255 then
      refuse(caller, position, "option '%s': names of 1 to 255 bytes expected", name)
    end
  end
end

local CHECKS = {
  ca_file = text, ca_path = text, cert = text, key = text, server_name = text, client_ca = text,
  verify = flag, alpn = protocols, min_version = version, timeout = seconds,
}

local function check_combination(caller, position, options, side)
  if side == SERVER and not options.cert then
    refuse(caller, position, "option 'tls': a server needs 'cert', the file of its certificate")
  end
  if options.key and not options.cert then refuse(caller, position, "option 'key': 'cert' is missing") end
  if side == SERVER and options.verify ~= nil and not options.client_ca then
    refuse(caller, position, "option 'verify': of a server it needs 'client_ca'")
  end
end

-- Raises unless these are options of TLS. Returns a table of them.
local function check(caller, position, options, side, others)
  if options == true then options = {} end
  check_type(caller, position, "tls", options, "boolean or table")
  if not options then refuse(caller, position, "option 'tls': true or a table expected, got false") end
  for name, value in pairs(options) do
    local check_value = CHECKS[name]
    if check_value then
      check_value(caller, position, name, value)
      if (SIDES[name] or side) ~= side then refuse(caller, position, "option '%s' is for a %s", name, SIDES[name]) end
    elseif not (others and others[name]) then
      misuse.unknown_option(caller, position, name, CHECKS, " of TLS")
    end
  end
  check_combination(caller, position, options, side)
  return options
end

-- ---- Contexts ------------------------------------------------------------------------------------

-- Those in use, by what they are made of, and the order in which they were asked for, oldest first.
local CONTEXTS = 32
local contexts, order = {}, {}

local FILES = { "ca_file", "ca_path", "cert", "key", "client_ca" }

-- As the handshake has it: a length before each.
local function wire(list)
  if type(list) == "string" then list = { list } end
  local parts = {}
  for i, protocol in ipairs(list or {}) do parts[i] = ("s1"):pack(protocol) end
  return table.concat(parts)
end

-- Everything that tells one context from another: a file that was written anew makes a new one.
local function key_of(settings)
  local parts = { tostring(settings.server), tostring(settings.verify), settings.min_version or "", settings.alpn }
  for _, name in ipairs(FILES) do
    local path = settings[name]
    parts[#parts + 1] = path and path .. "\0" .. core.stamp(path) or ""
  end
  return table.concat(parts, "\0")
end

local function use(key)
  for i, other in ipairs(order) do
    if other == key then
      table.remove(order, i)
      break
    end
  end
  order[#order + 1] = key
  if #order > CONTEXTS then contexts[table.remove(order, 1)] = nil end
end

-- What connections with these options share. Reads the files; raises SystemError or TLSError.
local function context_of(options, side)
  local settings = { server = side == SERVER, verify = options.verify ~= false, alpn = wire(options.alpn) }
  settings.min_version = options.min_version
  for _, name in ipairs(FILES) do settings[name] = options[name] end
  local key = key_of(settings)
  local context = contexts[key] or core.context(settings)
  contexts[key] = context
  use(key)
  return context
end

-- ---- Handshakes ----------------------------------------------------------------------------------

---What is to be done for a connection, once there is one.
---@class saros.net.TLSPlan
---@field package context userdata
---@field package side string
---@field package name? string   what the server has to prove
---@field package timeout number
---@field package caller string  the function as its user knows it

local function plan(caller, options, side, name)
  return {
    context = context_of(options, side), side = side, caller = caller,
    name = options.server_name or name, timeout = options.timeout or PATIENCE[side],
  }
end

local function plan_client(caller, position, options, host)
  if not host and not options.server_name and options.verify ~= false then
    refuse(caller, position, "option 'server_name' is missing: whose certificate is to be proven?")
  end
  return plan(caller, options, CLIENT, host)
end

---For a client: raises what is wrong with the options (true or a table) before anything happens.
---@param caller string    the function as its user knows it
---@param position integer of the options among its arguments
---@param options any
---@param host? string     nil: it has no name
---@return saros.net.TLSPlan
function tls.client(caller, position, options, host)
  return plan_client(caller, position, check(caller, position, options, CLIENT), host)
end

---What a client's connections with these options share, which come checked. Raises SystemError or TLSError.
---@param options saros.TLSOptions
---@return userdata
function tls.client_context(options)
  return context_of(options, CLIENT)
end

---Its functions for other C modules, see src/tls/face.h.
tls.face = core.face

---The same for a server.
---@param caller string
---@param position integer
---@param options any
---@return saros.net.TLSPlan
function tls.server(caller, position, options)
  return plan(caller, check(caller, position, options, SERVER), SERVER)
end

---Puts TLS under a stream and waits for the end of the handshake; if that fails the stream is closed.
---@async
---@param stream saros.Stream
---@param wanted saros.net.TLSPlan
---@param host? string  the peer, for messages and sessions
---@param port? integer
---@return saros.Stream
function tls.start(stream, wanted, host, port)
  local is_client = wanted.side == CLIENT
  return core.start(stream, wanted.context, {
    caller = wanted.caller, timeout = wanted.timeout, name = is_client and wanted.name or nil,
    key = is_client and host and ("%s:%s"):format(host, port or "") or nil, host = host, port = port,
  })
end

local START = "stream:start_tls"

-- Which side we are: as the options say, else that of who accepted or of who connected.
local function side_of(options, was_accepted)
  local is_server = was_accepted
  if type(options) == "table" and options.server ~= nil then
    flag(START, 1, "server", options.server)
    is_server = options.server
  end
  return is_server and SERVER or CLIENT
end

---What `stream:start_tls` does.
---@async
---@param stream saros.Stream
---@param options any
---@return saros.Stream
function tls.start_on(stream, options)
  local origin = net.origin(stream) -- true: it was accepted; a string: the host or path that it was connected to
  if options == nil then options = {} end
  local side = side_of(options, origin == true)
  options = check(START, 1, options, side, { server = true })
  local host, port = stream:peer()
  if host == "" then host = nil end -- a socket without a name
  if type(origin) == "string" then host = origin end
  local name = port and type(origin) == "string" and origin or nil
  local wanted = side == SERVER and plan(START, options, SERVER) or plan_client(START, 1, options, name)
  return tls.start(stream, wanted, host, port)
end

return tls
