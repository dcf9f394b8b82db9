-- SPDX-License-Identifier: MIT
-- A terminal that only exists in memory: what is written to it, and what one would see.

local screen = {}

local Screen = {}
Screen.__index = Screen

local function put(self, char)
  local line = self.lines[self.row] or {}
  for column = #line + 1, self.column - 1 do line[column] = " " end
  line[self.column] = char
  self.lines[self.row] = line
  self.column = self.column + 1
  self.widest = math.max(self.widest, #line)
end

local function clear_line(self)
  local line = self.lines[self.row] or {}
  for column = #line, self.column, -1 do line[column] = nil end
end

local COMMANDS = {
  A = function(self, count) self.row = math.max(self.row - count, 1) end,
  K = clear_line,
  J = function(self)
    clear_line(self)
    for row = #self.lines, self.row + 1, -1 do self.lines[row] = nil end
  end,
}

function Screen:write(...)
  local text = table.concat { ... }
  self.writes = self.writes + (text == "" and 0 or 1)
  local position = 1
  while position <= #text do
    local count, command, next_ = text:match("^\27%[(%d*)(%a)()", position)
    if command then
      COMMANDS[command](self, tonumber(count) or 1)
      position = next_
    else
      local char = text:match("^" .. utf8.charpattern, position)
      position = position + #char
      if char == "\n" then
        self.row, self.column = self.row + 1, 1
        self.lines[self.row] = self.lines[self.row] or {}
      elseif char == "\r" then
        self.column = 1
      else
        put(self, char)
      end
    end
  end
  return self
end

---What one sees, without blanks at the ends.
function Screen:text()
  local lines = {}
  for row = 1, #self.lines do lines[row] = table.concat(self.lines[row] or {}):gsub("%s+$", "") end
  return (table.concat(lines, "\n"):gsub("\n+$", ""))
end

function screen.new()
  return setmetatable({ lines = {}, row = 1, column = 1, writes = 0, widest = 0 }, Screen)
end

return screen
