-- SPDX-License-Identifier: MIT
-- Scenarios of spec/finalizers: the HTTP client, against the server of the specs.
local async = require "saros"
local http = require "saros.http"
local testing = require "saros.testing"
local world = require "spec.finalizers.world"

local SIZE = 100000

return function(server)
  local scenarios = {}

  local function scenario(name, fn)
    scenarios[name] = function()
      async.on_error(function() end)
      testing.run(function()
        local session <close> = world.note("sessions", http.session{timeout = 5})
        fn(function(path, ...) return world.note("responses", session:get(server .. path, ...)) end, session)
      end)
    end
  end

  -- What comes out of a body has been in it, once; that counts what the finalizer reads (world.bytes).
  local function count(bytes)
    world.bytes = world.bytes + #(bytes or "")
    if world.bytes <= SIZE then return bytes end
    error({is_broken = true, message = ("%d bytes of %d were read"):format(world.bytes, SIZE)}, 0)
  end

  scenario("text", function(get) count(get("/big?bytes=" .. SIZE):text()) end)

  scenario("read", function(get)
    local response = get("/big?bytes=" .. SIZE)
    while count(response:read(30000)) do end
  end)

  scenario("two", function(get)
    local task = async.spawn(get, "/status/200")
    local response <close> = get "/status/200"
    async.wait{task}
    return response:text()
  end)

  scenario("upload", function(_, session)
    local left = 2
    session:post(server .. "/count", {body = function()
      left = left - 1
      if left > 0 then return ("x"):rep(4000) end
    end})
  end)

  return scenarios
end
