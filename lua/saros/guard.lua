-- SPDX-License-Identifier: MIT
-- Functions of ours that users call.

local internal = require("saros.core")[2] -- some that need this are loaded while "saros" is

---Makes functions, or methods, what their user calls: one that calls them in a tail call is named all the same.
---@param functions table<string, function>
---@param ... string  the names of those; all of them unless some are given
local function guard(functions, ...)
  local names = { ... }
  if #names == 0 then
    for name in pairs(functions) do names[#names + 1] = name end
  end
  for _, name in ipairs(names) do
    functions[name] = internal.entry(functions[name])
  end
end

return guard
