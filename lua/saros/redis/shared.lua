-- SPDX-License-Identifier: MIT
-- The connection that all tasks share. Commands leave in the order in which they came, all of a turn in one write, and
-- each reply goes to the command that is next in line: one whose caller has gone takes its reply along.
--
-- Three tasks keep it up: one connects and reads, one writes, one watches deadlines. Reader and writer stand in a
-- shield, so that what runs as cleanup at the end of a run still has a connection; the one that watches does not, and
-- once it is cancelled the connection ends with the last command that somebody waits for. It holds nothing of the
-- client, so that a client that was given up can be collected.

local async = require "saros"
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
---@field package _outgoing saros.redis.Entry[]       not sent yet
---@field package _due table<integer, saros.redis.Entry>  sent: from _first to _last, in the order of the replies
---@field package _live integer         entries that somebody waits for
---@field package _is_leaving boolean   it is closed as soon as nobody waits
---@field package _heard number         when bytes came last
local Shared = {}

local metatable = { __index = Shared }

local function settle(self, entry, reply, err, what)
  if not entry.is_live then return end
  entry.is_live = false
  self._live = self._live - 1
  entry.future:set(reply, err, what)
end

local function leave_if_idle(self)
  if self._is_leaving and self._live == 0 then self:close(failure.unsent) end
end

---Ends it: who waits for a reply gets the failure, whoever was not sent can go elsewhere.
---@param what saros.redis.Failure
function Shared:close(what)
  if self._state == "closed" then return end
  local unsent = what
  if self._state == "open" and what.kind ~= "closed" then unsent = failure.unsent end
  self._state, self._is_leaving = "closed", true
  for i = self._first, self._last do settle(self, self._due[i], nil, nil, what) end
  for _, entry in ipairs(self._outgoing) do settle(self, entry, nil, nil, unsent) end
  self._outgoing, self._due, self._first, self._last = {}, {}, 1, 0
  if self._link then self._link:close() end
  if self._group then self._group:cancel() end
  self._wanted:set()
  self._stir:set()
end

---It takes no more commands, and is closed when the last reply has come.
function Shared:retire()
  self._is_leaving = true
  leave_if_idle(self)
end

---Whether commands can be given to it.
function Shared:is_usable()
  return not self._is_leaving
end

---How many commands wait for the connection.
function Shared:waiting()
  local count = 0
  for _, entry in ipairs(self._state == "connecting" and self._outgoing or {}) do
    if entry.is_live then count = count + 1 end
  end
  return count
end

function Shared:is_open()
  return self._state == "open"
end

-- ---- Reading -------------------------------------------------------------------------------------

local function next_entry(self)
  local first = self._first
  local entry = self._due[first]
  if not entry then resp.broken "a reply that nobody asked for" end
  return entry, first
end

-- Called by the reader for each reply.
function Shared:reply(value, err)
  local entry, first = next_entry(self)
  if err and err:find "^READONLY" then self._is_leaving = true end
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
  if not entry.is_live then return end
  entry.is_live = false
  self._live = self._live - 1
  entry.future:set(value, err)
end

function Shared.push() end -- of tracking and the like: nobody wants it

local function connect(self)
  self._link = link.persist(self._settings, function(what)
    self._last_failure = what
    return self._live > 0
  end)
  self._link.sink = self
  self._state, self._heard = "open", async.now()
  for _, entry in ipairs(self._outgoing) do
    entry.since, entry.deadline = self._heard, self._heard + self._settings.timeout
  end
  self._on_open()
  self._wanted:set()
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

-- Moves what is to be sent to what a reply is due for. Gives the bytes.
local function take_outgoing(self)
  local texts, due, last = {}, self._due, self._last
  for _, entry in ipairs(self._outgoing) do
    if entry.is_live then -- else it is withdrawn
      texts[#texts + 1] = entry.data
      last = last + 1
      due[last] = entry
    end
  end
  self._outgoing, self._last = {}, last
  return texts
end

local function writer(self)
  while self._state ~= "closed" do
    self._wanted:wait()
    self._wanted:clear()
    while self._state == "open" and #self._outgoing > 0 do
      local texts = take_outgoing(self)
      local ok, err = pcall(self._link.write, self._link, texts)
      if not ok then return self:close(link.is_failure(err) and err or failure.unexpected(err)) end
    end
  end
end

-- ---- Deadlines -----------------------------------------------------------------------------------

-- Those that somebody waits for, the oldest first.
local function each_live(self)
  return coroutine.wrap(function()
    for i = self._first, self._last do
      local entry = self._due[i]
      if entry and entry.is_live then coroutine.yield(entry, true) end
    end
    for _, entry in ipairs(self._outgoing) do
      if entry.is_live then coroutine.yield(entry, false) end
    end
  end)
end

local function why_late(self, entry)
  if self._state == "connecting" then
    return self._last_failure or failure.timeout(
      ("no connection within %g seconds"):format(self._settings.connect_timeout), self._settings.connect_timeout)
  end
  if self._heard <= entry.since then self._is_leaving = true end -- not a byte since: nobody should wait behind it
  return failure.timeout(("no reply within %g seconds"):format(self._settings.timeout), self._settings.timeout)
end

-- Gives up what is too late. Gives the seconds to the next deadline.
local function expire(self)
  local now, nearest = async.now(), math.huge
  for entry in each_live(self) do
    if entry.deadline <= now then
      settle(self, entry, nil, nil, why_late(self, entry))
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
  self._stir:clear()
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
  local now, future = async.now(), async.future()
  local is_open, settings = self._state == "open", self._settings
  local entry = { -- made at once, with all its fields
    name = name, data = data, several = several or false, future = future, is_live = true, since = now,
    deadline = now + (is_open and settings.timeout or settings.connect_timeout),
  }
  self._live = self._live + 1
  local outgoing = self._outgoing
  local count = #outgoing + 1
  outgoing[count] = entry
  if count == 1 and is_open then self._wanted:set() end
  if self._is_resting then
    self._is_resting = false
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
---@param on_open fun()
---@return saros.redis.Shared
function shared.open(settings, on_open)
  local self = setmetatable({
    _settings = settings, _on_open = on_open, _state = "connecting", _is_leaving = false, _live = 0, _heard = 0,
    _outgoing = {}, _due = {}, _first = 1, _last = 0, _wanted = async.event(), _stir = async.event(),
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
