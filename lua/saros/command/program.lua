-- SPDX-License-Identifier: MIT
-- What the saros command runs in its one run: code and modules from the command line, a script, the prompt.

local async = require "saros"

local program = {}

---The versions of what runs.
---@return string
function program.version()
  local internal = require "saros.internal"
  return ("saros %s  %s  libuv %s"):format(internal.version, _VERSION, internal.uv_version())
end

---A function that calls another one with the arguments behind it, and for its traces stands in the first line of
---`source`: tasks of the command's own are spawned where the user's code begins.
---@param source string  as of `load`
---@return fun(fn: function, ...: any): any, any
function program.caller(source)
  return load("local fn = ... local first, second = fn(select(2, ...)) return first, second", source)
end

-- `name` or `global=name`; what stands behind a hyphen is a version and no part of the global's name.
local function require_into_global(text)
  local global, name = text:match "^([^=]+)=(.*)$"
  if not global then global, name = text:match "^[^-]*", text end
  _G[global] = program.caller "=(command line)"(require, name)
end

-- Standard input as a chunk: others go on while it is read.
local function load_input()
  local text = async.stdin:read_all()
  if text:sub(1, 3) == "\xEF\xBB\xBF" then text = text:sub(4) end
  if text:sub(1, 1) == "#" then text = text:gsub("^[^\n]*", "", 1) end
  return load(text, "=stdin")
end

-- What there is to say when a chunk cannot be loaded: no code of the user's has run, so there is no traceback.
local Refusal = {}
Refusal.__index = Refusal

---The message of an error, should it be that there was nothing to run.
---@param err any
---@return string?
function program.refusal(err)
  return getmetatable(err) == Refusal and err.message or nil
end

local function checked(chunk, message)
  if not chunk then error(setmetatable({ message = message }, Refusal)) end
  return chunk
end

local function is_terminal()
  return require("saros.process.core").terminal(0) ~= nil
end

local function perform(step)
  if step.kind == "module" then
    require_into_global(step.text)
  else
    checked(load(step.text, "=(command line)"))()
  end
end

---An error value in the words of the standalone lua.
---@param err any
---@return string
function program.text_of(err)
  local meta = getmetatable(err)
  if type(err) == "string" or type(err) == "number" or type(meta) == "table" and meta.__tostring then
    return tostring(err)
  end
  return ("(error object is a %s value)"):format(type(err))
end

---Runs it all, in the order of the command line.
---@async
---@param found saros.command.Options
function program.run(found)
  local has_code = #found.steps > 0
  local reads_input = not found.script and not has_code and not found.is_interactive
  local prompts = found.is_interactive or reads_input and is_terminal()
  arg = found.arg -- luacheck: ignore 121
  if not found.script or found.script == "-" or has_code then rawset(_G, "async", async) end
  for _, step in ipairs(found.steps) do perform(step) end
  if found.script then
    checked((found.script == "-" and load_input or loadfile)(found.script))(table.unpack(found.arg))
  elseif reads_input and not prompts then
    checked(load_input())()
  end
  if not prompts then return end
  if rawget(_G, "async") == nil then rawset(_G, "async", async) end
  require("saros.command.repl").run()
end

return program
