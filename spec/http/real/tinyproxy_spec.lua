-- SPDX-License-Identifier: MIT
-- The client through tinyproxy, to nginx.

local async = require "saros"
local http = require "saros.http"
local proxy = require("spec.support.real_servers").tinyproxy()
local script = require "spec.support.script"
local server = require("spec.support.real_servers").nginx()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

-- What the proxy puts into what passes through it.
local MARK = "tinyproxy"

local function through(url, options)
  options = options or {}
  options.proxy = options.proxy or proxy.open
  options.ca_file = server.ca
  return http.get(url, options)
end

describe("tinyproxy", function()
  it("carries http, and leaves its mark on it", inside(function()
    local response = through(server.plain .. "/facts")
    assert.truthy(response:json().via:find(MARK, 1, true))
    assert.truthy(response.headers.via:find(MARK, 1, true))
    assert.equal(server.plain .. "/facts", response.url)
  end))

  it("carries https through a tunnel, of which it sees nothing", inside(function()
    for url, version in pairs { [server.tls] = "1.1", [server.h2] = "2" } do
      local response = through(url .. "/facts")
      assert.same({ version, "", nil }, { response.http_version, response:json().via, response.headers.via })
    end
    assert.equal("ETLS", caught(http.get, server.tls .. "/facts", { proxy = proxy.open }).code)
  end))

  it("carries bodies there and back", inside(function()
    for _, url in ipairs { server.plain, server.tls } do
      local left = 40
      local session <close> = http.session { proxy = proxy.open, ca_file = server.ca, base_url = url }
      assert.truthy(session:put("/store/proxied", { body = function()
        left = left - 1
        return left >= 0 and ("x"):rep(50000) or nil
      end, headers = { ["Content-Length"] = 2000000 } }).ok)
      assert.equal(2000000, #session:get("/store/proxied"):text())
      local size = 0
      for chunk in session:get("/big.bin"):chunks() do size = size + #chunk end
      assert.equal(server.big, size)
    end
  end))

  it("keeps its tunnel for the next request", inside(function()
    local session <close> = http.session { proxy = proxy.open, ca_file = server.ca }
    for i = 1, 3 do assert.equal(i, session:get(server.tls .. "/facts"):json().number) end
    assert.equal(1, session:stats().connections)
  end))

  it("lets in who has the password", inside(function()
    assert.equal(200, through(server.plain .. "/facts", { proxy = proxy.known }).status)
    assert.equal(200, through(server.tls .. "/facts", { proxy = proxy.known }).status)
  end))

  it("asks who has not, as a response to http and as a failure of a tunnel", inside(function()
    for _, address in ipairs { proxy.locked, proxy.wrong } do
      local status = through(server.plain .. "/facts", { proxy = address }).status
      assert.truthy(status == 407 or status == 401)
      local err = caught(through, server.tls .. "/facts", { proxy = address })
      assert.same({ "FetchError", "EPROXY", status }, { err.name, err.code, err.status })
      assert.is_nil(tostring(err):find("wrong", 1, true))
    end
  end))

  it("denies a host, as a response to http and as a failure of a tunnel", inside(function()
    local response = through("http://denied.invalid/")
    assert.equal(403, response.status)
    assert.truthy(response:text():find("403 Filtered", 1, true))
    local err = caught(through, "https://denied.invalid/")
    assert.same({ "EPROXY", 403 }, { err.code, err.status })
  end))

  it("cannot reach what is not there", inside(function()
    assert.equal(500, through("http://127.0.0.1:1/").status)
    local err = caught(through, "https://127.0.0.1:1/")
    assert.same({ "EPROXY", 500 }, { err.code, err.status })
  end))

  it("is followed through redirects, and not told the password of the site", inside(function()
    local response = through(server.plain .. "/folder", { auth = { "user", "secret" }, proxy = proxy.known })
    assert.same({ 403, server.plain .. "/folder/" }, { response.status, response.url })
    assert.equal(407, through(server.plain .. "/facts", { auth = { "user", "secret" }, proxy = proxy.locked }).status)
  end))

  it("is a failure of the connection where it does not answer", inside(function()
    assert.equal("ECONNREFUSED", caught(http.get, server.plain, { proxy = "http://127.0.0.1:1" }).code)
    assert.equal("ECONNREFUSED", caught(http.get, server.tls, { proxy = "http://127.0.0.1:1" }).code)
    local err = caught(http.get, server.tls, { proxy = server.mute, timeout = { connect = 0.1 } })
    assert.same({ "TimeoutError", "connect" }, { err.name, err.phase })
  end))

  it("does not lend its connections to who goes without it", inside(function()
    local session <close> = http.session { ca_file = server.ca }
    for _, url in ipairs { server.plain, server.tls } do
      local far = session:get(url .. "/facts", { proxy = proxy.open }):json().connection
      local near = session:get(url .. "/facts"):json()
      assert.not_equal(far, near.connection)
      assert.equal("", near.via)
    end
  end))
end)

-- Which of these variables lead through the proxy: for http, and for https.
local environments = {
  ["lower case"] = { { http_proxy = proxy.open, https_proxy = proxy.open }, true, true },
  ["http only"] = { { http_proxy = proxy.open }, true, false },
  ["https only"] = { { https_proxy = proxy.open }, false, true },
  ["upper case, which anybody could set by a header"] = { { HTTP_PROXY = proxy.open }, false, false },
  ["an exempted host"] = {
    { http_proxy = proxy.open, https_proxy = proxy.open, no_proxy = "127.0.0.1,denied.invalid" }, false, false,
  },
  ["another exempted host"] = { { http_proxy = proxy.open, no_proxy = "example.org" }, true, false },
  ["all hosts exempted"] = { { http_proxy = proxy.open, https_proxy = proxy.open, no_proxy = "*" }, false, false },
}

-- Prints whether the response to http came through the proxy, and whether the name that it denies was reached by https.
local SOURCE = [[
  local http = require "saros.http"
  async.run(function()
    print(http.get("%s/facts"):json().via ~= "")
    print((pcall(http.get, "https://denied.invalid:%d/", {
      verify = false, resolve = { ["denied.invalid:%d"] = "127.0.0.1" },
    })))
  end)
]]

describe("the environment names the proxy:", function()
  for what, case in pairs(environments) do
    it(what, function()
      local variables = { http_proxy = "", https_proxy = "", no_proxy = "", HTTP_PROXY = "", HTTPS_PROXY = "" }
      for name, value in pairs(case[1]) do variables[name] = value end
      local port = math.tointeger(server.tls:match "%d+$")
      local result = script(SOURCE:format(server.plain, port, port), { env = variables })
      assert.equal(("%s\n%s\n"):format(case[2], not case[3]), result.out, result.err)
    end)
  end

  it("an option of the request goes over it", function()
    local source = [[
      local http = require "saros.http"
      async.run(function()
        print(http.get("%s/facts", { proxy = false }):json().via)
      end)
    ]]
    local result = script(source:format(server.plain), { env = { http_proxy = "http://127.0.0.1:1", no_proxy = "" } })
    assert.equal("\n", result.out, result.err)
  end)
end)

describe("many requests at once", function()
  it("go through the proxy", inside(function()
    local session <close> = http.session { proxy = proxy.open, ca_file = server.ca, limit = 20 }
    local list = {}
    for i = 1, 60 do list[i] = i % 2 == 0 and server.plain or server.tls end
    async.map(list, function(url)
      assert.equal("hello from nginx\n", session:get(url .. "/hello.txt"):text())
    end)
    assert.same({ 0, 0 }, { session:stats().active, session:stats().failed })
  end))
end)
