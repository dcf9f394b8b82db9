-- SPDX-License-Identifier: MIT
-- A child process as its user has it.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local core = require "saros.process.core"
local options = require "saros.process.options"

local child = {}

---@class saros.Process
---@field pid integer
---@field stdin? saros.Stream   what the child reads, where that is a pipe
---@field stdout? saros.Stream  what it writes
---@field stderr? saros.Stream
---@field package handle table  what C knows of it
---@field package plan table    how it was started
---@field package feeder? saros.Task  writes the option `input`
local Process = {}
local meta = { __name = "process", __index = Process }

---What a program that has ended leaves. `exit_code` is nil if a signal ended it.
---@class saros.ProcessResult
---@field exit_code? integer
---@field signal? string  "SIGKILL"
---@field stdout? string  nil if that was no pipe
---@field stderr? string

local function check_self(method, self)
  if getmetatable(self) ~= meta then misuse.self("process:" .. method, self) end
end

---Starts what was planned.
---@param plan table
---@return saros.Process
function child.new(plan)
  local handle, stdin, stdout, stderr = options.start(plan)
  local self = { pid = handle:pid(), stdin = stdin, stdout = stdout, stderr = stderr, handle = handle, plan = plan }
  return setmetatable(self, meta)
end

local function note_end(self, ...)
  options.give_back(self.plan)
  return ...
end

-- Every wait for the end of the child is this one.
local function wait_for_end(self)
  return note_end(self, self.handle:wait())
end

-- ---- what goes in and out -------------------------------------------------------------------------

-- A child may end, or close its input, before it has read all of it.
local function is_broken_pipe(err)
  return async.is_error(err, "SystemError") and (err.code == "EPIPE" or err.code == "ECONNRESET")
end

-- Calls a method of the stream to a child. False: the child does not read any more.
local function reaches(method, stream, ...)
  local ok, err = async.pcall(stream[method], stream, ...)
  if not ok and not is_broken_pipe(err) then error(err, 0) end
  return ok
end

-- Writes the input and ends it; that nobody reads it is no failure. What its function raises is one, whatever it is.
local function write_input(stream, input)
  local _ <close> = stream
  if type(input) ~= "function" then
    if not reaches("write", stream, input) then return end
  else
    for piece in input do
      if not reaches("write", stream, piece) then return end
    end
  end
  reaches("shutdown", stream)
end

---Has the option `input` written by a task of its own: the program reads the outputs itself.
---@param self saros.Process
function child.feed(self)
  local stdin, input = self.stdin, self.plan.input
  self.stdin = nil
  self.feeder = async.spawn(write_input, stdin, input):set_name "input of a process"
end

local function too_large(name, limit)
  local message = ("%s: more than %d bytes"):format(name, limit)
  return async.error { name = "LimitError", code = "ETOOLARGE", message = message, limit = limit }
end

-- All that comes, but no more than a limit.
local function read_output(stream, name, limit)
  if not limit then return stream:read_all() end
  local pieces, size = {}, 0
  for piece in stream:chunks() do
    size = size + #piece
    if size > limit then error(too_large(name, limit), 0) end
    pieces[#pieces + 1] = piece
  end
  return table.concat(pieces)
end

-- Everything that has to happen until the child has ended and its pipes have, side by side.
local function jobs_of(self, input, result)
  local jobs = { function() result.exit_code, result.signal = wait_for_end(self) end }
  for _, name in ipairs { "stdout", "stderr" } do
    local stream = self[name]
    if stream then
      jobs[#jobs + 1] = function() result[name] = read_output(stream, name, self.plan.max_output) end
    end
  end
  if self.feeder then
    jobs[#jobs + 1] = self.feeder
  elseif self.stdin and input ~= nil then
    jobs[#jobs + 1] = function() write_input(self.stdin, input) end
  elseif self.stdin then
    self.stdin:close()
  end
  return jobs
end

-- The error of a program that did not do what it should: the end of what it said about that goes into the message.
local function failure_of(self, result)
  local how = result.signal and "was ended by " .. result.signal or "exited with code " .. result.exit_code
  local said = (result.stderr or ""):match "([^\n]+)%s*$"
  local message = ("%s %s%s"):format(self.plan.args[1], how, said and ": " .. said or "")
  return async.error {
    name = "ProcessError", code = "EEXIT", message = message, exit_code = result.exit_code, signal = result.signal,
    stdout = result.stdout, stderr = result.stderr,
  }
end

local function communicate(self, input)
  local result = {}
  async.gather(jobs_of(self, input, result))
  return result
end

-- ---- the end --------------------------------------------------------------------------------------

local LOOK_INTERVAL = 0.01 -- seconds between two looks whether a group is empty

-- Waits until the child has ended, and its group is empty if it has one.
local function wait_for_all(self)
  wait_for_end(self)
  while self.plan.group and self.handle:kill(0) do
    async.sleep(LOOK_INTERVAL)
  end
end

-- Tells it to end; whoever has not done so a moment later is killed.
local function reap(self)
  local handle = self.handle
  if not handle:kill(core.signal "TERM") then return end
  if async.move_on_after(self.plan.grace, wait_for_all, self) then return end
  handle:kill(core.signal "KILL")
  wait_for_end(self)
end

local function end_all(self)
  if self.feeder then self.feeder:close() end
  reap(self)
end

local function close(self)
  if self.feeder then self.feeder:cancel() end
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if self[name] then self[name]:abort() end
  end
  local has_ended = not self.handle:kill(0) and (not self.feeder or self.feeder:done())
  if has_ended then return options.give_back(self.plan) end
  if internal.may_wait() then
    async.shield(function() end_all(self) end)
  else
    self.handle:kill(core.signal "KILL")
  end
end

-- ---- methods --------------------------------------------------------------------------------------

---Waits until the child has ended, whoever still holds its pipes: the exit code, or nil and the signal that ended it.
---Any number of tasks may wait. Cancelling it does nothing to the child.
---@async
---@return integer? exit_code
---@return string? signal  "SIGKILL"
function Process:wait()
  check_self("wait", self)
  return wait_for_end(self)
end

---Sends a signal, to its whole group if it has one. False if the child has ended.
---@param signal? string|integer  "SIGTERM" (the default), "TERM" or its number
---@return boolean
function Process:kill(signal)
  check_self("kill", self)
  local number = signal == nil and "TERM" or signal
  if type(number) == "string" then
    number = core.signal(number)
    if not number then misuse.argument("process:kill", 1, ("there is no signal '%s'"):format(signal)) end
  elseif math.type(number) ~= "integer" then
    misuse.type("process:kill", 1, "name or number of a signal", signal)
  elseif number < 0 or number > 64 then
    misuse.argument("process:kill", 1, ("there is no signal %d"):format(number))
  end
  return self.handle:kill(number)
end

---Writes the input and ends it, reads both outputs meanwhile, and waits for the end of all of them and of the child.
---That the child does not read its input is no failure. If it is cancelled, or fails, the child is killed and reaped.
---@async
---@param input? string|number|(async fun(): string?)  as the option `input`
---@return saros.ProcessResult
function Process:communicate(input)
  check_self("communicate", self)
  local kind = type(input)
  if input == nil then
    input = self.plan.input
  elseif kind ~= "string" and kind ~= "number" and kind ~= "function" then
    misuse.type("process:communicate", 1, "string or function", input)
  elseif not self.stdin then
    misuse.argument("process:communicate", 1, "its standard input is no pipe")
  end
  local _ <close> = self -- in a scope that is cancelled nothing else is done
  local result = async.wait_for(communicate, self.plan.timeout, self, input)
  if self.plan.check and result.exit_code ~= 0 then error(failure_of(self, result), 0) end
  return result
end

---Closes the pipes, and ends the child if it still runs: by SIGTERM, and by SIGKILL a moment later. Waits until it is
---reaped; where nobody can wait it is killed at once. Can be called again.
---@async
function Process:close()
  check_self("close", self)
  close(self)
end

meta.__close = close

function meta:__tostring()
  local has_ended, code, signal = self.handle:exited()
  local state = has_ended and (signal or ("exited with %d"):format(code)) or "running"
  return ("process %d (%s, %s)"):format(self.pid, self.plan.args[1], state)
end

misuse.guard(Process)
child.methods = Process

return child
