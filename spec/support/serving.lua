-- SPDX-License-Identifier: MIT
-- HTTP servers of ours and clients that send bytes by hand.

local async = require "saros"
local testing = require "saros.testing"

local serving = {}

local Site = {}
Site.__index = Site

-- A connection to the server.
function Site:connect()
  return async.net.connect("127.0.0.1", self.port)
end

-- Sends bytes on a connection of their own, which ends there or not, and gives all that comes back until the server
-- ends it.
function Site:ask(bytes, keeps)
  local stream <close> = self:connect()
  stream:write(bytes)
  if not keeps then stream:shutdown() end
  return stream:read_all()
end

-- The response to a request of that line with these headers and body, taken apart.
function Site:fetch(line, headers, body)
  local lines = { line .. " HTTP/1.1", "Host: example.com" }
  for _, header in ipairs(headers or {}) do lines[#lines + 1] = header end
  if body then lines[#lines + 1] = "Content-Length: " .. #body end
  return serving.parse(self:ask(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")))
end

-- Takes the first response apart: {status =, reason =, headers = by lower-case names, body = all the rest}.
function serving.parse(bytes)
  local head, body = bytes:match "^(.-\r\n)\r\n(.*)$"
  assert(head, ("%q is no response"):format(bytes))
  local status, reason = head:match "^HTTP/1%.1 (%d%d%d) ([^\r]*)\r\n"
  local headers = {}
  for name, value in head:gmatch "\n([^:\r]+): ([^\r]*)" do
    local key = name:lower()
    headers[key] = headers[key] and headers[key] .. "|" .. value or value
  end
  return { status = tonumber(status), reason = reason, headers = headers, body = body }
end

-- What chunks come to; nil if they do not end properly.
function serving.unchunk(body)
  local parts, at = {}, 1
  while true do
    local size, stop = body:match("^(%x+)\r\n()", at)
    if not size then return nil end
    size = tonumber(size, 16)
    if size == 0 then return body:sub(stop) == "\r\n" and table.concat(parts) or nil end
    parts[#parts + 1] = body:sub(stop, stop + size - 1)
    if body:sub(stop + size, stop + size + 1) ~= "\r\n" then return nil end
    at = stop + size + 2
  end
end

-- Serves while fn(site) runs; then the server is closed and comes to its end.
function serving.run(handler, options, fn)
  local server <close> = async.http.listen("127.0.0.1", 0, options)
  local _, port = server:address()
  local task = async.spawn(server.serve, server, handler)
  local _held <close> = task
  local site = setmetatable({ server = server, port = port, task = task }, Site)
  fn(site)
  server:close()
  task:await()
end

-- The body of an `it`: the same, in a test where what is left open is a failure.
function serving.with(handler, options, fn)
  return function()
    testing.run(function() serving.run(handler, options, fn) end)
  end
end

return serving
