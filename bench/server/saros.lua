-- SPDX-License-Identifier: MIT
-- An HTTP server on saros: saros.lua FOLDER ROUTES. Prints its port.

local async = require "saros"

local folder, routes = arg[1], math.tointeger(arg[2] or 1)
local clients = {}
local text = ("x"):rep(950)

local app = async.http.router()
for i = 1, routes do app:get(("/r%d/{id}"):format(i), function(request) return request.params.id end) end

-- A message comes back, or with "broadcast" goes to everybody.
local function talk(request)
  local ws = request:websocket()
  clients[ws] = true
  local _gone <close> = setmetatable({}, { __close = function() clients[ws] = nil end })
  for data, kind in ws do
    if request.path == "/broadcast" then
      for client in pairs(clients) do client:send(data, kind) end
    else
      ws:send(data, kind)
    end
  end
end

local files = async.http.files(folder)

local handlers = {
  ["/hello"] = function() return "hello" end,
  ["/json"] = function()
    return { json = { message = "hello", numbers = { 1, 2, 3 }, text = text } }
  end,
  ["/echo"] = talk,
  ["/broadcast"] = talk,
}

async.run(function()
  local server <close> = async.http.listen("127.0.0.1", 0, { backlog = 1024 })
  print((select(2, server:address())))
  io.stdout:flush()
  server:serve(function(request)
    local path = request.path
    local handler = handlers[path]
    if handler then return handler(request) end
    return path:find "^/r" and app(request) or files(request)
  end)
end)
