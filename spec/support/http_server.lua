-- SPDX-License-Identifier: MIT
-- Starts the HTTP server of the specs, once for all of a file. It ends when this process does.

local background = require "spec.support.background"

local server

---@return {url: string, other: string, tls: string, unix: string, ca: string, port: integer, other_port: integer}
return function()
  if server then return server end
  local places, pipe = background "http_server.py"
  local function at(scheme, port)
    return ("%s://127.0.0.1:%d"):format(scheme, port)
  end
  server = {
    url = at("http", places.plain), other = at("http", places.other), tls = at("https", places.tls),
    unix = places.unix, ca = places.ca, port = math.tointeger(places.plain),
    other_port = math.tointeger(places.other), pipe = pipe,
  }
  return server
end
