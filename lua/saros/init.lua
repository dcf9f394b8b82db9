-- SPDX-License-Identifier: MIT
-- saros: asyncio for Lua. The core is C, and what editors know of it stands in meta/; src/module.c lists what is loaded
-- at its first use. All that stands here is compiled at each start.

if _VERSION < "Lua 5.4" then error("saros needs Lua 5.4, and this is " .. _VERSION, 0) end
local core = require "saros.core"
package.loaded["saros.internal"] = core[2]
local _, path = ...
core[2].loaded(path)
return core[1]
