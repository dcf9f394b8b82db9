-- SPDX-License-Identifier: MIT
local async = require "saros"
require "saros.busted"
local tls = require "spec.support.tls"
local files = tls.certificates

local options = { tls = { cert = files.server, key = files.server_key } }

local function caught(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

-- What was reported while fn ran.
local function reported(fn)
  local reports = {}
  async.on_error(function(err) reports[#reports + 1] = err end)
  local ok, err = pcall(fn, reports)
  async.sleep(0) -- what has just failed is reported in the next turn
  collectgarbage() -- a failure is reported when nobody can look at it any more
  collectgarbage()
  async.on_error(nil)
  if not ok then error(err, 0) end
  return reports
end

-- Serves `handler` while fn(host, port, server) runs.
local function with_server(handler, fn, other)
  local server <close> = async.net.listen("127.0.0.1", 0, other or options)
  local _serving <close> = async.spawn(server.serve, server, handler)
  local host, port = server:address()
  fn(host, port, server)
end

local function echo(stream)
  for data in stream:chunks() do stream:write(data) end
end

describe("a server over TLS", function()
  it("serves clients", function()
    with_server(echo, function(host, port)
      local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
      client:write("hello\n")
      assert.equal("hello", client:read_line())
      assert.is_true(client:tls_info().verified)
      assert.equal("127.0.0.1", client:tls_info().server_name)
    end)
  end)

  it("gives its handler what the handshake came to", function()
    local info
    with_server(function(stream) info = stream:tls_info() end, function(host, port)
      local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca, server_name = "localhost" } })
      assert.is_nil(client:read())
      assert.equal("localhost", info.server_name)
    end)
  end)

  it("lets clients in one after the other even when no callback of a task was called, for want of memory", function()
    local Task = getmetatable(async.current_task()).__index
    local on_done = Task.on_done
    Task.on_done = function(task) return task end
    local _restore <close> = setmetatable({}, { __close = function() Task.on_done = on_done end })
    local limited = { max_connections = 1, tls = options.tls }
    with_server(function(stream) stream:write "served" end, function(host, port)
      for _ = 1, 3 do
        local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
        assert.equal("served", client:read_all())
      end
    end, limited)
  end)

  it("accepts one by one, after the handshake", function()
    local server <close> = async.net.listen("127.0.0.1", 0, options)
    local host, port = server:address()
    local accepting = async.spawn(server.accept, server)
    local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
    local stream <close> = accepting:await()
    assert.equal("1.3", stream:tls_info().version)
    stream:write("x")
    assert.equal("x", client:read())
  end)

  it("shakes many hands beside each other, the silent ones too", function()
    local reports = reported(function()
      with_server(echo, function(host, port)
        local silent = {}
        for i = 1, 20 do silent[i] = async.net.connect(host, port) end
        async.map({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function(i)
          local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
          client:write(("%d\n"):format(i))
          assert.equal(tostring(i), client:read_line())
        end)
        for _, stream in ipairs(silent) do stream:close() end
      end)
    end)
    for _, err in ipairs(reports) do assert.matches("closed the connection", err.reason) end
  end)

  it("waits for a hand only so long, and reports it", function()
    local impatient = { tls = { cert = files.server, key = files.server_key, timeout = 0.5 } }
    local reports = reported(function()
      with_server(echo, function(host, port)
        local silent <close> = async.net.connect(host, port)
        assert.is_nil(silent:read())
        local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
        client:write("x\n")
        assert.equal("x", client:read_line())
      end, impatient)
    end)
    assert.equal(1, #reports)
    assert.equal("TimeoutError", reports[1].name)
    assert.equal(0.5, reports[1].seconds)
    assert.equal("127.0.0.1", reports[1].host)
  end)

  it("reports a handshake that failed, and lives on", function()
    local reports = reported(function()
      with_server(echo, function(host, port)
        local plain <close> = async.net.connect(host, port)
        plain:write("GET / HTTP/1.1\r\n\r\n")
        pcall(plain.read_all, plain)
        local stranger = caught(async.net.connect, host, port, { tls = { ca_file = files.stranger } })
        assert.matches("not known", stranger.reason)
        local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
        client:write("x\n")
        assert.equal("x", client:read_line())
      end)
    end)
    assert.equal(2, #reports)
    table.sort(reports, function(a, b) return a.reason > b.reason end)
    assert.equal("TLSError", reports[1].name)
    assert.equal("the peer speaks plain HTTP, not TLS", reports[1].reason)
    assert.equal("127.0.0.1", reports[1].host)
    assert.equal("number", type(reports[1].port))
    assert.matches("does not know the authority", reports[2].reason)
  end)

  it("reports it also where nobody accepts any more", function()
    local is_reported = async.event()
    local server <close> = async.net.listen("127.0.0.1", 0, options)
    local host, port = server:address()
    local accepting = async.spawn(server.accept, server)
    local rude <close> = async.net.connect(host, port)
    local _client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
    local _stream <close> = accepting:await()
    async.on_error(function(err) if err.name == "TLSError" then is_reported:set() end end)
    rude:write("GET / HTTP/1.1\r\n\r\n")
    local ok = pcall(async.wait_for, function() is_reported:wait() end, 10)
    async.on_error(nil)
    assert.is_true(ok)
  end)

  it("counts those whose hands are being shaken among max_connections", function()
    local limited = { tls = options.tls, max_connections = 1 }
    local reports = reported(function()
      with_server(echo, function(host, port)
        local silent <close> = async.net.connect(host, port)
        async.sleep(0.02) -- it is accepted
        local connecting <close> = async.spawn(async.net.connect, host, port, { tls = { ca_file = files.ca } })
        async.sleep(0.05)
        assert.equal("pending", connecting:status())
        silent:close()
        local client <close> = connecting:await()
        client:write("x\n")
        assert.equal("x", client:read_line())
      end, limited)
    end)
    assert.equal(1, #reports)
  end)

  it("accepts another one as soon as a handler ends, whoever else shakes hands", function()
    local limited = { tls = options.tls, max_connections = 2 }
    reported(function()
      with_server(echo, function(host, port)
        local trusting = { tls = { ca_file = files.ca } }
        local first <close> = async.net.connect(host, port, trusting)
        first:write("1\n")
        assert.equal("1", first:read_line()) -- it is served
        local silent <close> = async.net.connect(host, port)
        local waiting <close> = async.spawn(async.net.connect, host, port, trusting)
        async.sleep(0.05)
        assert.equal("pending", waiting:status())
        first:close()
        local second <close> = waiting:await()
        second:write("2\n")
        assert.equal("2", second:read_line())
        assert.is_false(silent:closed())
      end, limited)
    end)
  end)

  it("closes while hands are being shaken", function()
    local silent
    local reports = reported(function()
      with_server(echo, function(host, port, server)
        silent = async.net.connect(host, port)
        async.sleep(0.01)
        server:shutdown(0)
      end)
    end)
    assert.same({}, reports)
    local ok, data = pcall(silent.read, silent)
    assert.is_true(not ok or data == nil)
    silent:close()
  end)

  it("needs a certificate", function()
    local err = caught(async.net.listen, "127.0.0.1", 0, { tls = true })
    assert.matches("bad argument #3 to 'listen' %(option 'tls': a server needs 'cert'", err)
    err = caught(async.net.serve, echo, "127.0.0.1", 0, { tls = true })
    assert.matches("bad argument #4 to 'serve' %(option 'tls': a server needs 'cert'", err)
  end)

  it("says at once when its certificate cannot be used", function()
    local err = caught(async.net.listen, "127.0.0.1", 0, { tls = { cert = "/nowhere" } })
    assert.equal("ENOENT", err.code)
    assert.equal("/nowhere", err.path)
    assert.equal(caught(async.fs.open, "/nowhere").message, err.message)
  end)
end)

describe("connect over TLS", function()
  it("proves the name it was given", function()
    with_server(echo, function(_, port)
      local client <close> = async.net.connect("localhost", port, { tls = { ca_file = files.ca }, family = 4 })
      assert.equal("localhost", client:tls_info().server_name)
    end)
  end)

  it("says with whom the handshake failed, and leaves no socket behind", function()
    reported(function()
      with_server(echo, function(_, port)
        local err = caught(async.net.connect, "localhost", port, { tls = true, family = 4 })
        assert.equal("TLSError", err.name)
        assert.equal("localhost", err.host)
        assert.equal(port, err.port)
        assert.matches("^TLS with localhost:%d+ failed in the handshake: ", err.message)
      end)
    end)
  end)

  it("takes the handshake into its time", function()
    local server <close> = async.net.listen("127.0.0.1", 0)
    local host, port = server:address()
    local err = caught(async.net.connect, host, port, { tls = true, timeout = 0.05 })
    assert.equal("TimeoutError", err.name)
  end)

  it("can be cancelled in the handshake", function()
    local server <close> = async.net.listen("127.0.0.1", 0)
    local host, port = server:address()
    local connecting = async.spawn(async.net.connect, host, port, { tls = { ca_file = files.ca } })
    local accepted <close> = server:accept()
    connecting:cancel()
    async.wait { connecting }
    assert.equal("cancelled", connecting:status())
    local _, data = pcall(accepted.read_all, accepted)
    assert.is_truthy(data)
  end)

  it("names its mistakes", function()
    local err = caught(async.net.connect, "127.0.0.1", 1, { tls = { client_ca = files.ca } })
    assert.matches("bad argument #3 to 'connect' %(option 'client_ca' is for a server%)", err)
  end)
end)
