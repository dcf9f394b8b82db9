-- SPDX-License-Identifier: MIT
-- One connection: how it begins, how requests and replies take turns on it, how it gets back to rest.
--
-- After each exchange, however it was left, either the server has said that it is ready (ReadyForQuery) or the
-- connection is closed. No reply is ever read by another request than its own.

local async = require "saros"
local messages = require "postgres.messages"
local scram = require "postgres.scram"

local PATIENCE = 5 -- seconds in which a server has to stop what was cancelled
local BRIEFLY = 1  -- seconds for the rest of some rows, before that is cancelled

---@class postgres.Link
---@field stream saros.Stream
---@field options postgres.Options
---@field parameters table<string, string>  what the server reports of itself
---@field status string            "I" idle, "T" in a transaction, "E" in one that failed
---@field is_running boolean       the server works on something of ours
---@field is_copying boolean       it waits for the data of a COPY
---@field is_synced boolean        it will say that it is ready, without our asking
---@field is_extended boolean      it was asked by more than one message, of which sync is the last
---@field is_streaming boolean     it sends a few rows, and waits then
---@field channels table<string, saros.Queue[]>  who hears notifications
local Link = {}
Link.__index = Link

-- ---- what the server says ------------------------------------------------------------------------

---An error of the server: its code is the SQLSTATE.
---@param payload string
function Link.error_of(payload)
  local fields = messages.fields(payload)
  return async.error {
    name = "PostgresError", code = fields.C, message = fields.M, severity = fields.V or fields.S, detail = fields.D,
    hint = fields.H, position = math.tointeger(tonumber(fields.P)),
  }
end

local notices = {}

function notices.A(self, payload)
  local pid, channel, text = string.unpack(">I4zz", payload)
  for _, queue in ipairs(self.channels[channel] or {}) do queue:put { payload = text, pid = pid } end
end

function notices.S(self, payload)
  local name, value = string.unpack("zz", payload)
  self.parameters[name] = value
end

function notices.N() end -- for people at a terminal

-- After its last words the server closes the connection.
local function check_last_words(self, payload)
  local err = Link.error_of(payload)
  if err.severity ~= "FATAL" and err.severity ~= "PANIC" then return end
  self.stream:close()
  error(err, 0)
end

---The next message that belongs to an exchange.
---@async
function Link:receive()
  while true do
    local kind, payload = messages.read(self.stream, self)
    local notice = notices[kind]
    if kind == "E" then check_last_words(self, payload) end
    if not notice then return kind, payload end
    notice(self, payload)
  end
end

---Waits until a notification has come. The server is at rest.
---@async
function Link:listen()
  local kind, payload = messages.read(self.stream, self)
  local notice = notices[kind]
  if notice then return notice(self, payload) end
  if kind == "E" then check_last_words(self, payload) end
  error(kind == "E" and Link.error_of(payload) or "unexpected message '" .. kind .. "'", 0)
end

-- ---- exchanges ------------------------------------------------------------------------------------

-- Asks the server, on a connection of its own, to stop; returns when it has taken notice.
local function request_cancel(self)
  local stream <close> = Link.dial(self.options)
  stream:write(messages.cancel(self.pid, self.key))
  stream:read()
end

local function drain(self)
  while self.is_running do self:note(self:receive()) end
end

local function rest(self)
  -- to cancel rows that nobody wants would spoil their transaction
  local is_worth_it = self.is_streaming and self.status == "T"
  if is_worth_it and self.is_running then pcall(async.wait_for, drain, BRIEFLY, self) end
  if self.is_copying then
    self:send(messages.copy_fail "given up")
  elseif self.is_running then
    request_cancel(self)
  end
  if not self.is_synced then self:send(messages.sync) end
  self.is_synced = true
  repeat
    local kind = self:note(self:receive())
    if kind == "G" then
      -- it may or may not have read the sync of an extended query by now
      if self.is_extended then error "a COPY that nobody has asked for" end
      self:send(messages.copy_fail "given up")
    end
  until kind == "Z"
end

-- Brings a connection back to rest whose exchange was left in the middle, or closes it.
local function recover(self)
  if not self.is_busy then return end
  self.is_busy = false
  if self:is_open() and not pcall(async.wait_for, rest, PATIENCE, self) then self.stream:abort() end
end

---Runs `fn(link, ...)`, which sends and receives until the server is ready again. Left early, what runs is cancelled
---on the server.
---@async
function Link:exchange(fn, ...)
  self.is_busy, self.is_running, self.is_copying, self.is_synced = true, true, false, false
  self.is_extended, self.is_streaming = false, false
  local _ <close> = async.defer(recover, self)
  local results = table.pack(fn(self, ...))
  self.is_busy = false
  return table.unpack(results, 1, results.n)
end

---Sends all of it even if the caller is cancelled meanwhile: the server is not left with half a message. One that takes
---no more for a while is given up.
---@async
---@param ... string
function Link:send(...)
  local parts = { ... }
  async.shield(function() self.stream:write(parts) end, PATIENCE)
end

---A statement asks for data that it will not get. Its query has been synced, but a COPY takes no notice of that.
---@async
function Link:refuse_copy()
  self:send(messages.copy_fail "use copy_in for a statement that takes data")
  if self.is_extended and self.is_synced then self:send(messages.sync) end
end

---Notes what a message says about the state of the exchange; returns its kind.
function Link:note(kind, payload)
  if kind == "Z" then
    self.status, self.is_running = payload, false
  elseif kind == "s" or kind == "E" or (kind == "C" and not self.is_synced) then
    self.is_running, self.is_copying = false, false
  end
  return kind
end

---Receives up to and including ReadyForQuery, calls handlers by kind on the way, raises the server's error at the end.
---@async
---@param handlers table<string, fun(payload: string)>
function Link:receive_all(handlers)
  local err
  while true do
    local kind, payload = self:receive()
    self:note(kind, payload)
    if kind == "E" then err = err or Link.error_of(payload) end
    if kind == "G" then self:refuse_copy() end
    if handlers[kind] then handlers[kind](payload) end
    if kind == "Z" then break end
  end
  self.is_busy = false
  if err then error(err, 0) end
end

-- ---- the beginning --------------------------------------------------------------------------------

local function start_tls(stream, options)
  stream:write(messages.tls_request)
  if stream:read_exactly(1) ~= "S" then error("the server does not speak TLS", 0) end
  local tls = { server_name = options.host }
  for name, value in pairs(options.tls == true and {} or options.tls) do tls[name] = value end
  stream:start_tls(tls)
end

---A stream to the server, over TLS if the options say so.
---@async
---@param options postgres.Options
---@return saros.Stream
function Link.dial(options)
  if options.unix_socket then return async.net.connect_unix(options.unix_socket) end
  local stream = async.net.connect(options.host, options.port)
  if not options.tls then return stream end
  local ok, err = pcall(start_tls, stream, options)
  if ok then return stream end
  stream:close()
  error(err, 0)
end

local authenticate = {
  [0] = function() end,
  [3] = function(self)
    if not self.options.tls then error("the server asks for the password in clear, without TLS: not given", 0) end
    self:send(messages.password(self.options.password or ""))
  end,
  [10] = function(self, payload)
    if not payload:find(scram.name .. "\0", 1, true) then error("the server knows no method of ours", 0) end
    self.talk = scram.begin(self.options.password or "")
    self:send(messages.sasl_first(scram.name, self.talk.first))
  end,
  [11] = function(self, payload) self:send(messages.sasl_next(scram.answer(self.talk, payload))) end,
  [12] = function(self, payload) scram.verify(self.talk, payload) end,
}

local beginning = {
  R = function(self, payload)
    local method = string.unpack(">I4", payload)
    if not authenticate[method] then
      error(("the server asks for method %d of authentication; this driver knows SCRAM-SHA-256"):format(method), 0)
    end
    authenticate[method](self, payload:sub(5))
  end,
  K = function(self, payload) self.pid, self.key = string.unpack(">I4I4", payload) end,
  E = function(_, payload) error(Link.error_of(payload), 0) end,
  Z = function(self, payload) self.status = payload end,
}

local function log_in(self)
  local options = self.options
  self:send(messages.startup {
    user = options.user, database = options.database or options.user, client_encoding = "UTF8",
    application_name = "saros",
  })
  repeat
    local kind, payload = self:receive()
    local step = beginning[kind] or error("unexpected message '" .. kind .. "' of the server", 0)
    step(self, payload)
  until kind == "Z"
  if self.talk and not self.talk.is_verified then error("the server took us in without proof", 0) end
  self.talk = nil
end

---Connects and logs in.
---@async
---@param options postgres.Options
---@return postgres.Link
function Link.open(options)
  local self = setmetatable({ options = options, parameters = {}, channels = {} }, Link)
  async.wait_for(function()
    self.stream = Link.dial(options)
    local _ <close> = async.defer(function(err) if err then self.stream:close() end end)
    log_in(self)
  end, options.timeout or math.huge)
  return self
end

---@return boolean
function Link:is_open() return not self.stream:closed() end

---Says good-bye, if it can be said at once.
function Link:close()
  if self:is_open() then pcall(self.stream.write, self.stream, messages.terminate) end
  self.stream:close()
end

return Link
