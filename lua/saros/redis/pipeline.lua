-- SPDX-License-Identifier: MIT
-- Several commands in one message.

local misuse = require "saros.misuse"
local client = require "saros.redis.client"
local commands = require "saros.redis.commands"
local methods = require "saros.redis.methods"

local pipeline = {}

---What collects commands: each is a method in lower case and returns the pipeline.
---@class saros.redis.Pipeline
---@field package _texts string[]
---@field package _names string[]
---@field package _is_over boolean
---A command by its name, for those that are no names in Lua.
---@field call fun(self: saros.redis.Pipeline, name: string, ...: string|number): saros.redis.Pipeline
---@field [string] fun(self: saros.redis.Pipeline, ...: string|number): saros.redis.Pipeline

local metatable = { __name = "Pipeline" }

methods.define("pipeline", metatable, {}, function(self, caller, before, name, ...)
  if self._is_over then misuse.raise(("%s: the pipeline is over"):format(caller)) end
  commands.check(caller, name, ...)
  if commands.blocks(name, ...) then
    misuse.argument(caller, 1, ("%s would block the pipeline: use redis:%s"):format(name, name:lower()))
  end
  self._texts[#self._texts + 1] = commands.encode(caller, before, name, ...)
  self._names[#self._names + 1] = name
  return self
end)

---Collects the commands that fn(p) calls and sends them together.
---@async
---@param self saros.Redis
---@param fn async fun(p: saros.redis.Pipeline)
---@return any[] replies
function pipeline.run(self, fn)
  local collected = setmetatable({ _texts = {}, _names = {}, _is_over = false }, metatable)
  local ok, err = pcall(fn, collected)
  collected._is_over = true
  if not ok then error(err, 0) end
  if #collected._names == 0 then return {} end
  return client.send_all(self, collected._names, table.concat(collected._texts))
end

return pipeline
