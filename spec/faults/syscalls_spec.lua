-- SPDX-License-Identifier: MIT
-- Every call to the system that streams and sockets make fails once: whoever made it hears of it, nothing hangs, no
-- descriptor is left, and everything works afterwards.
local script = require "spec.support.script"
local certificates = require "spec.support.certificates"
local toolchain = require "spec.embed.toolchain"

local PROGRAM = [[
package.path = %q
local proc = require "spec.support.proc"
local arm, disarm = package.loadlib(%q, "arm"), package.loadlib(%q, "disarm")
local net = async.net

local scenarios = {
  function() -- TCP, a server, half-close
    local server <close> = net.listen("127.0.0.1", 0)
    local host, port = server:address()
    local serving <close> = async.spawn(server.serve, server, function(stream) stream:write(stream:read_all()) end)
    local client <close> = net.connect(host, port)
    client:write("one", { "two", 3 })
    client:shutdown()
    local answer = client:read_all()
    if answer ~= "onetwo3" then error(async.error { name = "SystemError", message = "lost" }, 0) end
  end,
  function() -- pairs and pipes
    local a, b = net.pair()
    local c, d = net.pair()
    async.gather(function()
      a:write(("x"):rep(300000))
      a:shutdown()
    end, function() b:pipe_to(c) end, function() d:read_all() end)
    a:abort()
  end,
  function() -- a Unix socket
    local path = os.tmpname()
    os.remove(path)
    local server <close> = net.listen_unix(path)
    local client <close> = net.connect_unix(path)
    local stream <close> = server:accept()
    stream:write "x"
    client:read()
    client:peer()
  end,
  function() -- UDP
    local here <close> = net.udp("127.0.0.1", 0)
    local there <close> = net.udp()
    local host, port = here:address()
    if not host then error(async.error { name = "SystemError", message = "no name" }, 0) end
    there:connect(host, port)
    there:send "x"
    here:receive()
  end,
  function() -- TLS
    local server <close> = net.listen("127.0.0.1", 0, { tls = { cert = %q, key = %q } })
    local host, port = server:address()
    local serving <close> = async.spawn(server.serve, server, function(stream) stream:write(stream:read_all()) end)
    local client <close> = net.connect(host, port, { tls = { ca_file = %q } })
    client:write(("x"):rep(50000))
    client:shutdown()
    local answer = client:read_all()
    if #answer ~= 50000 then error(async.error { name = "SystemError", message = "lost" }, 0) end
  end,
}

-- What a failure is for who made the call, and over TLS for the other side.
local FAILURES = { SystemError = true, GroupError = true, TLSError = true, EOFError = true }

local function is_failure(err) return async.is_error(err) and FAILURES[err.name] end

async.on_error(function(err) assert(is_failure(err), err) end)

local function try(scenario)
  local ok, err = pcall(async.run, function() async.wait_for(scenario, 60) end)
  collectgarbage()
  assert(ok or is_failure(err), err)
  return ok, err
end

for number, scenario in ipairs(scenarios) do
  assert(try(scenario))
  local before, calls, failures, at = proc.descriptors_kept(), 0, 0, 0
  repeat
    at = at + 1
    arm(at)
    local ok, err = try(scenario)
    local count, struck = disarm()
    if not ok then failures = failures + 1 end
    assert(ok or struck, err)
    local again, why = try(scenario)
    assert(again, ("%%s after %%s"):format(tostring(why), struck))
    assert(proc.descriptors() == before, struck)
    calls = count
  until at > count
  assert(at > 5 and failures > 2, ("%%d: %%d calls, %%d failures"):format(number, calls, failures))
end
print "survived"
]]

-- The file goes as it always could, from where the system has come to.
local FILE = [[
local arm, disarm = package.loadlib(%q, "arm"), package.loadlib(%q, "disarm")

local function fetch(fails)
  local server <close> = async.http.listen("127.0.0.1", 0)
  local host, port = server:address()
  local serving <close> = async.spawn(server.serve, server, function() return { file = %q } end)
  local client <close> = async.net.connect(host, port)
  arm(fails, "sendfile")
  client:write "GET / HTTP/1.0\r\n\r\n"
  local response = client:read_all()
  local count = disarm()
  return response:match "\r\n\r\n(.*)", count
end

async.run(function()
  local whole, count = fetch(0)
  print(#whole, count > 1)
  print(fetch(1) == whole, fetch(2) == whole)
end)
]]

describe("a call to the system that fails", function()
  local workshop

  setup(function() workshop = toolchain.open() end)
  teardown(function() workshop:close() end)

  it("is an error for who made it, and harms nobody else", function()
    local shim = workshop:compile("spec/faults/syscalls.c", "syscalls.so")
    local preload = (os.getenv "LD_PRELOAD" or "") .. " " .. shim
    local files = certificates()
    local program = PROGRAM:format(package.path, shim, shim, files.server, files.server_key, files.ca)
    local result = script(program, { env = { LD_PRELOAD = preload } })
    assert.equal("survived\n", result.out, result.err)
    assert.equal(0, result.code, result.err)
  end)

  it("has a file sent in another way", function()
    local shim = workshop:compile("spec/faults/syscalls.c", "syscalls.so")
    local preload = (os.getenv "LD_PRELOAD" or "") .. " " .. shim
    local lines = {}
    for i = 1, 300000 do lines[i] = ("%07d\n"):format(i) end
    local large = workshop:write("large", table.concat(lines))
    local result = script(FILE:format(shim, shim, large), { env = { LD_PRELOAD = preload } })
    assert.equal("2400000\ttrue\ntrue\ttrue\n", result.out, result.err)
  end)
end)
