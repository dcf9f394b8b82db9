-- SPDX-License-Identifier: MIT
-- Reads a list that an API gives page by page (each names the next in its Link header), as one loop.
--
--   lua5.4 examples/paginated.lua                                       a demonstration, offline
--   lua5.4 examples/paginated.lua https://api.github.com/orgs/lua/repos  an API of your choice

local async = require "saros"

-- Without a URL a small server of our own takes the place of the web.
local function demo_url(path)
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  return demo.serve(demo.site()) .. path
end

local function next_of(response)
  for link in (response.headers.link or ""):gmatch("[^,]+") do
    local url = link:match("<([^>]*)>")
    if url and link:find('rel="?next"?') then return url end
  end
end

-- An iterator over the items of all pages; the next page is asked for when it is needed.
local function items_of(session, url)
  local origin = url:match("^(%a+://[^/]+)")
  return async.generator(function(yield)
    while url do
      local response <close> = session:get(url):raise_for_status()
      for _, item in ipairs(response:json()) do
        yield(item)
      end
      url = next_of(response)
      if url and url:sub(1, 1) == "/" then url = origin .. url end
    end
  end)
end

async.run(function(url)
  -- A busy server answers 429 or 503 and says when to come back.
  local session <close> = async.session {headers = {Accept = "application/json"}, retries = {attempts = 4}}
  local count = 0
  for item in items_of(session, url or demo_url "/api/books") do
    count = count + 1
    print(("%4d  %s"):format(count, item.title or item.full_name or item.name or item.id))
  end
  print(("\nitems: %d, requests: %d"):format(count, session:stats().requests))
end, table.unpack(arg))
