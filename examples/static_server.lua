-- SPDX-License-Identifier: MIT
-- Serves the files of a folder.
--
--   lua5.4 examples/static_server.lua                  a demonstration: the examples themselves
--   lua5.4 examples/static_server.lua 8000 folder      serves at that port of this machine, until Ctrl-C

local async = require "saros"
local http = async.http

local function demonstration()
  local folder = arg[0]:match "^(.*)/" or "."
  local client <close> = require("saros.testing").client(http.files(folder, { listing = true }))
  local response = client:get "/static_server.lua"
  print(response.status, response.headers["content-type"], response:text():match "[^\n]*")
  print(client:get("/static_server.lua", { headers = { ["If-None-Match"] = response.headers.etag } }).status)
  print(client:get("/static_server.lua", { headers = { Range = "bytes=3-25" } }):text())
  print(client:get("/"):text():find("static_server.lua", 1, true) ~= nil, client:get("/../CMakeLists.txt").status)
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  print("serving at port " .. port)
  http.serve(http.files(arg[2] or ".", { listing = true }), "localhost", port, { log = true, compress = true })
end)
