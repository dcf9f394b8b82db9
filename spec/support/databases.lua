-- SPDX-License-Identifier: MIT
-- redis-server and PostgreSQL: each is started when it is first asked for, and ends when this process does.

local background = require "spec.support.background"

local registry = debug.getregistry()
local KEY = "spec.support.databases"
registry[KEY] = registry[KEY] or {}

-- The port of the database with this name. That of PostgreSQL has the user `tester` with the password `secret`.
return function(name)
  local started = registry[KEY]
  if not started[name] then
    local places, pipe = background("databases.py " .. name)
    started[name] = {port = math.tointeger(places.port), pipe = pipe}
  end
  return started[name].port
end
