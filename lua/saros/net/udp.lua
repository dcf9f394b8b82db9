-- SPDX-License-Identifier: MIT
-- What UDP sockets have that is written in Lua: names in the place of addresses.

local core = require "saros.net.core"
local misuse = require "saros.misuse"
local options = require "saros.net.options"

---@class saros.UDP
local Udp = core.udp_methods

local send, connect = Udp.send, Udp.connect

-- Raises what is wrong with a call before the name in it is looked up.
local function check(method, self, position, port)
  local mt = type(self) == "userdata" and getmetatable(self)
  if not mt or mt.__index ~= Udp then misuse.self(method, self) end
  options.check_port(method, position, port)
end

-- One of the addresses of a name: of the socket's own family, if there is one; that of an IPv4 socket has to be.
local function address_of(self, host)
  local here = self:address()
  local family = here and core.family(here)
  local list = core.resolve(host, family == 4 and 4 or nil)
  for _, entry in ipairs(list) do
    if entry.family == family then return entry.address end
  end
  return list[1].address
end

-- Whether a look-up comes first. What is neither name nor address, and what is closed, is left for C to refuse.
local function is_name(host)
  return type(host) == "string" and not core.family(host)
end

---Sends a datagram: to the host and port given, or to those the socket is connected to. SystemError.
---@async
---@param data string
---@param host? string   a name or an address
---@param port? integer
---@return saros.UDP self
function Udp:send(data, host, port)
  if not is_name(host) then return send(self, data, host, port) end
  check("udp:send", self, 3, port)
  if type(data) ~= "string" then misuse.type("udp:send", 1, "string", data) end
  if self:closed() then return send(self, data) end
  return send(self, data, address_of(self, host), port)
end

---From now on datagrams go to this destination, and come from there alone. Waits only for the look-up of a name.
---@async
---@param host string
---@param port integer
---@return saros.UDP self
function Udp:connect(host, port)
  if not is_name(host) then return connect(self, host, port) end
  check("udp:connect", self, 2, port)
  if self:closed() then return connect(self, "0.0.0.0", port) end
  return connect(self, address_of(self, host), port)
end

misuse.guard(Udp, "send", "connect")

return Udp
