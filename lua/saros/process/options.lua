-- SPDX-License-Identifier: MIT
-- What the functions of async.process are given, checked and made ready for the system.

local misuse = require "saros.misuse"
local core = require "saros.process.core"

local options = {}

---What a child gets as one of its standard streams.
---@alias saros.Stdio "pipe"|"inherit"|"null"|saros.Stream|file*

---@class saros.SpawnOptions
---@field input? string|number|(async fun(): string?)  what the child reads from its standard input: text, or a function
---  that gives pieces of it until nil and may wait
---@field cwd? string                where it runs; a program with a "/" in its name is looked for from there
---@field env? table<string, string|number>  its whole environment
---@field extend_env? table<string, string|number|false>  changes to the environment that it inherits; false removes
---@field stdin? saros.Stdio
---@field stdout? saros.Stdio
---@field stderr? saros.Stdio|"stdout"  "stdout": the same as that
---@field check? boolean             raises ProcessError unless the child ends with exit code 0
---@field timeout? number            seconds until it is killed, and TimeoutError is raised
---@field max_output? integer        bytes of one of the two outputs, beyond which it is killed and LimitError is raised
---@field group? boolean             it leads a group of processes of its own, and `kill` reaches them all
---@field uid? integer
---@field gid? integer
---@field grace? number              seconds between SIGTERM and SIGKILL when it is closed (2)

local function is_boolean(value)
  return type(value) == "boolean", "boolean"
end

local function is_id(value)
  return math.type(value) == "integer" and value >= 0 and value < 2 ^ 32 - 1, "integer of at least 0"
end

local function is_seconds(value)
  return type(value) == "number" and value == value, value ~= value and "a number that is not NaN" or "number"
end

local function has_no_nul(value)
  return type(value) == "string" and not value:find("\0", 1, true), "string without NUL bytes"
end

local function is_table(value)
  return type(value) == "table", "table"
end

local words = { pipe = true, inherit = true, null = true }

-- Not closed: that is found when its descriptor is asked for.
local function is_stdio(value)
  return words[value] or core.descriptor(value) ~= false or options.is_file(value),
    '"pipe", "inherit", "null", File or Stream'
end

-- A File of async.fs: it gives its descriptor by a method `fileno`.
function options.is_file(value)
  return type(value) == "userdata" and core.descriptor(value) == false and pcall(function() return value.fileno end)
    and type(value.fileno) == "function"
end

local checks = {
  input = function(value)
    local kind = type(value)
    return kind == "string" or kind == "number" or kind == "function", "string or function"
  end,
  cwd = has_no_nul,
  env = is_table,
  extend_env = is_table,
  stdin = is_stdio,
  stdout = is_stdio,
  stderr = function(value)
    local ok, expected = is_stdio(value)
    return ok or value == "stdout", expected .. ' or "stdout"'
  end,
  check = is_boolean,
  timeout = is_seconds,
  max_output = function(value)
    return math.type(value) == "integer" and value >= 0, "integer of at least 0"
  end,
  group = is_boolean,
  uid = is_id,
  gid = is_id,
  grace = is_seconds,
}

local function check_argv(caller, argv)
  if type(argv) ~= "table" then misuse.type(caller, 1, "list of strings", argv) end
  if not misuse.is_list(argv) then misuse.argument(caller, 1, "list of strings expected, got " .. misuse.kind(argv)) end
  if #argv == 0 then misuse.argument(caller, 1, "the list is empty: there is no program to run") end
  local args = {}
  for i, value in ipairs(argv) do
    if type(value) ~= "string" and (type(value) ~= "number" or i == 1) then
      misuse.argument(caller, 1, ("item %d of the list: string expected, got %s"):format(i, type(value)))
    end
    args[i] = tostring(value)
    if args[i]:find("\0", 1, true) then
      misuse.argument(caller, 1, ("item %d of the list must not contain NUL bytes"):format(i))
    end
  end
  return args
end

-- Checks one variable of an environment.
local function check_variable(caller, option, name, value)
  local function refuse(message)
    misuse.argument(caller, 2, ("option '%s': %s"):format(option, message))
  end
  if type(name) ~= "string" or name == "" or name:find "[=%z]" then
    refuse(("'%s' is no name of a variable"):format(tostring(name)))
  end
  local is_text = type(value) == "string" or type(value) == "number"
  if not is_text and not (value == false and option == "extend_env") then
    refuse(("variable '%s': string expected, got %s"):format(name, type(value)))
  elseif is_text and tostring(value):find("\0", 1, true) then
    refuse(("variable '%s' must not contain NUL bytes"):format(name))
  end
end

-- The environment as a list of "NAME=value", in order; nil: the child inherits ours.
local function environment_of(given)
  if not given.env and not given.extend_env then return nil end
  local variables, list = given.env or core.environment(), {}
  for name, value in pairs(given.extend_env or {}) do
    variables[name] = value or nil
  end
  for name, value in pairs(variables) do
    list[#list + 1] = name .. "=" .. tostring(value)
  end
  table.sort(list)
  return list
end

local function check_contradictions(caller, given)
  if given.env and given.extend_env then
    misuse.argument(caller, 2, "options 'env' and 'extend_env' exclude each other")
  elseif given.input ~= nil and given.stdin ~= nil and given.stdin ~= "pipe" then
    misuse.argument(caller, 2, "options 'input' and 'stdin' exclude each other")
  end
end

local function check_options(caller, given)
  if given == nil then return {} end
  if type(given) ~= "table" then misuse.type(caller, 2, "table", given) end
  for name, value in pairs(given) do
    if not checks[name] then misuse.unknown_option(caller, 2, name, checks) end
    local ok, expected = checks[name](value)
    if not ok then
      misuse.argument(caller, 2, ("option '%s': %s expected, got %s"):format(name, expected, type(value)))
    end
  end
  for _, option in ipairs { "env", "extend_env" } do
    for name, value in pairs(given[option] or {}) do
      check_variable(caller, option, name, value)
    end
  end
  check_contradictions(caller, given)
  return given
end

-- The descriptor of what a child is to have, and whether that is a stream's: the one place that knows of Streams, of
-- Lua's files and of Files.
local function descriptor_of(caller, option, value)
  local fd, is_stream = core.descriptor(value), io.type(value) == nil
  if fd == false then
    local ok, number = pcall(value.fileno, value) -- one that is closed raises
    fd, is_stream = ok and number, false
  end
  if fd then return fd, is_stream end
  misuse.argument(caller, 2, ("option '%s': it is closed, or has no descriptor"):format(option))
end

local numbers = { stdin = 0, stdout = 1, stderr = 2 }

-- Notes what the child gets as a standard stream.
local function plan_stdio(caller, plan, option, value)
  if value == "inherit" then
    plan[option] = numbers[option]
  elseif type(value) == "string" then
    plan[option] = value
  else
    local fd, is_stream = descriptor_of(caller, option, value)
    plan[option] = fd
    if is_stream and fd > 2 then plan.shared[#plan.shared + 1] = { option = option, stream = value } end
  end
end

---Checks what `run` or `spawn` was given, and gives what the system is to be asked.
---@param caller string
---@param argv table
---@param given? saros.SpawnOptions
---@param defaults table<string, string>  of the three streams
---@return table
function options.plan(caller, argv, given, defaults)
  local args = check_argv(caller, argv)
  given = check_options(caller, given)
  local plan = {
    args = args, env = environment_of(given), cwd = given.cwd, uid = given.uid, gid = given.gid, group = given.group,
    input = given.input, check = given.check, timeout = given.timeout, max_output = given.max_output,
    grace = given.grace or 2, shared = {}, lent = {},
  }
  for option, default in pairs(defaults) do
    local value = given[option]
    if value == nil then value = default end
    if option == "stdin" and given.input ~= nil then value = "pipe" end
    plan_stdio(caller, plan, option, value)
  end
  return plan
end

local children_of = setmetatable({}, { __mode = "k" }) -- by stream: how many children have it

---The child has ended: the streams that it had are ours alone again, unless others have them, and do not block.
---@param plan table
function options.give_back(plan)
  local lent = plan.lent
  plan.lent = {}
  for _, stream in ipairs(lent) do
    children_of[stream] = children_of[stream] - 1
    local fd = children_of[stream] == 0 and core.descriptor(stream)
    if fd then core.unblock(fd) end
  end
end

---Starts the child: it, and the streams that lead to it. One that has a stream of ours would have it block for both of
---us, as children expect, so it is given one of its own where the system opens the thing once more. Sockets are none of
---those: they do block until the child has ended.
---@param plan table
---@return table child
---@return saros.Stream? stdin
---@return saros.Stream? stdout
---@return saros.Stream? stderr
function options.start(plan)
  local opened <close> = setmetatable({}, { __close = function(list, err)
    for _, fd in ipairs(list) do core.close(fd) end
    if err ~= nil then options.give_back(plan) end
  end })
  for _, each in ipairs(plan.shared) do
    local own = core.reopen(plan[each.option])
    if own then
      opened[#opened + 1] = own
      plan[each.option] = own
    else
      plan.lent[#plan.lent + 1] = each.stream
      children_of[each.stream] = (children_of[each.stream] or 0) + 1
    end
  end
  return core.spawn(plan)
end

return options
