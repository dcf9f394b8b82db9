-- SPDX-License-Identifier: MIT
local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of, others_end = tasks.inside, tasks.caught, tasks.others_end

local function header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name:lower() then return pair[2] end
  end
end

-- A body of these pieces, with a pause before each.
local function pieces(list, pause)
  local i = 0
  return function()
    if pause then async.sleep(pause) end
    i = i + 1
    return list[i]
  end
end

-- A body of `count` pieces of 64 KiB (for ever without a count), and how many were asked for.
local function many(count)
  local piece, asked = ("x"):rep(65536), { n = 0 }
  return function()
    asked.n = asked.n + 1
    if not count or asked.n <= count then return piece end
  end, asked
end

local function memory()
  collectgarbage()
  local file = not os.getenv "ASAN_OPTIONS" and io.open("/proc/self/statm", "r") -- whose own memory is not ours
  if not file then return 0 end
  local _, resident = file:read("n", "n")
  file:close()
  return resident * 4096
end

describe("a streamed upload", function()
  it("sends the pieces of a function, chunked", inside(function()
    local request = http.post(server.url .. "/echo", { body = pieces { "one", "", "two", "three" } }):json()
    assert.same({ "POST", "onetwothree" }, { request.method, request.body })
    assert.equal("chunked", header(request, "Transfer-Encoding"))
    for _, name in ipairs { "Content-Length", "Expect", "Content-Type" } do
      assert.is_nil(header(request, name))
    end
  end))

  it("sends those of an iterator, and with any method", inside(function()
    local iterator = setmetatable({ n = 0 }, { __call = function(self)
      self.n = self.n + 1
      return self.n <= 3 and tostring(self.n) or nil
    end })
    local request = http.fetch(server.url .. "/echo", { method = "PUT", body = iterator }):json()
    assert.same({ "PUT", "123" }, { request.method, request.body })
    request = http.fetch(server.url .. "/echo", { body = ("a b c"):gmatch("%a") }):json()
    assert.same({ "POST", "abc" }, { request.method, request.body })
    request = http.patch(server.url .. "/echo", { body = pieces {} }):json()
    assert.same({ "PATCH", "" }, { request.method, request.body })
  end))

  it("may wait for its pieces", inside(function()
    local request = http.post(server.url .. "/echo", { body = pieces({ "a", "b", "c" }, 0.01) }):json()
    assert.equal("abc", request.body)
  end))

  it("can be the body of another response", inside(function()
    local source <close> = http.get(server.url .. "/big?bytes=300000")
    local read = source:chunks()
    assert.equal(300000, http.post(server.url .. "/count", { body = read }):json().bytes)
  end))

  it("closes what its iterator holds when it fails", inside(function()
    local session <close> = http.session()
    local body = session:get(server.url .. "/hang-in-body"):chunks() -- "begin"
    local err = error_of(http.post, server.url .. "/count", { body = body, headers = { ["Content-Length"] = 3 } })
    assert.equal("EINVAL", err.code)
    assert.equal(0, session:stats().active)
  end))

  it("comes from a queue, or from what iterates over one", inside(function()
    for _, form in ipairs { "queue", "items" } do
      local queue = async.queue()
      async.spawn(function()
        for _, piece in ipairs { "one", "two" } do queue:put(piece) end
        queue:close()
      end)
      local body = form == "queue" and queue or queue:items()
      assert.equal("onetwo", http.post(server.url .. "/echo", { body = body }):json().body)
    end
  end))

  it("has the Content-Length the caller knows", inside(function()
    local options = { body = pieces { "one", "two" }, headers = { ["content-length"] = 6 } }
    local request = http.post(server.url .. "/echo", options):json()
    assert.same({ "onetwo", "6" }, { request.body, header(request, "Content-Length") })
    assert.is_nil(header(request, "Transfer-Encoding"))
  end))

  it("is an error when the body has another length", inside(function()
    local session <close> = http.session()
    for _, length in ipairs { 5, 7, 100 } do
      local options = { body = pieces { "one", "two" }, headers = { ["Content-Length"] = length } }
      local err = error_of(session.post, session, server.url .. "/echo", options)
      assert.same({ "FetchError", "EINVAL", server.url .. "/echo" }, { err.name, err.code, err.url })
      assert.equal(0, session:stats().active)
    end
    assert.truthy(others_end())
  end))

  it("refuses a Content-Length that is none", inside(function()
    for _, length in ipairs { "x", "-1", "1.5", { "1", "2" } } do
      local options = { body = pieces {}, headers = { ["Content-Length"] = length } }
      assert.truthy(error_of(http.post, server.url .. "/echo", options):find("Content-Length", 1, true))
    end
  end))

  it("is sent in bounded memory", inside(function()
    local before = memory()
    assert.equal(1600 * 65536, http.post(server.url .. "/count", { body = many(1600) }):json().bytes)
    assert.truthy(memory() - before < 16000000)
  end))

  it("takes a piece as large as it comes", inside(function()
    local body = pieces { ("x"):rep(3000000), "y", ("z"):rep(1000000) }
    assert.equal(4000001, http.post(server.url .. "/count", { body = body }):json().bytes)
  end))

  it("is held back by a slow server", inside(function()
    local session <close> = http.session()
    local body, asked = many()
    local response = session:post(rogue:script({ "send", "HTTP/1.1 200 OK\r\n\r\n" }, { "hang" }), { body = body })
    local before
    repeat -- until what lies between the two is full
      before = asked.n
      async.sleep(0.2)
    until asked.n == before or asked.n > 400
    assert.truthy(asked.n < 400, asked.n)
    response:close()
    assert.truthy(others_end())
  end))

  it("does not begin before there is a connection", inside(function()
    local body, asked = many(1)
    assert.equal("ECONNREFUSED", error_of(http.post, "http://127.0.0.1:1/", { body = body }).code)
    assert.equal(0, asked.n)
    assert.truthy(others_end())
  end))

  it("raises what the body raises, unchanged, and frees its slot", inside(function()
    local session <close> = http.session { limit = 1 }
    local thrown = { code = 7 }
    for _, pause in ipairs { 0, 0.01 } do
      local first = true
      local err = error_of(session.post, session, server.url .. "/echo", { body = function()
        if not first then
          async.sleep(pause)
          error(thrown)
        end
        first = false
        return "begin"
      end })
      assert.equal(thrown, err)
      assert.equal(0, session:stats().active)
    end
    assert.equal("GET", session:get(server.url .. "/echo"):json().method)
    assert.truthy(others_end())
  end))

  it("is an error when it gives something else than strings", inside(function()
    local err = error_of(http.post, server.url .. "/echo", { body = pieces { "x", 7 } })
    assert.truthy(err:find("option 'body'", 1, true), err)
  end))

  it("ends when the server answers an error before its end", inside(function()
    for _, length in ipairs { "Content-Length: 5\r\n", "" } do
      local session <close> = http.session()
      local read = rogue.event() -- the reset must not overtake the response
      local answer = "HTTP/1.1 413 Phrase\r\n" .. length .. "\r\nearly"
      local url = rogue:script({ "send", answer }, { "wait", read }, { "close" })
      local response = session:post(url, { body = many() })
      assert.equal(413, response.status)
      assert.equal("early", response:read())
      rogue:set(read)
      -- Whether a body without a length has ended, or was cut off, nobody can tell then.
      local ok, rest = pcall(response.read, response)
      if ok or length ~= "" then assert.is_nil(rest) else assert.equal("ECONNRESET", rest.code) end
      assert.equal(0, session:stats().active)
      assert.truthy(others_end())
    end
  end))

  it("ends when the server answers well before its end, though the body waits", inside(function()
    local waiting = async.event()
    local closed = false
    local options = { body = function()
      local _held <close> = setmetatable({}, { __close = function() closed = true end })
      if waiting:is_set() then async.sleep(100) end
      waiting:set()
      return "begin"
    end }
    local url = rogue:script({ "read_until", "begin" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly" },
      { "hang" })
    local response = http.post(url, options)
    assert.same({ 200, "early" }, { response.status, response:text() })
    assert.is_true(closed)
    assert.equal(1, #async.all_tasks())
  end))

  it("is cancelled with its request, and its cleanup awaited", inside(function()
    local session <close> = http.session { limit = 1 }
    local begun, cleaned = async.event(), false
    local task = async.spawn(session.post, session, server.url .. "/echo", { body = function()
      local _held <close> = setmetatable({}, { __close = function()
        async.shield(function() async.sleep(0.01) end)
        cleaned = true
      end })
      begun:set()
      async.sleep(100)
    end })
    begun:wait()
    task:cancel()
    assert.equal("CancelledError", error_of(task.await, task).name)
    assert.is_true(cleaned)
    assert.equal(0, session:stats().active)
    assert.truthy(others_end())
  end))

  it("is stopped by the total timeout, but not by the read timeout while the body is the slow one", inside(function()
    local err = error_of(http.post, server.url .. "/echo", { body = pieces({ "a", "b" }, 1), timeout = 0.05 })
    assert.same({ "TimeoutError", "total" }, { err.name, err.phase })
    local options = { body = pieces({ "a" }, 1.2), timeout = { read = 1 } }
    assert.equal("a", http.post(server.url .. "/echo", options):json().body)
    err = error_of(http.post, server.url .. "/hang", { body = pieces { "a" }, timeout = { read = 0.03 } })
    assert.same({ "TimeoutError", "read" }, { err.name, err.phase })
    assert.truthy(others_end())
  end))

  it("is under the read timeout when its response has begun", inside(function()
    local answer, waits = rogue.event(), async.event()
    local asked = 0
    local function body()
      asked = asked + 1
      if asked == 1 then return "begin" end
      waits:set()
      async.sleep(100)
    end
    local url = rogue:script({ "read", 10 }, { "wait", answer },
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" }, { "hang" })
    local task = async.spawn(http.post, url, { body = body, timeout = { read = 0.05 } })
    waits:wait()
    async.sleep(0.2) -- the timer has fired, and nobody was late
    rogue:set(answer)
    local response = task:await()
    local deadline <close> = async.timeout(60)
    local err = error_of(response.text, response)
    assert.same({ "TimeoutError", "read" }, { err.name, err.phase })
    assert.truthy(others_end())
  end))

  it("is not sent again on another connection", inside(function()
    local session <close> = http.session()
    local url = server.url .. "/once-per-connection?key=upload"
    session:get(url):text()
    local err = error_of(session.put, session, url, { body = pieces { "x" } })
    assert.same({ "FetchError", "ECONNRESET" }, { err.name, err.code })
  end))

  it("cannot be redirected with its body, but without", inside(function()
    for _, status in ipairs { 307, 308 } do
      local url = server.url .. "/redirect/" .. status .. "?to=/echo"
      local err = error_of(http.post, url, { body = pieces { "x" } })
      assert.same({ "FetchError", "EREDIRECT", status }, { err.name, err.code, err.response.status })
    end
    local err = error_of(http.put, server.url .. "/redirect/302?to=/echo", { body = pieces { "x" } })
    assert.equal("EREDIRECT", err.code)
    local request = http.post(server.url .. "/redirect/303?to=/echo", { body = pieces { "x" } }):json()
    assert.same({ "GET", "" }, { request.method, request.body })
  end))

  it("answers a digest challenge before it begins", inside(function()
    local auth = { user = "user", password = "secret", digest = true }
    local body, asked = many(3)
    assert.equal("welcome", http.post(server.url .. "/digest", { auth = auth, body = body }):text())
    assert.equal(4, asked.n)
  end))

  it("works over TLS, and its connection serves the next upload", inside(function()
    backend.find_out(server.tls .. "/echo", { ca_file = server.ca })
    local session <close> = http.session { ca_file = server.ca }
    for i = 1, 3 do
      assert.equal(655360, session:post(server.tls .. "/count", { body = many(10) }):json().bytes)
      assert.equal(i, session:post(server.tls .. "/echo", { body = pieces { "abc" } }):json().number / 2)
    end
    assert.equal(1, session:stats().connections)
    assert.equal("GET", session:get(server.tls .. "/echo"):json().method)
  end))
end)
