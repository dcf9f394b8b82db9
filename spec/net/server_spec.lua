-- SPDX-License-Identifier: MIT
local async = require "saros"
local proc = require "spec.support.proc"
local script = require "spec.support.script"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local toolchain = require "spec.embed.toolchain"
local caught, raises, start = tasks.caught, streams.raises, tasks.start

local net

setup(function() net = async.net end)

local function in_test(fn)
  return function() testing.run(fn) end
end

-- A server that runs the handler, and its port: `local server <close>, ...` is for the caller.
local function serving(handler, given)
  local server = net.listen("127.0.0.1", 0, given)
  local _, port = server:address()
  return server, port, start(server.serve, server, handler)
end

-- Closes a server, and waits for those who serve it.
local function finish(server, task)
  server:close()
  task:await()
end

local function connect(port)
  return net.connect("127.0.0.1", port)
end

describe("net.listen", function()
  it("gives a server that accepts", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local host, port = server:address()
    assert.equal("127.0.0.1", host)
    local client <close> = connect(port)
    local stream <close> = server:accept()
    stream:write "x"
    assert.equal("x", client:read())
  end))

  it("waits for a connection", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local task = start(server.accept, server)
    testing.settle()
    assert.equal("pending", task:status())
    local client <close> = connect(select(2, server:address()))
    local stream <close> = task:await()
    assert.same({ client:address() }, { stream:peer() })
  end))

  it("serves those who accept in order", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local order, acceptors = {}, {}
    for i = 1, 3 do
      acceptors[i] = start(function()
        local held <close> = server:accept()
        order[#order + 1] = i
      end)
    end
    for _ = 1, 3 do connect(port):close() end
    async.wait(acceptors)
    assert.same({ 1, 2, 3 }, order)
  end))

  it("binds both families for localhost, with one free port", in_test(function()
    local server <close> = net.listen("localhost", 0)
    local _, port = server:address()
    for _, host in ipairs { "127.0.0.1", "::1" } do
      local ok, client = pcall(net.connect, host, port)
      if ok then
        local held <close> = client
        local stream <close> = server:accept()
        assert.equal(host, (stream:address()))
      else
        assert.equal("::1", host)
      end
    end
  end))

  it("listens at no address of the other family", in_test(function()
    local err = raises("SystemError", net.listen, "127.0.0.1", 7, { family = 6 })
    assert.same({ "ENOTFOUND", "127.0.0.1", 7 }, { err.code, err.host, err.port })
    local server <close> = net.listen("127.0.0.1", 0, { family = 4 })
    assert.equal("127.0.0.1", (server:address()))
  end))

  it("binds all addresses without a host", in_test(function()
    local server <close> = net.listen(nil, 0)
    local _, port = server:address()
    for _, host in ipairs { "127.0.0.1", "127.0.0.9" } do
      local client <close> = net.connect(host, port)
      local stream <close> = server:accept()
      assert.equal(host, (stream:address()))
      assert(client)
    end
  end))

  it("tells that the port is taken", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local err = raises("SystemError", net.listen, "127.0.0.1", port)
    assert.same({ "EADDRINUSE", "listen", "127.0.0.1", port }, { err.code, err.syscall, err.host, err.port })
  end))

  it("shares a port with reuse_port", in_test(function()
    local one <close> = net.listen("127.0.0.1", 0, { reuse_port = true })
    local _, port = one:address()
    local two <close> = net.listen("127.0.0.1", port, { reuse_port = true })
    assert.same({ one:address() }, { two:address() })
  end))

  it("gives a port free at once", in_test(function()
    local server = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local client <close> = connect(port)
    local stream = server:accept()
    server:close()
    raises("SystemError", connect, port)
    stream:close()
    net.listen("127.0.0.1", port):close()
    assert(client)
  end))

  it("refuses what makes no sense", in_test(function()
    assert.matches("bad argument #2 to 'listen' %(integer expected, got no value%)", caught(net.listen, "x"))
    assert.matches("bad argument #3 to 'listen' %(option 'backlog': positive integer expected, got number%)",
      caught(net.listen, "x", 0, { backlog = 0 }))
    assert.matches("bad argument #3 to 'listen' %(unknown option 'timeout'%)",
      caught(net.listen, "x", 0, { timeout = 1 }))
    assert.matches("unknown option 'max_connection' %(did you mean 'max_connections'%?%)",
      caught(net.listen, "x", 0, { max_connection = 1 }))
    assert.matches("bad argument #1 to 'serve' %(function expected, got string%)", caught(net.serve, "x", 80))
    assert.matches("bad argument #3 to 'serve' %(integer expected, got string%)", caught(net.serve, print, "x", "80"))
  end))

  it("needs a run", function()
    assert.matches("listen: no loop is running", caught(net.listen, "127.0.0.1", 0))
    assert.matches("listen_unix: no loop is running", caught(net.listen_unix, "/tmp/x"))
    assert.matches("pair: no loop is running", caught(net.pair))
  end)
end)

describe("server:serve", function()
  it("runs a handler for each connection, in a task of its own", in_test(function()
    local server, port, task = serving(function(stream, server)
      assert.equal("function", type(server.shutdown))
      for line in stream:lines() do stream:write(line:upper(), "\n") end
    end)
    local clients = {}
    for i = 1, 10 do clients[i] = connect(port) end
    for i, client in ipairs(clients) do client:write("line ", i, "\n") end
    for i, client in ipairs(clients) do assert.equal("LINE " .. i, client:read_line()) end
    for _, client in ipairs(clients) do client:close() end
    server:close()
    task:await()
  end))

  it("closes the stream when the handler returns", in_test(function()
    local kept
    local server, port, task = serving(function(stream)
      kept = stream
      stream:write "bye"
    end)
    local client <close> = connect(port)
    assert.equal("bye", client:read_all())
    assert.is_true(kept:closed())
    finish(server, task)
  end))

  it("reports an error of the handler, which ends that connection alone", in_test(function()
    local server, port, task
    local reports = tasks.reported(function(reports)
      server, port, task = serving(function(stream)
        if stream:read_line() == "fail" then error "on purpose" end
        stream:write "fine"
      end)
      local bad <close> = connect(port)
      bad:write "fail\n"
      assert.is_nil(bad:read())
      async.sleep(0)
      async.sleep(0)
      assert.equal(1, #reports)
      local good <close> = connect(port)
      good:write "x\n"
      assert.equal("fine", good:read_all())
    end)
    collectgarbage()
    assert.equal(1, #reports)
    assert.matches("on purpose", reports[1].error)
    finish(server, task)
  end))

  it("is no error for a handler that was cancelled", in_test(function()
    local reports = tasks.reported(function()
      local server, port, task = serving(function(stream)
        async.current_task():cancel()
        stream:read()
      end)
      local client <close> = connect(port)
      assert.is_nil(client:read())
      finish(server, task)
    end)
    assert.equal(0, #reports)
  end))

  it("returns when the server is closed and leaves running handlers alone", in_test(function()
    local begun = async.event()
    local server, port, task = serving(function(stream)
      begun:set()
      stream:write(stream:read_line(), "\n")
    end)
    local client <close> = connect(port)
    begun:wait()
    server:close()
    server:close()
    task:await()
    client:write "late\n"
    assert.equal("late", client:read_line())
    assert.is_nil(client:read())
  end))

  it("returns with idle clients", in_test(function()
    local begun = async.event()
    local server, port, task = serving(function(stream)
      begun:set()
      stream:read()
    end)
    local client <close> = connect(port)
    begun:wait()
    server:shutdown(0.01)
    task:await()
    assert.is_nil(client:read())
  end))

  it("accepts no more than max_connections at a time", in_test(function()
    local running, most = 0, 0
    local server, port, task = serving(function(stream)
      running = running + 1
      most = math.max(most, running)
      stream:read()
      running = running - 1
    end, { max_connections = 2 })
    local clients = {}
    for i = 1, 5 do clients[i] = connect(port) end
    tasks.eventually(function() return running == 2 end)
    testing.settle()
    assert.equal(2, running)
    for _, client in ipairs(clients) do
      client:shutdown()
      assert.is_nil(client:read())
      client:close()
    end
    assert.equal(2, most)
    finish(server, task)
  end))

  it("returns at the limit of connections, too", in_test(function()
    local begun = async.event()
    local server, port, task = serving(function(stream)
      begun:set()
      stream:read()
    end, { max_connections = 1 })
    local client <close> = connect(port)
    begun:wait()
    server:close()
    task:await()
    client:shutdown()
    assert.is_nil(client:read())
  end))

  it("is what net.serve does, until it is cancelled", in_test(function()
    local port
    local task = start(net.serve, function(stream, server)
      port = select(2, server:address())
      stream:write "served"
    end, "127.0.0.1", 0)
    testing.settle()
    assert.equal("pending", task:status())
    task:cancel()
    raises("CancelledError", task.await, task)
    assert.is_nil(port)
  end))

  it("survives a client that resets before it is accepted", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    connect(port):abort()
    testing.settle()
    local good <close> = connect(port)
    local task = start(server.serve, server, function(stream) pcall(stream.write, stream, "fine") end)
    assert.equal("fine", good:read_all())
    finish(server, task)
  end))
end)

describe("server:connections", function()
  it("gives connections, and just ends", in_test(function()
    local server = net.listen("127.0.0.1", 0)
    local _, port = server:address()
    local count = 0
    local task = start(function()
      for stream in server:connections() do
        count = count + 1
        stream:close()
      end
    end)
    connect(port):close()
    connect(port):close()
    assert.is_true(tasks.eventually(function() return count == 2 end))
    server:close()
    task:await()
    assert.equal(2, count)
  end))
end)

describe("server:close", function()
  it("wakes who accepts", in_test(function()
    local server = net.listen("127.0.0.1", 0)
    local acceptors = { start(server.accept, server), start(server.accept, server) }
    server:close()
    for _, task in ipairs(acceptors) do assert.equal("ECLOSED", raises("ClosedError", task.await, task).code) end
    raises("ClosedError", server.accept, server)
    raises("ClosedError", server.address, server)
    server:serve(print)
  end))

  it("is what the end of a block does, and of a run", function()
    local before = proc.descriptors_kept()
    async.run(function()
      do
        local _server <close> = net.listen("127.0.0.1", 0)
      end
      net.listen("127.0.0.1", 0)
    end)
    assert.equal(before, proc.descriptors())
    local message = caught(testing.run, function() net.listen("127.0.0.1", 0) end)
    assert.matches("handle server opened at .*server_spec.lua:%d+", message)
  end)
end)

describe("server:shutdown", function()
  it("refuses what is no number of seconds before it closes anything", in_test(function()
    local server <close> = net.listen("127.0.0.1", 0)
    assert.matches("bad argument #1 to 'server:shutdown' %(number expected, got string%)",
      caught(server.shutdown, server, "soon"))
    assert.matches("bad argument #1 to 'server:shutdown' %(seconds must not be NaN%)",
      caught(server.shutdown, server, 0 / 0))
    assert.equal("127.0.0.1", (server:address()))
  end))

  it("waits for running handlers", in_test(function()
    local begun = async.event()
    local server, port = serving(function(stream)
      begun:set()
      async.sleep(3)
      stream:write "done"
    end)
    local client <close> = connect(port)
    begun:wait()
    server:shutdown()
    assert.equal("done", client:read_all())
  end))

  it("cancels those that take too long, and waits for their cleanup", in_test(function()
    local begun, cleaned = async.event(), false
    local server, port = serving(function(stream)
      begun:set()
      local held <close> = async.defer and async.defer(function() end) or stream
      local ok = pcall(stream.read, stream)
      async.shield(function() async.sleep(0.01) end)
      cleaned = not ok
    end)
    local client <close> = connect(port)
    begun:wait()
    server:shutdown(0.01)
    assert.is_true(cleaned)
    assert.is_nil(client:read())
  end))

  it("can be called by a handler", in_test(function()
    local server, port, task = serving(function(stream, server)
      server:shutdown(1)
      stream:write "down"
    end)
    local client <close> = connect(port)
    assert.equal("down", client:read_all())
    task:await()
    assert(server)
  end))
end)

describe("at the limit of descriptors", function()
  it("accepting rests, and goes on when there are some again", function()
    local result = script([[
local net = async.net
async.run(function()
  local server = net.listen("127.0.0.1", 0)
  local _, port = server:address()
  local served, failed = 0, 0
  local serving = async.spawn(server.serve, server, function(stream)
    served = served + 1
    stream:read()
  end)
  local clients = {}
  -- Clients in other processes would need no descriptors of this one: take all but those that they need.
  for i = 1, 10 do clients[i] = net.connect("127.0.0.1", port) end
  while true do
    local file = io.open("/dev/null")
    if not file then break end
    clients[#clients + 1] = file
  end
  clients[#clients]:close()
  clients[#clients] = nil
  local last = net.connect("127.0.0.1", port)
  local before = os.clock()
  async.sleep(0.3)
  print("spins:", os.clock() - before > 0.2)
  local at_limit = served
  for i = 11, #clients do clients[i]:close() end
  last:write "x"
  print("served:", (last:read()))
  print(at_limit < 11, served == 11)
  for i = 1, 10 do clients[i]:close() end
  last:close()
  server:shutdown(1)
  serving:await()
end)
]], { descriptors = 250 })
    assert.equal(0, result.code, result.err)
    assert.equal("spins:\tfalse\nserved:\tnil\ntrue\ttrue\n", result.out)
  end)
end)

describe("what the network did to a connection before it was accepted", function()
  local workshop

  setup(function() workshop = toolchain.open() end)

  teardown(function() workshop:close() end)

  it("does not end the server", function()
    local failing = workshop:compile("spec/support/accept.c", "accept.so")
    local result = script([[
local net = async.net
async.run(function()
  local server = net.listen("127.0.0.1", 0)
  local serving = async.spawn(server.serve, server, function(stream) stream:write "served" end)
  for _ = 1, 2 do
    local client <close> = net.connect(server:address())
    print(async.wait_for(function() return client:read_all() end, 30))
  end
  server:close()
  serving:await()
end)
]], { env = {
      LD_PRELOAD = (os.getenv "LD_PRELOAD" or "") .. " " .. failing,
      ACCEPT_FAILS = "71 103 113 100 1", -- EPROTO, ECONNABORTED, EHOSTUNREACH, ENETDOWN, EPERM
    } })
    assert.equal(0, result.code, result.err)
    assert.equal("served\nserved\n", result.out)
  end)
end)
