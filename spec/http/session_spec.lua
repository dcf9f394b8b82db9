-- SPDX-License-Identifier: MIT
local async = require "saros"
local backend = require "spec.support.backend"
local http = require "saros.http"
local testing = require "saros.testing"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.caught

-- Runs fn(1) to fn(n) at once, and waits for all.
local function together(n, fn)
  local list = {}
  for i = 1, n do
    list[i] = async.spawn(fn, i)
  end
  for _, task in ipairs(list) do
    task:await()
  end
end

local function report()
  return http.get(server.url .. "/report"):json()
end

describe("a session", function()
  it("keeps its connection from request to request", inside(function()
    local session <close> = http.session()
    local first, second = session:get(server.url .. "/echo"):json(), session:get(server.url .. "/echo"):json()
    assert.same({ 1, 2 }, { first.number, second.number })
    local stats = session:stats()
    assert.same({ 2, 1, 1, 1, 0, 0, 0 }, { stats.requests, stats.connections, stats.reused, stats.idle, stats.active,
      stats.waiting, stats.failed })
  end))

  it("does not keep it with keepalive = false, and does with true", inside(function()
    for keepalive, number in pairs { [false] = 1, [true] = 2 } do
      local session <close> = http.session { keepalive = keepalive }
      assert.equal(1, session:get(server.url .. "/echo"):json().number)
      assert.equal(number, session:get(server.url .. "/echo"):json().number)
    end
  end))

  backend.own_only("libcurl closes what it has kept for too long when the next request comes", function()
    it("closes it after that time, though no request comes", inside(function()
      local listener <close> = async.http.listen("127.0.0.1", 0)
      local _, port = listener:address()
      async.spawn(listener.serve, listener, function() return "ok" end)
      local session <close> = http.session { keepalive = 0.05 }
      session:get(("http://127.0.0.1:%d/"):format(port)):text()
      assert.is_true(tasks.eventually(function() return listener:stats().connections == 0 end))
    end))
  end)

  backend.own_only("libcurl counts whole seconds", function()
    it("keeps it for as long as keepalive says, fractions of a second too", inside(function()
      local session <close> = http.session { keepalive = 0.05 }
      session:get(server.url .. "/echo"):text()
      async.sleep(0.06)
      assert.equal(0, session:stats().idle)
      assert.equal(1, session:get(server.url .. "/echo"):json().number)
      local longer <close> = http.session { keepalive = 60.5 }
      for number = 1, 2 do assert.equal(number, longer:get(server.url .. "/echo"):json().number) end
      assert.equal(1, longer:stats().idle)
    end))
  end)

  it("joins paths to its base_url with one slash", inside(function()
    for _, base in ipairs { "", "/", "/echo", "/echo/" } do
      local session <close> = http.session { base_url = server.url .. base }
      local prefix = base:gsub("/$", "")
      for _, path in ipairs { "echo/x", "/echo/x" } do
        assert.equal(prefix .. "/echo/x", session:get(path):json().target)
      end
    end
  end))

  it("adds a query to its base_url, and is replaced by a full URL", inside(function()
    local session <close> = http.session { base_url = server.other .. "/echo" }
    assert.equal("/echo?a=1", session:get("?a=1"):json().target)
    assert.equal("/echo", session:get(""):json().target)
    assert.equal(server.url .. "/echo", session:get(server.url .. "/echo").url)
  end))

  it("has defaults that a request goes over", inside(function()
    local session <close> = http.session {
      headers = { ["X-One"] = "session", ["X-Two"] = "session" }, auth = { "u", "p" }, redirect = "manual",
      query = { key = "k" },
    }
    local request = session:get(server.url .. "/echo", { headers = { ["x-one"] = "own", ["X-TWO"] = false } }):json()
    local values = {}
    for _, pair in ipairs(request.headers) do
      values[pair[1]:lower()] = pair[2]
    end
    assert.same({ "own", nil, "Basic dTpw" }, { values["x-one"], values["x-two"], values.authorization })
    assert.equal("/echo?key=k", request.target)
    assert.equal("/echo?key=k", session:get(server.url .. "/echo"):json().target)
    assert.equal("/echo?own=o", session:get(server.url .. "/echo", { query = { own = "o" } }):json().target)
    assert.equal(302, session:get(server.url .. "/redirect/302?to=/echo").status)
    assert.equal(200, session:get(server.url .. "/redirect/302?to=/echo", { redirect = "follow" }).status)
    for _, pair in ipairs(session:get(server.url .. "/echo", { auth = false }):json().headers) do
      assert.not_equal("authorization", pair[1]:lower())
    end
  end))

  it("may have a method and a body for requests that name none", inside(function()
    local session <close> = http.session { base_url = server.url, method = "put", json = { a = 1 } }
    local function sent(answer)
      local request = answer:json()
      return { request.method, request.body }
    end
    assert.same({ "PUT", '{"a":1}' }, sent(session:fetch("/echo")))
    assert.same({ "POST", '{"a":1}' }, sent(session:post("/echo")))
    assert.same({ "PUT", "own" }, sent(session:fetch("/echo", { body = "own" })))
    assert.same({ "GET", "" }, sent(session:get("/echo")))
    assert.same({ "DELETE", "" }, sent(session:fetch("/echo", { method = "DELETE" })))
    assert.equal(200, session:head("/echo").status)
  end))

  it("leaves its credentials out where a request names its own, or none, in a header", inside(function()
    local session <close> = http.session { auth = { "u", "p" } }
    for _, own in ipairs { "Token t", false } do
      local found = false
      for _, pair in ipairs(session:get(server.url .. "/echo", { headers = { authorization = own } }):json().headers) do
        if pair[1]:lower() == "authorization" then found = pair[2] end
      end
      assert.equal(own, found)
    end
  end))

  it("refuses headers that cannot be sent, when it is made and when they were changed", inside(function()
    local ok, err = pcall(http.session, { headers = { ["a b"] = "1" } })
    assert.is_false(ok)
    assert.truthy(err:find("bad argument #1 to 'session' (invalid header name", 1, true), err)
    local session <close> = http.session()
    for _, changed in ipairs { 5, { ["a b"] = "1" } } do
      session.headers = changed
      ok, err = pcall(session.get, session, server.url .. "/echo")
      assert.is_false(ok)
      assert.matches("session:get", err, 1, true)
    end
  end))

  it("does not show the userinfo of its base_url", inside(function()
    local session <close> = http.session { base_url = server.url:gsub("//", "//user:secret@") }
    assert.equal("Session: " .. server.url, tostring(session))
  end))

  it("has headers that can be changed", inside(function()
    local session <close> = http.session()
    session.headers["X-Late"] = "1"
    local found
    for _, pair in ipairs(session:get(server.url .. "/echo"):json().headers) do
      found = found or pair[1] == "X-Late"
    end
    assert.is_true(found)
  end))

  it("sets up connections by its own options", inside(function()
    backend.find_out(server.tls .. "/echo", { ca_file = server.ca })
    local session <close> = http.session { ca_file = server.ca }
    assert.equal(1, session:get(server.tls .. "/echo"):json().number)
    assert.equal(2, session:get(server.tls .. "/echo"):json().number)
    assert.equal(1, http.get(server.tls .. "/echo", { verify = false }):json().number)
    assert.equal("ETLS", error_of(http.get, server.tls .. "/echo").code)
  end))

  it("has at most `limit` requests under way", inside(function()
    report()
    local session <close> = http.session { limit = 3 }
    together(12, function()
      assert.equal("held", session:get(server.url .. "/hold?together=3"):text())
    end)
    assert.equal(3, report().peak)
    assert.equal(3, session:stats().connections)
  end))

  it("has at most `limit_per_host` requests under way to one host", inside(function()
    report()
    local session <close> = http.session { limit_per_host = 2 }
    together(12, function(i)
      session:get((i % 2 == 0 and server.url or server.other) .. "/hold?together=4"):text()
    end)
    assert.equal(4, report().peak)
  end))

  it("serves waiters in order", inside(function()
    report()
    local session <close> = http.session { limit = 1 }
    together(6, function(i)
      session:get(server.url .. "/hold", { query = { id = i, seconds = 0.005 } }):text()
    end)
    assert.same({ "1", "2", "3", "4", "5", "6" }, report().order)
  end))

  it("does not let a crowded host hold up another one", inside(function()
    local session <close> = http.session { limit = 2, limit_per_host = 1 }
    local served, order = rogue.event(), {}
    local crowded = rogue:script({ "wait", served }, { "send", "HTTP/1.1 204 No Content\r\n\r\n" })
    together(4, function(i)
      session:get(i == 4 and server.other .. "/echo" or crowded):text()
      order[#order + 1] = i
      if i == 4 then rogue:set(served) end
    end)
    assert.same({ 4, 1, 2, 3 }, order)
  end))

  it("gives a slot of a response that the collector found to who waits", inside(function()
    local session <close> = http.session { limit = 1 }
    assert.equal(200, session:get(server.url .. "/hang-in-body").status)
    local waiter = async.spawn(function()
      return session:get(server.url .. "/echo").status
    end)
    async.sleep(0.01)
    collectgarbage()
    collectgarbage()
    assert.equal(200, waiter:await())
  end))

  it("grants a slot in time to who has it a turn later", inside(function()
    local session <close> = http.session { limit = 1 }
    local held = session:get(server.url .. "/hang-in-body")
    for _, timeout in ipairs { { pool = 0.02 }, { pool = 0.02, total = 60 } } do
      local waiter = async.spawn(session.get, session, server.url .. "/hang-in-body", { timeout = timeout })
      async.spawn(function() -- in the turn in which the waiter begins
        local stop = os.clock() + 0.03
        repeat until os.clock() > stop
        held:close() -- after the deadline, but before it was looked at
      end)
      held = waiter:await()
      assert.equal(200, held.status)
    end
    held:close()
  end))

  it("when closed, ends requests, waiters and readers with ClosedError", inside(function()
    local session = http.session { limit = 2 }
    local response = session:get(server.url .. "/hang-in-body")
    response:read()
    local list = {
      async.spawn(function() return response:read() end),
      async.spawn(function() return session:get(server.url .. "/hang") end),
      async.spawn(function() return session:get(server.url .. "/echo") end),
    }
    tasks.turns()
    assert.equal(1, session:stats().waiting)
    session:close()
    session:close()
    for _, task in ipairs(list) do
      assert.equal("ECLOSED", error_of(task.await, task).code)
    end
    assert.equal("ECLOSED", error_of(session.get, session, server.url .. "/echo").code)
    local stats = session:stats()
    assert.same({ 0, 0, 0 }, { stats.active, stats.waiting, stats.idle })
  end))

  it("can be made outside of a run and used in several", function()
    local session <close> = http.session { base_url = server.url }
    for _ = 1, 3 do
      assert.equal(1, async.run(function()
        return session:get("/echo"):json().number
      end))
    end
  end)

  it("cuts off what is under way at the end of a run, and works in the next", function()
    local session <close> = http.session { limit = 1, base_url = server.url }
    local response
    async.run(function()
      response = session:get("/hang-in-body")
      async.spawn(function()
        session:get("/hang")
      end)
      async.sleep(0.01)
    end)
    async.run(function()
      assert.equal(200, session:get("/echo").status)
      local ok, err = pcall(response.text, response)
      assert.is_false(ok)
      assert.equal("ECLOSED", err.code)
    end)
  end)

  it("is named when a test leaves it open, as is a response, but no kept connection", function()
    local left
    local err = error_of(testing.run, function()
      left = http.session()
    end)
    assert.truthy(tostring(err):find("http session", 1, true))
    err = error_of(testing.run, function()
      left = http.get(server.url .. "/hang-in-body", { timeout = false })
    end)
    assert.truthy(tostring(err):find("http response", 1, true))
    assert.equal("slow", testing.run(function()
      return http.get(server.url .. "/slow"):text()
    end))
    assert.truthy(left)
  end)

  it("does not keep a run alive by its idle connections", function()
    local session <close> = http.session()
    local before = os.time()
    local ok, err = pcall(async.run, function()
      session:get(server.url .. "/echo"):text()
      async.event():wait()
    end)
    assert.is_false(ok)
    assert.truthy(async.is_error(err, "DeadlockError"), tostring(err))
    assert.truthy(os.time() - before < 60)
  end)
end)
