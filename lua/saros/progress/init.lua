-- SPDX-License-Identifier: MIT
-- saros.progress: how far things are, as bars at the bottom of the terminal.

local async = require "saros"
local bar = require "saros.progress.bar"
local board = require "saros.progress.board"
local misuse = require "saros.misuse"

---Bars at the bottom of the terminal, several at once, with rate and remaining time: `require "saros.progress"`. Where
---standard error is no terminal nothing is written.
---@class saros.Progress
local progress = {}

---@class saros.ProgressOptions
---@field total? number     how much there is to do; without it only what is done is shown
---@field unit? string      "bytes" (shown as KiB, MiB, ...), or a word that is put behind the numbers
---@field out? table        a file, or what has its `write`, in the place of io.stderr
---@field columns? integer  how wide that is; else it is asked for, and what is no terminal gets nothing

---@class saros.ProgressListOptions
---@field label? string     of the bar ("map", "as_completed")
---@field unit? string
---@field out? table
---@field columns? integer

---@class saros.ProgressMapOptions: saros.ProgressListOptions
---@field limit? integer          as of `async.map`
---@field return_errors? boolean
---@field on_progress? async fun(finished: integer, total: integer?)

-- ---- options ------------------------------------------------------------------------------------------

local function can_write(value)
  return (type(value) == "table" or type(value) == "userdata") and value.write ~= nil
end

local checks = {
  total = { "number from 0 on", function(value)
    return type(value) == "number" and value >= 0 and value < math.huge
  end },
  unit = { "string", function(value) return type(value) == "string" end },
  label = { "string", function(value) return type(value) == "string" end },
  columns = { "integer from 20 on", function(value) return math.type(value) == "integer" and value >= 20 end },
  out = { "file", can_write },
}

local function check(caller, position, name, value)
  if checks[name][2](value) then return end
  misuse.argument(caller, position, ("option '%s': %s expected, got %s"):format(name, checks[name][1],
    misuse.kind(value)))
end

-- The options of a function, which are those of `known`; the ones that are false there go to `rest`, for somebody else.
local function read(caller, position, given, known, rest)
  if given ~= nil and type(given) ~= "table" then misuse.type(caller, position, "table", given) end
  local found = {}
  for name, value in pairs(given or {}) do
    if known[name] then
      check(caller, position, name, value)
      found[name] = value
    elseif known[name] == false then
      rest[name] = value
    else
      misuse.unknown_option(caller, position, name, known)
    end
  end
  return found
end

-- ---- boards -------------------------------------------------------------------------------------------

local function columns_of_stderr()
  local terminal = os.getenv "TERM"
  if terminal == "dumb" then return nil end
  return require("saros.process.core").terminal(2)
end

local boards = setmetatable({}, { __mode = "k" }) -- by file

-- The board of a file. A width that is given stays.
local function board_of(options)
  local out = options.out or io.stderr
  local found = boards[out]
  if not found then
    found = board.new(out, out == io.stderr and columns_of_stderr or function() return nil end)
    boards[out] = found
  end
  if options.columns then found.columns = function() return options.columns end end
  return found
end

local function new_bar(label, options)
  local place = board_of(options)
  local made = bar.new(place, label, options.total, options.unit)
  place:add(made)
  return made
end

-- How many items a list has, where that is known before.
local function count_of(list)
  if math.type(list) == "integer" and list >= 0 then return list end
  return type(list) == "table" and misuse.is_list(list) and (list.n or #list) or nil
end

-- ---- the module ---------------------------------------------------------------------------------------

local bar_options = { total = true, unit = true, out = true, columns = true }
local list_options = { label = true, unit = true, out = true, columns = true }
local map_options = {
  label = true, unit = true, out = true, columns = true, limit = false, return_errors = false, on_progress = false,
}

---A bar of one's own: `local bar <close> = progress.bar("pages", {total = 100})`. It is there until it is closed.
---@param label string
---@param options? saros.ProgressOptions
---@return saros.ProgressBar
function progress.bar(label, options)
  if type(label) ~= "string" then misuse.type("bar", 1, "string", label) end
  return new_bar(label, read("bar", 2, options, bar_options))
end

---`async.map` with a bar of the items that are finished.
---@async
---@generic T
---@param list T[]|integer|async fun(): T?
---@param fn async fun(item: T, index: integer): any
---@param options? saros.ProgressMapOptions
---@return saros.List results
---@return saros.List? errors
function progress.map(list, fn, options)
  local rest = {}
  local own = read("map", 3, options, map_options, rest)
  own.total = count_of(list)
  local held <close> = new_bar(own.label or "map", own)
  local also = rest.on_progress
  if also == nil or type(also) == "function" then
    rest.on_progress = function(finished, total)
      held:set(finished, total)
      if also then also(finished, total) end
    end
  end
  return async.map(list, fn, rest)
end

-- The loop of as_completed: first what it started is left, then its bar is over.
local Loop = { __close = function(loop)
  local _bar <close> = loop.bar
  local _started <close> = loop.started
end }

---`async.as_completed` with a bar of what has ended: `for index, task in progress.as_completed(list)`.
---@param list saros.Awaitable[]
---@param options? saros.ProgressListOptions
---@return async fun(): integer?, saros.Task|saros.Future next
function progress.as_completed(list, options)
  local own = read("as_completed", 2, options, list_options)
  local step, _, _, started = async.as_completed(list)
  own.total = #list
  local loop = setmetatable({ started = started }, Loop)
  ---@async
  local function next_one()
    loop.bar = loop.bar or new_bar(own.label or "as_completed", own) -- only now the loop holds it
    local index, task = step()
    if index then loop.bar:advance() end
    return index, task
  end
  return next_one, nil, nil, loop
end

---`print`, above the bars.
---@param ... any
function progress.print(...)
  board_of({}):aside(print, ...)
end

misuse.guard(progress, "bar", "map", "as_completed")

return progress
