-- SPDX-License-Identifier: MIT
-- The TCP sockets of saros.compat.socket, in LuaSocket's words.

local async = require "saros"
local misuse = require "saros.misuse"
local Channel = require "saros.compat.channel"
local Socket = require "saros.compat.socket_object"
local attempt = require("saros.compat.failure").attempt
local note = require("saros.compat.flow").note
local check, deadline_of = Socket.check, Socket.deadline

---@class saros.compat.TCP: saros.compat.Socket  (internal)
---@field package channel? saros.compat.Channel  of one that is connected
---@field package closed? saros.compat.Channel   of one that was
---@field package server? saros.Server           of one that listens
---@field package listening? saros.Server        of one that is bound, and may come to listen or to connect
---@field package pending? saros.Task            that connects, since a call without a time-out
---@field package bound? {host: string, port: integer}
---@field package peer? string                   the host as it was given
local Tcp = {}
local metatable = Socket.class("tcp", Tcp)

local tcp = {}

---@param family? 4|6
function tcp.new(family)
  return note(setmetatable(Socket.fields("tcp", "master", family), metatable))
end

local function new_client(stream)
  local self = tcp.new()
  self.state, self.channel = "client", Channel.new(stream)
  return self
end

-- ---- connecting ----------------------------------------------------------------------------------

local function connect_options(self)
  local bound = self.bound and self.bound.host
  return {
    family = self.family,
    local_address = bound and bound ~= "*" and bound or nil,
    nodelay = self.options["tcp-nodelay"],
    keepalive = self.options.keepalive and true or nil,
  }
end

-- Without time to wait the connection comes about in the background.
local function begin_connecting(self, host, port)
  local options = connect_options(self)
  self.pending = async.spawn(function() return attempt(nil, async.net.connect, host, port, options) end)
  return nil, "timeout"
end

-- The end of that, or its failure, by the deadline.
local function finish_connecting(self, deadline)
  local done = attempt(deadline, self.pending.await, self.pending)
  if not self.pending:done() then return nil, "timeout" end
  local stream, problem = self.pending:result()
  self.pending = nil
  if stream and (done or self.state == "client") then self.channel = Channel.new(stream) end
  return stream and 1, problem
end

-- The channel of a client, or nil and why it has none.
local function channel_of(self, deadline)
  if self.pending then
    local ok, problem = finish_connecting(self, deadline)
    if not ok then return nil, problem end
  end
  if self.channel then return self.channel end
  return nil, "closed"
end

---@async
---@param host string
---@param port integer|string
---@return integer? ok
---@return string? problem
function Tcp:connect(host, port)
  check(self, "connect", "master client")
  if type(host) ~= "string" then misuse.type("connect", 1, "string", host) end
  local number, problem = Socket.port("connect", 2, port)
  if not number then return nil, problem end
  if self.pending then
    if not self.pending:done() then return nil, "Operation already in progress" end
    return finish_connecting(self, 0)
  end
  if self.channel then return nil, "already connected" end
  local deadline = deadline_of(self)
  self.state, self.peer = "client", host
  if self.listening then self.listening:close() end
  self.listening = nil
  if deadline and deadline <= async.now() then return begin_connecting(self, host, number) end
  local stream
  stream, problem = attempt(deadline, async.net.connect, host, number, connect_options(self))
  if not stream then return nil, problem end
  self.channel = Channel.new(stream)
  return 1
end

-- ---- listening -----------------------------------------------------------------------------------

local function listen(self, options)
  options.family, options.reuse_port = self.family, self.options.reuseport
  return attempt(nil, async.net.listen, self.bound.host, self.bound.port, options)
end

---The address is taken at once, where there is a loop: then it is known whether it can be had, and the port.
---@async
function Tcp:bind(host, port)
  check(self, "bind", "master")
  if type(host) ~= "string" then misuse.type("bind", 1, "string", host) end
  local number, problem = Socket.port("bind", 2, port)
  if not number then return nil, problem end
  if self.bound then return nil, "Invalid argument" end
  self.bound = { host = host, port = number }
  if not async.current_task() then return 1 end
  self.listening, problem = listen(self, {})
  if self.listening then return 1 end
  self.bound = nil
  return nil, problem
end

---@async
function Tcp:listen(backlog)
  check(self, "listen", "master server")
  if self.server then return 1 end
  self.bound = self.bound or { host = "*", port = 0 }
  local listening, problem = self.listening, nil
  if not listening then listening, problem = listen(self, { backlog = math.tointeger(backlog) }) end
  if not listening then return nil, problem end
  self.server, self.listening, self.state = listening, nil, "server"
  return 1
end

---@async
function Tcp:accept()
  check(self, "accept", "server")
  if not self.server then return nil, "closed" end
  local stream, problem = attempt(deadline_of(self), self.server.accept, self.server)
  if not stream then return nil, problem end
  return new_client(stream)
end

-- ---- reading and writing -------------------------------------------------------------------------

-- The results of a call in LuaSocket's number.
local function results(prefix, text, problem, partial)
  if text then return prefix .. text, nil, nil end
  return nil, problem, prefix .. partial
end

---@async
---@param pattern? "*l"|"*a"|integer
---@param prefix? string
---@return string? data
---@return string? problem  "timeout", "closed", ...
---@return string? partial
function Tcp:receive(pattern, prefix)
  check(self, "receive", "client")
  pattern, prefix = pattern or "*l", prefix and tostring(prefix) or ""
  if type(pattern) ~= "string" and type(pattern) ~= "number" then misuse.type("receive", 1, "string", pattern) end
  local size, kind = tonumber(pattern), tostring(pattern):match "^%*([al])" -- of "*line" the first letter counts
  local count = size and math.tointeger(size // 1)
  if count and count < 0 or not count and not kind then misuse.argument("receive", 1, "invalid receive pattern") end
  if count and #prefix > 0 and count <= #prefix then return prefix, nil, nil end
  local deadline = deadline_of(self)
  local channel, problem = channel_of(self, deadline)
  if not channel then return nil, problem, prefix end
  if count then return results(prefix, channel:count(count - #prefix, deadline)) end
  return results(prefix, channel[kind == "a" and "all" or "line"](channel, deadline))
end

---@async
---@param data string
---@param first? integer
---@param last? integer
---@return integer? last  index of the last byte that was sent
---@return string? problem
---@return integer? last
function Tcp:send(data, first, last)
  check(self, "send", "client")
  if type(data) == "number" then data = tostring(data) end
  if type(data) ~= "string" then misuse.type("send", 1, "string", data) end
  first, last = math.tointeger(first or 1), math.tointeger(last or -1)
  if first < 0 then first = #data + first + 1 end
  if last < 0 then last = #data + last + 1 end
  first, last = math.max(first, 1), math.min(last, #data)
  local deadline = deadline_of(self)
  local channel, problem = channel_of(self, deadline)
  if not channel then return nil, problem, first - 1 end
  local sent, partial
  sent, problem, partial = channel:send(data, first, last, deadline)
  return sent, problem, partial
end

---Whether something can be read at once.
---@async
function Tcp:dirty()
  return self.channel ~= nil and self.channel:is_ready()
end

---@async
function Tcp:shutdown(method)
  check(self, "shutdown", "client")
  method = method or "both"
  if method ~= "both" and method ~= "send" and method ~= "receive" then
    misuse.argument("shutdown", 1, ("invalid option '%s'"):format(tostring(method)))
  end
  local channel, problem = channel_of(self, deadline_of(self))
  if not channel then return nil, problem end
  if method ~= "send" then channel.problem = "closed" end
  if method == "receive" then return 1 end
  local ok
  ok, problem = attempt(deadline_of(self), function() channel.stream:shutdown() return 1 end)
  if ok then return 1 end
  return nil, problem
end

---Wakes who waits for it.
function Tcp:close()
  if self.pending then
    local task = self.pending
    self.pending = nil
    task:on_done(function() if task:status() == "done" and task:result() then task:result():close() end end)
    task:cancel()
  end
  if self.channel then self.channel:close() end
  local server = self.server or self.listening
  if server then server:close() end
  self.closed = self.channel or self.closed
  self.channel, self.server, self.listening, self.bound = nil, nil, nil, nil
  return 1
end

-- ---- what it tells -------------------------------------------------------------------------------

function Tcp:getpeername()
  if self.server or self.bound and not self.channel then return nil, "Transport endpoint is not connected" end
  if not self.channel then return Socket.name(nil) end
  return Socket.name(self.channel.stream:peer())
end

function Tcp:getsockname()
  local object = self.server or self.listening or self.channel and self.channel.stream
  if object then
    return Socket.name(object:address())
  end
  if not self.bound then return Socket.name(nil) end
  return Socket.name(self.bound.host == "*" and "0.0.0.0" or self.bound.host, self.bound.port)
end

---Bytes received, bytes sent, age in seconds; after the end too.
function Tcp:getstats()
  local channel = self.channel or self.closed
  if not channel then return 0, 0, 0 end
  return channel.received, channel.sent, async.now() - channel.born
end

function Tcp:setstats(received, sent, age)
  local channel = self.channel
  if not channel then return nil, "closed" end
  channel.received, channel.sent = received or channel.received, sent or channel.sent
  if age then channel.born = async.now() - age end
  return 1
end

Tcp.setpeername = Tcp.connect
Tcp.setsockname = Tcp.bind

---Gives up the connection, which goes on elsewhere: with TLS.
---@package
function tcp.release(self)
  local channel = self.channel
  self.channel = nil
  return channel
end

tcp.methods = Tcp
tcp.metatable = metatable
misuse.guard(Tcp)

return tcp
