-- SPDX-License-Identifier: MIT
-- What a scenario makes, so that a finalizer can use all of it, and books of it, so that nothing can get lost. It
-- takes the place of the constructors and of some methods, and counts what they return.
local async = require "saros"

local world = {}

local KINDS = {"tasks", "groups", "scopes", "futures", "semaphores", "locks", "conditions", "barriers", "events",
  "queues", "permits", "lists", "sessions", "responses", "streams", "servers", "sockets", "files", "coroutines"}

-- Forgets everything.
function world.reset()
  for _, kind in ipairs(KINDS) do world[kind] = {} end
  world.problem = nil -- what was seen while it ran
  world.limits = {} -- by semaphore
  world.held = {} -- by semaphore: permits that were given and have not been released
  world.owner = {} -- by permit
  world.kept = {} -- by queue: items put and not taken
  world.settled = {} -- by future: how often that was said to have worked
  world.bytes = 0 -- that were read
  world.callbacks = 0 -- of on_done that have yet to be called
end

local function note(kind, object)
  local list = world[kind]
  list[#list + 1] = object
  return object
end

world.note = note

local function count(book, key, change)
  book[key] = (book[key] or 0) + change
end

-- Replaces methods of the class of `object`: the new ones get the old one first.
local function override(object, methods)
  local class = getmetatable(object)
  for name, method in pairs(methods) do
    local place = rawget(class, name) and class or class.__index
    local old = place[name]
    place[name] = function(...) return method(old, ...) end
  end
end

local function override_functions(functions, module)
  for name, fn in pairs(functions) do
    local old = module[name]
    module[name] = function(...) return fn(old, ...) end
  end
end

-- A constructor whose results are kept.
local function maker(kind)
  return function(make, ...) return note(kind, make(...)) end
end

-- A combinator: its list is kept, as finalizers change lists.
local function combinator(combine, list, ...)
  if type(list) == "table" then note("lists", list) end
  return combine(list, ...)
end

local function give(semaphore, permit, number)
  if permit == nil then return nil end
  world.owner[permit] = {semaphore, number or 1}
  count(world.held, semaphore, number or 1)
  if world.held[semaphore] > world.limits[semaphore] then world.problem = "a permit was given twice" end
  return note("permits", permit)
end

local function take_back(release, permit, ...)
  release(permit, ...)
  local owner = world.owner[permit]
  if owner == nil then return end
  world.owner[permit] = nil
  count(world.held, owner[1], -owner[2])
end

local function put(old, queue, item)
  local fits = old(queue, item)
  if fits ~= false then count(world.kept, queue, 1) end
  return fits
end

local function get(old, queue, ...)
  local item = old(queue, ...)
  if item ~= nil then count(world.kept, queue, -1) end
  return item
end

local function settle(old, future, ...)
  local is_first = old(future, ...)
  if is_first then count(world.settled, future, 1) end
  return is_first
end

local function drain(old, queue)
  local items = old(queue)
  count(world.kept, queue, -#items)
  return items
end

local function close_queue(old, queue, options)
  local size = options and options.discard and queue:size() or 0
  old(queue, options)
  if size > 0 then world.kept[queue] = queue:size() end
end

-- What a select took is entered where it came from.
local function select_from(select, list)
  local objects = table.move(list, 1, #list, 1, {})
  local index, taken = select(note("lists", list))
  local object = objects[index]
  if world.limits[object] then
    give(object, taken)
  elseif taken ~= nil and getmetatable(object).__name == "queue" then
    count(world.kept, object, -1)
  end
  return index, taken
end

local permit_methods = {release = take_back, close = take_back, __close = take_back}

-- A stream, if it is one, that a listener has accepted.
local function accept(old, listener, ...)
  local stream = old(listener, ...)
  return stream and note("streams", stream)
end

-- Nobody else comes at the lock of a server, nor at the queue of its handshakes.
local function listen(old, ...)
  local locks, queues = #world.locks, #world.queues
  local server = note("servers", old(...))
  for i = #world.locks, locks + 1, -1 do world.locks[i] = nil end
  for i = #world.queues, queues + 1, -1 do world.queues[i] = nil end
  return server
end

-- To be called in a run.
local function open_net()
  local net = require "saros.net"
  local server <close> = net.listen("127.0.0.1", 0)
  override(server._listener, {accept = accept})
  override_functions({
    pair = function(make)
      local a, b = make()
      return note("streams", a), note("streams", b)
    end,
    connect = maker "streams", connect_unix = maker "streams", udp = maker "sockets",
    listen = listen, listen_unix = listen,
  }, net)
end

function world.open()
  world.reset()
  local semaphore = async.semaphore(1)
  world.limits[semaphore] = 1
  override(semaphore:try_acquire(), permit_methods)
  override(semaphore, {
    acquire = function(acquire, self, number) return give(self, acquire(self, number), number) end,
    try_acquire = function(acquire, self, number) return give(self, acquire(self, number), number) end,
    release = function(release, self)
      release(self)
      count(world.held, self, -1)
    end,
  })
  override(async.lock(), {
    acquire = function(acquire, self) return note("permits", acquire(self)) end,
    try_acquire = function(acquire, self) return note("permits", acquire(self)) end,
  })
  override(async.queue(), {put = put, try_put = put, get = get, try_get = get, __call = get,
    drain = drain, close = close_queue})
  override(async.future(), {set = settle, fail = settle, cancel = settle})
  async.run(function()
    override(async.current_task(), {
      on_done = function(on_done, task, fn)
        on_done(task, function(ended)
          world.callbacks = world.callbacks - 1
          return fn(ended)
        end)
        world.callbacks = world.callbacks + 1
        return task
      end,
    })
    local group <close> = async.task_group()
    override(group, {spawn = function(spawn, ...) return note("tasks", spawn(...)) end})
    open_net()
  end)
  local create = async.coroutine.create
  async.coroutine.create = function(fn) return note("coroutines", create(fn)) end
  override_functions({
    spawn = maker "tasks", timeout = maker "scopes", future = maker "futures",
    semaphore = function(make, limit)
      local made = note("semaphores", make(limit))
      world.limits[made] = limit
      return made
    end,
    lock = maker "locks", condition = maker "conditions", barrier = maker "barriers", event = maker "events",
    queue = maker "queues", lifo_queue = maker "queues", priority_queue = maker "queues",
    gather = combinator, race = combinator, any = combinator, wait = combinator, map = combinator,
    as_completed = combinator, select = select_from,
    task_group = function(make, options, fn)
      if type(options) == "function" then options, fn = {}, options end
      if fn == nil then return note("groups", make(options)) end
      return make(options or {}, function(group) return fn(note("groups", group)) end)
    end,
  }, async)
end

-- What is wrong after a run, or nil. Callbacks of tasks that were closed by force may have been closed, too.
function world.complaint(counts_callbacks)
  if #async.all_tasks() > 0 then return "tasks are left" end
  for semaphore, limit in pairs(world.limits) do
    local held = world.held[semaphore] or 0
    if semaphore:available() + held ~= limit then
      return ("of %d permits %d are there and %d given"):format(limit, semaphore:available(), held)
    end
  end
  for _, lock in ipairs(world.locks) do
    if lock:locked() then return "a lock is held by nobody" end
  end
  for queue, kept in pairs(world.kept) do
    local size = queue:size()
    if size ~= kept then return ("%d items are in a queue, not %d"):format(size, kept) end
    local maxsize = queue:maxsize()
    if maxsize and size > maxsize then return "a queue has more items than it has room for" end
  end
  for _, times in pairs(world.settled) do
    if times > 1 then return ("a future was settled %d times"):format(times) end
  end
  if counts_callbacks and world.callbacks ~= 0 then return world.callbacks .. " callbacks too few were called" end
  return world.problem
end

return world
