-- SPDX-License-Identifier: MIT
-- Lines from the terminal: by readline or libedit where there is one and the terminal can do it, else as they come.
-- Other tasks go on while a line is waited for.

local async = require "saros"
local completion = require "saros.command.completion"

local editor = {}

---@class saros.command.Editor  (internal)
---@field read async fun(self: saros.command.Editor, prompt: string): string?  a line; nil at the end of input
---@field remember fun(self: saros.command.Editor, line: string)  to be found by going back

-- ---- plain ------------------------------------------------------------------------------------------

local Plain = {}
Plain.__index = Plain

function Plain:read(prompt) -- luacheck: ignore self
  io.stdout:write(prompt)
  io.stdout:flush()
  local ok, line = async.catch("EOFError", async.stdin.read_line, async.stdin)
  if ok then return line end
  return line.partial
end

function Plain:remember() end -- luacheck: ignore self

-- ---- by a library -----------------------------------------------------------------------------------

local Edited = {}
Edited.__index = Edited

-- The line ends in whatever way the block is left, and the terminal is as it was.
local function give_up(core)
  return setmetatable({}, { __close = core.finish })
end

function Edited:read(prompt)
  io.stdout:flush()
  local typed = self.typed
  self.typed = "" -- after Ctrl-C nobody wants it
  self.core.begin(prompt)
  local _ <close> = give_up(self.core)
  while true do
    local taken, line = self.core.feed(typed)
    typed = typed:sub(taken + 1)
    if line ~= nil then
      self.typed = typed
      return line or nil
    end
    typed = async.stdin:read()
    if not typed then return nil end
  end
end

function Edited:remember(line)
  self.core.remember(line)
end

-- The words that one text may become are asked for one by one.
local function completer()
  local list = {}
  return function(text, number)
    if number == 1 then list = completion.candidates(text) end
    return list[number]
  end
end

---@return saros.command.Editor
function editor.open()
  local terminal = os.getenv "TERM"
  if terminal and terminal ~= "" and terminal ~= "dumb" then
    local core = require "saros.command.core"
    if core.load(completer()) then return setmetatable({ core = core, typed = "" }, Edited) end
  end
  return setmetatable({}, Plain)
end

return editor
