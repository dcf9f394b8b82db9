-- SPDX-License-Identifier: MIT
-- Follows the links of a site, a few pages at a time, and reports its titles and broken links.
--
--   lua5.4 examples/scraper.lua                        a demonstration, offline
--   lua5.4 examples/scraper.lua https://www.lua.org/   a site of your choice, 100 pages at most

local async = require "saros"

local WORKERS = 8 -- so many pages are fetched at a time
local MOST_PAGES = 100

-- Without a URL a small server of our own takes the place of the web.
local function demo_url(path)
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  return demo.serve(demo.site()) .. path
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

local function crawl(start)
  local session <close> = async.session {timeout = 10, max_body_size = 2000000, retries = 1}
  local queue = async.queue()
  local seen, count, titles, broken = {}, 0, {}, {}

  local function add(url)
    if seen[url] or count == MOST_PAGES then return end
    seen[url], count = true, count + 1
    queue:put(url)
  end

  local function visit(url)
    local response <close> = session:get(url)
    response:raise_for_status()
    if not (response.headers["content-type"] or ""):find("html", 1, true) then return end
    local html = response:text()
    titles[#titles + 1] = html:match("<title>%s*(.-)%s*</title>") or url
    for _, link in ipairs(links_of(html, response.url)) do
      add(link)
    end
  end

  local function work(url)
    local ok, err = async.pcall(visit, url)
    if not ok then broken[#broken + 1] = {url = url, why = async.is_error(err) and err.status or tostring(err)} end
    queue:task_done()
  end

  add(start)
  async.task_group(function(group)
    group:spawn(async.map, queue, work, {limit = WORKERS})
    queue:join() -- until every page that was found has been visited
    queue:close()
  end)
  return titles, broken
end

async.run(function(start)
  local started = async.now()
  local titles, broken = crawl(start or demo_url "/")
  table.sort(titles)
  for _, title in ipairs(titles) do
    print(title)
  end
  for _, link in ipairs(broken) do
    print(("broken: %s (%s)"):format(link.url, link.why))
  end
  print(("\npages: %d, broken links: %d, seconds: %.2f"):format(#titles, #broken, async.now() - started))
end, table.unpack(arg))
