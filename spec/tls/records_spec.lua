-- SPDX-License-Identifier: MIT
-- What goes over the wire, and what a wire may do to it.
local async = require "saros"
require "saros.busted"
local testing = require "saros.testing"
local tls = require "spec.support.tls"

local MEBIBYTE = 1 << 20

local function caught(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

-- Bytes that tell when one is missing or in the wrong place.
local function numbers(count)
  local parts = {}
  for i = 1, count // 8 do parts[i] = ("%08x"):format(i) end
  return table.concat(parts)
end

-- A stop in a wire's direction: after as many bytes as `limit` it hands on nothing more.
local function cut_after(limit)
  local passed = 0
  return function(data, send)
    local part = data:sub(1, limit() - passed)
    passed = passed + #part
    if #part > 0 then send(part) end
  end
end

describe("TLS", function()
  it("carries much in both directions at once", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local text = numbers(2 * MEBIBYTE)
    local function send(stream)
      return function()
        stream:write(text)
        stream:shutdown()
      end
    end
    local function receive(stream)
      return function() return stream:read_all() end
    end
    local _, _, at_client, at_server = async.gather(send(client), send(server), receive(client), receive(server))
    assert.is_true(text == at_client)
    assert.is_true(text == at_server)
  end)

  it("keeps messages together that many write", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local group <close> = async.task_group()
    for i = 0, 9 do
      group:spawn(function()
        for _ = 1, 20 do client:write { tostring(i):rep(10000), "x", tostring(i):rep(10000), "\n" } end
      end)
    end
    local counts = {}
    for _ = 1, 200 do
      local line = server:read_line()
      local digit = line:sub(1, 1)
      assert.is_true(line == digit:rep(10000) .. "x" .. digit:rep(10000))
      counts[digit] = (counts[digit] or 0) + 1
    end
    for i = 0, 9 do assert.equal(20, counts[tostring(i)]) end
  end)

  it("carries messages of every kind of size", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    for _, size in ipairs { 1, 16383, 16384, 16385, 65535, 65536, 65537, 200001 } do
      local text = numbers(size + 8):sub(1, size)
      local writing = async.spawn(client.write, client, text)
      assert.is_true(text == server:read_exactly(size))
      writing:await()
    end
    client:write({})
    client:write("", "")
    client:write("a", { "b", 1, "c" }, 2.5)
    assert.equal("ab1c2.5", server:read_exactly(7))
  end)

  it("is piped into plain streams, and plain ones into it", function()
    local client, server = tls.pair()
    local near, far = async.net.pair()
    local _held <close> = tls.closing(client, server, near, far)
    local text = numbers(MEBIBYTE)
    local there, back = async.gather(
      function() return server:pipe_to(near) end,
      function() return near:pipe_to(server) end,
      function()
        client:write(text)
        client:shutdown()
        assert.is_true(text == client:read_all())
      end,
      function()
        far:write(far:read_all())
        far:shutdown()
      end)
    assert.equal(#text, there)
    assert.equal(#text, back)
  end)

  it("comes through a wire that hands on byte by byte", function()
    local near, far, _wire = tls.wire(tls.bytewise, tls.bytewise)
    local _held <close> = tls.closing(near, far, _wire)
    tls.shake(near, far)
    local text = numbers(40000)
    local writing = async.spawn(function()
      near:write(text)
      near:shutdown()
    end)
    assert.is_true(text == far:read_all())
    writing:await()
  end)

  it("comes through a wire that collects", function()
    local held = {}
    local near, far, wire = tls.wire()
    local _held <close> = tls.closing(near, far, wire)
    tls.shake(near, far)
    for i = 1, 100 do near:write(("%d\n"):format(i)) end
    for i = 1, 100 do held[i] = far:read_line() end
    assert.equal("1", held[1])
    assert.equal("100", held[100])
    assert.is_truthy(wire)
  end)
end)

describe("the end of data", function()
  it("is one if the peer has said so", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    client:write("last words")
    client:shutdown()
    assert.equal("last words", server:read_all())
    assert.is_nil(server:read())
    server:write("an answer")
    assert.equal("an answer", client:read())
    server:close()
    assert.is_nil(client:read())
  end)

  it("is a truncation if the peer has not, and data comes first", function()
    local near, far, wire = tls.wire()
    local _held <close> = tls.closing(near, far, wire)
    tls.shake(near, far)
    near:write("some")
    assert.equal("some", far:read_exactly(4))
    near:write(" more")
    wire.far_end:write("") -- the rest has been handed on when the next line has come
    assert.equal(" more", far:read_exactly(5))
    near:write("tail")
    testing.settle()
    wire.far_end:shutdown()
    assert.equal("tail", far:read())
    local err = caught(far.read, far)
    assert.equal("EOFError", err.name)
    assert.equal("ETRUNCATED", err.code)
    err = caught(far.read_line, far)
    assert.equal("ETRUNCATED", err.code)
  end)

  it("is a truncation in the midst of a line or a message", function()
    local near, far, wire = tls.wire()
    local _held <close> = tls.closing(near, far, wire)
    tls.shake(near, far)
    near:write("half a li")
    testing.settle()
    wire.far_end:shutdown()
    local err = caught(far.read_line, far)
    assert.equal("EOFError", err.name)
    assert.equal("ETRUNCATED", err.code)
    assert.equal("half a li", err.partial)
  end)

  it("is a truncation in the midst of a record", function()
    local limit = 1 << 40
    local near, far, wire = tls.wire(cut_after(function() return limit end))
    local _held <close> = tls.closing(near, far, wire)
    tls.shake(near, far)
    near:write("whole")
    assert.equal("whole", far:read())
    limit = 0
    near:write(("x"):rep(1000))
    testing.settle()
    wire.far_end:shutdown()
    assert.equal("ETRUNCATED", caught(far.read_all, far).code)
  end)

  it("is a reset if it was one", function()
    local near, far, wire = tls.wire()
    local _held <close> = tls.closing(near, far, wire)
    tls.shake(near, far)
    near:write("first")
    testing.settle()
    wire.far_end:abort()
    local got = far:read()
    assert.equal("first", got)
    local ok, err = pcall(far.read, far)
    assert.is_false(ok)
    assert.is_true(err.code == "ECONNRESET" or err.code == "ETRUNCATED", tostring(err))
  end)

  it("that was forged is none", function()
    local near, far, wire = tls.wire()
    local _held <close> = tls.closing(near, far, wire)
    tls.shake(near, far)
    wire.far_end:write("\x15\x03\x03\x00\x02\x01\x00") -- a close_notify that is not encrypted
    assert.equal("TLSError", caught(far.read, far).name)
  end)
end)

describe("a record", function()
  it("that was changed on its way breaks the connection", function()
    local change = false
    local near, far, _wire = tls.wire(function(data, send)
      if change then data = data:sub(1, -2) .. string.char(data:byte(-1) ~ 1) end
      send(data)
    end)
    local _held <close> = tls.closing(near, far, _wire)
    tls.shake(near, far)
    near:write("right")
    assert.equal("right", far:read())
    change = true
    near:write("wrong")
    local err = caught(far.read, far)
    assert.equal("TLSError", err.name)
    assert.equal("ETLS", err.code)
    assert.matches("changed on its way", err.reason)
    -- The other side is told, which does not break our own words to it.
    err = caught(near.read, near)
    assert.equal("TLSError", err.name)
  end)

  it("that is repeated breaks the connection", function()
    local double = false
    local near, far, _wire = tls.wire(function(data, send)
      send(double and data .. data or data)
    end)
    local _held <close> = tls.closing(near, far, _wire)
    tls.shake(near, far)
    double = true
    near:write("once")
    assert.equal("once", far:read_exactly(4))
    assert.equal("TLSError", caught(far.read, far).name)
  end)
end)

describe("a peer that never reads", function()
  it("holds up who writes, within bounds", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local written = 0
    local _writing <close> = async.spawn(function()
      local block = ("x"):rep(MEBIBYTE)
      while true do
        client:write(block)
        written = written + 1
      end
    end)
    testing.settle()
    local before = written
    testing.settle()
    assert.equal(before, written)
    assert.is_true(written < 32)
    assert.is_truthy(server)
  end)

  it("does not hold up what it says itself", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local writing <close> = async.spawn(function() client:write(("x"):rep(16 * MEBIBYTE)) end)
    testing.settle()
    server:write("still here")
    assert.equal("still here", client:read())
    assert.is_false(writing:done())
  end)

  it("does not hold up closing", function()
    local client, server <close> = tls.pair()
    local writing = async.spawn(function() client:write(("x"):rep(16 * MEBIBYTE)) end)
    testing.settle()
    client:abort()
    async.wait { writing }
    assert.equal("ClosedError", writing:error().name)
    assert.is_truthy(server)
  end)
end)

describe("who does not read", function()
  it("keeps what has come within bounds, and loses nothing", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local text = numbers(8 * MEBIBYTE)
    local writing = async.spawn(function()
      client:write(text)
      client:shutdown()
    end)
    assert.equal(text:sub(1, 8), server:read_exactly(8))
    testing.settle()
    assert.is_false(writing:done())
    assert.is_true(text:sub(9) == server:read_all())
    writing:await()
  end)
end)

describe("closing", function()
  it("tells the peer, behind all that was written", function()
    local client, server <close> = tls.pair()
    client:write(("x"):rep(50000))
    client:close()
    assert.equal(50000, #server:read_all())
  end)

  it("wakes who reads and who shakes hands", function()
    local client, server <close> = tls.pair()
    local reading = async.spawn(client.read, client)
    async.sleep(0)
    client:close()
    async.wait { reading }
    assert.equal("ClosedError", reading:error().name)

    local lonely, _other <close> = async.net.pair()
    local shaking = async.spawn(lonely.start_tls, lonely, tls.client())
    async.sleep(0)
    lonely:close()
    async.wait { shaking }
    assert.equal("ClosedError", shaking:error().name)
    assert.is_truthy(server)
  end)

  it("without a word is a truncation for the peer", function()
    local client, server <close> = tls.pair()
    client:write("x")
    assert.equal("x", server:read())
    client:abort()
    local err = caught(server.read, server)
    assert.is_true(err.code == "ETRUNCATED" or err.code == "ECONNRESET", tostring(err))
  end)
end)

describe("a cancelled", function()
  it("read loses no byte", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local text, got = numbers(100000), {}
    local writing = async.spawn(function()
      for i = 1, #text, 1000 do
        client:write(text:sub(i, i + 999))
        async.sleep(0)
      end
    end)
    local size = 0
    while size < #text do
      local reading = async.spawn(server.read, server, 700)
      async.sleep(0)
      reading:cancel()
      async.wait { reading }
      got[#got + 1] = reading:status() == "done" and reading:result() or server:read(700)
      size = size + #got[#got]
    end
    assert.is_true(text == table.concat(got))
    writing:await()
  end)

  it("handshake closes the stream", function()
    local client, _server = async.net.pair()
    local _held <close> = tls.closing(client, _server)
    local shaking = async.spawn(client.start_tls, client, tls.client())
    async.sleep(0)
    shaking:cancel()
    async.wait { shaking }
    assert.equal("cancelled", shaking:status())
    assert.is_true(client:closed())
  end)

  it("handshake that has not begun leaves the stream as it is", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    local task = async.spawn(function()
      pcall(async.sleep, 10)
      client:start_tls(tls.client())
    end)
    async.sleep(0)
    task:cancel()
    async.wait { task }
    assert.equal("cancelled", task:status())
    client:write("plain\n")
    assert.equal("plain", server:read_line())
  end)
end)
