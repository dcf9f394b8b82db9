-- SPDX-License-Identifier: MIT
-- The bars of one terminal, below each other in its last lines. What is not a terminal gets nothing.

local async = require "saros"
local line_of = require("saros.progress.bar").line
local numbers = require "saros.progress.numbers"

local board = {}

-- Seconds between two drawings, and the most bars that are drawn.
local INTERVAL, MOST_BARS = 0.1, 16

local UP, CLEAR_LINE, CLEAR_BELOW = "\27[%dA\r", "\27[K", "\27[J"

-- ━ and ─ where the terminal is said to know them.
local function style_of()
  local locale = os.getenv "LC_ALL" or os.getenv "LC_CTYPE" or os.getenv "LANG" or ""
  return locale:upper():find "UTF%-?8" and { "━", "─" } or { "#", "-" }
end

-- Invariant: the cursor stands at the begin of the line below the `drawn` lines that are ours.
local Board = {}
Board.__index = Board

-- Takes the lines of the bars away.
local function erase(self)
  if self.drawn > 0 then self.out:write(UP:format(self.drawn), CLEAR_BELOW) end
  self.drawn = 0
end

-- One column is for all labels; they leave most of the line to the rest.
local function label_columns(bars, columns)
  local widest = 0
  for _, bar in ipairs(bars) do widest = math.max(widest, numbers.width(bar.label)) end
  return math.min(widest, columns // 3)
end

-- The lines of the bars; those that are over come first, and are not ours any more.
local function lines_of(self, columns)
  local lines, active = {}, math.min(#self.bars, MOST_BARS)
  local for_label = label_columns(self.bars, columns)
  for _, bar in ipairs(self.finished) do
    lines[#lines + 1] = line_of(bar, columns, math.max(for_label, label_columns({ bar }, columns)), self.style)
  end
  for i = 1, active do lines[#lines + 1] = line_of(self.bars[i], columns, for_label, self.style) end
  local more = #self.bars - active
  if more > 0 then lines[#lines + 1] = ("... and %d more"):format(more) end
  return lines, active + (more > 0 and 1 or 0)
end

local function draw(self)
  local columns = self.columns()
  if not columns then return end
  local lines, ours = lines_of(self, columns - 1)
  local parts = { self.drawn > 0 and UP:format(self.drawn) or "" }
  for _, line in ipairs(lines) do parts[#parts + 1] = line .. CLEAR_LINE .. "\n" end
  if #lines < self.drawn then parts[#parts + 1] = CLEAR_BELOW end
  self.finished, self.drawn, self.last = {}, ours, async.now()
  self.out:write(table.concat(parts))
  if self.out.flush then self.out:flush() end
end

---A bar has changed: draws, unless that was done a moment ago.
function Board:touch()
  if async.now() - self.last >= INTERVAL then draw(self) end
end

---A new one, the last of them.
function Board:add(bar)
  self.bars[#self.bars + 1] = bar
  draw(self)
end

---That one is over.
function Board:finish(bar)
  for i, other in ipairs(self.bars) do
    if other == bar then table.remove(self.bars, i) break end
  end
  self.finished[#self.finished + 1] = bar
  draw(self)
  if not self.columns() then self.finished = {} end
end

---Calls fn(...) while the terminal is without bars, for it to write lines of its own.
function Board:aside(fn, ...)
  if self.columns() then erase(self) end
  fn(...)
  io.stdout:flush()
  if #self.bars > 0 then draw(self) end
end

---@param out table  a file
---@param columns fun(): integer?  how wide it is; nil: it is no terminal
function board.new(out, columns)
  return setmetatable({
    out = out, columns = columns, bars = {}, finished = {}, drawn = 0, last = -math.huge, style = style_of(),
  }, Board)
end

return board
