-- SPDX-License-Identifier: MIT
local async = require "saros"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, raises, start = tasks.caught, streams.raises, tasks.start

-- The body of an `it`: fn(here, port, there) with a bound socket, its port, and one that is not.
local function with_sockets(fn)
  return function()
    testing.run(function()
      local here <close> = async.net.udp("127.0.0.1", 0)
      local there <close> = async.net.udp()
      fn(here, select(2, here:address()), there)
    end)
  end
end

describe("udp", function()
  it("sends and receives datagrams, whole and with their senders", with_sockets(function(here, port, there)
    assert.equal(there, there:send("first", "127.0.0.1", port))
    there:send("", "localhost", port)
    there:send(("x"):rep(60000), "127.0.0.1", port)
    local data, host, from = here:receive()
    assert.same({ "first", "127.0.0.1" }, { data, host })
    here:send("answer", host, from)
    assert.same({ "answer", "127.0.0.1", port }, { there:receive() })
    assert.equal("", (here:receive()))
    assert.equal(60000, #here:receive())
  end))

  it("waits for a datagram", with_sockets(function(here, port, there)
    local task = start(here.receive, here)
    testing.settle()
    assert.equal("pending", task:status())
    there:send("x", "127.0.0.1", port)
    assert.equal("x", (task:await()))
  end))

  it("can be connected, and then needs no destination", with_sockets(function(here, port, there)
    assert.matches("udp:send: no destination", caught(there.send, there, "x"))
    assert.equal(there, there:connect("localhost", port))
    there:send "x"
    local _, _, from = here:receive()
    assert.equal(select(2, there:address()), from)
    assert.matches("connected to another destination", caught(there.send, there, "x", "127.0.0.1", port))
    local stranger <close> = async.net.udp("127.0.0.1")
    stranger:send("no", "127.0.0.1", from)
    here:send("yes", "127.0.0.1", from)
    assert.equal("yes", (there:receive()))
  end))

  it("tells that nobody listens, where the system does", with_sockets(function(_, port, there)
    local gone = async.net.udp("127.0.0.1", 0)
    local _, free = gone:address()
    gone:close()
    there:connect("127.0.0.1", free)
    local err = raises("SystemError", function()
      for _ = 1, 3 do
        there:send "x"
        async.wait_for(function() there:receive() end, 1)
      end
    end)
    assert.equal("ECONNREFUSED", err.code)
    assert(port)
  end))

  it("loses nothing to a cancelled receive", with_sockets(function(here, port, there)
    local task = start(here.receive, here)
    there:send("one", "127.0.0.1", port)
    task:cancel()
    raises("CancelledError", task.await, task)
    there:send("two", "127.0.0.1", port)
    assert.equal("one", (here:receive()))
    assert.equal("two", (here:receive()))
  end))

  it("has one receiver at a time", with_sockets(function(here)
    local task = start(here.receive, here)
    raises("BusyError", here.receive, here)
    task:close()
  end))

  it("keeps a bounded number of datagrams", with_sockets(function(here, port, there)
    there:send("first", "127.0.0.1", port)
    here:receive()
    for _ = 1, 2000 do there:send(("x"):rep(1000), "127.0.0.1", port) end
    async.sleep(0.01)
    local count = 0
    repeat
      local ok = pcall(async.wait_for, function() here:receive() end, 0.01)
      if ok then count = count + 1 end
    until not ok
    assert.is_true(count > 0 and count <= 2000)
  end))

  it("closes, and wakes who receives", with_sockets(function(here, port, there)
    local task = start(here.receive, here)
    here:close()
    here:close()
    assert.is_true(here:closed())
    raises("ClosedError", task.await, task)
    raises("ClosedError", here.receive, here)
    raises("ClosedError", here.send, here, "x", "127.0.0.1", port)
    raises("ClosedError", here.address, here)
    raises("ClosedError", here.connect, here, "127.0.0.1", port)
    assert(there)
  end))

  it("that is left open is named in a test, and closed at the end of a run", function()
    local socket
    assert.matches("handle udp socket opened at .*udp_spec.lua", caught(testing.run, function()
      socket = async.net.udp()
    end))
    assert.is_true(socket:closed())
  end)

  it("refuses what makes no sense", with_sockets(function(here)
    assert.matches("bad argument #1 to 'udp' %(string expected, got number%)", caught(async.net.udp, 5))
    assert.matches("bad argument #1 to 'udp' %(string expected, got nil%)", caught(async.net.udp, nil, 5353))
    assert.matches("bad argument #1 to 'udp:send' %(string expected, got nil%)", caught(here.send, here, nil, "x", 1))
    assert.matches("bad argument #3 to 'udp:send' %(integer expected, got nil%)",
      caught(here.send, here, "x", "127.0.0.1"))
    assert.matches("calling 'udp:receive' on bad self %(udp expected, got string", caught(here.receive, "x"))
    assert.equal("EADDRINUSE", raises("SystemError", async.net.udp, here:address()).code)
  end))

  it("refuses it before a name is looked up", with_sockets(function(here)
    local name = "nothing.invalid"
    local err = caught(here.send, here, "x", name, "1")
    assert.matches("bad argument #3 to 'udp:send' %(integer expected, got string%)", err)
    assert.matches("bad argument #2 to 'udp:connect' %(port out of range", caught(here.connect, here, name, 65536))
    assert.matches("bad argument #1 to 'udp:send' %(string expected", caught(here.send, here, {}, name, 1))
    assert.matches("calling 'udp:send' on bad self %(udp expected, got table", caught(here.send, {}, "x", name, 1))
    assert.matches("calling 'udp:connect' on bad self %(udp expected, got nil", caught(here.connect, nil, name, 1))
    here:close()
    raises("ClosedError", here.send, here, "x", name, 1)
    raises("ClosedError", here.connect, here, name, 1)
  end))

  it("does not hide a deadlock while nobody receives", function()
    local err = tasks.error_of(async.run, function()
      local socket <close> = async.net.udp("127.0.0.1", 0)
      pcall(async.wait_for, function() socket:receive() end, 0.001)
      async.event():wait()
    end)
    assert.is_true(async.is_error(err, "DeadlockError"))
  end)
end)
