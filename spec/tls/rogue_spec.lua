-- SPDX-License-Identifier: MIT
-- Peers that ask for too much; rogue.c is what they are made of.
local async = require "saros"
require "saros.busted"
local toolchain = require "spec.embed.toolchain"
local tls = require "spec.support.tls"
local files = tls.certificates

local rogue

local function caught(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

-- A stream of ours with these options of TLS, the stream in plain at its other end, and the rogue side that speaks
-- there, once they have shaken hands.
local function shake_hands(options, side)
  local stream, far = async.net.pair()
  local shaking = async.spawn(stream.start_tls, stream, options)
  while not side:shake() do
    far:write(side:drain())
    side:feed(far:read())
  end
  far:write(side:drain())
  shaking:await()
  return stream, far, side
end

-- A client of ours with a rogue server.
local function connect(version)
  return shake_hands(tls.client(), rogue.server(files.server, files.server_key, version))
end

-- A server of ours with a rogue client.
local function accept(version)
  return shake_hands(tls.server(), rogue.client(version))
end

-- Leaves what OpenSSL says of a peer that does not speak TLS in the queue of errors, as somebody else's code may.
local function leave_errors()
  local side = rogue.server(files.server, files.server_key)
  side:feed("nobody speaks TLS here")
  assert.is_false(side:shake())
end

describe("a peer", function()
  local workshop

  setup(function()
    workshop = toolchain.open()
    rogue = assert(package.loadlib(workshop:compile("spec/tls/rogue.c", "rogue.so", "openssl"), "luaopen_rogue"))()
  end)

  teardown(function() workshop:close() end)

  it("may ask for new keys now and then", function()
    local server, far, side = accept()
    local _held <close> = tls.closing(server, far)
    assert.is_true(side:update_keys())
    side:write("with new keys")
    far:write(side:drain())
    assert.equal("with new keys", server:read())
    server:write("likewise")
    local answer
    while not answer do -- our new keys come first
      side:feed(far:read())
      answer = side:read()
    end
    assert.equal("likewise", answer)
  end)

  it("that asks for new keys without end and never reads is not read any more", function()
    local server, far, side = accept()
    local _held <close> = tls.closing(server, far)
    local reading <close> = async.spawn(server.read, server)
    local sent = 0
    local sending <close> = async.spawn(function()
      while true do
        for _ = 1, 1000 do assert(side:update_keys()) end
        local bytes = side:drain()
        far:write(bytes)
        sent = sent + #bytes
      end
    end)
    repeat
      local before = sent
      async.sleep(0.1)
    until sent == before
    assert.is_true(sent < 16 << 20)
    assert.equal("pending", sending:status())
    assert.equal("pending", reading:status())
  end)

  it("may not begin another handshake: a client", function()
    local server, far, side = accept(12)
    local _held <close> = tls.closing(server, far)
    assert.is_true(side:renegotiate())
    far:write(side:drain())
    local reading = async.spawn(server.read, server)
    side:feed(far:read())
    assert.is_nil(side:read())
    assert.is_false(side:shake())
    far:close()
    async.wait { reading }
    assert.is_true(async.is_error(reading:error()), tostring(reading:error()))
  end)

  it("may not begin another handshake: a server", function()
    local client, far, side = connect(12)
    local _held <close> = tls.closing(client, far)
    assert.is_true(side:renegotiate())
    side:write("data")
    far:write(side:drain())
    assert.equal("data", client:read())
    client:write("more")
    side:feed(far:read_exactly(1) .. far:read())
    assert.is_nil(client:tls_info().resumed or nil)
  end)

  it("that speaks an old version is refused where only the new one will do", function()
    local far, server = async.net.pair()
    local _held <close> = tls.closing(far, server)
    local side = rogue.client(12)
    local shaking = async.spawn(server.start_tls, server, tls.server { min_version = "1.3" })
    side:shake()
    far:write(side:drain())
    async.wait { shaking }
    assert.equal("the peer has no version of TLS that is allowed here", shaking:error().reason)
    local client, other = async.net.pair()
    local _held_too <close> = tls.closing(client, other)
    local old = rogue.server(files.server, files.server_key, 12)
    async.spawn(function()
      old:feed(other:read())
      old:shake()
      other:write(old:drain())
    end)
    local err = caught(client.start_tls, client, tls.client { min_version = "1.3" })
    assert.matches("version", err.reason)
  end)

  it("may know TLS 1.2 only", function()
    local client, far, side = connect(12)
    local _held <close> = tls.closing(client, far)
    assert.equal("1.2", client:tls_info().version)
    side:write("x")
    far:write(side:drain())
    assert.equal("x", client:read())
  end)

  -- Tickets come first: OpenSSL empties the queue itself when it is told of them.
  local function hear(client, far, side)
    side:write("first")
    far:write(side:drain())
    assert.equal("first", client:read())
  end

  it("is not charged with errors that others have left to OpenSSL: parts of a record", function()
    local client, far, side = connect()
    local _held <close> = tls.closing(client, far)
    hear(client, far, side)
    side:write("whole")
    local whole = side:drain()
    side:write("parted")
    local parted = side:drain()
    leave_errors()
    far:write(whole .. parted:sub(1, 9))
    assert.equal("whole", client:read())
    leave_errors()
    far:write(parted:sub(10))
    assert.equal("parted", client:read())
    client:write("more")
    side:feed(far:read())
    assert.equal("more", side:read())
  end)

  it("is not charged with errors that others have left to OpenSSL: the end", function()
    local client, far, side = connect()
    local _held <close> = tls.closing(client, far)
    hear(client, far, side)
    side:finish()
    local goodbye = side:drain()
    leave_errors()
    far:write(goodbye)
    assert.is_nil(client:read())
  end)

  it("is not charged with errors that others have left to OpenSSL: a failure", function()
    local client, far, side = connect()
    local _held <close> = tls.closing(client, far)
    hear(client, far, side)
    side:write("data")
    local record = side:drain()
    leave_errors()
    far:write(record:sub(1, -2) .. string.char(record:byte(-1) ~ 1))
    assert.equal("a record was changed on its way (bad record MAC)", caught(client.read, client).reason)
  end)
end)
