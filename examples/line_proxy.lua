-- SPDX-License-Identifier: MIT
-- Stands between clients and a server whose protocol is lines of text, and shows what they say to each other.
--
--   lua5.4 examples/line_proxy.lua                          a demonstration with a small server of its own
--   lua5.4 examples/line_proxy.lua 7000 mail.example.org 25

local async = require "saros"
local net = async.net

-- Hands on line by line what comes from one to the other, and the end.
local function carry(from, to, arrow)
  for line in from:lines { keep = true } do
    print(arrow, (line:gsub("%s+$", "")))
    to:write(line)
  end
  to:shutdown()
end

local function proxy(host, port)
  return function(client)
    local server <close> = net.connect(host, port, { timeout = 10 })
    async.gather(function() carry(client, server, "-->") end, function() carry(server, client, "<--") end)
  end
end

-- A server that can add.
local function adder(stream)
  for line in stream:lines() do
    local a, b = line:match "^(%d+) %+ (%d+)$"
    stream:write(a and math.tointeger(a + b) or "what?", "\n")
  end
end

local function demonstration()
  local server, front = net.listen("localhost", 0), net.listen("localhost", 0)
  async.spawn(server.serve, server, adder)
  async.spawn(front.serve, front, proxy("localhost", select(2, server:address())))
  local stream <close> = net.connect("localhost", (select(2, front:address())))
  for _, question in ipairs { "1 + 2", "how are you", "40 + 2" } do
    stream:write(question, "\n")
    stream:read_line()
  end
  stream:shutdown()
  assert(stream:read() == nil)
  front:shutdown(1)
  server:shutdown(1)
end

async.run(function()
  local listen_at, host, port = math.tointeger(tonumber(arg[1])), arg[2], math.tointeger(tonumber(arg[3]))
  if not port then return demonstration() end
  print(("port %d leads to %s, port %d"):format(listen_at, host, port))
  net.serve(proxy(host, port), "localhost", listen_at)
end)
