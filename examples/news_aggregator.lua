-- SPDX-License-Identifier: MIT
-- One list of news from many sources. Each source has a time of its own to answer in; what is slow or broken is left
-- out and named; what several report is shown once.
--
--   lua5.4 examples/news_aggregator.lua                          a demonstration, offline
--   lua5.4 examples/news_aggregator.lua https://... https://...  feeds, as JSON: [{"title": ..., "url": ...}, ...]

local async = require "saros"

local SECONDS = 5 -- unless the source says otherwise

local function demo_sources()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local feeds = {
    daily = { { title = "Moon still there", url = "/moon" }, { title = "Lua turns older", url = "/lua" } },
    herald = { { title = "Lua turns older", url = "/lua" }, { title = "Rain on Tuesday", url = "/rain" } },
  }
  local app = async.http.router()
  app:get("/sleepy", function() async.sleep(3600) end)
  app:get("/garbled", function() return "<html>not what was promised" end)
  app:get("/{name}", function(request)
    return { json = feeds[request.params.name] or async.http.error(500, "the press is broken") }
  end)
  local base = demo.serve(app)
  return {
    { name = "daily", url = base .. "/daily" }, { name = "herald", url = base .. "/herald" },
    { name = "sleepy", url = base .. "/sleepy", timeout = 0.2 }, { name = "garbled", url = base .. "/garbled" },
    { name = "broken", url = base .. "/broken" },
  }
end

local function load(session, source)
  local response <close> = session:get(source.url, { timeout = source.timeout })
  return response:raise_for_status():json()
end

-- The articles of all sources as they come in, each once. `failures` gets the error of each source without any.
local function articles(session, sources, failures)
  return async.generator(function(yield)
    local loading, seen = {}, {}
    for i, source in ipairs(sources) do
      loading[i] = function() return load(session, source) end
    end
    for i, task in async.as_completed(loading) do
      local ok, list = pcall(task.result, task)
      if not ok then
        failures[sources[i].name] = list
      else
        for _, article in ipairs(list) do
          if not seen[article.url] then yield(article) end
          seen[article.url] = true
        end
      end
    end
  end)
end

async.run(function()
  local sources = {}
  for i, url in ipairs(arg) do sources[i] = { name = url, url = url } end
  if #arg == 0 then sources = demo_sources() end

  local session <close> = async.session { timeout = SECONDS, max_body_size = 1000000 }
  local failures, count = {}, 0
  for article in articles(session, sources, failures) do
    count = count + 1
    print(article.url, article.title)
  end
  print(("articles: %d"):format(count))
  for _, source in ipairs(sources) do
    local err = failures[source.name]
    if err then print(("nothing from %s: %s"):format(source.name, err.status or err.code)) end
  end
end)
