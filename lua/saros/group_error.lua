-- SPDX-License-Identifier: MIT
-- The methods of errors that look at all errors of a GroupError, in groups within it too.
--
-- Nobody says how deep groups nest, or that one does not contain itself: nothing here calls itself, and each group is
-- looked through once.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros.Error
local Error = {}

-- The errors below one, and how many they are; nil if it is no group.
local function below(err)
  local errors = async.is_error(err) and rawget(err, "errors")
  if type(errors) ~= "table" then return nil end
  local count = rawget(errors, "n")
  return errors, math.type(count) == "integer" and count or rawlen(errors)
end

local function check(method, self, name)
  if not async.is_error(self) then misuse.self(method, self) end
  if type(name) ~= "string" then misuse.type(method, 1, "string", name) end
end

---All errors of that name below a GroupError, once each, in groups within it too: depth first. An empty list if there
---is none, or this is no GroupError.
---@param name saros.ErrorName|string
---@return saros.Error[]
function Error:find_all(name)
  check("error:find_all", self, name)
  local found, seen = {}, { [self] = true }
  local trail = {} -- lists that are being looked through, each with the place where it goes on
  local errors, count = below(self)
  local index = 0
  while errors do
    index = index + 1
    if index > count then
      local outer = table.remove(trail) or {}
      errors, count, index = outer.errors, outer.count, outer.index
    else
      local err = rawget(errors, index)
      if async.is_error(err) and not seen[err] then
        seen[err] = true
        if rawget(err, "name") == name then found[#found + 1] = err end
        if below(err) then
          trail[#trail + 1] = { errors = errors, count = count, index = index }
          errors, count = below(err)
          index = 0
        end
      end
    end
  end
  return found
end

-- A GroupError like this one, of some of its errors.
local function like(group, errors)
  local fields = {}
  for key, value in next, group do fields[key] = value end
  local message = internal.group_message(errors)
  if fields.code == "EGROUP" then fields.message = message end
  fields.errors = errors
  return async.error(fields)
end

-- A group that is being divided.
local function open(group)
  local errors, count = below(group)
  return { group = group, errors = errors, count = count, index = 0, named = { n = 0 }, rest = { n = 0 } }
end

-- Adds an error, which may be nil, to a half.
local function add(half, err)
  half.n = half.n + 1
  half[half.n] = err
end

-- Adds the halves of a group to those of the one around it.
local function add_halves(frame, halves)
  if halves.named ~= nil then add(frame.named, halves.named) end
  if halves.rest ~= nil then add(frame.rest, halves.rest) end
end

-- The two halves of a group that was looked through; where it belongs to one as a whole it is that half itself.
local function close(frame)
  local named, rest, group = frame.named, frame.rest, frame.group
  if named.n == 0 then return { rest = group } end
  if rest.n == 0 then return { named = group } end
  return { named = like(group, named), rest = like(group, rest) }
end

-- Puts an error into the halves of a group, unless it is to be divided first: then it returns true. `halves` has those
-- of every group that was come to; it has none while it is being divided, for that is where it stands already.
local function sort(frame, err, name, halves)
  if async.is_error(err) and rawget(err, "name") == name then
    add(frame.named, err)
  elseif not below(err) then
    add(frame.rest, err)
  elseif halves[err] then
    add_halves(frame, halves[err])
  else
    return true
  end
end

-- Divides a group.
local function divide(top, name)
  local trail, halves = { open(top) }, { [top] = {} }
  while true do
    local frame = trail[#trail]
    frame.index = frame.index + 1
    local err = rawget(frame.errors, frame.index)
    if frame.index > frame.count then
      halves[frame.group] = close(frame)
      trail[#trail] = nil
      if #trail == 0 then return halves[top] end
      add_halves(trail[#trail], halves[frame.group])
    elseif sort(frame, err, name, halves) then
      halves[err] = {}
      trail[#trail + 1] = open(err)
    end
  end
end

---Two GroupErrors, nested as this one is: of the errors of that name, and of the rest; nil where there are none. What
---is not divided comes as it is: a group that has the name, or an error that is no GroupError.
---@param name saros.ErrorName|string
---@return saros.Error? named
---@return saros.Error? rest
function Error:split(name)
  check("error:split", self, name)
  if rawget(self, "name") == name then return self, nil end
  if not below(self) then return nil, self end
  local halves = divide(self, name)
  return halves.named, halves.rest
end

return { find_all = internal.entry(Error.find_all), split = internal.entry(Error.split) }
