-- SPDX-License-Identifier: MIT
-- async.process: child processes. Loaded by saros at its first use.

local internal = require "saros.internal"
local misuse = require "saros.misuse"
local options = require "saros.process.options"
local child = require "saros.process.child"

---@class saros
---@field process saros.ProcessModule

---A program that cannot be started raises SystemError with `path`.
---@class saros.ProcessModule
local process = {}

local all_pipes = { stdin = "pipe", stdout = "pipe", stderr = "pipe" }
local outputs = { stdin = "null", stdout = "pipe", stderr = "pipe" }

---Runs a program to its end and returns what it wrote. Both outputs are read while the input is written. SystemError
---with `path` if it cannot be started; ProcessError, TimeoutError, LimitError where the options say so. If it is
---cancelled, or fails in any way, the child is told to end, then killed, and reaped before the error is raised.
---@async
---@param argv string[]  the program, looked for in PATH unless there is a "/" in its name, and its arguments
---@param given? saros.SpawnOptions
---@return saros.ProcessResult
function process.run(argv, given)
  local plan = options.plan("run", argv, given, outputs)
  internal.checkpoint "run"
  return child.new(plan):communicate()
end

---Starts a program. Its pipes are streams; they and the child are closed when the block is left that holds it in a
---`<close>` variable. SystemError with `path`.
---@param argv string[]
---@param given? saros.SpawnOptions
---@return saros.Process
function process.spawn(argv, given)
  local plan = options.plan("spawn", argv, given, all_pipes)
  local self = child.new(plan)
  if plan.input ~= nil then child.feed(self) end
  return self
end

misuse.guard(process)

return process
