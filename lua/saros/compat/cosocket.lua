-- SPDX-License-Identifier: MIT
-- OpenResty's cosockets: times are milliseconds, and connections go back to a pool when they are no longer needed.

local async = require "saros"
local misuse = require "saros.misuse"
local Channel = require "saros.compat.channel"
local attempt = require("saros.compat.failure").attempt

local cosocket = {}

-- What a time-out is that nobody has set, in seconds.
local DEFAULT = 60

-- By name, the connections that wait to be used again, the one that came last at the end.
local pools = {}
local POOL_SIZE = 30

---@class saros.compat.Cosocket  (internal)
---@field package channel? saros.compat.Channel
---@field package pool? string  where its connection comes from and goes back to
---@field package reused integer
local Tcp = {}
local TcpMeta = {
  __index = Tcp,
  __name = "cosocket",
  __close = function(self) self:close() end,
}

function cosocket.tcp()
  return setmetatable({ connect_time = DEFAULT, send_time = DEFAULT, read_time = DEFAULT, reused = 0 }, TcpMeta)
end

local function seconds(milliseconds)
  return milliseconds and milliseconds > 0 and milliseconds / 1000 or DEFAULT
end

---@param milliseconds number  for connecting, sending and reading
function Tcp:settimeout(milliseconds)
  self:settimeouts(milliseconds, milliseconds, milliseconds)
end

function Tcp:settimeouts(connecting, sending, reading)
  self.connect_time, self.send_time, self.read_time = seconds(connecting), seconds(sending), seconds(reading)
end

function Tcp.setoption()
  return 1
end

-- ---- connecting and the pools --------------------------------------------------------------------

-- Closes those whose time is over, and those that an earlier run has left.
local function sweep(pool)
  for i = #pool, 1, -1 do
    local idle = pool[i]
    local is_over = idle.channel.stream:closed() or async.now() >= idle.until_
    if is_over then
      idle.channel:close()
      table.remove(pool, i)
    end
  end
end

-- A connection of the pool that is still good: silent and open.
local function take(name)
  local pool = pools[name]
  if not pool then return nil end
  sweep(pool)
  while #pool > 0 do
    local idle = table.remove(pool)
    if not idle.channel:is_ready() then return idle end
    idle.channel:close()
  end
end

local function open(host, port)
  local path = host:match "^unix:(.+)$"
  if path then return async.net.connect_unix(path) end
  return async.net.connect(host, port)
end

---@async
---@param host string  or "unix:/path"
---@param port? integer
---@param options? {pool?: string}
---@return integer? ok
---@return string? problem
function Tcp:connect(host, port, options)
  if type(host) ~= "string" then misuse.type("connect", 1, "string", host) end
  if host:find "^unix:" then options, port = port, nil end
  if port ~= nil then
    local number = math.tointeger(tonumber(port))
    if not number then misuse.type("connect", 2, "number", port) end
    if number < 0 or number > 65535 then return nil, "bad port number: " .. number end
    port = number
  end
  if self.channel then self:close() end
  local pool = options and options.pool or host .. ":" .. tostring(port)
  self.pool, self.host = pool, host
  local idle = take(pool)
  if idle then
    self.channel, self.reused = idle.channel, idle.reused
    return 1
  end
  local stream, problem = attempt(async.now() + self.connect_time, open, host, port)
  if not stream then
    local unknown = problem:find "^host or service not" and "3: Host not found"
      or problem:find "name resolution$" and "2: Server failure"
    return nil, unknown and ("%s could not be resolved (%s)"):format(host, unknown) or problem
  end
  self.channel, self.reused = Channel.new(stream), 0
  return 1
end

---Gives the connection back, to whoever connects to the same place next.
---@async
---@param milliseconds? number  how long it may wait there; 0: for ever
---@param size? integer         how many may
function Tcp:setkeepalive(milliseconds, size)
  local channel = self.channel
  if not channel then return nil, "closed" end
  self.channel = nil
  if channel:is_ready() then
    local problem = channel.problem and channel.size == 0 and "closed" or "connection in dubious state"
    channel:close()
    return nil, problem
  end
  local pool = pools[self.pool] or {}
  pools[self.pool] = pool
  sweep(pool)
  local time = milliseconds == 0 and math.huge or seconds(milliseconds)
  pool[#pool + 1] = { channel = channel, reused = self.reused + 1, until_ = async.now() + time }
  if #pool > (size or POOL_SIZE) then table.remove(pool, 1).channel:close() end
  return 1
end

---How often its connection was used before.
function Tcp:getreusedtimes()
  if not self.channel then return nil, "closed" end
  return self.reused
end

function Tcp:close()
  if not self.channel then return nil, "closed" end
  self.channel:close()
  self.channel = nil
  return 1
end

---Continues in TLS. Without `verify` any certificate will do.
---@async
function Tcp:sslhandshake(session, server_name, verify)
  local channel = self.channel
  if not channel then return nil, "closed" end
  if channel.is_tls then return session == false or channel.is_tls end
  local options = { server_name = server_name or self.host, verify = verify and true or false }
  local deadline = async.now() + self.connect_time
  local stream, problem = attempt(deadline, channel.stream.start_tls, channel.stream, options)
  if not stream then
    self:close()
    return nil, problem
  end
  channel.is_tls = setmetatable({}, { __name = "session" })
  return session == false or channel.is_tls
end

-- ---- reading and writing -------------------------------------------------------------------------

-- Calls fn(channel, deadline); what is no time-out is the end of the connection. One task reads at a time.
local function reading(self, fn)
  if not self.channel then return nil, "closed" end
  if self.is_reading then return nil, "socket busy reading" end
  self.is_reading = true
  local _over <close> = setmetatable({}, { __close = function() self.is_reading = false end })
  local data, problem, partial = fn(self.channel, async.now() + self.read_time)
  if problem and problem ~= "timeout" then self:close() end
  if problem then return nil, problem, partial end
  return data
end

---@async
---@param pattern? "*l"|"*a"|integer
---@return string? data
---@return string? problem
---@return string? partial
function Tcp:receive(pattern)
  pattern = pattern or "*l"
  local count = math.tointeger(tonumber(pattern))
  local kind = type(pattern) == "string" and pattern:match "^%*?([al])$"
  if not (count and count >= 0 or kind) then
    misuse.argument("receive", 1, "bad pattern argument: " .. tostring(pattern))
  end
  return reading(self, function(channel, deadline)
    if count == 0 then return "" end
    if count then return channel:count(count, deadline) end
    if kind == "l" then return channel:line(deadline) end
    local text, problem, partial = channel:all(deadline)
    if problem == "closed" then return partial end
    return text, problem, partial
  end)
end

---What is there, at most so many bytes.
---@async
function Tcp:receiveany(most)
  most = math.tointeger(tonumber(most))
  if not most or most < 1 then misuse.argument("receiveany", 1, "bad max argument") end
  return reading(self, function(channel, deadline)
    local text, problem, partial = channel:count(0, deadline)
    if not text then return nil, problem, partial end
    return channel:take(math.min(most, channel.size))
  end)
end

-- Everything before the pattern, or, if `size` is given, at most so many bytes of that. The second result says that the
-- pattern was there, and has been taken too.
local function read_until(channel, deadline, pattern, size)
  local from = 1
  while true do
    local text = table.concat(channel.pieces)
    channel.pieces = { text ~= "" and text or nil }
    local first = text:find(pattern, from, true)
    if first and (not size or first <= size + 1) then
      return channel:take(first - 1 + #pattern):sub(1, first - 1), nil, nil, true
    end
    local safe = first and first - 1 or #text - #pattern + 1
    if size and safe >= size then return channel:take(size) end
    from = math.max(#text - #pattern + 2, 1)
    local ok, problem = channel:fill(deadline)
    if not ok then return nil, problem, channel:take(channel.size) end
  end
end

---A function that gives everything up to the next place where the pattern stands, or that piece by piece: `read(size)`,
---with nil behind the last piece.
---@param pattern string
---@param options? {inclusive?: boolean}
---@return async fun(size?: integer): string?, string?, string?
function Tcp:receiveuntil(pattern, options)
  if type(pattern) ~= "string" or pattern == "" then misuse.argument("receiveuntil", 1, "pattern is empty") end
  local is_over = false
  return function(size)
    if is_over then
      is_over = false
      return nil, nil, nil
    end
    local was_found
    return reading(self, function(channel, deadline)
      local text, problem, partial
      text, problem, partial, was_found = read_until(channel, deadline, pattern, size)
      if was_found then
        is_over = size ~= nil
        if options and options.inclusive then text = text .. pattern end
      end
      return text, problem, partial
    end)
  end
end

local function flatten(data, parts)
  if type(data) == "table" then
    for _, item in ipairs(data) do flatten(item, parts) end
  else
    parts[#parts + 1] = tostring(data)
  end
  return parts
end

---@async
---@param data string|number|boolean|nil|table  lists are joined
---@return integer? bytes
---@return string? problem
function Tcp:send(data)
  if not self.channel then return nil, "closed" end
  local text = table.concat(flatten(data, {}))
  local sent, problem = self.channel:send(text, 1, #text, async.now() + self.send_time)
  if sent then return sent end
  self:close()
  return nil, problem
end

-- ---- UDP -----------------------------------------------------------------------------------------

local Udp = {}
local UdpMeta = { __index = Udp, __name = "cosocket", __close = function(self) self:close() end }

function cosocket.udp()
  return setmetatable({ time = DEFAULT }, UdpMeta)
end

function Udp:settimeout(milliseconds)
  self.time = seconds(milliseconds)
end

---@async
function Udp:setpeername(host, port)
  local problem
  if self.socket then self:close() end
  self.socket, problem = attempt(async.now() + self.time, function()
    local socket = async.net.udp()
    return socket:connect(host, math.tointeger(tonumber(port))) and socket
  end)
  if not self.socket then return nil, problem end
  return 1
end

---@async
function Udp:send(data)
  if not self.socket then return nil, "closed" end
  local ok, problem = attempt(nil, self.socket.send, self.socket, table.concat(flatten(data, {})))
  if not ok then return nil, problem end
  return 1
end

---@async
function Udp:receive(size)
  if not self.socket then return nil, "closed" end
  local data, problem = attempt(async.now() + self.time, self.socket.receive, self.socket)
  if not data then return nil, problem end
  return data:sub(1, size or 8192)
end

function Udp:close()
  if not self.socket then return nil, "closed" end
  self.socket:close()
  self.socket = nil
  return 1
end

misuse.guard(Tcp)
misuse.guard(Udp)

return cosocket
