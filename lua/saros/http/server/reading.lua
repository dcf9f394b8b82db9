-- SPDX-License-Identifier: MIT
-- How a body is read, that of a request and that of a part of one alike: both have `_read(self, limit, caller)`, which
-- gives the next piece and nil at the end. `caller` is the method as its user knows it.

local async = require "saros"
local failure = require "saros.http.server.failure"
local internal = require "saros.internal"
local lines = require "saros.http.lines"
local misuse = require "saros.misuse"

local reading = {}

---What the client got wrong: unless somebody catches it, it is the response.
---@param status integer
---@param message string
function reading.refuse(status, message)
  error(async.error(failure.fields(status, message)), 0)
end

---@param message string
function reading.fail_closed(message)
  error(async.error { name = "ClosedError", code = "ECLOSED", message = message }, 0)
end

local fail_closed = reading.fail_closed

-- The next piece; nil at the end, which is remembered.
local function next_piece(self, limit, caller)
  local piece = self:_read(limit, caller)
  if not piece then self._has_ended = true end
  return piece
end

-- From now on the body is read in pieces.
local function consume(self)
  if type(self._body) == "string" then fail_closed "the body has been read whole" end
  if self._pieces then fail_closed "the body is being read whole" end
  self._body = true
end

---The whole body, which is kept. Who is cancelled loses none of it: the next call goes on.
---@async
---@param self any
---@param caller string
---@return string
function reading.whole(self, caller)
  local body = self._body
  if body == true then fail_closed "the body has been read in pieces" end
  if body then return body end
  local pieces, piece = self._pieces, next_piece(self, nil, caller)
  while piece do
    pieces = pieces or {}
    pieces[#pieces + 1], self._pieces = piece, pieces
    piece = next_piece(self, nil, caller)
  end
  self._body, self._pieces = pieces and table.concat(pieces) or "", nil
  return self._body
end

---@async
---@param self any
---@param caller string
---@return any
function reading.json(self, caller)
  local text = reading.whole(self, caller)
  local ok, value = pcall(require("saros.json").decode, text)
  if ok then return value end
  return reading.refuse(400, "the body of the request: " .. (value.message or tostring(value)))
end

---@async
---@param self any
---@param caller string
---@param n? integer
---@return string?
function reading.read(self, caller, n)
  if n == math.huge then n = nil end
  if n ~= nil and (math.type(n) ~= "integer" or n < 1) then
    misuse.argument(caller, 1, "integer of at least 1 expected")
  end
  consume(self)
  return next_piece(self, n, caller)
end

---@param self any
---@param caller string
---@return async fun(): string?
function reading.chunks(self, caller)
  consume(self)
  return internal.entry(function()
    return next_piece(self, nil, caller)
  end)
end

---@param self any
---@param caller string
---@return async fun(): string?
function reading.lines(self, caller)
  consume(self)
  return internal.entry(lines.over(function()
    return next_piece(self, nil, caller)
  end))
end

---Writes the body, or what has not been read of it, to a file, which is there when all has arrived, or not at all.
---ClosedError if nothing is left, SystemError if the system refuses; that leaves the body as it is.
---@async
---@param self any
---@param caller string
---@param path string
---@return integer size
function reading.save(self, caller, path)
  if type(path) ~= "string" or path == "" or path:find "%z" then
    misuse.argument(caller, 1, "the path of a file expected")
  end
  local whole = type(self._body) == "string" and self._body
  if self._has_ended and not whole then fail_closed "the body has been read" end
  internal.checkpoint(caller)
  local draft = require "saros.fs.draft"
  local file <close> = draft.open(path)
  if not whole then consume(self) end
  local size, piece = 0, whole or next_piece(self, nil, caller)
  while piece do
    file:write(piece)
    size = size + #piece
    piece = not whole and next_piece(self, nil, caller) or nil
  end
  draft.keep(file)
  return size
end

return reading
