-- SPDX-License-Identifier: MIT
-- A client for the tests of a handler, which it reaches through a socket of its own instead of a port.

local async = require "saros"
local misuse = require "saros.misuse"
local server = require "saros.http.server.server"
local sessions = require "saros.http.session"

local client = {}

---Requests to a handler: the verbs of a session.
---@class saros.HTTPTestClient
---@field get saros.HTTPTestVerb
---@field post saros.HTTPTestVerb
---@field put saros.HTTPTestVerb
---@field patch saros.HTTPTestVerb
---@field delete saros.HTTPTestVerb
---@field head saros.HTTPTestVerb
---@field options saros.HTTPTestVerb
---@field package _session saros.Session
---@field package _server saros.HTTPServer
---@field package _serving saros.Task
local HTTPTestClient = {}

---`fetch` with this method: a request to the handler. Raises FetchError where the connection was reset, as after an
---error of a handler that had begun to write, and TimeoutError.
---@alias saros.HTTPTestVerb async fun(self: any, target: string, given?: saros.FetchOptions): saros.Response

local metatable = { __name = "client", __index = HTTPTestClient }

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("client:" .. method, self) end
end

---A request to the handler; the verbs are the same with their method.
---@async
---@param target string
---@param given? saros.FetchOptions
---@return saros.Response
function HTTPTestClient:fetch(target, given)
  check_self(self, "fetch")
  return sessions.perform(self._session, "client:fetch", nil, target, given)
end

for _, verb in ipairs(sessions.verbs) do
  local caller, method = "client:" .. verb, verb:upper()
  ---@async
  HTTPTestClient[verb] = function(self, target, given)
    check_self(self, verb)
    return sessions.perform(self._session, caller, method, target, given)
  end
end

---Ends the requests that go on, and waits for the cleanup of their handlers. The second time does nothing.
---@async
function HTTPTestClient:close()
  check_self(self, "close")
  self._session:close()
  self._server:close()
  async.shield(function() self._serving:close() end)
end

metatable.__close = HTTPTestClient.close
misuse.guard(HTTPTestClient)

---@param handler async fun(request: saros.HTTPRequest): saros.HTTPAnswer
---@param given? saros.SessionOptions
---@return saros.HTTPTestClient
function client.new(handler, given)
  server.check_handler("client", 1, handler)
  local path = os.tmpname()
  os.remove(path)
  local options = { base_url = "http://localhost", unix_socket = path }
  if given ~= nil and type(given) ~= "table" then misuse.type("client", 2, "table", given) end
  for name, value in pairs(given or {}) do options[name] = value end
  local session = sessions.new(options, true, "client")
  session.is_internal = true
  local listening = async.http.listen_unix(path)
  listening._listening._listener:make_internal()
  local serving = async.spawn(listening.serve, listening, handler)
  return setmetatable({ _session = session, _server = listening, _serving = serving }, metatable)
end

return client
