-- SPDX-License-Identifier: MIT
-- Child processes on saros: lua5.4 bench/process/saros.lua short|cat COUNT. Prints seconds=... bytes=0.

local async = require "saros"

local workloads = {}

-- So many times /bin/true, 8 at a time; what they write is kept.
function workloads.short(count)
  async.map(count, function()
    assert(async.process.run({ "/bin/true" }).exit_code == 0)
  end, { limit = 8 })
end

-- So many MiB through cat, there and back.
function workloads.cat(count)
  local data = ("x"):rep(count << 20)
  assert(async.process.run({ "/bin/cat" }, { input = data }).stdout == data)
end

async.run(function()
  local begin = async.now()
  workloads[arg[1]](math.tointeger(arg[2]))
  print(("seconds=%.6f bytes=0"):format(async.now() - begin))
end)
