-- SPDX-License-Identifier: MIT
-- The lines that were typed before, in a file of the user's: $XDG_STATE_HOME/saros/history.

local async = require "saros"

local history = {}

local MOST = 1000 -- lines that are kept

local function folder()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME" or os.getenv "USERPROFILE"
  if state and state:find "^[/\\]" or state and state:find "^%a:" then return state .. "/saros" end
  return home and home .. "/.local/state/saros"
end

-- What cannot be kept is not worth a word.
local function read(path)
  local lines = {}
  local file <close> = io.open(path)
  if not file then return lines end
  for line in file:lines() do lines[#lines + 1] = line end
  return table.move(lines, math.max(#lines - MOST, 0) + 1, #lines, 1, {}), #lines > 2 * MOST
end

---@class saros.command.History  (internal)
---@field lines string[]  the oldest first
local History = {}
History.__index = History

---Adds a line, unless it is empty or the same as the one before.
---@param line string
---@return boolean is_new
function History:add(line)
  if not line:find "%S" or line == self.lines[#self.lines] then return false end
  self.lines[#self.lines + 1] = line
  if self.file then
    self.file:write(line, "\n")
    self.file:flush()
  end
  return true
end

---Adds no more to the file.
function History:close()
  if self.file then self.file:close() end
  self.file = nil
end

History.__close = History.close

---Reads the file. Several prompts may add to it at once.
---@async
---@return saros.command.History
function history.open()
  local place = folder()
  local self = setmetatable({ lines = {} }, History)
  if not place then return self end
  local path = place .. "/history"
  local is_long
  async.catch("SystemError", async.fs.mkdir, place, { parents = true, mode = tonumber("700", 8) })
  self.lines, is_long = read(path)
  if is_long then
    async.catch("SystemError", async.fs.write_file, path, table.concat(self.lines, "\n") .. "\n", { atomic = true })
  elseif not async.fs.exists(path) then
    local ok, file = async.catch("SystemError", async.fs.open, path, "a", tonumber("600", 8)) -- nobody else's to read
    if ok then file:close() end
  end
  self.file = io.open(path, "a")
  return self
end

return history
