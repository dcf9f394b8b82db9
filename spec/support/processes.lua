-- SPDX-License-Identifier: MIT
-- What the specs of child processes share: after each test as many descriptors are open as before, and there is no
-- child, alive or dead, that was not there.

local assert = require "luassert"
local async = require "saros"
local proc = require "spec.support.proc"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"

local processes = {}

-- The interpreter that runs the specs.
local lowest = 0
while arg and arg[lowest - 1] do lowest = lowest - 1 end
processes.lua = lowest < 0 and arg[lowest] or "lua5.4"

-- Sanitizers want to be first in the interpreter only; `sh` and the like are run without them.
local function plain(given)
  local options = {}
  for name, value in pairs(given or {}) do options[name] = value end
  if not options.env then
    options.extend_env = options.extend_env or {}
    options.extend_env.LD_PRELOAD = false
  end
  return options
end

function processes.run(argv, given)
  return async.process.run(argv, plain(given))
end

function processes.spawn(argv, given)
  return async.process.spawn(argv, plain(given))
end

-- The same with a script for `sh`.
function processes.shell(script, given)
  return processes.run({ "sh", "-c", script }, given)
end

function processes.start_shell(script, given)
  return processes.spawn({ "sh", "-c", script }, given)
end

-- A program in Lua, whose first line has `async`; it is an interpreter of its own.
function processes.script(source, given)
  return async.process.run({ processes.lua, "-e", 'local async = require "saros" ' .. source }, given)
end

-- The body of an `it`: fn() in a run on the virtual clock, where whatever is left over is a failure.
function processes.counted(fn)
  return function()
    async.run(processes.run, { "true" }) -- what is made once in a process is made
    collectgarbage() -- of others
    local descriptors, children = proc.descriptors(), proc.children()
    testing.run(fn)
    assert.equal(descriptors, proc.descriptors())
    assert.equal(children, proc.children())
  end
end

-- Whether there is such a process. One that has ended is none, though nobody may see to its remains for long.
function processes.is_alive(pid)
  local stat <close> = io.open(("/proc/%d/stat"):format(pid))
  if stat then return not stat:read("a"):find "%) [ZX]" end
  return os.execute(("kill -0 %d 2>/dev/null"):format(pid)) == true
end

-- Waits until `condition()` holds; how long that takes is up to the system.
function processes.eventually(condition)
  if not tasks.eventually(condition) then error("it never came true", 2) end
end

return processes
