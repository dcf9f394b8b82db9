-- SPDX-License-Identifier: MIT
-- Inputs of a fuzzer that are kept, without the fuzzer: its target has to go through all of them.

local assert = require "luassert"
local toolchain = require "spec.embed.toolchain"

---@param sources string[]   the target, and what it needs
---@param packages string?   of pkg-config
---@param options string     for the compiler
---@param folder string      of the inputs
return function(sources, packages, options, folder)
  local workshop = toolchain.open()
  local _held <close> = setmetatable({}, { __close = function() workshop:close() end })
  workshop:compile({ "spec/support/corpus.c", table.unpack(sources) }, "corpus", packages,
    "-I src -g -fsanitize=address,undefined -fno-sanitize-recover=undefined " .. options)
  local files = {}
  local list <close> = assert(io.popen(("ls %s/*"):format(folder)))
  for path in list:lines() do files[#files + 1] = path end
  assert.is_true(#files > 20)
  local result = workshop:execute("corpus", table.unpack(files))
  assert.equal(("%d inputs\n"):format(#files), result.out, result.err)
  assert.equal(0, result.code)
end
