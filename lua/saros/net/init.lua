-- SPDX-License-Identifier: MIT
-- async.net: TCP, Unix and UDP sockets, names and servers. Loaded by saros at its first use.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local core = require "saros.net.core"
local options = require "saros.net.options"
local server = require "saros.net.server"
require "saros.net.stream"
require "saros.net.udp"

---@class saros
---@field net saros.Net

---What the system refuses raises SystemError with `host` and `port`, or `path`; what goes wrong with TLS raises
---TLSError; what takes longer than the option `timeout` raises TimeoutError.
---@class saros.Net
local net = {}

-- The addresses of a host, as strings: those of its own family if `family` says so.
local function addresses_of(host, family)
  local list = core.resolve(host, family)
  for i, entry in ipairs(list) do
    list[i] = entry.address
  end
  return list
end

-- The same, to be connected to, or listened at, with that port: an error names it, too.
local function addresses_with(host, port, family)
  local ok, list = async.pcall(addresses_of, host, family)
  if ok then return list end
  if async.is_error(list, "SystemError") then list.port = port end
  error(list, 0)
end

-- The addresses to listen at. Without a host all of this machine's; "localhost" is both of its own.
local function local_addresses(host, port, family)
  if host == nil or host == "*" or host == "" then
    if family == 4 then return { "0.0.0.0" } end
    return family == 6 and { "::" } or { "0.0.0.0", "::" }
  elseif host == "localhost" then
    if family then return { family == 4 and "127.0.0.1" or "::1" } end
    return { "127.0.0.1", "::1" }
  end
  local own = core.family(host)
  if own and own == (family or own) then return { host } end
  internal.checkpoint "listen"
  return addresses_with(host, port, family)
end

-- OpenSSL is loaded by those who want it. What is wrong with options and files is raised before anything happens.
local function plan_tls(side, caller, position, given, host)
  return given.tls and require("saros.net.tls")[side](caller, position, given.tls, host) or nil
end

-- Hands the stream to TLS if that is wanted; what fails closes it.
local function secure(stream, wanted, host, port)
  if not wanted then return stream end
  local ok, err = pcall(require("saros.net.tls").start, stream, wanted, host, port)
  if ok then return stream end
  stream:abort()
  error(err, 0)
end

local function connect(host, port, given, wanted)
  local addresses = addresses_with(host, port, given.family)
  return secure(core.connect(addresses, port, given, host), wanted, host, port)
end

---Connects to a host. All its addresses are tried, those of both families in turn, each a moment after the one before
---(RFC 8305); the first that answers wins, and no other socket is left behind. SystemError (`ECONNREFUSED`,
---`ENOTFOUND`, ...) with `host` and `port`; TimeoutError; TLSError.
---@async
---@param host string  a name or an address
---@param port integer
---@param given? saros.ConnectOptions
---@return saros.Stream
function net.connect(host, port, given)
  options.check_name("connect", 1, host)
  options.check_port("connect", 2, port)
  given = options.check("connect", 3, given, options.connect)
  local wanted = plan_tls("client", "connect", 3, given, host)
  internal.checkpoint "connect"
  if not given.timeout then return connect(host, port, given, wanted) end
  return async.wait_for(function() return connect(host, port, given, wanted) end, given.timeout)
end

-- The queue of who listens may be full, which for a Unix socket is an error that passes.
local function connect_unix(path, wanted)
  while true do
    local ok, stream = async.pcall(core.connect_unix, path)
    if ok then return secure(stream, wanted, path) end
    if not async.is_error(stream, "SystemError") or stream.code ~= "EAGAIN" then error(stream, 0) end
    async.sleep(0.01)
  end
end

---Connects to a Unix socket (a named pipe on Windows). SystemError with `path`.
---@async
---@param path string
---@param given? saros.ConnectOptions
---@return saros.Stream
function net.connect_unix(path, given)
  options.check_name("connect_unix", 1, path)
  given = options.check("connect_unix", 2, given, options.connect)
  local wanted = plan_tls("client", "connect_unix", 2, given)
  internal.checkpoint "connect_unix"
  if not given.timeout then return connect_unix(path, wanted) end
  return async.wait_for(function() return connect_unix(path, wanted) end, given.timeout)
end

-- Over TLS a connection comes once its handshake is done.
local function make_server(listener, given, wanted)
  if wanted then listener = require("saros.net.handshakes").new(listener, wanted) end
  return server.new(listener, given)
end

---Listens. `"localhost"` is both families, and port 0 one free port for all. Waits only if the host is a name that
---has to be looked up. SystemError (`EADDRINUSE`, `EACCES`, ...) with `host` and `port`.
---@async
---@param host? string  an address, `"localhost"`, a name; `"*"` or nil: all addresses of this machine
---@param port integer
---@param given? saros.ListenOptions
---@return saros.Server
function net.listen(host, port, given)
  if host ~= nil then options.check_name("listen", 1, host) end
  options.check_port("listen", 2, port)
  given = options.check("listen", 3, given, options.listen)
  local wanted = plan_tls("server", "listen", 3, given)
  return make_server(core.listen(local_addresses(host, port, given.family), port, given, host or "*"), given, wanted)
end

---Listens at a Unix socket, whose file is removed when the server is closed. SystemError with `path`.
---@param path string
---@param given? saros.ListenOptions
---@return saros.Server
function net.listen_unix(path, given)
  options.check_name("listen_unix", 1, path)
  given = options.check("listen_unix", 2, given, options.listen)
  local wanted = plan_tls("server", "listen_unix", 2, given)
  return make_server(core.listen_unix(path, nil, given), given, wanted)
end

---Listens, and serves until it is cancelled or the handler closes the server: see `Server:serve`.
---@async
---@param handler async fun(stream: saros.Stream, server: saros.Server)
---@param host? string
---@param port integer
---@param given? saros.ListenOptions
function net.serve(handler, host, port, given)
  misuse.check_function("serve", 1, handler)
  if host ~= nil then options.check_name("serve", 2, host) end
  options.check_port("serve", 3, port)
  given = options.check("serve", 4, given, options.listen)
  internal.checkpoint "serve"
  plan_tls("server", "serve", 4, given) -- so that its mistakes are ours, not those of listen
  local listening <close> = net.listen(host, port, given)
  listening:serve(handler)
end

---A socket for UDP; without an address one that is bound when it is first used. SystemError (`EADDRINUSE`, ...).
---@async
---@param host? string  an address, or a name that is looked up
---@param port? integer 0 (and none): any that is free
---@return saros.UDP
function net.udp(host, port)
  if host == nil and port == nil then return core.udp() end
  options.check_name("udp", 1, host)
  if port ~= nil then options.check_port("udp", 2, port) end
  if not core.family(host) then host = core.resolve(host)[1].address end
  return core.udp(host, port or 0)
end

---The addresses of a host, without doubles, in the order in which they are to be tried. SystemError (`ENOTFOUND`, ...)
---with `host`.
---@async
---@param host string
---@param given? {family?: 4|6}
---@return {address: string, family: 4|6}[]
function net.resolve(host, given)
  options.check_name("resolve", 1, host)
  given = options.check("resolve", 2, given, options.resolve)
  return core.resolve(host, given.family)
end

---The name of an address. SystemError (`ENOTFOUND`) with `host`.
---@async
---@param address string
---@return string
function net.reverse(address)
  options.check_name("reverse", 1, address)
  if not core.family(address) then misuse.argument("reverse", 1, ("'%s' is no address"):format(address)) end
  return core.reverse(address)
end

---Two streams that are connected with each other.
---@return saros.Stream, saros.Stream
function net.pair()
  return core.pair()
end

misuse.guard(net)

return net
