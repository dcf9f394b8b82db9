-- SPDX-License-Identifier: MIT
-- Scenarios of spec/finalizers: HTTP servers and WebSockets. Whatever a finalizer does, what comes is what was sent.
local async = require "saros"
local http = async.http
local socket = require "saros.websocket.socket"
local testing = require "saros.testing"

local scenarios = {}

local function broken(message)
  error({ is_broken = true, message = message }, 0)
end

local function scenario(name, fn)
  scenarios[name] = function()
    async.on_error(function() end)
    testing.run(function()
      fn()
      async.shield(function() async.sleep(1000) end) -- what a finalizer has started ends
    end)
  end
end

-- The bytes go to a handler; what comes back has to be like that.
local function exchange(handler, bytes, expected)
  return function()
    local server <close> = http.listen("127.0.0.1", 0)
    local serving <close> = async.spawn(server.serve, server, handler)
    serving:on_done(function() server:close() end) -- who has been cancelled serves nobody: its client hears of it
    local client <close> = async.net.connect(server:address())
    client:write(bytes)
    local response = client:read_all()
    local is_cut_off = response == "" or response:find "^HTTP/1%.1 503 " -- it was cancelled
    if not is_cut_off and not response:find(expected) then broken(("%q came back"):format(response)) end
    server:close()
    serving:await()
  end
end

local GET = "GET /a?b=c HTTP/1.1\r\nHost: x\r\nCookie: d=e\r\nConnection: close\r\n\r\n"

scenario("fields", exchange(function(request)
  return { text = request.path .. request.query.b .. request.cookies.d, headers = { A = { "1", 2 } } }
end, GET, "A: 1\r\nA: 2\r\n.*/ace$"))

scenario("streamed", exchange(function(request)
  local writer <close> = request:respond()
  for chunk in request:chunks() do writer:write(chunk) end
end, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  "3\r\nabc\r\n0\r\n\r\n$"))

scenario("iterated", exchange(function()
  local left = 3
  return { body = function()
    left = left - 1
    return left > 0 and tostring(left) or nil
  end }
end, GET, "1\r\n2\r\n1\r\n1\r\n0\r\n\r\n$"))

scenario("websocket", function()
  local near, far = async.net.pair()
  local given = { max_message_size = 1048576, ping = 20 }
  local _ending <close> = setmetatable({}, { __close = function()
    near:abort()
    far:abort()
  end })
  local a, b = socket.new(near, false, given, {}), socket.new(far, true, given, {})
  local echoing = async.spawn(function()
    for data, kind in b do b:send(data, kind) end
  end)
  echoing:on_done(function() far:abort() end)
  for _, message in ipairs { "hello", ("x"):rep(1000) } do
    a:send(message)
    local data = a:receive()
    if data ~= message then broken(("%q came back"):format(data)) end
  end
  a:ping()
  a:close()
  echoing:await()
end)

return scenarios
