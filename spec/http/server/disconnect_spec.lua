-- SPDX-License-Identifier: MIT
-- Clients that go away.
local async = require "saros"
local server_options = require "saros.http.server.options"
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

local inside = tasks.virtually

local function ask(method, headers)
  return ("%s / HTTP/1.1\r\nHost: x\r\n%s\r\n"):format(method, headers or "")
end

-- Sends a request, waits until its handler is at work, and goes away.
local function abandon(site, bytes, is_at_work)
  local stream <close> = site:connect()
  stream:write(bytes)
  is_at_work:wait()
  stream:abort()
end

-- Lets a handler wait while its client goes, and checks how it ends: by a "CancelledError", or, once it was released,
-- as "done".
local function ends_as(expected, bytes, options, prepare)
  local is_at_work, release, ended = async.event(), async.event(), async.future()
  serving.run(function(request)
    if request.method == "OPTIONS" then return nil end
    local _ <close> = async.defer(function(err) ended:set(err and err.name or "done") end)
    if prepare then prepare(request) end
    is_at_work:set()
    release:wait()
  end, options, function(site)
    abandon(site, bytes, is_at_work)
    if expected == "done" then
      site:fetch "OPTIONS *" -- what was sent before has arrived by then
      tasks.turns(5)
      release:set()
    end
    assert.equal(expected, ended:await())
  end)
end

describe("a handler whose client goes away", function()
  it("is cancelled if the method is GET or HEAD", inside(function()
    ends_as("CancelledError", ask "GET")
    ends_as("CancelledError", ask "HEAD")
  end))

  it("runs to its end if it is another one", inside(function()
    ends_as("done", ask "POST")
    ends_as("done", ask("PUT", "Content-Length: 0\r\n"))
  end))

  it("is cancelled, or not, as the server's option says", inside(function()
    ends_as("CancelledError", ask "POST", { cancel_on_disconnect = true })
    ends_as("done", ask "GET", { cancel_on_disconnect = false })
  end))

  it("is cancelled, or not, as it has set on its request", inside(function()
    ends_as("CancelledError", ask "POST", nil, function(request) request.cancel_on_disconnect = true end)
    ends_as("done", ask "GET", nil, function(request)
      assert.is_nil(request.cancel_on_disconnect)
      request.cancel_on_disconnect = false
      assert.is_false(request.cancel_on_disconnect)
    end)
  end))

  it("is neither a failure nor reported", inside(function()
    tasks.reported(function(reports)
      local is_at_work = async.event()
      serving.run(function()
        is_at_work:set()
        tasks.hang()
      end, nil, function(site)
        abandon(site, ask "GET", is_at_work)
        while site.server:stats().active > 0 do async.sleep(0) end
        assert.equal(0, site.server:stats().failed)
        assert.equal(0, site.server:stats().connections)
      end)
      assert.equal(0, #reports)
    end)
  end))

  it("is cancelled while it writes a response, whatever the method", inside(function()
    local ended, is_at_work = async.future(), async.event()
    serving.run(function(request)
      local _ <close> = async.defer(function(err) ended:set(err and err.name or "done") end)
      local writer = request:respond()
      is_at_work:set()
      while true do writer:write(("x"):rep(100000)) end
    end, nil, function(site)
      abandon(site, ask "POST", is_at_work)
      assert.equal("CancelledError", ended:await())
    end)
  end))

  it("gets an error where it writes and is not to be cancelled", inside(function()
    local ended, is_at_work = async.future(), async.event()
    serving.run(function(request)
      local writer = request:respond()
      is_at_work:set()
      local ok, err
      repeat ok, err = pcall(writer.write, writer, ("x"):rep(100000)) until not ok
      ended:set(err.name)
    end, { cancel_on_disconnect = false }, function(site)
      abandon(site, ask "POST", is_at_work)
      assert.is_truthy(({ SystemError = true, ClosedError = true })[ended:await()])
    end)
  end))

  it("learns of it where it reads the body", inside(function()
    local ended, is_at_work = async.future(), async.event()
    serving.run(function(request)
      is_at_work:set()
      ended:set(streams.raises("HTTPError", request.text, request).status)
    end, nil, function(site)
      abandon(site, ask("POST", "Content-Length: 5\r\n"), is_at_work)
      assert.equal(400, ended:await())
    end)
  end))

  it("is not cancelled when the client has only ended its side", inside(function()
    serving.run(function()
      tasks.turns(20)
      return "all the same"
    end, nil, function(site)
      assert.equal("all the same", site:fetch("GET /").body)
    end)
  end))
end)

describe("a client that takes nothing", function()
  it("is given up after write_timeout", inside(function()
    local ended = async.future()
    serving.run(function(request)
      local _ <close> = async.defer(function(err) ended:set(err and err.name or "done") end)
      local writer = request:respond()
      while true do writer:write(("x"):rep(100000)) end
    end, { write_timeout = 0.05 }, function(site)
      local stream <close> = site:connect()
      stream:write(ask "POST")
      assert.equal("CancelledError", ended:await())
    end)
  end))
end)

-- Seconds in which a request that is on its way has surely come, and been answered.
local PATIENCE = 1.5

describe("a handler whose connection was given up while it did something else", function()
  -- How fn(request, writer) ends in a handler that is not to be cancelled, once the connection is closed.
  local function outcome(fn, interlude)
    local is_closed, ended = async.event(), async.future()
    serving.run(function(request)
      local writer = request:respond()
      async.move_on_after(0.02, function()
        while true do writer:write(("x"):rep(100000)) end
      end)
      while interlude.site.server:stats().connections > 0 do async.sleep(0.01) end
      tasks.turns(5)
      is_closed:set()
      local ok, err = pcall(fn, request, writer)
      ended:set(ok or err.name)
    end, { write_timeout = 0.05 }, function(site)
      interlude.site = site
      local stream <close> = site:connect()
      stream:write(ask "POST")
      is_closed:wait()
      if interlude.fn then interlude.fn(site) end
      ended:await()
    end)
    return ended:await()
  end

  it("is cancelled where it goes on writing", inside(function()
    assert.equal("CancelledError", outcome(function(_, writer) writer:write "more" end, {}))
  end))

  it("is cancelled where it says that it may be", inside(function()
    assert.equal("CancelledError", outcome(function(request)
      request.cancel_on_disconnect = true
      tasks.hang()
    end, {}))
  end))

  it("is cancelled by a shutdown", inside(function()
    assert.equal("CancelledError", outcome(tasks.hang, { fn = function(site) site.server:shutdown(0.01) end }))
  end))
end)

describe("a client that says nothing", function()
  it("is closed without a word", inside(function()
    serving.run(function() end, { header_timeout = 0.02 }, function(site)
      local stream <close> = site:connect()
      assert.equal("", stream:read_all())
    end)
  end))

  it("gets 408 if it has begun a request", inside(function()
    serving.run(function() end, { header_timeout = PATIENCE }, function(site)
      local response = serving.parse(site:ask("GET / HT", true))
      assert.equal(408, response.status)
      assert.equal("close", response.headers.connection)
    end)
  end))

  it("gets 408 if it has begun a further one, whose time begins with its first byte", inside(function()
    serving.run(function() return "x" end, { header_timeout = PATIENCE }, function(site)
      local bytes = site:ask(ask "GET" .. "GET / HT", true)
      assert.matches("^HTTP/1%.1 200 .*xHTTP/1%.1 408 ", bytes)
    end)
  end))

  it("is closed without a word when it has been idle for long", inside(function()
    serving.run(function() return "x" end, { idle_timeout = PATIENCE, header_timeout = false }, function(site)
      assert.matches("\r\n\r\nx$", site:ask(ask "GET", true))
    end)
  end))

  it("is kept for longer than a balancer before it keeps its connections, unless the server says otherwise", function()
    local minute = 60 -- which is what most of them do
    assert.is_true(server_options.check("listen", 3, {}).idle_timeout > minute)
    assert.equal(5, server_options.check("listen", 3, { idle_timeout = 5 }).idle_timeout)
  end)

  it("is waited for where nothing is to be limited", inside(function()
    local unlimited = { header_timeout = false, idle_timeout = false, read_timeout = false, write_timeout = false }
    serving.run(function(request) return request:text() end, unlimited, function(site)
      local stream <close> = site:connect()
      stream:write "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\na"
      tasks.turns(20)
      stream:write "b"
      assert.matches("ab$", stream:read_all())
    end)
  end))
end)
