-- SPDX-License-Identifier: MIT
-- HTTP/2 servers that keep to no protocol, and those that do and have enough.

local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local tasks = require "spec.support.tasks"

local inside, caught = tasks.inside, tasks.caught

-- Codes of RST_STREAM and GOAWAY.
local NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, HTTP_1_1_REQUIRED = 0, 1, 2, 7, 8, 13

local function session_of(options)
  options = options or {}
  options.ca_file, options.timeout = rogue.ports.ca, 60
  return http.session(options)
end

local function fields(count, size)
  local list = {}
  for i = 1, count do list[i] = { "x-" .. i, ("v"):rep(size) } end
  return list
end

-- What came, and the failure behind it.
local function drain(response)
  local data = {}
  local err = caught(function()
    for chunk in response:chunks() do data[#data + 1] = chunk end
  end)
  return table.concat(data), err
end

-- Makes the session's connection, which then has served.
local function warm(session)
  assert.equal("fine", session:get(rogue:streams()):text())
end

local goings = {
  ["GOAWAY"] = { { "goaway", 2, NO_ERROR } },
  ["GOAWAY and the end"] = { { "goaway", 2, NO_ERROR }, { "close" } },
  ["GOAWAY with an error"] = { { "goaway", 2, INTERNAL_ERROR } },
  ["REFUSED_STREAM"] = { { "reset", REFUSED_STREAM } },
}

backend.describe_http2("a request over HTTP/2", function()
  for is_warm in pairs { [true] = 1, [false] = 2 } do
    for what, steps in pairs(goings) do
      local title = ("that met %s on a %s connection "):format(what, is_warm and "used" or "new")

      it(title .. "is sent again once if it may be", inside(function()
        for _, method in ipairs { "GET", "PUT", "DELETE" } do
          local session <close> = session_of()
          if is_warm then warm(session) end
          local url = rogue:streams(steps)
          local response = session:fetch(url, { method = method, body = method == "PUT" and "text" or nil })
          assert.same({ 200, "fine" }, { response.status, response:text() })
          assert.same({ is_warm and 2 or 1, 2 }, { session:stats().requests, session:stats().connections })
        end
      end))

      it(title .. "is sent again once if its body can be given again", inside(function()
        local session <close> = session_of()
        if is_warm then warm(session) end
        local url = rogue:streams(steps)
        local response = session:put(url, { body = "text", on_progress = function() end })
        assert.same({ 200, "fine" }, { response.status, response:text() })
      end))

      it(title .. "is sent again a few times, but not for ever", inside(function()
        local session <close> = session_of()
        if is_warm then warm(session) end
        assert.equal("fine", session:get(rogue:streams(steps, steps, steps)):text())
        local url = rogue:streams(steps, steps, steps, steps, steps, steps)
        assert.equal("ECONNRESET", caught(session.get, session, url).code)
        assert.equal("fine", session:get(url):text())
      end))

      it(title .. "is not sent again if it is a POST", inside(function()
        local session <close> = session_of()
        if is_warm then warm(session) end
        local url = rogue:streams(steps)
        assert.equal("ECONNRESET", caught(session.post, session, url, { body = "text" }).code)
        assert.equal(0, session:stats().active)
      end))
    end
  end

  it("is sent again once if a connection that had served ends before the response", inside(function()
    local session <close> = session_of()
    warm(session)
    assert.equal("fine", session:get(rogue:streams { { "close" } }):text())
    assert.equal("ECONNRESET", caught(session.post, session, rogue:streams { { "close" } }).code)
  end))

  it("of many is not lost when the server goes away after some of them", inside(function()
    local session <close> = session_of()
    local streams = { { { "wait", "served" }, { "head", 200 }, { "data", "slow" }, { "end" } } }
    for i = 2, 9 do streams[i] = { { "hang" } } end
    streams[10] = { { "goaway", 18, NO_ERROR }, { "set", "served" } } -- only the first has been seen
    local url = rogue:streams(table.unpack(streams))
    local answers = async.map({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function() return session:get(url):text() end)
    local counts = {}
    for _, answer in ipairs(answers) do counts[answer] = (counts[answer] or 0) + 1 end
    assert.same({ slow = 1, fine = 9 }, counts)
  end))

  it("goes out by HTTP/1.1 where the server requires that, unless it was answered", inside(function()
    local session <close> = session_of()
    local response = session:get(rogue:streams { { "reset", HTTP_1_1_REQUIRED } })
    assert.same({ 200, "1.1" }, { response.status, response.http_version })
  end))
end)

backend.describe_http2("a response over HTTP/2", function()
  it("that the server breaks off to have HTTP/1.1 is cut short, and no other comes behind it", inside(function()
    for _, method in ipairs { "GET", "POST" } do
      for _, size in ipairs { 0, 1, 100000 } do
        local session <close> = session_of()
        local read = rogue.event()
        local url = rogue:streams {
          { "head", 200 }, { "data", "x", size }, { "wait", read }, { "reset", HTTP_1_1_REQUIRED },
        }
        local response = session:fetch(url, { method = method })
        local came = 0
        while came < size do came = came + #response:read() end
        rogue:set(read)
        local rest, err = drain(response)
        assert.same({ size, "", "ETRUNCATED" }, { came, rest, err.code })
      end
    end
  end))

  it("that is reset is cut short, behind what came before", inside(function()
    for _, code in ipairs { PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL } do
      local session <close> = session_of()
      local read = rogue.event()
      local url = rogue:streams { { "head", 200 }, { "data", "some" }, { "wait", read }, { "reset", code } }
      local response = session:get(url)
      assert.equal("some", response:read())
      rogue:set(read)
      local rest, err = drain(response)
      assert.same({ code, "", "ETRUNCATED" }, { code, rest, err.code })
      assert.same({ 0, 1 }, { session:stats().active, session:stats().connections })
    end
  end))

  it("of any size that is reset is handed out first", inside(function()
    for _, size in ipairs { 1, 16384, 65536, 90000, 300000 } do
      for _, pause in ipairs { 0, 0.005 } do
        local session <close> = session_of()
        local url = rogue:streams { { "head", 200 }, { "data", "x", size }, { "reset", INTERNAL_ERROR } }
        local response = session:get(url)
        async.sleep(pause)
        local data, err = drain(response)
        assert.same({ size, "ETRUNCATED" }, { #data, err.code })
      end
    end
  end))

  it("with a length that is reset without an error before that is cut short", inside(function()
    local session <close> = session_of()
    local head = { "head", 200, { { "content-length", "9" } } }
    local url = rogue:streams { head, { "data", "some" }, { "reset", NO_ERROR } }
    assert.equal("ETRUNCATED", select(2, drain(session:get(url))).code)
  end))

  it("is cut short when the server goes away in its midst", inside(function()
    for _, ending in ipairs { { "goaway", 2, NO_ERROR }, { "close" } } do
      local session <close> = session_of()
      local read = rogue.event()
      local response = session:get(rogue:streams { { "head", 200 }, { "data", "some" }, { "wait", read }, ending })
      assert.equal("some", response:read())
      rogue:set(read)
      local rest, err = drain(response)
      assert.same({ "", "ETRUNCATED" }, { rest, err.code })
    end
  end))

  it("may have a large head and large trailers, but not endless ones", inside(function()
    for _, method in ipairs { "GET", "POST" } do
      for _, given in ipairs { fields(100, 1000), fields(1, 60000) } do
        local session <close> = session_of()
        local url = rogue:streams { { "head", 200, given }, { "data", "x" }, { "trailers", given } }
        local response = session:fetch(url, { method = method })
        assert.same({ #given[1][2], "x" }, { #response.headers["x-1"], response:text() })
      end
      for _, given in ipairs { fields(140, 1000), fields(4000, 100), fields(3, 50000) } do
        local session <close> = session_of()
        local url = rogue:streams { { "head", 200, given }, { "data", "x" }, { "end" } }
        assert.equal("ETOOLARGE", caught(session.fetch, session, url, { method = method }).code)
        warm(session) -- on another connection, as this one is of no more use
        local read = rogue.event()
        rogue:streams { { "head", 200 }, { "data", "x" }, { "wait", read }, { "trailers", given } }
        local response = session:fetch(url, { method = method })
        assert.equal("x", response:read())
        rogue:set(read)
        local rest, err = drain(response)
        assert.same({ "", "ETOOLARGE" }, { rest, err.code })
      end
    end
  end))

  it("is refused with a malformed head", inside(function()
    for _, bad in ipairs {
      { "x", "a\rlocation: /" }, { "x", "a\nb" }, { "x", "a\0b" }, { "X", "a" }, { "connection", "close" },
      { "transfer-encoding", "chunked" }, { "content-length", "x" }, { ":path", "/" }, { "", "a" },
    } do
      local session <close> = session_of()
      local url = rogue:streams { { "head", 200, { bad } }, { "data", "x" }, { "end" } }
      assert.equal("EPROTO", caught(session.get, session, url).code)
    end
  end))

  it("is refused with a status that is none, or a switch of protocols", inside(function()
    for _, status in ipairs { 101, 99, 2000, "abc", "" } do
      local session <close> = session_of()
      local url = rogue:streams { { "head", status }, { "data", "x" }, { "end" } }
      assert.equal("EPROTO", caught(session.get, session, url).code)
    end
  end))

  it("may have interim heads before it", inside(function()
    local session <close> = session_of()
    local early = { "head", 103, { { "link", "a" } } }
    local url = rogue:streams { early, { "head", 100 }, early, { "head", 200 }, { "data", "x" }, { "end" } }
    local response = session:get(url)
    assert.same({ 200, nil, "x" }, { response.status, response.headers.link, response:text() })
  end))
end)
