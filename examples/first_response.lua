-- SPDX-License-Identifier: MIT
-- Asks several mirrors for the same thing and takes the first good response; the other requests are given up.
--
--   lua5.4 examples/first_response.lua                                     a demonstration, offline
--   lua5.4 examples/first_response.lua https://www.lua.org/about.html https://lua.org/about.html

local async = require "saros"

-- A mirror that is broken, one that takes for ever, one that is good.
local function demo_urls()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local app = async.http.router()
  app:get("/broken", function() return 503 end)
  app:get("/slow", function() async.sleep(3600) end)
  app:get("/good", function() return "what was asked for\n" end)
  local base = demo.serve(app)
  return { base .. "/broken", base .. "/slow", base .. "/good" }
end

local function first_of(urls)
  local requests = {}
  for i, url in ipairs(urls) do
    requests[i] = function()
      local response <close> = async.get(url, { timeout = 10 })
      return url, response:raise_for_status():text()
    end
  end
  return async.any(requests) -- `race` would take a failure, too, if that comes first
end

async.run(function()
  local urls = #arg > 0 and arg or demo_urls()
  local ok, url, text = async.catch("GroupError", first_of, urls)
  if not ok then error("no mirror answers: " .. tostring(url.errors[1]), 0) end
  print(url:match "[^/]*$", #text .. " bytes")
end)
