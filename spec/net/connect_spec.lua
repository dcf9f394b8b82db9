-- SPDX-License-Identifier: MIT
local async = require "saros"
local proc = require "spec.support.proc"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, raises, start = tasks.caught, streams.raises, tasks.start

local net, core

setup(function()
  net = async.net
  core = require "saros.net.core"
end)

local function in_test(fn)
  return function() testing.run(fn) end
end

-- A server on an address that answers no further attempt to connect: its queue is full. Gives port and what to close.
local function deaf_server(address, port)
  local server = net.listen(address, port or 0, { backlog = 1 })
  local _, chosen = server:address()
  local fillers = {}
  for i = 1, 4 do
    fillers[i] = start(function()
      local held <close> = core.connect({ address }, chosen, {}, address)
      async.sleep(math.huge)
    end)
  end
  async.sleep(0.02)
  return chosen, setmetatable({}, { __close = function()
    for _, task in ipairs(fillers) do task:close() end
    server:close()
  end })
end

local function has_ipv6()
  local ok, server = pcall(net.listen, "::1", 0)
  if ok then server:close() end
  return ok
end

-- A port where nobody listens: one that was free a moment ago may be taken.
local DEAD_PORT = 1

describe("net.connect", function()
  it("connects to a name and to an address", in_test(function()
    local server <close> = net.listen("localhost", 0)
    local _, port = server:address()
    for _, host in ipairs { "localhost", "127.0.0.1" } do
      local stream <close> = net.connect(host, port)
      local accepted <close> = server:accept()
      stream:write "hello\n"
      assert.equal("hello", accepted:read_line())
      assert.same({ stream:address() }, { accepted:peer() })
    end
  end))

  it("connects to addresses of one family if asked to", in_test(function()
    local server <close> = net.listen("localhost", 0)
    local _, port = server:address()
    local four <close> = net.connect("localhost", port, { family = 4 })
    assert.equal("127.0.0.1", (four:peer()))
    if has_ipv6() then
      local six <close> = net.connect("::1", port, { family = 6 })
      assert.equal("::1", (six:peer()))
    end
  end))

  it("tells who refused", in_test(function()
    local err = raises("SystemError", net.connect, "127.0.0.1", DEAD_PORT)
    assert.same({ "ECONNREFUSED", "connect", "127.0.0.1", DEAD_PORT }, { err.code, err.syscall, err.host, err.port })
    assert.matches("connect_spec.lua", err.traceback, 1, true)
    assert.equal("connect 127.0.0.1:1: connection refused", err.message)
  end))

  it("tells that there is no such name", in_test(function()
    local err = raises("SystemError", net.connect, "nothing.invalid", 80)
    assert.same({ "ENOTFOUND", "nothing.invalid", 80 }, { err.code, err.host, err.port })
    err = raises("SystemError", net.listen, "nothing.invalid", 81)
    assert.same({ "ENOTFOUND", "nothing.invalid", 81 }, { err.code, err.host, err.port })
  end))

  it("binds the address it is told to come from", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local stream <close> = net.connect("127.0.0.1", port, { local_address = "127.0.0.3" })
    assert.equal("127.0.0.3", (stream:address()))
    local accepted <close> = server:accept()
    assert.equal("127.0.0.3", (accepted:peer()))
    local before = proc.descriptors_kept()
    raises("SystemError", net.connect, "127.0.0.1", port, { local_address = "192.0.2.1" })
    async.sleep(0)
    assert.equal(before, proc.descriptors())
  end))

  it("refuses what makes no sense, before anything else", in_test(function()
    assert.matches("bad argument #1 to 'connect' %(string expected, got no value%)", caught(net.connect))
    assert.matches("bad argument #1 to 'connect' %(must not contain NUL bytes%)", caught(net.connect, "a\0b", 80))
    assert.matches("bad argument #2 to 'connect' %(integer expected, got string%)", caught(net.connect, "x", "80"))
    assert.matches("bad argument #2 to 'connect' %(port out of range: 65536%)", caught(net.connect, "x", 65536))
    assert.matches("bad argument #3 to 'connect' %(unknown option 'time_out' %(did you mean 'timeout'%?%)%)",
      caught(net.connect, "x", 1, { time_out = 1 }))
    assert.matches("bad argument #3 to 'connect' %(option 'family': 4 or 6 expected, got number%)",
      caught(net.connect, "x", 1, { family = 5 }))
    assert.matches("bad argument #3 to 'connect' %(option 'local_address': address expected, got string%)",
      caught(net.connect, "x", 1, { local_address = "there" }))
    local message = caught(function() net.connect("x", 1, 5) end)
    assert.matches("^[^:]*connect_spec.lua:%d+: bad argument #3 to 'connect' %(table expected, got number%)", message)
  end))

  it("cannot wait outside of a run, and says so", function()
    for _, given in ipairs { {}, { timeout = 1 } } do
      local message = caught(net.connect, "127.0.0.1", 80, given)
      assert.matches("^[%w_./]*:?%d*:? ?connect: cannot wait here: no loop is running", message)
      message = caught(net.connect_unix, "/tmp/x", given)
      assert.matches("connect_unix: cannot wait here: no loop is running", message)
    end
  end)
end)

describe("of several addresses", function()
  it("those of another family than the local address are not tried", in_test(function()
    local given = { local_address = "127.0.0.1" }
    local err = raises("SystemError", core.connect, { "::1", "127.0.0.1" }, DEAD_PORT, given, "both")
    assert.equal("ECONNREFUSED", err.code)
    err = raises("SystemError", core.connect, { "::1" }, 1, given, "six")
    assert.same({ "EAFNOSUPPORT", "six", 1 }, { err.code, err.host, err.port })
  end))

  it("one that refused tells more than one to which there is no way", in_test(function()
    local multicast = "224.0.0.1" -- nobody can connect to it
    local err = raises("SystemError", core.connect, { multicast }, DEAD_PORT, {}, "none")
    assert.not_equal("ECONNREFUSED", err.code)
    err = raises("SystemError", core.connect, { multicast, "127.0.0.1" }, DEAD_PORT, {}, "both")
    assert.equal("ECONNREFUSED", err.code)
  end))
end)

describe("happy eyeballs:", function()
  it("an address that refuses costs no time", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local addresses = {}
    for i = 1, 100 do addresses[i] = "127.0.1." .. i end
    addresses[101] = "127.0.0.1"
    local before = async.now()
    local stream <close> = core.connect(addresses, port, {}, "several")
    assert.equal("127.0.0.1", (stream:peer()))
    assert.is_true(async.now() - before < 20) -- a quarter of a second for each would be more
  end))

  it("an address that does not answer costs a quarter of a second, and is left", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0) -- there others take ports, too, so it comes first
    local port, held = deaf_server("127.0.0.2", select(2, server:address()))
    local deaf <close> = held
    local before, descriptors = async.now(), proc.descriptors_kept()
    local stream <close> = core.connect({ "127.0.0.2", "127.0.0.1" }, port, {}, "several")
    assert.equal("127.0.0.1", (stream:peer()))
    local passed = async.now() - before
    assert.is_true(passed >= 0.24 and passed < 60, passed)
    async.sleep(0)
    assert.equal(descriptors + 1, proc.descriptors())
    assert(deaf)
  end))

  it("families take turns", in_test(function()
    local addresses = { "127.0.0.1", "127.0.0.2", "::1", "127.0.0.3" }
    local err = raises("SystemError", core.connect, addresses, DEAD_PORT, {}, "all")
    assert.same({ "ECONNREFUSED", "all", DEAD_PORT }, { err.code, err.host, err.port })
  end))

  it("cancelled at any moment it leaves no socket behind", in_test(function()
    local port, held = deaf_server "127.0.0.2"
    local deaf <close> = held
    local before = proc.descriptors_kept()
    for _, seconds in ipairs { 0, 0.001, 0.3 } do
      local task = start(core.connect, { "127.0.0.2", "127.0.0.2", "127.0.0.2" }, port, {}, "several")
      async.sleep(seconds)
      task:cancel()
      raises("CancelledError", task.await, task)
      async.sleep(0)
      assert.equal(before, proc.descriptors())
    end
    assert(deaf)
  end))

  it("a time-out covers all of it", in_test(function()
    local port, held = deaf_server "127.0.0.2"
    local deaf <close> = held
    local err = raises("TimeoutError", net.connect, "127.0.0.2", port, { timeout = 0.05 })
    assert.equal(0.05, err.seconds)
    assert(deaf)
  end))

  it("an end of the run in the middle of it leaves nothing behind", function()
    local before = proc.descriptors_kept()
    async.run(function()
      local port = deaf_server "127.0.0.2"
      start(core.connect, { "127.0.0.2", "127.0.0.2" }, port, {}, "several")
    end)
    assert.equal(before, proc.descriptors())
  end)
end)

describe("net.connect_unix", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function() os.remove(path) end)

  it("connects to a path, which is the name of both ends", in_test(function()
    local server <close> = net.listen_unix(path)
    assert.equal(path, server:address())
    local stream <close> = net.connect_unix(path)
    local accepted <close> = server:accept()
    stream:write "x"
    assert.equal("x", accepted:read())
    assert.equal(path, stream:peer())
    assert.equal(path, accepted:address())
    assert.equal("", accepted:peer())
    stream:close()
    assert.is_nil(accepted:read())
  end))

  it("tells the path of what it cannot connect to", in_test(function()
    local err = raises("SystemError", net.connect_unix, path)
    assert.same({ "ENOENT", path, "connect" }, { err.code, err.path, err.syscall })
    local long = "/tmp/" .. ("x"):rep(200)
    assert.equal("ENAMETOOLONG", raises("SystemError", net.connect_unix, long).code)
    assert.equal("ENAMETOOLONG", raises("SystemError", net.listen_unix, long).code)
  end))

  it("waits while the queue of the listener is full", in_test(function()
    local server <close> = net.listen_unix(path, { backlog = 1 })
    local connected = 0
    local clients = {}
    for i = 1, 5 do
      clients[i] = start(function()
        local held <close> = net.connect_unix(path)
        connected = connected + 1
      end)
    end
    testing.settle()
    assert.is_true(connected < 5)
    raises("TimeoutError", net.connect_unix, path, { timeout = 0.5 })
    for _ = 1, 5 do server:accept():close() end
    async.wait(clients)
    assert.equal(5, connected)
  end))

  it("is a file that goes with its server, and stays if it is another one", in_test(function()
    net.listen_unix(path):close()
    assert.is_nil(io.open(path))
    local server = net.listen_unix(path)
    assert.equal("EADDRINUSE", raises("SystemError", net.listen_unix, path).code)
    os.remove(path)
    local file = assert(io.open(path, "w"))
    file:close()
    server:close()
    assert(io.open(path)):close()
  end))
end)
