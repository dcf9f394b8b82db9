-- SPDX-License-Identifier: MIT
-- Connections that no request uses: what comes over them then answers nobody, and makes them useless.

local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

local EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"

-- Answers after which a connection is kept, by how their end is told; with the method that gets them.
local answers = {
  { "GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood", "good" },
  { "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n", "good" },
  { "POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "" },
  { "GET", "HTTP/1.1 204 No Content\r\n\r\n", "" },
  { "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", "" },
  { "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "" },
}

-- What a server may do to a connection that idles.
local doings = {
  ["a response"] = { { "send", EVIL } },
  ["a single byte"] = { { "send", "x" } },
  ["a lot of them"] = { { "send", EVIL:rep(100) } },
  ["a response and its end"] = { { "send", EVIL }, { "close" } },
  ["its end"] = { { "close" } },
  ["a reset"] = { { "reset" } },
}

local function session_of(options)
  options = options or {}
  options.ca_file, options.timeout = rogue.ports.ca, 60
  return http.session(options)
end

-- What the server read of a request that goes out now.
local function ask(session, scheme, method)
  local at = scheme == "https" and rogue:at("tls", "/head", scheme) or rogue:at("script", "/head")
  return session:fetch(at, { method = method }):json():match "^%u+ %S+"
end

local function script(scheme, ...)
  local url = rogue:script(...)
  return scheme == "https" and url:gsub("^.-%?", rogue:at("tls", "/?", "https")) or url
end

-- A request whose answer is followed by `doing` once `go` is set; `done` is set when that is on its way.
local function ask_for(session, scheme, answer, go, doing, done, ...)
  local steps, last = table.pack(...), doing[#doing][1]
  table.move({ { "send", answer[2] }, { "wait", go } }, 1, 2, #steps + 1, steps)
  table.move(doing, 1, #doing, #steps + 1, steps)
  if last == "send" then steps[#steps + 1] = { "set", done } else steps[#steps] = { last, done } end
  local response = session:fetch(script(scheme, table.unpack(steps)), { method = answer[1] })
  assert.equal(answer[3], response:text())
end

-- As many connections that idle, each until its own `go`; gives {go, done} of each.
local function idle_connections(session, scheme, count, doing)
  local events, start = {}, rogue.event()
  local requests = {}
  for i = 1, count do
    local here = rogue.event()
    events[i] = { rogue.event(), rogue.event() }
    requests[i] = async.spawn(ask_for, session, scheme, answers[1], events[i][1], doing, events[i][2],
      { "set", here }, { "wait", start })
    rogue:wait(here)
  end
  rogue:set(start)
  async.gather(requests)
  return events
end

-- Until the loop has seen what the server did before it set the event.
local function see(event)
  rogue:wait(event)
  tasks.turns(2)
end

backend.describe_http2("an idle connection of HTTP/2", function()
  local function post(session, body)
    local response = session:post(rogue:at("two", "/", "https"), { body = body })
    assert.same({ "2", "early" }, { response.http_version, response:text() })
  end

  it("that the server has ended is not used again", inside(function()
    for _, look in ipairs { "see", "block" } do
      local go, done = rogue.event(), rogue.event()
      local session <close> = session_of()
      post(session, ("leave %s %s"):format(go, done))
      assert.equal(1, session:stats().idle)
      if look == "block" then
        rogue:block(go, done)
      else
        rogue:set(go)
        see(done)
        assert.equal(0, session:stats().idle)
      end
      post(session, "once more")
      assert.same({ 2, 0 }, { session:stats().connections, session:stats().failed })
    end
  end))

  it("that is ended while a response pauses is not used again, and costs that nothing", inside(function()
    local go, done = rogue.event(), rogue.event()
    local session <close> = session_of()
    local slow = session:get(script("http", { "send", "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" },
      { "send", ("x"):rep(1000), 3000 }))
    post(session, ("leave %s %s"):format(go, done))
    tasks.turns(3)
    rogue:set(go)
    see(done)
    assert.equal(3000000, #slow:text())
    post(session, "once more")
    assert.same({ 3, 0 }, { session:stats().connections, session:stats().failed })
  end))

  it("is used again and again otherwise", inside(function()
    local session <close> = session_of()
    for _ = 1, 5 do
      post(session, "body")
      tasks.turns(2)
    end
    assert.same({ 1, 1 }, { session:stats().connections, session:stats().idle })
  end))
end)

for _, scheme in ipairs { "http", "https" } do
  describe("an idle connection over " .. scheme, function()
    for what, doing in pairs(doings) do
      it("on which came " .. what .. " is not used again", inside(function()
        for i, answer in ipairs(answers) do
          local go, done = rogue.event(), rogue.event()
          local session <close> = session_of { limit = i % 2 == 0 and 1 or nil }
          ask_for(session, scheme, answer, go, doing, done)
          assert.same({ 1, 0 }, { session:stats().idle, session:stats().active })
          rogue:set(go)
          see(done)
          if doing[#doing][1] == "send" then assert.equal(0, session:stats().idle) end
          assert.equal("POST /head", ask(session, scheme, "POST"))
          assert.equal("GET /head", ask(session, scheme, "GET"))
          assert.same({ 2, 1, 0 }, { session:stats().connections, session:stats().idle, session:stats().failed })
        end
      end))
    end

    it("is not used for a request that starts before the loop has looked at it", inside(function()
      for _, doing in pairs(doings) do
        local go, done = rogue.event(), rogue.event()
        local session <close> = session_of()
        ask_for(session, scheme, answers[1], go, doing, done)
        rogue:block(go, done)
        assert.equal("POST /head", ask(session, scheme, "POST"))
        assert.equal("GET /head", ask(session, scheme, "GET"))
        assert.equal(2, session:stats().connections)
      end
    end))

    it("is retired though the program never has to wait, and waits for nothing", inside(function()
      local go, done = rogue.event(), rogue.event()
      local session <close> = session_of()
      ask_for(session, scheme, answers[1], go, doings["its end"], done)
      rogue:block(go, done)
      local deadline = os.clock() + 10
      while session:stats().idle > 0 and os.clock() < deadline do async.sleep(0) end
      assert.equal(0, session:stats().idle)
    end))

    it("that has idled for long is not, either", inside(function()
      local session <close> = session_of()
      local events = idle_connections(session, scheme, 3, doings["its end"])
      tasks.turns(2)
      assert.equal(3, session:stats().idle)
      for _, pair in ipairs(events) do rogue:block(pair[1], pair[2]) end
      assert.equal("POST /head", ask(session, scheme, "POST"))
      assert.equal(4, session:stats().connections)
    end))

    it("is retired alone, whatever the others do", inside(function()
      local session <close> = session_of()
      local events = idle_connections(session, scheme, 3, doings["a response"])
      assert.equal(3, session:stats().idle)
      for i, pair in ipairs(events) do
        rogue:set(pair[1])
        see(pair[2])
        assert.equal(3 - i, session:stats().idle)
      end
      assert.equal("POST /head", ask(session, scheme, "POST"))
      assert.same({ 4, 1 }, { session:stats().connections, session:stats().idle })
    end))

    it("is used again and again where nothing comes", inside(function()
      local session <close> = session_of()
      for _ = 1, 20 do
        assert.equal("POST /head", ask(session, scheme, "POST"))
        async.sleep(0.001)
        assert.equal("GET /head", ask(session, scheme, "GET"))
      end
      assert.equal(1, session:stats().connections)
    end))

    it("carries no answer that came together with another", inside(function()
      for _, answer in ipairs(answers) do
        for _, count in ipairs { 1, 20 } do
          local sent = rogue.event()
          local session <close> = session_of()
          local response = session:fetch(script(scheme, { "send", answer[2] .. EVIL:rep(count) }, { "set", sent }),
            { method = answer[1] })
          assert.equal(answer[3], response:text())
          see(sent)
          for _ = 1, 3 do assert.equal("POST /head", ask(session, scheme, "POST")) end
        end
      end
    end))

    it("is none while its reader is slow", inside(function()
      local go = rogue.event()
      local session <close> = session_of()
      local response = session:get(script(scheme,
        { "send", "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" }, { "send", ("x"):rep(1000), 3000 },
        { "wait", go }))
      local size = 0
      for chunk in response:chunks() do
        if size < 1000000 then assert.equal(0, session:stats().idle) end
        tasks.turns(2)
        size = size + #chunk
      end
      assert.equal(3000000, size)
      rogue:set(go)
      assert.equal("POST /head", ask(session, scheme, "POST"))
      assert.equal(1, session:stats().connections)
    end))
  end)
end

-- Over TLS libcurl would have to tell what it has decrypted.
it("a connection carries no answer that came with the end of another, even if it is used at once", inside(function()
  for _ = 1, 20 do
    local session <close> = session_of()
    local go = rogue.event()
    local steps = {
      { "send", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1" }, { "wait", go }, { "send", "2" .. EVIL },
    }
    local response = session:get(rogue:script(table.unpack(steps)))
    assert.equal("1", response:read())
    rogue:set(go)
    assert.same({ "2", nil }, { response:read(), response:read() })
    assert.equal("POST /head", ask(session, "http", "POST"))
  end
end))

describe("a connection that has been given up", function()
  it("is not used again where more comes, though that resets it", inside(function()
    for _, answer in ipairs(answers) do
      local go, later, done = rogue.event(), rogue.event(), rogue.event()
      local session <close> = session_of()
      ask_for(session, "http", answer, go, { { "send", "x" }, { "wait", later }, { "send", "y" } }, done)
      rogue:set(go)
      tasks.eventually(function() return session:stats().idle == 0 end)
      rogue:set(later)
      see(done)
      assert.equal("POST /head", ask(session, "http", "POST"))
      assert.same({ 2, 0 }, { session:stats().connections, session:stats().failed })
    end
  end))
end)
