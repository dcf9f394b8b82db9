-- SPDX-License-Identifier: MIT
-- ./dev stress [REQUESTS]: programs of random requests, one after the other, until so many have been made. Neither
-- sockets nor memory may be left behind.

local proc = require "spec.support.proc"
local stress = require "spec.support.http_stress"

local REQUESTS = math.tointeger(tonumber(arg[1])) or 1000000
local WARM_UP = 20            -- programs before memory is looked at
local TOLERANCE = 16 * 1024 * 1024

local function resident()
  collectgarbage()
  collectgarbage()
  return proc.resident()
end

local rounds, before = math.ceil(REQUESTS / stress.requests), nil
for seed = 1, rounds do
  assert(stress.leaves_nothing(stress.run, seed), "a socket is left open by seed " .. seed)
  if seed == WARM_UP then before = resident() end
  if seed % 100 == 0 or seed == rounds then
    print(("%d requests, %d MiB"):format(seed * stress.requests, (proc.resident() or 0) >> 20))
  end
end
local grown = before and resident() - before or 0
assert(grown < TOLERANCE, ("%d KiB of memory are left behind"):format(grown >> 10))
