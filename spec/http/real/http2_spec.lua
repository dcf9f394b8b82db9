-- SPDX-License-Identifier: MIT
-- The client against nginx: what only HTTP/2 has.

local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local server = require("spec.support.real_servers").nginx()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught
local url = server.h2

local function session_of(options)
  options = options or {}
  options.ca_file, options.timeout = server.ca, 120 -- whoever else the machine works for
  return http.session(options)
end

local function numbers(count)
  local list = {}
  for i = 1, count do list[i] = i end
  return list
end

local function size_of(response)
  local size = 0
  for chunk in response:chunks() do size = size + #chunk end
  return size
end

describe("HTTP/2 with nginx", function()
  it("is chosen over TLS unless 1.1 is wanted, and not without", inside(function()
    for wish, version in pairs { [false] = "2", ["2"] = "2", ["1.1"] = "1.1" } do
      local session <close> = session_of { http_version = wish or nil }
      local response = session:get(url .. "/facts")
      assert.same({ version, version == "2" and "HTTP/2.0" or "HTTP/1.1" },
        { response.http_version, response:json().protocol })
    end
    assert.equal("1.1", http.get(server.plain .. "/facts", { http_version = "2" }).http_version)
    assert.equal("1.1", http.get(server.tls .. "/facts", { http_version = "2", ca_file = server.ca }).http_version)
  end))

  it("has phrases for its statuses, and headers that are found in any case", inside(function()
    local response = http.get(url .. "/hello.txt", { ca_file = server.ca })
    assert.same({ "OK", "text/plain" }, { response.reason, response.headers["Content-Type"] })
    assert.equal("Not Found", http.get(url .. "/nowhere", { ca_file = server.ca }).reason)
  end))

  it("carries all requests that start at once over one connection", inside(function()
    local session <close> = session_of()
    local answers = async.map(numbers(100), function()
      return session:get(url .. "/facts"):json().connection
    end)
    for i = 2, 100 do assert.equal(answers[1], answers[i]) end
    local stats = session:stats()
    assert.same({ 100, 1, 99, 1 }, { stats.requests, stats.connections, stats.reused, stats.idle })
  end))

  it("counts requests where it limits, not connections", inside(function()
    local session <close> = session_of { limit = 5 }
    session:get(url .. "/facts"):text()
    local peak = 0
    async.map(numbers(30), function()
      local response = session:get(url .. "/slowly/hello.txt")
      peak = math.max(peak, session:stats().active)
      return response:text()
    end)
    assert.truthy(peak <= 5)
    local held = {}
    for i = 1, 5 do held[i] = session:get(url .. "/slowly/big.bin") end
    local waiter = async.spawn(session.get, session, url .. "/facts")
    tasks.turns()
    local stats = session:stats()
    assert.same({ 5, 1, 1 }, { stats.active, stats.waiting, stats.connections })
    held[3]:close()
    assert.equal(200, waiter:await().status)
  end))

  backend.own_only("all of them stay with libcurl", function()
    it("keeps its connection when its session leaves libcurl for another server, of HTTP/1.1", inside(function()
      local session <close> = session_of()
      local connection = session:get(url .. "/facts"):json().connection
      session:get(server.tls .. "/facts"):text()
      local unread = session:get(server.tls .. "/big.bin")
      assert.is_truthy(session.by_curl)
      session:get(server.tls .. "/facts"):text()
      assert.is_false(session.by_curl)
      unread:close()
      tasks.turns()
      assert.equal(connection, session:get(url .. "/facts"):json().connection)
    end))
  end)

  it("has more requests than a connection takes wait their turn, or go over another", inside(function()
    local session <close> = session_of { limit = 300 }
    local sizes = async.map(numbers(300), function()
      return #session:get(url .. "/hello.txt"):text()
    end)
    for i = 1, 300 do assert.equal(17, sizes[i]) end
    assert.equal(0, session:stats().failed)
  end))

  it("brings several large bodies side by side, each whole", inside(function()
    local session <close> = session_of()
    local wanted = session:get(url .. "/lines.txt"):text()
    local begun = async.barrier(3) -- none goes on before each has begun: one after the other they would wait for ever
    local results = async.map(numbers(6), function(i)
      local response = session:get(url .. (i % 2 == 0 and "/lines.txt" or "/big.bin"))
      if i % 2 == 1 then return size_of(response) end
      local parts = {}
      for chunk in response:chunks() do
        parts[#parts + 1] = chunk
        if #parts == 1 then begun:wait() end
      end
      assert.is_true(#parts > 1)
      return table.concat(parts)
    end)
    for i = 1, 6 do assert.truthy(results[i] == (i % 2 == 1 and server.big or wanted)) end
    assert.equal(1, session:stats().connections)
  end))

  it("loses one request and keeps the others, and the connection", inside(function()
    local session <close> = session_of()
    local wanted = session:get(url .. "/lines.txt"):text()
    -- The connection stays in use: libcurl takes an idle one for dead if a part of a record of TLS has come, here of a
    -- body that nobody wants any more.
    local _other <close> = session:get(url .. "/slowly/big.bin")
    local readers = {}
    for i = 1, 12 do
      readers[i] = async.spawn(function()
        local response <close> = session:get(url .. (i % 3 == 0 and "/big.bin" or "/lines.txt"))
        if i % 3 ~= 0 then return response:text() end
        if i % 2 == 0 then tasks.hang() end
        return size_of(response)
      end)
    end
    while session:stats().requests < 14 do async.sleep(0) end
    for i = 3, 12, 3 do
      readers[i]:cancel()
      assert.equal("CancelledError", caught(readers[i].await, readers[i]).name)
      async.sleep(0.001)
    end
    for i = 1, 12 do
      if i % 3 ~= 0 then assert.truthy(readers[i]:await() == wanted) end
    end
    assert.equal(200, session:get(url .. "/facts").status)
    assert.same({ 1, 1 }, { session:stats().connections, session:stats().active })
  end))

  it("gives nothing of a body that was given up to the next one", inside(function()
    local session <close> = session_of()
    local wanted = session:get(url .. "/lines.txt"):text()
    local _other <close> = session:get(url .. "/slowly/big.bin") -- the connection stays in use
    local given_up = async.map(numbers(8), function()
      return session:get(url .. "/big.bin")
    end)
    async.sleep(0.05) -- more has come than anybody reads
    for i = 1, 8 do given_up[i]:close() end
    local texts = async.map(numbers(8), function()
      local response, parts = session:get(url .. "/lines.txt"), {}
      async.sleep(0.02) -- so that this, too, is held back
      for chunk in response:chunks() do
        parts[#parts + 1] = chunk
        async.sleep(0)
      end
      return table.concat(parts)
    end)
    for i = 1, 8 do assert.truthy(texts[i] == wanted, #texts[i]) end
    assert.equal(1, session:stats().connections)
  end))

  it("carries uploads beside downloads, all of them whole", inside(function()
    local session <close> = session_of { base_url = url }
    local sizes = async.map(numbers(12), function(i)
      if i % 2 == 0 then return size_of(session:get "/big.bin") end
      local name, left = "/store/beside" .. i, 40
      local function piece()
        left = left - 1
        async.sleep(0)
        return left >= 0 and ("x"):rep(50000) or nil
      end
      local length = i % 4 == 1 and 2000000 or nil
      local options = { body = piece, headers = { ["Content-Length"] = length } }
      if i % 3 == 1 then options = { body = ("x"):rep(2000000) } end
      local response = session:put(name, options)
      assert.same({ true, "2" }, { response.ok, response.http_version })
      return #session:get(name):text()
    end)
    for i = 1, 12 do assert.equal(i % 2 == 0 and server.big or 2000000, sizes[i]) end
  end))

  it("brings every response that comes before the end of its request", inside(function()
    local session <close> = session_of { limit = 20, base_url = url }
    async.map(numbers(120), function(i)
      local left = 3
      local function piece()
        left = left - 1
        return left >= 0 and ("x"):rep(20000) or nil
      end
      local response = session:post("/facts", { body = i % 2 == 0 and piece or ("x"):rep(60000) })
      assert.same({ 200, "POST" }, { response.status, response:json().method })
    end)
    assert.same({ 0, 0 }, { session:stats().failed, session:stats().active })
  end))

  it("does not mix requests that want 1.1 with others", inside(function()
    local session <close> = session_of { base_url = url }
    local old <close> = session:get("/big.bin", { http_version = "1.1" })
    local new <close> = session:get "/big.bin"
    assert.same({ "1.1", "2" }, { old.http_version, new.http_version })
    for _ = 1, 3 do
      local response = session:get("/facts", { timeout = 120 })
      assert.same({ "2", "HTTP/2.0" }, { response.http_version, response:json().protocol })
      response = session:get("/facts", { timeout = 120, http_version = "1.1" })
      assert.same({ "1.1", "HTTP/1.1" }, { response.http_version, response:json().protocol })
    end
    assert.same({ server.big, server.big }, { size_of(old), size_of(new) })
  end))

  it("loses no request to a connection that serves but so many, when more are under way", inside(function()
    local session <close> = session_of()
    local texts = async.map(numbers(200), function()
      return session:get(server.some2 .. "/hello.txt"):text()
    end, { limit = 30 })
    for i = 2, 200 do assert.equal(texts[1], texts[i]) end
    assert.equal(200, session:stats().requests)
  end))

  it("goes on elsewhere when the server says goodbye", inside(function()
    local session <close> = session_of()
    local seen = {}
    for i = 1, 9 do seen[i] = session:get(server.few2 .. "/facts"):json().number end
    assert.same({ 1, 2, 3, 1, 2, 3, 1, 2, 3 }, seen)
    assert.equal(3, session:stats().connections)
  end))

  it("sends again what the server left undone when it said goodbye", inside(function()
    for _, method in ipairs { "get", "put", "delete", "options" } do
      local session <close> = session_of()
      local answers = async.map(numbers(30), function()
        return session[method](session, server.some2 .. "/facts"):json().method
      end)
      for i = 1, 30 do assert.equal(method:upper(), answers[i]) end
      local stats = session:stats()
      assert.same({ 0, 0 }, { stats.failed, stats.active })
      assert.truthy(stats.connections > 1)
    end
  end))
end)
