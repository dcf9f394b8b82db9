-- SPDX-License-Identifier: MIT
-- Modules that are loaded when something of them is used for the first time: to compile what a program does not use
-- would take most of the time of its first request.

local require = require -- the program may take it away

-- By name. busted forgets modules between two files, but what has been loaded by one goes on.
local loaded = {}

---Stands for a module, and loads it when a field is asked for.
---@param name string
---@return table
local function lazily(name)
  return setmetatable({}, { __index = function(self, field)
    local module = loaded[name] or require(name)
    loaded[name] = module
    self[field] = module[field]
    return module[field]
  end })
end

return lazily
