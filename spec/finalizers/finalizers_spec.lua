-- SPDX-License-Identifier: MIT
-- Whatever asks Lua for something new lets the collector work, and so any finalizer run, which may use all of the API.
-- Every scenario runs in a host of its own (host.c), once for each moment at which a finalizer can come and each thing
-- that it can do (actions.lua). SAROS_FINALIZERS=all leaves none of those out.

local toolchain = require "spec.embed.toolchain"

-- Files of scenarios: one out of `share` actions is tried at each moment, in turn.
local FILES = {
  {path = "spec/finalizers/scenarios.lua", share = 1},
  {path = "spec/finalizers/fs.lua", share = 3},
  {path = "spec/finalizers/server.lua", share = 37},
  {path = "spec/faults/scenarios/tasks.lua", share = 9},
  {path = "spec/faults/scenarios/combine.lua", share = 9},
  {path = "spec/faults/scenarios/sync.lua", share = 9},
  {path = "spec/faults/scenarios/thread.lua", share = 9},
  {path = "spec/faults/scenarios/redis.lua", share = 9},
  {path = "spec/finalizers/redis.lua", share = 41}, -- so is a connection
  {path = "spec/faults/scenarios/process.lua", share = 29}, -- a child costs a thousand times what a turn does
}

local HTTP_SHARE = 7
local NET_SHARE = 7
local SEED = 0
local SECONDS = 120 -- a run that takes longer hangs

local function names_of(scenarios)
  local names = {}
  for name in pairs(scenarios) do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("a finalizer that uses the API", function()
  local workshop

  setup(function()
    workshop = toolchain.open()
    workshop:compile("spec/finalizers/host.c", "host")
  end)

  teardown(function()
    if workshop then workshop:close() end
  end)

  local function check(path, name, share)
    if os.getenv "SAROS_FINALIZERS" == "all" then share = 1 end
    local result = workshop:execute("host", SECONDS, "spec/finalizers/driver.lua", path, name, share, SEED)
    local said = result.out .. result.err
    assert(result.code == 0 and result.out:find "ok %d+ runs", said)
    assert(not result.err:find "Sanitizer", said)
  end

  for _, file in ipairs(FILES) do
    local group = file.path:match "(%a+)%.lua$"
    for _, name in ipairs(names_of(dofile(file.path))) do
      it(("in the midst of %s.%s does no harm"):format(group, name), function() check(file.path, name, file.share) end)
    end
  end

  for _, name in ipairs(names_of(dofile "spec/finalizers/net.lua" {})) do
    it(("in the midst of net.%s does no harm"):format(name), function()
      local files = require "spec.support.certificates"()
      local program = ("return dofile %q {ca = %q, cert = %q, key = %q}"):format("spec/finalizers/net.lua", files.ca,
        files.server, files.server_key)
      check(workshop:write("net.lua", program), name, NET_SHARE)
    end)
  end

  for _, name in ipairs(names_of(dofile "spec/finalizers/http.lua" "")) do
    it(("in the midst of http.%s does no harm"):format(name), function()
      local server = require "spec.support.http_server"()
      local path = workshop:write("http.lua", ("return dofile %q %q"):format("spec/finalizers/http.lua", server.url))
      check(path, name, HTTP_SHARE)
    end)
  end
end)
