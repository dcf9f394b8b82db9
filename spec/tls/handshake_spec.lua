-- SPDX-License-Identifier: MIT
local async = require "saros"
local busted = require "saros.busted"
local script = require "spec.support.script"
local tls = require "spec.support.tls"
local files = tls.certificates

local function caught(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

-- What went wrong on the client's side.
local function refused(client_options, server_options)
  local err = tls.failures(client_options, server_options)
  assert.is_true(async.is_error(err, "TLSError"), tostring(err))
  assert.equal("ETLS", err.code)
  return err.reason
end

describe("a handshake", function()
  it("gives both sides the stream they began with, encrypted", function()
    local client, server = async.net.pair()
    local same_client, same_server = tls.shake(client, server)
    assert.equal(client, same_client)
    assert.equal(server, same_server)
    client:write("ping\n")
    assert.equal("ping", server:read_line())
    server:write("pong\n")
    assert.equal("pong", client:read_line())
    client:close()
    assert.is_nil(server:read())
    server:close()
  end)

  it("tells what it came to", function()
    local client, server = tls.pair()
    local _held <close> = tls.closing(client, server)
    local info = client:tls_info()
    assert.equal("1.3", info.version)
    assert.matches("^TLS_", info.cipher)
    assert.equal("localhost", info.server_name)
    assert.is_true(info.verified)
    assert.is_false(info.resumed)
    assert.is_nil(info.alpn)
    assert.equal("localhost", server:tls_info().server_name)
    assert.is_false(server:tls_info().verified)
    assert.is_nil(server:tls_info().peer_certificate)
  end)

  it("tells what the certificate of the peer says", function()
    local client, _server = tls.pair()
    local _held <close> = tls.closing(client, _server)
    local certificate = client:tls_info().peer_certificate
    assert.equal("CN=server", certificate.subject)
    assert.equal("CN=ca", certificate.issuer)
    assert.same({ "localhost", "example.test", "127.0.0.1", "::1" }, certificate.names)
    assert.matches("^%x+$", certificate.serial)
    assert.matches("^%x+$", certificate.sha256)
    assert.equal(64, #certificate.sha256)
    assert.is_true(certificate.not_before <= os.time() and os.time() < certificate.not_after)
    local file <close> = assert(io.open(files.server))
    assert.equal(file:read("a"), certificate.pem)
  end)

  it("is none on a stream that is plain", function()
    local client, _server = async.net.pair()
    local _held <close> = tls.closing(client, _server)
    assert.is_nil(client:tls_info())
  end)

  it("may follow words in plain", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    local serving = async.spawn(function()
      assert.equal("STARTTLS", server:read_line())
      server:write("go ahead\n")
      server:start_tls(tls.server())
      server:write("secret\n")
    end)
    client:write("STARTTLS\n")
    assert.equal("go ahead", client:read_line())
    client:start_tls(tls.client())
    assert.equal("secret", client:read_line())
    serving:await()
  end)

  it("takes what was read ahead for the peer's hello, not for data", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    client:write("STARTTLS\n")
    local shaking = async.spawn(function() return client:start_tls(tls.client()) end)
    async.sleep(0.01)
    assert.equal("STARTTLS", server:read_line())
    server:start_tls(tls.server())
    shaking:await()
    client:write("after\n")
    assert.equal("after", server:read_line())
  end)

  it("lets nobody smuggle plain words in front of the encrypted ones", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    client:write("STARTTLS\nEXPUNGE ALL\n")
    assert.equal("STARTTLS", server:read_line())
    local err = caught(server.start_tls, server, tls.server())
    assert.equal("TLSError", err.name)
    assert.matches('does not speak TLS: it began with "EXPUNGE ALL', err.reason)
    assert.is_true(server:closed())
  end)

  it("can be done inside another", function()
    local client, server = tls.pair()
    tls.shake(client, server)
    client:write(("x"):rep(100000) .. "\n")
    assert.equal(100000, #server:read_line())
    client:close()
    assert.is_nil(server:read())
    server:close()
  end)
end)

describe("verification", function()
  it("takes names and addresses that the certificate is for", function()
    for _, name in ipairs { "localhost", "example.test", "example.test.", "LOCALHOST", "127.0.0.1", "::1" } do
      local client, _server = tls.pair { server_name = name }
      local _held <close> = tls.closing(client, _server)
      assert.is_true(client:tls_info().verified)
    end
  end)

  it("tells the server names, not addresses", function()
    for name, told in pairs { localhost = "localhost", ["example.test."] = "example.test", ["127.0.0.1"] = false } do
      local _client, server = tls.pair { server_name = name }
      local _held <close> = tls.closing(_client, server)
      assert.equal(told or nil, server:tls_info().server_name)
    end
  end)

  it("says for whom a certificate is when it is for another", function()
    local other = { cert = files.other, key = files.other_key }
    assert.equal("the certificate is for other.example, www.other.example, not for localhost", refused({}, other))
    assert.matches("not for 127.0.0.2$", refused({ server_name = "127.0.0.2" }))
    assert.matches("not for ::2$", refused({ server_name = "::2" }))
  end)

  it("says that a certificate has expired", function()
    assert.equal("the certificate has expired", refused({}, { cert = files.expired, key = files.expired_key }))
  end)

  it("says that nobody vouches for a certificate", function()
    assert.matches("self%-signed", refused({}, { cert = files.stranger, key = files.stranger_key }))
    assert.matches("authority that is not known", refused({ ca_file = files.stranger }))
  end)

  it("trusts nobody but those whom the system trusts where no one is named", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    local serving = async.spawn(function() return pcall(server.start_tls, server, tls.server()) end)
    local err = caught(client.start_tls, client, { server_name = "localhost" })
    assert.matches("authority that is not known", err.reason)
    serving:await()
  end)

  it("trusts those whom SSL_CERT_FILE names, as other programs do", busted.outside(function()
    local source = [[
async.run(function()
  local client, server = async.net.pair()
  async.spawn(server.start_tls, server, { server = true, cert = "%s", key = "%s" })
  print(client:start_tls({ server_name = "localhost" }):tls_info().verified)
end)
]]
    local ended = script(source:format(files.server, files.server_key), { env = { SSL_CERT_FILE = files.ca } })
    assert.equal("true\n", ended.out, ended.err)
  end))

  it("is not done where it is not wanted", function()
    local client, _server = tls.pair({ verify = false, server_name = "nonsense.example" },
      { cert = files.expired, key = files.expired_key })
    local _held <close> = tls.closing(client, _server)
    assert.is_false(client:tls_info().verified)
    assert.equal("CN=expired", client:tls_info().peer_certificate.subject)
  end)

  it("tells both sides why there is no connection", function()
    local client_error, server_error = tls.failures { ca_file = files.stranger }
    assert.matches("authority that is not known", client_error.reason)
    assert.matches("does not know the authority", server_error.reason)
  end)
end)

describe("a client's certificate", function()
  local wanted = { client_ca = files.ca }
  local own = { cert = files.client, key = files.client_key }

  it("is shown to a server that asks", function()
    local _client, server = tls.pair(own, wanted)
    local _held <close> = tls.closing(_client, server)
    assert.is_true(server:tls_info().verified)
    assert.equal("CN=client", server:tls_info().peer_certificate.subject)
  end)

  it("is missed by a server that insists", function()
    local client_error, server_error = tls.failures({}, wanted)
    assert.matches("the client has shown no certificate", server_error.reason)
    assert.matches("wants a certificate of ours", client_error.reason)
  end)

  it("is refused if another authority has signed it", function()
    local client_error, server_error = tls.failures({ cert = files.stranger, key = files.stranger_key }, wanted)
    assert.matches("self%-signed", server_error.reason)
    assert.matches("does not know the authority", client_error.reason)
  end)

  it("need not be shown to a server that only asks", function()
    local client, server = tls.pair({}, { client_ca = files.ca, verify = false })
    local _held <close> = tls.closing(client, server)
    assert.is_false(server:tls_info().verified)
    assert.is_nil(server:tls_info().peer_certificate)
    server:write("x")
    assert.equal("x", client:read())
  end)
end)

describe("ALPN", function()
  it("takes what the server likes best of what the client knows", function()
    local client, server = tls.pair({ alpn = { "a", "b", "c" } }, { alpn = { "d", "c", "b" } })
    local _held <close> = tls.closing(client, server)
    assert.equal("c", client:tls_info().alpn)
    assert.equal("c", server:tls_info().alpn)
  end)

  it("takes a single name", function()
    local client, _server = tls.pair({ alpn = "http/1.1" }, { alpn = "http/1.1" })
    local _held <close> = tls.closing(client, _server)
    assert.equal("http/1.1", client:tls_info().alpn)
  end)

  it("is nothing where one side does not care", function()
    local client, _server = tls.pair({ alpn = "a" })
    local _held <close> = tls.closing(client, _server)
    assert.is_nil(client:tls_info().alpn)
    local _another, server = tls.pair({}, { alpn = "a" })
    local _held_too <close> = tls.closing(_another, server)
    assert.is_nil(server:tls_info().alpn)
  end)

  it("refuses a client with which there is nothing in common", function()
    local client_error, server_error = tls.failures({ alpn = "a" }, { alpn = "b" })
    assert.matches("ALPN", client_error.reason)
    assert.matches("ALPN", server_error.reason)
  end)
end)

describe("versions", function()
  it("of TLS can be asked for", function()
    local client, _server = tls.pair({ min_version = "1.3" }, { min_version = "1.3" })
    local _held <close> = tls.closing(client, _server)
    assert.equal("1.3", client:tls_info().version)
  end)
end)

describe("a session", function()
  local function resumed(client_options, server_options)
    local client, server = tls.pair(client_options, server_options)
    local _held <close> = tls.closing(client, server)
    server:write("x")
    assert.equal("x", client:read()) -- with it came the tickets
    assert.equal(client:tls_info().resumed, server:tls_info().resumed)
    return client:tls_info().resumed
  end

  -- Options that no other spec has, and so a context of their own.
  local function fresh(options)
    return tls.client { alpn = options.alpn, server_name = options.server_name }
  end

  local function connect(server, options)
    local host, port = server:address()
    local client <close> = async.net.connect(host, port, { tls = options })
    assert.equal("x", client:read())
    return client:tls_info().resumed
  end

  local function serve()
    return async.net.listen("127.0.0.1", 0, { tls = { cert = files.server, key = files.server_key } })
  end

  it("is taken up again with the same server", function()
    local server <close> = serve()
    local _serving <close> = async.spawn(function()
      server:serve(function(stream) stream:write("x") stream:read() end)
    end)
    assert.is_false(connect(server, fresh { alpn = "resumed" }))
    assert.is_true(connect(server, fresh { alpn = "resumed" }))
    assert.is_true(connect(server, fresh { alpn = "resumed" }))
  end)

  it("is not taken up under another name, nor with other options, nor at another port", function()
    local server, other = serve(), serve()
    local _held <close> = tls.closing(server, other)
    local function echo(stream) stream:write("x") stream:read() end
    local _serving <close> = async.spawn(server.serve, server, echo)
    local _serving_other <close> = async.spawn(other.serve, other, echo)
    assert.is_false(connect(server, fresh { alpn = "not resumed" }))
    assert.is_false(connect(server, fresh { alpn = "not resumed", server_name = "example.test" }))
    assert.is_false(connect(server, fresh { alpn = "something else" }))
    assert.is_false(connect(other, fresh { alpn = "not resumed" }))
  end)

  it("is not kept where nobody knows whose it is", function()
    assert.is_false(resumed())
    assert.is_false(resumed())
  end)
end)

describe("what is no TLS", function()
  local function answered_by(words)
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    async.spawn(function()
      server:read()
      server:write(words)
    end)
    local err = caught(client.start_tls, client, tls.client())
    assert.equal("TLSError", err.name)
    assert.is_true(client:closed())
    return err.reason
  end

  it("is called by its name if it is HTTP", function()
    assert.equal("the peer speaks plain HTTP, not TLS", answered_by "HTTP/1.1 400 Bad Request\r\n\r\n")
  end)

  it("is shown if it is something else", function()
    assert.equal('the peer does not speak TLS: it began with "SSH-2.0-OpenSSH_"', answered_by "SSH-2.0-OpenSSH_9.2\r\n")
    assert.equal('the peer does not speak TLS: it began with "\\x00\\xff\\x0a\\x5c"', answered_by "\0\xff\n\\")
  end)

  it("is called by its name if a server hears it", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    client:write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    local err = caught(server.start_tls, server, tls.server())
    assert.equal("the peer speaks plain HTTP, not TLS", err.reason)
  end)

  it("may be silence that ends", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    server:close()
    local err = caught(client.start_tls, client, tls.client())
    assert.equal("the peer closed the connection during the handshake", err.reason)
  end)

  it("may be silence without an end", function()
    local client, _server = async.net.pair()
    local _held <close> = tls.closing(client, _server)
    local err = caught(client.start_tls, client, tls.client { timeout = 0.02 })
    assert.equal("TimeoutError", err.name)
    assert.equal("ETIMEDOUT", err.code)
    assert.equal(0.02, err.seconds)
    assert.is_true(client:closed())
  end)

  it("may be a handshake that never ends", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    -- A hello of 16 MiB, of which a byte comes now and then.
    server:write("\x16\x03\x03\x40\x00\x02\xff\xff\xff")
    local _dripping <close> = async.spawn(function()
      while true do
        server:write("\0")
        async.sleep(0.001)
      end
    end)
    local err = caught(client.start_tls, client, tls.client { timeout = 0.05 })
    assert.is_true(err.name == "TimeoutError" or err.name == "TLSError", tostring(err))
  end)
end)

describe("a file", function()
  it("that is not there is named", function()
    local client, _server = async.net.pair()
    local _held <close> = tls.closing(client, _server)
    local err = caught(client.start_tls, client, { server_name = "localhost", ca_file = "/nowhere/ca.pem" })
    assert.equal("SystemError", err.name)
    assert.equal("ENOENT", err.code)
    assert.equal("/nowhere/ca.pem", err.path)
  end)

  it("that holds something else is named", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    local err = caught(client.start_tls, client, { server_name = "localhost", ca_file = files.garbage })
    assert.equal("TLSError", err.name)
    assert.equal(files.garbage .. ": there is no certificate in it (PEM)", err.reason)
    err = caught(server.start_tls, server, { server = true, cert = files.garbage })
    assert.equal(files.garbage .. ": there is no certificate in it (PEM)", err.reason)
    err = caught(server.start_tls, server, { server = true, cert = files.server })
    assert.matches("there is no private key in it", err.reason)
    err = caught(server.start_tls, server, { server = true, cert = files.server, key = files.other_key })
    assert.equal(files.other_key .. ": its key does not belong to the certificate", err.reason)
  end)

  it("leaves the stream alone if it cannot be used", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    caught(client.start_tls, client, { server_name = "localhost", ca_file = files.garbage })
    client:write("still here\n")
    assert.equal("still here", server:read_line())
  end)

  it("may hold certificate and key", function()
    local client, _server = async.net.pair()
    local _held <close> = tls.closing(client, _server)
    tls.shake(client, _server, {}, { cert = files.bundle, key = false or nil })
    assert.is_true(client:tls_info().verified)
  end)

  it("is read again when it has changed", function()
    local path = os.tmpname()
    local function copy(from)
      local source, target = assert(io.open(from)), assert(io.open(path, "w"))
      local _held <close> = tls.closing(source, target)
      target:write(source:read("a"))
    end
    copy(files.stranger)
    assert.matches("not known", refused { ca_file = path })
    copy(files.ca)
    local client, _server = tls.pair { ca_file = path }
    local _held <close> = tls.closing(client, _server)
    assert.is_true(client:tls_info().verified)
    os.remove(path)
  end)
end)

describe("start_tls", function()
  it("loses nothing to a line in plain that was too long and had no end", function()
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    client:write(("x"):rep(100))
    local ok, err = pcall(server.read_line, server, { limit = 10 })
    assert.is_true(not ok and async.is_error(err, "LimitError"))
    tls.shake(client, server)
    client:write "first\nsecond\n"
    assert.equal("first", server:read_line())
    assert.equal("second", server:read_line())
  end)
end)
