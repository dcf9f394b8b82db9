-- SPDX-License-Identifier: MIT
-- Responses that a handler writes piece by piece.

local misuse = require "saros.misuse"
local respond = require "saros.http.server.respond"

local writer = {}

---The end of a `<close>` variable, and that of the handler, closes it. ClosedError once it is closed; who writes to a
---client that has gone is cancelled.
---@class saros.HTTPWriter
---@field package _request saros.HTTPRequest
local Writer = {}

---Server-sent events, for an `EventSource` of a browser. ClosedError once it is closed; who sends to a client that has
---gone is cancelled.
---@class saros.HTTPEvents
---@field package _request saros.HTTPRequest
local Events = {}

-- The pieces of a message as one string.
local function join(caller, ...)
  local pieces, count = { ... }, select("#", ...)
  for i = 1, count do
    local piece = pieces[i]
    if type(piece) == "table" then
      local ok, text = pcall(table.concat, piece)
      if not ok then misuse.argument(caller, i, "string, number or list of them expected") end
      pieces[i] = text
    elseif type(piece) ~= "string" and type(piece) ~= "number" then
      misuse.type(caller, i, "string, number or list of them", piece)
    end
  end
  return count == 1 and type(pieces[1]) == "string" and pieces[1] or table.concat(pieces, "", 1, count)
end

local writer_metatable = { __name = "writer", __index = Writer }
local events_metatable = { __name = "events", __index = Events }

---Sends strings, numbers and lists of them, and waits where the client reads slowly.
---@async
---@param ... string|number|(string|number)[]
---@return saros.HTTPWriter self
function Writer:write(...)
  if getmetatable(self) ~= writer_metatable then misuse.self("writer:write", self) end
  respond.write(self._request, join("writer:write", ...))
  return self
end

---The response is complete. The second time does nothing.
function Writer:close()
  if getmetatable(self) ~= writer_metatable then misuse.self("writer:close", self) end
  respond.finish(self._request)
end

-- What an error has cut short must not look complete.
function writer_metatable.__close(self, err)
  if err == nil then self:close() end
end

local function check_line(name, value)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" or value:find "[\r\n%z]" then
    misuse.argument("events:send", 1, ("field '%s': a text of one line expected"):format(name))
  end
  return ("%s: %s\n"):format(name, value)
end

local event_fields = { data = true, event = true, id = true, retry = true }

local function encode(event)
  local parts = {}
  for name in pairs(event) do
    if not event_fields[name] then misuse.unknown_option("events:send", 1, name, event_fields) end
  end
  for _, name in ipairs { "event", "id", "retry" } do
    if event[name] ~= nil then parts[#parts + 1] = check_line(name, event[name]) end
  end
  local data = event.data
  if data ~= nil then
    if type(data) ~= "string" and type(data) ~= "number" then
      misuse.argument("events:send", 1, "field 'data': a string expected, got " .. type(data))
    end
    local text = tostring(data):gsub("\r\n?", "\n")
    parts[#parts + 1] = "data: " .. text:gsub("\n", "\ndata: ") .. "\n"
  end
  parts[#parts + 1] = "\n"
  return table.concat(parts)
end

---Sends an event: a text, or a table of its fields. What has several lines stays so.
---@async
---@param event string|{data?: string, event?: string, id?: string|integer, retry?: integer}
---@return saros.HTTPEvents self
function Events:send(event)
  if getmetatable(self) ~= events_metatable then misuse.self("events:send", self) end
  if type(event) == "string" then event = { data = event } end
  if type(event) ~= "table" then misuse.type("events:send", 1, "string or table", event) end
  respond.write(self._request, encode(event))
  return self
end

---The stream of events ends. The second time does nothing.
function Events:close()
  if getmetatable(self) ~= events_metatable then misuse.self("events:close", self) end
  respond.finish(self._request)
end

function events_metatable.__close(self, err)
  if err == nil then self:close() end
end

misuse.guard(Writer)
misuse.guard(Events)

---@param request saros.HTTPRequest
---@return saros.HTTPWriter
function writer.new(request)
  return setmetatable({ _request = request }, writer_metatable)
end

---@param request saros.HTTPRequest
---@return saros.HTTPEvents
function writer.events(request)
  return setmetatable({ _request = request }, events_metatable)
end

return writer
