-- SPDX-License-Identifier: MIT
-- One file by lines, with Lua's own io: lua5.4 bench/fs/io.lua file_lines SIZE FOLDER. Prints seconds=... bytes=...

local now = require("saros").now -- a clock that all of them share: Lua has none for parts of a second

local size, folder = tonumber(arg[2]), arg[3]
local started = now()
local count = 0
for line in io.lines(folder .. "/lines") do count = count + #line + 1 end
assert(count == size << 20)
print(("seconds=%.9f bytes=0"):format(now() - started))
