-- SPDX-License-Identifier: MIT
-- LuaSocket's interface for tasks: what waits suspends the task that calls it, and everybody else runs on. Libraries
-- written for LuaSocket find it by `package.loaded.socket = require "saros.compat.socket"`.

local async = require "saros"
local misuse = require "saros.misuse"
local flow = require "saros.compat.flow"
local tcp = require "saros.compat.tcp"
local udp = require "saros.compat.udp"
local attempt = require("saros.compat.failure").attempt

---LuaSocket's interface, whose calls wait in the task: `package.loaded.socket = require "saros.compat.socket"`.
---Sockets have LuaSocket's methods, results and error strings; `protect`, `newtry`, `try`, `skip`, `source`, `sink` and
---`choose` are as there.
---@class saros.compat.LuaSocket
local socket = {
  _VERSION = "LuaSocket 3.1.0 (saros)",
  _SETSIZE = 1024,
  _DATAGRAMSIZE = 8192,
  _SOCKETINVALID = -1,
  BLOCKSIZE = flow.BLOCKSIZE,
  newtry = flow.newtry,
  try = flow.newtry(),
  protect = flow.protect,
  skip = flow.skip,
  choose = flow.choose,
  source = flow.source,
  sink = flow.sink,
  sourcet = flow.sourcet,
  sinkt = flow.sinkt,
}

---A TCP socket that can be connected, or bound.
---@return table socket
function socket.tcp() return tcp.new() end

---The same for IPv4 alone.
---@return table socket
function socket.tcp4() return tcp.new(4) end

---The same for IPv6 alone.
---@return table socket
function socket.tcp6() return tcp.new(6) end

---A socket for datagrams.
---@return table socket
function socket.udp() return udp.new() end

---The same for IPv4 alone.
---@return table socket
function socket.udp4() return udp.new(4) end

---The same for IPv6 alone.
---@return table socket
function socket.udp6() return udp.new(6) end

local FAMILIES = { inet = 4, inet6 = 6 }

---Connects a new socket.
---@async
---@param host string
---@param port integer|string
---@param local_host? string
---@param local_port? integer
---@param family? "inet"|"inet6"
---@return table? socket
---@return string? problem
function socket.connect(host, port, local_host, local_port, family)
  local self = tcp.new(FAMILIES[family])
  if local_host then self:bind(local_host, local_port or 0) end
  local ok, problem = self:connect(host, port)
  if ok then return self end
  self:close()
  return nil, problem
end

---Connects a new socket by IPv4.
---@async
---@param host string
---@param port integer|string
---@param local_host? string
---@param local_port? integer
---@return table? socket
---@return string? problem
function socket.connect4(host, port, local_host, local_port)
  return socket.connect(host, port, local_host, local_port, "inet")
end

---Connects a new socket by IPv6.
---@async
---@param host string
---@param port integer|string
---@param local_host? string
---@param local_port? integer
---@return table? socket
---@return string? problem
function socket.connect6(host, port, local_host, local_port)
  return socket.connect(host, port, local_host, local_port, "inet6")
end

---A socket that listens.
---@async
---@param host string
---@param port integer|string
---@param backlog? integer
---@return table? socket
---@return string? problem
function socket.bind(host, port, backlog)
  local self = tcp.new()
  local ok, problem = self:bind(host, port)
  if ok then ok, problem = self:listen(backlog or 32) end
  if ok then return self end
  self:close()
  return nil, problem
end

---There is no waiting for several sockets in one task; asking without waiting which can be read is all there is.
---@param readers? table[]  sockets
---@param writers? table[]  none, or an empty list
---@param seconds? number   0
---@return table[] readable
---@return table[] writable  empty
---@return string? problem   "timeout"
function socket.select(readers, writers, seconds)
  local is_poll = seconds == 0 and type(readers) == "table" and #readers > 0 and (writers == nil or #writers == 0)
  if not is_poll then
    misuse.raise("select: it is not to be had in saros; spawn a task for each socket and let it wait "
      .. "(async.spawn, async.task_group), or take the first of several by async.race or async.select")
  end
  local ready = {}
  for _, reader in ipairs(readers) do
    if reader:dirty() then
      ready[#ready + 1] = reader
      ready[reader] = #ready
    end
  end
  return ready, {}, #ready == 0 and "timeout" or nil
end

---Waits so long, in this task alone.
---@async
---@param seconds number
function socket.sleep(seconds)
  async.sleep(seconds)
end

local base, last -- what gettime adds to async.now, and its last result

---Seconds since 1970; differences are those of async.now.
---@return number
function socket.gettime()
  local now = async.now()
  if not last or now < last then base = require("saros.net.core").realtime() - now end
  last = now
  return base + now
end

-- ---- names ---------------------------------------------------------------------------------------

---Names and addresses.
---@class saros.compat.DNS
local dns = {}
socket.dns = dns

---All addresses of a name.
---@async
---@param host string
---@return {family: "inet"|"inet6", addr: string}[]? addresses
---@return string? problem
function dns.getaddrinfo(host)
  local list, problem = attempt(nil, async.net.resolve, host)
  if not list then return nil, problem end
  for i, entry in ipairs(list) do
    list[i] = { family = entry.family == 6 and "inet6" or "inet", addr = entry.address }
  end
  return list
end

---The first IPv4 address of a name.
---@async
---@param host string
---@return string? address
---@return table|string details  with all of them in `ip`; or what is wrong
function dns.toip(host)
  local list = attempt(nil, async.net.resolve, host, { family = 4 })
  if not list then return nil, "host not found" end
  local addresses = {}
  for i, entry in ipairs(list) do
    addresses[i] = entry.address
  end
  return addresses[1], { name = host, alias = {}, ip = addresses }
end

-- The name of an address, or of the first one of a name.
local function reverse(host)
  local list, problem = attempt(nil, async.net.resolve, host)
  if not list then return nil, problem end
  return attempt(nil, async.net.reverse, list[1].address)
end

---The name of an address.
---@async
---@param address string
---@return string? name
---@return table|string details  or what is wrong
function dns.tohostname(address)
  local name = reverse(address)
  if not name then return nil, "host not found" end
  return name, { name = name, alias = {}, ip = { address } }
end

---The name of an address, in a list.
---@async
---@param address string
---@return string[]? names
---@return string? problem
function dns.getnameinfo(address)
  local name, problem = reverse(address)
  if not name then return nil, problem end
  return { name }
end

---The name of this machine.
---@return string
function dns.gethostname()
  return require("saros.net.core").hostname()
end

misuse.guard(socket, "connect", "connect4", "connect6", "bind", "select", "sleep")
misuse.guard(dns, "getaddrinfo", "toip", "tohostname", "getnameinfo")

return socket
