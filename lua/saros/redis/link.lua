-- SPDX-License-Identifier: MIT
-- A connection of its own: a stream with a reader for replies, past the first words of Redis. Whoever has it writes
-- and reads in his own task. What fails is raised as a failure (see saros.redis.failure), and the link is closed then.

local async = require "saros"
local failure = require "saros.redis.failure"
local resp = require "saros.redis.resp"
local commands = require "saros.redis.commands"
local backoff = require "saros.backoff"

local link = {}

---@class saros.redis.Link
---@field sink saros.redis.Sink     who takes the replies: the link itself, unless others share it
---@field stream saros.Stream
---@field package _feed fun(chunk: string): string?, string?
---@field package _where string     the reader stands "between" replies, or "inside" one
---@field package _replies table[]  {value, err}, in order
---@field package _pushes any[][]
---@field wants_pushes boolean     else they are dropped
local Link = {}

local metatable = { __index = Link }

-- Raised as it is: no Error object, so that nobody takes it for one.
local function raise(what)
  error(what, 0)
end

---Whether `err` is a failure of a connection.
---@param err any
---@return boolean
function link.is_failure(err)
  return type(err) == "table" and err.kind ~= nil and not async.is_error(err)
end

-- What the stream has raised goes on as a failure. A cancellation is none, and loses nothing that was read.
local function fail(self, err)
  local what = failure.of_stream(err)
  if not what then error(err, 0) end
  self:close()
  raise(what)
end

---@param data string
function Link:write(data)
  local ok, err = pcall(self.stream.write, self.stream, data)
  if not ok then fail(self, err) end
end

-- Has the line take what it can by itself, which is mostly all of it. Gives the rest.
local function scan(self, chunk)
  local line = self.sink.line
  if not line or self._where ~= "between" then return chunk end
  local position = line:scan(chunk, 1)
  return position <= #chunk and chunk:sub(position) or nil
end

---Waits for a chunk of bytes, and hands the replies that are in it to the sink.
---@async
function Link:read()
  local ok, chunk = pcall(self.stream.read, self.stream)
  if not ok then fail(self, chunk) end
  local where, problem
  if chunk then
    local rest = scan(self, chunk)
    if not rest then return end
    where, problem = self._feed(rest)
    self._where = where or self._where
    if where then return end
  end
  self:close()
  raise(problem and failure.protocol(problem) or failure.ended(self._where))
end

---The next reply; of an error reply nil and its text.
---@async
---@return any value
---@return string? err
function Link:take()
  while #self._replies == 0 do self:read() end
  local reply = table.remove(self._replies, 1)
  return reply[1], reply[2]
end

---Sends commands and waits for their replies.
---@async
---@param data string
---@param count? integer  of replies; 1 unless given
---@return any value      the last one
---@return string? err
---@return string? first  the first error
function Link:request(data, count)
  self:write(data)
  local value, err, first
  for _ = 1, count or 1 do
    value, err = self:take()
    first = first or err
  end
  return value, err, first
end

---What came without having been asked for; nil if there is nothing.
---@return any[]?
function Link:take_push()
  return table.remove(self._pushes, 1)
end

-- Of who has the link for himself. Pushes are for those who subscribe; others drop them.
function Link:reply(value, err)
  self._replies[#self._replies + 1] = { value, err }
end

function Link:push(list)
  if self.wants_pushes then self._pushes[#self._pushes + 1] = list end
end

---Whether an idle link can be used: the server has not closed it, and has said nothing.
---@async
---@return boolean
function Link:is_alive()
  if self.stream:closed() or self._where ~= "between" or #self._replies > 0 then return false end
  local ok, came = async.pcall(async.move_on_after, 0, self.stream.read, self.stream)
  return ok and not came
end

function Link:close()
  self.stream:close()
end

metatable.__close = Link.close

local function new(stream)
  local self = setmetatable({ stream = stream, _where = "between", _replies = {}, _pushes = {} }, metatable)
  self.sink = self
  self._feed = resp.reader(self, failure.reply)
  return self
end

-- ---- The first words -----------------------------------------------------------------------------

local function say(self, name, ...)
  return self:request(commands.encode("connect", 0, name, ...))
end

-- Servers before Redis 6 do not know the word, those behind a proxy maybe not the version.
local function is_too_old(err)
  return err:find "^NOPROTO" ~= nil or err:find "^ERR unknown command" ~= nil
end

local function check(_, err)
  if err then raise(failure.refused(err)) end
end

local function authenticate(self, place)
  if not place.password then return end
  if place.user then return check(say(self, "AUTH", place.user, place.password)) end
  check(say(self, "AUTH", place.password))
end

local function greet(self, place)
  local own = place.password and { "AUTH", place.user or "default", place.password } or {}
  local reply, err = say(self, "HELLO", 3, table.unpack(own))
  if err and is_too_old(err) then authenticate(self, place) else check(reply, err) end
  if place.db ~= 0 then check(say(self, "SELECT", place.db)) end
end

-- ---- Connecting ----------------------------------------------------------------------------------

local function open(settings)
  local place, given = settings.place, { tls = settings.tls, keepalive = settings.keepalive }
  if place.path then return async.net.connect_unix(place.path, given) end
  return async.net.connect(place.host, place.port, given)
end

local function connect(settings)
  local ok, result = async.pcall(open, settings)
  if not ok then raise(failure.of_stream(result) or result) end
  local self = new(result)
  ok, result = pcall(greet, self, settings.place)
  if ok then return self end
  self:close()
  error(result, 0)
end

---One attempt.
---@async
---@param settings saros.redis.Settings
---@param seconds number  at most
---@return saros.redis.Link
function link.connect(settings, seconds)
  local ok, result = async.catch("TimeoutError", async.wait_for, connect, seconds, settings)
  if ok then return result end
  raise(failure.timeout(("no connection within %g seconds"):format(seconds), seconds))
end

---The pauses between attempts.
---@return fun(): number
function link.pauses()
  return backoff.pauses { delay = 0.02, factor = 2, max_delay = 1, jitter = 0.2 }
end

---Tries until there is a connection, `is_wanted(failure)` says that nobody wants it any more, or it is of no use.
---@async
---@param settings saros.redis.Settings
---@param is_wanted fun(what: saros.redis.Failure): boolean
---@return saros.redis.Link
function link.persist(settings, is_wanted)
  local pause = link.pauses()
  while true do
    local ok, result = async.pcall(link.connect, settings, settings.connect_timeout)
    if ok then return result end
    if not link.is_failure(result) or result.is_final or not is_wanted(result) then error(result, 0) end
    async.sleep(pause())
  end
end

---Tries for so many seconds at most.
---@async
---@param settings saros.redis.Settings
---@param seconds number
---@return saros.redis.Link
function link.within(settings, seconds)
  local deadline, last = async.now() + seconds, nil
  local function is_wanted(what)
    last = what
    return async.now() < deadline
  end
  local ok, result = async.catch("TimeoutError", async.wait_for, link.persist, seconds, settings, is_wanted)
  if ok then return result end
  raise(last or failure.timeout(("no connection within %g seconds"):format(seconds), seconds))
end

return link
