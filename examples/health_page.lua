-- SPDX-License-Identifier: MIT
-- Checks URLs again and again and shows how they are on a page that changes by itself (server-sent events).
--
--   lua5.4 examples/health_page.lua                               a demonstration: what a visitor gets to see
--   lua5.4 examples/health_page.lua 8000 https://www.lua.org https://...   see http://localhost:8000/

local async = require "saros"
local http = async.http

local INTERVAL = 10 -- seconds between two rounds
local SECONDS = 5 -- so long may a check take
local KEPT = 30 -- results that are kept of each URL

-- What is known, and who wants to hear of it.
local function new_board(urls)
  local board = { checks = {}, listeners = {} }
  for i, url in ipairs(urls) do board.checks[i] = { url = url, history = async.json.array {} } end
  return board
end

local function publish(board, check)
  for queue in pairs(board.listeners) do
    if not queue:try_put(check) then -- it lags behind: the browser comes again
      board.listeners[queue] = nil
      queue:close()
    end
  end
end

local function look_at(session, url)
  local started = async.now()
  local ok, response = async.catch({ "FetchError", "TimeoutError" }, function()
    local response <close> = session:get(url)
    response:text() -- healthy means that the whole page arrives
    return response
  end)
  return {
    status = ok and response.status or response.code,
    healthy = ok and response.ok,
    milliseconds = math.ceil((async.now() - started) * 1000),
  }
end

local function check_all(board, session)
  async.map(board.checks, function(check)
    local result = look_at(session, check.url)
    table.insert(check.history, result)
    if #check.history > KEPT then table.remove(check.history, 1) end
    publish(board, check)
  end, { limit = 20 })
end

local function new_app(board)
  local app = http.router()
  app:get("/", function() return { file = (arg[0]:match "^.*/" or "") .. "web/health.html" } end)
  app:get("/checks", function() return { json = board.checks } end)
  app:get("/events", function(request)
    local queue = async.queue(100)
    board.listeners[queue] = true
    local _ <close> = async.defer(function() board.listeners[queue] = nil end) -- the visitor has left
    local events <close> = request:events()
    for _, check in ipairs(board.checks) do events:send(async.json.encode(check)) end
    for check in queue do events:send(async.json.encode(check)) end
  end)
  return app
end

local function demonstration(session)
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local sick = false
  local base = demo.serve(function(request)
    if request.path == "/broken" or request.path == "/moody" and sick then return 500 end
    return "all is well\n"
  end)
  local board = new_board { base .. "/", base .. "/moody", base .. "/broken", "http://127.0.0.1:1/" }
  local visitor <close> = require("saros.testing").client(new_app(board))
  print(visitor:get("/"):text():match "<title>.-</title>")
  check_all(board, session)
  local next_line = visitor:get("/events", { timeout = { total = false } }):lines()
  sick = true
  local checking = async.spawn(check_all, board, session)

  local seen = {} -- the second round comes as it goes
  while true do
    local data = next_line():match "^data: (.*)"
    local check = data and async.json.decode(data)
    if check then seen[check.url] = check.history end
    local complete = 0
    for _, history in pairs(seen) do complete = complete + #history end
    if complete == 8 then break end
  end
  checking:await()
  for _, check in ipairs(board.checks) do
    print(check.url:match "/[^/]*$", seen[check.url][1].status, seen[check.url][2].status)
  end
end

async.run(function(port, ...)
  local session <close> = async.session { timeout = SECONDS }
  if not port then return demonstration(session) end
  local board = new_board { ... }
  local group <close> = async.task_group()
  group:spawn(http.serve, new_app(board), "localhost", math.tointeger(tonumber(port)))
  print(("see http://localhost:%s/"):format(port))
  check_all(board, session)
  for _ in async.ticker(INTERVAL) do check_all(board, session) end
end, table.unpack(arg))
