-- SPDX-License-Identifier: MIT
-- What the sockets of saros.compat.socket have in common: their state, time-outs and options.

local async = require "saros"
local misuse = require "saros.misuse"

---@class saros.compat.Socket  (internal)
---@field package kind "tcp"|"udp"
---@field package state string       "master", "client", ...: as tostring shows it
---@field package options table<string, any>
---@field package block number       seconds a call may take; below zero: any
---@field package total number       the same
local Socket = {}

-- Options that sockets here have by themselves, or take as a hint. Others are refused: who sets one relies on it.
local HINTS = {
  tcp = { keepalive = true, reuseaddr = true, reuseport = true, ["tcp-nodelay"] = true, ["ipv6-v6only"] = true },
  udp = { reuseaddr = true, reuseport = true, ["ipv6-v6only"] = true },
}
local KNOWN = {
  ["tcp-keepidle"] = true, ["tcp-keepcnt"] = true, ["tcp-keepintvl"] = true, ["tcp-user-timeout"] = true,
  ["tcp-defer-accept"] = true, ["tcp-fastopen"] = true, linger = true, dontroute = true, broadcast = true,
  bindtodevice = true, error = true, ["recv-buffer-size"] = true, ["send-buffer-size"] = true,
  ["ip-multicast-loop"] = true, ["ip-multicast-ttl"] = true, ["ip-multicast-if"] = true, ["ip-add-membership"] = true,
  ["ip-drop-membership"] = true, ["ipv6-unicast-hops"] = true, ["ipv6-multicast-hops"] = true,
  ["ipv6-multicast-loop"] = true, ["ipv6-add-membership"] = true, ["ipv6-drop-membership"] = true,
}

---The fields of a new one.
---@param kind "tcp"|"udp"
---@param state string
---@param family? 4|6
function Socket.fields(kind, state, family)
  return { kind = kind, state = state, family = family, options = {}, block = -1, total = -1 }
end

---Raises unless the socket is in one of the states named.
function Socket.check(self, method, states)
  local state = type(self) == "table" and self.state
  if state and (" " .. states .. " "):find(" " .. state .. " ", 1, true) then return end
  misuse.argument(method, 1, ("%s{%s} expected"):format(type(self) == "table" and self.kind or "tcp", states))
end

---When a call that begins now has to return, or nil.
function Socket.deadline(self)
  local seconds = math.min(self.block >= 0 and self.block or math.huge, self.total >= 0 and self.total or math.huge)
  return seconds < math.huge and async.now() + seconds or nil
end

local methods = {}
Socket.methods = methods

---@param seconds? number  nil or below zero: none
---@param mode? "b"|"r"|"t"
function methods.settimeout(self, seconds, mode)
  if seconds ~= nil and not tonumber(seconds) then misuse.type("settimeout", 1, "number", seconds) end
  seconds = tonumber(seconds)
  mode = mode or "b"
  if mode == "b" then
    self.block = seconds or -1
  elseif mode == "t" or mode == "r" then
    self.total = seconds or -1
  else
    misuse.argument("settimeout", 2, "invalid timeout mode")
  end
  return 1
end

function methods.gettimeout(self)
  return self.block, self.total
end

function methods.setoption(self, name, value)
  if HINTS[self.kind][name] then
    self.options[name] = value
    return 1
  end
  if not KNOWN[name] then misuse.argument("setoption", 1, ("unsupported option '%s'"):format(tostring(name))) end
  return nil, ("option '%s' is not supported by saros"):format(name)
end

function methods.getoption(self, name)
  if HINTS[self.kind][name] then return self.options[name] or false end
  if not KNOWN[name] then misuse.argument("getoption", 1, ("unsupported option '%s'"):format(tostring(name))) end
  return nil, ("option '%s' is not supported by saros"):format(name)
end

function methods.getfamily(self)
  return self.family == 6 and "inet6" or "inet4"
end

---There is no descriptor that one could wait for.
function methods.getfd()
  misuse.raise "getfd: saros.compat.socket has no descriptors to select; let a task wait for each socket"
end

function methods.setfd()
  misuse.raise "setfd: saros.compat.socket has no descriptors; use async.net, or a task for each socket"
end

---The results of getsockname and getpeername. The port is a number, as LuaSocket's manual has it, and not digits.
function Socket.name(host, port)
  if not host then return nil, "Bad file descriptor" end
  return host, port, host:find(":", 1, true) and "inet6" or "inet"
end

---The port as a number: libraries hand over digits too. nil and the words of LuaSocket for what is none.
function Socket.port(method, position, port)
  if type(port) ~= "number" and type(port) ~= "string" then misuse.type(method, position, "string", port) end
  local number = math.tointeger(tonumber(port))
  if number and number >= 0 and number <= 65535 then return number end
  return nil, "service not supported for socket type"
end

---Makes a metatable of a class.
function Socket.class(kind, own)
  for name, method in pairs(methods) do
    own[name] = own[name] or method
  end
  return {
    __index = own,
    __name = kind,
    __close = function(self) self:close() end,
    __tostring = function(self) return ("%s{%s}: %p"):format(kind, self.state, self) end,
  }
end

return Socket
