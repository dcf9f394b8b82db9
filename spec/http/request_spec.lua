-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

-- What the server saw of a request.
local function seen(url, options)
  return http.fetch(server.url .. url, options):json()
end

local function header(request, name)
  local values = {}
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name:lower() then values[#values + 1] = pair[2] end
  end
  return values[1] and table.concat(values, "|")
end

describe("a request", function()
  it("is made by functions of saros itself, which load HTTP when they are used", inside(function()
    for _, name in ipairs { "fetch", "get", "post", "put", "patch", "delete", "head", "options", "session" } do
      assert.equal(http[name], async[name])
    end
    assert.equal(200, async.fetch(server.url .. "/echo").status)
  end))

  it("is a GET unless said otherwise", inside(function()
    assert.equal("GET", seen("/echo").method)
  end))

  it("is a POST if it has a body", inside(function()
    local request = seen("/echo", { body = "hello" })
    assert.equal("POST", request.method)
    assert.equal("hello", request.body)
    assert.equal("5", header(request, "Content-Length"))
    assert.is_nil(header(request, "Content-Type"))
  end))

  it("has the method that the verb names", inside(function()
    for _, verb in ipairs { "get", "post", "put", "patch", "delete", "options" } do
      assert.equal(verb:upper(), http[verb](server.url .. "/echo"):json().method)
    end
    assert.equal("", http.head(server.url .. "/echo"):text())
  end))

  it("may have a method of its own, with or without a body", inside(function()
    assert.equal("PURGE", seen("/echo", { method = "PURGE" }).method)
    local request = seen("/echo", { method = "delete", body = "x" })
    assert.same({ "DELETE", "x" }, { request.method, request.body })
  end))

  it("says that its body is empty where a body is expected", inside(function()
    for _, verb in ipairs { "post", "put", "patch" } do
      local request = http[verb](server.url .. "/echo"):json()
      assert.equal("0", header(request, "Content-Length"))
      assert.is_nil(header(request, "Content-Type"))
    end
    assert.is_nil(header(http.delete(server.url .. "/echo"):json(), "Content-Length"))
  end))

  it("keeps nothing of the request before it on the same connection", inside(function()
    local first = seen("/echo", { method = "PUT", body = "x", headers = { ["X-First"] = "1" }, auth = { "a", "b" } })
    local second = seen("/echo")
    assert.equal(first.connection, second.connection)
    assert.same({ "GET", "" }, { second.method, second.body })
    for _, name in ipairs { "X-First", "Authorization", "Content-Length" } do
      assert.is_nil(header(second, name))
    end
    assert.equal("", http.head(server.url .. "/echo"):text())
    assert.equal("GET", seen("/echo").method)
  end))

  it("sends the headers given, lists as repeats, numbers as text, empty ones too", inside(function()
    local headers = { ["X-One"] = "1", ["X-List"] = { "a", "b" }, ["X-Number"] = 7, ["X-Empty"] = "" }
    local request = seen("/echo", { headers = headers })
    assert.equal("1", header(request, "X-One"))
    assert.equal("a|b", header(request, "X-List"))
    assert.equal("7", header(request, "X-Number"))
    assert.equal("", header(request, "X-Empty"))
  end))

  it("has its default headers replaced in any case, and removed by false", inside(function()
    local request = seen("/echo", { headers = { ["user-agent"] = "me", ACCEPT = false } })
    assert.equal("me", header(request, "User-Agent"))
    assert.is_nil(header(request, "Accept"))
  end))

  it("sends no Referer, no Expect and no cookies", inside(function()
    local request = seen("/echo", { body = ("x"):rep(2000000) })
    assert.equal(2000000, #request.body)
    for _, name in ipairs { "Referer", "Expect", "Cookie" } do
      assert.is_nil(header(request, name))
    end
  end))

  it("has its query escaped, sorted, repeated and put before the fragment", inside(function()
    local response = http.get(server.url .. "/echo?z=0#part", { query = { b = { 1, 2 }, a = "x y&=ä", c = true } })
    assert.equal("/echo?z=0&a=x%20y%26%3D%C3%A4&b=1&b=2&c=true", response:json().target)
    assert.equal(server.url .. "/echo?z=0&a=x%20y%26%3D%C3%A4&b=1&b=2&c=true#part", response.url)
  end))

  it("sends JSON", inside(function()
    local request = seen("/echo", { json = { list = { 1, 2.5 }, text = "é" } })
    assert.equal("application/json", header(request, "Content-Type"))
    assert.equal('{"list":[1,2.5],"text":"\u{C3}\u{A9}"}', request.body) -- its bytes, read as Latin-1
  end))

  it("lets the caller name the type of JSON", inside(function()
    local request = seen("/echo", { json = {}, headers = { ["content-type"] = "application/ld+json" } })
    assert.equal("application/ld+json", header(request, "Content-Type"))
    assert.equal("{}", request.body)
  end))

  it("sends forms", inside(function()
    local request = seen("/echo", { form = { b = "x y", a = { 1, "2&" } } })
    assert.equal("application/x-www-form-urlencoded", header(request, "Content-Type"))
    assert.equal("a=1&a=2%26&b=x+y", request.body)
  end))

  it("sends bodies of any bytes", inside(function()
    local body = "\0\1\2\255" .. ("\0"):rep(100)
    assert.equal(body, (seen("/echo", { body = body }).body:gsub("\u{ff}", "\255")))
  end))

  it("carries basic credentials, from an option or the URL, and shows them nowhere else", inside(function()
    assert.equal("Basic dXNlcjpwYXNz", header(seen("/echo", { auth = { "user", "pass" } }), "Authorization"))
    local response = http.get((server.url:gsub("//", "//us%%65r:p@")) .. "/echo")
    assert.equal("Basic dXNlcjpw", header(response:json(), "Authorization"))
    assert.equal(server.url .. "/echo", response.url)
    response = http.get((server.url:gsub("//", "//user:p@")) .. "/echo", { query = { a = 1 } })
    assert.equal("Basic dXNlcjpw", header(response:json(), "Authorization"))
    assert.equal(server.url .. "/echo?a=1", response.url)
    assert.is_nil(header(http.get((server.url:gsub("//", "//@")) .. "/echo"):json(), "Authorization"))
    local ok, err = pcall(http.get, "http://user:secret@127.0.0.1:1/")
    assert.is_false(ok)
    assert.is_nil(tostring(err):find("secret", 1, true))
    assert.is_nil(err.url:find("secret", 1, true))
  end))

  it("carries a bearer token", inside(function()
    assert.equal("Bearer t", header(seen("/echo", { auth = { bearer = "t" } }), "Authorization"))
  end))

  it("answers a digest challenge", inside(function()
    local auth = { user = "user", password = "secret", digest = true }
    assert.equal("welcome", http.get(server.url .. "/digest", { auth = auth }):text())
    auth.password = "wrong"
    assert.equal(401, http.get(server.url .. "/digest", { auth = auth }).status)
    auth.password = "secret"
    assert.equal("welcome", http.post(server.url .. "/digest", { auth = auth, body = "x" }):text())
  end))

  it("goes out whole where digest credentials are not asked for", inside(function()
    local options = { auth = { user = "user", password = "secret", digest = true } }
    assert.equal("GET", http.get(server.url .. "/echo", options):json().method)
    for _, body in ipairs { "x", ("x"):rep(100000) } do
      options.body = body
      assert.equal(body, http.post(server.url .. "/echo", options):json().body)
    end
  end))

  it("answers each digest challenge, also of a server that takes no answer twice", inside(function()
    local session <close> = http.session { limit = 1 }
    local url = rogue:script({ "send", "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n" ..
      'WWW-Authenticate: Digest realm="realm", nonce="once"\r\n\r\n' },
      { "read_until", "\r\n\r\n" }, { "read", 1 }, { "count", "answers" },
      { "send", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" })
    local auth = { user = "user", password = "secret", digest = true }
    local retries = { attempts = 3, delay = 0.001 }
    local response = session:put(url, { auth = auth, body = "x", retries = retries, timeout = 60 })
    assert.same({ 503, 3 }, { response.status, rogue:count "answers" })
  end))

  it("goes over TLS with an authority of one's own", inside(function()
    assert.equal(200, http.get(server.tls .. "/echo", { ca_file = server.ca }).status)
    assert.equal(200, http.get(server.tls .. "/echo", { verify = false }).status)
    local options = { ca_file = server.ca, tls_min = "1.3", http_version = "2" }
    assert.equal(200, http.get(server.tls .. "/echo", options).status)
  end))

  it("goes over a Unix socket", inside(function()
    local request = http.get("http://anything/echo", { unix_socket = server.unix }):json()
    assert.equal("anything", header(request, "Host"))
  end))

  it("goes to the address named by resolve, from the address named by local_address", inside(function()
    local place = "name.invalid:" .. server.port
    local options = { resolve = { [place] = "127.0.0.1" }, local_address = "127.0.0.1" }
    assert.equal(place, header(http.get("http://" .. place .. "/echo", options):json(), "Host"))
  end))

  it("goes to the addresses named by resolve alone: those after it do not follow", inside(function()
    local session <close> = http.session()
    local place = "name.invalid:" .. server.port
    local url = "http://" .. place .. "/echo"
    for _, addresses in ipairs { "127.0.0.1", "127.0.0.2,127.0.0.1" } do
      local right = { resolve = { [place] = addresses } }
      local first, second = session:get(url, right):json(), session:get(url, right):json()
      assert.same({ place, first.connection }, { header(first, "Host"), second.connection })
      for _, options in ipairs { {}, { resolve = { [place] = "127.0.0.2" } } } do
        local ok, err = pcall(session.get, session, url, options)
        assert.is_false(ok)
        assert.equal(options.resolve and "ECONNREFUSED" or "ENOTFOUND", err.code)
      end
    end
  end))

  it("goes through a proxy", inside(function()
    local request = http.get("http://name.invalid/echo", { proxy = server.url }):json()
    assert.equal("http://name.invalid/echo", request.target)
  end))

  it("reads escapes, spaces and letters beyond ASCII in a URL", inside(function()
    assert.equal("/echo?q=a%20b%C3%A4%41", seen("/x/../echo?q=a bä%41").target)
  end))
end)
