-- SPDX-License-Identifier: MIT
-- The connection that all tasks share. Commands leave in the order in which they came, all of a turn in one write, and
-- each reply goes to the command that is next in line: one whose caller has gone takes its reply along.
--
-- Three tasks keep it up: one connects and reads, one writes, one watches deadlines. Reader and writer stand in a
-- shield, so that what runs as cleanup at the end of a run still has a connection; the one that watches does not, and
-- once it is cancelled the connection ends with the last command that somebody waits for. It holds nothing of the
-- client, so that a client that was given up can be collected.

local async = require "saros"
local core = require "saros.redis.core"
local failure = require "saros.redis.failure"
local link = require "saros.redis.link"
local resp = require "saros.redis.resp"

local shared = {}

---A command, or several that are sent together, and who waits for the replies.
---@class saros.redis.Entry
---@field name string          of the command, in capitals
---@field data string
---@field several saros.redis.Several|false
---@field future saros.Future  settled with the reply, the text of an error reply, and a failure
---@field since number       when it was given to the connection
---@field deadline number
---@field is_live boolean    somebody waits for it

---Commands that are sent together.
---@class saros.redis.Several
---@field names string[]
---@field count integer      of replies to come
---@field replies any[]      those that have come, and
---@field errors table<integer, string>  the texts of error replies among them

---@class saros.redis.Shared: saros.redis.Sink
---@field package _state "connecting"|"open"|"closed"
---@field line userdata          what is to be sent, and whose replies are due: see src/redis/line.c
---@field package _is_resting boolean        nobody watches deadlines, as there are none
---@field package _counts {commands: integer}
---@field failure saros.redis.Failure  of one that is closed
---@field is_final boolean       the client is closed
---@field package _outgoing saros.redis.Entry[]       while it connects
---@field package _due table<integer, saros.redis.Entry>  messages: from _first to _last, in the order of the replies
---@field package _live integer         entries that somebody waits for
---@field package _is_leaving boolean   it is closed as soon as nobody waits
---@field package _heard number         when bytes came last
local Shared = {}

local LOOKS = 0.05 -- seconds between the looks at whether somebody still waits, of a connection that is left

local metatable = { __index = Shared }

local function settle(self, entry, reply, err, what)
  if not entry.is_live then return end
  entry.is_live = false
  self._live = self._live - 1
  entry.future:set(reply, err, what)
end

local function leave_if_idle(self)
  if self._is_leaving and self._live + (self.line:live()) == 0 then self:close(failure.unsent) end
end

---Ends it: who waits for a reply gets the failure, whoever was not sent can go elsewhere.
---@param what saros.redis.Failure
function Shared:close(what)
  if self._state == "closed" then return end
  local is_final = what.kind == "closed"
  local unsent = (is_final or self._state == "connecting") and what or failure.unsent
  self._state, self._is_leaving = "closed", true
  self._counts.commands = self._counts.commands + select(2, self.line:live())
  self.failure, self.is_final = what, is_final
  self.line:close()
  for i = self._first, self._last do settle(self, self._due[i], nil, nil, what) end
  for _, entry in ipairs(self._outgoing) do settle(self, entry, nil, nil, unsent) end
  self._outgoing, self._due, self._first, self._last = {}, {}, 1, 0
  if self._link then self._link:close() end
  if self._group then self._group:cancel() end
  self._stir:set()
end

-- It takes no more commands.
local function leave(self)
  self._is_leaving = true
  self.line:take_calls(false)
end

---It takes no more commands, and is closed when the last reply has come.
function Shared:retire()
  leave(self)
  self._stir:set()
  leave_if_idle(self)
end

---Whether commands can be given to it.
function Shared:is_usable()
  return not self._is_leaving
end

---How many commands its line has taken, and that are not counted yet.
---@return integer
function Shared:calls()
  return self._state == "closed" and 0 or (select(2, self.line:live()))
end

---How many commands wait for the connection.
function Shared:waiting()
  local count = 0
  for _, entry in ipairs(self._outgoing) do
    if entry.is_live then count = count + 1 end
  end
  return count
end

function Shared:is_open()
  return self._state == "open"
end

-- ---- Reading -------------------------------------------------------------------------------------

-- A reply to a message of ours, which may be one of several commands.
local function take_reply(self, value, err)
  local first = self._first
  local entry = self._due[first]
  local several = entry.several
  if several then
    local index = #several.names - several.count + 1
    several.replies[index], several.errors[index] = value, err
    several.count = several.count - 1
    if several.count > 0 then return end
    value, err = several.replies, nil
  end
  self._due[first] = nil
  if first < self._last then self._first = first + 1 else self._first, self._last = 1, 0 end
  self.line:advance()
  settle(self, entry, value, err)
end

-- Called by the reader for each reply that the line has not taken by itself.
function Shared:reply(value, err)
  if err and err:find "^READONLY" then leave(self) end
  local is_answered = self.line:reply(value, err)
  if is_answered == nil then resp.broken "a reply that nobody asked for" end
  if not is_answered then take_reply(self, value, err) end
end

function Shared.push() end -- of tracking and the like: nobody wants it

-- Has a message sent. Its reply is due from now on.
local function post(self, entry)
  self.line:post(entry.data)
  self._last = self._last + 1
  self._due[self._last] = entry
end

local function connect(self)
  self._link = link.persist(self._settings, function(what)
    self._last_failure = what
    return self._live > 0
  end)
  self._link.sink = self
  self._state, self._heard = "open", async.now()
  for _, entry in ipairs(self._outgoing) do
    entry.since, entry.deadline = self._heard, self._heard + self._settings.timeout
    if entry.is_live then post(self, entry) end -- else it is withdrawn
  end
  self._outgoing = {}
  self.line:take_calls(not self._is_leaving)
  self._on_open()
  self._stir:set() -- the deadlines have changed
end

local function read(self)
  connect(self)
  while true do
    self._link:read()
    self._heard = async.now()
    leave_if_idle(self)
  end
end

-- The task that reads. The group is there to be cancelled.
local function reader(self)
  local ok, err = pcall(async.task_group, function(group)
    self._group = group
    if self._state ~= "closed" then read(self) end
  end)
  if ok then return end
  local errors = async.is_error(err, "GroupError") and err.errors or { err }
  self:close(link.is_failure(errors[1]) and errors[1] or failure.unexpected(err))
end

-- ---- Writing -------------------------------------------------------------------------------------

local function writer(self)
  while true do
    local bytes = self.line:output()
    if not bytes then return end
    local ok, err = pcall(self._link.write, self._link, bytes)
    if not ok then return self:close(link.is_failure(err) and err or failure.unexpected(err)) end
  end
end

-- ---- Deadlines -----------------------------------------------------------------------------------

-- Those that somebody waits for, the oldest first.
local function each_live(self)
  return coroutine.wrap(function()
    for i = self._first, self._last do
      local entry = self._due[i]
      if entry and entry.is_live then coroutine.yield(entry) end
    end
    for _, entry in ipairs(self._outgoing) do
      if entry.is_live then coroutine.yield(entry) end
    end
  end)
end

---What a command is told that had no reply in time.
---@return saros.redis.Failure
function Shared:lateness()
  local settings = self._settings
  if self._state ~= "connecting" then
    return failure.timeout(("no reply within %g seconds"):format(settings.timeout), settings.timeout)
  end
  local seconds = settings.connect_timeout
  return self._last_failure or failure.timeout(("no connection within %g seconds"):format(seconds), seconds)
end

-- Not a byte came since a command was sent that is late: nobody should wait behind it.
local function judge(self, since)
  if self._state == "open" and self._heard <= since then leave(self) end
end

-- Gives up what is too late. Gives the seconds to the next deadline.
local function expire(self)
  local now = async.now()
  local nearest, since = self.line:expire(now)
  if since then judge(self, since) end
  nearest = nearest or math.huge
  for entry in each_live(self) do
    if entry.deadline <= now then
      judge(self, entry.since)
      settle(self, entry, nil, nil, self:lateness())
    else
      nearest = math.min(nearest, entry.deadline)
    end
  end
  leave_if_idle(self)
  return nearest - now
end

local function watch(self)
  local seconds = expire(self)
  if self._state == "closed" then return end
  self._is_resting = seconds == math.huge
  self.line:rest(self._is_resting)
  self._stir:clear()
  if self._is_leaving then seconds = math.min(seconds, LOOKS) end -- who is cancelled does not tell
  async.move_on_after(seconds, self._stir.wait, self._stir)
end

local function watcher(self)
  local ok, err = pcall(function()
    while self._state ~= "closed" do watch(self) end
  end)
  if ok then return end
  self:retire() -- the run ends, or somebody has cancelled us
  async.shield(function()
    while self._state ~= "closed" do watch(self) end
  end)
  if not async.is_error(err, "CancelledError") then error(err, 0) end
end

-- ---- Commands ------------------------------------------------------------------------------------

---Gives it a command, or several. Waits for the reply.
---@async
---@param name string
---@param data string
---@param several? {names: string[], count: integer, replies: any[], errors: table<integer, string>}
---@return any reply
---@return string? err
---@return saros.redis.Failure? what
function Shared:perform(name, data, several)
  local now, future, settings = async.now(), async.future(), self._settings
  local entry = { -- made at once, with all its fields
    name = name, data = data, several = several or false, future = future, is_live = true, since = now,
    deadline = now + settings.connect_timeout,
  }
  if self._state == "closed" then -- by a finalizer
    return nil, nil, self.is_final and self.failure or failure.unsent
  end
  local is_open = self._state == "open"
  if is_open then entry.deadline = now + settings.timeout end
  self._live = self._live + 1
  if is_open then post(self, entry) else self._outgoing[#self._outgoing + 1] = entry end
  if self._is_resting then
    self._is_resting = false
    self.line:rest(false)
    self._stir:set()
  end
  local ok, reply, err, what = pcall(future.await, future)
  if ok then return reply, err, what end
  settle(self, entry)
  leave_if_idle(self)
  error(reply, 0)
end

---The tasks that keep it up.
---@return saros.Task[]
function Shared:tasks()
  return self._tasks
end

---Starts to connect. Only inside a run.
---@param settings saros.redis.Settings
---@param counts {commands: integer}  what the calls of its line are added to in the end
---@param on_open fun()
---@return saros.redis.Shared
function shared.open(settings, counts, on_open)
  local self = setmetatable({
    _settings = settings, _on_open = on_open, _state = "connecting", _is_leaving = false, _live = 0, _heard = 0,
    _outgoing = {}, _due = {}, _first = 1, _last = 0, _stir = async.event(), line = core.line(settings.timeout),
    _is_resting = false, _counts = counts,
  }, metatable)
  local name = settings.place.path or ("%s:%d"):format(settings.place.host, settings.place.port)
  self._tasks = {
    async.spawn(async.shield, function() reader(self) end):set_name(("redis %s, reader"):format(name)),
    async.spawn(async.shield, function() writer(self) end):set_name(("redis %s, writer"):format(name)),
    async.spawn(watcher, self):set_name(("redis %s, watcher"):format(name)),
  }
  return self
end

return shared
