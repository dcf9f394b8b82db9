-- SPDX-License-Identifier: MIT
local async = require "saros"
local serving = require "spec.support.serving"
local tasks = require "spec.support.tasks"

local inside = tasks.virtually

-- A handler that tells its name and what it sees of the path.
local function named(name)
  return function(request)
    local list = {}
    for key, value in pairs(request.params or {}) do list[#list + 1] = ("%s=%s"):format(key, value) end
    table.sort(list)
    return table.concat({ name, request.mount or "-", request.path, table.unpack(list) }, " ")
  end
end

-- Asks a router for each line, and compares status and body.
local function check(app, expected)
  serving.run(app, nil, function(site)
    for line, result in pairs(expected) do
      local response = site:fetch(line)
      assert.equal(result, type(result) == "number" and response.status or response.body, line)
    end
  end)
end

describe("a router", function()
  it("finds the handler of a path", inside(function()
    local app = async.http.router()
    assert.equal(app, app:get("/", named "root"))
    app:get("/a", named "a"):get("/a/b", named "a/b"):get("/a/", named "a/")
    check(app, {
      ["GET /"] = "root - /", ["GET /a"] = "a - /a", ["GET /a/b?x"] = "a/b - /a/b", ["GET /a/"] = "a/ - /a/",
      ["GET /b"] = 404, ["GET /a/b/"] = 404, ["GET //"] = 404, ["GET /a/b/c"] = 404, ["GET /a/../a"] = "a - /a",
    })
  end))

  it("knows parameters, of one segment that is not empty, or of all that follows", inside(function()
    local app = async.http.router()
    app:get("/u/{id}", named "user"):get("/u/{id}/p/{post}", named "post"):get("/f/{path...}", named "file")
    check(app, {
      ["GET /u/7"] = "user - /u/7 id=7", ["GET /u/"] = 404, ["GET /u/7/"] = 404,
      ["GET /u/7/p/8"] = "post - /u/7/p/8 id=7 post=8",
      ["GET /f/"] = "file - /f/ path=", ["GET /f/a/b"] = "file - /f/a/b path=a/b", ["GET /f"] = 404,
    })
  end))

  it("takes a path apart before it decodes it", inside(function()
    local app = async.http.router()
    app:get("/u/{id}", named "user"):get("/caf\xc3\xa9", named "literal")
    check(app, {
      ["GET /u/a%2Fb"] = "user - /u/a/b id=a/b", ["GET /u/%7B%25"] = "user - /u/{% id={%",
        ["GET /caf%C3%A9"] = "literal - /caf\xc3\xa9",
      ["GET /%75/1"] = "user - /u/1 id=1",
    })
  end))

  it("prefers the leftmost literal", inside(function()
    local app = async.http.router()
    app:get("/{a}/x", named "ax"):get("/b/{c}", named "bc"):get("/{rest...}", named "rest"):get("/b/x/y", named "bxy")
    check(app, {
      ["GET /b/x"] = "bc - /b/x c=x", ["GET /c/x"] = "ax - /c/x a=c", ["GET /c/y"] = "rest - /c/y rest=c/y",
      ["GET /b/x/y"] = "bxy - /b/x/y", ["GET /b/x/z"] = "rest - /b/x/z rest=b/x/z",
    })
  end))

  it("chooses the path before the method, and says which methods there are", inside(function()
    local app = async.http.router()
    app:get("/a", named "a"):post("/a", named "post a"):put("/{b}", named "put"):route("PURGE", "/c", named "purge")
    check(app, { ["PUT /a"] = 405, ["POST /a"] = "post a - /a", ["PUT /b"] = "put - /b b=b",
      ["PURGE /c"] = "purge - /c" })
    serving.run(app, nil, function(site)
      local response = site:fetch "DELETE /a"
      assert.equal(405, response.status)
      assert.equal("GET, HEAD, OPTIONS, POST", response.headers.allow)
      response = site:fetch "OPTIONS /c"
      assert.equal(204, response.status)
      assert.equal("OPTIONS, PURGE", response.headers.allow)
      response = site:fetch "OPTIONS *"
      assert.equal("GET, HEAD, OPTIONS, POST, PURGE, PUT", response.headers.allow)
    end)
  end))

  it("answers HEAD by the handler of GET, unless it has one of its own", inside(function()
    local app = async.http.router()
    app:get("/a", named "a"):get("/b", named "b"):head("/b", function() return { headers = { Own = "yes" } } end)
    serving.run(app, nil, function(site)
      local response = site:fetch "HEAD /a"
      assert.equal("6", response.headers["content-length"])
      assert.equal("", response.body)
      assert.equal("yes", site:fetch("HEAD /b").headers.own)
    end)
  end))

  it("hands what is below a path on to another handler", inside(function()
    local inner, app = async.http.router(), async.http.router()
    inner:get("/", named "inner"):get("/x/{id}", named "x")
    app:mount("/api", inner):mount("/plain/", named "plain"):get("/api/own", named "own"):mount("/t/{tenant}",
      named "tenant")
    check(app, {
      ["GET /api"] = "inner /api /", ["GET /api/"] = "inner /api /", ["GET /api/x/1"] = "x /api /x/1 id=1",
      ["GET /api/own"] = "own - /api/own", ["GET /api/y"] = 404, ["GET /apix"] = 404,
        ["GET /plain/a/b"] = "plain /plain /a/b",
      ["GET /t/7/a"] = "tenant /t/7 /a tenant=7",
    })
    local outer = async.http.router():mount("/v1", app)
    check(outer, { ["GET /v1/api/x/2"] = "x /v1/api /x/2 id=2" })
    check(async.http.router():mount("/", inner), { ["GET /x/3"] = "x  /x/3 id=3" })
  end))

  it("calls what is around it for everything, the first one outermost", inside(function()
    local app, seen = async.http.router(), {}
    app:use(function(request, next)
      local response = next(request)
      seen[#seen + 1] = ("outer %s %d"):format(request.path, response.status)
      response.headers["X-Outer"] = "yes"
      return response
    end)
    app:use(function(request, next)
      seen[#seen + 1] = "inner"
      if request.path == "/early" then return 403 end
      return next(request)
    end)
    app:get("/string", function() return "text" end):get("/nil", function() end):get("/status",
      function() return 418 end)
    serving.run(app, nil, function(site)
      for line, status in pairs {
        ["GET /string"] = 200, ["GET /nil"] = 204, ["GET /status"] = 418, ["GET /nowhere"] = 404, ["POST /nil"] = 405,
        ["GET /early"] = 403,
      } do
        local response = site:fetch(line)
        assert.equal(status, response.status, line)
        assert.equal("yes", response.headers["x-outer"], line)
      end
    end)
    assert.equal(12, #seen)
  end))

  it("lets a response pass that was sent already", inside(function()
    local app, status = async.http.router(), nil
    app:use(function(request, next)
      local response = next(request)
      status = response.status
      return response
    end)
    app:get("/", function(request) request:respond { status = 202 }:write "x" end)
    serving.run(app, nil, function(site) assert.equal("x", serving.unchunk(site:fetch("GET /").body)) end)
    assert.equal(202, status)
  end))

  it("shows a mounted handler no dots, however they were written, and the parameters on the way", inside(function()
    local inner = async.http.router():get("/p/{post}", named "post")
    local app = async.http.router():mount("/t/{tenant}", inner):mount("/m", named "m"):get("/a%20b", named "blank")
    check(app, {
      ["GET /t/7/p/8"] = "post /t/7 /p/8 post=8 tenant=7",
      ["GET /m/a%2F..%2F..%2Fetc"] = "m /m /etc", ["GET /m/a%2F."] = "m /m /a/", ["GET /m/..%2Fx/..y"] = "m /m /x/..y",
      ["GET /a%20b"] = "blank - /a b",
    })
  end))

  it("gives back what was there before it handed on, though the handler has failed", inside(function()
    local app = async.http.router()
    app:use(function(request, next)
      pcall(next, request)
      return ("%s %s"):format(request.path, request.mount)
    end)
    app:mount("/m", function() error "x" end)
    check(app, { ["GET /m/a"] = "/m/a nil" })
  end))

  it("lets those around change a response that is returned again and again", inside(function()
    local app, constant = async.http.router(), { text = "x", headers = { A = "1" } }
    app:use(function(request, next)
      local response = next(request)
      response.headers.B, response.status = "2", 201
      return response
    end)
    app:get("/", function() return constant end)
    serving.run(app, nil, function(site) assert.equal("2", site:fetch("GET /").headers.b) end)
    assert.same({ text = "x", headers = { A = "1" } }, constant)
  end))

  it("refuses patterns and handlers that are none, before anything happens", inside(function()
    local app = async.http.router()
    app:get("/a", tasks.hang)
    for expected, arguments in pairs {
      ["bad argument #1 to 'router:get' ('a': a path that begins with '/' expected)"] = { app.get, app, "a",
        tasks.hang },
      ["bad argument #1 to 'router:get' (string expected, got nil)"] = { app.get, app, nil, tasks.hang },
      ["bad argument #2 to 'router:get' (function or router expected, got nil)"] = { app.get, app, "/b" },
      ["bad argument #1 to 'router:get' ('{a': {name} or {name...} expected)"] = { app.get, app, "/{a", tasks.hang },
      ["bad argument #1 to 'router:get' ('/{a...}/b': {name...} comes last)"] = { app.get, app, "/{a...}/b",
        tasks.hang },
      ["bad argument #1 to 'router:get' ('/a' has a handler for GET already)"] = { app.get, app, "/a", tasks.hang },
      ["bad argument #1 to 'router:route' (the name of a method expected)"] = { app.route, app, "A B", "/",
        tasks.hang },
      ["bad argument #1 to 'router:use' (function expected, got nil)"] = { app.use, app },
      ["bad argument #2 to 'router:mount' (function or router expected, got table)"] = { app.mount, app, "/x", {} },
      ["calling 'router:get' on bad self (router expected, got table; call it with a colon)"] = { app.get, {}, "/",
        tasks.hang },
    } do
      local message = tasks.caught(table.unpack(arguments, 1, 5))
      assert.is_truthy(message:find(expected, 1, true), message)
    end
  end))
end)
