-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

local function redirect(status, to)
  return server.url .. "/redirect/" .. status .. "?to=" .. to
end

local function header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name:lower() then return pair[2] end
  end
end

local function error_of(...)
  local ok, err = pcall(http.fetch, ...)
  assert.is_false(ok)
  return err
end

describe("a redirect", function()
  it("is followed, and remembered", inside(function()
    local response = http.get(redirect(302, "/echo"))
    assert.equal(200, response.status)
    assert.equal(server.url .. "/echo", response.url)
    assert.equal(1, #response.history)
    assert.equal(302, response.history[1].status)
    assert.equal("/echo", response.history[1].headers.location)
    assert.same({}, response.history[1].history)
    assert.equal("ECLOSED", tasks.caught(response.history[1].text, response.history[1]).code)
  end))

  it("is followed several times", inside(function()
    local response = http.get(server.url .. "/loop/5")
    assert.equal(200, response.status)
    assert.equal(6, #response.history)
    assert.equal(2, #response.history[3].history)
  end))

  it("is followed over the connection that brought it", inside(function()
    local session <close> = http.session()
    session:get(server.url .. "/loop/5"):text()
    assert.equal(1, session:stats().connections)
  end))

  it("is followed at most max_redirects times", inside(function()
    assert.equal(200, http.get(server.url .. "/loop/19").status)
    local err = error_of(server.url .. "/loop/20")
    assert.same({ "FetchError", "EREDIRECT", 302 }, { err.name, err.code, err.response.status })
    assert.equal("EREDIRECT", error_of(redirect(302, "/echo"), { max_redirects = 0 }).code)
    assert.equal(200, http.get(redirect(302, "/echo"), { max_redirects = 1 }).status)
  end))

  it("is handed out in manual mode", inside(function()
    local response = http.get(redirect(302, "/echo"), { redirect = "manual" })
    assert.equal(302, response.status)
    assert.equal("moved", response:text())
  end))

  it("is an error in error mode", inside(function()
    local err = error_of(redirect(302, "/echo"), { redirect = "error" })
    assert.same({ "FetchError", "EREDIRECT" }, { err.name, err.code })
    assert.equal(200, http.get(server.url .. "/echo", { redirect = "error" }).status)
  end))

  it("without a Location is a response like others", inside(function()
    assert.equal("moved", http.get(server.url .. "/redirect/302"):text())
  end))

  it("with an empty Location is a response like others, whatever was to become of redirects", inside(function()
    for _, location in ipairs { "", " ", "\t \t" } do
      for _, status in ipairs { 301, 302, 303, 307, 308 } do
        for _, mode in ipairs { "follow", "manual", "error" } do
          local raw = ("HTTP/1.1 %d Found\r\nLocation:%s\r\nContent-Length: 4\r\n\r\nbody"):format(status, location)
          local response = http.get(server.url .. "/raw", { query = { raw = raw }, redirect = mode })
          assert.same({ status, 0, "body" }, { response.status, #response.history, response:text() })
        end
      end
    end
    local raw = "HTTP/1.1 302 Found\r\nLocation: \r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n"
    assert.equal(server.url .. "/echo", http.get(server.url .. "/raw", { query = { raw = raw } }).url)
  end))

  it("leads to the first of several places", inside(function()
    local raw = ("HTTP/1.1 302 Found\r\nLocation: %s\r\nLocation: /nowhere\r\nContent-Length: 0\r\n\r\n")
      :format(server.url .. "/echo")
    assert.equal(200, http.get(server.url .. "/raw", { query = { raw = raw } }).status)
  end))

  it("keeps a fragment unless it brings one", inside(function()
    assert.equal(server.url .. "/echo#here", http.get(redirect(302, "/echo") .. "#here").url)
    assert.equal(server.url .. "/echo#there", http.get(redirect(302, "/echo%23there") .. "#here").url)
  end))

  it("may bring credentials, which are sent and not shown", inside(function()
    local to = server.other:gsub("//", "//user:secret@") .. "/echo"
    local response = http.get(redirect(302, to) .. "#here")
    assert.equal("Basic dXNlcjpzZWNyZXQ=", header(response:json(), "Authorization"))
    assert.equal(server.other .. "/echo#here", response.url)
    local err = error_of(redirect(302, to), { redirect = "error" })
    assert.is_nil(err.message:match('redirected to "(.*)"'):find("secret", 1, true))
  end))

  it("leads to http and https only", inside(function()
    for _, to in ipairs { "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:1", "http://" } do
      assert.equal("EREDIRECT", error_of(redirect(302, to)).code)
    end
  end))

  it("makes a GET of a POST on 301, 302 and 303", inside(function()
    for _, status in ipairs { 301, 302, 303 } do
      local request = http.post(redirect(status, "/echo"), { json = { a = 1 }, headers = { ["X-Kept"] = "1" } }):json()
      assert.same({ "GET", "" }, { request.method, request.body })
      assert.equal("1", header(request, "X-Kept"))
      assert.is_nil(header(request, "Content-Type"))
      assert.is_nil(header(request, "Content-Length"))
    end
  end))

  it("keeps other methods on 301 and 302", inside(function()
    for _, status in ipairs { 301, 302 } do
      local request = http.put(redirect(status, "/echo"), { body = "x" }):json()
      assert.same({ "PUT", "x" }, { request.method, request.body })
    end
  end))

  it("makes a GET of all but HEAD on 303", inside(function()
    local request = http.put(redirect(303, "/echo"), { body = "x" }):json()
    assert.same({ "GET", "" }, { request.method, request.body })
    local response = http.head(redirect(303, "/echo"))
    assert.same({ 200, "" }, { response.status, response:text() })
  end))

  it("keeps method and body on 307 and 308", inside(function()
    for _, status in ipairs { 307, 308 } do
      local request = http.post(redirect(status, "/echo"), { json = { 1 } }):json()
      assert.same({ "POST", "[1]" }, { request.method, request.body })
      assert.equal("application/json", header(request, "Content-Type"))
    end
  end))

  it("keeps credentials on one origin", inside(function()
    local options = { auth = { "u", "p" }, headers = { Cookie = "a=1" } }
    local request = http.get(redirect(302, "/echo"), options):json()
    assert.equal("Basic dTpw", header(request, "Authorization"))
    assert.equal("a=1", header(request, "Cookie"))
  end))

  it("drops credentials on the way to another port", inside(function()
    local headers = { Authorization = "x", ["proxy-authorization"] = "y", COOKIE = "z", Host = "h", A = "b" }
    local response = http.get(redirect(302, server.other .. "/echo"), { headers = headers })
    local request = response:json()
    assert.equal(server.other .. "/echo", response.url)
    for _, name in ipairs { "Authorization", "Proxy-Authorization", "Cookie" } do
      assert.is_nil(header(request, name))
    end
    assert.equal("127.0.0.1:" .. server.other_port, header(request, "Host"))
    assert.equal("b", header(request, "A"))
  end))

  -- Speaks TLS too, by handing it on, and redirects whoever does without from http to https.
  local function two_faced()
    local listener = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    async.spawn(listener.serve, listener, function(stream)
      local first = stream:read()
      if first:byte() ~= 22 then -- no handshake
        stream:write(("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/echo\r\n"):format(port)
          .. "Content-Length: 0\r\nConnection: close\r\n\r\n")
        return
      end
      local beyond <close> = async.net.connect("127.0.0.1", math.tointeger(server.tls:match "%d+$"))
      beyond:write(first)
      async.race { function() stream:pipe_to(beyond) end, function() beyond:pipe_to(stream) end }
    end)
    return ("http://127.0.0.1:%d/"):format(port), listener
  end

  it("drops those of a session, too, and where the scheme alone is another", inside(function()
    local url, listener = two_faced()
    local _ <close> = listener
    local headers = { Cookie = "z", A = "b" }
    local session <close> = http.session { auth = { "u", "p" }, headers = headers, ca_file = server.ca }
    local request = session:get(url):json()
    assert.is_nil(header(request, "Authorization"))
    assert.is_nil(header(request, "Cookie"))
    assert.equal("b", header(request, "A"))
  end))

  it("does not bring them back on the way home", inside(function()
    local away = server.other .. "/redirect/302?to=" .. server.url .. "/echo"
    for _, auth in ipairs { { "u", "p" }, { bearer = "t" } } do
      local response = http.get(redirect(302, away), { auth = auth })
      assert.equal(server.url .. "/echo", response.url)
      assert.is_nil(header(response:json(), "Authorization"))
    end
  end))

  it("drops digest credentials too", inside(function()
    local auth = { user = "user", password = "secret", digest = true }
    assert.equal(200, http.get(redirect(302, "/digest"), { auth = auth }).status)
    assert.equal(401, http.get(redirect(302, server.other .. "/digest"), { auth = auth }).status)
  end))

  it("uses the credentials of a Location for that hop alone, and shows them nowhere", inside(function()
    local to = server.other:gsub("//", "//me:pw@") .. "/echo"
    local response = http.get(redirect(302, to), { auth = { "u", "p" } })
    assert.equal("Basic bWU6cHc=", header(response:json(), "Authorization"))
    assert.equal(server.other .. "/echo", response.url)
  end))

  it("counts against the total timeout as a whole", inside(function()
    local err = error_of(redirect(302, "/hang"), { timeout = 0.1 })
    assert.same({ "TimeoutError", "total" }, { err.name, err.phase })
  end))

  it("does not wait long for a body that nobody will read", inside(function()
    local head = "HTTP/1.1 302 Found\r\nContent-Length: 10\r\nLocation: %s/echo\r\n\r\n"
    for _, last in ipairs { "hang", "reset", "close" } do
      local session <close> = http.session { limit = 1, timeout = 60 }
      local before = async.now()
      local response = session:get(rogue:script({ "send", head:format(server.url) .. "begin" }, { last }))
      assert.equal("GET", response:json().method)
      assert.truthy(async.now() - before < 30)
    end
  end))

  it("holds no slot on the way", inside(function()
    local session <close> = http.session { limit = 1, limit_per_host = 1 }
    assert.equal(200, session:get(server.url .. "/loop/3").status)
    assert.equal(200, session:get(redirect(302, server.other .. "/echo")).status)
  end))
end)
