-- SPDX-License-Identifier: MIT
-- A JSON API with a database behind it: books that are listed, searched, added, lent and returned. It uses the driver
-- of examples/drivers/sqlite, whose part in C has to be compiled first (Debian: libsqlite3-dev):
--
--   mkdir -p sqlite && cc -O2 -shared -fPIC -I include $(pkg-config --cflags lua5.4) -o sqlite/core.so \
--     examples/drivers/sqlite/core.c -luv -lsqlite3
--   lua5.4 examples/sqlite_api.lua                   a demonstration without a port, in memory
--   lua5.4 examples/sqlite_api.lua 8000 library.db   serves at that port of this machine, until Ctrl-C

local async = require "saros"
local http = async.http

package.path = (arg[0]:match "^.*/" or "") .. "drivers/?/init.lua;" .. package.path
local sqlite = require "sqlite"

local SCHEMA = [[
  CREATE TABLE IF NOT EXISTS books (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL, lent_to TEXT, UNIQUE (title, author));
]]

-- What a client has sent, with these fields, which are texts.
local function read_fields(request, ...)
  local sent, values = request:json(), {}
  for i, name in ipairs { ... } do
    local value = type(sent) == "table" and sent[name]
    if type(value) ~= "string" or value == "" then http.error(422, name .. " is missing") end
    values[i] = value
  end
  return table.unpack(values)
end

local function id_of(request) return math.tointeger(tonumber(request.params.id)) or http.error(404, "no such book") end

local function new_api(db)
  local app = http.router()

  local function find(session, id)
    return session:query("SELECT * FROM books WHERE id = ?", id)[1] or http.error(404, "no such book")
  end

  app:get("/books", function(request)
    local pattern = "%" .. (request.query.q or "") .. "%"
    local rows = db:query("SELECT * FROM books WHERE title || author LIKE ? ORDER BY id", pattern)
    return { json = rows }
  end)

  app:post("/books", function(request)
    local title, author = read_fields(request, "title", "author")
    local ok, result = async.catch("SQLiteError", db.query, db,
      "INSERT INTO books (title, author) VALUES (?, ?)", title, author)
    if not ok then http.error(409, "we have that one") end
    return { status = 201, headers = { Location = "/books/" .. result.last_id }, json = find(db, result.last_id) }
  end)

  app:get("/books/{id}", function(request) return { json = find(db, id_of(request)) } end)

  -- Looking and writing are one transaction: nobody else can take the book in between.
  app:put("/books/{id}/reader", function(request)
    local reader, id = read_fields(request, "name"), id_of(request)
    return { json = db:transaction(function(tx)
      local lent_to = find(tx, id).lent_to
      if lent_to and lent_to ~= reader then http.error(409, lent_to .. " has it") end
      tx:query("UPDATE books SET lent_to = ? WHERE id = ?", reader, id)
      return find(tx, id)
    end) }
  end)

  app:delete("/books/{id}/reader", function(request)
    local changed = db:query("UPDATE books SET lent_to = NULL WHERE id = ?", id_of(request)).changes
    if changed == 0 then http.error(404, "no such book") end
  end)

  return app
end

local function demonstration(app)
  local client <close> = require("saros.testing").client(app)
  local function show(response)
    local ok, book = pcall(response.json, response)
    print(response.status, ok and (book.title or #book .. " found") or response:text(), ok and book.lent_to or "")
  end
  show(client:post("/books", { json = { title = "Programming in Lua", author = "Ierusalimschy" } }))
  show(client:post("/books", { json = { title = "Programming in Lua", author = "Ierusalimschy" } }))
  show(client:post("/books", { json = { title = "Momo", author = "Ende" } }))
  show(client:post("/books", { json = { title = "Anonymous" } }))
  show(client:get("/books", { query = { q = "lua" } }))
  show(client:put("/books/1/reader", { json = { name = "Ada" } }))
  show(client:put("/books/1/reader", { json = { name = "Grace" } }))
  show(client:delete "/books/1/reader")
  show(client:get "/books/1")
  show(client:get "/books/3")
end

async.run(function(port, path)
  local db <close> = sqlite.open(port and path or ":memory:")
  db:execute(SCHEMA)
  local app = new_api(db)
  if not port then return demonstration(app) end
  print("serving at port " .. port)
  http.serve(app, "localhost", math.tointeger(tonumber(port)), { log = true })
end, table.unpack(arg))
