-- SPDX-License-Identifier: MIT
-- A crawler whose frontier is in Redis: what is to be fetched, and what was seen, so that any number of these can share
-- the work, and one that ends leaves nothing undone.
--
--   lua5.4 examples/crawler.lua REDIS_URL                     a demonstration, offline
--   lua5.4 examples/crawler.lua REDIS_URL https://www.lua.org/   a site of your choice, 100 pages at most

local async = require "saros"
local redis = require "saros.redis"
local jobs = require "saros.jobs"

local MOST_PAGES = 100

-- Without a URL a small server of our own takes the place of the web.
local function demo_url()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  return demo.serve(demo.site()) .. "/"
end

-- The links of a page that stay on its site, without fragments.
local function links_of(html, page)
  local origin, folder = page:match("^(%a+://[^/]+)"), page:match("^(%a+://[^?#]*/)")
  local links = {}
  for href in html:gmatch('href%s*=%s*"([^"#?]+)') do
    local link = href:find("^%a[%w+.-]*:") and href or href:sub(1, 1) == "/" and origin .. href or folder .. href
    if link:sub(1, #origin + 1) == origin .. "/" then links[#links + 1] = link end
  end
  return links
end

-- A page is added once, and counts until it is done: `left` is how many are to be fetched.
local ADD = [[
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) or redis.call('SADD', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('INCR', KEYS[2])
]]

local function crawler(r, queue, session)
  local add_once = r:script(ADD)

  local function add(url)
    local is_new = add_once({ "crawler:seen", "crawler:left" }, { url, MOST_PAGES }) > 0
    if is_new then queue:add("fetch", url, { id = url }) end
  end

  local function fetch(url)
    local response <close> = session:get(url)
    if response.ok and (response.headers["content-type"] or ""):find("html", 1, true) then
      local html = response:text()
      r:hset("crawler:titles", url, html:match("<title>%s*(.-)%s*</title>") or url)
      for _, link in ipairs(links_of(html, response.url)) do add(link) end
    elseif not response.ok then
      r:hset("crawler:broken", url, response.status)
    end
    if r:decr "crawler:left" == 0 then r:publish("crawler:over", url) end
  end

  return add, fetch
end

async.run(function(redis_url, start)
  local r <close> = redis.connect(redis_url or "redis://localhost")
  local session <close> = async.session { timeout = 10, max_body_size = 2000000 }
  local queue = jobs.queue(r, "crawler", { keep_results = 60 })
  r:del("crawler:seen", "crawler:left", "crawler:titles", "crawler:broken")
  local add, fetch = crawler(r, queue, session)
  add(start or demo_url())
  local worker <close> = async.spawn(queue.work, queue, { fetch = fetch }, { concurrency = 8 })
  while tonumber(r:get "crawler:left") > 0 do
    async.move_on_after(1, function()
      local step, _, _, subscription = r:subscribe "crawler:over"
      local _held <close> = subscription
      step()
    end)
  end
  local titles = r:hvals "crawler:titles"
  table.sort(titles)
  for _, title in ipairs(titles) do print(title) end
  for url, status in pairs(r:hgetall "crawler:broken") do print(("broken: %s (%s)"):format(url, status)) end
  assert(worker)
end, ...)
