-- SPDX-License-Identifier: MIT
-- Which connections keep the buffers of OpenSSL: those that were used last.
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local tls = require "spec.support.tls"

local inside = tasks.inside

-- More than keep their buffers.
local MANY = 100

-- Says something in each direction.
local function talk(client, server)
  client:write "ping"
  assert.equal("ping", server:read_exactly(4))
  server:write "pong"
  assert.equal("pong", client:read_exactly(4))
end

-- So many pairs of connections that have been used.
local function pairs_of(count)
  local all = {}
  for i = 1, count do
    all[i] = { tls.pair() }
    talk(table.unpack(all[i]))
  end
  return all
end

local function close(all)
  for _, pair in ipairs(all) do
    for _, stream in ipairs(pair) do stream:close() end
  end
end

describe("connections over TLS, more than keep buffers,", function()
  it("go on where they were", inside(function()
    local all = pairs_of(MANY)
    for _ = 1, 2 do
      for _, pair in ipairs(all) do talk(pair[1], pair[2]) end
    end
    close(all)
  end))

  -- So many bytes of it come before others are used: its head, and a part of the rest.
  for _, count in ipairs { 5, 10 } do
    it(("lose no part of a record of which %d bytes have come while others are used"):format(count), inside(function()
      local go_on = async.event()
      local is_halved = false
      local near, far, wire = tls.wire(function(data, send)
        if is_halved then
          send(data:sub(1, count))
          go_on:wait()
          data = data:sub(count + 1)
        end
        send(data)
      end)
      local _held <close> = wire
      local client, server = tls.shake(near, far)
      talk(client, server)
      is_halved = true
      local reader = async.spawn(function() return server:read_exactly(1000) end)
      client:write(("x"):rep(1000))
      local all = pairs_of(MANY)
      go_on:set()
      assert.equal(("x"):rep(1000), reader:await())
      client:close()
      server:close()
      close(all)
    end))
  end

  it("need no more memory than without buffers while they idle", function()
    local result = script [[
      local proc = require "spec.support.proc"
      local tls = require "spec.support.tls"
      async.run(function()
        local all = {}
        local function open(count)
          for _ = 1, count do
            local client, server = tls.pair()
            client:write "ping"
            server:read_exactly(4)
            server:write "pong"
            client:read_exactly(4)
            all[#all + 1] = { client, server }
          end
          return proc.resident()
        end
        local before = open(100)
        local after = open(200)
        print(not before or (after - before) / 400 < 27000 or (after - before) / 400) -- 34000 with buffers
        for _, pair in ipairs(all) do
          for _, stream in ipairs(pair) do stream:close() end
        end
      end)
    ]]
    assert.same({ 0, "true\n" }, { result.code, result.out }, result.err)
  end)
end)
