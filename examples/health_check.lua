-- SPDX-License-Identifier: MIT
-- Checks a list of URLs at the same time and prints a report.
--
--   lua5.4 examples/health_check.lua                                      a demonstration, offline
--   lua5.4 examples/health_check.lua https://www.lua.org https://...      what you name

local async = require "saros"

local AT_ONCE = 10 -- so many requests may be under way
local SECONDS = 2 -- so long may each of them take

-- Without URLs a small server of our own has to be checked.
local function demo_urls()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local app = async.http.router()
  app:get("/{name...}", function() return "all is well\n" end)
  app:get("/slow", function()
    async.sleep(1)
    return "all is well, at last\n"
  end)
  app:get("/broken", function() return 500 end)
  app:get("/hanging", function() async.sleep(3600) end)
  local base = demo.serve(app)
  return {
    base .. "/", base .. "/news", base .. "/shop?page=1", base .. "/slow", base .. "/broken", base .. "/hanging",
    "http://127.0.0.1:1/", -- where nobody listens
  }
end

local function check(url)
  local started = async.now()
  local ok, answer = async.pcall(function()
    local response <close> = async.fetch(url, {timeout = SECONDS})
    response:text() -- healthy means that the whole page arrives
    return response
  end)
  return {
    url = url,
    seconds = async.now() - started,
    healthy = ok and answer.ok,
    status = ok and answer.status or answer.code or "ERROR",
  }
end

local function check_all(urls)
  return async.map(urls, check, {limit = AT_ONCE})
end

async.run(function()
  local urls = #arg > 0 and arg or demo_urls()
  local started = async.now()
  local results = check_all(urls)
  local total = async.now() - started

  local healthy, one_by_one = 0, 0
  print(("%-14s %8s  %s"):format("status", "seconds", "url"))
  for _, result in ipairs(results) do
    print(("%-14s %8.2f  %s"):format(result.status, result.seconds, result.url))
    if result.healthy then healthy = healthy + 1 end
    one_by_one = one_by_one + result.seconds
  end
  print(("\nhealthy: %d of %d; checked in %.2f seconds, one by one it would have been %.2f"):format(
    healthy, #results, total, one_by_one))
end)
