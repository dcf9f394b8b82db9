-- SPDX-License-Identifier: MIT
-- How servers begin and end.
local async = require "saros"
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

local inside = tasks.virtually
local GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

describe("closing a server", function()
  it("closes idle connections, and lets what runs come to its end", inside(function()
    local is_at_work, release = async.event(), async.event()
    serving.run(function()
      is_at_work:set()
      release:wait()
      return "done"
    end, nil, function(site)
      local idle <close> = site:connect()
      local half <close> = site:connect()
      local busy <close> = site:connect()
      half:write "GET / HT"
      busy:write(GET)
      is_at_work:wait()
      while site.server:stats().connections < 3 do async.sleep(0) end
      site.server:close()
      assert.equal("", idle:read_all())
      assert.equal("", half:read_all())
      assert.is_false(site.task:done())
      release:set()
      local response = serving.parse(busy:read_all())
      assert.equal("done", response.body)
      assert.equal("close", response.headers.connection)
      site.task:await()
      assert.equal(0, site.server:stats().connections)
    end)
  end))

  it("twice does nothing more", serving.with(function() end, nil, function(site)
    site.server:close()
    site.server:close()
    site.task:await()
  end))

  it("answers no further request of a connection", inside(function()
    local is_at_work, release = async.event(), async.event()
    serving.run(function()
      is_at_work:set()
      release:wait()
      return "done"
    end, nil, function(site)
      local stream <close> = site:connect()
      stream:write(GET .. GET)
      is_at_work:wait()
      site.server:close()
      release:set()
      local _, count = stream:read_all():gsub("HTTP/1%.1 200", "")
      assert.equal(1, count)
    end)
  end))
end)

describe("server:shutdown", function()
  it("returns when what runs has ended", inside(function()
    local is_at_work, release = async.event(), async.event()
    serving.run(function()
      is_at_work:set()
      release:wait()
      return "done"
    end, nil, function(site)
      local asking = async.spawn(site.fetch, site, "GET /")
      is_at_work:wait()
      local stopping = tasks.start(site.server.shutdown, site.server, 60)
      tasks.turns(5)
      assert.is_false(stopping:done())
      release:set()
      stopping:await()
      assert.equal("done", asking:await().body)
    end)
  end))

  it("cancels what has not ended in time", inside(function()
    local is_at_work, reason = async.event(), async.future()
    serving.run(function()
      local _ <close> = async.defer(function(err) reason:set(err.name) end)
      is_at_work:set()
      tasks.hang()
    end, nil, function(site)
      local asking = async.spawn(site.fetch, site, "GET /")
      is_at_work:wait()
      site.server:shutdown(0.01)
      assert.equal("CancelledError", reason:await())
      assert.equal(503, asking:await().status)
    end)
  end))

  it("may be called by a handler, which nobody waits for", inside(function()
    local server <close> = async.http.listen("127.0.0.1", 0)
    local _, port = server:address()
    local task = async.spawn(server.serve, server, function()
      server:shutdown(1)
      return "bye"
    end)
    local stream <close> = async.net.connect("127.0.0.1", port)
    stream:write(GET)
    assert.equal("bye", serving.parse(stream:read_all()).body)
    task:await()
  end))

  it("needs nobody who serves", inside(function()
    local server = async.http.listen("127.0.0.1", 0)
    server:shutdown()
  end))

  it("refuses what are no seconds", inside(function()
    local server <close> = async.http.listen("127.0.0.1", 0)
    assert.matches("bad argument #1 to 'server:shutdown' %(number expected, got string%)",
      tasks.caught(server.shutdown, server, "1"))
  end))
end)

describe("who serves", function()
  it("and is cancelled cancels the handlers and waits for their cleanup", inside(function()
    local is_at_work, cleaned = async.event(), false
    local server <close> = async.http.listen("127.0.0.1", 0)
    local _, port = server:address()
    local task = async.spawn(server.serve, server, function()
      local _ <close> = async.defer(function()
        tasks.turns(3)
        cleaned = true
      end)
      is_at_work:set()
      tasks.hang()
    end)
    local stream <close> = async.net.connect("127.0.0.1", port)
    stream:write(GET)
    is_at_work:wait()
    task:close()
    assert.is_true(cleaned)
    assert.equal(503, serving.parse(stream:read_all()).status)
  end))

  it("does so once at a time", serving.with(function() end, nil, function(site)
    async.sleep(0)
    assert.matches("server:serve: it is served already", tasks.caught(site.server.serve, site.server, tasks.hang))
  end))

  it("needs a handler", inside(function()
    local server <close> = async.http.listen("127.0.0.1", 0)
    assert.matches("bad argument #1 to 'server:serve' %(function or router expected, got no value%)",
      tasks.caught(server.serve, server))
    assert.matches("bad argument #1 to 'serve' %(function or router expected, got table%)",
      tasks.caught(async.http.serve, {}, "127.0.0.1", 0))
  end))

  it("may serve with something that can be called", inside(function()
    local handler = setmetatable({}, { __call = function(_, request) return request.path end })
    serving.run(handler, nil, function(site) assert.equal("/a", site:fetch("GET /a").body) end)
  end))

  it("takes a server that is closed for one that has been served", inside(function()
    local server = async.http.listen("127.0.0.1", 0)
    server:close()
    server:serve(tasks.hang)
    streams.raises("ClosedError", server.address, server)
  end))
end)

describe("async.http.serve", function()
  -- Serves at a port of its own until it is cancelled; gives how its handler ended, and the response.
  local function serve(options, finish)
    local is_at_work, ended = async.event(), async.future()
    local spare = async.net.listen("127.0.0.1", 0)
    local _, port = spare:address()
    spare:close()
    local task = async.spawn(async.http.serve, function()
      local _ <close> = async.defer(function(err) ended:set(err and err.name or "done") end)
      is_at_work:set()
      return finish()
    end, "127.0.0.1", port, options)
    async.sleep(0)
    local stream <close> = async.net.connect("127.0.0.1", port)
    stream:write(GET)
    is_at_work:wait()
    task:cancel()
    local response = serving.parse(stream:read_all())
    async.wait { task }
    assert.is_true(task:cancelled())
    return ended:await(), response
  end

  it("left by a cancellation lets requests end within `grace` seconds", inside(function()
    local ended, response = serve({ grace = 60 }, function()
      tasks.turns(20)
      return "in time"
    end)
    assert.equal("done", ended)
    assert.equal("in time", response.body)
    assert.equal("close", response.headers.connection)
  end))

  it("cancels them after that", inside(function()
    assert.equal("CancelledError", (serve({ grace = 0.01 }, tasks.hang)))
    assert.equal("CancelledError", (serve({ grace = 0 }, tasks.hang)))
  end))
end)

describe("options", function()
  it("are checked before anything happens", inside(function()
    local function complaint(options) return tasks.caught(async.http.listen, "127.0.0.1", 0, options) end
    for expected, options in pairs {
      ["unknown option 'max_header' (did you mean 'max_headers'?)"] = { max_header = 1 },
      ["unknown option 'headers'"] = { headers = {} },
      ["option 'max_header_size': integer from 1 to 65536 expected, got 65537"] = { max_header_size = 65537 },
      ["option 'max_headers': positive integer expected, got 0"] = { max_headers = 0 },
      ["option 'max_target': integer from 1 to 65536 expected, got boolean"] = { max_target = false },
      ["option 'max_body_size': integer of at least 0, or false expected, got string"] = { max_body_size = "1" },
      ["option 'idle_timeout': number of seconds or false expected, got string"] = { idle_timeout = "1" },
      ["option 'read_timeout': number of seconds or false expected, got"] = { read_timeout = 0 / 0 },
      ["option 'grace': number of seconds expected, got boolean"] = { grace = false },
      ["option 'log': boolean or function expected, got table"] = { log = {} },
      ["option 'cancel_on_disconnect': boolean expected, got 1"] = { cancel_on_disconnect = 1 },
      ["option 'backlog': positive integer expected, got number"] = { backlog = 0 },
      ["option 'tls': a server needs 'cert', the file of its certificate"] = { tls = {} },
    } do
      local message = complaint(options)
      assert.is_truthy(message:find("bad argument #3 to 'listen' (" .. expected, 1, true), message)
    end
    assert.matches("bad argument #2 to 'listen_unix'", tasks.caught(async.http.listen_unix, "/x", { x = 1 }))
    assert.matches("bad argument #4 to 'serve'", tasks.caught(async.http.serve, tasks.hang, "127.0.0.1", 0, { x = 1 }))
    assert.matches("bad argument #2 to 'listen' %(port out of range", tasks.caught(async.http.listen, nil, 65536))
  end))
end)

describe("a server over TLS", function()
  local tls = require "spec.support.tls"

  it("speaks HTTP/1.1 by ALPN, and says https", inside(function()
    local options = { tls = { cert = tls.certificates.server, key = tls.certificates.server_key } }
    serving.run(function(request)
      return ("%s %s %s"):format(request.scheme, request:tls_info().alpn, request:text())
    end, options, function(site)
      local stream <close> = async.net.connect("127.0.0.1", site.port, { tls = tls.client { alpn = "http/1.1" } })
      stream:write "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
      assert.equal("https http/1.1 abc", serving.parse(stream:read_all()).body)
    end)
  end))

  it("sends a large body", inside(function()
    local body = ("x"):rep(1 << 21)
    local options = { tls = { cert = tls.certificates.server, key = tls.certificates.server_key } }
    serving.run(function() return body end, options, function(site)
      local stream <close> = async.net.connect("127.0.0.1", site.port, { tls = tls.client() })
      stream:write "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      assert.equal(#body, #serving.parse(stream:read_all()).body)
    end)
  end))
end)
