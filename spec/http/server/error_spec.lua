-- SPDX-License-Identifier: MIT
-- Errors of handlers, and what becomes of them.
local async = require "saros"
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

local inside = tasks.virtually

-- The response of a handler that does this, what was reported, and how many failures were counted.
local function outcome(handler)
  local response, list, failed
  tasks.reported(function(reports)
    serving.run(handler, nil, function(site)
      response = site:fetch "GET /"
      failed = site.server:stats().failed
    end)
    list = reports
  end)
  return response, list, failed
end

describe("async.http.error", function()
  it("makes a response of a status, a message and headers", inside(function()
    local response, reports, failed = outcome(function()
      async.http.error(401, "who are you?", { ["WWW-Authenticate"] = "Basic" })
    end)
    assert.equal(401, response.status)
    assert.equal("who are you?", response.body)
    assert.equal("text/plain; charset=utf-8", response.headers["content-type"])
    assert.equal("Basic", response.headers["www-authenticate"])
    assert.same({}, reports)
    assert.equal(0, failed)
  end))

  it("has the standard phrase for a message", inside(function()
    assert.equal("Not Found", (outcome(function() async.http.error(404) end)).body)
  end))

  it("raises an HTTPError, which may be caught", inside(function()
    local err = streams.raises("HTTPError", async.http.error, 404, "no")
    assert.equal("EHTTP", err.code)
    assert.equal(404, err.status)
    assert.equal("no", err.message)
  end))

  it("is a failure like any other where its headers cannot be sent", inside(function()
    local response, reports, failed = outcome(function() async.http.error(401, "no", { A = "a\nb" }) end)
    assert.equal(500, response.status)
    assert.equal(1, failed)
    assert.equal(1, #reports)
    assert.matches("header 'A': a value must not contain control characters", reports[1].error)
  end))

  it("refuses what is no error of HTTP", inside(function()
    assert.matches("bad argument #1 to 'error' %(a status from 400 to 599 expected%)", tasks.caught(async.http.error,
      200))
    assert.matches("bad argument #1 to 'error' %(integer expected, got string%)", tasks.caught(async.http.error, "404"))
    assert.matches("bad argument #2 to 'error' %(string expected, got table%)", tasks.caught(async.http.error, 404, {}))
    assert.matches("bad argument #3 to 'error' %(table expected, got string%)", tasks.caught(async.http.error, 404,
      "", ""))
  end))
end)

describe("any other error of a handler", function()
  it("is a 500 without details, is reported, and counts as a failure", inside(function()
    for _, value in ipairs { "a secret", { secret = true } } do
      local response, reports, failed = outcome(function() error(value, 0) end)
      assert.equal(500, response.status)
      assert.equal("Internal Server Error", response.body)
      assert.equal(1, #reports)
      assert.equal(value, reports[1].error)
      assert.equal(1, failed)
    end
  end))

  it("may be nil", inside(function()
    local response, reports, failed = outcome(function() error(nil) end)
    assert.equal(500, response.status)
    assert.equal(1, #reports)
    assert.equal(1, failed)
  end))

  it("is one also where a response to somebody else has led to it", inside(function()
    local response, reports = outcome(function()
      error(async.error { name = "HTTPError", code = "EHTTP", status = 404, response = {}, message = "not ours" }, 0)
    end)
    assert.equal(500, response.status)
    assert.equal(1, #reports)
  end))

  it("tells where it arose, and nothing of the server", inside(function()
    local text
    tasks.reported(function()
      async.on_error(function(_, task) text = task:traceback() end)
      serving.run(function() error "here" end, nil, function(site) site:fetch "GET /" end)
    end)
    assert.matches("error_spec%.lua", text)
    assert.is_nil(text:find("saros/http", 1, true))
    assert.is_nil(text:find("server.core", 1, true))
  end))

  it("is reported under the name of what was asked for, without its query, or the one the task has", inside(function()
    local names = {}
    tasks.reported(function()
      async.on_error(function(_, task) names[#names + 1] = task:name() end)
      serving.run(function(request)
        if request.query.own then async.current_task():set_name "mine" end
        error "here"
      end, nil, function(site)
        site:fetch "GET /a%0Ab?key=secret"
        site:fetch "POST /?own"
        site:fetch("PUT /" .. ("x"):rep(1000))
      end)
    end)
    assert.same({ "GET /a%0Ab", "mine", "PUT /" .. ("x"):rep(199) }, names)
  end))

  it("comes of a task that was spawned where its server is served", inside(function()
    local server <close> = async.http.listen("127.0.0.1", 0)
    local function handler()
      return async.current_task():traceback():match "%[task '[^']*' spawned at .-([%w_]+%.lua:%d+)%]$"
    end
    local line
    local _serving <close> = async.spawn(function()
      line = debug.getinfo(1, "l").currentline + 1
      server:serve(handler)
    end)
    local response = async.fetch(("http://127.0.0.1:%d/"):format(select(2, server:address())))
    assert.equal("error_spec.lua:" .. line, response:text())
    server:close()
  end))

  it("leaves the connection as it is", inside(function()
    tasks.reported(function()
      serving.run(function() error "x" end, nil, function(site)
        local _, count = site:ask(("GET / HTTP/1.1\r\nHost: x\r\n\r\n"):rep(2)):gsub("HTTP/1%.1 500", "")
        assert.equal(2, count)
      end)
    end)
  end))

  it("may come from a task of its own, that it has awaited", inside(function()
    local response = outcome(function()
      async.gather { function() error "x" end }
    end)
    assert.equal(500, response.status)
  end))
end)
