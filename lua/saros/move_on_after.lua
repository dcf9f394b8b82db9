-- SPDX-License-Identifier: MIT
-- move_on_after: a deadline that is no failure.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros
local move_on_after = {}

---Calls `fn(...)` for at most so long: true and its results, or false once this deadline has passed; its cleanup has
---finished then. What `fn` raises is raised, a TimeoutError of its own too; what it returns in spite of the deadline
---is returned.
---@async
---@param seconds number|nil  nil for no limit
---@param fn async fun(...: any): ...
---@param ... any  for `fn`
---@return boolean in_time
---@return any ...  `fn`'s results
function move_on_after.move_on_after(seconds, fn, ...)
  misuse.check_deadline("move_on_after", 1, seconds)
  misuse.check_function("move_on_after", 2, fn)
  internal.checkpoint "move_on_after"
  local inner -- a TimeoutError that `fn` has raised

  local function run(...)
    local scope <close> = async.timeout(seconds)
    local results = table.pack(async.catch("TimeoutError", fn, ...))
    if results[1] then return table.unpack(results, 2, results.n) end
    inner = results[2]
    error(inner, 0)
  end

  local results = table.pack(async.catch("TimeoutError", run, ...))
  if results[1] then return table.unpack(results, 1, results.n) end
  if rawequal(results[2], inner) then error(inner, 0) end
  return false
end

move_on_after.move_on_after = internal.entry(move_on_after.move_on_after)

return move_on_after
