-- SPDX-License-Identifier: MIT
-- Sends back what it gets.
--
--   lua5.4 examples/echo_server.lua              a demonstration with a hundred clients
--   lua5.4 examples/echo_server.lua 7000         serves at that port of this machine, until Ctrl-C

local async = require "saros"
local net = async.net

local function echo(stream)
  for data in stream:chunks() do stream:write(data) end
end

-- One client of the demonstration; returns how many bytes came back.
local function client(host, port, name)
  local stream <close> = net.connect(host, port)
  local message = ("client %d says hello\n"):format(name)
  stream:write(message)
  stream:shutdown()
  local answer = stream:read_all()
  assert(answer == message)
  return #answer
end

local function demonstration()
  local server = net.listen("localhost", 0)
  local serving = async.spawn(server.serve, server, echo)
  local _, port = server:address()
  local clients, bytes = {}, 0
  for name = 1, 100 do
    clients[name] = function() return client("127.0.0.1", port, name) end
  end
  for _, count in ipairs(async.gather(clients)) do bytes = bytes + count end
  print(("100 clients got %d bytes back"):format(bytes))
  server:shutdown(1)
  serving:await()
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  print("serving at port " .. port)
  net.serve(echo, "localhost", port)
end)
