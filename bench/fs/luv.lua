-- SPDX-License-Identifier: MIT
-- Files on luv, a call of libuv's for each step: lua5.4 bench/fs/luv.lua WORKLOAD SIZE FOLDER. Prints seconds=...
-- bytes=...

local uv = require "luv"

local workload, size, folder = arg[1], tonumber(arg[2]), arg[3]
local DATA = ("x"):rep(1024)
local n = 0

local function read_next()
  if n >= size then return end
  n = n + 1
  uv.fs_open(folder .. "/" .. n, "r", 0, function(_, fd)
    uv.fs_fstat(fd, function(_, stat)
      uv.fs_read(fd, stat.size, -1, function(_, data)
        assert(#data == 1024)
        uv.fs_close(fd, read_next)
      end)
    end)
  end)
end

local function write_next()
  if n >= size then return end
  n = n + 1
  uv.fs_open(folder .. "/" .. n, "w", 438, function(_, fd)
    uv.fs_write(fd, DATA, -1, function()
      uv.fs_close(fd, write_next)
    end)
  end)
end

local step = workload == "read_files" and read_next or write_next
local started = uv.hrtime()
for _ = 1, 64 do step() end
uv.run()
print(("seconds=%.9f bytes=0"):format((uv.hrtime() - started) / 1e9))
