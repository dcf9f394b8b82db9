-- SPDX-License-Identifier: MIT
-- The UDP sockets of saros.compat.socket, in LuaSocket's words.

local async = require "saros"
local misuse = require "saros.misuse"
local Socket = require "saros.compat.socket_object"
local attempt = require("saros.compat.failure").attempt
local note = require("saros.compat.flow").note
local check, deadline_of = Socket.check, Socket.deadline

---@class saros.compat.UDP: saros.compat.Socket  (internal)
---@field package socket? saros.UDP
---@field package closed? boolean
---@field package peer? {host: string, port: integer}
local Udp = {}
local metatable = Socket.class("udp", Udp)

local udp = {}

local DATAGRAM = 8192 -- bytes that a receive takes unless told otherwise

---@param family? 4|6
function udp.new(family)
  return note(setmetatable(Socket.fields("udp", "unconnected", family), metatable))
end

-- The socket below, which is made when it is first needed.
local function open(self, host, port)
  if not self.socket then
    local any = self.family == 6 and "::" or nil
    self.socket = any and async.net.udp(host or any, port or 0) or async.net.udp(host, port)
  end
  return self.socket
end

local function with_socket(self, fn)
  if self.closed then return nil, "closed" end
  return attempt(deadline_of(self), function() return fn(open(self)) end)
end

local function checked_data(method, data)
  if type(data) == "number" then return tostring(data) end
  if type(data) ~= "string" then misuse.type(method, 1, "string", data) end
  return data
end

---@async
function Udp:send(data)
  check(self, "send", "connected")
  data = checked_data("send", data)
  return with_socket(self, function(socket)
    socket:send(data)
    return #data
  end)
end

---@async
function Udp:sendto(data, host, port)
  check(self, "sendto", "unconnected")
  data = checked_data("sendto", data)
  if type(host) ~= "string" then misuse.type("sendto", 2, "string", host) end
  local number, problem = Socket.port("sendto", 3, port)
  if not number then return nil, problem end
  return with_socket(self, function(socket)
    socket:send(data, host, number)
    return #data
  end)
end

-- What comes next: {data, host, port}.
local function receive(self, size)
  local message, problem = with_socket(self, function(socket) return table.pack(socket:receive()) end)
  if message then message[1] = message[1]:sub(1, size or DATAGRAM) end
  return message, problem
end

---@async
function Udp:receive(size)
  local message, problem = receive(self, size)
  if not message then return nil, problem end
  return message[1]
end

---@async
function Udp:receivefrom(size)
  check(self, "receivefrom", "unconnected")
  local message, problem = receive(self, size)
  if not message then return nil, problem end
  return table.unpack(message, 1, 3)
end

---@async
function Udp:setsockname(host, port)
  check(self, "setsockname", "unconnected")
  local number, problem = Socket.port("setsockname", 2, port)
  if not number then return nil, problem end
  if self.closed then return nil, "closed" end
  if self.socket then return nil, "Invalid argument" end
  if host == "*" then host = self.family == 6 and "::" or "0.0.0.0" end
  local socket
  socket, problem = attempt(nil, open, self, host, number)
  if socket then return 1 end
  return nil, problem
end

-- A socket without a destination takes the place of the one that has one.
local function disconnect(self)
  local host, port = self.socket:address()
  self.socket:close()
  self.socket = nil
  self.state = "unconnected"
  local socket, problem = attempt(nil, open, self, host, port)
  if socket then return 1 end
  return nil, problem
end

---@async
function Udp:setpeername(host, port)
  if host == "*" then
    if self.state == "unconnected" then return 1 end
    return disconnect(self)
  end
  check(self, "setpeername", "unconnected connected")
  local number, problem = Socket.port("setpeername", 2, port)
  if not number then return nil, problem end
  local ok
  ok, problem = with_socket(self, function(socket)
    socket:connect(host, number)
    return 1
  end)
  if not ok then return nil, problem end
  self.state, self.peer = "connected", { host = host, port = number }
  return 1
end

function Udp:getsockname()
  if self.closed or not self.socket then return Socket.name(nil) end
  return Socket.name(self.socket:address())
end

function Udp:getpeername()
  check(self, "getpeername", "connected")
  return Socket.name(self.peer.host, self.peer.port)
end

---There is no reading ahead.
function Udp.dirty()
  return false
end

function Udp:close()
  self.closed = true
  if self.socket then self.socket:close() end
  return 1
end

misuse.guard(Udp)

return udp
