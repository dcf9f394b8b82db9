-- SPDX-License-Identifier: MIT
-- Two tasks take turns: each runs until it waits, then the other one goes on.
--
--   lua5.4 examples/interleaving.lua

local async = require "saros"

local function count(name, steps, pause)
  for step = 1, steps do
    print(("%s %d of %d"):format(name, step, steps))
    async.sleep(pause)
  end
  return name .. " is done"
end

async.run(function()
  local ticks = async.spawn(count, "tick", 4, 0.2)
  local tocks = async.spawn(count, "tock", 3, 0.5)
  print "both are made, none has run: main has not waited yet"
  print(ticks:await())
  print(tocks:await())

  print "without a pause, sleep(0) gives the other one its turn:"
  async.gather(async.spawn(count, "ping", 2, 0), async.spawn(count, "pong", 2, 0))
end)
