-- SPDX-License-Identifier: MIT
-- A plain model of saros, in Lua alone: tasks, scopes, groups, timeouts, shields, semaphores, queues, events
-- and virtual time. It has the names of saros, so the same program runs on both, and it is written for
-- reading, not for speed: what it says and what saros does has to be the same, step by step.

local model = {}

local now, order   -- virtual time in nanoseconds; timers of one moment fire in the order of their start
local ready        -- tasks, the oldest first
local timers       -- those that run, in no order
local current      -- the task that runs
local serial       -- of the scope opened last

-- ---- errors ---------------------------------------------------------------------------------------

local Error = {}

local function new_error(name, fields)
  fields.name = name
  return setmetatable(fields, Error)
end

function model.is_error(value, name)
  return getmetatable(value) == Error and (name == nil or value.name == name)
end

--- Whether the value is a cancellation of the running task; and of which scope.
local function own_cancel(value)
  if not model.is_error(value, "CancelledError") or value.task ~= current then return nil end
  return value.serial
end

-- ---- time -----------------------------------------------------------------------------------------

local function start_timer(seconds, fire)
  order = order + 1
  local timer = {at = now + math.ceil(seconds * 1e9), order = order, fire = fire}
  timers[timer] = true
  return timer
end

local function stop_timer(timer)
  if timer then timers[timer] = nil end
end

local function next_timer()
  local first
  for timer in pairs(timers) do
    if not first or timer.at < first.at or timer.at == first.at and timer.order < first.order then first = timer end
  end
  return first
end

--- Fires what is due. What is started meanwhile has its turn in the next call.
local function fire_timers()
  local left = 0
  for _ in pairs(timers) do left = left + 1 end
  for _ = 1, left do
    local timer = next_timer()
    if not timer or timer.at > now then return end
    stop_timer(timer)
    timer.fire()
  end
end

function model.now()
  return now / 1e9
end

-- ---- waiting --------------------------------------------------------------------------------------

local function make_ready(task)
  task.state = "ready"
  table.insert(ready, task)
end

local function wake(task)
  if task.state == "parked" then make_ready(task) end
end

--- Ends the wait of a task, unless it is over or was ended before. `stop` says whether that ends it now.
local function abort(task)
  if task.state ~= "parked" or task.is_aborted then return end
  task.is_aborted = true
  if task.stop() then wake(task) end
end

--- Waits until somebody wakes the task; returns whether that was it, not a cancellation.
local function park(stop, joins)
  current.stop, current.joins = stop, joins
  current.state, current.is_aborted = "parked", false
  coroutine.yield()
  return not current.is_aborted
end

--- Waits in a list of waiters; `left` is called when the wait is ended and it has left the list.
local function wait_in(list, left)
  local task = current
  table.insert(list, task)
  return park(function()
    for i = #list, 1, -1 do
      if list[i] == task then table.remove(list, i) end
    end
    if left then left() end
    return true
  end)
end

--- Takes the oldest out of a list of waiters. For an arm of a select that is the task of it, which then stands in no
--- other list any more.
local function take_waiter(list)
  local waiter = table.remove(list, 1)
  if not waiter or not waiter.withdraw then return waiter end
  waiter.withdraw()
  waiter.task.winner = waiter.index
  return waiter.task
end

local function give_turn()
  make_ready(current)
  coroutine.yield()
end

local function throw()
  error(new_error("CancelledError", {task = current, serial = current.scope.cause.serial}), 0)
end

--- The cancellation of a scope has left it: if one around is cancelled by now, that counts.
local function throw_outer()
  if current.scope.cause then throw() end
end

--- What every await begins with: in a cancelled scope it raises, after a turn of the others.
local function check_cancelled()
  if not current.scope.cause then return end
  give_turn()
  throw()
end

function model.sleep(seconds)
  check_cancelled()
  if seconds == 0 then return give_turn() end
  local task = current
  local timer = start_timer(seconds, function() wake(task) end)
  local function stop()
    stop_timer(timer)
    return true
  end
  if not park(stop) then throw() end
end

-- ---- scopes ---------------------------------------------------------------------------------------

local function open_scope(kind, parent, task)
  serial = serial + 1
  local scope = {kind = kind, parent = parent, task = task, children = {}, serial = serial}
  if kind ~= "shield" then scope.cause = parent.cause end
  table.insert(parent.children, scope)
  task.scope = scope
  return scope
end

local function close_scope(scope)
  stop_timer(scope.timer)
  scope.timer = nil
  for i, child in ipairs(scope.parent.children) do
    if child == scope then table.remove(scope.parent.children, i) break end
  end
  scope.task.scope = scope.parent
end

local cancel_scope

local function set_deadline(scope, seconds)
  scope.timer = start_timer(seconds, function()
    scope.timer = nil
    cancel_scope(scope)
  end)
end

--- Hands the cause down, parents first. A shield holds it back, and its time begins.
local function hand_down(scope, top, cause)
  if scope ~= top and scope.kind == "shield" then
    if scope.seconds and not scope.timer and not scope.is_cancelled then set_deadline(scope, scope.seconds) end
    return
  end
  scope.cause = cause
  local task = scope.task
  if task.scope == scope and not (scope == top and task.state == "parked" and task.joins) then abort(task) end
  for _, child in ipairs(scope.children) do hand_down(child, top, cause) end
end

function cancel_scope(scope)
  if scope.is_cancelled then return false end
  scope.is_cancelled = true
  if not scope.cause then hand_down(scope, scope, scope) end
  return true
end

-- ---- tasks ----------------------------------------------------------------------------------------

local Task = {}
Task.__index = Task

local function end_task(task, ok, err)
  local owner = task.home.parent
  if ok then
    task.ending = "done"
  else
    task.error = err
    task.ending = task.home.cause and own_cancel(err) and "cancelled" or "failed"
  end
  task.state = "ended"
  local waiters = task.waiters
  task.waiters = {}
  for _, waiter in ipairs(waiters) do wake(waiter) end
  close_scope(task.home)
  if owner.child_ended then owner.child_ended(task) end
end

local function spawn(parent, fn, ...)
  local arguments = table.pack(...)
  local task = setmetatable({waiters = {}}, Task)
  local maker = parent.kind == "join" and parent.task or current
  task.values = maker and maker.values or {}
  task.home = open_scope("task", parent, task)
  task.co = coroutine.create(function()
    end_task(task, pcall(fn, table.unpack(arguments, 1, arguments.n)))
  end)
  make_ready(task)
  return task
end

function Task:status()
  return self.ending or "pending"
end

function Task:cancel()
  if self.ending or self.home.cause then return false end
  return cancel_scope(self.home)
end

function Task:await()
  check_cancelled()
  if not self.ending and not wait_in(self.waiters) then throw() end
  if self.ending ~= "done" then error(self.error, 0) end
end

function model.current_task()
  return current
end

-- ---- timeouts and shields -------------------------------------------------------------------------

function model.timeout(seconds)
  local scope = open_scope("timeout", current.scope, current)
  set_deadline(scope, seconds)
  return setmetatable({}, {__close = function(_, err)
    close_scope(scope)
    if own_cancel(err) == scope.serial then
      throw_outer()
      error(new_error("TimeoutError", {seconds = seconds}), 0)
    end
  end})
end

function model.shield(fn, seconds)
  local is_cancelled = current.scope.cause ~= nil
  local scope = open_scope("shield", current.scope, current)
  scope.seconds = seconds
  if is_cancelled and seconds then set_deadline(scope, seconds) end
  local ok, err = pcall(fn)
  close_scope(scope)
  if ok then return end
  if own_cancel(err) == scope.serial then throw_outer() end
  error(err, 0)
end

function model.move_on_after(seconds, fn)
  check_cancelled()
  local inner
  local ok, err = pcall(function()
    local scope <close> = model.timeout(seconds)
    local ok, err = pcall(fn)
    inner = err
    if not ok then error(err, 0) end
  end)
  if not ok and (err == inner or not model.is_error(err, "TimeoutError")) then error(err, 0) end
  return ok
end

function model.defer(fn)
  return setmetatable({}, {__close = function(_, err)
    model.shield(function() fn(err) end)
  end})
end

-- ---- task locals -----------------------------------------------------------------------------------

function model.task_local(default)
  local value = {}
  function value:get()
    local entry = current.values[self]
    if entry == nil then return default end
    return entry
  end
  function value:set(entry)
    local copy = {}
    for key, other in pairs(current.values) do copy[key] = other end
    copy[self] = entry
    current.values = copy
  end
  return value
end

-- ---- map -------------------------------------------------------------------------------------------

local Join = {}
Join.__index = Join

local function is_over(join)
  return join.running == 0 and (join.is_decided or join.started == join.total)
end

local function decide(join)
  join.is_decided = true
  cancel_scope(join.scope)
end

--- `items` has those that have not begun, in order.
local function start_items(join)
  while not join.is_decided and join.started < join.total and join.running < join.limit do
    join.started, join.running = join.started + 1, join.running + 1
    local index = join.started
    spawn(join.scope, join.fn, join.items and join.items[index] or index, index)
  end
end

local function new_join(fn, limit, total)
  local join = setmetatable({fn = fn, limit = limit, total = total, started = 0, running = 0, host = current}, Join)
  join.scope = open_scope("join", current.scope, current)
  function join.scope.child_ended(child)
    join.running = join.running - 1
    if child.ending ~= "done" and not join.is_decided then
      join.failure = {child.error}
      decide(join)
    end
    start_items(join)
    local has_room = join.wants_room and not join.is_decided
    if join.waits and (has_room or is_over(join)) then wake(join.host) end
  end
  return join
end

--- Returns false if it was aborted.
local function wait_for_items(join)
  join.waits = true
  local was_woken = park(function()
    decide(join)
    return is_over(join)
  end, true)
  join.waits = false
  return was_woken
end

local function leave_join(join, was_woken)
  close_scope(join.scope)
  if not was_woken or join.was_cancelled then throw() end
  if join.failure then error(join.failure[1], 0) end
end

--- Asks while there is room. Returns whether what runs is still to be waited for; nil if the wait was aborted.
local function ask(join, next_item)
  while not join.is_decided do
    local ok, item = pcall(next_item)
    if not ok then
      if own_cancel(item) and join.scope.parent.cause then join.was_cancelled = true end
      if not join.is_decided then join.failure = {item} end
      decide(join)
    elseif item == nil then
      return true
    elseif not join.is_decided then
      join.total = join.total + 1
      join.items[join.total] = item
      start_items(join)
      join.wants_room = join.running >= join.limit
      if join.wants_room and not wait_for_items(join) then return nil end
      join.wants_room = false
    end
  end
  return true
end

function model.map(source, fn, options)
  local is_count = type(source) == "number"
  if not is_count then check_cancelled() end
  local was_cancelled = current.scope.cause ~= nil
  local join = new_join(fn, options.limit, is_count and source or 0)
  local was_woken = true
  if is_count then
    join.was_cancelled = was_cancelled
    if was_cancelled then decide(join) end
    start_items(join)
  else
    join.items = {}
    was_woken = ask(join, source) ~= nil
  end
  if was_cancelled then
    give_turn()
  elseif was_woken and not is_over(join) then
    was_woken = wait_for_items(join)
  end
  leave_join(join, was_woken)
end

-- ---- groups ---------------------------------------------------------------------------------------

local Group = {}
Group.__index = Group

local function add_error(group, err)
  if not group.seen[err] then
    group.seen[err] = true
    table.insert(group.errors, err)
  end
end

local function is_full(group)
  return group.limit and group.running >= group.limit and not group.scope.cause
end

--- A task has ended, or a place was given back. A place that is handed over counts as running.
local function go_on(group)
  while #group.spawners > 0 and not is_full(group) do
    group.running = group.running + 1
    wake(table.remove(group.spawners, 1))
  end
  if group.running == 0 and group.is_left then wake(group.task) end
end

function model.task_group(options)
  local group = setmetatable({running = 0, errors = {}, seen = {}, spawners = {}, task = current}, Group)
  group.limit = options and options.limit
  group.collects = options and options.cancel_on_error == false
  group.scope = open_scope("group", current.scope, current)
  function group.scope.child_ended(child)
    group.running = group.running - 1
    if child.ending == "failed" then
      add_error(group, child.error)
      if not group.collects then cancel_scope(group.scope) end
    end
    go_on(group)
  end
  return group
end

function Group:spawn(fn, ...)
  if is_full(self) then
    check_cancelled()
    if not wait_in(self.spawners) then throw() end
    self.running = self.running - 1
  end
  self.running = self.running + 1
  return spawn(self.scope, fn, ...)
end

function Group:cancel()
  return cancel_scope(self.scope)
end

--- Whether the error is one of the block, not the cancellation that brings it down.
local function counts(group, err)
  local cause = own_cancel(err)
  return not cause or cause ~= group.scope.serial and not group.scope.cause
end

--- Waits for all; returns whether a cancellation from outside came meanwhile.
local function join(group)
  local is_aborted = false
  group.is_left = true
  while group.running > 0 do
    local function stop()
      cancel_scope(group.scope)
      return group.running == 0
    end
    if not park(stop, true) then is_aborted = true end
  end
  return is_aborted
end

function Group.__close(group, err)
  local was_cancelled = group.scope.parent.cause ~= nil
  if err ~= nil and counts(group, err) then
    add_error(group, err)
    cancel_scope(group.scope)
  end
  if group.running == 0 and was_cancelled and err == nil then give_turn() end
  local is_aborted = join(group)
  close_scope(group.scope)
  if #group.errors > 0 then error(new_error("GroupError", {errors = group.errors}), 0) end
  if own_cancel(err) == group.scope.serial then throw_outer() end
  if err == nil and (was_cancelled or is_aborted) then throw() end
end

-- ---- semaphores -----------------------------------------------------------------------------------

local Semaphore = {}
Semaphore.__index = Semaphore

function model.semaphore(n)
  return setmetatable({free = n, waiters = {}}, Semaphore)
end

--- The oldest waiters get what they want, as far as there is enough.
local function hand_over(semaphore)
  while #semaphore.waiters > 0 do
    local wanted = semaphore.waiters[1].wanted or 1
    if wanted > semaphore.free then return end
    semaphore.free = semaphore.free - wanted
    wake(take_waiter(semaphore.waiters))
  end
end

local function new_permit(semaphore, count)
  return setmetatable({}, {__close = function()
    semaphore.free = semaphore.free + (count or 1)
    hand_over(semaphore)
  end})
end

function Semaphore:try_acquire(count)
  if self.free < (count or 1) or #self.waiters > 0 then return nil end
  self.free = self.free - (count or 1)
  return new_permit(self, count)
end

function Semaphore:acquire(count)
  check_cancelled()
  local permit = self:try_acquire(count)
  if permit then return permit end
  current.wanted = count
  local is_woken = wait_in(self.waiters, function() hand_over(self) end)
  current.wanted = nil
  if not is_woken then throw() end
  return new_permit(self, count)
end

function Semaphore:available()
  return self.free
end

-- ---- queues ---------------------------------------------------------------------------------------

local Queue = {}
Queue.__index = Queue

function model.queue(maxsize)
  return setmetatable({most = maxsize or math.huge, items = {}, getters = {}, putters = {}}, Queue)
end

function Queue:try_put(item)
  if #self.items >= self.most then return false end
  local getter = take_waiter(self.getters)
  if getter then
    getter.item = item
    wake(getter)
  else
    table.insert(self.items, item)
  end
  return true
end

function Queue:put(item)
  check_cancelled()
  if self:try_put(item) then return end
  current.item = item
  if not wait_in(self.putters) then throw() end
end

function Queue:try_get()
  local item = table.remove(self.items, 1)
  local putter = item and table.remove(self.putters, 1)
  if putter then
    table.insert(self.items, putter.item)
    wake(putter)
  end
  return item
end

function Queue:get()
  check_cancelled()
  local item = self:try_get()
  if item then return item end
  if not wait_in(self.getters) then throw() end
  return current.item
end

function Queue:drain()
  local items = self.items
  self.items = {}
  while #self.items < self.most and #self.putters > 0 do
    local putter = table.remove(self.putters, 1)
    table.insert(self.items, putter.item)
    wake(putter)
  end
  return items
end

function Queue:size()
  return #self.items
end

-- ---- events ---------------------------------------------------------------------------------------

local Event = {}
Event.__index = Event

function model.event()
  return setmetatable({flag = false, waiters = {}}, Event)
end

function Event:set()
  self.flag = true
  while #self.waiters > 0 do wake(take_waiter(self.waiters)) end
end

function Event:clear()
  self.flag = false
end

function Event:wait()
  check_cancelled()
  if not self.flag and not wait_in(self.waiters) then throw() end
end

-- ---- select ---------------------------------------------------------------------------------------

--- The list of those who wait for such an object, what it gives at once (or nil), and what once it was handed over.
function Semaphore:line() return self.waiters end
Semaphore.poll = Semaphore.try_acquire
Semaphore.give = new_permit
function Queue:line() return self.getters end
Queue.poll = Queue.try_get
function Queue:give() return current.item end -- luacheck: ignore self
function Event:line() return self.waiters end
function Event:poll() return self.flag or nil end
function Event:give() return true end -- luacheck: ignore self

--- Stands in the line of each object; returns what takes it out of all of them.
local function line_up(objects)
  local arms = {}
  local function withdraw()
    for i, object in ipairs(objects) do
      local line = object:line()
      for j = #line, 1, -1 do
        if line[j] == arms[i] then table.remove(line, j) end
      end
    end
    return true
  end
  for i, object in ipairs(objects) do
    arms[i] = {task = current, index = i, withdraw = withdraw}
    table.insert(object:line(), arms[i])
  end
  return withdraw
end

function model.select(objects)
  check_cancelled()
  for i, object in ipairs(objects) do
    local value = object:poll()
    if value ~= nil then return i, value end
  end
  if not park(line_up(objects)) then throw() end
  return current.winner, objects[current.winner]:give()
end

-- ---- running --------------------------------------------------------------------------------------

local function step(task)
  current = task
  task.state = "running"
  local ok, err = coroutine.resume(task.co)
  current = nil
  if not ok then error(err, 0) end
end

--- Every task that is ready has one step; then it is the turn of the timers.
local function turn()
  for _ = 1, #ready do step(table.remove(ready, 1)) end
  if #ready == 0 then
    local timer = next_timer()
    if timer then now = math.max(now, timer.at) end
  end
  fire_timers()
end

--- Runs main(), which leaves no task behind.
function model.run(main)
  now, order, ready, timers, serial = 0, 0, {}, {}, 0
  local task = spawn({children = {}}, main)
  while not task.ending do
    if #ready == 0 and not next_timer() then error("the model has come to a deadlock", 0) end
    turn()
  end
  if task.ending ~= "done" then error(task.error, 0) end
end

return model
