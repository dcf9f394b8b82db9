-- SPDX-License-Identifier: MIT
-- An echo server on saros, over TLS where it has a certificate: lua5.4 bench/net/saros.lua [CERT KEY]. Prints its port.

local async = require "saros"

local cert, key = arg[1], arg[2]

-- The loop over stream:chunks() would hold what came last until the next has come; so the collector has it at once.
local function echo(stream)
  while true do
    local data = stream:read()
    if not data then return end
    stream:write(data)
  end
end

async.run(function()
  local options = { backlog = 1024, tls = cert and { cert = cert, key = key } or nil }
  local server <close> = async.net.listen("127.0.0.1", 0, options)
  print((select(2, server:address())))
  io.stdout:flush()
  server:serve(echo)
end)
