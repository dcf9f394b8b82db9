-- SPDX-License-Identifier: MIT
-- Scenarios of spec/finalizers: streams and sockets, over TLS too. Whatever a finalizer does, what is read has been
-- written, once and in order, and nothing stays open.
local async = require "saros"
local net = require "saros.net"
local testing = require "saros.testing"

local scenarios = {}

local function broken(message)
  error({is_broken = true, message = message}, 0)
end

-- fn() runs as the main task. It may fail in any way; if it does not, it has closed all that it opened.
local function scenario(name, fn)
  scenarios[name] = function()
    async.on_error(function() end)
    local has_ended = false
    local ok, err = pcall(testing.run, function()
      fn()
      async.shield(function() async.sleep(1000) end) -- what a finalizer has started ends
      has_ended = true
    end)
    if ok then return end
    if has_ended and not tostring(err):find "\n\ttask" then broken(tostring(err)) end
    error(err, 0)
  end
end

-- For <close>.
local function closing(...)
  local streams = {...}
  return setmetatable({}, {__close = function()
    for _, stream in ipairs(streams) do stream:close() end
  end})
end

-- Numbered lines: what got lost, or came twice, shows.
local LINES = {}
for i = 1, 40 do LINES[i] = ("line %d\n"):format(i) end
local TEXT = table.concat(LINES)

-- A reader of TEXT: what it is told is the beginning of it.
local function checker()
  local at = 0
  return function(data)
    if TEXT:sub(at + 1, at + #data) ~= data then broken(("%q was read at %d"):format(data, at)) end
    at = at + #data
  end
end

scenario("reading", function()
  local a, b = net.pair()
  local _closing <close> = closing(a, b)
  a:write(LINES)
  a:shutdown()
  local check = checker()
  check(b:read(3) or "")
  check(b:read_exactly(9) or "")
  check(b:read_line{keep = true} or "")
  check(b:read_until("6", {keep = true}) or "")
  for line in b:lines{keep = true} do
    check(line)
    if line == LINES[30] then break end
  end
  check(b:read_all())
end)

scenario("waiting", function()
  local a, b = net.pair()
  local _closing <close> = closing(a, b)
  local reading = async.spawn(function()
    local check = checker()
    for chunk in b:chunks() do check(chunk) end
  end)
  for i = 1, 3 do
    a:write(LINES[i])
    async.sleep(0)
  end
  a:close()
  reading:await()
end)

scenario("too_long", function()
  local a, b = net.pair()
  local _closing <close> = closing(a, b)
  a:write(("x"):rep(100), "\nnext\n")
  local ok, err = pcall(b.read_line, b, {limit = 10})
  if ok then broken(("a line that is too long was read: %q"):format(err)) end
  if not async.is_error(err, "LimitError") then error(err, 0) end
  local line = b:read_line()
  if line ~= "next" then broken(("%q follows a line that is too long"):format(line)) end
end)

scenario("writing", function()
  local a, b = net.pair()
  local _closing <close> = closing(a, b)
  local piece = ("x"):rep(1 << 17)
  local count = 0
  local writers = {}
  for i = 1, 4 do writers[i] = async.spawn(a.write, a, piece, i) end
  local reading = async.spawn(function()
    local _reader <close> = b
    for chunk in b:chunks() do count = count + #chunk end
  end)
  async.wait(writers)
  a:shutdown()
  reading:await()
  if count ~= 4 * (#piece + 1) then
    local failed
    for _, writer in ipairs(writers) do failed = failed or writer:status() ~= "done" end
    if not failed then broken(("%d bytes came"):format(count)) end
  end
end)

scenario("piping", function()
  local a, b = net.pair()
  local c, d = net.pair()
  local _closing <close> = closing(a, b, c, d)
  a:write(TEXT)
  a:shutdown()
  local piping = async.spawn(function()
    local _target <close> = c
    b:pipe_to(c)
    c:shutdown()
  end)
  checker()(d:read_all())
  piping:await()
end)

scenario("serving", function()
  local server = net.listen("127.0.0.1", 0, {max_connections = 1})
  local serving <close> = async.spawn(function()
    local _server <close> = server
    server:serve(function(stream)
      for line in stream:lines{keep = true} do stream:write(line) end
    end)
  end)
  local host, port = server:address()
  for _ = 1, 2 do
    local client <close> = net.connect(host, port)
    client:write(LINES[1], LINES[2])
    client:shutdown()
    checker()(client:read_all())
  end
  server:shutdown(1)
  serving:await()
end)

scenario("unix", function()
  local path = os.tmpname()
  os.remove(path)
  local _removal <close> = setmetatable({}, {__close = function() os.remove(path) end})
  local server <close> = net.listen_unix(path)
  local client <close> = net.connect_unix(path)
  local stream <close> = server:accept()
  stream:write(TEXT)
  stream:close()
  checker()(client:read_all())
end)

scenario("udp", function()
  local here <close> = net.udp("127.0.0.1", 0)
  local there <close> = net.udp()
  there:send("one", here:address())
  local data, host, port = here:receive()
  if data ~= "one" then broken(("%q was received"):format(data)) end
  here:connect(host, port)
  here:send "two"
  there:receive()
end)

scenario("names", function()
  net.resolve "127.0.0.1"
  local first = net.resolve("localhost", {family = 4})[1]
  if first.address ~= "127.0.0.1" then broken("localhost is " .. first.address) end
end)

return function(files)
  local to_server = {tls = {ca_file = files.ca, server_name = "localhost", timeout = 5}}
  local of_server = {server = true, cert = files.cert, key = files.key, timeout = 5}

  scenario("tls", function()
    local a, b = net.pair()
    local _closing <close> = closing(a, b)
    local shaking = async.spawn(function() -- with nobody else the handshake ends
      local ok, err = pcall(b.start_tls, b, of_server)
      if not ok then
        b:close()
        error(err, 0)
      end
    end)
    a:start_tls(to_server.tls)
    shaking:await()
    a:write(TEXT)
    a:shutdown()
    checker()(b:read_all())
    a:tls_info()
  end)

  scenario("tls_serving", function()
    local given = {max_connections = 1, tls = {cert = files.cert, key = files.key, timeout = 5}}
    local server = net.listen("127.0.0.1", 0, given)
    local serving <close> = async.spawn(function()
      local _server <close> = server
      server:serve(function(stream) stream:write(stream:read_line{keep = true} or "") end)
    end)
    local host, port = server:address()
    local client <close> = net.connect(host, port, to_server)
    client:write(LINES[1])
    checker()(client:read_all())
    server:shutdown(1)
    serving:await()
  end)

  return scenarios
end
