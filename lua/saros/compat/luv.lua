-- SPDX-License-Identifier: MIT
-- luv beside saros: one loop for both.

local internal = require "saros.internal"
local luv = require "luv"

local HINT = "saros.compat.luv: "

-- luv's C function that tells which loop is its own; it is part of luv.h.
local function loop_function()
  local path = package.searchpath("luv", package.cpath)
  if not path then error(HINT .. "luv is not a C module of this Lua's package.cpath, so its loop cannot be had", 0) end
  local fn, why = package.loadlib(path, "luv_loop")
  return fn or error(HINT .. "this luv does not tell its loop: " .. why, 0)
end

-- A second libuv, linked into luv, must lay out its loop as ours does.
local function check_version()
  local theirs, ours = luv.version_string(), internal.uv_version()
  if theirs == ours then return end
  error(("%sluv has libuv %s, saros has %s: they cannot share a loop"):format(HINT, theirs, ours), 0)
end

check_version()
internal.adopt_loop(loop_function())

---`local uv = require "saros.compat.luv"` gives luv itself, and has every `async.run` from now on turn luv's loop: its
---handles are served while tasks wait, their callbacks may spawn tasks and settle futures, and an active one counts as
---something that may wake a task. Between runs the loop is luv's: `uv.run()` goes on with its handles.
---@type table
return luv
