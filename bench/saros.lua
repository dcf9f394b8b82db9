-- SPDX-License-Identifier: MIT
-- The workloads on saros.
--
--     lua5.4 bench/saros.lua WORKLOAD SIZE        prints seconds=... bytes=... (peak)

local async = require "saros"
local measure = dofile "bench/measure.lua"
local workloads = dofile "bench/workloads.lua"(async)

async.run(measure, async.now, workloads[arg[1]], math.tointeger(arg[2]))
