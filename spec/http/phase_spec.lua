-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

local ports = rogue.ports
local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"

-- The URL of a response that begins so, and then does not go on.
local function begun(text)
  return rogue:script({ "send", text }, { "hang" })
end

-- Where a request can be kept waiting, and what limits it there. The other limits are too long to matter.
local phases = {
  ["a slot"] = { "pool", limit = 1, rogue:script { "hang" } },
  ["a connection"] = { "connect", rogue:at "full" },
  ["the handshake of TLS"] = { "connect", rogue:at("silent", "/", "https") },
  ["the proxy's answer to CONNECT"] = { "connect", "https://h/", proxy = rogue:at "silent" },
  ["a connection to the proxy"] = { "connect", "https://h/", proxy = rogue:at "full" },
  ["the handshake of TLS with the proxy"] = { "connect", "http://h/", proxy = rogue:at("silent", "/", "https") },
  ["the handshake of TLS behind the proxy"] = {
    "connect", rogue:at("silent", "/", "https"), proxy = rogue:at "tunnel",
  },
  ["SOCKS"] = { "connect", "http://h/", proxy = ("socks5h://127.0.0.1:%d"):format(ports.silent) },
  ["the first byte"] = { "read", rogue:at "silent" },
  ["the first byte, over TLS"] = {
    "read", (rogue:script({ "hang" }):gsub("^http://[^/]+", rogue:at("tls", "/", "https"):sub(1, -2))),
  },
  ["the first byte, through a proxy"] = { "read", "http://h/", proxy = rogue:at "silent" },
  ["the end of the headers"] = { "read", begun(OK .. "X: 1\r\n") },
  ["a header behind an interim answer"] = { "read", begun "HTTP/1.1 100 Continue\r\n\r\n" },
  ["the body"] = { "read", begun(OK .. "Content-Length: 5\r\n\r\n") },
  ["the rest of the body"] = { "read", begun(OK .. "Content-Length: 5\r\n\r\nab") },
  ["a chunk"] = { "read", begun(CHUNKED .. "5\r\nab") },
  ["the last chunk"] = { "read", begun(CHUNKED .. "2\r\nab\r\n") },
}

describe("waiting for", function()
  local function wait(case, timeout)
    local url = case[2]
    local session <close> = http.session { limit = case.limit, ca_file = ports.ca, proxy = case.proxy or false }
    local held
    if case.limit then
      held = async.spawn(session.get, session, url, { timeout = false })
      tasks.turns()
    end
    local before = async.now()
    local ok, err = pcall(function() return session:get(url, { timeout = timeout }):text() end)
    local took = async.now() - before
    assert.is_false(ok)
    if held then held:close() end
    assert.same({ 0, 0 }, { session:stats().active, session:stats().waiting })
    return err, took
  end

  for what, case in pairs(phases) do
    it(what .. " is limited by the timeout of that phase", inside(function()
      for _, limit in ipairs { case[1], "total" } do
        local timeout = { total = 60, connect = 60, read = 60, pool = 60 }
        timeout[limit] = 0.1
        local err, took = wait(case, timeout)
        assert.same({ "TimeoutError", limit, 0.1 }, { err.name, err.phase, err.seconds })
        assert.truthy(took >= 0.099 and took < 50, took)
      end
    end))
  end

  it("any of these is not limited by the timeouts of other phases", inside(function()
    local names = {}
    for what in pairs(phases) do names[#names + 1] = what end
    async.map(names, function(what)
      local case = phases[what]
      local timeout = { total = 1.5, connect = 1, read = 0.1, pool = 0.1 } -- where it reads it has connected in time
      timeout[case[1]] = 60
      assert.equal("total", wait(case, timeout).phase, what)
    end)
  end))
end)

describe("a read timeout", function()
  it("is not for a reader who takes his time, however often", inside(function()
    local length = 3000000
    local head = OK .. "Content-Length: " .. length .. "\r\n\r\n"
    local url = rogue:script({ "send", head }, { "send", ("x"):rep(1000), 3000 }, { "hang" })
    local response, size = http.get(url, { timeout = { read = 1 } }), 0
    for chunk in response:chunks() do
      if size < 300000 and size + #chunk >= 300000 or size == 0 then async.sleep(1.2) end
      size = size + #chunk
    end
    assert.equal(length, size)
  end))

  it("runs again when the reader has taken what there was", inside(function()
    local head = OK .. "Content-Length: 2000000\r\n\r\n"
    local url = rogue:script({ "send", head }, { "send", ("x"):rep(1000), 1000 }, { "hang" })
    local response = http.get(url, { timeout = { read = 1 } })
    async.sleep(1.2)
    local size = 0
    local ok, err = pcall(function()
      for chunk in response:chunks() do size = size + #chunk end
    end)
    assert.same({ false, "read", 1000000 }, { ok, err.phase, size })
  end))

  it("never ends a body that comes byte by byte, which the total timeout does", inside(function()
    local steps = { { "send", OK .. "Content-Length: 1000\r\n\r\n" } }
    local events = {}
    for i = 1, 4 do
      events[i] = rogue.event()
      steps[2 * i], steps[2 * i + 1] = { "send", "x" }, { "wait", events[i] }
    end
    local response = http.get(rogue:script(table.unpack(steps)), { timeout = { read = 2, total = 3 } })
    local ok, err = pcall(function()
      for i = 1, 4 do
        assert.equal("x", response:read())
        async.sleep(0.8)
        rogue:set(events[i])
      end
      response:read()
    end)
    assert.same({ false, "total" }, { ok, err.phase })
  end))
end)

describe("a response that is too much", function()
  it("in headers ends before it is large, however they come", inside(function()
    local many = ("x"):rep(1000)
    local endless = {
      { OK, "X: " .. many .. "\r\n" }, { OK .. "X: ", many }, { "", many },
      { OK .. "X: 1\r\n", " folded" .. many .. "\r\n" },
      { "", "HTTP/1.1 100 Continue\r\nX: " .. many .. "\r\n\r\n" }, { CHUNKED .. "0\r\n", "X: " .. many .. "\r\n" },
      { CHUNKED .. "0\r\nX: ", many }, { CHUNKED, ("0"):rep(1000) },
    }
    for i, texts in ipairs(endless) do
      local session <close> = http.session()
      local url = rogue:script({ "send", texts[1] }, { "send", texts[2], 100000 })
      local ok, err = pcall(function() return session:get(url, { timeout = 60 }):text() end)
      assert.is_false(ok, i)
      assert.truthy(async.is_error(err, "FetchError"), i .. ": " .. tostring(err))
      assert.truthy(err.code == "ETOOLARGE" or err.code == "EPROTO", i .. ": " .. tostring(err))
    end
  end))
end)

describe("on_progress", function()
  local function watch()
    local seen = {}
    return seen, function(received, total, sent, to_send)
      seen[#seen + 1] = { received, total, sent, to_send }
    end
  end

  it("counts up to the totals, where they are known", inside(function()
    local seen, on_progress = watch()
    local response = http.get(server.url .. "/big?bytes=500000", { on_progress = on_progress })
    assert.equal(500000, #response:text())
    local last = 0
    for _, step in ipairs(seen) do
      assert.truthy(step[1] > last)
      assert.same({ 500000, 0, 0 }, { step[2], step[3], step[4] })
      last = step[1]
    end
    assert.equal(500000, last)
  end))

  it("has no total where there is none", inside(function()
    local seen, on_progress = watch()
    assert.equal("onetwothree", http.get(server.url .. "/chunked", { on_progress = on_progress }):text())
    assert.same({ 11, nil, 0, 0 }, seen[#seen])
  end))

  it("counts what is sent first", inside(function()
    local seen, on_progress = watch()
    local response = http.post(server.url .. "/count", { body = ("x"):rep(200000), on_progress = on_progress })
    assert.equal(200000, response:json().bytes)
    local sent, received = 0, 0
    for _, step in ipairs(seen) do
      assert.truthy(step[3] >= sent and step[1] >= received)
      assert.equal(200000, step[4])
      sent, received = step[3], step[1]
    end
    assert.equal(200000, sent)
    assert.truthy(received > 0)
  end))

  it("may fail the request, sending or receiving", inside(function()
    local session <close> = http.session()
    for _, options in ipairs { { body = "x", method = "POST" }, {} } do
      options.on_progress = function() error("enough", 0) end
      local ok, err = pcall(function() return session:fetch(server.url .. "/echo", options):text() end)
      assert.same({ false, "enough" }, { ok, err })
      collectgarbage()
      assert.equal(0, session:stats().active)
    end
    assert.equal(200, session:get(server.url .. "/echo").status)
  end))

  it("may close the session", inside(function()
    for _, options in ipairs { { body = ("x"):rep(500000), method = "POST" }, {} } do
      local session <close> = http.session()
      options.on_progress = function() session:close() end
      local ok, err = pcall(function() return session:fetch(server.url .. "/big?bytes=500000", options):text() end)
      assert.is_false(ok)
      assert.equal("ECLOSED", err.code)
    end
  end))
end)
