-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: saros.compat. Its results may be nil and the words for a memory error, or that is raised.
local async = require "saros"
local check = require "spec.faults.check"
local ngx = require "saros.compat.ngx"
local socket = require "saros.compat.socket"

local scenarios = {}

local function scenario(name, fn)
  scenarios[name] = check.test(function()
    local opened = {}
    local _closing <close> = check.closing(function()
      for _, object in ipairs(opened) do object:close() end
    end)
    fn(function(object, problem)
      if not object then error(problem == "timeout" and "not enough memory" or problem, 0) end
      opened[#opened + 1] = object
      return object
    end)
  end)
end

-- Checks a result; instead of it there may be nil, and the words for a memory error.
local function expect(expected, result, problem)
  if result == nil and problem ~= nil then error(problem, 0) end
  assert(result == expected, result)
end

-- A server. Without memory it goes on trying to accept.
local function listen(keep)
  local server = keep(socket.bind("127.0.0.1", 0))
  server:settimeout(5)
  local _, port = server:getsockname()
  return server, port
end

-- Two ends of a connection.
local function pair(keep)
  local server, port = listen(keep)
  local client = keep(socket.connect("127.0.0.1", port))
  return client, keep(server:accept()), port
end

scenario("socket", function(keep)
  local a, b = pair(keep)
  expect(9, a:send "one\ntwo--")
  expect("one", b:receive())
  expect("two--", b:receive(5))
  b:settimeout(0)
  local data, problem = b:receive()
  assert(data == nil and problem ~= nil)
  local call = socket.protect(function() return socket.try(b:receive()) end)
  data, problem = call()
  assert(data == nil and problem ~= nil)
  b:settimeout(nil)
  a:close()
  data, problem = b:receive "*a"
  assert(data == nil and problem ~= nil)
end)

scenario("cosocket", function(keep)
  local server, port = listen(keep)
  local client = ngx.socket.tcp()
  local ok, problem = client:connect("127.0.0.1", port)
  if not ok then error(problem, 0) end
  keep(client)
  local peer = keep(server:accept())
  peer:send "first--second--"
  expect("first", client:receiveuntil "--"())
  expect(3, client:send {"a", {1}, "\n"})
  expect("a1", peer:receive())
  expect("second--", client:receive(8))
  expect(1, client:setkeepalive())
  ok, problem = client:connect("127.0.0.1", port)
  if not ok then error(problem, 0) end
  client:close()
end)

scenario("inside_coroutine", function(keep)
  local a, b = pair(keep)
  local lines = async.coroutine.wrap(function()
    while true do async.coroutine.yield(b:receive()) end
  end)
  expect(4, a:send "1\n2\n")
  expect("1", lines())
  expect("2", lines())
end)

return scenarios
