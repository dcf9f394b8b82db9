-- SPDX-License-Identifier: MIT
-- LuaSocket's own HTTP client, which knows nothing of saros, asks for many pages at once: saros.compat.socket stands in
-- for the sockets that would block. Needs LuaSocket (Debian: lua-socket).
--
--   lua5.4 examples/old_library.lua                                  a demonstration with a server of its own
--   lua5.4 examples/old_library.lua http://example.org/ http://...

local async = require "saros"
package.loaded.socket = require "saros.compat.socket"
local http = require "socket.http"

-- A server that answers only when three have asked, so that one after the other would never end.
local function serve_three()
  local three = async.barrier(3)
  local server = async.net.listen("127.0.0.1", 0)
  async.spawn(server.serve, server, function(stream)
    local path = stream:read_line():match "^GET (%S+)"
    for line in stream:lines() do
      if line == "" then break end
    end
    three:wait()
    stream:write("HTTP/1.0 200 OK\r\n\r\n", "this is ", path, "\n")
  end)
  local _, port = server:address()
  local urls = {}
  for i, name in ipairs { "red", "green", "blue" } do urls[i] = ("http://127.0.0.1:%d/%s"):format(port, name) end
  return urls
end

async.run(function(...)
  local urls = ... and { ... } or serve_three()
  local answers = async.map(urls, function(url)
    local body, status = http.request(url)
    return body and ("%s: %d bytes, %s"):format(url, #body, status) or url .. ": " .. status
  end, { limit = 20 })
  for _, answer in ipairs(answers) do print((answer:gsub("^http://127.0.0.1:%d+", ""))) end
end, table.unpack(arg))
