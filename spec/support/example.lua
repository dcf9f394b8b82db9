-- SPDX-License-Identifier: MIT
-- Runs a program of examples/ as it stands.

local assert = require "luassert"

--- What the program `name` prints, without the extension; it has to succeed.
return function(name)
  local lua = arg[-1] or "lua"
  local pipe = io.popen(("exec '%s' examples/%s.lua 2>&1"):format(lua, name))
  local text = pipe:read("a")
  assert.is_true(pipe:close(), text)
  return text
end
