-- SPDX-License-Identifier: MIT
-- The client against httpbin, as gunicorn serves it.

local async = require "saros"
local http = require "saros.http"
local server = require("spec.support.real_servers").httpbin()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

local function at(path)
  return server.url .. path
end

-- A body of these pieces, with a turn for the others before each.
local function pieces(list)
  local i = 0
  return function()
    async.sleep(0)
    i = i + 1
    return list[i]
  end
end

describe("httpbin is sent", function()
  for _, verb in ipairs { "get", "post", "put", "patch", "delete" } do
    it("the method " .. verb:upper(), inside(function()
      assert.equal(verb:upper(), http[verb](at "/anything"):json().method)
    end))
  end

  it("HEAD and OPTIONS", inside(function()
    local response = http.head(at "/get")
    assert.same({ 200, "application/json", "" },
      { response.status, response.headers["content-type"], response:text() })
    assert.truthy(tonumber(response.headers["Content-Length"]) > 0)
    assert.truthy(http.options(at "/get").headers.allow:find("GET", 1, true))
  end))

  it("a path and a query as they were given", inside(function()
    local answer = http.get(at "/anything/a%20b/%C3%A9?x=1", { query = { y = { "a b", "&=" }, z = "é" } }):json()
    assert.same({ x = "1", y = { "a b", "&=" }, z = "é" }, answer.args)
    assert.truthy(answer.url:find("/anything/a%20b/é?x=1&y=a%20b&y=%26%3D&z=é", 1, true), answer.url)
  end))

  it("headers, and no more than a few of our own", inside(function()
    local headers = http.get(at "/headers", { headers = { ["X-One"] = "1", ["X-Two"] = { "a", "b" } } }):json().headers
    assert.same({ "1", "a,b" }, { headers["X-One"], headers["X-Two"] })
    headers["X-One"], headers["X-Two"] = nil, nil
    local names = {}
    for name in pairs(headers) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "Accept", "Accept-Encoding", "Host", "User-Agent" }, names)
  end))

  it("a form", inside(function()
    local form = { name = "Ada Lovelace", list = { "1", "2" }, sign = "&=+%é" }
    local answer = http.post(at "/post", { form = form }):json()
    assert.same(form, answer.form)
    assert.equal("application/x-www-form-urlencoded", answer.headers["Content-Type"])
  end))

  it("JSON", inside(function()
    local sent = { text = 'a "quote" and é', list = { 1, 2.5, true }, deep = { er = {} } }
    local answer = http.put(at "/put", { json = sent }):json()
    assert.same(sent, answer.json)
    assert.equal("application/json", answer.headers["Content-Type"])
  end))

  it("bytes of every kind", inside(function()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    local sent = http.post(at "/post", { body = table.concat(bytes) }):json().data
    local encoded = sent:match "^data:application/octet%-stream;base64,(.+)$"
    assert.equal(344, #encoded)
    assert.equal("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", encoded:sub(1, 44))
    assert.equal("/w==", encoded:sub(-4))
  end))

  it("multipart with fields and files, in memory and from the disk", inside(function()
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "wb"))
    file:write(("from the disk\n"):rep(20000))
    file:close()
    local answer = http.post(at "/post", { multipart = {
      { name = "note", data = "a field" }, { name = "note", data = "another" },
      { name = "text", data = "in memory", filename = 'a "name".txt', content_type = "text/plain" },
      { name = "large", path = path, filename = "large.txt" },
    } }):json()
    os.remove(path)
    assert.same({ note = { "a field", "another" } }, answer.form)
    assert.equal("in memory", answer.files.text)
    assert.equal(("from the disk\n"):rep(20000), answer.files.large)
  end))

  it("a body that is made while it is sent, chunked", inside(function()
    local answer = http.post(at "/post", { body = pieces { "one ", "two ", "", "three" } }):json()
    assert.same({ "one two three", "chunked" }, { answer.data, answer.headers["Transfer-Encoding"] })
    local size = 0
    answer = http.put(at "/put", { body = function()
      size = size + 65536
      return size <= 2000000 and ("x"):rep(65536) or nil
    end }):json()
    assert.equal(30 * 65536, #answer.data)
  end))

  it("one with the length that the caller knows", inside(function()
    local options = { body = pieces { "one ", "two" }, headers = { ["Content-Length"] = 7 } }
    local answer = http.patch(at "/patch", options):json()
    assert.same({ "one two", "7" }, { answer.data, answer.headers["Content-Length"] })
  end))
end)

describe("httpbin answers", function()
  it("with every kind of status", inside(function()
    for _, status in ipairs { 200, 201, 204, 300, 304, 400, 402, 404, 406, 418, 429, 500, 503 } do
      local response = http.get(at("/status/" .. status))
      assert.equal(status, response.status)
      assert.equal(status >= 200 and status < 300, response.ok)
      response:text()
    end
    assert.truthy(http.get(at "/status/418"):text():find("teapot", 1, true))
    assert.equal(404, caught(function()
      http.get(at "/status/404"):raise_for_status()
    end).status)
  end))

  it("with headers, repeated ones joined", inside(function()
    local response = http.get(at "/response-headers", { query = { ["X-Seen"] = { "1", "2" }, Plain = "yes" } })
    assert.same({ "1, 2", "yes" }, { response.headers["x-seen"], response.headers.plain })
    assert.same({ "1", "2" }, response.headers:get_all "X-SEEN")
  end))

  for coding, mark in pairs { gzip = "gzipped", deflate = "deflated", brotli = "brotli" } do
    it("in " .. coding, inside(function()
      local response = http.get(at("/" .. coding))
      assert.equal(coding == "brotli" and "br" or coding, response.headers["content-encoding"])
      assert.is_true(response:json()[mark])
    end))
  end

  it("in a stream of lines, each of them JSON", inside(function()
    local ids = {}
    for line in http.get(at "/stream/20"):lines() do
      ids[#ids + 1] = async.json.decode(line).id
    end
    assert.equal(20, #ids)
    assert.same({ 0, 19 }, { ids[1], ids[20] })
  end))

  it("with the same bytes, whole or in chunks, for the same seed", inside(function()
    local whole = http.get(at "/bytes/50000?seed=7"):text()
    assert.equal(50000, #whole)
    local chunks = {}
    for chunk in http.get(at "/stream-bytes/50000?seed=7&chunk_size=777"):chunks() do
      chunks[#chunks + 1] = chunk
    end
    assert.equal(whole, table.concat(chunks))
  end))

  it("with ranges", inside(function()
    local response = http.get(at "/range/1000", { headers = { Range = "bytes=10-35" } })
    assert.same({ 206, "bytes 10-35/1000", "klmnopqrstuvwxyzabcdefghij" },
      { response.status, response.headers["content-range"], response:text() })
    response = http.get(at "/range/1000", { headers = { Range = "bytes=2000-" } })
    assert.same({ 416, "" }, { response.status, response:text() })
    assert.equal(1000, #http.get(at "/range/1000"):text())
  end))

  it("drop by drop, each as it comes", inside(function()
    local seen = 0
    for chunk in http.get(at "/drip?numbytes=10&duration=2"):chunks() do
      assert.truthy(#chunk < 10)
      seen = seen + #chunk
    end
    assert.equal(10, seen)
  end))

  it("with links that can be followed side by side", inside(function()
    local session <close> = http.session { base_url = server.url, limit = 4 }
    local response = session:get "/links/8"
    assert.equal(at "/links/8/0", response.url)
    local links = {}
    for link in response:text():gmatch "href='([^']+)'" do links[#links + 1] = link end
    assert.equal(7, #links)
    local texts = async.map(links, function(link)
      return session:get(link):text()
    end)
    for i, text in ipairs(texts) do
      assert.truthy(text:find(links[i % 7 + 1], 1, true))
      assert.is_nil(text:find(links[i], 1, true)) -- a page does not link to itself
    end
  end))

  it("with an entity tag that a later request shows", inside(function()
    local response = http.get(at "/etag/first")
    assert.equal("first", response.headers.etag)
    response = http.get(at "/etag/first", { headers = { ["If-None-Match"] = "first" } })
    assert.same({ 304, "" }, { response.status, response:text() })
    assert.equal(412, http.get(at "/etag/first", { headers = { ["If-Match"] = "second" } }).status)
  end))

  it("with an image, byte for byte, into a file", inside(function()
    local path = os.tmpname()
    local size = http.get(at "/image/png"):save(path)
    local file <close> = assert(io.open(path, "rb"))
    local bytes = file:read("a")
    os.remove(path)
    assert.equal(size, #bytes)
    assert.equal("\x89PNG\r\n\x1a\n", bytes:sub(1, 8))
  end))
end)

describe("httpbin lets in", function()
  it("who has the password, by Basic", inside(function()
    assert.is_true(http.get(at "/basic-auth/user/secret", { auth = { "user", "secret" } }):json().authenticated)
    assert.equal(401, http.get(at "/basic-auth/user/secret", { auth = { "user", "wrong" } }).status)
    assert.equal(401, http.get(at "/basic-auth/user/secret").status)
    assert.equal(404, http.get(at "/hidden-basic-auth/user/secret").status)
    local inline = server.url:gsub("://", "://us%%40er:p%%3Ass@")
    local response = http.get(inline .. "/hidden-basic-auth/us@er/p:ss")
    assert.is_true(response:json().authenticated)
    assert.equal(at "/hidden-basic-auth/us@er/p:ss", response.url)
  end))

  it("who has the token", inside(function()
    assert.equal("t0k3n", http.get(at "/bearer", { auth = { bearer = "t0k3n" } }):json().token)
    assert.equal(401, http.get(at "/bearer").status)
  end))

  for _, algorithm in ipairs { "MD5", "SHA-256" } do
    for _, qop in ipairs { "auth", "none" } do
      it(("who has the password, by Digest with %s and qop %s"):format(algorithm, qop), inside(function()
        local session <close> = http.session()
        local url = at(("/digest-auth/%s/user/secret/%s"):format(qop, algorithm))
        local right = { user = "user", password = "secret", digest = true }
        local response = session:get(url, { auth = right })
        assert.same({ 200, true }, { response.status, response:json().authenticated })
        assert.is_true(session:get(url, { auth = right }):json().authenticated)
        assert.equal(401, session:get(url, { auth = { user = "user", password = "wrong", digest = true } }).status)
        assert.equal(401, session:get(url).status)
      end))
    end
  end

  it("nobody by a Digest that is beyond the client, which is a response and no failure", inside(function()
    local options = { auth = { user = "user", password = "secret", digest = true } }
    assert.equal(401, http.get(at "/digest-auth/auth/user/secret/SHA-512", options).status)
  end))
end)

describe("httpbin's cookies", function()
  it("are set, sent back and deleted", inside(function()
    local session <close> = http.session { base_url = server.url }
    local response = session:get "/cookies/set?one=1&two=2"
    assert.same({ one = "1", two = "2" }, response:json().cookies)
    assert.equal("1", session.cookies:get "one")
    assert.equal(1, #response.history)
    session.cookies:set("three", "3")
    assert.same({ one = "1", two = "2", three = "3" }, session:get("/cookies"):json().cookies)
    assert.same({ two = "2", three = "3" }, session:get("/cookies/delete?one"):json().cookies)
    assert.is_nil(session.cookies:get "one")
  end))

  it("stay away where there is no jar", inside(function()
    assert.same({}, http.get(at "/cookies/set/one/1"):json().cookies)
    local session <close> = http.session { cookies = false }
    assert.same({}, session:get(at "/cookies/set/one/1"):json().cookies)
    assert.same({ own = "x" }, session:get(at "/cookies", { cookies = { own = "x" } }):json().cookies)
  end))
end)

describe("httpbin redirects", function()
  for _, kind in ipairs { "redirect", "relative-redirect", "absolute-redirect" } do
    it("several times: " .. kind, inside(function()
      local response = http.get(at("/" .. kind .. "/4"))
      assert.same({ 200, at "/get", 4 }, { response.status, response.url, #response.history })
      assert.equal(at("/" .. kind .. "/4"), response.history[1].url)
    end))
  end

  it("no more often than wanted", inside(function()
    assert.equal("EREDIRECT", caught(http.get, at "/redirect/5", { max_redirects = 4 }).code)
    assert.equal(302, http.get(at "/redirect/5", { redirect = "manual" }).status)
    assert.equal("EREDIRECT", caught(http.get, at "/redirect/1", { redirect = "error" }).code)
  end))

  local expected = {
    [301] = { "GET", "" }, [302] = { "GET", "" }, [303] = { "GET", "" }, [307] = { "POST", "order" },
    [308] = { "POST", "order" },
  }
  for status, outcome in pairs(expected) do
    it(("a POST by %d to a %s"):format(status, outcome[1]), inside(function()
      local response = http.post(at "/redirect-to", {
        query = { url = "/anything", status_code = status },
        body = "order", headers = { ["Content-Type"] = "text/plain" },
      })
      local answer = response:json()
      assert.same(outcome, { answer.method, answer.data })
      assert.equal(outcome[1] == "POST" and "text/plain" or nil, answer.headers["Content-Type"])
    end))
  end

  it("a PUT by 302 to a PUT, by 303 to a GET", inside(function()
    for status, outcome in pairs { [302] = { "PUT", "x" }, [303] = { "GET", "" } } do
      local query = { url = "/anything", status_code = status }
      local answer = http.put(at "/redirect-to", { query = query, body = "x" }):json()
      assert.same(outcome, { answer.method, answer.data })
    end
  end))

  it("to another host, which hears no credentials", inside(function()
    local elsewhere = server.url:gsub("127%.0%.0%.1", "localhost") .. "/headers"
    local headers = http.get(at "/redirect-to", {
      query = { url = elsewhere }, auth = { "user", "secret" }, cookies = { own = "x" },
    }):json().headers
    assert.same({}, { headers.Authorization, headers.Cookie })
    headers = http.get(at "/redirect-to?url=/headers", { auth = { "user", "secret" } }):json().headers
    assert.truthy(headers.Authorization)
  end))

  it("not to where no client should go", inside(function()
    for _, target in ipairs { "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/" } do
      assert.equal("EREDIRECT", caught(http.get, at "/redirect-to", { query = { url = target } }).code)
    end
  end))
end)

describe("httpbin is slow", function()
  it("beyond the patience of a request", inside(function()
    local err = caught(http.get, at "/delay/5", { timeout = 0.1 })
    assert.same({ "TimeoutError", "total" }, { err.name, err.phase })
    assert.equal("read", caught(http.get, at "/delay/5", { timeout = { read = 0.1 } }).phase)
  end))

  it("for each of many, but not for all of them together", inside(function()
    local session <close> = http.session()
    local begun, finished, together = 0, 0, nil
    async.map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function()
      begun = begun + 1
      session:get(at "/delay/0.4"):text()
      together = together or begun
      finished = finished + 1
    end)
    assert.same({ 8, 8 }, { together, finished })
  end))

  it("within the body, which the read timeout notices", inside(function()
    local response = http.get(at "/drip?numbytes=2&duration=20", { timeout = { read = 2 } })
    assert.equal("*", response:read())
    assert.equal("read", caught(response.read, response).phase)
  end))
end)
