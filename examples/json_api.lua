-- SPDX-License-Identifier: MIT
-- A JSON API: notes that are listed, added, changed and removed.
--
--   lua5.4 examples/json_api.lua              a demonstration without a port
--   lua5.4 examples/json_api.lua 8000         serves at that port of this machine, until Ctrl-C

local async = require "saros"
local testing = require "saros.testing"
local http = async.http

local function new_api()
  local notes, last = {}, 0
  local app = http.router()

  -- Who asks has to say who he is.
  app:use(function(request, next)
    local token = (request.headers.authorization or ""):match "^Bearer (.+)$"
    if token ~= "secret" then http.error(401, "who are you?", { ["WWW-Authenticate"] = "Bearer" }) end
    return next(request)
  end)

  local function find(request)
    local note = notes[math.tointeger(tonumber(request.params.id))]
    return note or http.error(404, "there is no such note")
  end

  local function read_text(request)
    local sent = request:json()
    if type(sent) ~= "table" or type(sent.text) ~= "string" then http.error(422, "a text is missing") end
    return sent.text
  end

  app:get("/notes", function()
    local list = {}
    for _, note in pairs(notes) do list[#list + 1] = note end
    table.sort(list, function(a, b) return a.id < b.id end)
    return { json = async.json.array(list) }
  end)

  app:post("/notes", function(request)
    local text = read_text(request)
    last = last + 1
    notes[last] = { id = last, text = text }
    return { status = 201, headers = { Location = "/notes/" .. last }, json = notes[last] }
  end)

  app:get("/notes/{id}", function(request) return { json = find(request) } end)

  app:put("/notes/{id}", function(request)
    local note = find(request)
    note.text = read_text(request)
    return { json = note }
  end)

  app:delete("/notes/{id}", function(request)
    notes[find(request).id] = nil
  end)

  return app
end

local function demonstration()
  local client <close> = testing.client(new_api(), { headers = { Authorization = "Bearer secret" } })
  local function show(response)
    print(response.status, response:text())
    return response
  end
  local added = show(client:post("/notes", { json = { text = "buy milk" } }))
  show(client:put(added.headers.location, { json = { text = "buy oat milk" } }))
  show(client:get "/notes")
  show(client:delete(added.headers.location))
  show(client:get(added.headers.location))
  show(client:post("/notes", { json = {} }))
  show(client:get("/notes", { headers = { Authorization = false } }))
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  print("serving at port " .. port)
  http.serve(new_api(), "localhost", port, { log = true })
end)
