-- SPDX-License-Identifier: MIT
-- A WebSocket once its handshake is done, client and server alike.
--
-- A task, the reader, takes frames off the stream, answers pings and the closing frame, and puts messages into the
-- inbox: so control frames are seen to whether or not anybody receives. Frames are handed to the stream whole, each
-- behind those before it, so a sender that is cancelled leaves no half of one. Who sends a message has its turn until
-- the stream has room again; control frames do not wait.

local async = require "saros"
local core = require "saros.websocket.core"
local misuse = require "saros.misuse"

local CLOSING_TIME = 10 -- seconds for the closing handshake
local LINGER_TIME = 1   -- seconds in which the peer can end the connection behind it
local MESSAGE_COST = 64 -- bytes that a message is counted as beside its own, so that empty ones are bounded, too
local NORMAL, AWAY, NO_CODE, ABNORMAL, FAILED = 1000, 1001, 1005, 1006, 1011

---@class saros.WebSocket
---@field close_code? integer   how it ended: what the peer sent, or was sent for a fault of its own; 1006: neither
---@field close_reason? string
---@field protocol? string      the subprotocol that was agreed on
---@field package _stream saros.Stream
---@field package _is_client boolean
---@field package _state "open"|"closing"|"closed"
---@field package _limit integer
---@field package _ping number|false
---@field package _held integer       bytes of messages that wait to be received
---@field package _pings integer      how many were sent
---@field package _pong? string       the answer to a ping, which waits for room
---@field package _waiting table<table, true>  pings that nobody has answered yet
---@field package _is_received boolean  a task receives
---@field package _has_ended? boolean   the closing frame has been handed to the stream: nothing follows
---@field package _reader userdata
---@field package _encoder userdata
---@field package _inbox saros.Queue
---@field package _room saros.Event     there is room for messages again
---@field package _turns saros.Semaphore  of senders
---@field package _finished saros.Event no message comes or goes any more
---@field package _over saros.Event     the connection has ended, too
local WebSocket = {}

local metatable = { __name = "WebSocket", __index = WebSocket }

local socket = {}

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("websocket:" .. method, self) end
end

local function closed_error(self)
  local code, reason = self.close_code, self.close_reason
  local how = code and (" (%d%s)"):format(code, reason and reason ~= "" and ": " .. reason or "") or ""
  return async.error {
    name = "ClosedError", code = "ECLOSED", message = "the WebSocket is closed" .. how, close_code = code,
    reason = reason,
  }
end

-- ---- The end -------------------------------------------------------------------------------------

-- Nothing comes or goes any more; what has arrived can still be received.
local function finish(self)
  if self._state == "closed" then return end
  self._state = "closed"
  self._inbox:close()
  local waiting = self._waiting
  local err = next(waiting) and closed_error(self)
  self._waiting = {}
  for answer in pairs(waiting) do
    if not answer.done:done() then answer.done:set(err) end
  end
  self._room:set()
  self._finished:set()
end

-- The connection is lost, or the peer is not to be talked to any more.
local function lose(self, code, reason)
  if not self.close_code then self.close_code, self.close_reason = code, reason end
  finish(self)
  self._stream:abort()
  self._over:set()
end

-- ---- Sending -------------------------------------------------------------------------------------

-- Sends a control frame behind what waits. Behind the closing frame there is nothing.
local function put(self, kind, data)
  if self._has_ended or self._state == "closed" then return end
  if kind == "close" then self._has_ended = true end
  if not self._encoder:put(self._stream, kind, data) then lose(self, ABNORMAL, "the connection is lost") end
end

local function check_open(self)
  if self._state ~= "open" then error(closed_error(self), 0) end
end

-- Sends a message in its turn. A sender that is cancelled while it waits for that has sent nothing.
local function send_message(self, kind, data)
  check_open(self)
  local _turn <close> = self._turns:acquire()
  check_open(self)
  if self._encoder:send(self._stream, kind, data) then return end
  lose(self, ABNORMAL, "the connection is lost")
  error(closed_error(self), 0)
end

---Sends a message. Waits while the peer is the slow one. Many tasks may send: whole messages, in order. ClosedError.
---@async
---@param data string
---@param kind? "text"|"binary"  text, which has to be UTF-8, unless said otherwise
function WebSocket:send(data, kind)
  check_self(self, "send")
  kind = kind or "text"
  if type(data) ~= "string" then misuse.type("websocket:send", 1, "string", data) end
  if kind ~= "text" and kind ~= "binary" then misuse.argument("websocket:send", 2, "'text' or 'binary' expected") end
  if kind == "text" and not core.is_text(data) then misuse.argument("websocket:send", 1, "a text has to be UTF-8") end
  send_message(self, kind, data)
end

---Sends a value as JSON.
---@async
---@param value any
function WebSocket:send_json(value)
  check_self(self, "send_json")
  send_message(self, "text", require("saros.json").encode(value))
end

---Waits until the peer has answered a ping; returns the seconds that took. ClosedError.
---@async
---@param data? string  at most 125 bytes
---@return number seconds
function WebSocket:ping(data)
  check_self(self, "ping")
  if data ~= nil and type(data) ~= "string" then misuse.type("websocket:ping", 1, "string", data) end
  if data and #data > 125 then misuse.argument("websocket:ping", 1, "at most 125 bytes expected") end
  check_open(self)
  self._pings = self._pings + 1
  data = data or tostring(self._pings)
  local began, answer = async.now(), { done = async.future(), data = data }
  self._waiting[answer] = true
  put(self, "ping", data)
  local ok, err = pcall(answer.done.await, answer.done)
  self._waiting[answer] = nil
  if not ok or err then error(err, 0) end
  return async.now() - began
end

-- ---- Receiving -----------------------------------------------------------------------------------

local on = {}

local function deliver(self, data, kind)
  if self._state ~= "open" then return end
  self._held = self._held + #data + MESSAGE_COST
  self._inbox:try_put { data = data, kind = kind }
end

function on.text(self, data) deliver(self, data, "text") end
function on.binary(self, data) deliver(self, data, "binary") end

local function answer_ping(self)
  core.drain(self._stream)
  put(self, "pong", self._pong)
  self._pong = nil
end

-- Only the latest ping has to be answered (RFC 6455, section 5.5.3): where there is no room, one answer waits at most.
function on.ping(self, data)
  if not core.is_full(self._stream) then return put(self, "pong", data) end
  local is_waiting = self._pong ~= nil
  self._pong = data
  if not is_waiting then async.spawn(answer_ping, self):set_name "websocket pong" end
end

function on.pong(self, data)
  for answer in pairs(self._waiting) do
    if answer.data == data and not answer.done:done() then answer.done:set() end
  end
end

-- Nothing is sent any more. What the peer still sends is read for a moment: were it left in the socket, the closing
-- frame could be lost in a reset. A client so waits for the server, which ends the connection (RFC 6455, 7.1.1).
local function end_connection(self)
  finish(self)
  local stream = self._stream
  async.move_on_after(LINGER_TIME, pcall, function()
    if not self._is_client then stream:shutdown() end
    while stream:read() do end
  end)
  stream:close()
  self._over:set()
end

-- What the peer has said or done ends it. The closing frame may still stand behind a message.
local function end_with(self, code, reason, payload)
  self.close_code, self.close_reason = code, reason
  if self._state == "open" then
    self._state = "closing"
    self._inbox:close()
    put(self, "close", payload)
  end
  async.move_on_after(CLOSING_TIME, core.drain, self._stream)
  end_connection(self)
end

-- A closing frame is answered with what it said: so the one that closes knows that it was understood.
function on.close(self, reason, code)
  end_with(self, code, reason, code == NO_CODE and "" or string.pack(">I2", code) .. reason)
end

-- What the peer did wrong: it is told, and that is all.
function on.fault(self, what, code) end_with(self, code, what, string.pack(">I2", code) .. what) end

on["end"] = function(self, why) lose(self, ABNORMAL, tostring(why)) end

-- The peer was silent for long: it is asked whether it lives. One that does not answer is dead.
function on.late(self) put(self, "ping", "") end

local function read_all(self)
  while self._state ~= "closed" do
    while self._held > self._limit and self._state == "open" do
      self._room:clear()
      self._room:wait()
    end
    local ok, kind, data, code = async.pcall(self._reader.next, self._reader, self._stream, self._ping or nil)
    if self._state == "closed" then return end
    if not ok then return lose(self, ABNORMAL, tostring(kind)) end
    on[kind](self, data, code)
  end
end

-- This side has sent the closing frame: how it ends is what the peer answers.
local function await_finish(self)
  if self._state ~= "closed" and not async.move_on_after(CLOSING_TIME, self._finished.wait, self._finished) then
    lose(self, ABNORMAL, "the closing handshake took too long")
  end
end

local function ended(self)
  if self.close_code == NORMAL or self.close_code == AWAY then return nil end
  error(closed_error(self), 0)
end

---The next message, and `"text"` or `"binary"`. nil once the peer has closed with 1000 or 1001; any other end raises
---ClosedError with `close_code` and `reason`. One task receives at a time (BusyError). A cancelled one loses nothing.
---@async
---@return string? data
---@return "text"|"binary"? kind
function WebSocket:receive()
  check_self(self, "receive")
  if self._is_received then
    error(async.error { name = "BusyError", code = "EBUSY", message = "another task receives from this WebSocket" }, 0)
  end
  self._is_received = true
  local ok, message = pcall(self._inbox.get, self._inbox)
  if ok and not message and not self.close_code then ok, message = pcall(await_finish, self) end
  self._is_received = false
  if not ok then error(message, 0) end
  if not message then return ended(self) end
  self._held = self._held - #message.data - MESSAGE_COST
  self._room:set()
  return message.data, message.kind
end

metatable.__call = WebSocket.receive

-- ---- Closing -------------------------------------------------------------------------------------

local function may_close_with(code)
  return code >= 1000 and code <= 1003 or code >= 1007 and code <= 1014 or code >= 3000 and code <= 4999
end

-- Sends the closing frame, behind what waits to be sent. What was not received is discarded.
local function begin_closing(self, code, reason)
  if self._state ~= "open" then return end
  self._state = "closing"
  self._inbox:close { discard = true }
  self._held = 0
  self._room:set()
  put(self, "close", string.pack(">I2", code) .. (reason or ""))
end

local function await_closing(self)
  await_finish(self)
  self._over:wait()
end

---The closing handshake, 10 seconds at most. Discards what was not received.
---@async
---@param code? integer   1000 unless said otherwise; 1000 to 1003, 1007 to 1014, 3000 to 4999
---@param reason? string  at most 123 bytes
function WebSocket:close(code, reason)
  check_self(self, "close")
  code = code or NORMAL
  if math.type(code) ~= "integer" then misuse.type("websocket:close", 1, "integer", code) end
  if not may_close_with(code) then
    misuse.argument("websocket:close", 1, "1000 to 1003, 1007 to 1014 or 3000 to 4999 expected, got " .. code)
  end
  if reason ~= nil and type(reason) ~= "string" then misuse.type("websocket:close", 2, "string", reason) end
  if reason and (#reason > 123 or not utf8.len(reason)) then
    misuse.argument("websocket:close", 2, "at most 123 bytes of UTF-8 expected")
  end
  begin_closing(self, code, reason)
  await_closing(self)
end

---What leaving a block does: 1000, after an error 1011. In a cancelled scope nobody waits for the answer.
---@param self saros.WebSocket
---@param err any
function socket.leave(self, err)
  begin_closing(self, err == nil and NORMAL or FAILED)
  if async.current_task() and not async.cancelled() then pcall(await_closing, self) end
end

metatable.__close = socket.leave

---The server goes away: the peer is told, and nobody waits.
---@param self saros.WebSocket
function socket.go_away(self) begin_closing(self, AWAY) end

function metatable.__tostring(self)
  return ("websocket (%s%s)"):format(self._state, self.close_code and ", " .. self.close_code or "")
end

misuse.guard(WebSocket)

-- ---- Making one ----------------------------------------------------------------------------------

---@class saros.websocket.Agreement
---@field protocol? string
---@field inflate? { bits: integer, keeps: boolean }
---@field deflate? { bits: integer, keeps: boolean }

---Makes a WebSocket of a stream whose handshake is done.
---@param stream saros.Stream
---@param is_client boolean
---@param given table              the options
---@param agreed saros.websocket.Agreement
---@return saros.WebSocket
function socket.new(stream, is_client, given, agreed)
  local inflate, deflate = agreed.inflate or {}, agreed.deflate or {}
  local self = setmetatable({
    _stream = stream, _is_client = is_client, _state = "open", _limit = given.max_message_size, _ping = given.ping,
    protocol = agreed.protocol, _held = 0, _pings = 0, _waiting = {}, _is_received = false,
    _reader = core.reader(not is_client, given.max_message_size, inflate.bits, inflate.keeps),
    _encoder = core.encoder(is_client, deflate.bits, deflate.keeps),
    _inbox = async.queue(), _room = async.event(), _turns = async.semaphore(1), _finished = async.event(),
    _over = async.event(),
  }, metatable)
  async.spawn(read_all, self):set_name "websocket reader":on_done(function() -- it may have been cancelled
    if not self._over:is_set() then lose(self, ABNORMAL, "nobody reads any more") end
  end)
  return self
end

return socket
