-- SPDX-License-Identifier: MIT
-- The client against nginx: HTTP/1.1 and what both versions have in common.

local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local proc = require "spec.support.proc"
local server = require("spec.support.real_servers").nginx()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

local function session_of(options)
  options = options or {}
  options.ca_file, options.timeout = server.ca, options.timeout or 120 -- whoever else the machine works for
  return http.session(options)
end

-- `count` pieces of 64 KiB, without a count for ever.
local function pieces(count)
  local piece, given = ("x"):rep(65536), 0
  return function()
    given = given + 1
    return (not count or given <= count) and piece or nil
  end
end

local function size_of(response)
  local size = 0
  for chunk in response:chunks() do size = size + #chunk end
  return size
end

-- How much memory is used when fn has run, beyond what was used before.
local function growth(fn)
  local before = proc.resident()
  fn()
  local after = proc.resident()
  return before and after - before or 0
end

local versions = { ["HTTP/1.1"] = server.plain, ["HTTP/1.1 over TLS"] = server.tls, ["HTTP/2"] = server.h2 }

for version, base in pairs(versions) do
  describe("nginx by " .. version, function()
    setup(inside(function() backend.find_out(base .. "/facts", { ca_file = server.ca }) end))

    it("serves one request after the other on one connection", inside(function()
      local session <close> = session_of()
      local connection
      for i = 1, 20 do
        local response = session:get(base .. "/facts")
        local facts = response:json()
        connection = connection or facts.connection
        assert.same({ connection, i }, { facts.connection, facts.number })
        assert.equal(base == server.h2 and "2" or "1.1", response.http_version)
      end
      local stats = session:stats()
      assert.same({ 20, 1, 19, 1, 0, 0 },
        { stats.requests, stats.connections, stats.reused, stats.idle, stats.active, stats.failed })
    end))

    it("gives a file, its head alone, a part of it, or word that it has not changed", inside(function()
      local session <close> = session_of { base_url = base }
      local response = session:get "/hello.txt"
      assert.same({ 200, "OK", "hello from nginx\n", "17" },
        { response.status, response.reason, response:text(), response.headers["content-length"] })
      local tag = response.headers.ETag
      response = session:head "/big.bin"
      assert.same({ 200, tostring(server.big), "" },
        { response.status, response.headers["Content-Length"], response:text() })
      response = session:get("/hello.txt", { headers = { Range = "bytes=6-9" } })
      assert.same({ 206, "bytes 6-9/17", "from" },
        { response.status, response.headers["content-range"], response:text() })
      assert.equal(416, session:get("/hello.txt", { headers = { Range = "bytes=17-" } }).status)
      response = session:get("/hello.txt", { headers = { ["If-None-Match"] = tag } })
      assert.same({ 304, "Not Modified", "" }, { response.status, response.reason, response:text() })
      assert.equal(1, session:stats().connections)
    end))

    it("packs what it sends", inside(function()
      local session <close> = session_of { base_url = base }
      local plain, packed = session:get "/lines.txt", session:get "/gzip/lines.txt"
      assert.equal("gzip", packed.headers["content-encoding"])
      assert.is_nil(packed.headers["content-length"])
      assert.equal(plain:text(), packed:text())
      local count, wrong = 0, nil
      for line in session:get("/gzip/lines.txt"):lines() do
        if line ~= ("line %06d"):format(count) then wrong = wrong or line end
        count = count + 1
      end
      assert.same({ 100000, nil }, { count, wrong })
      local whole = session:get("/gzip/hello.txt", { headers = { ["Accept-Encoding"] = "identity" } })
      assert.same({ "17" }, { whole.headers["content-length"], whole.headers["content-encoding"] })
    end))

    it("has pages for its errors", inside(function()
      local session <close> = session_of { base_url = base }
      local response = session:get "/not/there"
      assert.same({ 404, "Not Found" }, { response.status, response.reason })
      assert.truthy(response:text():find("404 Not Found", 1, true))
      response = session:get "/gone"
      assert.same({ 410, "Gone", "<p>it was here once</p>\n" }, { response.status, response.reason, response:text() })
      assert.equal(405, session:post("/hello.txt", { body = "x" }).status)
      local err = caught(response.raise_for_status, response)
      assert.same({ "HTTPError", 410 }, { err.name, err.status })
    end))

    it("asks for a password", inside(function()
      local session <close> = session_of { base_url = base }
      assert.equal(401, session:get("/secret/hello.txt").status)
      assert.equal(401, session:get("/secret/hello.txt", { auth = { "user", "wrong" } }).status)
      assert.equal("hello from nginx\n", session:get("/secret/hello.txt", { auth = { "user", "secret" } }):text())
    end))

    it("sends a folder's request on to the name with a slash", inside(function()
      local session <close> = session_of()
      local response = session:get(base .. "/folder")
      assert.same({ 403, base .. "/folder/", 301 },
        { response.status, response.url, response.history[1].status })
    end))

    it("stores what it is sent: a string, a stream, and one whose length is known", inside(function()
      local session <close> = session_of { base_url = base }
      local name = "/store/" .. version:gsub("%W", "")
      for _, options in ipairs {
        { body = ("x"):rep(5000000) }, { body = pieces(76) },
        { body = pieces(76), headers = { ["Content-Length"] = 76 * 65536 } },
      } do
        local status = session:put(name, options).status
        assert.truthy(status == 201 or status == 204)
        assert.equal(type(options.body) == "string" and #options.body or 76 * 65536, #session:get(name):text())
      end
      assert.equal(204, session:delete(name).status)
      assert.equal(404, session:get(name).status)
      local apart = base == server.h2 or base == server.tls and not backend.is_own -- libcurl's large bodies over TLS
      assert.equal(apart and 2 or 1, session:stats().connections)
    end))

    it("is asked for no go-ahead, however large the body", inside(function()
      local session <close> = session_of()
      for _, body in ipairs { "small", ("x"):rep(2000000), pieces(32) } do
        local response = session:put(base .. "/store/expect", { body = body })
        assert.equal("expect:", response.headers["x-expect"])
        assert.truthy(response.ok)
      end
    end))

    it("refuses a body that is too large, before it has come", inside(function()
      for _, options in ipairs {
        { body = ("x"):rep(5000000) }, { body = pieces() },
        { body = pieces(), headers = { ["Content-Length"] = 1 << 40 } },
      } do
        local session <close> = session_of()
        local response = session:put(base .. "/small/x", options)
        assert.equal(413, response.status)
        assert.truthy(response:text():find("413 Request Entity Too Large", 1, true))
        assert.equal(0, session:stats().active)
        assert.equal(200, session:get(base .. "/facts").status)
      end
    end))

    it("waits for a slow reader, in bounded memory, while others are served", inside(function()
      local session <close> = session_of { timeout = { total = 120, read = 30 } }
      local slow = session:get(base .. "/huge.bin")
      local read = #slow:read()
      -- What libcurl lets an HTTP/2 server send before it says more is 32 MiB, and it copies that once to grow.
      local bound = base == server.h2 and 100000000 or 16000000
      assert.truthy(bound > growth(function()
        local sizes = async.map({ 1, 2, 3 }, function()
          return size_of(session:get(base .. "/big.bin"))
        end)
        assert.same({ server.big, server.big, server.big, n = 3 }, sizes)
        while read < server.big do read = read + #slow:read() end
      end))
      slow:close()
      assert.equal(200, session:get(base .. "/facts").status)
    end))

    it("lets one request in at a time, and the next one in when it is told to come back", inside(function()
      local session <close> = session_of()
      local first = session:get(base .. "/one/big.bin")
      local refused = session:get(base .. "/one/hello.txt")
      assert.same({ 429, "1" }, { refused.status, refused.headers["retry-after"] })
      local before = async.now()
      local task = async.spawn(session.get, session, base .. "/one/hello.txt", { retries = { attempts = 10 } })
      while session:stats().requests < 3 or session:stats().active > 1 do async.sleep(0) end
      first:close() -- the other one has been told, and waits
      assert.equal("hello from nginx\n", task:await():text())
      assert.truthy(async.now() - before >= 1)
    end))
  end)
end

describe("nginx", function()
  it("is found at a Unix socket", inside(function()
    local session <close> = http.session { unix_socket = server.unix }
    assert.equal("hello from nginx\n", session:get("http://anything.invalid/hello.txt"):text())
    assert.equal(2, session:get("http://anything.invalid/facts"):json().number)
  end))

  it("closes a connection that has served its share, and a new one is made", inside(function()
    local session <close> = http.session()
    for _, method in ipairs { "GET", "POST", "PUT" } do
      local numbers = {}
      for i = 1, 6 do
        numbers[i] = session:fetch(server.few .. "/facts", { method = method }):json().number
      end
      assert.same({ 1, 2, 3, 1, 2, 3 }, numbers)
    end
    local stats = session:stats()
    assert.same({ 6, 12, 0 }, { stats.connections, stats.reused, stats.failed })
  end))

  it("closes a connection that nobody uses, and the next request does not fail by that", inside(function()
    local session <close> = http.session()
    local first, connection = session:get(server.impatient .. "/facts"):json().connection, nil
    for _ = 1, 100 do
      async.sleep(0.1)
      connection = session:get(server.impatient .. "/facts"):json().connection
      if connection ~= first then break end
    end
    assert.not_equal(first, connection)
    assert.equal(0, session:stats().failed)
  end))

  it("loses patience with a body that does not come, or does not go on", inside(function()
    local session <close> = http.session { limit = 1 }
    for _, first in ipairs { false, "begin" } do
      local closed, given = false, false
      local err = caught(session.put, session, server.impatient .. "/store/never", { timeout = 30, body = function()
        local _held <close> = tasks.finally(function(_, err) closed = err ~= nil end)
        if given or not first then async.sleep(100) end
        given = true
        return first
      end })
      assert.same({ "FetchError", "ECONNRESET", true }, { err.name, err.code, closed })
      assert.equal(200, session:get(server.impatient .. "/facts").status)
    end
  end))

  it("is given up when it does not answer, or does not even accept", inside(function()
    local err = caught(http.get, server.plain .. "/mute", { timeout = { read = 0.1 } })
    assert.same({ "TimeoutError", "read" }, { err.name, err.phase })
    err = caught(http.get, server.full, { timeout = { connect = 0.1 } })
    assert.same({ "TimeoutError", "connect" }, { err.name, err.phase })
    err = caught(http.get, server.mute:gsub("http:", "https:"), { timeout = { connect = 0.1 } })
    assert.same({ "TimeoutError", "connect" }, { err.name, err.phase })
  end))
end)
