-- SPDX-License-Identifier: MIT
-- Runs a program of examples/ as it stands.

local assert = require "luassert"

--- What the program `name` (without the extension) prints, with that argument; it has to succeed.
return function(name, argument)
  local lua = arg[-1] or "lua"
  local pipe = io.popen(("exec '%s' examples/%s.lua %s 2>&1"):format(lua, name, argument or ""))
  local text = pipe:read("a")
  assert.is_true(pipe:close(), text)
  return text
end
