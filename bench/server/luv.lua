-- SPDX-License-Identifier: MIT
-- An HTTP server on luv, by hand: patterns over strings. Prints its port.

local uv = require "luv"

local RESPONSE = table.concat({
  "HTTP/1.1 200 OK", "Date: %s", "Content-Type: text/plain; charset=utf-8", "Content-Length: 5", "", "hello",
}, "\r\n")

local function answer(client, head)
  local method, target = head:match "^(%S+) (%S+) HTTP/1%.1\r\n"
  local headers = {}
  for name, value in head:gmatch "\r\n([^:\r\n]+):%s*([^\r\n]*)" do headers[name:lower()] = value end
  if not method or not target or not headers.host then return client:close() end
  client:write(RESPONSE:format(os.date "!%a, %d %b %Y %H:%M:%S GMT"))
end

local server = uv.new_tcp()
server:bind("127.0.0.1", 0)
server:listen(1024, function()
  local client, rest = uv.new_tcp(), ""
  server:accept(client)
  client:read_start(function(_, bytes)
    if not bytes then return client:close() end
    rest = rest .. bytes
    local head, stop = rest:match "^(.-\r\n)\r\n()"
    while head do
      answer(client, head)
      rest = rest:sub(stop)
      head, stop = rest:match "^(.-\r\n)\r\n()"
    end
  end)
end)
print(server:getsockname().port)
io.stdout:flush()
uv.run()
