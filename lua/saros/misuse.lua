-- SPDX-License-Identifier: MIT
-- Argument errors that point at the user's own line, however deep inside saros a mistake is found.

local misuse = {}

-- Where saros' Lua files are: the chunk names of all of them begin so.
local home = debug.getinfo(1, "S").source:match("^(.*)misuse%.lua$")

---The level of the first function that is not ours, counted as `error` counts for our caller.
---@return integer
local function user_level()
  local level = 3
  while true do
    local info = debug.getinfo(level, "S")
    if not info or home and info.source:sub(1, #home) ~= home then return level - 1 end
    level = level + 1
  end
end

---Raises Lua's ordinary argument error.
---@param caller string   the function as its user knows it
---@param position integer
---@param message string
function misuse.argument(caller, position, message)
  error(("bad argument #%d to '%s' (%s)"):format(position, caller, message), user_level())
end

---Raises what calling a method with "." instead of ":" deserves.
---@param class string
---@param method string
---@param self any
function misuse.self(class, method, self)
  local message = "calling '%s:%s' on bad self (%s expected, got %s; call it with a colon)"
  error(message:format(class, method, class, type(self)), user_level())
end

return misuse
