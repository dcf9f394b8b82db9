-- SPDX-License-Identifier: MIT
-- Argument errors that point at the user's own line, however deep inside saros a mistake is found.

local internal = require("saros.core")[2] -- some that need this are loaded while "saros" is

local misuse = {}

misuse.guard = require "saros.guard"

---Raises Lua's ordinary argument error.
---@param caller string   the function as its user knows it
---@param position integer
---@param message string
function misuse.argument(caller, position, message)
  internal.misuse(("bad argument #%d to '%s' (%s)"):format(position, caller, message))
end

---What an argument of the function is that the user called: its type, or "no value".
---@param caller string
---@param position integer  that the message shows: in a method the first after self is 1
---@param value any
---@return string
function misuse.got(caller, position, value)
  local place = caller:find(":", 1, true) and position + 1 or position
  return value == nil and place > internal.given() and "no value" or type(value)
end

---Raises that an argument is of another type than `expected`.
---@param caller string
---@param position integer
---@param expected string
---@param value any
function misuse.type(caller, position, expected, value)
  misuse.argument(caller, position, ("%s expected, got %s"):format(expected, misuse.got(caller, position, value)))
end

---Raises unless `value` is a function.
---@param caller string
---@param position integer
---@param value any
function misuse.check_function(caller, position, value)
  if type(value) ~= "function" then misuse.type(caller, position, "function", value) end
end

---Raises unless `value` is the seconds of a deadline: a number or nil.
---@param caller string
---@param position integer
---@param value any
function misuse.check_deadline(caller, position, value)
  if type(value) ~= "number" and value ~= nil then misuse.type(caller, position, "number", value) end
  if value ~= value then misuse.argument(caller, position, "seconds must not be NaN") end
end

---Where the options stand among the arguments of a function: for `session` there is nothing else.
---@param caller string
---@return integer
function misuse.position_of_options(caller)
  return caller == "session" and 1 or 2
end

---Raises the argument error of an option.
---@param caller string
---@param message string
---@param ... any          what its placeholders stand for
function misuse.option(caller, message, ...)
  misuse.argument(caller, misuse.position_of_options(caller), message:format(...))
end

---Raises unless `value` is of one of the types named, `"string or number"`.
---@param caller string
---@param position integer
---@param value any
---@param what string     the argument or option: "option 'headers'"
---@param types string
function misuse.check_type(caller, position, value, what, types)
  if types:find(type(value), 1, true) then return end
  local got = misuse.got(caller, position, value)
  misuse.argument(caller, position, ("%s: %s expected, got %s"):format(what, types, got))
end

---Raises that there is no such option, and says which one may be meant.
---@param caller string
---@param position integer
---@param name any
---@param known table<string, any>  the options that there are, by name
---@param where? string             whose they are: " of TLS"
function misuse.unknown_option(caller, position, name, known, where)
  local meant = type(name) == "string" and internal.nearest(name, known)
  local hint = meant and (" (did you mean '%s'?)"):format(meant) or ""
  misuse.argument(caller, position, ("unknown option '%s'%s%s"):format(tostring(name), where or "", hint))
end

---Raises unless the options are known and of their type. Returns them; a table that is empty for none.
---@param caller string
---@param position integer
---@param given? table
---@param known table<string, boolean>  the options that this function takes
---@param checks table<string, fun(value: any): boolean, string>  by name: whether a value is good, and what is expected
---@return table
function misuse.check_options(caller, position, given, known, checks)
  if given == nil then return {} end
  if type(given) ~= "table" then misuse.type(caller, position, "table", given) end
  for name, value in pairs(given) do
    if not known[name] then misuse.unknown_option(caller, position, name, known) end
    local ok, expected = checks[name](value)
    if not ok then
      misuse.argument(caller, position, ("option '%s': %s expected, got %s"):format(name, expected, type(value)))
    end
  end
  return given
end

---Whether a table has the keys 1 to n, and no others but `n` itself: what stands behind a hole would be lost.
---@param value table
---@return boolean
function misuse.is_list(value)
  local count = 0
  for key in next, value do
    if key ~= "n" then
      count = count + 1
      if value[count] == nil then return false end
    end
  end
  local length = rawget(value, "n")
  return length == nil or length == count
end

---What came, where a list or a number was asked for.
---@param value any
---@return string
function misuse.kind(value)
  if type(value) == "number" then return tostring(value) end
  if type(value) ~= "table" then return type(value) end
  if not misuse.is_list(value) then return "a table that is no list" end
  return "a list of other things"
end

---Raises a mistake that is not in an argument.
---@param message string
function misuse.raise(message)
  internal.misuse(message)
end

---Raises what calling a method with "." instead of ":" deserves.
---@param method string   with its class: "session:get"
---@param self any
function misuse.self(method, self)
  local message = "calling '%s' on bad self (%s expected, got %s; call it with a colon)"
  local class = method:match("^[^:]+"):gsub("_", " ")
  internal.misuse(message:format(method, class, type(self)))
end

return misuse
