-- SPDX-License-Identifier: MIT
-- The saros command: what one call of it does, and its exit status.

local async = require "saros"
local internal = require "saros.internal"
local options = require "saros.command.options"
local program = require "saros.command.program"

local command = {}

local INTERRUPTED = 130

local function complain(text)
  io.stdout:flush()
  io.stderr:write("saros: ", text, "\n")
end

-- An error in the words of the standalone lua. `task` is the one that failed with it.
local function describe(err, task)
  local refusal = program.refusal(err)
  if refusal then return refusal end
  if type(err) == "string" or async.is_error(err) then return tostring(err) end -- they bring their traceback along
  local text = program.text_of(err)
  return task and text .. "\n" .. task:traceback() or text
end

-- Whether there is nothing in it but Ctrl-C, or that too.
local function look_for_interrupt(err)
  if async.is_error(err, "InterruptError") then return true, true end
  if not async.is_error(err, "GroupError") or not err:find "InterruptError" then return false, false end
  local _, rest = err:split "InterruptError"
  return true, rest == nil
end

local function status_of(err, task)
  local came, is_all = look_for_interrupt(err)
  if not is_all then complain(describe(err, task)) end
  return came and INTERRUPTED or 1
end

-- Where the program of these options begins, as a name for `load`.
local function source_of(found)
  if found.script and found.script ~= "-" then return "@" .. found.script end
  return #(found.steps or {}) > 0 and "=(command line)" or found.jobs and "=saros jobs" or "=stdin"
end

-- Runs `body` as async.run does. Returns the exit status.
local function run(body, source)
  local main
  local ok, err = program.caller(source)(pcall, async.run, function()
    main = async.current_task()
    internal.answer_signal(package.config:sub(1, 1) == "\\" and "SIGBREAK" or "SIGUSR1")
    body()
  end)
  if ok then return 0 end
  return status_of(err, main)
end

local function run_recorded(body, source, path, title)
  local timeline = require "saros.timeline"
  local record = timeline.new()
  local file, problem = io.open(path, "w")
  if not file then
    complain(problem)
    return 1
  end
  local function finish()
    if io.type(file) ~= "file" then return end
    file:write(record:draw(title))
    file:close()
  end
  local exit = os.exit
  os.exit = function(...) -- luacheck: ignore 122
    finish()
    exit(...)
  end
  local status = run(function()
    record:start()
    body()
  end, source)
  finish()
  return status
end

local function body_of(found)
  if found.jobs then
    return function()
      require("saros.jobs").show(found.jobs.url, found.jobs.queue, { watch = found.jobs.watch })
    end
  end
  return function() program.run(found) end
end

local function start(found)
  if found.shows_version or found.shows_help then
    io.stdout:write(found.shows_help and options.usage or program.version() .. "\n")
    return 0
  end
  if found.warns then warn "@on" end
  if found.is_debug then async.debug(true) end
  local body, source = body_of(found), source_of(found)
  if found.timeline then return run_recorded(body, source, found.timeline, found.script or "saros") end
  return run(body, source)
end

---Does what the words of a command line say, and ends the process unless that is to end by itself with status 0.
---@param words table  what the standalone lua gives as `arg`
function command.main(words)
  words = table.move(words, 0, #words, 0, {})
  words[0] = "saros"
  local found, problem = options.read(words)
  if not found then
    complain(problem .. "\n" .. options.usage:gsub("\n$", ""))
    os.exit(1, true)
  end
  local status = start(found)
  if status ~= 0 then os.exit(status, true) end
end

return command
