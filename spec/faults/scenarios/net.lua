-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: streams and sockets.
local async = require "saros"
local check = require "spec.faults.check"

local net = require "saros.net"

local scenarios = {}

local function scenario(name, fn)
  scenarios[name] = check.test(function()
    local opened = {}
    local _closing <close> = check.closing(function()
      for _, object in ipairs(opened) do object:close() end
    end)
    fn(function(...)
      for _, object in ipairs { ... } do opened[#opened + 1] = object end
      return ...
    end)
  end)
end

scenario("reading", function(keep)
  local a, b = keep(net.pair())
  a:write("one\ntwo\r\n", 3, "four--five")
  assert(b:read_line() == "one")
  assert(b:read_line { keep = true } == "two\r\n")
  assert(b:read_exactly(5) == "3four")
  assert(b:read_until "--" == "")
  assert(b:read(2) == "fi")
  a:write(("x"):rep(30), "\nnext\n")
  check.raises("LimitError", b.read_line, b, { limit = 10 })
  assert(b:read_line() == "next")
  a:write "partial"
  a:close()
  assert(check.raises("EOFError", b.read_exactly, b, 100).partial == "partial")
  assert(b:read() == nil)
  check.raises("ClosedError", a.read, a)
end)

scenario("large", function(keep)
  local a, b = keep(net.pair())
  local text = ("0123456789"):rep(60000)
  async.gather(function()
    a:write(text, { 1, 2, 3 })
    a:shutdown()
  end, function()
    assert(b:read_exactly(#text) == text)
    assert(b:read_all() == "123")
  end)
end)

scenario("cancelling", function(keep)
  local a, b = keep(net.pair())
  local writer = async.spawn(a.write, a, ("x"):rep(4000000))
  local second = async.spawn(a.write, a, "second")
  local reader = async.spawn(a.read, a)
  async.sleep(0)
  async.sleep(0)
  for _, task in ipairs { second, reader, writer } do
    task:cancel()
    check.fails(task, "CancelledError")
  end
  check.raises("ClosedError", a.write, a, "x")
  assert(#b:read(10) == 10)
end)

scenario("piping", function(keep)
  local a, b = keep(net.pair())
  local c, d = keep(net.pair())
  async.gather(function()
    a:write(("x"):rep(500000))
    a:shutdown()
  end, function() assert(b:pipe_to(c) == 500000) end, function() assert(#d:read_all() == 500000) end)
end)

scenario("tcp", function(keep)
  local server = keep(net.listen("127.0.0.1", 0))
  local host, port = server:address()
  local client = keep(net.connect(host, port))
  local stream = keep(server:accept())
  client:write "x"
  assert(stream:read() == "x" and stream:peer() == "127.0.0.1")
  client:abort()
  check.raises("SystemError", stream.read, stream)
  server:close()
  check.raises("connection refused", net.connect, host, port)
end)

scenario("eyeballs", function(keep)
  local core = require "saros.net.core"
  local server = keep(net.listen("127.0.0.1", 0))
  local _, port = server:address()
  local client = keep(core.connect({ "127.0.0.9", "127.0.0.8", "127.0.0.1" }, port, {}, "several"))
  assert(client:peer() == "127.0.0.1")
  local cancelled = async.spawn(core.connect, { "127.0.0.1" }, port, {}, "x")
  async.sleep(0)
  cancelled:close()
end)

-- Without any memory a handler may not even begin, nor can it be told: then nobody answers.
local function answer_of(client)
  local ok, answer = pcall(async.wait_for, function() return client:read_all() end, 1)
  if not ok and async.is_error(answer, "TimeoutError") or answer == "" then error("not enough memory", 0) end
  if not ok then error(answer, 0) end
  return answer
end

scenario("serving", function(keep)
  local server = keep(net.listen("127.0.0.1", 0))
  local host, port = server:address()
  async.task_group(function(group)
    group:spawn(server.serve, server, function(stream) stream:write(stream:read_all()) end)
    group:spawn(function()
      local client <close> = net.connect(host, port)
      client:write "hello"
      client:shutdown()
      assert(answer_of(client) == "hello")
      server:shutdown(1)
    end)
  end)
end)

scenario("unix", function(keep)
  local path = os.tmpname()
  os.remove(path)
  local _removal <close> = check.closing(function() os.remove(path) end)
  local server = keep(net.listen_unix(path))
  local client = keep(net.connect_unix(path))
  local stream = keep(server:accept())
  stream:write "x"
  assert(client:read() == "x" and client:peer() == path)
end)

scenario("udp", function(keep)
  local here, there = keep(net.udp("127.0.0.1", 0)), keep(net.udp())
  local host, port = here:address()
  there:send("one", host, port)
  local data, _, from = async.wait_for(function() return here:receive() end, 5)
  assert(data == "one")
  here:send("two", host, from)
  assert(async.wait_for(function() return there:receive() end, 5) == "two")
end)

scenario("names", function()
  assert(net.resolve("localhost", { family = 4 })[1].address == "127.0.0.1")
  check.raises("getaddrinfo", net.resolve, "nothing.invalid")
end)

return scenarios
