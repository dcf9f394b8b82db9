-- SPDX-License-Identifier: MIT
-- A request without options that has been sent before goes a shorter way. Nobody can tell.
local async = require "saros"
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.error_of

-- What can be seen of a response, but for what time and connection make different.
local function seen(response)
  local names = {}
  for name in pairs(response.headers) do names[#names + 1] = name end
  return {
    response.status, response.ok, response.reason, response.url, response.http_version, #response.history, names,
    tostring(response), math.type(response.elapsed), response:text(), response:text(), response.nothing,
  }
end

describe("a request that has been sent before", function()
  it("gives what it gave the first time", inside(function()
    for _, path in ipairs { "/status/200", "/status/404", "/status/304", "/redirect/302?to=/status/200" } do
      local session <close> = http.session()
      for _, first in ipairs { session.get, session.head, session.delete, session.fetch } do
        assert.same(seen(first(session, server.url .. path)), seen(first(session, server.url .. path)))
      end
      assert.same(seen(http.get(server.url .. path)), seen(http.get(server.url .. path)))
    end
  end))

  it("goes over the connection that was kept, and is counted", inside(function()
    local session <close> = http.session()
    for number = 1, 3 do assert.equal(number, session:get(server.url .. "/echo"):json().number) end
    local stats = session:stats()
    assert.same({ 3, 1, 2, 0, 0 }, { stats.requests, stats.connections, stats.reused, stats.active, stats.failed })
  end))

  it("minds the headers that its session has got since", inside(function()
    local session <close> = http.session()
    for _ = 1, 2 do assert.not_matches("x%-since", session:get(server.url .. "/echo"):text():lower()) end
    session.headers["X-Since"] = "1"
    assert.matches("x%-since", session:get(server.url .. "/echo"):text():lower())
    session.headers["X-Since"] = nil
    assert.not_matches("x%-since", session:get(server.url .. "/echo"):text():lower())
    session.headers = "none"
    assert.matches("the headers of the session are no table",
      tasks.caught(session.get, session, server.url .. "/echo"))
  end))

  it("keeps the cookies that its response sets, and sends those that are there", inside(function()
    local session <close> = http.session()
    local target = server.url .. "/set-cookies?set=a%3D1"
    for _ = 1, 2 do
      session:get(target):close()
      assert.equal("1", session.cookies:get("a"))
      session.cookies:clear()
    end
    session:get(server.url .. "/echo"):close()
    session.cookies:set("b", "2")
    assert.matches("b=2", session:get(server.url .. "/echo"):text())
    for _, wrong in ipairs { {}, true, 1, "jar" } do
      session.cookies = wrong
      assert.matches("the cookies of the session are no jar", tasks.caught(session.get, session, server.url .. "/echo"))
    end
    session.cookies = false
    for _ = 1, 2 do assert.not_matches("b=2", session:get(server.url .. "/echo"):text()) end
  end))

  it("follows redirects, or not, as its session says", inside(function()
    local target = server.url .. "/redirect/302?to=/echo"
    for wish, status in pairs { follow = 200, manual = 302 } do
      local session <close> = http.session { redirect = wish }
      for _ = 1, 3 do assert.equal(status, session:get(target).status) end
    end
    local session <close> = http.session { redirect = "error" }
    for _ = 1, 3 do assert.equal("EREDIRECT", error_of(session.get, session, target).code) end
  end))

  it("fails as it did, with the place in the user's code", inside(function()
    local session <close> = http.session()
    local target = server.url .. "/close"
    for _ = 1, 3 do
      local err = error_of(function() return session:get(target) end)
      assert.same({ "FetchError", "ECONNRESET", target, server.port }, { err.name, err.code, err.url, err.port })
      assert.matches("verb_spec.lua", err.traceback)
      assert.not_matches("lua/saros/http", err.traceback)
      assert.not_matches("%[C%]: in method 'get'", err.traceback)
    end
  end))

  it("is cancelled while it waits, and frees its slot", inside(function()
    local session <close> = http.session { limit = 1 }
    local target = server.url .. "/hang"
    for _ = 1, 3 do
      local task = async.spawn(session.get, session, target)
      while session:stats().active == 0 do async.sleep(0) end
      task:close()
      assert.same({ "cancelled", 0 }, { task:status(), session:stats().active })
    end
    assert.equal(200, session:get(server.url .. "/echo").status)
  end))

  it("needs a session that is open", inside(function()
    local session = http.session()
    session:get(server.url .. "/echo"):close()
    session:get(server.url .. "/echo"):close()
    session:close()
    assert.equal("ClosedError", error_of(session.get, session, server.url .. "/echo").name)
  end))

  it("needs a run, and says so", function()
    async.run(function()
      for _ = 1, 2 do http.get(server.url .. "/echo"):close() end
    end)
    assert.matches("'?get'?", tasks.caught(http.get, server.url .. "/echo"))
    async.run(function() assert.equal(200, http.get(server.url .. "/echo").status) end)
  end)

  it("is a method of sessions alone", inside(function()
    local session <close> = http.session()
    for _ = 1, 2 do session:get(server.url .. "/echo"):close() end
    local self = { session[1], headers = {}, cookies = false }
    for _, other in ipairs { self, setmetatable({}, { __index = session }), "session" } do
      assert.matches("calling 'session:get' on bad self", tasks.caught(session.get, other, server.url .. "/echo"))
    end
    assert.matches("bad argument #1 to 'session:get'", tasks.caught(session.get, session))
    assert.matches("bad argument #1 to 'get' %(string expected, got no value%)", tasks.caught(http.get))
  end))

  it("may go to any path", inside(function()
    local session <close> = http.session { base_url = server.url }
    for _ = 1, 2 do
      for _, path in ipairs { "count", "same", "/count", "echo" } do session:get(path):close() end
      assert.equal(200, session:get("count").status)
    end
  end))

  it("is prepared anew when many others have been in between", inside(function()
    local session <close> = http.session()
    for i = 1, 600 do assert.equal(200, session:get(server.url .. "/status/200?" .. i % 300).status) end
  end))
end)

describe("the fields of a response", function()
  it("can be set, and are its own then", inside(function()
    local response = http.get(server.url .. "/status/200")
    response.note, response.status = "mine", 599
    assert.same({ "mine", 599, true }, { response.note, response.status, response.ok })
    assert.equal("body of /status/200", response:text())
  end))

  it("are there after the response was closed", inside(function()
    local response = http.get(server.url .. "/status/404")
    response:close()
    assert.same({ 404, false }, { response.status, response.ok })
    assert.equal("text/plain", response.headers["content-type"] or "text/plain")
    assert.equal("ClosedError", error_of(response.text, response).name)
  end))

  it("hold a head of any size", inside(function()
    local large = ("x"):rep(3000)
    local target = server.url .. "/redirect/300?to=/" .. large
    for _ = 1, 2 do
      local response = http.get(target)
      assert.same({ 300, "/" .. large }, { response.status, response.headers.location })
    end
  end))
end)
