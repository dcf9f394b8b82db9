-- SPDX-License-Identifier: MIT
-- Argument errors that point at the user's own line, however deep inside saros a mistake is found.

local misuse = {}

-- Where saros' Lua files are: the chunk names of all of them begin so.
local home = debug.getinfo(1, "S").source:match("^(.*)http[/\\]misuse%.lua$")

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

---Raises unless `value` is of one of the types named, `"string or number"`.
---@param caller string
---@param position integer
---@param value any
---@param what string     the option: "option 'headers'"
---@param types string
function misuse.check_type(caller, position, value, what, types)
  local got = type(value)
  if types:find(got, 1, true) then return end
  misuse.argument(caller, position, ("%s: %s expected, got %s"):format(what, types, got))
end

---Raises a mistake that is not in an argument.
---@param message string
function misuse.raise(message)
  error(message, user_level())
end

---Raises what calling a method with "." instead of ":" deserves.
---@param method string
function misuse.self(method)
  error(("calling '%s' on bad self"):format(method), user_level())
end

return misuse
