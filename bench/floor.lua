-- SPDX-License-Identifier: MIT
-- The workloads on the floor: see floor.c.
--
--     lua5.4 bench/floor.lua WORKLOAD SIZE        prints seconds=... bytes=... (peak)

local floor = require "floor"
local measure = dofile "bench/measure.lua"

function floor.lock() return floor.semaphore(1) end

function floor.task_group(fn)
  local tasks, group = {}, {}
  function group:spawn(work) -- luacheck: no self
    tasks[#tasks + 1] = floor.spawn(work)
  end
  fn(group)
  for _, task in ipairs(tasks) do task:await() end
end

floor.run(measure, floor.now, dofile "bench/workloads.lua"(floor)[arg[1]], math.tointeger(arg[2]))
