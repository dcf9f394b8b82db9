-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: what is loaded when it is used for the first time, for which there may be no memory. So
-- nothing of it may be loaded here. The next use, in the same state, has to find all of it.
local async = require "saros"
local check = require "spec.faults.check"

return function(server)
  local scenarios = {}

  -- Failures of a request for want of memory have other codes, too.
  local function scenario(name, fn)
    scenarios[name] = check.test(function(has_fault)
      local ok, err = pcall(fn, has_fault)
      if ok then return end
      error(has_fault and async.is_error(err, "FetchError") and "not enough memory" or err, 0)
    end)
  end

  scenario("get", function()
    local response = async.get(server.url .. "/loop/1?a=b", { headers = { ["X-A"] = "1" }, timeout = 5 })
    assert(response.headers["content-type"] and #response.history == 2)
    assert(response:json().method == "GET")
  end)

  scenario("session", function()
    local session <close> = async.session { base_url = server.url, cookies = { a = "b" }, timeout = 5 }
    assert(session:post("/count", { form = { a = "b" }, retries = 1 }):text():find "3")
    local left = 2
    local function body()
      left = left - 1
      return left > 0 and "some" or nil
    end
    assert(session:post("/count", { body = body }):text():find "4")
  end)

  scenario("https", function()
    local options = { ca_file = server.ca, http_version = "1.1", timeout = 5 }
    assert(async.get(server.tls .. "/echo", options):json().method == "GET")
  end)

  scenario("libcurl", function()
    local options = { auth = { user = "u", password = "p", digest = true }, timeout = 5 }
    assert(async.get(server.url .. "/echo", options):json().method == "GET")
  end)

  -- Without memory a handler may not even begin: then nobody answers, or with a 500.
  scenario("server", function(has_fault)
    local client <close> = require("saros.testing").client(function(request)
      return { json = { request.query.a } }
    end, { timeout = has_fault and 0.3 or 15 })
    local ok, response = pcall(client.get, client, "/?a=b")
    local is_lost = has_fault and (not ok and async.is_error(response, "TimeoutError") or ok and response.status == 500)
    if is_lost then error("not enough memory", 0) end
    if not ok then error(response, 0) end
    assert(response:text() == '["b"]')
  end)

  -- Where a handler has no memory for its WebSocket the other side is told of something else, or of nothing.
  scenario("websocket", function(has_fault)
    local listener <close> = async.http.listen("127.0.0.1", 0)
    local _, port = listener:address()
    local task = async.spawn(listener.serve, listener, function(request)
      local ws <close> = request:websocket()
      ws:send "hello"
    end)
    local _serving <close> = check.closing(function() task:close() end)
    local came, message = async.move_on_after(has_fault and 0.3 or 15, async.pcall, function()
      local ws <close> = async.websocket(("ws://127.0.0.1:%d/"):format(port))
      assert(ws:receive() == "hello")
    end)
    if has_fault and not (came and message) then error("not enough memory", 0) end
    assert(came and message)
  end)

  scenario("net", function()
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local stream <close> = async.net.connect(listener:address())
    stream:write "line\n"
    local other <close> = listener:accept()
    assert(other:read_line() == "line")
  end)

  scenario("fs", function()
    local count = 0
    for _ in async.fs.lines "spec/faults/check.lua" do count = count + 1 end
    assert(count > 20)
    assert(async.fs.stat("spec/faults").type == "directory")
  end)

  scenario("process", function()
    assert(async.process.run({ "cat" }, { input = "text" }).stdout == "text")
  end)

  scenario("thread", function()
    assert(async.to_thread(function(a) return a + 1 end, 1) == 2)
  end)

  scenario("json", function()
    assert(async.json.encode(async.json.decode "[1,{}]") == "[1,{}]")
  end)

  scenario("small", function()
    for _, task in async.as_completed { function() end } do task:await() end
    local _ <close> = async.defer(function() end)
    for value in async.generator(function(yield) yield(1) end) do assert(value == 1) end
    assert(async.move_on_after(1, function() return 7 end))
    assert(async.retry(function() return 7 end) == 7)
    assert(async.task_local(7):get() == 7)
    assert(async.ticker(1)() == 1)
    async.semaphore(1):with(function() end)
    async.lock():with(function() end)
    async.rate_limiter(1, 1):with(function() end)
    local ok, err = pcall(async.task_group, function(group)
      group:spawn(error, "oops", 0)
    end)
    assert(not ok)
    if not async.is_error(err, "GroupError") then error(err, 0) end
    assert(#err:find_all "CancelledError" == 0 and err:split "CancelledError" == nil)
  end)

  return scenarios
end
