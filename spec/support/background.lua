-- SPDX-License-Identifier: MIT
-- Starts a Python program of this folder that serves until this process ends, and reads its first line,
-- where it says in JSON what it offers.

local cjson = require "cjson"

-- Where this file lies.
local folder = debug.getinfo(1, "S").source:match("^@(.*)background%.lua$")

---@param program string  a file of this folder, and its arguments
---@return table places  what it said
---@return file* pipe    it ends when this is closed
return function(program)
  local command = ("exec env -u LD_PRELOAD python3 -B '%s'%s"):format(folder, program)
  local pipe = assert(io.popen(command, "r"))
  local line = assert(pipe:read("l"), program .. " did not start")
  return cjson.decode(line), pipe
end
