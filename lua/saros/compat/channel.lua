-- SPDX-License-Identifier: MIT
-- A stream as LuaSocket and cosockets read and write it: by line, by count, up to the end; with a deadline for the
-- whole call, and a partial result of what had come by then. What a cancelled call had read stays for the next one.

local async = require "saros"
local attempt = require("saros.compat.failure").attempt

---@class saros.compat.Channel  (internal)
---@field stream saros.Stream
---@field pieces string[]  what was read and not taken yet
---@field size integer     of all pieces
---@field problem? string  with which reading has ended
---@field received integer bytes that were taken, in all
---@field sent integer
---@field born number      on async.now's clock
local Channel = {}
Channel.__index = Channel

-- A write that is cancelled is withdrawn whole or cuts the stream off. Pieces no larger than this are withdrawn: a
-- stream takes 64 KiB before a write has to wait.
local PIECE = 16384

---@param stream saros.Stream
---@return saros.compat.Channel
function Channel.new(stream)
  return setmetatable({ stream = stream, pieces = {}, size = 0, received = 0, sent = 0, born = async.now() }, Channel)
end

---Takes the first `count` bytes of those that were read.
function Channel:take(count)
  local text = table.concat(self.pieces)
  self.size, self.received = self.size - count, self.received + count
  self.pieces = { self.size > 0 and text:sub(count + 1) or nil }
  return count == #text and text or text:sub(1, count)
end

---Reads on. True, or nil and why not: from "closed" on it stays at that.
---@async
function Channel:fill(deadline)
  if self.problem then return nil, self.problem end
  local piece, problem = attempt(deadline, self.stream.read, self.stream)
  if not piece then
    if problem ~= "timeout" then self.problem = problem end
    return nil, problem
  end
  self.pieces[#self.pieces + 1] = piece
  self.size = self.size + #piece
  return true
end

-- The bytes up to the first line feed, that included; nil: there is none. Looks into the last piece alone.
function Channel:find_line_end()
  local last = self.pieces[#self.pieces]
  local at = last and last:find("\n", 1, true)
  return at and self.size - #last + at
end

---A line, without its end and without carriage returns.
---@async
---@return string? line
---@return string? problem
---@return string? partial  what had come
function Channel:line(deadline)
  self.pieces = { self.size > 0 and table.concat(self.pieces) or nil }
  local length = self:find_line_end()
  while not length do
    local ok, problem = self:fill(deadline)
    if not ok then return nil, problem, (self:take(self.size):gsub("\r", "")) end
    length = self:find_line_end()
  end
  return (self:take(length):sub(1, -2):gsub("\r", ""))
end

---So many bytes; of none it waits until there is something.
---@async
function Channel:count(count, deadline)
  while self.size < math.max(count, 1) do
    local ok, problem = self:fill(deadline)
    if not ok then return nil, problem, self:take(self.size) end
  end
  return self:take(count)
end

---Everything up to the end, if that is anything.
---@async
function Channel:all(deadline)
  local ok, problem
  repeat ok, problem = self:fill(deadline) until not ok
  local text = self:take(self.size)
  if problem == "closed" and text ~= "" then return text end
  return nil, problem, text
end

---Sends data[first..last]. Returns the index of the last byte that was sent, or nil, why not, and that index.
---@async
function Channel:send(data, first, last, deadline)
  while first <= last do
    local ends = math.min(first + PIECE - 1, last)
    local piece = first == 1 and ends == #data and data or data:sub(first, ends)
    local ok, problem = attempt(deadline, self.stream.write, self.stream, piece)
    if not ok then return nil, problem, first - 1 end
    self.sent = self.sent + #piece
    first = ends + 1
  end
  return first - 1
end

---Whether something can be read at once.
---@async
function Channel:is_ready()
  return self.size > 0 or self.problem ~= nil or self:fill(0) ~= nil or self.problem ~= nil
end

function Channel:close()
  self.stream:close()
  self.problem = "closed"
end

return Channel
