-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local toolchain = require "spec.embed.toolchain"
local caught, raises, start = tasks.caught, streams.raises, tasks.start

local DOCUMENT = "docs/c-api.md"
local READABLE, WRITABLE, CLOSED = 1, 2, 4

local workshop, module

setup(function()
  workshop = toolchain.open()
  local path = workshop:compile("spec/embed/stream_module.c", "stream_module.so")
  module = assert(package.loadlib(path, "luaopen_stream_module"))()
end)

teardown(function() workshop:close() end)

-- The body of an `it`: fn(a, b).
local paired = streams.paired

describe("the example of the page, a module that sends frames,", function()
  local frames

  setup(function()
    local path = workshop:compile(workshop:write("frames.c", toolchain.block(DOCUMENT, "frames.c")), "frames.so")
    frames = assert(package.loadlib(path, "luaopen_frames"))()
  end)

  it("does what the page says", function()
    local program = toolchain.block(DOCUMENT, "frames.lua")
    local result = script(program, { bare = true, env = { LUA_CPATH_5_4 = workshop:cpath() } })
    assert.equal(0, result.code, result.err)
    assert.equal("5\thello\n1000000\txxxxx\nthank you\n", result.out)
  end)

  it("waits while the peer does not read, and goes on", paired(function(a, b)
    local sent = 0
    local sender = async.spawn(function()
      for _ = 1, 40 do
        frames.send(a, ("x"):rep(300000))
        sent = sent + 1
      end
      a:close()
    end)
    tasks.turns(100)
    assert.is_true(sent < 40)
    local count = 0
    for payload in frames.receive, b do
      assert.equal(300000, #payload)
      count = count + 1
    end
    assert.equal(40, count)
    sender:await()
  end))

  it("shares the stream with Lua, and its errors", paired(function(a, b)
    frames.send(a, "one")
    a:write "line\n"
    assert.equal("one", frames.receive(b))
    assert.equal("line", b:read_line())
    a:write "\0\0\0"
    a:close()
    assert.equal("EOF", raises("EOFError", frames.receive, b).code)
    raises("ClosedError", frames.send, a, "x")
    raises("ClosedError", frames.receive, a)
  end))

  it("is one reader among others, and loses nothing when it is cancelled", paired(function(a, b)
    local task = start(frames.receive, b)
    raises("BusyError", b.read, b)
    raises("BusyError", frames.receive, b)
    a:write "\0\0\0\5he"
    testing.settle()
    task:cancel()
    raises("CancelledError", task.await, task)
    a:write "llo"
    assert.equal("hello", frames.receive(b))
  end))

  it("hears of a peer that is gone", paired(function(a, b)
    b:close()
    local err = caught(function()
      for _ = 1, 100 do frames.send(a, ("x"):rep(100000)) end
    end)
    assert.equal("EPIPE", err.code)
  end))
end)

describe("a watcher", function()
  it("reads and writes without a task", paired(function(a, b)
    module.echo(b)
    a:write "one"
    assert.equal("one", a:read_exactly(3))
    a:write(("x"):rep(5000))
    assert.equal(5000, #a:read_exactly(5000))
    a:shutdown()
    assert.is_nil(a:read())
    assert.is_true(b:closed())
    assert.equal(READABLE | CLOSED, module.events() & (READABLE | CLOSED))
  end))

  it("is told of room", paired(function(a, b)
    local writer = streams.filled(b)
    module.echo(b)
    local reader = async.spawn(function() while a:read() do end end)
    writer:await()
    testing.settle()
    assert.equal(WRITABLE, module.events() & WRITABLE)
    b:close()
    reader:await()
  end))

  it("keeps a run from a deadlock as long as it watches", function()
    async.run(function()
      local a, b = async.net.pair()
      module.echo(b)
      raises("TimeoutError", async.wait_for, function() async.event():wait() end, 0.01)
      module.unwatch(b)
      raises("DeadlockError", function() async.event():wait() end)
      assert(a)
    end)
  end)
end)

describe("an adopted", function()
  it("handle is a stream, and its memory is given back", function()
    local before = module.released()
    testing.run(function()
      local one, two = module.fds()
      local a, b = module.adopt(one), module.adopt_fd(two)
      a:write "x"
      assert.equal("x", b:read())
      b:write "y"
      b:close()
      assert.equal("y", a:read_all())
      a:close()
      async.sleep(0.001)
      assert.equal(before + 1, module.released())
    end)
  end)

  it("handle that is left open is named in a test, and closed at the end of the run", function()
    local before = module.released()
    local message = caught(testing.run, function()
      module.adopt((module.fds()))
    end)
    assert.matches("handle stream opened at .*stream_spec.lua", message)
    assert.equal(before + 1, module.released())
  end)

  it("descriptor has to be one of a socket or a pipe", function()
    async.run(function()
      assert.matches("EINVAL", caught(module.adopt_fd, 12345))
    end)
  end)

  it("descriptor that cannot be a stream is closed", function()
    async.run(function()
      local file = module.open_file(debug.getinfo(1, "S").source:sub(2))
      assert.is_true(module.is_open(file))
      assert.matches("EINVAL", caught(module.adopt_fd, file))
      assert.is_false(module.is_open(file))
    end)
  end)

  it("pipe can be shut down, behind what was written", function()
    testing.run(function()
      local from, to = module.pipe()
      local a <close> = module.adopt_fd(to)
      local b <close> = module.adopt_fd(from)
      local data = ("x"):rep(300000)
      local task = async.spawn(b.read_all, b)
      a:write(data):shutdown()
      assert.equal(#data, #task:await())
      raises("ClosedError", a.write, a, "y")
    end)
  end)
end)

describe("a transport that is stacked on another", function()
  it("changes the bytes under all methods of the stream", paired(function(a, b)
    a:write "plain\n"
    assert.equal("plain", b:read_line())
    module.turn(a)
    a:write "turned\n"
    assert.equal("turned\n", (b:read():gsub(".", function(c) return string.char(~c:byte() & 255) end)))
    module.turn(b)
    a:write("one\n", { "two\n", 3 })
    assert.equal("one", b:read_line())
    assert.equal("two\n3", b:read_exactly(5))
    b:write "answer\n"
    assert.equal("answer", a:read_line())
    assert.equal("turned", a:tls_info())
    assert.same({ a:peer() }, { "" })
  end))

  it("gets what was read ahead, and the end", paired(function(a, b)
    a:write "head\n"
    module.turn(a)
    a:write "body"
    a:close()
    assert.equal("head", b:read_line())
    async.sleep(0.001)
    module.turn(b)
    assert.equal("body", b:read_exactly(4))
    assert.equal("ETRUNCATED", raises("EOFError", b.read, b).code)
  end))

  it("has the same backpressure", paired(function(a, b)
    module.turn(a)
    module.turn(b)
    local writer, accepted = streams.filled(a)
    local reader = async.spawn(function() return #b:read_exactly(accepted + (1 << 20)) end)
    writer:await()
    assert.equal(accepted + (1 << 20), reader:await())
    local again = streams.filled(a)
    again:cancel()
    raises("CancelledError", again.await, again)
    raises("ClosedError", a.write, a, "x")
  end))

  it("goes with its run", function()
    local stream
    async.run(function()
      stream = async.net.pair()
      module.turn(stream)
      start(stream.read, stream)
    end)
    assert.is_true(stream:closed())
  end)
end)
