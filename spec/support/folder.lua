-- SPDX-License-Identifier: MIT
-- A folder for one spec, and what leaves nothing open behind.

local assert = require "luassert"
local proc = require "spec.support.proc"
local testing = require "saros.testing"

local folder = {}

---The body of an `it`: runs fn(path) as the main task of a test, with a new folder that is removed afterwards. No
---descriptor may be open then that was not before.
function folder.with(fn)
  return function()
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute(("mkdir '%s'"):format(path)))
    require("saros").run(require("saros").fs.exists, path) -- what stays open of the first use is there before we count
    collectgarbage() -- what the specs before have left
    local before = proc.descriptors()
    local ok, err = pcall(testing.run, fn, path)
    os.execute(("rm -rf '%s'"):format(path))
    if not ok then error(err, 0) end
    collectgarbage()
    -- Threads that were left behind may still be about to close theirs.
    local limit = os.time() + 20
    while proc.descriptors() ~= before and os.time() < limit do os.execute "sleep 0.01" end
    assert.equal(before, proc.descriptors())
  end
end

---Makes a file by Lua's own means.
function folder.write(path, data)
  local file <close> = assert(io.open(path, "wb"))
  file:write(data)
end

---What is in a file, by Lua's own means; nil if there is none.
function folder.read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

---The names in a folder, sorted and joined by blanks, by other means than ours.
function folder.names(path)
  local pipe <close> = assert(io.popen(("LC_ALL=C ls -A '%s'"):format(path)))
  return (pipe:read("a"):gsub("\n$", ""):gsub("\n", " "))
end

return folder
