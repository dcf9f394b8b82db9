-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.error_of

-- A URL of a name, and the options that give it these addresses.
local function named(name, port, path, addresses)
  local place = ("%s:%d"):format(name, port)
  return "http://" .. place .. path, { resolve = { [place] = addresses } }
end

-- libcurl tries the next address of the same family when half of the time has passed, saros after a quarter of a second
-- beside those before it, for which it goes on waiting (RFC 8305).
local is_own = require("spec.support.backend").is_own

describe("a host of several addresses", function()
  local function peer(addresses, timeout)
    local url, options = named("several.invalid", rogue.ports.full, "/peer", addresses)
    options.timeout = timeout
    local session <close> = http.session()
    local before = async.now()
    local answer = session:get(url, options):json()
    return answer, async.now() - before
  end

  it("is reached at the one that listens", inside(function()
    local url, options = named("several.invalid", server.port, "/echo", "127.0.0.2,127.0.0.1")
    assert.equal("GET", http.get(url, options):json().method)
    if rogue.ports.six then
      url, options = named("several.invalid", rogue.ports.six, "/peer", "127.0.0.1,[::1]")
      assert.equal("::1", http.get(url, options):json())
      url, options = named("several.invalid", server.port, "/echo", "[::1],127.0.0.1")
      assert.equal("GET", http.get(url, options):json().method)
    end
  end))

  it("is reached though the first of them never answers, long before the timeout", inside(function()
    if rogue.ports.six then
      local answer, took = peer("127.0.0.1,[::1]", { connect = 60 })
      assert.equal("::1", answer)
      assert.truthy(took < 20, took)
    end
  end))

  it("is reached within the connect timeout though they are of one family", inside(function()
    for _, timeout in ipairs { 3, { connect = 3 } } do
      local answer, took = peer("127.0.0.1,127.0.0.2", timeout)
      assert.equal("127.0.0.1", answer) -- our own
      assert.truthy(took > (is_own and 0.2 or 1.2) and took < 3, took)
    end
  end))

  it("is looked for at each of them by an upload over TLS, too", inside(function()
    local url, options = named("several.invalid", rogue.ports.full, "/", "127.0.0.1,127.0.0.3")
    options.body, options.timeout = ("x"):rep(100000), { connect = 3 }
    local err = error_of(http.post, url:gsub("^http", "https"), options)
    -- The first may still answer, for all that one knows; libcurl has given it up when it tries the other.
    local code = os.getenv "SAROS_HTTP_BACKEND" == "own" and "ETIMEDOUT" or "ECONNREFUSED"
    assert.same({ code, "several.invalid" }, { err.code, err.host })
  end))

  it("is not reached where none of them answers", inside(function()
    local err = error_of(peer, "127.0.0.1,127.0.0.1", { connect = 0.3 })
    assert.same({ "TimeoutError", "connect", 0.3 }, { err.name, err.phase, err.seconds })
    local url, options = named("several.invalid", 1, "/", "127.0.0.1,127.0.0.2")
    local refused = error_of(http.get, url, options)
    assert.equal("ECONNREFUSED", refused.code)
    assert.truthy(refused.message:find("ailed to connect to several.invalid port 1", 1, true), refused.message)
  end))
end)

describe("resolve", function()
  it("is an error where it gives no address, and is forgotten", inside(function()
    local session <close> = http.session()
    for _, address in ipairs { "1.2.3.4.5", ",", ":::" } do
      local url, options = named("odd.invalid", server.port, "/echo", address)
      local err = error_of(session.get, session, url, options)
      assert.same({ "FetchError", "EINVAL" }, { err.name, err.code })
    end
    collectgarbage()
    for _ = 1, 3 do assert.equal(200, session:get(server.url .. "/echo").status) end
  end))
end)

describe("local_address", function()
  it("is where the connection comes from", inside(function()
    assert.equal("127.0.0.9", http.get(rogue:at("script", "/peer"), { local_address = "127.0.0.9" }):json())
  end))

  it("is an error if it is not ours", inside(function()
    local err = error_of(http.get, rogue:at("script", "/peer"), { local_address = "192.0.2.77" })
    assert.same({ "FetchError", "EADDRNOTAVAIL" }, { err.name, err.code })
  end))
end)

describe("unix_socket", function()
  it("keeps its connection, and shares it with no other place", inside(function()
    local session <close> = http.session { unix_socket = server.unix, base_url = server.url }
    local first, second = session:get("/echo"):json(), session:get("/echo"):json()
    assert.same({ 1, 2 }, { first.number, second.number })
    local plain <close> = http.session()
    assert.equal(1, plain:get(server.url .. "/echo", { unix_socket = server.unix }):json().number)
    assert.equal(1, plain:get(server.url .. "/echo"):json().number)
    assert.equal(2, plain:stats().connections)
  end))

  it("is an error where nobody listens, which names it", inside(function()
    local path = os.tmpname()
    local err = error_of(http.get, "http://h/", { unix_socket = path })
    os.remove(path)
    assert.same({ "FetchError", "ECONNREFUSED" }, { err.name, err.code })
    assert.truthy(err.message:find(("(through '%s')"):format(path), 1, true), err.message)
    assert.equal("ENOENT", error_of(http.get, "http://h/", { unix_socket = path }).code)
  end))
end)

-- Where HTTP/2 may be spoken libcurl makes the connection, else that is one of saros' own.
for _, version in ipairs { "1.1", "2" } do
  local by = ", where HTTP/" .. version .. " is wanted"

  describe("a server that asks for a certificate" .. by, function()
    local ports = rogue.ports

    local function ask(options)
      options.ca_file = ports.ca
      options.timeout = 60
      options.http_version = version
      local session <close> = http.session()
      return session:get(rogue:at("mutual", "/head", "https"), options):json()
    end

    it("answers who has one that it trusts", inside(function()
      assert.truthy(ask { cert = ports.client, key = ports.client_key }:find("GET /head", 1, true))
    end))

    it("refuses who has none, or one that it does not trust", inside(function()
      for _, options in ipairs { {}, { cert = ports.stranger, key = ports.stranger_key } } do
        local err = error_of(ask, options)
        assert.same({ "FetchError", "ETLS" }, { err.name, err.code })
        err = error_of(http.get, rogue:at("alerts", "/", "https"), options)
        assert.same({ "FetchError", "ETLS" }, { err.name, err.code })
      end
    end))

    it("is not asked with a certificate that is not there, or does not fit its key", inside(function()
      for _, options in ipairs {
        { cert = "/nonexistent", key = ports.client_key }, { cert = ports.client, key = "/nonexistent" },
        { cert = ports.client, key = ports.stranger_key },
      } do
        local err = error_of(ask, options)
        assert.same({ "FetchError", "ETLS" }, { err.name, err.code })
      end
    end))

    it("is not asked over a connection that was made with another certificate", inside(function()
      local session <close> = http.session { ca_file = ports.ca, http_version = version }
      local url = rogue:at("mutual", "/head", "https")
      assert.equal(200, session:get(url, { cert = ports.client, key = ports.client_key }).status)
      assert.equal("ETLS", error_of(session.get, session, url).code)
    end))

    it("is trusted only with its authority", inside(function()
      local url = rogue:at("tls", "/head", "https")
      local session <close> = http.session { http_version = version }
      assert.equal("ETLS", error_of(session.get, session, url).code)
      assert.equal("ETLS", error_of(session.get, session, url, { ca_file = ports.stranger }).code)
      assert.equal(200, session:get(url, { verify = false }).status)
      assert.equal("ETLS", error_of(session.get, session, url).code)
    end))
  end)

  describe("tls_min" .. by, function()
    it("refuses a server that is older", inside(function()
      local session <close> = http.session { ca_file = rogue.ports.ca, http_version = version }
      local url = rogue:at("old", "/head", "https")
      assert.equal(200, session:get(url, { tls_min = "1.2" }).status)
      assert.equal("ETLS", error_of(session.get, session, url, { tls_min = "1.3" }).code)
      assert.equal(200, session:get(rogue:at("tls", "/head", "https"), { tls_min = "1.3" }).status)
    end))
  end)
end

describe("http_version", function()
  it("is a wish that a server need not grant", inside(function()
    for _, version in ipairs { "1.1", "2" } do
      for _, url in ipairs { rogue:at("script", "/head"), rogue:at("tls", "/head", "https") } do
        local response = http.get(url, { http_version = version, ca_file = rogue.ports.ca })
        assert.same({ 200, "1.1" }, { response.status, response.http_version })
        assert.is_nil(response:json():lower():find "\nupgrade:")
      end
    end
  end))
end)
