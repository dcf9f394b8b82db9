-- SPDX-License-Identifier: MIT
-- Several commands in one message.

local internal = require "saros.internal"
local misuse = require "saros.misuse"
local client = require "saros.redis.client"
local commands = require "saros.redis.commands"
local core = require "saros.redis.core"
local methods = require "saros.redis.methods"

local pipeline = {}

---What collects commands: each is a method in lower case and returns the pipeline.
---@class saros.redis.Pipeline: userdata
---A command by its name, for those that are no names in Lua.
---@field call fun(self: saros.redis.Pipeline, name: string, ...: string|number): saros.redis.Pipeline
---@field [string] fun(self: saros.redis.Pipeline, ...: string|number): saros.redis.Pipeline

local metatable = { __name = "Pipeline" }

local function collect(self, caller, before, name, ...)
  commands.check(caller, name, ...)
  if commands.blocks(name, ...) then
    misuse.argument(caller, 1, ("%s would block the pipeline: use redis:%s"):format(name, name:lower()))
  end
  if not core.collect(self, commands.encode(caller, before, name, ...)) then
    misuse.raise(("%s: the pipeline is over"):format(caller))
  end
  return self
end

-- The method of a command that may be in any pipeline. Most calls go the short way, which is in C.
local function plain(_, caller, name)
  local function slow(self, ...)
    if getmetatable(self) ~= metatable then misuse.self(caller, self) end
    return collect(self, caller, 0, name, ...)
  end
  return core.collector(internal.entry(slow), metatable, caller, commands.head(name))
end

methods.define("pipeline", metatable, {}, collect, plain)

---Collects the commands that fn(p) calls and sends them together.
---@async
---@param self saros.Redis
---@param fn async fun(p: saros.redis.Pipeline)
---@return any[] replies
function pipeline.run(self, fn)
  local batch = core.batch(metatable)
  local ok, err = pcall(fn, batch)
  local data, count = core.finish(batch)
  if not ok then error(err, 0) end
  if count == 0 then return {} end
  return client.send_all(self, data, count)
end

return pipeline
