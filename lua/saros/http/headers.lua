-- SPDX-License-Identifier: MIT
-- Headers: those of a response (read only, any case finds, order of arrival kept), and the merging
-- of those of a request into the lines that are sent.

local misuse = require "saros.misuse"

local headers = {}

-- Keys no header name can be equal to.
local NAMES, VALUES, PLACES = {}, {}, {}

---By name, in any case: `response.headers["content-type"]`. Repeats are joined by ", ", of set-cookie there is the
---first. `pairs` runs in order of arrival, repeats included. Read only.
---@class saros.Headers: { [string]: string }
local Headers = {}

local metatable = { __name = "Headers" }

---All values of one name, in order of arrival; an empty list if there is none.
---@param name string  in any case
---@return string[]
function Headers:get_all(name)
  if getmetatable(self) ~= metatable then misuse.self("headers:get_all", self) end
  if type(name) ~= "string" then
    misuse.argument("headers:get_all", 1, "string expected, got " .. misuse.got("headers:get_all", 1, name))
  end
  local values = {}
  for i, place in ipairs(rawget(self, PLACES)[name:lower()] or {}) do
    values[i] = rawget(self, VALUES)[place]
  end
  return values
end

misuse.guard(Headers)

function metatable.__index(self, name)
  if Headers[name] or type(name) ~= "string" then return Headers[name] end
  local places = rawget(self, PLACES)[name:lower()]
  if not places then return nil end
  local values = rawget(self, VALUES)
  if #places == 1 or name:lower() == "set-cookie" then return values[places[1]] end
  return table.concat(self:get_all(name), ", ")
end

function metatable.__newindex()
  error("the headers of a response are read-only", 2)
end

function metatable.__pairs(self)
  local names, values, i = rawget(self, NAMES), rawget(self, VALUES), 0
  return function()
    i = i + 1
    return names[i], values[i]
  end, self, nil
end

---Reads the head of a response: a status line, which is skipped, and header lines.
---@param head string
---@return saros.Headers
function headers.parse(head)
  local names, values, places = {}, {}, {}
  local first = head:find("\n", 1, true) or #head
  for line in head:sub(first + 1):gmatch("([^\r\n]+)\r?\n?") do
    local name, value = line:match("^([^:%s]+)[ \t]*:[ \t]*(.-)[ \t]*$")
    if name then
      local n = #names + 1
      names[n], values[n] = name, value
      local key = name:lower()
      places[key] = places[key] or {}
      table.insert(places[key], n)
    elseif line:find("^[ \t]") and #names > 0 then -- a folded line goes on
      values[#values] = values[#values] .. " " .. line:match("^[ \t]*(.-)[ \t]*$")
    end
  end
  return setmetatable({ [NAMES] = names, [VALUES] = values, [PLACES] = places }, metatable)
end

-- Requests ----------------------------------------------------------------------------------------

-- What the body decides; another opinion would let a server see two requests in one.
local framing = { ["content-length"] = true, ["transfer-encoding"] = true }

---Refuses headers of a session, which its user may change at any time: they are in no argument.
function headers.refuse_of_session(caller, message, ...)
  misuse.raise(("%s: session.headers: "):format(caller) .. message:format(...))
end

local function refuse_value(refuse, caller, name, got)
  refuse(caller, "header '%s': string, number, list of those or false expected, got %s", name, got)
end

local function check_value(refuse, caller, name, value)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" then refuse_value(refuse, caller, name, type(value)) end
  if value:find("[\r\n%z]") then
    refuse(caller, "header '%s': a value must not contain CR, LF or NUL", name)
  end
  return value:match("^[ \t]*(.-)[ \t]*$")
end

local function check_name(refuse, caller, name, streamed)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    refuse(caller, "invalid header name %q", tostring(name))
  end
  if streamed and name:lower() == "content-length" then return end
  if framing[name:lower()] then refuse(caller, "header '%s' is set from the body", name) end
end

-- The Content-Length of a streamed body is the caller's to know.
local function check_length(refuse, caller, name, entry)
  if #entry == 0 or #entry == 1 and math.tointeger(tonumber(entry[1]:match "^%d+$")) then return end
  refuse(caller, "header '%s': a number of bytes expected", name)
end

---Adds headers to `map` (lower-case name to a list that begins with the name as written); names
---replace those already there, in any case. `false` stays, as the wish for none.
---@param caller string
---@param map table<string, table>
---@param given table<string, string|number|(string|number)[]|false>
---@param streamed? boolean the body is, and may have a Content-Length
---@param refuse? function      raises what is wrong, as misuse.option does
function headers.merge(caller, map, given, streamed, refuse)
  refuse = refuse or misuse.option
  for name, value in pairs(given) do
    check_name(refuse, caller, name, streamed)
    local entry = { name = name }
    if type(value) == "table" then
      if not misuse.is_list(value) then refuse_value(refuse, caller, name, "a table that is no list") end
      for i, item in ipairs(value) do
        entry[i] = check_value(refuse, caller, name, item)
      end
    elseif value ~= false then
      entry[1] = check_value(refuse, caller, name, value)
    end
    if framing[name:lower()] then check_length(refuse, caller, name, entry) end
    map[name:lower()] = entry
  end
end

---Sets one header unless the map has an opinion on it.
---@param map table<string, table>
---@param name string
---@param value string
function headers.default(map, name, value)
  local key = name:lower()
  map[key] = map[key] or { name = name, value }
end

---The lines as libcurl wants them, sorted by name.
---@param map table<string, table>
---@return string[]
function headers.lines(map)
  local keys, lines = {}, {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local entry = map[key]
    if #entry == 0 then lines[#lines + 1] = entry.name .. ":" end -- takes back libcurl's own
    for _, value in ipairs(entry) do
      lines[#lines + 1] = value == "" and entry.name .. ";" or entry.name .. ": " .. value
    end
  end
  return lines
end

return headers
