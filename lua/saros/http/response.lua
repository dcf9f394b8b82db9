-- SPDX-License-Identifier: MIT
-- Response: what a server answered. Its head is there, its body arrives while it is read.
--
-- It is the transfer, a userdata that holds a slot of the pool until the body has arrived whole. What is asked of it
-- most is in C (src/http/response.c); saros.http.answer has the rest, which is loaded when it is needed.

local async = require "saros"
local core = require "saros.http.core"
local guard = require "saros.guard"
local lazily = require "saros.lazily"
local answer = lazily "saros.http.answer"
local connection = lazily "saros.http.connection"
local misuse = lazily "saros.misuse"

local response = {}

---Notes what a response has beside what core knows of it.
---@param self saros.Response
---@param history? saros.Response[]
---@param feeder? saros.http.Feeder
function response.note(self, history, feeder)
  if history then self.history = history end
  if feeder then self._feeder = feeder end
end

---A response to a request that was sent elsewhere.
---@param prepared table  what is shown of that request
---@param status integer
---@param head string
---@param elapsed number
---@param body string     all of it
---@return saros.Response
function response.received(prepared, status, head, elapsed, body)
  return core.received_elsewhere(prepared, status, head, elapsed, body)
end

---@class saros.http.Failure what saros.http.core reports
---@field name string       of the error: FetchError, TimeoutError or ClosedError
---@field code string
---@field message? string   a TimeoutError has one of its own
---@field phase? string     of a TimeoutError, as is
---@field seconds? number
---@field status? integer   EPROXY: the proxy's
---@field stale? boolean    a connection that had served turned out dead, and there was no response

---Raises a failure. What that needs is here: where the system has no descriptor left nothing can be loaded.
---@param prepared saros.http.Request
---@param received? saros.Response
---@param failure saros.http.Failure
function response.fail(prepared, received, failure)
  local target, message = prepared.url, failure.message
  if failure.name == "TimeoutError" then
    message = ("not done within %g s (%s timeout)"):format(failure.seconds, failure.phase)
  end
  local socket = prepared.extras and prepared.extras.unix_socket
  if socket then message = ("%s (through '%s')"):format(message, socket) end
  if prepared.extras and prepared.extras.aliases then message = connection.without_alias(message) end
  error(async.error {
    name = failure.name, code = failure.code, message = ("%s %s: %s"):format(prepared.method, target.text, message),
    phase = failure.phase, seconds = failure.seconds, status = failure.code == "EPROXY" and failure.status or nil,
    url = target.text, host = target.address, port = target.port, response = received,
  }, 0)
end

---@class saros.Response
local Response = {}

local metatable -- of responses, which core has

---Gives up what has not been read, and the slot with it. The second time does nothing.
function Response:close()
  if getmetatable(self) ~= metatable then misuse.self("response:close", self) end
  core.close(self)
  if core.whole(self) == false then self._found = "" end
  local feeder = core.request(self).source and self._feeder
  if feeder then feeder:stop() end
end

guard(Response)

-- The first method that is not here, or field that is made when it is asked for: the class gets all of them.
local function find(self, name)
  for key, method in pairs(answer.methods) do Response[key] = method end
  core.class(Response, answer.make_field)
  return answer.methods[name] or answer.make_field(self, name)
end

-- Until then.
local function read_text(self)
  return answer.methods.text(self)
end

Response.text = read_text

metatable = core.class(Response, find)
metatable.__name = "Response"
metatable.__close = Response.close

function metatable.__tostring(self)
  return answer.show(self)
end

return response
