-- SPDX-License-Identifier: MIT
-- A crawler whose frontier is in Redis: what is to be fetched, and what was seen, so that any number of these can share
-- the work, and what one leaves undone the others, or the next one, will do.
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

-- A page that nobody has seen yet is left to be fetched; tells whether this one is.
local ADD = [[
local seen, left = KEYS[1], KEYS[2]
if redis.call('SCARD', seen) < tonumber(ARGV[2]) and redis.call('SADD', seen, ARGV[1]) == 1 then
  redis.call('SADD', left, ARGV[1])
end
return redis.call('SISMEMBER', left, ARGV[1])
]]

local function crawler(r, queue, session)
  local note = r:script(ADD)

  local function add(url)
    local is_left = note({ "crawler:seen", "crawler:left" }, { url, MOST_PAGES }) == 1
    if is_left then queue:add("fetch", url, { id = url }) end -- a job whose id is there is not added twice
  end

  -- Where the page is in the end, and what it says if it is HTML.
  local function load(url)
    local response <close> = session:get(url)
    response:raise_for_status()
    local is_html = (response.headers["content-type"] or ""):find("html", 1, true)
    return response.url, is_html and response:text()
  end

  -- May be called twice for one page, if a worker is lost.
  local function fetch(url)
    local ok, page, html = async.catch({ "FetchError", "HTTPError", "TimeoutError" }, load, url)
    if not ok then
      r:hset("crawler:broken", url, page.status or page.code)
    elseif html then
      r:hset("crawler:titles", url, html:match("<title>%s*(.-)%s*</title>") or url)
      for _, link in ipairs(links_of(html, page)) do add(link) end
    end
    r:srem("crawler:left", url)
    if r:scard "crawler:left" == 0 then r:publish("crawler:over", url) end
  end

  return add, fetch
end

async.run(function(redis_url, start)
  local r <close> = redis.connect(redis_url or "redis://localhost")
  local session <close> = async.session { timeout = 10, max_body_size = 2000000, retries = 1 }
  local queue = jobs.queue(r, "crawler", { keep_results = 0 }) -- the next crawl has jobs of the same ids
  local add, fetch = crawler(r, queue, session)
  local left = r:smembers "crawler:left"
  if #left == 0 then -- else we help with those
    r:del("crawler:seen", "crawler:titles", "crawler:broken")
    left = { start or demo_url() }
  end
  async.map(left, add)
  local _worker <close> = async.spawn(queue.work, queue, { fetch = fetch }, { concurrency = 8 })
  while r:scard "crawler:left" > 0 do
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
end, ...)
