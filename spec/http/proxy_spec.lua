-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.error_of

-- Both ways to say it: by whom the host's name is looked up.
local function socks(name, scheme, user)
  return ("%s://%s127.0.0.1:%d"):format(scheme or "socks5", user and user .. "@" or "", rogue.ports[name])
end

describe("a SOCKS5 proxy", function()
  it("carries requests, and its connection is kept", inside(function()
    local session <close> = http.session { proxy = socks "socks" }
    assert.same({ 1, 2 }, {
      session:get(server.url .. "/echo"):json().number, session:get(server.url .. "/echo"):json().number,
    })
    assert.same({ "127.0.0.1:" .. server.port }, rogue:asked())
    assert.equal(1, session:stats().connections)
  end))

  it("is given the name of the host by socks5h, its address by socks5", inside(function()
    local place = "name.invalid:" .. server.port
    local url = "http://" .. place .. "/echo"
    assert.equal("GET", http.get(url, { proxy = socks("socks", "socks5h") }):json().method)
    assert.same({ place }, rogue:asked())
    local options = { proxy = socks "socks", resolve = { [place] = "127.0.0.1" } }
    assert.equal("GET", http.get(url, options):json().method)
    assert.same({ "127.0.0.1:" .. server.port }, rogue:asked())
  end))

  it("carries TLS and uploads", inside(function()
    local options = { proxy = socks "socks", ca_file = server.ca, body = ("x"):rep(300000) }
    assert.equal(300000, http.post(server.tls .. "/count", options):json().bytes)
  end))

  it("gets user and password, unescaped, and they show up nowhere", inside(function()
    for _, user in ipairs { "user:secret", "us%65r:%73ecret" } do
      local response = http.get(server.url .. "/echo", { proxy = socks("guarded", nil, user) })
      assert.equal(200, response.status)
      assert.is_nil(response:text():find "[Aa]uthorization")
    end
    local err = error_of(http.get, "http://refused.invalid/", { proxy = socks("guarded", "socks5h", "user:secret") })
    assert.is_nil(tostring(err):find("secret", 1, true))
  end))

  it("that refuses is an EPROXY", inside(function()
    local url = server.url .. "/echo"
    for _, proxy in ipairs { socks "guarded", socks("guarded", nil, "user:wrong") } do
      local err = error_of(http.get, url, { proxy = proxy })
      assert.same({ "FetchError", "EPROXY", url }, { err.name, err.code, err.url })
    end
    local err = error_of(http.get, "http://refused.invalid/", { proxy = socks("socks", "socks5h") })
    assert.same({ "FetchError", "EPROXY" }, { err.name, err.code })
  end))

  it("that is not there is an error of connecting, or of its name", inside(function()
    assert.equal("ECONNREFUSED", error_of(http.get, server.url, { proxy = "socks5://127.0.0.1:1" }).code)
    assert.equal("EPROXY", error_of(http.get, server.url, { proxy = "socks5://nowhere.invalid:1" }).code)
  end))

  it("is looked for at its own address, though that of the host is known", inside(function()
    local session <close> = http.session()
    assert.equal(200, session:get(server.url .. "/echo").status)
    local err = error_of(session.get, session, server.url .. "/echo", { proxy = "socks5://nowhere.invalid:1" })
    assert.equal("EPROXY", err.code)
  end))

  it("that never answers costs the connect timeout", inside(function()
    local options = { proxy = socks("socks", "socks5h"), timeout = { connect = 0.1 } }
    local err = error_of(http.get, "http://silent.invalid/", options)
    assert.same({ "TimeoutError", "connect" }, { err.name, err.phase })
    err = error_of(http.get, server.url, { proxy = socks "silent", timeout = { connect = 0.1 } })
    assert.same({ "TimeoutError", "connect" }, { err.name, err.phase })
  end))

  it("that goes down on the way is an error", inside(function()
    local err = error_of(http.get, "https://127.0.0.1:1/", { proxy = socks "socks" }) -- it cannot connect
    assert.truthy(err.name == "FetchError", tostring(err))
  end))
end)

describe("an HTTP proxy", function()
  local function proxy(user)
    return ("http://%s127.0.0.1:%d"):format(user and user .. "@" or "", rogue.ports.tunnel)
  end

  for _, version in ipairs { "1.1", "2" } do
    it("tunnels TLS, with its credentials for itself alone, where HTTP/" .. version .. " is wanted", inside(function()
      rogue:asked()
      local options = {
        proxy = proxy "us%65r:se%63ret", ca_file = rogue.ports.ca, headers = { Authorization = "mine" },
        cookies = { a = "1" }, http_version = version,
      }
      local head = http.get(rogue:at("tls", "/head", "https"), options):json()
      local asked = rogue:asked()[1]
      assert.truthy(asked:find("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=", 1, true), asked)
      for _, secret in ipairs { "Authorization: mine", "Cookie", "Accept-Encoding" } do
        assert.is_nil(asked:gsub("Proxy%-Authorization", ""):find(secret, 1, true), asked)
      end
      assert.is_nil(head:find "[Pp]roxy")
      assert.truthy(head:find("Authorization: mine", 1, true))
      assert.is_nil(asked:find "Proxy%-Connection")
    end))
  end

  it("gets user and password, unescaped, with a request that it is to send on", inside(function()
    local asked = server.url:gsub("//", "//us%%65r:p%%40w@")
    local response = http.get("http://name.invalid/echo", { proxy = asked })
    local headers = {}
    for _, pair in ipairs(response:json().headers) do headers[pair[1]:lower()] = pair[2] end
    assert.equal("Basic dXNlcjpwQHc=", headers["proxy-authorization"])
    assert.is_nil(headers.authorization)
    assert.equal("http://name.invalid/echo", response.url)
    local plain = http.get("http://origin.invalid/head", { proxy = rogue:at("script") }):json()
    assert.same({ "GET http://origin.invalid/head", nil }, { plain:match "^%u+ %S+", plain:find "Proxy%-Connection" })
  end))

  it("refuses a tunnel by any other answer to CONNECT", inside(function()
    for _, status in ipairs { 101, 302, 404, 500 } do
      rogue:before_tunnel({ "send", ("HTTP/1.1 %d Other\r\n\r\n"):format(status) }, { "close" })
      local options = { proxy = proxy(), ca_file = rogue.ports.ca }
      local err = error_of(http.get, rogue:at("tls", "/head", "https"), options)
      assert.same({ "EPROXY", status }, { err.code, err.status })
    end
  end))

  it("is told from a server that is no better, where what it says to CONNECT is no answer", inside(function()
    local options = { proxy = proxy(), ca_file = rogue.ports.ca, http_version = "1.1" }
    for code, texts in pairs {
      EPROXY = { "", "HTTP/1.1 200 OK\r\n" }, EPROTO = { "garbage\r\n\r\n" },
      ETOOLARGE = { "HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(17000) },
      ETLS = { "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n" },
    } do
      for _, text in ipairs(texts) do
        rogue:before_tunnel({ "send", text }, { "close" })
        local err = error_of(http.get, rogue:at("tls", "/head", "https"), options)
        assert.same({ text, code }, { text, err.code })
      end
    end
  end))

  it("that never answers CONNECT costs the connect timeout", inside(function()
    local silent = ("http://127.0.0.1:%d"):format(rogue.ports.silent)
    local options = { proxy = silent, timeout = { connect = 0.1, read = 9 } }
    local err = error_of(http.get, "https://name.invalid/", options)
    assert.same({ "TimeoutError", "connect", 0.1 }, { err.name, err.phase, err.seconds })
  end))

  it("is refused if its URL could say more than one thing", function()
    async.run(function()
      for _, text in ipairs {
        "http://h\r\nX: 1", "http://h:1\n", "http://h\0", "http://a b@h/", "ftp://h", "h:1", "", "http://",
        "socks4://h", "http://user:p\r\nX: 1@h/",
      } do
        local ok, err = pcall(http.get, server.url, { proxy = text })
        assert.is_false(ok)
        assert.truthy(tostring(err):find("bad argument #2 to 'get' (option 'proxy'", 1, true), tostring(err))
      end
    end)
  end)

  it("has escapes in its userinfo decoded into nothing but its header", inside(function()
    rogue:asked()
    for _, user in ipairs { "a%0d%0aX-Evil%3a1:b", "a:b%0d%0aX-Evil: 1" } do
      local ok = pcall(http.get, rogue:at("tls", "/head", "https"), { proxy = proxy(user), ca_file = rogue.ports.ca })
      for _, asked in ipairs(rogue:asked()) do
        assert.is_nil(asked:find("X-Evil", 1, true), asked)
      end
      assert.is_boolean(ok)
    end
  end))
end)
