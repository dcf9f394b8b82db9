-- SPDX-License-Identifier: MIT
local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local tasks = require "spec.support.tasks"

local inside, others_end = tasks.inside, tasks.others_end

-- A body that goes on for ever unless it is closed, and what became of it.
local function endless()
  local state = { asked = 0, closed = false }
  local piece = ("x"):rep(1000)
  return function()
    local _held <close> = setmetatable({}, { __close = function(_, err) state.closed = err ~= nil end })
    state.asked = state.asked + 1
    async.sleep(0)
    return piece
  end, state
end

-- A body of one piece that then waits until it is told to end.
local function waiting()
  local state = { go_on = async.event(), closed = false }
  local first = true
  return function()
    local _held <close> = setmetatable({}, { __close = function(_, err) state.closed = err ~= nil end })
    if not first then
      state.go_on:wait()
      return nil
    end
    first = false
    return "begin"
  end, state
end

local HEAD = "HTTP/1.1 %s Phrase\r\n"
local framings = {
  ["a length"] = "Content-Length: 5\r\n\r\nearly",
  ["chunks"] = "Transfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n0\r\n\r\n",
  ["the connection's end"] = "\r\nearly",
}

local function answer(status, framing)
  return HEAD:format(status) .. framings[framing]
end

describe("a response before the end of the upload", function()
  for framing in pairs(framings) do
    for _, status in ipairs { 200, 307, 413, 500 } do
      local last = framing == "the connection's end" and "close" or "hang"
      local name = ("of %d, ended by %s, "):format(status, framing)

      it(name .. "is returned and read whole while the body is sent", inside(function()
        local session <close> = http.session()
        local read = rogue.event() -- a reset must not overtake the response
        local url = rogue:script({ "read_until", "x" }, { "send", answer(status, framing) }, { "wait", read }, { last })
        local body, state = endless()
        local response = session:post(url, { body = body, redirect = "manual" })
        assert.equal(status, response.status)
        rogue:set(read)
        assert.equal("early", response:text())
        assert.truthy(others_end())
        assert.truthy(state.asked > 0)
        assert.same({ 0, 0 }, { session:stats().active, session:stats().idle })
      end))

      it(name .. "is returned and read whole while the body waits, which is closed", inside(function()
        local session <close> = http.session()
        local read = rogue.event() -- a reset must not overtake the response
        local url = rogue:script({ "read", 5 }, { "send", answer(status, framing) }, { "wait", read }, { last })
        local body, state = waiting()
        local response = session:post(url, { body = body, redirect = "manual" })
        assert.equal(status, response.status)
        rogue:set(read)
        assert.equal("early", response:text())
        assert.truthy(others_end())
        assert.is_true(state.closed)
        assert.same({ 0, 0 }, { session:stats().active, session:stats().idle })
      end))

      it(name .. "is returned and read whole though all of a large body was to be sent", inside(function()
        local session <close> = http.session()
        local read = rogue.event() -- a reset must not overtake the response
        local url = rogue:script({ "read", 1000 }, { "send", answer(status, framing) }, { "wait", read }, { last })
        local response = session:post(url, { body = ("x"):rep(20000000), redirect = "manual", timeout = 60 })
        assert.equal(status, response.status)
        rogue:set(read)
        assert.equal("early", response:text())
        assert.same({ 0, 0 }, { session:stats().active, session:stats().idle })
      end))

      it(name .. "is not lost to a reset", inside(function()
        for _, body in ipairs { ("x"):rep(10), ("x"):rep(20000000), (waiting()), (endless()) } do
          local session <close> = http.session()
          local sent = rogue.event()
          local url = rogue:script({ "read", 5 }, { "send", answer(status, framing) }, { "wait", sent }, { "reset" })
          local response = session:post(url, { body = body, redirect = "manual", timeout = 60 })
          rogue:set(sent)
          assert.same({ status, "early" }, { response.status, response:text() })
          assert.truthy(others_end())
        end
      end))
    end
  end

  it("which is good leaves the upload going on as long as the response does", inside(function()
    local session <close> = http.session()
    local done = async.event()
    local body = function()
      if done:is_set() then return nil end
      done:wait()
      return "the end"
    end
    local url = rogue:script({ "read_until", "\r\n" },
      { "send", HEAD:format(200) .. "Transfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n" },
      { "read_until", "the end\r\n0\r\n\r\n" }, { "send", "4\r\nlate\r\n0\r\n\r\n" }, { "hang" })
    local first = true
    local response = session:post(url, { body = function()
      if first then
        first = false
        return "begin"
      end
      return body()
    end })
    assert.same({ 200, "early" }, { response.status, response:read() })
    done:set()
    assert.same({ "late", nil }, { response:read(), response:read() })
    assert.truthy(others_end())
    assert.equal(1, session:stats().idle)
  end))

  it("that is closed closes the body, though that waits", inside(function()
    local body, state = waiting()
    local url = rogue:script({ "read_until", "begin" },
      { "send", HEAD:format(200) .. "Content-Length: 9\r\n\r\nearly" }, { "hang" })
    http.post(url, { body = body }):close()
    assert.truthy(others_end())
    assert.is_true(state.closed)
  end))

  it("does not hide what the body raises behind it", inside(function()
    local go_on, first = async.event(), true
    local url = rogue:script({ "read_until", "begin" },
      { "send", HEAD:format(200) .. "Content-Length: 9\r\n\r\nearly" }, { "hang" })
    local response = http.post(url, { body = function()
      if first then
        first = false
        return "begin"
      end
      go_on:wait()
      error({ "oops" })
    end })
    assert.equal("early", response:read())
    go_on:set()
    assert.same({ "oops" }, tasks.caught(response.read, response))
  end))

  it("which refuses stops the upload, though the response goes on", inside(function()
    local stopped = rogue.event()
    local url = rogue:script({ "read_until", "x" }, { "send", HEAD:format(413) .. "Content-Length: 9\r\n\r\nearly" },
      { "wait", stopped }, { "send", "late" }, { "hang" })
    local body, state = endless()
    local response = http.post(url, { body = body })
    assert.equal("early", response:read())
    local asked
    repeat -- what is under way arrives
      asked = state.asked
      async.sleep(0.01)
    until state.asked == asked
    rogue:set(stopped)
    assert.equal("late", response:read())
    assert.is_nil(response:read())
    assert.truthy(others_end())
  end))

  it("that is cut short is an error all the same", inside(function()
    for body, code in pairs {
      ["Content-Length: 9\r\n\r\nearly"] = { "ECONNRESET", "ETRUNCATED" },
      ["Transfer-Encoding: chunked\r\n\r\n9\r\nearly"] = { "ECONNRESET", "ETRUNCATED" },
    } do
      for i, last in ipairs { "reset", "close" } do
        local session <close> = http.session()
        local sent = rogue.event()
        local url = rogue:script({ "read_until", "begin" }, { "send", HEAD:format(200) .. body },
          { "wait", sent }, { last })
        local response = session:post(url, { body = (waiting()), timeout = 60 })
        assert.equal("early", response:read())
        rogue:set(sent)
        local ok, err = pcall(response.read, response)
        assert.is_false(ok)
        assert.equal(code[i], err.code)
        assert.truthy(others_end())
      end
    end
  end))

  it("does not wait for a slow reader either", inside(function()
    local session <close> = http.session()
    local body = waiting()
    local length = 300000
    local head = ("Transfer-Encoding: chunked\r\n\r\n%x\r\n"):format(length)
    local url = rogue:script({ "read_until", "begin" }, { "send", HEAD:format(200) .. head },
      { "send", "y", length }, { "send", "\r\n0\r\n\r\n" }, { "hang" })
    local response = session:post(url, { body = body, timeout = 60 })
    local size = 0
    for chunk in response:chunks() do
      size = size + #chunk
      async.sleep(0)
    end
    assert.equal(length, size)
    assert.truthy(others_end())
  end))
end)

describe("the end of an early answer", function()
  it("is not taken for the end of what its reader has still to get", inside(function()
    local sent = rogue.event()
    for length = 60000, 140000, 8000 do
      local session <close> = http.session()
      local head = ("Transfer-Encoding: chunked\r\n\r\n%x\r\n"):format(length)
      local url = rogue:script({ "read_until", "begin" }, { "send", HEAD:format(200) .. head .. ("y"):rep(1000) },
        { "send", ("y"):rep(1000), length // 1000 - 1 }, { "send", "\r\n0\r\n\r\n" }, { "set", sent }, { "hang" })
      local response = session:post(url, { body = (waiting()), timeout = 60 })
      rogue:wait(sent)
      async.sleep(0.01)
      local size = 0
      for chunk in response:chunks() do size = size + #chunk end
      assert.equal(length, size)
      assert.truthy(others_end())
    end
  end))
end)

describe("an early answer over TLS", function()
  it("that only ends with its connection is cut short by a reset", inside(function()
    local session <close> = http.session { ca_file = rogue.ports.ca }
    local sent = rogue.event()
    local url = rogue:script({ "read", 5 }, { "send", HEAD:format(413) .. "\r\nearly" }, { "wait", sent }, { "reset" })
    local response = session:post((url:gsub("^http://[^/]+/", rogue:at("tls", "/", "https"))), { body = (waiting()) })
    assert.same({ 413, "early" }, { response.status, response:read() })
    rogue:set(sent)
    local ok, err = pcall(response.read, response)
    assert.is_false(ok)
    assert.truthy(err.code == "ECONNRESET" or err.code == "ETRUNCATED", err.code)
  end))
end)

backend.describe_http2("an early answer on HTTP/2", function()
  local function post(session, body)
    return session:post(rogue:at("two", "/", "https"), { body = body, timeout = 60 })
  end

  it("is returned and read whole, and its connection is used again", inside(function()
    local session <close> = http.session { ca_file = rogue.ports.ca }
    for _, body in ipairs { "small", ("x"):rep(5000000), (waiting()), (endless()) } do
      local response = post(session, body)
      assert.same({ 200, "2", "early" }, { response.status, response.http_version, response:text() })
      assert.truthy(others_end())
    end
    -- One for what is small, and one that large and streamed bodies have to themselves.
    assert.same({ 0, 2 }, { session:stats().active, session:stats().connections })
  end))

  it("that is cut off is an error", inside(function()
    local session <close> = http.session { ca_file = rogue.ports.ca }
    for _, body in ipairs { "cut", "cut" .. ("x"):rep(5000000) } do
      local ok, err = pcall(function() return post(session, body):text() end)
      assert.is_false(ok)
      assert.truthy(err.code == "ETRUNCATED" or err.code == "ECONNRESET", tostring(err))
    end
  end))
end)

describe("a reset behind the response to a request without a body", function()
  it("cuts off what only the end of the connection can end", inside(function()
    local sent = rogue.event()
    local response = http.get(rogue:script({ "send", HEAD:format(200) .. "\r\nearly" }, { "wait", sent }, { "reset" }))
    assert.equal("early", response:read())
    rogue:set(sent)
    local ok, err = pcall(response.read, response)
    assert.is_false(ok)
    assert.equal("ECONNRESET", err.code)
  end))
end)
