-- SPDX-License-Identifier: MIT
-- Subscriptions: an iterator over the messages of channels, on a connection of its own. Where that breaks it connects
-- and subscribes again; what was said meanwhile is lost, as Redis keeps nothing of it. The step itself reads, so a slow
-- loop holds up the server and nothing piles up here.

local async = require "saros"
local internal = require "saros.internal"
local client = require "saros.redis.client"
local commands = require "saros.redis.commands"
local failure = require "saros.redis.failure"
local link = require "saros.redis.link"

local subscription = {}

---@class saros.redis.Subscription
---@field package _client saros.Redis
---@field package _command "SUBSCRIBE"|"PSUBSCRIBE"
---@field package _data string           the command with its channels
---@field package _count integer         of channels
---@field package _lease? saros.redis.Lease
---@field package _inbox? table          of the present connection
---@field package _has_stood boolean     it was there before
---@field package _is_over boolean
---@field on_stand? fun()                called whenever it stands, on a new connection again
local Subscription = {}

local metatable = { __index = Subscription }

local PING = commands.encode("ping", 0, "PING")

-- ---- What comes ----------------------------------------------------------------------------------

-- Takes what a connection reads. Messages come as pushes, on RESP2 as replies like any other.
---@class saros.redis.Inbox: saros.redis.Sink
---@field confirmed integer   channels that are subscribed to
---@field refusal? string     the text of an error reply
local Inbox = {}
Inbox.__index = Inbox

function Inbox:push(list)
  if list[1] == self.kind then
    self.confirmed = self.confirmed + 1
  elseif list[1] == "message" or list[1] == "pmessage" then
    self.last = self.last + 1
    self[self.last] = list
  end
end

function Inbox:reply(value, err)
  self.refusal = self.refusal or err
  if type(value) == "table" then self:push(value) end
end

local function take(inbox)
  local list = inbox[inbox.first]
  if not list then return nil end
  inbox[inbox.first], inbox.first = nil, inbox.first + 1
  return list
end

-- Waits for more. Silence is a bad sign after a while: a server that does not answer a PING is gone.
local function read(self)
  local inbox, connection, seconds = self._inbox, self._lease.link, self._client._settings.keepalive
  if async.move_on_after(seconds, connection.read, connection) then
    inbox.is_asked = false
  elseif inbox.is_asked then
    error(failure.timeout("no sign of life from the server", seconds), 0)
  else
    inbox.is_asked = true
    connection:write(PING)
  end
  if inbox.refusal then error(failure.refused(inbox.refusal), 0) end
end

-- ---- Standing ------------------------------------------------------------------------------------

local function drop(self)
  local connection = self._lease and self._lease.link
  self._inbox = nil
  if not connection then return end
  connection:close()
  self._lease.link = nil
end

-- Connects and asks for the channels. The first time it has to be done in time, later it is waited for.
local function begin(self)
  local patience = not self._has_stood and self._client._settings.connect_timeout or nil
  self._client._own:connect(self._lease, patience)
  local connection = self._lease.link
  local ok, err = pcall(connection.write, connection, self._data)
  if not ok then
    drop(self)
    error(err, 0)
  end
  connection.sink = setmetatable({ kind = self._command:lower(), confirmed = 0, first = 1, last = 0 }, Inbox)
  self._inbox = connection.sink
end

local function ensure(self)
  if not self._lease then self._lease = client.reserve(self._client, self._command) end
  if not self._inbox then begin(self) end
  while self._inbox.confirmed < self._count do read(self) end
  if self._inbox.stands then return end
  local counts = self._client._counts
  if self._has_stood then counts.reconnections = counts.reconnections + 1 end
  self._inbox.stands, self._has_stood = true, true
  if self.on_stand then self.on_stand() end
end

-- The next message: channel, message, and the pattern of psubscribe.
local function next_message(self)
  while true do
    ensure(self)
    local list = take(self._inbox)
    if not list then
      read(self)
    elseif list[1] == "message" then
      return list[2], list[3]
    else
      return list[3], list[4], list[2]
    end
  end
end

-- Whether the next connection may do better.
local function may_pass(self, what)
  if self._client._is_closed or not self._has_stood then return false end
  return what.kind ~= "refused" or not what.is_final
end

-- Message after message. A cancelled step loses nothing.
local function step(self)
  local pause = link.pauses()
  while not self._is_over do
    local results = table.pack(pcall(next_message, self))
    local what = results[2]
    if results[1] then return table.unpack(results, 2, results.n) end
    if not link.is_failure(what) then error(what, 0) end
    drop(self)
    if not may_pass(self, what) then
      client.raise(self._client, self._client._is_closed and failure.closed or what, self._command)
    end
    async.sleep(pause())
  end
end

---Ends it.
function Subscription:close()
  self._is_over = true
  drop(self)
  if self._lease then self._lease:close() end
  self._lease = nil
end

metatable.__close = Subscription.close

-- The backstop for an iterator that was called by hand and given up.
function metatable.__gc(self)
  if not self._lease then return end
  self:close()
  internal.collected("subscription", self._place)
end

---@param self saros.Redis
---@param caller string   the function as its user knows it
---@param command string  SUBSCRIBE, PSUBSCRIBE
---@param ... string      channels or patterns
---@return async fun(): string, string, string? next
function subscription.new(self, caller, command, ...)
  local current = setmetatable({
    _client = self, _command = command, _data = commands.encode(caller, 0, command, ...), _count = select("#", ...),
    _has_stood = false, _is_over = false, _place = internal.place(),
  }, metatable)
  return internal.entry(function()
    internal.checkpoint(caller)
    return step(current)
  end), nil, nil, current
end

return subscription
