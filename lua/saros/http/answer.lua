-- SPDX-License-Identifier: MIT
-- What responses can do beside what is asked of them most. Loaded when it is needed, see saros.http.response.

local async = require "saros"
local core = require "saros.http.core"
local headers = require "saros.http.headers"
local internal = require "saros.internal"
local iterators = require "saros.iterators"
local lines = require "saros.http.lines"
local misuse = require "saros.misuse"
local phrases = require "saros.http.status"
local responses = require "saros.http.response"

-- What one read gives at most unless it is asked for more, as in core.
local PIECE = 32768

-- A body this small is read to its end, so that the connection can serve the next request.
local WORTH_READING = 65536

-- It is read for so many seconds at most, because a new connection costs no more than that.
local WORTH_WAITING = 0.2

---The end of a `<close>` variable closes it. What reads raises FetchError or TimeoutError where the body breaks off,
---after what had arrived, and BusyError where another task reads already. Cancelling a reader closes the response.
---@class saros.Response
---@field status integer
---@field reason string
---@field ok boolean           whether the status is 200 to 299
---@field url string           where it came from, after redirects
---@field headers saros.Headers
---@field http_version string
---@field history saros.Response[]  the redirects before it
---@field elapsed number       seconds from the request to the headers
---@field package _feeder? saros.http.Feeder of a streamed request
---@field package _found? string what read(0) has found
---@field package _at? integer      where reading goes on in that, or in what came with the head
---@field package _ended? boolean    the body has been read to its end in pieces
---@field package _reported? integer what on_progress was told last
local Response = {}

local request_of = core.request

-- Fields that are rarely asked for are made when they are.
local lazy = {
  history = function()
    return {}
  end,
  url = function(self)
    return request_of(self).url.text
  end,
  headers = function(self)
    return headers.parse(core.head(self))
  end,
  http_version = function(self)
    return core.head(self):match("^HTTP/(%d[%d.]*)") or "1.1"
  end,
  reason = function(self)
    local phrase = core.head(self):match("^%S+ %d+ ([^\r\n]*)")
    return phrase and phrase ~= "" and phrase or phrases[self.status] or ""
  end,
}

local answer = { methods = Response }

---The value of a field that has none yet; nil if there is no such field.
---@param self saros.Response
---@param name string
---@return any
function answer.make_field(self, name)
  local make = lazy[name]
  if not make then return nil end
  local value = make(self)
  self[name] = value
  return value
end

local metatable = core.responses

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("response:" .. method, self) end
end

-- The end of the body, or the failure that core reported; also that of the request's own body.
local function finish(self, failure)
  local feeder = self._feeder
  if feeder then
    feeder:join()
    if feeder.failed then error(feeder.err, 0) end
  end
  if failure then responses.fail(request_of(self), self, failure) end
end

-- Tells the user's function how far the body has come.
local function report(self)
  local received, total = core.received(self)
  local sent = self._feeder and self._feeder.sent or 0
  if received == self._reported then return end
  self._reported = received
  local prepared = request_of(self)
  prepared.on_progress(received, total, sent, prepared.body_length or sent)
end

-- What came with the head, or read(0) has found, if there is something left of it that nobody has read.
local function arrived(self)
  local bytes = self._found or core.body(self)
  return bytes and (self._at or 1) <= #bytes and bytes or nil
end

-- At most `limit` bytes of what has come already; nil where there are none.
local function take_arrived(self, limit)
  local bytes, at = arrived(self), self._at or 1
  if not bytes then return nil end
  local stop = at + math.min(limit, #bytes)
  self._at = stop
  return bytes:sub(at, stop - 1)
end

-- The next piece of what is still to come; nil at the end.
local function receive(self, caller, limit)
  local data, failure = core.read(self, limit, caller)
  if not data then
    finish(self, failure)
    self._ended = true
  end
  return data
end

-- Gives a piece of the body, for a function that its user knows as `caller`; nil at the end.
local function read(self, caller, limit)
  local data = take_arrived(self, limit or PIECE) or receive(self, caller, limit)
  if request_of(self).on_progress then report(self) end
  return data
end

local function fail_closed(self, message)
  responses.fail(request_of(self), self, { name = "ClosedError", code = "ECLOSED", message = message })
end

local function consume(self)
  if not core.consume(self) then fail_closed(self, "the body has been read whole") end
end

-- The whole body piece by piece: for one that is encoded, so that the others get their turns while it
-- is decoded, and for one whose progress somebody wants to see.
local function read_pieces(self, caller)
  local pieces = {}
  repeat
    local piece = read(self, caller)
    pieces[#pieces + 1] = piece
  until not piece
  return table.concat(pieces)
end

local function read_whole(self, caller)
  local prepared = request_of(self)
  if prepared.on_progress then return read_pieces(self, caller) end
  local bytes = core.body(self)
  if bytes and not prepared.source then return bytes end
  local data, failure = core.read_all(self, false, caller)
  if data == false then return read_pieces(self, caller) end
  if not data or prepared.source then finish(self, failure) end
  return bytes or data
end

local function text_of(self, caller)
  local body = core.whole(self)
  if body == false then
    fail_closed(self, "the body has been read in pieces")
  elseif not body then
    body = read_whole(self, caller)
    core.keep(self, body)
  end
  return body
end

---The whole body, decoded from gzip, deflate, br or zstd, otherwise as it came. It is kept: a second call returns it
---again. ClosedError if it has been read in pieces, or the response was closed.
---@async
---@return string
function Response:text()
  check_self(self, "text")
  return text_of(self, "response:text")
end

---The whole body, decoded from JSON. Can be called again. FetchError `EJSON` if it is broken.
---@async
---@return any
function Response:json()
  check_self(self, "json")
  local text = text_of(self, "response:json")
  local ok, value = pcall(require("saros.json").decode, text)
  if ok then return value end
  local message = value.message or tostring(value)
  return responses.fail(request_of(self), self, { name = "FetchError", code = "EJSON", message = message })
end

---The bytes that are there, at most `n`, after waiting for the first; nil at the end. As in `io`,
---`read(0)` gives "" while there are more.
---@async
---@param n? integer  bytes, from 0
---@return string?
function Response:read(n)
  check_self(self, "read")
  if n == math.huge then n = nil end
  if n ~= nil and (type(n) ~= "number" or not math.tointeger(n) or n < 0) then
    misuse.argument("response:read", 1, "integer of at least 0 expected")
  end
  consume(self)
  if n ~= 0 then return read(self, "response:read", n) end
  if not arrived(self) then
    self._found, self._at = receive(self, "response:read") or "", 1
  end
  return arrived(self) and "" or nil
end

---`for chunk in response:chunks() do`: pieces as they come. A slow reader slows the sender down. Leaving the loop
---closes the response.
---@return async fun(): string?
function Response:chunks()
  check_self(self, "chunks")
  consume(self)
  return iterators.closed_by(internal.entry(function()
    return read(self, "response:chunks")
  end), self)
end

---`for line in response:lines() do`: lines without their ends; one of more than 1 MiB is a LimitError. Leaving the
---loop closes the response.
---@return async fun(): string?
function Response:lines()
  check_self(self, "lines")
  consume(self)
  return iterators.closed_by(internal.entry(lines.over(function()
    return read(self, "response:lines")
  end)), self)
end

-- One that is cancelled while it waits for the file closes the response, as one that waits for the body does.
local closing_if_cancelled = { __close = function(self, err)
  if async.is_error(err, "CancelledError") then self.response:close() end
end }

---Writes the body, or what has not been read of it, to a file, which is there when all has arrived, or not at all. It
---keeps the permissions of a file that was there before. SystemError if the system refuses.
---@async
---@param path string
---@return integer size
function Response:save(path)
  check_self(self, "save")
  if type(path) ~= "string" or path == "" or path:find "%z" then
    misuse.argument("response:save", 1, "the path of a file expected")
  end
  local draft = require "saros.fs.draft" -- most programs save no body
  local text = core.whole(self)
  if self._ended and not text then fail_closed(self, "the body has been read") end
  local size = 0
  local _closing <close> = setmetatable({ response = self }, closing_if_cancelled)
  internal.checkpoint "response:save"
  local file <close> = draft.open(path)
  if not text then consume(self) end
  local piece = text or read(self, "response:save")
  while piece do
    file:write(piece)
    size = size + #piece
    piece = not text and read(self, "response:save") or nil
  end
  draft.keep(file)
  return size
end

---Raises an HTTPError if the status is 400 or above; returns the response otherwise.
---@return saros.Response self
function Response:raise_for_status()
  check_self(self, "raise_for_status")
  if self.status < 400 then return self end
  return error(async.error {
    name = "HTTPError", code = "EHTTP", status = self.status, response = self, url = self.url,
    message = ("%s %s: %d %s"):format(request_of(self).method, self.url, self.status, self.reason),
  }, 0)
end

---Closes it; where that is quick the body is read before, for the sake of the connection.
---@async
---@package
function Response:discard()
  local length = core.length(self)
  if not core.done(self) and length and length <= WORTH_READING then
    async.pcall(async.wait_for, function() core.read_all(self, true, request_of(self).caller) end, WORTH_WAITING)
  end
  self:close()
end

-- It is to become a function of C.
local text = Response.text
misuse.guard(Response)
Response.text = text

---What `tostring` says.
---@param self saros.Response
---@return string
function answer.show(self)
  return ("Response: %d %s (%s)"):format(self.status, self.reason, self.url)
end

return answer
