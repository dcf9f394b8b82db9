-- SPDX-License-Identifier: MIT
-- Servers: what is done with connections that come.
--
-- Each connection that is served is a task. The server counts them, so that it can wait for them at its end.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---Accepts connections. Once it is closed `accept` raises ClosedError. Errors of handlers are reported, not raised.
---@class saros.Server
---@field package _listener userdata
---@field package _limit integer|false
---@field package _tasks table<table, saros.Task> of the connections that are served
---@field package _count integer                 of them
---@field package _turn saros.Lock               who accepts
local Server = {}

local server = {}

local metatable = { __name = "server", __index = Server }

---@param listener userdata
---@param given saros.ListenOptions
---@return saros.Server
function server.new(listener, given)
  return setmetatable({
    _listener = listener, _limit = given.max_connections or false,
    _tasks = {}, _count = 0, _turn = async.lock(),
  }, metatable)
end

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("server:" .. method, self) end
end

-- Waits for a connection, and before that until there is room for one more.
local function accept(self, limit)
  internal.checkpoint "server:accept"
  local permit <close> = self._turn:acquire()
  while true do
    local stream = self._listener:accept(limit and limit - self._count)
    if stream then return stream end
  end
end

---The next connection. ClosedError once the server is closed.
---@async
---@return saros.Stream
function Server:accept()
  check_self(self, "accept")
  return accept(self)
end

-- The same, and nil once the server is closed.
local function next_connection(self, limit)
  local ok, stream = async.pcall(accept, self, limit)
  if ok then return stream end
  if self._listener:closed() then return nil end
  error(stream, 0)
end

---Iterates over the connections that come; ends when the server is closed.
---@return async fun(): saros.Stream?
function Server:connections()
  check_self(self, "connections")
  return function()
    return next_connection(self)
  end
end

-- A connection that is served, and what is to be done at its end. Needs no memory, as otherwise nobody might be let in
-- any more.
local Connection = {}
Connection.__index = Connection

function Connection:__close()
  local owner = self.server
  self.stream:close()
  if not owner._tasks[self] then return end
  owner._tasks[self] = nil
  owner._count = owner._count - 1
  if owner._limit then owner._listener:nudge() end
end

-- The task of a connection.
local function handle(connection, handler)
  local served <close> = connection
  handler(served.stream, served.server)
end

-- What is to be done when that has ended, which may have had no memory to begin.
local function ender(connection)
  return function(task)
    connection:__close()
    internal.report(task)
  end
end

-- Serves a connection, in a task. It is counted as long as that lives, whatever fails here.
local function start(self, stream, handler)
  local task
  local ok, err = pcall(function()
    local connection = setmetatable({ server = self, stream = stream }, Connection)
    local report = ender(connection)
    task = async.spawn(handle, connection, handler)
    task:on_done(report)
    self._tasks[connection] = task
  end)
  if not ok then
    stream:close()
    if task then task:cancel() end
    error(err, 0)
  end
  self._count = self._count + 1
end

-- Cancels tasks, and waits until they have ended.
local function stop(tasks, reason)
  for _, task in ipairs(tasks) do
    task:cancel(reason)
  end
  async.wait(tasks)
end

-- The tasks of connections that are served now, but for the one that asks.
local function running(self)
  local tasks, current = {}, async.current_task()
  for _, task in pairs(self._tasks) do
    if task ~= current then tasks[#tasks + 1] = task end
  end
  return tasks
end

-- What happens to the connections when serving ends: nothing, unless an error ended it.
local Serving = {
  __close = function(serving, err)
    if err == nil then return end
    async.shield(function() stop(running(serving.server), "nobody serves any more") end)
  end,
}

---Runs `handler(stream, server)` for each connection, in a task of its own; the stream is closed when it returns. An
---error in it is reported and ends that connection alone. Returns when the server is closed; handlers that run then
---go on. Cancelled, it cancels them and waits for their cleanup.
---@async
---@param handler async fun(stream: saros.Stream, server: saros.Server)
function Server:serve(handler)
  check_self(self, "serve")
  misuse.check_function("server:serve", 1, handler)
  internal.checkpoint "server:serve"
  local _serving <close> = setmetatable({ server = self }, Serving)
  while true do
    local stream = next_connection(self, self._limit)
    if not stream then return end
    start(self, stream, handler)
  end
end

---Host and port, or the path.
---@return string host, integer port
function Server:address()
  check_self(self, "address")
  return self._listener:address()
end

---Accepts nothing more; handlers that run go on.
function Server:close()
  check_self(self, "close")
  self._listener:close()
end

metatable.__close = Server.close

---Closes, waits for the handlers that run, and cancels those that have not ended after so many seconds.
---@async
---@param seconds? number  none: waits as long as they like
function Server:shutdown(seconds)
  check_self(self, "shutdown")
  misuse.check_deadline("server:shutdown", 1, seconds)
  local handshakes = self._listener.tasks and self._listener:tasks() or {}
  self:close()
  internal.checkpoint "server:shutdown"
  local tasks = running(self)
  for _, task in ipairs(handshakes) do tasks[#tasks + 1] = task end
  local _, pending = async.wait(tasks, { timeout = seconds })
  stop(pending, "the server shuts down")
  async.sleep(0)
  async.sleep(0) -- what is done at their end is done, too
end

misuse.guard(Server)

return server
