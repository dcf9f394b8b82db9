-- SPDX-License-Identifier: MIT
-- What a peer can put into heads, trailers and interim responses.

local backend = require "spec.support.backend"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

local OK = "HTTP/1.1 200 OK\r\n"
local REST = "Content-Length: 1\r\n\r\nx"
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
local LINE = "X: " .. ("v"):rep(995) .. "\r\n" -- 1,000 bytes

local function url_of(scheme, steps)
  local url = rogue:script(table.unpack(steps))
  if scheme == "http" then return url end
  return (url:gsub("^http://[^/]*", rogue:at("tls", "", "https")))
end

-- Calls body(response) with the response to these steps, after which the server is silent.
local function answer(body, scheme, ...)
  local session <close> = http.session { ca_file = rogue.ports.ca, timeout = 60, redirect = "manual" }
  local steps = { ... }
  steps[#steps + 1] = { "hang" }
  return body(session:get(url_of(scheme, steps)))
end

-- The same answer, and its body.
local function fetch(...)
  return answer(function(response) return response, response:text() end, ...)
end

local function body_of(...)
  return select(2, fetch(...))
end

-- What came of the body, and the failure behind it.
local function drain(response)
  local data = {}
  local err = caught(function()
    for chunk in response:chunks() do data[#data + 1] = chunk end
  end)
  return table.concat(data), err.code
end

for scheme in pairs { http = true, https = true } do
  describe("a head over " .. scheme, function()
    local broken = {
      ["a bare CR in a value"] = OK .. "X: a\rLocation: http://127.0.0.1:1/\r\n" .. REST,
      ["a bare CR in a redirect"] = "HTTP/1.1 302 Found\r\nX: a\rLocation: http://127.0.0.1:1/\r\n" .. REST,
      ["a bare CR in the status line"] = "HTTP/1.1 200 OK\rX: a\r\n" .. REST,
      ["a bare CR before a name"] = OK .. "\rLocation: /\r\n" .. REST,
      ["a bare CR in a name"] = OK .. "X\r: a\r\n" .. REST,
      ["two CR at the end of a line"] = OK .. "X: a\r\r\n" .. REST,
      ["two CR at the end of the head"] = OK .. "Content-Length: 1\r\n\r\r\nx",
      ["a bare CR in an interim head"] = "HTTP/1.1 103 Early\r\nX: a\rb\r\n\r\n" .. OK .. REST,
      ["NUL in a value"] = OK .. "X: a\0b\r\n" .. REST,
      ["NUL in the status line"] = "HTTP/1.1 200 O\0K\r\n" .. REST,
      ["a line without a colon"] = OK .. "X\r\n" .. REST,
      ["a folded line before all others"] = OK .. " X: a\r\n" .. REST,
      ["a folded length"] = OK .. "Content-Length: 1\r\n 2\r\n\r\n" .. ("x"):rep(12),
      ["a folded Connection"] = OK .. "Connection: keep-alive,\r\n close\r\n" .. REST,
      ["a folded Transfer-Encoding"] = OK .. "Transfer-Encoding:\r\n chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
      ["a blank before the colon of the length"] = OK .. "Content-Length : 1\r\n\r\nx",
      ["a blank before any colon"] = OK .. "X : 1\r\n" .. REST,
      ["a name that is no token"] = OK .. "X(Y): 1\r\n" .. REST,
      ["no name"] = OK .. ": 1\r\n" .. REST,
      ["a bare LF behind the status line"] = "HTTP/1.1 200 OK\n" .. REST,
      ["a bare LF behind a value"] = OK .. "X: a\n" .. REST,
      ["a bare LF at its end"] = OK .. "Content-Length: 1\r\n\nx",
      ["a coding behind 'chunked'"] = OK .. "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
      ["a coding behind 'chunked' on another line"] =
        OK .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
      ["'chunked' twice"] = OK .. "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
      ["'chunked' with a parameter"] = OK .. "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
      ["a coding that is no token"] = OK .. "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
      ["an empty Transfer-Encoding"] = OK .. "Transfer-Encoding: \r\nContent-Length: 1\r\n\r\nx",
      ["a blank before the other colon"] = OK .. "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      ["a switch of protocols and silence"] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
      ["a switch of protocols and bytes"] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nx",
      ["a switch of protocols and a response"] = "HTTP/1.1 101 Switching Protocols\r\n\r\n" .. OK .. REST,
    }
    for what, text in pairs(broken) do
      it("is refused with " .. what, inside(function()
        assert.equal("EPROTO", caught(fetch, scheme, { "send", text }).code)
      end))
    end

    it("is refused with a bare CR at the end of what has come", inside(function()
      local event = rogue.event()
      local rest = { "send", "b\r\n" .. REST }
      local task = tasks.start(fetch, scheme, { "send", OK .. "X: a\r" }, { "wait", event }, rest)
      rogue:set(event)
      assert.equal("EPROTO", caught(task.await, task).code)
    end))

    it("may have any interim heads before it, and folded lines", inside(function()
      local interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 150 Odd\r\nContent-Length: 5\r\nX: interim\r\n\r\n"
      local response, body = fetch(scheme, { "send", interim:rep(3) .. OK .. "X: a\r\n  b\r\n\tc\r\n" .. REST })
      assert.same({ 200, "a b c", "x" }, { response.status, response.headers.x, body })
    end))

    it("is not begun anew by a line that looks like its first", inside(function()
      local text = OK .. "Y: kept\r\nHTTP/1.1 500: x\r\n" .. REST
      assert.equal("EPROTO", caught(fetch, scheme, { "send", text }).code)
    end))

    it("may be large, but not endless", inside(function()
      assert.equal("x", body_of(scheme, { "send", OK }, { "send", LINE, 250 }, { "send", REST }))
      assert.equal("x", body_of(scheme, { "send", OK .. "X: " }, { "send", "v", 90000 }, { "send", "\r\n" .. REST }))
      for _, steps in ipairs {
        { { "send", OK }, { "send", LINE, 270 }, { "send", REST } },
        { { "send", OK .. "X: " }, { "send", "v", 270000 }, { "send", "\r\n" .. REST } },
        { { "send", OK .. "X: a\r\n" }, { "send", " " .. LINE, 270 }, { "send", REST } },
        { { "send", "HTTP/1.1 100 Continue\r\n" .. LINE .. "\r\n", 300 }, { "send", OK .. REST } },
        { { "send", "HTTP/1.1 100 Continue\r\n\r\n", 20000 }, { "send", OK .. REST } },
      } do
        assert.equal("ETOOLARGE", caught(fetch, scheme, table.unpack(steps)).code)
      end
    end))
  end)

  describe("a chunked body over " .. scheme, function()
    it("may have trailers and extensions of some size", inside(function()
      assert.equal("x", body_of(scheme, { "send", CHUNKED .. "0\r\nX: " .. ("v"):rep(3900) .. "\r\n\r\n" }))
      assert.equal("x", body_of(scheme, { "send", CHUNKED .. "0\r\n" }, { "send", LINE, 200 }, { "send", "\r\n" }))
      assert.equal("xx", body_of(scheme, { "send", CHUNKED .. "1 ;a=" .. ("b"):rep(3000) .. "\r\nx\r\n0;c\r\n\r\n" }))
    end))

    it("hands out what came before trailers or extensions that are too large", inside(function()
      for _, steps in ipairs {
        { { "send", CHUNKED .. "0\r\nX: " }, { "send", "v", 270000 }, { "send", "\r\n\r\n" } },
        { { "send", CHUNKED .. "0\r\n" }, { "send", LINE, 300 }, { "send", "\r\n" } },
        { { "send", CHUNKED .. "1;" }, { "send", "a", 270000 }, { "send", "\r\nx\r\n0\r\n\r\n" } },
      } do
        assert.same({ "x", "ETOOLARGE" }, { answer(drain, scheme, table.unpack(steps)) })
      end
    end))

    it("hands out what came before a chunk that is none", inside(function()
      for _, rest in ipairs {
        "no\r\n", "\r\n", " 1\r\nx\r\n0\r\n\r\n", "-1\r\n", "0x1\r\nx\r\n0\r\n\r\n", "1x\r\nx\r\n0\r\n\r\n",
        ("f"):rep(16) .. "\r\nx", ("f"):rep(17) .. "\r\nx", ("0"):rep(17) .. "\r\n\r\n", "1\rx\r\nx\r\n0\r\n\r\n",
        "1;a\rb\r\nx\r\n0\r\n\r\n", "1\r\nxx\r\n0\r\n\r\n", "0\r\nX: a\rb\r\n\r\n", "0\r\n\r\r\n",
      } do
        local data, code = answer(drain, scheme, { "send", CHUNKED .. rest })
        assert.same({ rest, "x", "EPROTO" }, { rest, data:sub(1, 1), code })
      end
    end))
  end)
end

it("a head that begins with a folded line is refused whatever its session had before", inside(function()
  local steps = {
    { "send", OK .. "Content-Length: 1\r\nX-Former: " .. ("f"):rep(100) .. "\r\n\r\nx" }, { "close" },
  }
  for _, before in ipairs { "", "HTTP/1.1 100 Continue\r\n\r\n" } do
    local session <close> = http.session()
    for _ = 1, 20 do
      assert.equal("x", session:get(rogue:script(table.unpack(steps))):text())
      for _, blank in ipairs { " ", "\t" } do
        local url = rogue:script({ "send", before .. OK .. blank .. "folded\r\n" .. REST }, { "close" })
        assert.equal("EPROTO", caught(session.get, session, url).code)
      end
    end
  end
end))

it("a line whose second part begins with a blank is no folded one", inside(function()
  local value = ("v"):rep(16381) .. " " .. ("w"):rep(20000)
  local response = fetch("http", { "send", OK .. "X: " .. value .. "\r\n" .. REST })
  assert.equal(value, response.headers.x)
end))

backend.own_only("libcurl knows no version beyond HTTP/1.1 but 2 and 3", function()
  it("a later minor version is read as the latest that is known", inside(function()
    local response = fetch("http", { "send", "HTTP/1.2 200 OK\r\n" .. REST })
    assert.same({ 200, "1.2" }, { response.status, response.http_version })
  end))
end)

it("a list of codings that only sounds like chunks is no list of chunks", inside(function()
  local url = rogue:script({ "send", OK .. "Transfer-Encoding: xchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" }, { "close" })
  assert.equal("1\r\nx\r\n0\r\n\r\n", http.get(url):text())
end))
