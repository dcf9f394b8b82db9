-- SPDX-License-Identifier: MIT
-- Commands as methods: of the client, of a pipeline, of a transaction.

local internal = require "saros.internal"
local misuse = require "saros.misuse"
local commands = require "saros.redis.commands"

local methods = {}

local NO_NAME = "%q is no name of a command; its words are arguments of their own"

---Raises unless a name is one of a command. Gives it in capitals.
---@param caller string
---@param name any
---@return string
function methods.check_name(caller, name)
  if type(name) ~= "string" then misuse.type(caller, 1, "string", name) end
  if name == "" or name:find "[%s%c]" then misuse.argument(caller, 1, NO_NAME:format(name)) end
  return name:upper()
end

---Gives an object's class its methods: those in `own`, `call(name, ...)`, and every command by its name in lower case.
---@param class string      as its user knows it: "redis", "pipeline"
---@param metatable table   whose __index finds them from now on
---@param own table<string, function>
---@param run fun(self: any, caller: string, before: integer, name: string, ...: any): ...  `before` arguments of the
---  caller stand before those of the command
---@param run_plain? fun(metatable: table, caller: string, name: string): function  makes the method of a command that
---  may be sent by anybody and never blocks
function methods.define(class, metatable, own, run, run_plain)
  local found = {}
  for name, fn in pairs(own) do found[name] = internal.entry(fn) end

  local function check_self(method, self)
    if getmetatable(self) ~= metatable then misuse.self(class .. ":" .. method, self) end
  end

  local by_name = class .. ":call"
  found.call = found.call or internal.entry(function(self, name, ...)
    check_self("call", self)
    return run(self, by_name, 1, methods.check_name(by_name, name), ...)
  end)

  local function command(method)
    local caller, name = class .. ":" .. method, method:upper()
    if run_plain and commands.is_plain(name) then return run_plain(metatable, caller, name) end
    return internal.entry(function(self, ...)
      check_self(method, self)
      return run(self, caller, 0, name, ...)
    end)
  end

  -- Commands are found when they are asked for the first time.
  metatable.__index = setmetatable(found, { __index = function(_, key)
    if type(key) ~= "string" or not key:find "^%l[%l%d_]*$" then return nil end
    local method = command(key)
    found[key] = method
    return method
  end })
end

return methods
