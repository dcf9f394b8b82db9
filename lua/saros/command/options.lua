-- SPDX-License-Identifier: MIT
-- The command line of saros, as far as it is not the script's.

local options = {}

options.usage = [==[
usage: saros [options] [script [args]]
       saros jobs QUEUE [--redis URL] [--watch]

A script whose top level may wait; without one a prompt for Lua, or what standard input holds.

  -e code          runs the code
  -l name          requires the module into the global of that name; -l global=name into another one
  -i               shows the prompt after the script
  -                runs standard input
  --               ends the options
  -W               shows warnings
  --debug          warns of slow tasks, swallowed cancellations and whatever else async.debug(true) sees
  --timeline FILE  draws what each task did, and waited for, into a page of HTML
  -v, --version    tells the versions
  -h, --help       this text

SIGUSR1 (Ctrl-Break on Windows) prints the tree of tasks on standard error.
]==]

---@class saros.command.Options  (internal)
---@field steps {kind: "code"|"module", text: string}[]  what comes before the script, in order
---@field script? string      its file; "-": standard input
---@field arg table           what the script sees as `arg`
---@field is_debug? boolean
---@field is_interactive? boolean
---@field shows_help? boolean
---@field shows_version? boolean
---@field warns? boolean
---@field timeline? string    the file to be written
---@field jobs? {queue: string, url: string, watch: boolean}

-- The options without an argument, and the fields that they set.
local flags = {
  ["-i"] = "is_interactive", ["-W"] = "warns", ["--debug"] = "is_debug",
  ["-v"] = "shows_version", ["--version"] = "shows_version", ["-h"] = "shows_help", ["--help"] = "shows_help",
}

-- What belongs to an option: the rest of its word, or the next one. Returns it, and the number of the last word.
local function argument(words, i, word, name)
  if #word > #name then return word:sub(#name + 1), i end
  if not words[i + 1] then error({ usage = ("'%s' needs an argument"):format(name) }) end
  return words[i + 1], i + 1
end

-- Takes the option that is word i. Returns the number of its last word.
local function take(found, words, i)
  local word = words[i]
  if flags[word] then
    found[flags[word]] = true
    return i
  end
  local step = word:match "^%-e" or word:match "^%-l"
  if step then
    local text, last = argument(words, i, word, step)
    found.steps[#found.steps + 1] = { kind = step == "-e" and "code" or "module", text = text }
    return last
  end
  if word == "--timeline" or word:find "^%-%-timeline=" then
    local text, last = argument(words, i, (word:gsub("=", "", 1)), "--timeline")
    found.timeline = text
    return last
  end
  error({ usage = ("unrecognized option '%s'"):format(word) })
end

-- As the standalone lua counts: the script is 0, what stands before it has negative numbers.
local function shift(words, script)
  local shifted = {}
  for i = 0, #words do shifted[i - script] = words[i] end
  return shifted
end

-- The words behind `saros jobs`.
local function read_jobs(words, first)
  local jobs = { url = os.getenv "REDIS_URL" or "redis://localhost", watch = false }
  local i = first
  while words[i] do
    local word = words[i]
    if word == "--watch" then
      jobs.watch = true
    elseif word == "--redis" or word:find "^%-%-redis=" then
      jobs.url, i = argument(words, i, (word:gsub("=", "", 1)), "--redis")
    elseif word:find "^%-" or jobs.queue then
      error({ usage = ("unrecognized argument '%s' of jobs"):format(word) })
    else
      jobs.queue = word
    end
    i = i + 1
  end
  if not jobs.queue then error({ usage = "jobs: the name of a queue is missing" }) end
  return jobs
end

local function read(words)
  local found, i = { steps = {} }, 1
  while words[i] and words[i]:find "^%-." and words[i] ~= "--" do i = take(found, words, i) + 1 end
  if words[i] == "--" then
    i = i + 1
  elseif words[i] == "jobs" then
    found.jobs = read_jobs(words, i + 1)
    return found
  end
  found.script = words[i]
  found.arg = shift(words, found.script and i or 0)
  return found
end

---Reads the words of a command line, of which word 0 is the command itself. The second result says what is wrong with
---them.
---@param words table
---@return saros.command.Options?
---@return string? message
function options.read(words)
  local ok, found = pcall(read, words)
  if ok then return found end
  if type(found) ~= "table" then error(found, 0) end
  return nil, found.usage
end

return options
