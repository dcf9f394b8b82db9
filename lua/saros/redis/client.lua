-- SPDX-License-Identifier: MIT
-- What a client does, without its methods: commands go over the connection that all tasks share, or over one of their
-- own where they wait on the server.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local commands = require "saros.redis.commands"
local core = require "saros.redis.core"
local failure = require "saros.redis.failure"
local link = require "saros.redis.link"
local shared = require "saros.redis.shared"

local client = {}

---Raises a failure as the error of a command; what is none as it is.
---@param self saros.Redis
---@param what any
---@param name string
function client.raise(self, what, name)
  if link.is_failure(what) then error(failure.error(what, name, self._settings.place), 0) end
  error(what, 0)
end

-- Tells when a server that is loading its data is to be asked again, until the time is over.
local function patience(self)
  local deadline, pause = async.now() + self._settings.timeout, link.pauses()
  return function()
    if async.now() >= deadline then return false end
    async.sleep(pause())
    return true
  end
end

---Repeats what a loading server has refused, until the time is over. Raises error replies.
---@async
---@param self saros.Redis
---@param name string
---@param attempt async fun(): any, string?  gives a reply, or nil and the text of an error reply
---@param reply any                          of a first attempt
---@param err string?
---@return any reply
function client.persist(self, name, attempt, reply, err)
  local go_on
  while err and err:find "^LOADING" do
    go_on = go_on or patience(self)
    if not go_on() then break end
    reply, err = attempt()
  end
  if err then error(failure.reply(err, name), 0) end
  return reply
end

-- ---- The shared connection -----------------------------------------------------------------------

local function new_shared(self, name)
  if self._is_closed then client.raise(self, failure.closed, name) end
  local is_again, counts = self._shared ~= false, self._counts
  local connection = shared.open(self._settings, counts, function()
    if is_again then counts.reconnections = counts.reconnections + 1 end
  end)
  if self._is_closed then -- by a finalizer, meanwhile
    connection:close(failure.closed)
    client.raise(self, failure.closed, name)
  end
  self._shared, self._line = connection, connection.line
  return connection
end

-- Gives a message to the shared connection; what could not be sent goes to the next. That of a pipeline, of `count`
-- commands, has no name.
local function perform(self, name, data, count)
  while true do
    local connection = self._shared
    if not connection or not connection:is_usable() then
      connection = new_shared(self, name or commands.names(data)[1])
    end
    local reply, err, what, index = connection:perform(data, count)
    if not what then return reply, err end
    local reason = connection:reason(what)
    if reason then client.raise(self, reason, name or commands.names(data)[index]) end
  end
end

-- Whether a loading server has refused all of them.
local function is_loading(errors, count)
  for i = 1, count do
    if not (errors[i] and errors[i]:find "^LOADING") then return false end
  end
  return true
end

---Tells the errors among replies by which command each came.
---@param replies any[]
---@param data string  the message that asked for them
---@return any[] replies
function client.name_errors(replies, data)
  local names
  for i, reply in pairs(replies) do
    if async.is_error(reply) then
      names = names or commands.names(data)
      reply.command = names[i]
    end
  end
  return replies
end

---Sends a message of several commands over the shared connection. Gives the replies, an Error object where one failed.
---@async
---@param self saros.Redis
---@param data string
---@param count integer
---@return any[]
function client.send_all(self, data, count)
  self._counts.commands = self._counts.commands + count
  local replies, errors = perform(self, nil, data, count)
  local go_on
  while errors and is_loading(errors, count) do
    go_on = go_on or patience(self)
    if not go_on() then break end
    replies, errors = perform(self, nil, data, count)
  end
  if not errors then return replies end
  for i, text in pairs(errors) do replies[i] = failure.reply(text) end
  return client.name_errors(replies, data)
end

-- ---- Connections of one's own --------------------------------------------------------------------

---A place for a connection of the caller's own. Raises what fails as the error of a command.
---@async
---@param self saros.Redis
---@param name string
---@return saros.redis.Lease
function client.reserve(self, name)
  if not self._own then
    misuse.raise(("%s: it needs a connection of its own, and 'pool' allows for none"):format(name))
  end
  local ok, lease = pcall(self._own.lease, self._own)
  if ok then return lease end
  client.raise(self, lease, name)
end

---The same with a connection.
---@async
---@param self saros.Redis
---@param name string
---@return saros.redis.Lease
function client.lease(self, name)
  local lease = client.reserve(self, name)
  local ok, err = pcall(self._own.connect, self._own, lease, self._settings.connect_timeout)
  if ok then return lease end
  lease:close()
  client.raise(self, err, name)
end

---Sends commands over a connection of one's own. Until their replies are there that is not whole.
---@async
---@param self saros.Redis
---@param lease saros.redis.Lease
---@param name string      in errors
---@param data string
---@param blocks? number   how long they may block, 0 for without end
---@param count? integer   of replies; 1 unless given
---@return any reply       the last one
---@return string? err
---@return string? first   the first error reply
function client.exchange(self, lease, name, data, blocks, count)
  local timeout = self._settings.timeout
  local limit = not blocks and timeout or blocks > 0 and blocks + timeout or math.huge
  lease.is_whole = false
  local ok, in_time, reply, err, first = pcall(async.move_on_after, limit, lease.link.request, lease.link, data, count)
  if not ok then client.raise(self, in_time, name) end
  if not in_time then
    client.raise(self, failure.timeout(("no reply within %g seconds"):format(limit), limit), name)
  end
  lease.is_whole = not (first and first:find "^READONLY")
  return reply, err, first
end

local function block(self, name, data, seconds)
  local lease <close> = client.lease(self, name)
  return client.exchange(self, lease, name, data, seconds)
end

-- The long way: a message of ours, over a connection that may have to be made.
local function run_slowly(self, caller, before, name, ...)
  local data = commands.encode(caller, before, name, ...)
  internal.checkpoint(caller)
  self._counts.commands = self._counts.commands + 1
  local function attempt() return perform(self, name, data) end
  return client.persist(self, name, attempt, attempt())
end

-- What becomes of a call that came to no value: it got an error reply, or was late, broken or unsent.
local function recover(self, connection, caller, name, err, what, ...)
  local reason = what and connection:reason(what)
  if reason then client.raise(self, reason, name) end
  local data = commands.encode(caller, 0, name, ...)
  local function attempt() return perform(self, name, data) end
  if what then return client.persist(self, name, attempt, attempt()) end
  return client.persist(self, name, attempt, nil, err)
end

---The method of a command that does not block. Most calls go the short way, which is in C.
---@param metatable table  of those that have it
---@param caller string    the function as its user knows it
---@param name string      in capitals
---@return async fun(self: saros.Redis, ...: string|number): any
function client.plain(metatable, caller, name)
  local function slow(self, ...)
    if getmetatable(self) ~= metatable then misuse.self(caller, self) end
    return run_slowly(self, caller, 0, name, ...)
  end
  return core.method(internal.entry(slow), metatable, caller, commands.head(name),
    function(self, connection, err, what, ...) return recover(self, connection, caller, name, err, what, ...) end)
end

---Runs any command.
---@async
---@param self saros.Redis
---@param caller string
---@param before integer
---@param name string
---@param ... string|number
---@return any reply
function client.run(self, caller, before, name, ...)
  commands.check(caller, name, ...)
  local seconds = commands.blocks(name, ...)
  if not seconds then return run_slowly(self, caller, before, name, ...) end
  local data = commands.encode(caller, before, name, ...)
  internal.checkpoint(caller)
  self._counts.commands = self._counts.commands + 1
  local function attempt() return block(self, name, data, seconds) end
  return client.persist(self, name, attempt, attempt())
end

return client
