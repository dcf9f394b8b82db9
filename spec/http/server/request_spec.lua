-- SPDX-License-Identifier: MIT
-- What a handler sees of a request.
local async = require "saros"
local script = require "spec.support.script"
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

-- What `look(request)` gives, as text; what it raises is shown, too.
local function seen(look, bytes)
  local result
  serving.run(function(request)
    local ok, value = pcall(look, request)
    result = ok and value or tostring(value)
  end, nil, function(site) site:ask(bytes) end)
  return result
end

local function get(target, headers)
  return ("GET %s HTTP/1.1\r\nHost: Example.COM:8080\r\n%s\r\n"):format(target, headers or "")
end

local inside = tasks.virtually

describe("a request", function()
  it("has method, target, version, scheme and host", inside(function()
    assert.equal("GET /a?b HTTP/1.1 http example.com", seen(function(request)
      return ("%s %s HTTP/%s %s %s"):format(request.method, request.target, request.http_version, request.scheme,
        request.host)
    end, get "/a?b"))
    assert.equal("1.0", seen(function(request) return request.http_version end, "GET / HTTP/1.0\r\n\r\n"))
  end))

  it("has the host of an absolute target, and of an address in brackets", inside(function()
    local function host(request) return request.host end
    assert.equal("other.example", seen(host, get "http://Other.Example:80/"))
    assert.equal("[::1]", seen(host, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"))
    assert.equal("none", seen(function(request) return request.host or "none" end, "GET / HTTP/1.0\r\n\r\n"))
  end))

  it("has its path decoded once, with its dots resolved", inside(function()
    local function path(request) return request.path end
    for target, expected in pairs {
      ["/"] = "/", ["/a%20b"] = "/a b", ["/a/../b"] = "/b", ["/%2e%2e/a"] = "/a", ["/a%2Fb"] = "/a/b",
        ["/a/%2e%2e%2fb"] = "/b",
      ["//a//b"] = "//a//b", ["/%2541"] = "/%41", ["http://x"] = "/", ["http://x?a"] = "/", ["/a?/../b"] = "/a",
    } do
      assert.equal(expected, seen(path, get(target)), target)
    end
    assert.equal("*", seen(path, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert.equal("x:443", seen(path, "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"))
  end))

  it("has the fields of its query", inside(function()
    assert.equal("1 2 3| a b|&=|?=|", seen(function(request)
      local query, parts = request.query, {}
      for name, value in pairs(query) do parts[#parts + 1] = name .. "=" .. value end
      assert.same({ "a=1", "c=", "d=", "a=2", "a=3", "e= a b", "f=&=", "?==x", "g=%zz" }, parts)
      assert.is_nil(query.missing)
      assert.same({}, query:get_all "missing")
      assert.equal("1", query.a)
      return table.concat(query:get_all "a", " ") .. "|" .. query.e .. "|" .. query.f .. "|?=|"
    end, get "/?a=1&c&d=&a=2&&a=3&e=+a%20b&f=%26%3D&?==x&g=%zz"))
  end))

  it("has the cookies", inside(function()
    assert.equal("1 quoted 1,3", seen(function(request)
      local cookies = request.cookies
      return ("%s %s %s"):format(cookies.a, cookies.b, table.concat(cookies:get_all "a", ","))
    end, get("/", 'Cookie: a=1; b="quoted"; nothing\r\nCookie: a=3\r\n')))
  end))

  it("has its headers, in any case", inside(function()
    assert.equal("1, 2 Example.COM:8080 nil", seen(function(request)
      local headers = request.headers
      assert.same({ "1", "2" }, headers:get_all "x")
      return ("%s %s %s"):format(headers.X, headers.host, headers.missing)
    end, get("/", "X: 1\r\nx: 2\r\n")))
  end))

  it("tells who asks", inside(function()
    assert.matches("^127%.0%.0%.1 %d+ nil$", seen(function(request)
      local host, port = request:peer()
      return ("%s %d %s"):format(host, port, tostring(request:tls_info()))
    end, get "/"))
  end))

  it("shows what it is", inside(function()
    assert.equal("Request: GET /a?b", seen(tostring, get "/a?b"))
  end))

  it("may have more fields set on it, which come before its own", inside(function()
    assert.equal("me /b", seen(function(request)
      request.user, request.path = "me", "/b"
      return request.user .. " " .. request.path
    end, get "/a"))
  end))

  it("says so when a method is called with a dot", inside(function()
    for _, name in ipairs { "text", "json", "read", "chunks", "lines", "form", "respond", "events", "inform",
      "upgrade" } do
      local message = seen(function(request) request[name] {} end, get "/")
      assert.matches("calling 'request:" .. name .. "' on bad self", message)
    end
  end))

  it("can be kept, but is of no use any more once it has been answered", inside(function()
    local kept
    serving.run(function(request) kept = request end, nil, function(site) site:ask(get "/a") end)
    assert.equal("/a", kept.path)
    streams.raises("ClosedError", kept.text, kept)
    streams.raises("ClosedError", kept.respond, kept)
    collectgarbage()
    assert.equal("GET", kept.method)
  end))
end)

describe("what a client has sent", function()
  it("can be written as JSON, with the value by which a name is read", inside(function()
    local function encoded(field)
      return function(request) return async.json.encode(request[field]) end
    end
    assert.equal('{"a":"1","b":"","get_all":"x"}', seen(encoded "query", get "/?b&a=1&a=2&get_all=x&get_all=y"))
    assert.equal("{}", seen(encoded "query", get "/"))
    assert.equal('{"Accept":"a, b","Host":"Example.COM:8080"}',
      seen(encoded "headers", get("/", "Accept: a\r\nAccept: b\r\n")))
    assert.equal('{"k":"v"}', seen(encoded "cookies", get("/", "Cookie: k=v\r\n")))
  end))
end)

describe("the server", function()
  it("counts what goes on", inside(function()
    local holding = async.event()
    serving.run(function() holding:wait() end, nil, function(site)
      local asking = async.spawn(site.ask, site, get "/")
      while site.server:stats().active == 0 do async.sleep(0) end
      assert.same({ connections = 1, active = 1, requests = 1, failed = 0 }, site.server:stats())
      holding:set()
      asking:await()
      while site.server:stats().connections > 0 do async.sleep(0) end
      assert.same({ connections = 0, active = 0, requests = 1, failed = 0 }, site.server:stats())
    end)
  end))

  it("runs handlers of several connections beside each other", inside(function()
    local barrier = async.barrier(3)
    serving.run(function() return tostring(barrier:wait()) end, nil, function(site)
      local ask = function() return serving.parse(site:ask(get "/")).body end
      local results = async.gather { ask, ask, ask }
      table.sort(results)
      assert.same({ "1", "2", "3", n = 3 }, results)
    end)
  end))

  it("tells each response to the log", inside(function()
    local records = {}
    local options = { log = function(record) records[#records + 1] = record end }
    serving.run(function(request)
      if request.path == "/404" then async.http.error(404) end
      return "hello"
    end, options, function(site)
      site:ask(get "/a?b")
      site:ask(get "/404")
      site:ask "x\r\n\r\n"
      while #records < 3 do async.sleep(0) end
    end)
    assert.equal("GET /a?b 200 5", ("%s %s %d %d"):format(records[1].method, records[1].target, records[1].status,
      records[1].bytes))
    assert.is_true(records[1].seconds >= 0)
    assert.matches("^127%.0%.0%.1:%d+$", records[1].peer)
    assert.equal(404, records[2].status)
    assert.same({ 400, #"Bad Request" }, { records[3].status, records[3].bytes })
    assert.is_nil(records[3].method)
  end))

  it("writes a line for each response on standard error, with nothing that moves the cursor", function()
    local result = script [[
      async.run(function()
        local server <close> = async.http.listen("127.0.0.1", 0, { log = true })
        local serving <close> = async.spawn(server.serve, server, function() return "hello" end)
        for _, target in ipairs { "/a?b", "/\"", "/\27[2J" } do
          local stream <close> = async.net.connect(server:address())
          stream:write(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):format(target))
          stream:read_all()
        end
      end)
    ]]
    local lines = {}
    for line in result.err:gmatch "[^\n]+" do
      lines[#lines + 1] = line:match '^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%dZ 127%.0%.0%.1:%d+ (".*) %d+%.%d%d%d$' or line
    end
    assert.same({ '"GET /a?b" 200 5', [["GET /\x22" 200 5]], '"-" 400 11' }, lines)
  end)

  it("goes on where the log fails, which is reported", inside(function()
    local reports = tasks.reported(function()
      serving.run(function() return "hello" end, { log = function() error("no log", 0) end }, function(site)
        for _ = 1, 2 do
          assert.matches("^HTTP/1.1 200 ", site:ask(get "/"))
          assert.matches("^HTTP/1.1 400 ", site:ask "x\r\n\r\n")
        end
        tasks.turns(5)
      end)
    end)
    assert.equal(4, #reports)
    assert.equal("no log", reports[1].error)
  end))

  it("goes on where the log waits", inside(function()
    local waited = 0
    local function log()
      async.sleep(0)
      waited = waited + 1
    end
    serving.run(function() return "hello" end, { log = log }, function(site)
      assert.matches("^HTTP/1.1 400 ", site:ask "x\r\n\r\n")
      assert.matches("^HTTP/1.1 200 ", site:ask(get "/"))
      tasks.turns(5)
    end)
    assert.equal(2, waited)
  end))
end)
