-- SPDX-License-Identifier: MIT
-- Runs a program of examples/ as it stands.

local assert = require "luassert"

local VIRTUAL_CLOCK = [[-e 'require("saros").run = require("saros.testing").run']]

--- What the program `name` (without the extension) prints, with that argument; it has to succeed.
---@param name string
---@param argument? string
---@param options? {virtual_clock?: boolean, cpath?: string}  no time passes while it sleeps; where modules are, too
---@return string
return function(name, argument, options)
  options = options or {}
  local cpath = options.cpath and ('LUA_CPATH="%s;$LUA_CPATH"'):format(options.cpath) or ""
  local pipe = io.popen(("exec env %s '%s' %s examples/%s.lua %s 2>&1"):format(
    cpath, arg[-1] or "lua", options.virtual_clock and VIRTUAL_CLOCK or "", name, argument or ""))
  local text = pipe:read("a")
  assert.is_true(pipe:close(), text)
  return text
end
