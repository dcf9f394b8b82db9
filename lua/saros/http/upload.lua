-- SPDX-License-Identifier: MIT
-- Uploads: a task beside the request gives its body, piece by piece, as fast as it can be sent.
--
-- Invariant: the task does not outlive what it is for. It ends with `send`, or, if the response came
-- before the end of the body, with the response.

local async = require "saros"
local core = require "saros.http.core"
local iterators = require "saros.iterators"
local response = require "saros.http.response"

local upload = {}

---@class saros.http.Source where a body comes from
---@field open fun(): function, any  gives an iterator over strings, and what is to be closed at the end
---@field length? integer            of all it gives
---@field repeatable boolean         it can be opened again

---@class saros.http.Feeder
---@field pipe userdata
---@field task saros.Task
---@field sent? integer bytes given so far
---@field failed? boolean the body raised an error: `err`
---@field err any
---@field kept? boolean it goes on beside the response
local Feeder = {}

local metatable = { __name = "Feeder", __index = Feeder }

-- The next piece that is not empty.
local function next_piece(iterator)
  local piece
  repeat
    piece = iterator()
    if piece == nil then return nil end
    if type(piece) ~= "string" then
      error(("option 'body': it gives a %s where a string or nil is expected"):format(type(piece)), 0)
    end
  until piece ~= ""
  return piece
end

-- Gives all that the iterator has, or as much as the server wants. If a length was promised the body has to keep to it,
-- so the last piece is held back until the iterator has ended.
local function give(self, iterator, prepared)
  local on_progress, length, given = prepared.on_progress, prepared.source.length, 0
  local function wrong(message, ...)
    response.fail(prepared, nil, { name = "FetchError", code = "EINVAL", message = message:format(...) })
  end
  local piece = next_piece(iterator)
  while piece do
    local following
    given = given + #piece
    if length and given == length then following = next_piece(iterator) end
    if length and (given > length or following) then wrong("the body is longer than its length of %d", length) end
    if not self.pipe:write(piece) then return end
    self.sent = given
    if on_progress then on_progress(0, nil, given, length) end
    if length and given == length then break end
    piece = next_piece(iterator)
  end
  if length and given < length then wrong("the body has %d bytes, not its length of %d", given, length) end
  self.pipe:finish()
end

local function feed(self, prepared)
  local _pipe <close> = self.pipe -- fails if this does
  if not self.pipe:wait() then return end
  local ok, err = async.pcall(function()
    local iterator, held = prepared.source.open()
    local _held <close> = held
    give(self, iterator, prepared)
  end)
  if ok then return end
  self.failed, self.err = true, err
  self.pipe:fail()
end

-- Cancels the task, unless it goes on beside the response, and waits for its cleanup.
function metatable.__close(self)
  if self.task and not self.kept then self.task:close() end
end

---The response is of no use any more: so is the body.
function Feeder:stop()
  self.task:cancel()
end

---The response has ended: so has the body, cleanup included.
---@async
function Feeder:join()
  if not self.task:done() then self.task:close() end
end

---Sends a request whose body is streamed. Gives what core.send gives, the feeder before it. Where
---libcurl sends a body that it has as a whole again (on a connection that turned out dead), so do we.
---@async
---@param pool userdata
---@param prepared saros.http.Request
---@param started? number
---@param carrier userdata  the backend
---@param again? boolean  it is sent for the second time
function upload.send(pool, prepared, started, carrier, again)
  local self <close> = setmetatable({ pipe = core.upload(prepared.caller) }, metatable)
  self.task = async.spawn(feed, self, prepared):set_name("http upload")
  async.sleep(0) -- it begins; if it could not, the request would wait for it
  if self.task:done() then self.task:await() end
  local received, failure = core.send(pool, prepared, self.pipe, started, carrier)
  if self.failed then
    if received then core.close(received) end
    error(self.err, 0)
  end
  local repeats = not received and failure.stale and prepared.resend and not again
  if repeats then return upload.send(pool, prepared, started, carrier, true) end
  self.kept = received ~= nil and not core.done(received)
  return self, received, failure
end

---The source that a body given as a function or an iterator is. It cannot be asked twice.
---@param body function|table
---@param length? integer
---@return saros.http.Source
function upload.once(body, length)
  return {
    repeatable = false, length = length,
    open = function()
      return body, iterators.closer(body)
    end,
  }
end

-- How much of a body that is a string is given at once.
local PIECE = 65536

---The source that a string is, for those who want to see its progress.
---@param text string
---@return saros.http.Source
function upload.text(text)
  return {
    repeatable = true, length = #text,
    open = function()
      local position = 1 - PIECE
      return function()
        position = position + PIECE
        return position <= #text and text:sub(position, position + PIECE - 1) or nil
      end
    end,
  }
end

return upload
