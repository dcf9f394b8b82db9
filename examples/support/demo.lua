-- SPDX-License-Identifier: MIT
-- The web that the examples work on when they are given no URL: servers on this machine, in the same process.

local async = require "saros"
local http = async.http

local demo = {}

---Serves `app` (a handler or a router) beside what follows, until the end of the run.
---@param app async fun(request: saros.HTTPRequest): saros.HTTPAnswer
---@return string url  without a slash at its end
function demo.serve(app)
  local server = http.listen("127.0.0.1", 0)
  async.spawn(server.serve, server, app)
  local _, port = server:address()
  return "http://127.0.0.1:" .. port
end

local PAGES = 40

-- Each page links to two further ones and back to the first; one link leads nowhere.
local function page(number)
  local links = { "/" }
  for next = number * 2 + 1, math.min(number * 2 + 2, PAGES - 1) do links[#links + 1] = "/page/" .. next end
  if number == 7 then links[#links + 1] = "/gone" end
  for i, link in ipairs(links) do links[i] = ('<a href="%s">%s</a>\n'):format(link, link) end
  return { html = ("<!doctype html>\n<title>Page %d</title>\n%s"):format(number, table.concat(links)) }
end

local BOOKS, BOOKS_AT_ONCE = 57, 10

local function books(request)
  local number, list = tonumber(request.query.page) or 1, {}
  for id = (number - 1) * BOOKS_AT_ONCE + 1, math.min(number * BOOKS_AT_ONCE, BOOKS) do
    list[#list + 1] = { id = id, title = "Volume " .. id }
  end
  local has_more = number * BOOKS_AT_ONCE < BOOKS
  local link = has_more and ('</api/books?page=%d>; rel="next"'):format(number + 1) or nil
  return { json = async.json.array(list), headers = { Link = link } }
end

local PIECES, PIECE_SIZE = 32, 262144

local function file()
  local sent = 0
  return {
    headers = { ["Content-Length"] = PIECES * PIECE_SIZE },
    body = function()
      if sent == PIECES then return nil end
      sent = sent + 1
      async.sleep(0.02)
      return ("\0"):rep(PIECE_SIZE)
    end,
  }
end

---A small site whose pages link to one another, a list of books that comes in pages, and a large file.
---@return saros.HTTPRouter
function demo.site()
  local app = http.router()
  app:get("/", function() return page(0) end)
  app:get("/page/{number}", function(request)
    async.sleep(0.02)
    return page(tonumber(request.params.number))
  end)
  app:get("/api/books", books)
  app:get("/file", file)
  return app
end

return demo
