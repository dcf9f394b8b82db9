-- SPDX-License-Identifier: MIT
local async = require "saros"
require "saros.busted"
local tls = require "spec.support.tls"
local files = tls.certificates

-- The message of the argument error of start_tls with these options.
local function mistake(options, pattern)
  local client, server = async.net.pair()
  local _held <close> = tls.closing(client, server)
  local ok, err = pcall(client.start_tls, client, options)
  assert.is_false(ok)
  assert.equal("string", type(err))
  assert.matches("bad argument #1 to 'stream:start_tls' %(", err)
  assert.matches(pattern, err)
  -- Nothing has happened.
  client:write("x")
  assert.equal("x", server:read())
end

describe("options of TLS", function()
  it("are true or a table", function()
    mistake("yes", "boolean or table expected, got string")
    mistake(false, "true or a table expected")
  end)

  it("that do not exist are a mistake", function()
    mistake({ certificate = files.server }, "unknown option 'certificate'")
    mistake({ min_versions = "1.3" }, "unknown option 'min_versions' of TLS %(did you mean 'min_version'%?%)")
    mistake({ "ca_file" }, "unknown option '1'")
  end)

  it("have types", function()
    mistake({ ca_file = 1 }, "option 'ca_file': string expected, got number")
    mistake({ ca_file = "" }, "option 'ca_file'")
    mistake({ ca_file = "a\0b" }, "option 'ca_file'")
    mistake({ verify = "no" }, "option 'verify': boolean expected, got string")
    mistake({ min_version = "1.1" }, "option 'min_version': '1.2' or '1.3' expected, got '1.1'")
    mistake({ min_version = 1.2 }, "'1.2' or '1.3' expected, got number")
    mistake({ timeout = "1" }, "option 'timeout': number expected, got string")
    mistake({ timeout = 0 / 0 }, "option 'timeout'")
    mistake({ alpn = {} }, "option 'alpn': a list of names expected")
    mistake({ alpn = { "a", 1 } }, "option 'alpn': names of 1 to 255 bytes expected")
    mistake({ alpn = "" }, "option 'alpn': names of 1 to 255 bytes expected")
    mistake({ alpn = ("x"):rep(256) }, "option 'alpn': names of 1 to 255 bytes expected")
    mistake({ alpn = { name = "a" } }, "option 'alpn': a list of names expected")
  end)

  it("belong to one side", function()
    mistake({ server_name = "a", client_ca = files.ca }, "option 'client_ca' is for a server")
    mistake({ server = true, cert = files.server, ca_file = files.ca }, "option 'ca_file' is for a client")
    mistake({ server = true, cert = files.server, ca_path = "/" }, "option 'ca_path' is for a client")
    mistake({ server = true, cert = files.server, server_name = "a" }, "option 'server_name' is for a client")
  end)

  it("need one another", function()
    mistake({ server = true }, "a server needs 'cert'")
    mistake({ server_name = "a", key = files.client_key }, "'cert' is missing")
    mistake({ server = true, cert = files.server, verify = true }, "it needs 'client_ca'")
    mistake({ ca_file = files.ca }, "'server_name'")
    mistake(true, "'server_name'")
    mistake(nil, "'server_name'")
  end)
end)

describe("a build without TLS", function()
  local MODULES = { "saros.net.tls", "saros.net.handshakes", "saros.tls.core" }

  it("says so to who asks for it, and does everything else", function()
    local cpath, loaded = package.cpath, {}
    for _, name in ipairs(MODULES) do
      loaded[name], package.loaded[name] = package.loaded[name], nil
    end
    package.cpath = ""
    local client, server = async.net.pair()
    local _held <close> = tls.closing(client, server)
    local ok, err = pcall(client.start_tls, client, { server_name = "a" })
    local is_listening, why_not = pcall(async.net.listen, "127.0.0.1", 0, { tls = { cert = files.server } })
    package.cpath = cpath
    for _, name in ipairs(MODULES) do package.loaded[name] = loaded[name] end
    assert.is_false(ok)
    assert.equal("there is no TLS in this build of saros: it needs OpenSSL 1.1.1 or later (Debian: libssl-dev) and "
      .. "CMake's option SAROS_TLS", err)
    assert.is_false(is_listening)
    assert.equal(err, why_not)
    client:write("x")
    assert.equal("x", server:read())
  end)
end)
