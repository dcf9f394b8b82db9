-- SPDX-License-Identifier: MIT
-- An HTTP server on saros. Prints its port.

local async = require "saros"

async.run(function()
  local server <close> = async.http.listen("127.0.0.1", 0, { backlog = 1024 })
  print((select(2, server:address())))
  io.stdout:flush()
  server:serve(function(request)
    if request.path == "/json" then return { json = { message = "hello", numbers = { 1, 2, 3 } } } end
    return "hello"
  end)
end)
