-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.caught

local function raw(text)
  return http.get(server.url .. "/raw", { query = { raw = text } })
end

describe("a response", function()
  it("has a status, a reason, a version, a URL and the time it took", inside(function()
    local before = async.now()
    local response = http.get(server.url .. "/slow?seconds=0.05")
    assert.same({ 200, "OK", true, "1.1" }, { response.status, response.reason, response.ok, response.http_version })
    assert.equal(server.url .. "/slow?seconds=0.05", response.url)
    assert.same({}, response.history)
    assert.truthy(response.elapsed >= 0.05 and response.elapsed <= async.now() - before)
    assert.equal("Response: 200 OK (" .. response.url .. ")", tostring(response))
  end))

  it("is ok from 200 to 299", inside(function()
    for status, ok in pairs { [200] = true, [204] = true, [299] = true, [304] = false, [404] = false, [500] = false } do
      assert.equal(ok, http.get(server.url .. "/status/" .. status).ok)
    end
  end))

  it("has the reason of the server, or the standard one", inside(function()
    assert.equal("Phrase", http.get(server.url .. "/status/404").reason)
    assert.equal("Not Found", raw("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n").reason)
    assert.equal("Not Found", raw("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n").reason)
    assert.equal("1.0", raw("HTTP/1.0 200 OK\r\n\r\n").http_version)
  end))

  it("finds headers in any case and joins repeats, but not cookies", inside(function()
    local headers = http.get(server.url .. "/headers").headers
    assert.equal("one, two", headers["x-repeated"])
    assert.equal("one, two", headers["X-REPEATED"])
    assert.same({ "one", "two" }, headers:get_all("X-Repeated"))
    assert.equal("a=1", headers["Set-Cookie"])
    assert.same({ "a=1", "b=2" }, headers:get_all("set-cookie"))
    assert.equal("first second", headers["X-Folded"])
    assert.equal("padded", headers["X-Padded"])
    assert.equal("", headers["X-Empty"])
    assert.is_nil(headers["X-Absent"])
    assert.same({}, headers:get_all("X-Absent"))
  end))

  it("keeps get_all to itself, whatever the server calls its headers, and names it in a misuse", inside(function()
    local headers = raw("HTTP/1.1 200 OK\r\nget_all: 1\r\nContent-Length: 0\r\n\r\n").headers
    assert.same({ "1" }, headers:get_all("get_all"))
    for _, case in ipairs { { headers, 5 }, { headers }, { "x-a" } } do
      local ok, err = pcall(headers.get_all, table.unpack(case))
      assert.is_false(ok)
      assert.matches("'headers:get_all'", err, 1, true)
    end
  end))

  it("gives its headers in order of arrival, repeats included", inside(function()
    local names = {}
    for name, value in pairs(http.get(server.url .. "/headers").headers) do
      names[#names + 1] = name .. "=" .. value
    end
    assert.same({ "X-Repeated=one", "X-Repeated=two", "Set-Cookie=a=1", "Set-Cookie=b=2", "X-Folded=first second",
      "X-Padded=padded", "X-Empty=", "Content-Length=0" }, names)
  end))

  it("has headers that cannot be changed", inside(function()
    local headers = http.get(server.url .. "/headers").headers
    assert.has_error(function()
      headers.X = 1
    end)
  end))

  it("skips interim answers", inside(function()
    local response = raw("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert.equal(200, response.status)
    assert.is_nil(response.headers.link)
    assert.equal("ok", response:text())
  end))

  it("gives its text again and again", inside(function()
    local response = http.get(server.url .. "/chunked")
    assert.equal("onetwothree", response:text())
    assert.equal("onetwothree", response:text())
    response:close()
    assert.equal("onetwothree", response:text())
  end))

  it("can be read after the run in which it arrived whole", function()
    local response = async.run(function()
      local held = http.get(server.url .. "/echo")
      held:text()
      return held
    end)
    assert.equal("GET", response:json().method)
  end)

  it("gives JSON again and again", inside(function()
    local response = http.get(server.url .. "/echo")
    assert.equal("GET", response:json().method)
    assert.equal("GET", response:json().method)
  end))

  it("skips a byte order mark before JSON, but not in the text", inside(function()
    local mark = "\u{FEFF}"
    for _, text in ipairs { "[1,2]", '{"a":[]}', " 7" } do
      local response = http.post(server.url .. "/same", { body = mark .. text })
      assert.same(require "saros.json".decode(text), response:json())
      assert.equal(mark .. text, response:text())
    end
    local ok, err = pcall(function() return http.post(server.url .. "/same", { body = "[1]\0" }):json() end)
    assert.same({ false, "EJSON" }, { ok, err.code })
  end))

  it("says what is wrong with broken JSON", inside(function()
    local response = http.get(server.url .. "/chunked")
    local err = error_of(response.json, response)
    assert.truthy(async.is_error(err, "FetchError"))
    assert.equal("EJSON", err.code)
    assert.equal(response, err.response)
    assert.matches("GET " .. server.url .. "/chunked: invalid JSON: .* at character 1$", err.message)
  end))

  it("is read in pieces of at most n bytes, nil at the end", inside(function()
    local response = http.get(server.url .. "/big?bytes=1000")
    local sizes = 0
    while true do
      local piece = response:read(300)
      if not piece then break end
      assert.truthy(#piece <= 300)
      sizes = sizes + #piece
    end
    assert.equal(1000, sizes)
    assert.is_nil(response:read())
  end))

  it("comes in chunks", inside(function()
    local pieces = {}
    for chunk in http.get(server.url .. "/drip?count=3"):chunks() do
      pieces[#pieces + 1] = chunk
    end
    assert.equal("0000\n0001\n0002\n", table.concat(pieces))
    assert.truthy(#pieces > 1)
  end))

  it("comes in lines, whatever their ends", inside(function()
    local lines = {}
    for line in raw("HTTP/1.1 200 OK\r\n\r\none\r\ntwo\n\nfour\rx\nlast"):lines() do
      lines[#lines + 1] = line
    end
    assert.same({ "one", "two", "", "four\rx", "last" }, lines)
  end))

  it("has no line after a final line end", inside(function()
    local lines = {}
    for line in http.get(server.url .. "/drip?count=4&gap=0.001"):lines() do
      lines[#lines + 1] = line
    end
    assert.same({ "0000", "0001", "0002", "0003" }, lines)
  end))

  it("raises a LimitError for a line over 1 MiB", inside(function()
    local response = http.post(server.url .. "/echo", { body = ("x"):rep(1100000) })
    local err = error_of(function()
      for _ in response:lines() do end -- luacheck: ignore 542
    end)
    assert.truthy(async.is_error(err, "LimitError"))
    assert.same({ "ETOOLARGE", 1048576 }, { err.code, err.limit })
  end))

  it("takes a line of just 1 MiB, however it ends", inside(function()
    for _, ending in ipairs { "\n", "\r\n", "" } do
      local response = http.post(server.url .. "/same", { body = ("x"):rep(1048576) .. ending })
      for line in response:lines() do assert.equal(1048576, #line) end
    end
  end))

  it("raises ClosedError for text after it has been read in pieces, and the other way round", inside(function()
    local response = http.get(server.url .. "/echo")
    response:read(1)
    assert.equal("ECLOSED", error_of(response.text, response).code)
    response = http.get(server.url .. "/echo")
    response:text()
    assert.equal("ECLOSED", error_of(response.read, response).code)
  end))

  it("raises ClosedError when read after close, and closes twice", inside(function()
    local response = http.get(server.url .. "/big?bytes=10000000")
    response:close()
    response:close()
    assert.equal("ECLOSED", error_of(response.text, response).code)
    assert.equal("ECLOSED", error_of(response.read, response).code)
  end))

  it("that came whole with its head is read in pieces too, and is gone after close", inside(function()
    local body = ("0123456789"):rep(4000)
    local response = raw("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" .. body)
    local pieces = {}
    for chunk in response:chunks() do
      assert.truthy(#chunk <= 32768)
      pieces[#pieces + 1] = chunk
    end
    assert.equal(body, table.concat(pieces))
    response = raw "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"
    assert.equal("12", response:read(2))
    response:close()
    assert.equal("ClosedError", error_of(response.read, response).name)
  end))

  it("is closed when its loop is left", inside(function()
    local session <close> = http.session { limit = 1 }
    for chunk in session:get(server.url .. "/big?bytes=10000000"):chunks() do
      if chunk then break end
    end
    assert.equal(0, session:stats().active)
    pcall(function()
      for _ in session:get(server.url .. "/big?bytes=10000000"):lines() do
        error("stop")
      end
    end)
    assert.equal(0, session:stats().active)
  end))

  it("is closed by its scope", inside(function()
    local session <close> = http.session { limit = 1 }
    do
      local response <close> = session:get(server.url .. "/big?bytes=10000000")
      assert.equal(200, response.status)
      assert.equal(1, session:stats().active)
    end
    assert.equal(0, session:stats().active)
  end))

  it("tells by read(0) whether there is more, and loses nothing", inside(function()
    for _, path in ipairs { "/big?bytes=100000", "/zeros?bytes=100000" } do
      local response = http.get(server.url .. path)
      assert.equal("", response:read(0))
      assert.equal("", response:read(0))
      local total = 0
      for piece in response:chunks() do total = total + #piece end
      assert.equal(100000, total)
    end
    assert.is_nil(http.get(server.url .. "/status/204"):read(0))
  end))

  it("takes any whole number of bytes, and no other", inside(function()
    local response = http.get(server.url .. "/big?bytes=10")
    for _, count in ipairs { -1, 1.5, 0 / 0, "3", true } do
      local err = error_of(response.read, response, count)
      assert.matches("bad argument #1 to 'response:read'", err, 1, true)
    end
    assert.equal(2, #response:read(2.0))
    assert.equal(8, #response:read(math.huge))
  end))

  it("names the method that cannot wait, or that was called with a dot", inside(function()
    local path = os.tmpname()
    for _, method in ipairs { "text", "json", "read", "chunks", "lines", "save" } do
      local response <close> = http.get(server.url .. "/hang-in-body")
      local err = error_of(table.sort, { 1, 2 }, function()
        local step = response[method](response, method == "save" and path or nil)
        while step() do end -- luacheck: ignore 542
      end)
      assert.matches("response:" .. method .. ": cannot wait", err, 1, true)
      assert.matches("'response:" .. method .. "'", error_of(response[method], {}), 1, true)
    end
    os.remove(path)
  end))

  it("lets one task read at a time", inside(function()
    local response = http.get(server.url .. "/hang-in-body")
    response:read()
    local reader = async.spawn(function()
      response:read()
    end)
    async.sleep(0)
    async.sleep(0)
    local err = error_of(response.read, response)
    assert.truthy(async.is_error(err, "BusyError"))
    reader:cancel()
    pcall(reader.await, reader)
  end))

  it("raises for a status of 400 and above, and returns itself otherwise", inside(function()
    local response = http.get(server.url .. "/status/302", { redirect = "manual" })
    assert.equal(response, response:raise_for_status())
    for _, status in ipairs { 400, 404, 500 } do
      response = http.get(server.url .. "/status/" .. status)
      local err = error_of(response.raise_for_status, response)
      assert.truthy(async.is_error(err, "HTTPError"))
      assert.same({ "EHTTP", status }, { err.code, err.status })
      assert.equal("body of /status/" .. status, err.response:text())
    end
  end))

  it("holds the sender back while nobody reads", inside(function()
    local response <close> = http.get(server.url .. "/big?bytes=100000000")
    async.sleep(0.2)
    assert.truthy(http.get(server.url .. "/sent"):json() < 30000000)
    local total = 0
    for chunk in response:chunks() do
      assert.truthy(#chunk <= 200000)
      total = total + #chunk
    end
    assert.equal(100000000, total)
  end))

  it("holds no slot once a small body has arrived, read or not", inside(function()
    local session <close> = http.session { limit = 1 }
    local first = session:get(server.url .. "/echo")
    local second = session:get(server.url .. "/echo")
    assert.equal("GET", second:json().method)
    assert.equal(0, session:stats().active)
    assert.equal("GET", first:json().method)
  end))

  it("is closed for a finalizer that comes after its own, not at its end", inside(function()
    local results = {}
    local function drop(get, ...)
      local older = setmetatable({}, { __gc = function(self)
        results[#results + 1] = error_of(self.response.text, self.response).name
        self.response:close()
      end })
      older.response = get(...)
      return older.response.status
    end
    for _, status in ipairs {
      drop(http.get, server.url .. "/big?bytes=10000000"),
      drop(raw, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut"),
    } do
      assert.equal(200, status)
    end
    collectgarbage()
    collectgarbage()
    assert.same({ "ClosedError", "ClosedError" }, results)
  end))
end)

describe("a response that a test leaves unread", function()
  local testing = require "saros.testing"

  it("is no failure if it arrives at once: whether it has already is not the test's to know", function()
    testing.run(function()
      assert.equal(200, http.get(server.url .. "/drip?count=2&gap=0").status)
    end)
  end)

  it("is named if it holds its connection", function()
    local err = error_of(testing.run, function()
      assert.equal(200, http.get(server.url .. "/big?bytes=10000000").status)
    end)
    assert.matches("left over at the end of the test:\n\thandle http response opened at [^\n]*_spec.lua:%d+", err)
  end)
end)
