-- SPDX-License-Identifier: MIT
-- Random programs of many requests, with everything that can happen to them: cancellations, deadlines, servers that
-- break off, close or reset, sessions that are closed. What each comes to is of no interest here, but nothing may be
-- left of it: no slot, no task, no socket. ./dev stress runs them until a number of requests have been made.
local async = require "saros"
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local PATHS = {
  "/echo", "/hang", "/hang-in-body", "/big?bytes=300000", "/drip?count=20&gap=0.001", "/reset", "/close", "/chunked",
  "/early?status=200", "/early?length=none", "/early?status=500&wait=0.01", "/zeros?bytes=300000", "/loop/3",
  "/loop/30", "/slow?seconds=0.005", "/status/204", "/redirect/307?to=/count", "/redirect/303?to=/echo",
  "/endless-headers", "/headers", "/encoded?as=gzip&data=AAAA", "/hold",
}

-- What this process has open.
local function open_sockets()
  local pipe = io.popen("ls -l /proc/$PPID/fd 2>/dev/null | grep -c 'socket:'", "r")
  local count = pipe:read("n")
  pipe:close()
  return count
end

-- Bodies, each made for one request of this session.
local bodies = {
  function() return nil end,
  function() return nil end,
  function() return "order" end,
  function() return ("x"):rep(math.random(1, 500000)) end,
  function() -- pieces that take their time
    local left = math.random(0, 20)
    return function()
      left = left - 1
      if math.random(3) == 1 then async.sleep(math.random() * 0.005) end
      return left >= 0 and ("x"):rep(math.random(0, 50000)) or nil
    end
  end,
  function() -- fails
    local left = math.random(0, 5)
    return function()
      left = left - 1
      return left >= 0 and "x" or error { code = 7 }
    end
  end,
  function() return function() async.sleep(100) end end,
  function(session) -- closes its session, once in a while
    return function()
      if math.random(10) == 1 then session:close() end
      return math.random(3) > 1 and "x" or nil
    end
  end,
  function(session) -- asks the session that waits for it
    return function()
      session:get(server.url .. "/echo", { timeout = 0.02 }):text()
      return nil
    end
  end,
}

-- What is done with a response.
local uses = {
  function(response) return #response:text() end,
  function(response) response:read(math.random(1, 1000)) end,
  function(response) response:close() end,
  function() end,
  function(response)
    for _ in response:chunks() do
      if math.random(5) == 1 then break end
      async.sleep(0)
    end
  end,
  function(response) async.gather(function() response:text() end, function() response:close() end) end,
  function(response) async.wait_for(function() return response:text() end, math.random() * 0.005) end,
}

local function pick(list)
  return list[math.random(#list)]
end

local function request(session)
  local options = {
    method = math.random(2) == 1 and "PUT" or nil, body = pick(bodies)(session),
    timeout = { total = 0.2 * math.random(), read = math.random(3) == 1 and 0.02 or nil,
      pool = math.random(3) == 1 and 0.02 or nil, },
    retries = math.random(5) == 1 and { delay = 0.001 } or nil, max_body_size = math.random(3) == 1 and 1000 or nil,
  }
  if math.random(4) == 1 then
    options.on_progress = function()
      if math.random(50) == 1 then error "enough" end
    end
  end
  pick(uses)(session:fetch(server.url .. pick(PATHS), options))
end

local REQUESTS = 150

local function stress(seed)
  math.randomseed(seed)
  local sessions, requests = {}, {}
  for i = 1, 4 do
    sessions[i] = http.session { limit = math.random(2, 10), limit_per_host = math.random(2, 10) }
  end
  for i = 1, REQUESTS do
    local session = pick(sessions)
    requests[i] = async.spawn(pcall, request, session)
    if math.random(4) == 1 then
      async.spawn(function()
        async.sleep(math.random() * 0.02)
        requests[i]:cancel()
      end)
    end
    if math.random(8) == 1 then async.sleep(math.random() * 0.01) end
    if math.random(20) == 1 then collectgarbage() end
    if math.random(50) == 1 then pick(sessions):close() end
  end
  async.wait(requests)
  for _, session in ipairs(sessions) do
    -- A body whose response was left to the collector may be in the midst of a request of its own.
    local is_free = tasks.eventually(function()
      collectgarbage()
      collectgarbage()
      local stats = session:stats()
      return stats.active == 0 and stats.waiting == 0
    end)
    assert(is_free, "a slot is held")
    session:close()
  end
end

-- Whether all that fn(...) opens in a run is closed after it.
local function leaves_nothing(fn, ...)
  async.on_error(function() end)
  local before = open_sockets()
  async.run(fn, ...)
  async.on_error(nil)
  return async.run(function()
    return tasks.eventually(function() return open_sockets() <= before end)
  end)
end

return { run = stress, leaves_nothing = leaves_nothing, requests = REQUESTS, server = server }
