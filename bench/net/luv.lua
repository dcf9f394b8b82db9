-- SPDX-License-Identifier: MIT
-- An echo server on luv, by callbacks. Prints its port.

local uv = require "luv"

-- At once as far as that goes, the rest when the system has room for it.
local function send(client, data)
  local sent = client:try_write(data)
  if sent == #data then return end
  client:write(sent and data:sub(sent + 1) or data)
end

local listener = uv.new_tcp()
listener:bind("127.0.0.1", 0)
listener:listen(1024, function()
  local client = uv.new_tcp()
  listener:accept(client)
  client:nodelay(true)
  client:read_start(function(err, data)
    if err or not data then
      client:close()
    else
      send(client, data)
    end
  end)
end)
print(listener:getsockname().port)
io.stdout:flush()
uv.run()
