-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: the HTTP client, against the server of the specs. Requests may fail for want of
-- memory in more ways than calls: libcurl says of some that it could not connect, or not send.
local async = require "saros"
local http = require "saros.http"
local testing = require "saros.testing"
local check = require "spec.faults.check"

-- What is loaded when it is needed: scenarios are of requests, not of loading.
for _, name in ipairs {
  "answer", "carriers", "connection", "cookies", "details", "multipart", "proxies", "redirect", "secure", "url_writing",
} do
  require("saros.http." .. name)
end

local MEMORY = "not enough memory"

-- A fault that struck within libcurl is an error of the request, whatever its code, but no timeout.
local function run(fn)
  local ok, err = pcall(testing.run, fn)
  if ok then return end
  local is_failed = async.is_error(err, "FetchError") and not err.code:find "^EI"
  error(is_failed and MEMORY or err, 0)
end

return function(server)
  local scenarios = {}

  local function scenario(name, fn)
    scenarios[name] = check.scenario(function()
      run(function()
        local session <close> = http.session { timeout = 5 }
        fn(session)
        local stats = session:stats()
        assert(stats.active == 0 and stats.waiting == 0)
      end)
    end)
  end

  -- Without a query: where it has no memory for that, libcurl asks for the rest.
  scenario("get", function(session)
    for _ = 1, 2 do
      assert(session:get(server .. "/echo", { headers = { ["X-A"] = "1" } }):text():find '"/echo"')
    end
  end)

  scenario("post", function(session)
    local body = ("x"):rep(3000)
    assert(session:post(server .. "/count", { body = body, auth = { "user", "secret" } }):text():find "3000")
  end)

  scenario("upload", function(session)
    local left = 3
    local response = session:post(server .. "/count", { body = function()
      left = left - 1
      async.sleep(0)
      if left > 0 then return ("x"):rep(40000) end
    end })
    assert(response:text():find "80000")
  end)

  scenario("gzip", function(session)
    local response, size = session:get(server .. "/zeros?bytes=300000"), 0
    for chunk in response:chunks() do size = size + #chunk end
    assert(size == 300000)
  end)

  scenario("redirect", function(session)
    local response = session:get(server .. "/loop/2")
    assert(response:text():find '"/echo"' and #response.history == 3)
  end)

  -- Its timer is started by libcurl's callbacks.
  scenario("read_timeout", function(session)
    local response = session:get(server .. "/status/200", { timeout = { total = false, read = 5 } })
    assert(response:text() == "body of /status/200")
    local body = ("x"):rep(20000)
    response = session:post(server .. "/early", { body = body, timeout = { total = false, read = 5 } })
    assert(response.status == 413 and response:text() == "early")
  end)

  scenario("refused", function(session)
    local ok, err = pcall(session.get, session, "http://127.0.0.1:1/")
    assert(not ok)
    if err.code ~= "ECONNREFUSED" then error(err, 0) end
  end)

  scenario("cancelled", function(session)
    local begun = async.event()
    local task = async.spawn(function()
      local response = session:get(server .. "/hang-in-body")
      assert(response:read() == "begin")
      begun:set()
      response:read()
    end)
    async.race { task, function() begun:wait() end }
    task:cancel()
    async.wait { task }
    if task:cancelled() then return end
    error(task:error(), 0)
  end)

  scenario("crowd", function()
    local session <close> = http.session { limit = 2, limit_per_host = 1, timeout = 5 }
    local function get() return session:get(server .. "/status/200"):text() end
    local results = async.gather { get, get, get }
    assert(results[3] == "body of /status/200")
  end)

  scenario("left_open", function(session)
    assert(session:get(server .. "/hang-in-body").status == 200)
    collectgarbage()
  end)

  return scenarios
end
