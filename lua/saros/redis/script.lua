-- SPDX-License-Identifier: MIT
-- Scripts: the server runs them by their hash, which it tells us, as long as it remembers them.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local client = require "saros.redis.client"

local script = {}

local CALLER = "redis script"

local function check(position, list)
  if list == nil then return {} end
  if type(list) ~= "table" then misuse.type(CALLER, position, "table", list) end
  if not misuse.is_list(list) then misuse.argument(CALLER, position, "list expected, got " .. misuse.kind(list)) end
  for i, value in ipairs(list) do
    misuse.check_type(CALLER, position, value, ("item %d"):format(i), "string or number")
  end
  return list
end

local function forgotten(err)
  return async.is_error(err, "RedisError") and err.code == "NOSCRIPT"
end

---A function that runs a script: `f(count, ...)`, the number of keys, keys, arguments. Tasks that begin with it at the
---same time have it loaded once.
---@param self saros.Redis
---@param source string
---@return async fun(count: integer, ...: string|number): any
function script.runner(self, source)
  local hash
  local loading = async.lock()

  local function load()
    local held <close> = loading:acquire()
    hash = hash or client.run(self, CALLER, 0, "SCRIPT", "LOAD", source)
  end

  return function(...)
    if not hash then load() end
    local ok, result = pcall(self.evalsha, self, hash, ...)
    if ok then return result end
    if not forgotten(result) then error(result, 0) end
    return self:eval(source, ...)
  end
end

---@param self saros.Redis
---@param source string
---@return async fun(keys?: (string|number)[], args?: (string|number)[]): any
function script.new(self, source)
  local run = script.runner(self, source)
  return internal.entry(function(keys, args)
    keys, args = check(1, keys), check(2, args)
    internal.checkpoint(CALLER)
    local list = table.move(keys, 1, #keys, 1, {})
    return run(#keys, table.unpack(table.move(args, 1, #args, #list + 1, list)))
  end)
end

return script
