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

---@class saros.redis.Shared: saros.redis.Sink
---@field package _state "connecting"|"open"|"closed"
---@field line userdata          what is to be sent, and whose replies are due: see src/redis/line.c
---@field package _is_resting boolean        nobody watches deadlines, as there are none
---@field package _counts {commands: integer}
---@field failure saros.redis.Failure  of one that is closed
---@field package _lateness? saros.redis.Failure  of the commands that were too late last
---@field is_final boolean       the client is closed
---@field package _is_leaving boolean   it is closed as soon as nobody waits
---@field package _heard number         when bytes came last
local Shared = {}

local LOOKS = 0.05 -- seconds between the looks at whether somebody still waits, of a connection that is left

local metatable = { __index = Shared }

local function leave_if_idle(self)
  if self._is_leaving and self.line:live() == 0 then self:close(failure.unsent) end
end

---Ends it: who waits for a reply gets the failure, whoever was not sent can go elsewhere.
---@param what saros.redis.Failure
function Shared:close(what)
  if self._state == "closed" then return end
  self._state, self._is_leaving = "closed", true
  self._counts.commands = self._counts.commands + select(2, self.line:live())
  self.failure, self.is_final = what, what.kind == "closed"
  self.line:close()
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
  return self._state == "connecting" and (self.line:live()) or 0
end

function Shared:is_open()
  return self._state == "open"
end

-- ---- Reading -------------------------------------------------------------------------------------

-- Called by the reader for each reply that the line has not taken by itself.
function Shared:reply(value, err)
  if err and err:find "^READONLY" then leave(self) end
  if not self.line:reply(value, err) then resp.broken "a reply that nobody asked for" end
end

function Shared.push() end -- of tracking and the like: nobody wants it

local function connect(self)
  self._link = link.persist(self._settings, function(what)
    self._last_failure = what
    return self.line:live() > 0
  end)
  self._link.sink = self
  self._state, self._heard = "open", async.now()
  self.line:connect(self._settings.timeout)
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

local function write(self)
  for bytes in self.line.output, self.line do self._link:write(bytes) end
end

-- The task that writes, until the line is closed.
local function writer(self)
  local ok, err = pcall(write, self)
  if not ok then self:close(link.is_failure(err) and err or failure.unexpected(err)) end
end

-- ---- Deadlines -----------------------------------------------------------------------------------

-- What a command is told that has no reply in time.
local function lateness(self)
  local settings = self._settings
  if self._state == "open" then
    return failure.timeout(("no reply within %g seconds"):format(settings.timeout), settings.timeout)
  end
  local seconds = settings.connect_timeout
  return self._last_failure or failure.timeout(("no connection within %g seconds"):format(seconds), seconds)
end

-- Gives up what is too late. Gives the seconds to the next deadline.
local function expire(self)
  local now = async.now()
  local nearest, since = self.line:expire(now)
  if since then
    self._lateness = lateness(self)
    -- Not a byte came since a command was sent that is late: nobody should wait behind it.
    if self._state == "open" and self._heard <= since then leave(self) end
  end
  leave_if_idle(self)
  return (nearest or math.huge) - now
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

---Gives it a message of one command, or of `count`. Waits for the reply, or for all of them.
---@async
---@param data string
---@param count? integer
---@return any reply     a list of them
---@return any err       the text of an error reply; of several those in a table, if there are any
---@return string? what  why there is no reply: see `reason`
---@return integer? index  of the command whose reply is missing
function Shared:perform(data, count)
  if self._is_resting then
    self._is_resting = false
    self.line:rest(false)
    self._stir:set()
  end
  return self.line:perform(data, count)
end

---Why there is no reply to a command; nil: it was not sent, and another connection can have it.
---@param what "late"|"broken"|"unsent"
---@return saros.redis.Failure?
function Shared:reason(what)
  if what == "late" then return self._lateness end
  if what == "broken" or self.is_final then return self.failure end
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
    _settings = settings, _on_open = on_open, _state = "connecting", _is_leaving = false, _heard = 0,
    _stir = async.event(), _is_resting = false, _counts = counts, is_final = false,
  }, metatable)
  self.line = core.line(settings.connect_timeout, self)
  local name = settings.place.path or ("%s:%d"):format(settings.place.host, settings.place.port)
  self._tasks = {
    async.spawn(async.shield, function() reader(self) end):set_name(("redis %s, reader"):format(name)),
    async.spawn(async.shield, function() writer(self) end):set_name(("redis %s, writer"):format(name)),
    async.spawn(watcher, self):set_name(("redis %s, watcher"):format(name)),
  }
  return self
end

return shared
