-- SPDX-License-Identifier: MIT
-- Ten tasks, and three of them at a time may use what there is little of: connections, licences, disks.
--
--   lua5.4 examples/semaphore.lua

local async = require "saros"

async.run(function()
  local places = async.semaphore(3)
  local started = async.now()
  local at_work, most = 0, 0

  local function use(number)
    local permit <close> = places:acquire() -- given back however the block is left
    at_work = at_work + 1
    most = math.max(most, at_work)
    print(("%.0f s: task %d works, %d waiting"):format(async.now() - started, number, places:waiting()))
    async.sleep(1)
    at_work = at_work - 1
  end

  async.map(10, use)
  print(("%d at a time, %.0f seconds in all"):format(most, async.now() - started))

  -- Where nothing but the number counts, `map` has a limit of its own: async.map(10, work, { limit = 3 }).
end)
