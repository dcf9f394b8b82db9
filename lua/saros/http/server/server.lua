-- SPDX-License-Identifier: MIT
-- A server: accepts connections for its core, which does the rest, and comes to an orderly end.

local async = require "saros"
local core = require "saros.http.server.core"
local internal = require "saros.internal"
local log = require "saros.http.server.log"
local misuse = require "saros.misuse"
local phrases = require "saros.http.status"
require "saros.http.server.request"

---Answers requests. Errors of handlers are reported, not raised.
---@class saros.HTTPServer
---@field package _listening saros.Server
---@field package _core userdata
---@field package _is_served boolean
---@field package _ended saros.Event   serving has ended
local Server = {}

local server = {}

local metatable = { __name = "server", __index = Server }

---@param listening saros.Server
---@param given table  all of its options
---@return saros.HTTPServer
function server.new(listening, given)
  local heart = core.new(given, phrases)
  if given.log then log.watch(heart, given.log) end
  return setmetatable({ _listening = listening, _core = heart, _is_served = false, _ended = async.event() }, metatable)
end

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("server:" .. method, self) end
end

---Raises unless this can be called.
---@param caller string
---@param position integer
---@param handler any
function server.check_handler(caller, position, handler)
  local mt = getmetatable(handler)
  if type(handler) == "function" or type(mt) == "table" and mt.__call then return end
  misuse.type(caller, position, "function or router", handler)
end

-- The task that accepts. Its end is that of the serving.
local function accept(self)
  local heart, listening = self._core, self._listening
  local _drain <close> = setmetatable({}, { __close = function() heart:drain() end })
  while true do
    heart:await_room()
    local ok, stream = async.pcall(listening.accept, listening)
    if not ok and listening._listener:closed() then return end
    if not ok then error(stream, 0) end
    heart:attach(stream)
  end
end

-- The tasks of handlers, but for the one that asks.
local function others(self)
  local tasks, current = {}, async.current_task()
  for _, task in ipairs(self._core:tasks()) do
    if task ~= current then tasks[#tasks + 1] = task end
  end
  return tasks
end

-- Cancels handlers, and waits until they have ended.
local function stop(self, reason)
  local tasks = others(self)
  for _, task in ipairs(tasks) do task:cancel(reason) end
  async.wait(tasks)
end

-- No further requests; those that run may end.
local function drain(self)
  self._listening:close()
  self._core:drain()
end

-- Those that talk by WebSocket hear of it.
local function go_away(self)
  local websockets = package.loaded["saros.websocket.server"]
  if websockets then websockets.go_away(self._core) end
end

-- Whether an error is one that ends the serving from outside: a cancellation or Ctrl-C.
local function comes_from_outside(err)
  return async.is_error(err, "CancelledError") or async.is_error(err, "InterruptError")
end

-- What happens when serving ends. Handlers that run then have `grace` seconds.
local Serving = {
  __close = function(serving, err)
    local self = serving.server
    async.shield(function()
      drain(self)
      go_away(self)
      serving.acceptor:close()
      if err ~= nil and serving.grace > 0 and comes_from_outside(err) then
        async.wait(self._core:tasks(), { timeout = serving.grace })
      end
      stop(self, "nobody serves any more")
      serving.dispatcher:close()
      self._core:finish()
    end)
    self._is_served = false
    self._ended:set()
  end,
}

---Serves until the server is closed and the last handler has ended; cancelled, gives those that run some time.
---@async
---@param self saros.HTTPServer
---@param handler function
---@param grace number
function server.serve(self, handler, grace)
  if self._is_served then misuse.raise "server:serve: it is served already" end
  internal.checkpoint "server:serve"
  self._is_served = true
  local acceptor = async.spawn(accept, self):set_name "http acceptor"
  local dispatcher = async.spawn(core.run, self._core, handler, async.spawn):set_name "http server"
  local _serving <close> = setmetatable({
    server = self, acceptor = acceptor, dispatcher = dispatcher, grace = grace,
  }, Serving)
  dispatcher:await()
  if acceptor:done() then acceptor:await() end
end

---Runs `handler(request)` for each request, in a task of its own, and sends what it returns. Returns when the server is
---closed and the last handler has ended. Cancelled, it cancels them and waits for their cleanup.
---@async
---@param handler async fun(request: saros.HTTPRequest): saros.HTTPAnswer
function Server:serve(handler)
  check_self(self, "serve")
  server.check_handler("server:serve", 1, handler)
  server.serve(self, handler, 0)
end

---Host and port, or the path.
---@return string host, integer port
function Server:address()
  check_self(self, "address")
  return self._listening:address()
end

---What goes on: `connections` and `active` handlers now, `requests` and `failed` ones (500, or a reset) since the
---start.
---@return {connections: integer, active: integer, requests: integer, failed: integer}
function Server:stats()
  check_self(self, "stats")
  local connections, active, requests, failed = self._core:stats()
  return { connections = connections, active = active, requests = requests, failed = failed }
end

---Accepts nothing more and closes idle connections; handlers that run go on.
function Server:close()
  check_self(self, "close")
  drain(self)
end

metatable.__close = Server.close

-- Whether one of the handlers asks.
local function is_handler(self)
  local current = async.current_task()
  for _, task in ipairs(self._core:tasks()) do
    if task == current then return true end
  end
  return false
end

---Closes, waits for the requests that run, and cancels those that have not ended after so many seconds. A handler that
---calls it is waited for by nobody.
---@async
---@param seconds? number  none: waits as long as they like
function Server:shutdown(seconds)
  check_self(self, "shutdown")
  misuse.check_deadline("server:shutdown", 1, seconds)
  self:close()
  go_away(self)
  internal.checkpoint "server:shutdown"
  if not self._is_served then return end
  if is_handler(self) then
    async.wait(others(self), { timeout = seconds })
  elseif async.move_on_after(seconds or math.huge, self._ended.wait, self._ended) then
    return
  end
  stop(self, "the server shuts down")
  if not is_handler(self) then self._ended:wait() end
end

misuse.guard(Server)

return server
