-- SPDX-License-Identifier: MIT
-- Telling of a connection needs memory, so the collector works, and a finalizer may close it in the midst of that.

local async = require "saros"
require "saros.busted"
local tls = require "spec.support.tls"

-- Calls fn() until the collector, which begins with so much garbage, has closed the stream meanwhile. What fn returned
-- in that call.
local function closed_within(stream, garbage, fn)
  collectgarbage()
  collectgarbage "stop"
  local mode = collectgarbage("incremental", 1, 1000)
  setmetatable({}, { __gc = function() stream:close() end })
  for _ = 1, garbage do setmetatable({}, {}) end
  collectgarbage "restart"
  local results
  repeat results = table.pack(pcall(fn)) until stream:closed()
  collectgarbage(mode)
  return table.unpack(results)
end

describe("a finalizer that closes a stream over TLS", function()
  it("leaves what tls_info tells whole", function()
    local whole = 0
    for garbage = 0, 1500, 50 do
      local client, server = async.net.pair()
      local _held <close> = tls.closing(client, server)
      tls.shake(client, server)
      local ok, info = closed_within(client, garbage, function() return client:tls_info() end)
      if ok then
        whole = whole + 1
        assert.equal("1.3", info.version)
        assert.matches("CN=", info.peer_certificate.subject)
        assert.equal(64, #info.peer_certificate.sha256)
        assert.matches("^%-%-%-%-%-BEGIN CERTIFICATE", info.peer_certificate.pem)
      else
        assert.is_true(async.is_error(info, "ClosedError"))
      end
    end
    assert.is_true(whole > 0)
  end)
end)
