-- SPDX-License-Identifier: MIT
-- Files on saros: lua5.4 bench/fs/saros.lua WORKLOAD SIZE FOLDER. Prints seconds=... bytes=...

local async = require "saros"
local fs = async.fs

local workload, size, folder = arg[1], tonumber(arg[2]), arg[3]
local DATA = ("x"):rep(1024)

-- Has 64 tasks call work(path) for each of the files.
local function each(work)
  local n = 0
  async.task_group(function(group)
    for _ = 1, 64 do
      group:spawn(function()
        while n < size do
          n = n + 1
          work(folder .. "/" .. n)
        end
      end)
    end
  end)
end

local workloads = {}

function workloads.read_files()
  each(function(path) assert(#fs.read_file(path) == 1024) end)
end

function workloads.write_files()
  each(function(path) fs.write_file(path, DATA) end)
end

function workloads.file_lines()
  local count = 0
  for line in fs.lines(folder .. "/lines") do count = count + #line + 1 end
  assert(count == size << 20)
end

async.run(function()
  local started = async.now()
  workloads[workload]()
  print(("seconds=%.9f bytes=0"):format(async.now() - started))
end)
