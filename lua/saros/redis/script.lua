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

-- What follows the script: the number of keys, keys, arguments.
local function arguments(keys, args)
  local list = { #keys }
  table.move(keys, 1, #keys, 2, list)
  return table.move(args, 1, #args, #list + 1, list)
end

local function forgotten(err)
  return async.is_error(err, "RedisError") and err.code == "NOSCRIPT"
end

---@param self saros.Redis
---@param source string
---@return async fun(keys?: (string|number)[], args?: (string|number)[]): any
function script.new(self, source)
  local hash
  return internal.entry(function(keys, args)
    local list = arguments(check(1, keys), check(2, args))
    internal.checkpoint(CALLER)
    hash = hash or client.run(self, CALLER, 0, "SCRIPT", "LOAD", source)
    local ok, result = pcall(client.run, self, CALLER, 0, "EVALSHA", hash, table.unpack(list))
    if ok then return result end
    if not forgotten(result) then error(result, 0) end
    return client.run(self, CALLER, 0, "EVAL", source, table.unpack(list))
  end)
end

return script
