-- SPDX-License-Identifier: MIT
-- Runs shell commands side by side, a few at a time, shows their output live, each line with the number of its command,
-- and tells in the end how they went. Ctrl-C ends them all.
--
--   lua5.4 examples/parallel.lua                         a demonstration
--   lua5.4 examples/parallel.lua 4 'make test' 'du -sh /usr'   four at a time
--   printf '%s\n' 'sleep 1' 'sleep 2' | lua5.4 examples/parallel.lua 2 -    commands from standard input

local async = require "saros"

local function show_lines(number, stream)
  for line in stream:lines() do
    async.stdout:write("[", number, "] ", line, "\n")
  end
end

-- Runs one command; the exit code or the name of the signal that ended it.
local function run(command, number)
  local child <close> = async.process.spawn({ "sh", "-c", command }, { stdin = "null", group = true })
  async.gather(function() show_lines(number, child.stdout) end, function() show_lines(number, child.stderr) end)
  local code, signal = child:wait()
  return code or signal
end

local function main(limit, ...)
  local commands = { ... }
  if commands[1] == "-" then
    commands = {}
    for line in async.stdin:lines() do commands[#commands + 1] = line end
  end
  local results = async.map(commands, run, { limit = limit })
  for number, result in ipairs(results) do
    async.stdout:write(result == 0 and "ok      " or ("%-8s"):format(result), commands[number], "\n")
  end
end

local demonstration = {
  3, "echo first; sleep 1; echo last", "echo beside it", "echo to stderr >&2; exit 2", "kill -9 $$",
}

if #arg == 0 then
  async.run(main, table.unpack(demonstration))
else
  async.run(main, assert(math.tointeger(tonumber(arg[1])), "how many at a time?"), table.unpack(arg, 2))
end
