-- SPDX-License-Identifier: MIT
-- What carries requests: saros' own connections, and libcurl where only that can do it.

local backend = require "spec.support.backend"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local script = require "spec.support.script"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

-- What a program prints that has `http`, and `hide` to be built without libcurl.
local function run(source, options)
  local result = script([[
    local http = require "saros.http"
    local CURL = "saros.http.curl.core"
    local function hide()
      package.preload[CURL] = function() error("module '" .. CURL .. "' not found:", 0) end
    end
    async.run(function()
  ]] .. source .. " end)", { env = { SAROS_HTTP_BACKEND = "" }, descriptors = options and options.descriptors })
  assert.equal(0, result.code, result.err)
  return result.out
end

describe("a program that has nothing but HTTP", function()
  it("is not ended by servers that are gone when it writes", function()
    assert.equal("alive\tnil\n", run [[
      os.execute "kill -PIPE $PPID"
      print("alive", package.loaded["saros.fs.core"])
    ]])
  end)
end)

describe("a program's first request", function()
  -- The modules of saros that a program has loaded, sorted, without those that it has had at its beginning.
  local LOADED = [[
    local names = {}
    for name in pairs(package.loaded) do
      if name:find "^saros" and not before[name] then names[#names + 1] = name:gsub("^saros%.", "") end
    end
    table.sort(names)
    print(table.concat(names, " "))
  ]]

  local function loaded_by(action)
    local result = script([[
      local before = {}
      for name in pairs(package.loaded) do before[name] = true end
      async.run(function() ]] .. action .. " end) " .. LOADED, { env = {
      SAROS_HTTP_BACKEND = "", http_proxy = "", https_proxy = "", all_proxy = "", no_proxy = "", HTTPS_PROXY = "",
      ALL_PROXY = "", NO_PROXY = "",
    } })
    assert.equal(0, result.code, result.err)
    return result.out
  end

  it("loads what it needs, and nothing else", function()
    local needed = "guard http http.backend http.core http.defaults http.message http.request http.response " ..
      "http.session http.url lazily\n"
    assert.equal(needed, loaded_by(('async.fetch(%q)'):format(server.url .. "/echo")))
    assert.equal(needed, loaded_by(('assert(async.get(%q).ok)'):format(server.url .. "/echo")))
  end)

  it("loads what is written in Lua of its response when that is asked for", function()
    local fetch = ('local response = async.fetch(%q) '):format(server.url .. "/echo")
    assert.not_matches("http%.answer", loaded_by(fetch .. "response:close()"))
    assert.matches("http%.answer", loaded_by(fetch .. "assert(response.headers['content-type'])"))
    assert.matches("http%.answer", loaded_by(fetch .. "assert(tostring(response):find 'Response: 200')"))
  end)

  it("loads that at the next use where it could not be loaded", function()
    assert.matches("http%.answer", loaded_by(([[
      local response, searchers = async.fetch(%q), package.searchers
      package.searchers = {}
      assert(not pcall(function() return response.headers end))
      assert(response.ok)
      package.searchers = searchers
      assert(response.headers["content-type"])
    ]]):format(server.url .. "/echo")))
  end)

  it("needs no more to fail or to be closed", function()
    local needed = loaded_by(('async.fetch(%q)'):format(server.url .. "/echo"))
    assert.equal(needed, loaded_by(([[
      local response <close> = async.fetch(%q)
      local ok, err = pcall(async.fetch, %q)
      assert(not ok and err.code == "ECONNREFUSED", err)
    ]]):format(server.url .. "/echo", "http://127.0.0.1:1/")))
  end)
end)

describe("libcurl", function()
  it("is not loaded for plain HTTP", function()
    assert.equal("GET\tnil\nGET\tnil\n", run(([[
      print(http.get(%q .. "/echo"):json().method, package.loaded[CURL])
      print(http.get("http://name.invalid/echo", { proxy = %q }):json().method, package.loaded[CURL])
    ]]):format(server.url, server.url)))
  end)

  it("is not loaded for HTTPS where HTTP/1.1 is asked for", function()
    assert.equal("GET\tnil\n", run(([[
      local options = { ca_file = %q, http_version = "1.1" }
      print(http.get(%q .. "/echo", options):json().method, package.loaded[CURL])
    ]]):format(server.ca, server.tls)))
  end)

  it("finds out that a server speaks HTTP/1.1 over TLS, which is then not its affair any more", function()
    assert.equal("GET\ttrue\tfalse\nGET\ttrue\ttrue\n", run(([[
      local url = %q .. "/echo"
      for _ = 1, 2 do
        local session <close> = http.session { ca_file = %q }
        local method = session:get(url):json().method
        print(method, package.loaded[CURL] ~= nil, select(2, next(session[1][url])).backend ~= nil)
      end
    ]]):format(server.tls, server.ca)))
  end)

  it("keeps what it has connected over TLS, so that a session needs one connection", function()
    assert.equal("1\t0\n1\t1\n1\t2\n", run(([[
      local session <close> = http.session { ca_file = %q }
      for _ = 1, 3 do
        session:get(%q .. "/echo"):text()
        print(session:stats().connections, session:stats().reused)
      end
    ]]):format(server.ca, server.tls)))
  end)

  it("keeps what it has connected for an upload over TLS, for the next upload", function()
    assert.equal("1\n1\n1\n", run(([[
      local session <close> = http.session { ca_file = %q }
      for _ = 1, 3 do
        session:post(%q .. "/echo", { body = ("x"):rep(300000) }):text()
        print(session:stats().connections)
      end
    ]]):format(server.ca, server.tls)))
  end)

  it("is left by a session for which it keeps no connection any more", function()
    assert.equal("1\tfalse\n2\ttrue\n3\ttrue\n", run(([[
      local url = %q .. "/echo"
      local session <close> = http.session { ca_file = %q, keepalive = false }
      for _ = 1, 3 do
        session:get(url):text()
        print(session:stats().connections, session.by_curl == false)
      end
    ]]):format(server.tls, server.ca)))
  end)

  it("keeps a connection whose response has come before it would have waited for it, and is not read", function()
    assert.equal("16777216\n", run(([[
      local base = %q
      local session <close> = http.session { ca_file = %q }
      session:get(base .. "/echo"):text()
      local unread = session:get(base .. "/big?bytes=16777216")
      async.map(20, function() async.sleep(0) end)
      session:get(base .. "/echo"):text()
      print(#unread:text())
    ]]):format(server.tls, server.ca)))
  end)

  it("is left by a session that finds none of its connections free, and then closes them", function()
    assert.equal("1\t1\n2\t1\n16777216\n2\t1\n2\t1\n", run(([[
      local base = %q
      local session <close> = http.session { ca_file = %q }
      local function say() print(session:stats().connections, session:stats().idle) end
      session:get(base .. "/echo"):text()
      say()
      local unread = session:get(base .. "/big?bytes=16777216")
      session:get(base .. "/echo"):text()
      say()
      print(#unread:text())
      while session:stats().idle > 1 do async.sleep(0) end
      say()
      session:get(base .. "/echo"):text()
      say()
    ]]):format(server.tls, server.ca)))
  end)

  it("is left by a session that has had fifty responses from it", function()
    assert.equal("50\t1\t1\n51\t2\t1\n52\t2\t1\n", run(([[
      local url = %q .. "/echo"
      local session <close> = http.session { ca_file = %q }
      for i = 1, 52 do
        session:get(url):text()
        while session:stats().idle > 1 do async.sleep(0) end
        if i >= 50 then print(i, session:stats().connections, session:stats().idle) end
      end
    ]]):format(server.tls, server.ca)))
  end)

  it("is loaded at the next use where it could not be loaded", function()
    assert.equal("false\tbroken\nGET\ttrue\n", run(([[
      local digest = { auth = { user = "u", password = "p", digest = true } }
      package.preload[CURL] = function() error("broken", 0) end
      local ok, err = pcall(http.get, %q .. "/echo", digest)
      print(ok, tostring(err):match "^broken")
      package.preload[CURL] = nil
      print(http.get(%q .. "/echo", digest):json().method, package.loaded[CURL] ~= nil)
    ]]):format(server.url, server.url)))
  end)

  it("is not taken for missing where the system has no descriptor left", function()
    assert.equal("false\tFetchError\tEMFILE\nfalse\tFetchError\tEMFILE\nGET\ttrue\n", run(([[
      local url, ca_file, digest = %q, %q, { user = "u", password = "p", digest = true }
      http.get(url .. "/echo", { ca_file = ca_file, http_version = "1.1" }):text()
      local files, file = {}, nil
      repeat
        file = io.open "/dev/null"
        files[#files + 1] = file
      until not file
      for _, options in ipairs { { ca_file = ca_file }, { auth = digest } } do
        local ok, err = pcall(http.get, url, options)
        print(ok, err.name, err.code)
      end
      for _, file in ipairs(files) do file:close() end
      print(http.get(url .. "/echo", { ca_file = ca_file }):json().method, package.loaded[CURL] ~= nil)
    ]]):format(server.tls, server.ca), { descriptors = 64 }))
  end)

  it("need not be there, and is named where it is missed", function()
    assert.equal("GET\ttrue\nENOTSUP\ttrue\nENOTSUP\ttrue\n", run(([[
      hide()
      local response = http.get(%q .. "/echo", { ca_file = %q })
      print(response:json().method, response.ok)
      local digest = { user = "u", password = "p", digest = true }
      for _, options in ipairs { { auth = digest }, { proxy = "socks5://h:1" } } do
        local ok, err = pcall(http.get, %q, options)
        print(err.code, err.message:find("SAROS_CURL", 1, true) ~= nil)
      end
    ]]):format(server.tls, server.ca, server.url)))
  end)
end)

it("a connection of libcurl's on which a body was announced and not sent is not used again", function()
  local url = rogue:script({ "send", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno" }, { "hang" })
  local result = script(([[
    async.run(function()
      local session <close> = require "saros.http".session { timeout = 60 }
      session:post(%q, { body = "the body", headers = { Expect = "100-continue" } }):text()
      session:get(%q):text()
      print(session:stats().connections)
    end)
  ]]):format(url, rogue:at("script", "/head")), { env = { SAROS_HTTP_BACKEND = "curl" } })
  assert.equal(0, result.code, result.err)
  assert.equal("2\n", result.out)
end)

describe("a connection", function()
  it("is not kept where the request says so", inside(function()
    local session <close> = http.session { base_url = server.url }
    for _ = 1, 2 do session:get("/echo", { headers = { Connection = "close" } }):text() end
    assert.same({ 2, 0 }, { session:stats().connections, session:stats().idle })
  end))

  it("is shared by requests whose options are equal", inside(function()
    local session <close> = http.session()
    for _ = 1, 3 do session:get(server.tls .. "/echo", { verify = false, http_version = "1.1" }):text() end
    assert.equal(1, session:stats().connections)
    session:get(server.tls .. "/echo", { ca_file = server.ca, http_version = "1.1" }):text()
    assert.equal(2, session:stats().connections)
  end))

  it("sends a body after the server's word where the program expects one, or after a while", inside(function()
    local head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    local options = { body = "the body", headers = { Expect = "100-continue" }, timeout = 60 }
    local rest = { { "read_until", "the body" }, { "send", head .. "ok" }, { "hang" } }
    for _, steps in ipairs { { { "send", "HTTP/1.1 100 Continue\r\n\r\n" } }, {} } do
      local session <close> = http.session()
      table.move(rest, 1, #rest, #steps + 1, steps)
      assert.equal("ok", session:post(rogue:script(table.unpack(steps)), options):text())
    end
  end))

  it("does not send it if the server refuses: libcurl has no body of that response, and says so", inside(function()
    local session <close> = http.session()
    local url = rogue:script(
      { "send", "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno" }, { "hang" })
    local response = session:post(url, { body = "the body", headers = { Expect = "100-continue" }, timeout = 60 })
    assert.equal(417, response.status)
    if backend.is_own then
      assert.same({ "no", 0 }, { response:text(), session:stats().idle })
    else
      local err = tasks.error_of(response.text, response)
      assert.same({ "FetchError", "ETRUNCATED" }, { err.name, err.code })
      assert.matches("the server refuses Expect %(417%), and libcurl drops the body", err.message)
    end
  end))

  it("is not used again where a body was announced and not sent, through whatever proxy", inside(function()
    local url = rogue:script({ "send", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno" }, { "hang" })
    local socks = ("socks5h://127.0.0.1:%d"):format(rogue.ports.socks)
    local function once() -- gives its only piece
      local given = false
      return function()
        if given then return nil end
        given = true
        return "the body"
      end
    end
    for _, proxy in ipairs { false, socks } do
      for _, body in ipairs { "the body", ("x"):rep(300000), once() } do
        local session <close> = http.session { timeout = 60, proxy = proxy }
        session:post(url, { body = body, headers = { Expect = "100-continue" } }):text()
        session:get(rogue:at("script", "/head")):text()
        assert.equal(2, session:stats().connections)
      end
    end
  end))

  it("is not used again after a response that says two things of its length", inside(function()
    local session <close> = http.session()
    local both = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    assert.equal("x", session:get(rogue:script({ "send", both }, { "hang" })):text())
    assert.equal(0, session:stats().idle)
  end))

  it("is not used again where bytes that nobody has asked for come with the last chunk", inside(function()
    local session <close> = http.session()
    local text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"
    assert.equal("x", session:get(rogue:script({ "send", text }, { "hang" })):text())
    assert.equal(0, session:stats().idle)
  end))

  it("is not used again where a body comes with the head of a response that has none", inside(function()
    for method, status in pairs { HEAD = "200 OK", GET = "304 Not Modified", POST = "204 No Content" } do
      local session <close> = http.session()
      local text = ("HTTP/1.1 %s\r\nX: y\r\n\r\nthe body"):format(status)
      assert.equal("", session:fetch(rogue:script({ "send", text }, { "hang" }), { method = method }):text())
      assert.same({ method, 0 }, { method, session:stats().idle })
    end
  end))

  it("is not used again where its end comes within the headers", inside(function()
    for _, text in ipairs { "HTTP/1.1 200 OK\r\nX: y", "HTTP/1.1 103 Early Hints\r\nX: y\r\n" } do
      local session <close> = http.session()
      local url = rogue:script({ "send", text }, { "close" })
      assert.equal("ECONNRESET", tasks.error_of(session.get, session, url).code)
      assert.equal(0, session:stats().idle)
    end
  end))

  it("is not used again after a response that says how long a body is that it cannot have", inside(function()
    for _, line in ipairs { "Content-Length: 4", "Transfer-Encoding: chunked" } do
      local session <close> = http.session()
      local head = ("HTTP/1.1 204 No Content\r\n%s\r\n\r\n"):format(line)
      local response = session:get(rogue:script({ "send", head }, { "hang" }))
      assert.same({ 204, "", 0 }, { response.status, response:text(), session:stats().idle })
    end
    local session <close> = http.session()
    session:get(rogue:script({ "send", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n" }, { "hang" }))
    assert.equal(1, session:stats().idle)
  end))

  backend.own_only("libcurl takes the first thing that a proxy says for its answer", function()
    it("hears what a proxy says before its answer to CONNECT, but not without end", inside(function()
      local interim = "HTTP/1.1 102 Processing\r\n\r\n"
      local proxy = ("http://127.0.0.1:%d"):format(rogue.ports.tunnel)
      local options = { proxy = proxy, ca_file = rogue.ports.ca, timeout = 10, http_version = "1.1" }
      options.headers = { Connection = "close" }
      rogue:before_tunnel { "send", interim:rep(100) }
      assert.equal(200, http.get(rogue:at("tls", "/head", "https"), options).status)
      rogue:before_tunnel({ "send", interim:rep(1000), 20 }, { "hang" })
      assert.equal("ETOOLARGE", tasks.error_of(http.get, rogue:at("tls", "/head", "https"), options).code)
    end))
  end)

  it("is closed when there are more than the session may use", inside(function()
    local session <close> = http.session { limit = 1 }
    session:get(server.url .. "/echo"):text()
    session:get(rogue:at("script", "/head")):text()
    assert.equal(1, session:stats().idle)
  end))
end)
