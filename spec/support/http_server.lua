-- SPDX-License-Identifier: MIT
-- Starts the HTTP server of the specs, once for all of them. It ends when this process does.

local cjson = require "cjson"

local server

---@return {url: string, other: string, tls: string, unix: string, ca: string, port: integer, other_port: integer}
return function()
  if server then return server end
  local folder = debug.getinfo(1, "S").source:match("^@(.*)http_server%.lua$")
  local pipe = assert(io.popen("exec env -u LD_PRELOAD python3 '" .. folder .. "http_server.py'", "r"))
  local line = assert(pipe:read("l"), "the HTTP server of the specs did not start")
  local places = cjson.decode(line)
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
