-- SPDX-License-Identifier: MIT
-- to_thread and thread pools: what src/thread does, and `map` over it. Loaded by saros at its first use.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local core = require "saros.thread.core"

---@class saros
local thread = { to_thread = core.to_thread }

---@class saros.ThreadPool
local methods = core.methods

-- How long a chunk of small items should take, in seconds: much longer than handing it over.
local CHUNK_TIME = 0.005
local LARGEST_CHUNK = 1000

local MOST_THREADS = 1024

local pool_options = { size = true }
local map_options = { limit = true, return_errors = true, on_progress = true }

local function check_options(caller, position, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then misuse.type(caller, position, "table", options) end
  for name in pairs(options) do
    if known[name] == nil then misuse.unknown_option(caller, position, name, known) end
  end
  return options
end

-- A positive integer, or nil.
local function check_count(caller, position, name, value)
  if value == nil then return nil end
  local count = type(value) == "number" and math.tointeger(value)
  if not count or count < 1 then
    local message = "option '%s': a positive integer expected, got %s"
    misuse.argument(caller, position, message:format(name, tostring(value)))
  end
  return count
end

---How many threads a pool has (as many as there are cores).
---@class saros.ThreadPoolOptions
---@field size? integer

---Threads of its own, with a Lua state each, that stay warm from job to job. They are started as they are needed.
---@param options? saros.ThreadPoolOptions
---@return saros.ThreadPool
function thread.thread_pool(options)
  options = check_options("thread_pool", 1, options, pool_options)
  local size = check_count("thread_pool", 1, "size", options.size)
  if size and size > MOST_THREADS then
    misuse.argument("thread_pool", 1, ("option 'size': at most %d expected, got %d"):format(MOST_THREADS, size))
  end
  return core.pool(size or core.cores, internal.place(), internal.collected)
end

-- Map ---------------------------------------------------------------------------------------------

-- What map goes over: a table with `total` and, of a list, `items`; or with `ask`.
local function source_of(list)
  if list == nil then misuse.type("pool:map", 1, "list, count or iterator", list) end
  local total = internal.map_source("pool:map", list)
  if total < 0 then return { ask = list, index = 0 } end
  return { total = total, next = 1, items = type(list) == "table" and table.move(list, 1, total, 1, {}) or nil }
end

-- The next item of an iterator is a chunk of its own: who gives it may wait for what becomes of it.
local function ask(source)
  local value = source.ask()
  if value == nil then return nil end
  source.index = source.index + 1
  return { first = source.index, count = 1, items = { value }, offset = 0 }
end

-- The next items of a list: as many as take CHUNK_TIME, as far as is known, but each thread is to get some of the rest.
local function cut(source, size)
  local rest = source.total - source.next + 1
  if rest <= 0 then return nil end
  local count = source.cost and math.min(CHUNK_TIME / source.cost, rest / (2 * size), LARGEST_CHUNK) or 1
  local chunk = { first = source.next, count = math.max(1, count // 1 | 0), items = source.items }
  chunk.offset = chunk.first - 1
  source.next = source.next + chunk.count
  return chunk
end

local function next_chunk(source, size)
  if source.ask then return ask(source) end
  return cut(source, size)
end

-- What items cost, from the chunks that have come back: the last one counts as much as all before.
local function learn(source, seconds)
  local cost = math.max(seconds, 1e-7)
  source.cost = source.cost and (source.cost + cost) / 2 or cost
end

---Calls `fn(item, index)` in the threads of the pool for each item of a list, each number up to a count, or whatever an
---iterator gives, which is asked only when there is room. Returns a list of the first result of each, in order. The
---first error cancels the rest and is raised; with `return_errors` there are two lists, results and errors. Small items
---of a list or count travel together.
---@async
---@param list any[]|integer|fun(): any
---@param fn fun(item: any, index: integer): any
---@param options? saros.MapOptions  `limit`: as many as there are threads, and as many that wait for one
---@return any[] results
---@return any[]? errors
function methods:map(list, fn, options)
  local size = core.size(self)
  local source = source_of(list)
  misuse.check_function("pool:map", 2, fn)
  options = check_options("pool:map", 3, options, map_options)
  local limit = check_count("pool:map", 3, "limit", options.limit) or (source.ask and size or 2 * size)
  local on_progress = options.on_progress
  if on_progress ~= nil then misuse.check_type("pool:map", 3, on_progress, "option 'on_progress'", "function") end
  local packed = core.pack(fn, options.return_errors)
  if source.items then core.check_items(source.items, source.total) end
  internal.checkpoint "pool:map"
  core.check_open(self)

  local results, errors, finished = {}, {}, 0
  local do_chunk
  function do_chunk(chunk)
    local first, count = chunk.first, chunk.count
    local values, failures, seconds, done = core.each(self, packed, first, count, chunk.items, chunk.offset)
    learn(source, seconds / done)
    for i = 1, done do
      results[first + i - 1], errors[first + i - 1] = values[i], failures[i]
    end
    for _ = 1, on_progress and done or 0 do
      finished = finished + 1
      on_progress(finished, source.total)
    end
    if done < count then
      do_chunk { first = first + done, count = count - done, items = chunk.items, offset = chunk.offset + done }
    end
  end
  async.map(function() return next_chunk(source, size) end, do_chunk, { limit = limit })

  local total = source.total or source.index
  internal.list(results, total)
  if not options.return_errors then return results end
  return results, internal.list(errors, total)
end

misuse.guard(thread, "thread_pool")
misuse.guard(methods, "map")

return thread
