-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: child processes and signals.
local async = require "saros"
local check = require "spec.faults.check"

local process = require "saros.process"

local scenarios = {}

local function scenario(name, fn)
  scenarios[name] = check.test(fn)
end

scenario("running", function()
  local result = process.run({ "cat" }, { input = "text", extend_env = { SAROS_A = "1" }, cwd = "/" })
  assert(result.stdout == "text" and result.stderr == "" and result.exit_code == 0)
end)

scenario("failing", function()
  check.raises("ENOENT", function()
    local ok, err = pcall(process.run, { "/nowhere" })
    error(not ok and async.is_error(err) and err.code or err, 0)
  end)
  check.raises("false exited with code 1", process.run, { "false" }, { check = true })
end)

scenario("killing", function()
  local child <close> = process.spawn({ "cat" }, { stderr = "null" })
  local waiting = async.spawn(child.wait, child)
  async.sleep(0)
  child:kill "KILL"
  local _, signal = waiting:await()
  assert(signal == "SIGKILL")
end)

scenario("cancelling", function()
  local task = async.spawn(process.run, { "cat" }, { stdin = "pipe", input = function() async.sleep(math.huge) end })
  async.sleep(0)
  async.sleep(0)
  task:cancel()
  check.fails(task, "CancelledError")
end)

scenario("signals", function()
  local signals <close> = async.signals("USR1", "USR2")
  local waiting = async.spawn(function() return signals() end)
  async.sleep(0)
  os.execute "kill -USR1 $PPID"
  assert(waiting:await() == "SIGUSR1")
  os.execute "kill -USR2 $PPID"
  local index, name = async.select { async.event(), signals }
  assert(index == 2 and name == "SIGUSR2")
end)

scenario("standard", function()
  async.stderr:write ""
  -- A stream whose reading failed for want of memory has ended with that, and of this one there is no other.
  local ok, data = async.pcall(async.stdin.read, async.stdin)
  assert(data == nil or not ok and data.code == "ENOMEM", data)
end)

return scenarios
