-- SPDX-License-Identifier: MIT
-- Fetches many pages, so many a second and so many at a time, and tells in the end how it went.
--
--   lua5.4 examples/rate_limited.lua                         a demonstration, offline
--   lua5.4 examples/rate_limited.lua 5 https://... https://...   five a second

local async = require "saros"

local AT_ONCE = 4

-- What is measured: how often which status came, how long it took, how many were under way.
local function new_metrics()
  return { count = {}, seconds = {}, bytes = 0, active = 0, most_active = 0 }
end

local function percentile(sorted, share)
  return sorted[math.max(1, math.ceil(#sorted * share))] or 0
end

local function report(metrics, elapsed)
  local outcomes, total = {}, 0
  for outcome, count in pairs(metrics.count) do
    outcomes[#outcomes + 1] = ("%s: %d"):format(outcome, count)
    total = total + count
  end
  table.sort(outcomes)
  table.sort(metrics.seconds)
  print(("requests: %d (%s), bytes: %d"):format(total, table.concat(outcomes, ", "), metrics.bytes))
  print(("at most %d at once"):format(metrics.most_active))
  print(("%.1f requests a second"):format(total / elapsed))
  print(("half of them took less than %.1f ms, 95%% less than %.1f ms"):format(
    percentile(metrics.seconds, 0.5) * 1000, percentile(metrics.seconds, 0.95) * 1000))
end

local function new_fetcher(session, limiter, metrics)
  return function(url)
    limiter:acquire()
    metrics.active = metrics.active + 1
    metrics.most_active = math.max(metrics.most_active, metrics.active)
    local started = async.now()
    local ok, response, text = async.catch("FetchError", function()
      local response <close> = session:get(url)
      return response, response:text()
    end)
    metrics.active = metrics.active - 1
    metrics.seconds[#metrics.seconds + 1] = async.now() - started
    metrics.bytes = metrics.bytes + (ok and #text or 0)
    local outcome = ok and response.status or response.code
    metrics.count[outcome] = (metrics.count[outcome] or 0) + 1
  end
end

local function demo_urls()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local base, urls = demo.serve(demo.site()), {}
  for i = 1, 30 do urls[i] = base .. (i % 10 == 0 and "/gone" or "/page/" .. i) end
  urls[31] = "http://127.0.0.1:1/" -- where nobody listens
  return urls
end

async.run(function(rate, ...)
  local urls = rate and { ... } or demo_urls()
  local session <close> = async.session { timeout = 10 }
  local limiter = rate and async.rate_limiter(tonumber(rate), 1) or async.rate_limiter(10, 0.1)
  local metrics, started = new_metrics(), async.now()
  async.map(urls, new_fetcher(session, limiter, metrics), { limit = AT_ONCE })
  report(metrics, async.now() - started)
end, table.unpack(arg))
