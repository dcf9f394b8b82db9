-- SPDX-License-Identifier: MIT
-- A handler, tested without a port.
local async = require "saros"
local backend = require "spec.support.backend"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"

local inside = tasks.virtually

describe("testing.client", function()
  local function echo(request)
    if request.path == "/missing" then async.http.error(404) end
    return { json = { method = request.method, path = request.path, text = request:text(), host = request.host } }
  end

  it("has the verbs of a session", inside(function()
    local client <close> = testing.client(echo)
    assert.same({ method = "GET", path = "/a", text = "", host = "localhost" }, client:get("/a"):json())
    assert.equal("hello", client:post("/", { body = "hello" }):json().text)
    assert.equal(200, client:head("/").status)
    assert.equal("PUT", client:fetch("/", { method = "PUT" }):json().method)
    assert.equal(404, client:get("/missing").status)
  end))

  it("takes the options of a session", inside(function()
    local client <close> = testing.client(function(request) return request.headers["x-test"] end, {
      headers = { ["X-Test"] = "yes" },
    })
    assert.equal("yes", client:get("/"):text())
  end))

  it("reaches a router, and keeps cookies", inside(function()
    local app = async.http.router()
    app:get("/in", function() return { status = 200, headers = { ["Set-Cookie"] = "id=7" } } end)
    app:get("/who/{name}", function(request) return request.params.name .. request.cookies.id end)
    local client <close> = testing.client(app)
    client:get "/in"
    assert.equal("me7", client:get("/who/me"):text())
  end))

  it("leaves nothing behind, whatever goes on", inside(function()
    local is_at_work, cleaned = async.event(), false
    local client = testing.client(function()
      local _ <close> = async.defer(function() cleaned = true end)
      is_at_work:set()
      tasks.hang()
    end)
    local asking = async.spawn(client.get, client, "/")
    is_at_work:wait()
    client:close()
    client:close()
    async.wait { asking }
    assert.equal("ClosedError", asking:error().name)
    assert.is_true(cleaned)
  end))

  backend.own_only("libcurl has sockets of its own, which the clock waits for", function()
    it("lets the virtual clock jump while a handler waits, and a client for it", inside(function()
      local client <close> = testing.client(function(request)
        if request.path == "/late" then async.sleep(20) end
        return "here"
      end)
      local started = async.now()
      local late, soon = async.gather(
        function() return client:get("/late"):text() .. async.now() - started end,
        function() return client:get("/soon"):text() .. async.now() - started end)
      assert.same({ "here20.0", "here0.0" }, { late, soon })
    end))

    it("has its deadlines on that clock, those of the server, too", inside(function()
      local client <close> = testing.client(function() tasks.hang() end)
      local started = async.now()
      assert.equal("TimeoutError", tasks.caught(client.get, client, "/").name)
      assert.equal(30, async.now() - started)
    end))

    it("brings a response piece by piece, each at its time", inside(function()
      local client <close> = testing.client(function(request)
        local writer = request:respond()
        for i = 1, 3 do
          writer:write(tostring(i))
          async.sleep(5)
        end
      end)
      local started, seen = async.now(), {}
      for piece in client:get("/"):chunks() do seen[#seen + 1] = piece .. "@" .. async.now() - started end
      assert.same({ "1@0.0", "2@5.0", "3@10.0" }, seen)
    end))

    it("moves as much as it likes in no time", inside(function()
      local body = ("x"):rep(500000)
      local client <close> = testing.client(function(request) return { body = request:text():rep(10) } end)
      local started = async.now()
      local ok, text = async.move_on_after(0.5, function() return client:post("/", { body = body }):text() end)
      assert.is_true(ok and text == body:rep(10))
      assert.equal(started, async.now())
    end))

    it("tells of a client and a handler that wait for ever", function()
      local err = tasks.caught(testing.run, function()
        local client <close> = testing.client(function() async.future():await() end, { timeout = false })
        client:get("/")
      end)
      assert.equal("DeadlockError", err.name)
    end)
  end)

  it("needs a handler", function()
    assert.matches("bad argument #1 to 'client' %(function or router expected, got nil%)", tasks.caught(testing.client))
    assert.matches("bad argument #2 to 'client' %(table expected, got string%)", tasks.caught(testing.client, echo,
      "x"))
  end)

  it("is named by what it refuses", inside(function()
    local function refused(what, ...)
      assert.matches("bad argument " .. what, tasks.caught(...))
    end
    refused("#2 to 'client' %(unknown option 'heders'", testing.client, echo, { heders = {} })
    refused("#2 to 'client' %(option 'limit'", testing.client, echo, { limit = 0 })
    refused("#2 to 'client' %(option 'base_url'", testing.client, echo, { base_url = "nowhere" })
    refused("#2 to 'client' %(invalid header name", testing.client, echo, { headers = { ["a b"] = 1 } })
    local client <close> = testing.client(echo, { cookies = false })
    refused("#1 to 'client:get' %(string expected, got nil", client.get, client, nil)
    refused("#2 to 'client:post' %(unknown option 'jsno'", client.post, client, "/", { jsno = {} })
    refused("#2 to 'client:fetch' %(option 'timeout'", client.fetch, client, "/", { timeout = "1" })
  end))
end)
