-- SPDX-License-Identifier: MIT
-- Files that are written whole or not at all: into a new file beside the one meant, which is then
-- renamed. However the writing ends, nothing else is left behind. A link stays one, and a file that was
-- there keeps its permissions. What is no file (/dev/null, a pipe) cannot be replaced: it is written to.

local async = require "saros"
local core = require "saros.http.core"

local file = {}

local function fail(call, path, code, message)
  error(async.error {
    name = "SystemError", code = code, syscall = call, path = path,
    message = ("%s '%s': %s"):format(call, path, message),
  }, 0)
end

-- Raises what a method of a file reported.
local function check(call, path, ok, message, number)
  if not ok then fail(call, path, core.error_name(number), message) end
end

local function open(path, writes)
  local handle, code, message = core.open(path, writes)
  if not handle then fail("open", path, code, message) end
  return handle
end

local Draft = {}

local metatable = { __name = "Draft", __index = Draft }

---@param data string
function Draft:write(data)
  check("write", self.path, self.handle:write(data))
end

---The file is complete: it takes its place.
function Draft:keep()
  local handle = self.handle
  self.handle = nil -- closed whether that succeeds or not
  check("write", self.path, handle:close())
  if self.name then
    local ok, code, message = core.rename(self.name, self.target)
    if not ok then fail("rename", self.path, code, message) end
  end
  self.name = nil
end

function metatable.__close(self)
  if self.handle then self.handle:close() end
  if self.name then core.remove(self.name) end
end

---A file that will be `path` when it is kept, and is removed when it is closed before.
---@param path string
---@param mode? integer who may use it; unless said otherwise who might use the one before, or all
function file.draft(path, mode)
  local kind, target, former = core.target(path)
  if kind == "device" then
    return setmetatable({ path = path, handle = open(path, true) }, metatable)
  end
  if kind == "directory" then fail("open", path, "EISDIR", "Is a directory") end
  local handle, name, message = core.create(target or path, mode or former)
  if not handle then fail("open", path, name, message) end
  return setmetatable({ path = path, target = target or path, handle = handle, name = name }, metatable)
end

---Opens a file to be read; its size besides, nil if it has none.
---@param path string
---@return file*
---@return integer? size
function file.open(path)
  local handle = open(path)
  local ok, reason, code = handle:read(0)
  if not ok and reason then
    handle:close()
    check("read", path, ok, reason, code)
  end
  local size = handle:seek("end")
  handle:seek("set")
  return handle, size
end

return file
