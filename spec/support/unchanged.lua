-- SPDX-License-Identifier: MIT
-- Libraries written for LuaSocket, unchanged, on saros.compat: loads them anew, and leaves package.loaded as it was.

local REPLACED = {socket = "saros.compat.socket", ssl = "saros.compat.ssl"}

-- The modules named, in a table by name.
return function(...)
  local names, before, loaded = {...}, {}, {}
  for name, module in pairs(package.loaded) do before[name] = module end
  for name, replacement in pairs(REPLACED) do package.loaded[name] = require(replacement) end
  for _, name in ipairs{"http", "smtp", "ftp", "tp"} do package.loaded["socket." .. name] = nil end
  package.loaded["ssl.https"] = nil
  for _, name in ipairs(names) do loaded[name] = require(name) end
  for name in pairs(package.loaded) do
    if name:find "^socket" or name:find "^ssl" then package.loaded[name] = before[name] end
  end
  return loaded
end
