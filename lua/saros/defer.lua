-- SPDX-License-Identifier: MIT
-- defer: cleanup that runs when a block is left, whichever way.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros
local defer = {}

---A call that is still to come, to be held in a `<close>` variable.
---@class saros.Deferred
---@field package call? table    the function and its arguments, until it is called
---@field package place string
local Deferred = {}
local meta = { __name = "deferred call", __index = Deferred }

-- Calls the function, once, out of reach of cancellation. Where nothing can be suspended it is called all the same.
local function run(self, err)
  local call = self.call
  if not call then return end
  self.call = nil
  if err ~= nil then
    call.n = call.n + 1
    call[call.n] = err
  end
  local function run_it()
    call[1](table.unpack(call, 2, call.n))
  end
  if internal.may_wait() then
    async.shield(run_it)
  else
    run_it()
  end
end

meta.__close = run

-- Nobody will call it any more: it was made without `<close>`.
function meta:__gc()
  if self.call then internal.collected("deferred call", self.place) end
end

---Calls the function now, as the end of the block would. The second time does nothing.
---@async
function Deferred:close()
  if getmetatable(self) ~= meta then misuse.self("deferred:close", self) end
  run(self)
end

Deferred.close = internal.entry(Deferred.close)

---Calls `fn(...)` when the block is left: `local _ <close> = async.defer(fn, ...)`. Cancellation does not reach it, so
---it may wait. If the block is left by an error, `fn` gets that as its last argument; an error of its own takes its
---place. Can be used outside of `run` too.
---@param fn async fun(...: any)
---@param ... any  for `fn`
---@return saros.Deferred
function defer.defer(fn, ...)
  misuse.check_function("defer", 1, fn)
  return setmetatable({ call = table.pack(fn, ...), place = internal.place() }, meta)
end

defer.defer = internal.entry(defer.defer)

return defer
