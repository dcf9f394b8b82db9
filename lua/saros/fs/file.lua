-- SPDX-License-Identifier: MIT
-- What files have that is written in Lua: that closing waits where it can.

local core = require "saros.fs.core"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

local meta = core.file_meta

---@class saros.File
local File = meta.__index

local close, may_wait = File.close, internal.may_wait

---Closes it; SystemError if the system reports then that something was not written. It does not wait for the system
---where nobody can wait, and in a scope that is cancelled. A task that uses the file gets ClosedError. Idempotent.
---@return true
function File:close()
  return close(self, may_wait())
end

misuse.guard(File, "close")
meta.__close = File.close

return File
