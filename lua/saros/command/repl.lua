-- SPDX-License-Identifier: MIT
-- The prompt: reads Lua line by line and runs it, each chunk in a task of its own, while all other tasks go on.

local async = require "saros"
local editor = require "saros.command.editor"
local history = require "saros.command.history"
local internal = require "saros.internal"
local program = require "saros.command.program"

local repl = {}

local function complain(text)
  io.stdout:flush()
  io.stderr:write(text, "\n")
end

local function prompt(name, default)
  local value = _G[name]
  return value == nil and default or tostring(value)
end

-- ---- reading ----------------------------------------------------------------------------------------

local function read_line(session, text)
  local line = session.editor:read(text)
  if line and session.history:add(line) then session.editor:remember(line) end
  return line
end

local function is_incomplete(message)
  return message:find "<eof>$" ~= nil or message:find "near <eof>" ~= nil
end

-- Reads on until the lines are a whole chunk. Returns it, or nil and a message; nothing at all at the end of input.
local function read_chunk(session)
  local text = read_line(session, prompt("_PROMPT", "> "))
  if not text then return end
  text = text:gsub("^=", "return ") -- for the fingers of those who know older versions of Lua
  local expression = load("return " .. text, "=stdin")
  if expression then return expression end
  while true do
    local chunk, message = load(text, "=stdin")
    if chunk or not is_incomplete(message) then return chunk or false, message end
    local line = read_line(session, prompt("_PROMPT2", ">> "))
    if not line then return false, message end
    text = text .. "\n" .. line
  end
end

-- ---- running ----------------------------------------------------------------------------------------

local function show(count, ...)
  if count == 0 then return end
  local ok, message = pcall(print, ...)
  if not ok then complain(("error calling 'print' (%s)"):format(tostring(message))) end
end

-- `ok` and the rest are what the task's await gave.
local function tell(task, ok, ...)
  if ok then
    show(select("#", ...), ...)
  else
    local err = ...
    complain(async.is_error(err) and internal.account(err) or program.text_of(err) .. "\n" .. task:traceback())
  end
end

local at_prompt = program.caller "=stdin"

-- Ctrl-C comes to who waits for the task, which is us.
local function run_chunk(chunk)
  local task <close> = at_prompt(async.spawn, chunk)
  task:set_name "prompt"
  local outcome = table.pack(async.pcall(task.await, task))
  if task:done() then
    task:error() -- it has been looked at, be it that Ctrl-C came to both
    tell(task, table.unpack(outcome, 1, outcome.n))
    return
  end
  task:cancel()
  async.wait { task }
  complain(tostring(outcome[2]))
end

-- One chunk. Returns whether there may be more.
local function step(session)
  internal.interrupt_again()
  local chunk, message = read_chunk(session)
  if chunk == nil then return false end
  if chunk then run_chunk(chunk) else complain(message) end
  return true
end

---Reads and runs until the input ends.
---@async
function repl.run()
  print(program.version())
  local past <close> = history.open()
  local session = { editor = editor.open(), history = past }
  for _, line in ipairs(past.lines) do session.editor:remember(line) end
  while true do
    local ok, goes_on = async.catch("InterruptError", step, session)
    if ok and not goes_on then break end
    if not ok then print() end
  end
  print()
end

return repl
