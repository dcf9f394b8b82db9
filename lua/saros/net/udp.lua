-- SPDX-License-Identifier: MIT
-- What UDP sockets have that is written in Lua: names in the place of addresses.

local core = require "saros.net.core"
local misuse = require "saros.misuse"
local options = require "saros.net.options"

---@class saros.UDP
local Udp = core.udp_methods

local send, connect = Udp.send, Udp.connect

-- The address of a name; whatever is none is left for C to refuse.
local function address_of(host)
  if type(host) ~= "string" or core.family(host) then return host end
  return core.resolve(host)[1].address
end

---Sends a datagram: to the host and port given, or to those the socket is connected to. SystemError.
---@async
---@param data string
---@param host? string   a name or an address
---@param port? integer
---@return saros.UDP self
function Udp:send(data, host, port)
  if host == nil then return send(self, data) end
  if type(data) ~= "string" then options.misuse("udp:send", 1, "string expected, got " .. type(data)) end
  return send(self, data, address_of(host), port)
end

---From now on datagrams go to this destination, and come from there alone. Waits only for the look-up of a name.
---@async
---@param host string
---@param port integer
---@return saros.UDP self
function Udp:connect(host, port)
  return connect(self, address_of(host), port)
end

misuse.guard(Udp, "send", "connect")

return Udp
