-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: TLS over two connected streams, and connecting to a server. OpenSSL does not always say
-- that it had no memory: it may send an alert instead, or take a session for one that cannot be resumed.
local async = require "saros"
local testing = require "saros.testing"
local check = require "spec.faults.check"

require "saros.net.tls"
require "saros.net.handshakes"

local MEMORY = "not enough memory"

-- What a fault within OpenSSL looks like from outside: to the other side the connection ends.
local CONSEQUENCES = {
  TLSError = true, EOFError = true, ClosedError = true, SystemError = true, GroupError = true, TimeoutError = true,
}

local function run(fn)
  local ok, err = pcall(testing.run, fn)
  if ok then return end
  error(async.is_error(err) and CONSEQUENCES[err.name] and MEMORY or err, 0)
end

return function(files)
  local scenarios = {}
  local client_options = { ca_file = files.ca, server_name = "localhost", timeout = 5 }
  local server_options = { server = true, cert = files.server, key = files.server_key, timeout = 5 }

  local function scenario(name, fn)
    scenarios[name] = check.scenario(function() run(fn) end)
  end

  scenario("handshake", function()
    local client, server = async.net.pair()
    local _client <close> = client
    local _server <close> = server
    async.gather(function() client:start_tls(client_options) end, function() server:start_tls(server_options) end)
    client:write("question\n")
    assert(server:read_line() == "question")
    server:write(("x"):rep(40000))
    server:shutdown()
    assert(#client:read_all() == 40000)
    assert(client:tls_info().verified)
  end)

  scenario("server", function()
    local server <close> = async.net.listen("127.0.0.1", 0, { tls = { cert = files.server, key = files.server_key } })
    local host, port = server:address()
    async.gather(function()
      server:serve(function(stream) stream:write(stream:read_line() .. "!\n") end)
    end, function()
      for _ = 1, 2 do
        local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca }, timeout = 3 })
        client:write("hello\n")
        -- The fault may have struck the handler, which ends its connection.
        if client:read_line() ~= "hello!" then error(MEMORY, 0) end
      end
      server:close()
    end)
    server:shutdown(0)
  end)

  scenario("refused", function()
    local client, server = async.net.pair()
    local _client <close> = client
    local _server <close> = server
    async.gather(function()
      local ok, err = pcall(client.start_tls, client, { server_name = "other.example", ca_file = files.ca })
      client:close()
      assert(not ok)
      -- The fault may have struck the other side, of which one sees that it went away.
      if not tostring(err):find("not for other.example", 1, true) then error(MEMORY, 0) end
    end, function()
      pcall(server.start_tls, server, server_options)
      server:close()
    end)
  end)

  return scenarios
end
