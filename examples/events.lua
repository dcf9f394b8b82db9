-- SPDX-License-Identifier: MIT
-- Server-sent events: a page that counts its visitors, and shows the number to all of them as it changes.
--
--   lua5.4 examples/events.lua              a demonstration with two visitors
--   lua5.4 examples/events.lua 8000         serves at that port of this machine, until Ctrl-C

local async = require "saros"
local testing = require "saros.testing"
local http = async.http

local PAGE = [[
<!doctype html>
<title>Visitors</title>
<p>Here now: <b id="count">?</b></p>
<script>
  new EventSource("/events").onmessage = event => document.getElementById("count").textContent = event.data
</script>
]]

local function new_app()
  local count, changed = 0, async.event()

  local function change(by)
    count = count + by
    changed:set()
    changed:clear()
  end

  local app = http.router()
  app:get("/", function() return { html = PAGE } end)
  app:get("/events", function(request)
    change(1)
    local _ <close> = async.defer(change, -1) -- when the visitor leaves, this handler is cancelled
    local events <close> = request:events()
    while true do
      events:send(tostring(count))
      async.move_on_after(15, changed.wait, changed) -- something at least so often, to see who has left
    end
  end)
  return app
end

local function demonstration()
  local client <close> = testing.client(new_app(), { timeout = { total = false } })
  local first = client:get "/events"
  local lines = first:lines()
  print("the first one sees", lines())
  lines()
  local second <close> = client:get "/events"
  print("and another one:", lines())
  print("who sees", second:lines()())
  first:close()
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  print("serving at port " .. port)
  http.serve(new_app(), "localhost", port)
end)
