-- SPDX-License-Identifier: MIT
-- Files that are written piece by piece and are there whole or not at all: into a new file beside the one meant, which
-- then takes its place. However the writing ends, nothing else is left behind. A link stays one, and a file that was
-- there keeps its permissions. What is no file (/dev/null, a pipe) cannot be replaced: it is written to.

local core = require "saros.fs.core"
require "saros.fs.file"

local draft = {}

---A file that vanishes when it is closed, unless it is kept.
---@async
---@param path string   where it is to be
---@param mode? integer  who may use it; unless said otherwise who might use the one before, or all
---@return saros.File
function draft.open(path, mode)
  return core.draft(path, nil, nil, nil, mode)
end

---It is complete: closes it, and puts it in its place.
---@async
---@param file saros.File
function draft.keep(file)
  core.keep(file, false)
end

return draft
