-- SPDX-License-Identifier: MIT
-- One progress bar: how far something is, how fast it goes, and how long it will take. What draws it is a board.

local async = require "saros"
local misuse = require "saros.misuse"
local numbers = require "saros.progress.numbers"

local bar = {}

-- The rate is that of the last so many seconds.
local WINDOW = 10

---How far something is, as a line on the terminal. What happens after it was closed changes nothing.
---@class saros.ProgressBar
---@field label string
---@field done number           so far
---@field total? number         nil while that is not known
---@field package _board table
---@field package _unit? string
---@field package _began number
---@field package _samples number[]  times, and how far it was then, from the oldest on
---@field package _ended? number
local Bar = {}
Bar.__index = Bar

local function check_self(self, method)
  if getmetatable(self) ~= Bar then misuse.self("progress_bar:" .. method, self) end
end

local function is_amount(value)
  return type(value) == "number" and value >= 0 and value < math.huge
end

local function check_amount(method, position, value)
  if is_amount(value) then return end
  misuse.argument("progress_bar:" .. method, position, ("number from 0 on expected, got %s"):format(
    type(value) == "number" and tostring(value) or misuse.got("progress_bar:" .. method, position, value)))
end

---A bar that stands at 0.
---@param board table
---@param label string
---@param total? number
---@param unit? string
---@return saros.ProgressBar
function bar.new(board, label, total, unit)
  local now = async.now()
  return setmetatable({
    label = label, done = 0, total = total, _board = board, _unit = unit, _began = now, _samples = { now, 0 },
  }, Bar)
end

---It is so much further.
---@param amount? number  1 unless it is given
function Bar:advance(amount)
  check_self(self, "advance")
  if amount ~= nil then check_amount("advance", 1, amount) end
  if self._ended then return end
  self.done = self.done + (amount or 1)
  self._board:touch()
end

---It is so far.
---@param done number
---@param total? number  from now on; as it was unless it is given
function Bar:set(done, total)
  check_self(self, "set")
  check_amount("set", 1, done)
  if total ~= nil then check_amount("set", 2, total) end
  if self._ended then return end
  if done < self.done then self._samples = { async.now(), done } end -- it has begun again
  self.done, self.total = done, total or self.total
  self._board:touch()
end

---A function for the option `on_progress` of requests, and of `map`: the bar shows the larger of what was received and
---what was sent.
---@return fun(done: number, total?: number, sent?: number, to_send?: number)
function Bar:hook()
  check_self(self, "hook")
  return function(done, total, sent, to_send)
    if sent and sent > done then done, total = sent, to_send end
    self:set(done, total)
  end
end

---It is over: its line stays as it is, above those of bars that go on.
function Bar:close()
  check_self(self, "close")
  if self._ended then return end
  self._ended = async.now()
  self._board:finish(self)
end

Bar.__close = Bar.close

-- ---- what it looks like --------------------------------------------------------------------------------

-- How much a second, lately; nil where nothing can be said.
local function rate_of(self, now)
  if self._ended then
    local time = now - self._began
    return time > 0 and self.done / time or nil
  end
  local samples = self._samples
  while #samples > 2 and samples[3] <= now - WINDOW do
    table.remove(samples, 1)
    table.remove(samples, 1)
  end
  local time = now - samples[1]
  if now > samples[#samples - 1] then table.move({ now, self.done }, 1, 2, #samples + 1, samples) end
  return time > 0 and (self.done - samples[2]) / time or nil
end

local function time_of(self, rate, now)
  if self._ended then return "in " .. numbers.time(now - self._began) end
  if not self.total then return numbers.time(now - self._began) end
  if not rate or rate <= 0 then return "" end
  return numbers.time(math.max(self.total - self.done, 0) / rate) .. " left"
end

-- What stands behind the bar proper.
local function figures(self, now)
  local is_bytes = self._unit == "bytes"
  local write, rate = is_bytes and numbers.bytes or numbers.plain, rate_of(self, now)
  local parts = { write(self.done, self.total) .. (self._unit and not is_bytes and " " .. self._unit or "") }
  if rate and rate > 0 then parts[#parts + 1] = write(rate) .. "/s" end
  parts[#parts + 1] = time_of(self, rate, now)
  return table.concat(parts, "  ")
end

-- "━━━━━━────"
local function draw(part, columns, style)
  local full = math.floor(part * columns + 0.5)
  return style[1]:rep(full) .. style[2]:rep(columns - full)
end

local LEAST, MOST = 8, 40 -- columns of a bar proper

---The line of a bar, not wider than `columns`; the label takes `label_columns` of them.
---@param self saros.ProgressBar
---@param columns integer
---@param label_columns integer
---@param style string[]  what the bar is made of: done, to do
---@return string
function bar.line(self, columns, label_columns, style)
  local now = self._ended or async.now()
  local label, right = numbers.fit(self.label, label_columns), figures(self, now)
  if not self.total then return numbers.cut(label .. "  " .. right, columns) end
  local part = self.total > 0 and math.min(self.done / self.total, 1) or 1
  local percent = ("%3d%%"):format(math.floor(part * 100))
  local room = math.min(columns - label_columns - numbers.width(right) - #percent - 5, MOST)
  local middle = room >= LEAST and draw(part, room, style) .. "  " or ""
  return numbers.cut(("%s %s  %s%s"):format(label, percent, middle, right), columns)
end

misuse.guard(Bar, "advance", "set", "hook", "close")
Bar.__close = Bar.close

return bar
