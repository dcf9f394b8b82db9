-- SPDX-License-Identifier: MIT
-- TLS for the streams of async.net: what its options may be, and the contexts that connections with the same options
-- share. It is loaded at the first use of one of them, and OpenSSL with it.

local misuse = require "saros.http.misuse"

local loaded, core = pcall(require, "saros.tls.core")
if not loaded then
  error(("TLS is not in this build of saros, which needs OpenSSL 1.1.1 or later for it (Debian: libssl-dev) and the "
    .. "CMake option SAROS_TLS: %s"):format(core), 0)
end

local tls = {}

---@class saros.TLSOptions
---@field ca_file? string      client: whom to trust (PEM) instead of those whom the system trusts
---@field cert? string         the own certificate and those between it and the authority (PEM); a server needs one
---@field key? string          its private key (PEM, without a password); in the file of `cert` unless said otherwise
---@field verify? boolean      client: false takes any server for the right one. Server: see `client_ca`
---@field server_name? string  client: to be proven by the server, and told to it (SNI); the host unless said otherwise
---@field alpn? string|string[] application protocols, the one liked best first
---@field min_version? "1.2"|"1.3" 1.2 unless said otherwise
---@field client_ca? string    server: who signs certificates of its clients (PEM); with `verify = false` they need none
---@field timeout? number      seconds for the handshake; 10 (server) or 60 (client) unless said otherwise

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
local SIDES = { ca_file = CLIENT, server_name = CLIENT, client_ca = SERVER }

local function refuse(caller, position, message, ...)
  misuse.argument(caller, position, message:format(...))
end

local function text(caller, position, name, value)
  misuse.check_type(caller, position, value, ("option '%s'"):format(name), "string")
  if value == "" or value:find "%z" then refuse(caller, position, "option '%s': it is empty or holds a NUL", name) end
end

local function flag(caller, position, name, value)
  misuse.check_type(caller, position, value, ("option '%s'"):format(name), "boolean")
end

local function seconds(caller, position, name, value)
  misuse.check_type(caller, position, value, ("option '%s'"):format(name), "number")
  if value ~= value then refuse(caller, position, "option '%s': not a number (NaN)", name) end
end

local function version(caller, position, name, value)
  if value == "1.2" or value == "1.3" then return end
  local got = type(value) == "string" and "'" .. value .. "'" or type(value)
  refuse(caller, position, "option '%s': '1.2' or '1.3' expected, got %s", name, got)
end

local function protocols(caller, position, name, value)
  misuse.check_type(caller, position, value, ("option '%s'"):format(name), "string or table")
  local list = type(value) == "string" and { value } or value
  if not misuse.is_list(list) or #list == 0 then
    refuse(caller, position, "option '%s': a list of names expected", name)
  end
  for _, protocol in ipairs(list) do
    if type(protocol) ~= "string" or #protocol < 1 or #protocol > 255 then
      refuse(caller, position, "option '%s': names of 1 to 255 bytes expected", name)
    end
  end
end

local CHECKS = {
  ca_file = text, cert = text, key = text, server_name = text, client_ca = text,
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

---Raises unless these are options of TLS: true or a table.
---@param caller string    the function as its user knows it
---@param position integer of its argument
---@param options any
---@param is_server boolean
function tls.check(caller, position, options, is_server)
  local side = is_server and SERVER or CLIENT
  if options == true then options = {} end
  misuse.check_type(caller, position, options, "option 'tls'", "boolean or table")
  for name, value in pairs(options) do
    local check = CHECKS[name]
    if not check then refuse(caller, position, "unknown option '%s' of TLS", tostring(name)) end
    check(caller, position, name, value)
    if (SIDES[name] or side) ~= side then refuse(caller, position, "option '%s' is for a %s", name, SIDES[name]) end
  end
  check_combination(caller, position, options, side)
end

-- ---- Contexts ------------------------------------------------------------------------------------

-- Those in use, by what they are made of, and the order in which they were asked for, oldest first.
local CONTEXTS = 32
local contexts, order = {}, {}

local FILES = { "ca_file", "cert", "key", "client_ca" }

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

---What connections with these options share. Reads the files; raises SystemError or TLSError.
---@param options table|true  checked
---@param is_server boolean
---@return userdata
function tls.context(options, is_server)
  if options == true then options = {} end
  local settings = { server = is_server, verify = options.verify ~= false, alpn = wire(options.alpn) }
  settings.min_version = options.min_version
  for _, name in ipairs(FILES) do settings[name] = options[name] end
  local key = key_of(settings)
  local context = contexts[key] or core.context(settings)
  contexts[key] = context
  use(key)
  return context
end

-- ---- Handshakes ----------------------------------------------------------------------------------

---Puts TLS under a stream and waits for the end of the handshake; whatever it raises, the stream is closed.
---@param stream saros.Stream
---@param context userdata
---@param options table|true  checked
---@param peer {caller: string, is_server: boolean, host?: string, port?: integer, timeout?: number}
---@return saros.Stream
---@async
function tls.start(stream, context, options, peer)
  if options == true then options = {} end
  local side = peer.is_server and SERVER or CLIENT
  local name = not peer.is_server and (options.server_name or peer.host) or nil
  return core.start(stream, context, {
    caller = peer.caller,
    name = name,
    key = not peer.is_server and peer.host and ("%s:%s"):format(peer.host, peer.port or "") or nil,
    host = peer.host,
    port = peer.port,
    timeout = math.min(options.timeout or PATIENCE[side], peer.timeout or math.huge),
  })
end

return tls
