-- SPDX-License-Identifier: MIT
-- What the specs of streams and sockets share.

local assert = require "luassert"
local async = require "saros"
local testing = require "saros.testing"

local streams = {}

-- Two streams that are connected over TCP: the client's, and that of the server.
function streams.tcp_pair()
  local server <close> = async.net.listen("127.0.0.1", 0)
  local _, port = server:address()
  local client = async.net.connect("127.0.0.1", port)
  return client, server:accept()
end

-- The body of an `it`: fn(a, b) with the two streams that connect() gives, in a test, where what is left open is a
-- failure.
local function with_both(connect, fn)
  return function()
    testing.run(function()
      local a, b = connect()
      local left <close> = a
      local right <close> = b
      fn(left, right)
    end)
  end
end

-- The same, with two streams that are connected with each other.
function streams.paired(fn)
  return with_both(function() return async.net.pair() end, fn)
end

-- The same, connected over TCP.
function streams.over_tcp(fn)
  return with_both(streams.tcp_pair, fn)
end

-- The Error object of that name that fn(...) raises.
function streams.raises(name, fn, ...)
  local ok, err = pcall(fn, ...)
  assert(not ok, "it did not fail")
  assert(async.is_error(err, name), ("%s expected, got %s"):format(name, tostring(err)))
  return err
end

-- Writes into a stream that nobody reads until a write waits, however long the loop turns; returns its task, whose
-- bytes have left in part, and how many bytes were accepted before.
function streams.filled(stream)
  local piece, count = ("f"):rep(1 << 20), 0
  while true do
    local task = async.spawn(stream.write, stream, piece)
    for _ = 1, 100 do
      if task:done() then break end
      async.sleep(0)
    end
    if not task:done() then return task, count end
    task:await()
    count = count + #piece
    assert(count < 64 << 20, "the writes find no end")
  end
end

return streams
