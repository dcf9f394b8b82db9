-- SPDX-License-Identifier: MIT
-- Stress: tasks at random that nest everything saros has and cancel each other all the time.
-- The same seed gives the same tasks. What must never happen is counted as it happens.

local async = require "saros"
local testing = require "saros.testing"

local Storm = {}
Storm.__index = Storm

local DEEPEST, LONGEST = 5, 0.05

-- Errors of its own making; every other one that arrives is a failure.
local Thrown = {}

local function is_expected(err)
  return getmetatable(err) == Thrown or async.is_error(err, "TimeoutError") or async.is_error(err, "CancelledError")
    or async.is_error(err, "GroupError") or async.is_error(err, "DeadlockError")
end

local function is_own_cancel(err)
  return async.is_error(err, "CancelledError") and err.task == async.current_task()
end

local function pick(list)
  return list[math.random(#list)]
end

local function some_time()
  local kind = math.random(4)
  return kind == 1 and 0 or kind == 2 and 0.01 or math.random() * LONGEST
end

-- Of what must not happen the first is enough.
function Storm:note(format, ...)
  self.wrong = self.wrong or format:format(...)
end

function Storm:check(holds, format, ...)
  if not holds then self:note(format, ...) end
end

-- Counts a block that is open until it is closed, once.
function Storm:guard()
  self.opened = self.opened + 1
  local stress, is_closed = self, false
  return setmetatable({}, {__close = function()
    stress:check(not is_closed, "a variable was closed twice")
    is_closed = true
    stress.closed = stress.closed + 1
  end})
end

-- A function for a task of its own that is inside `scope`, a table that counts what runs in it.
function Storm:child(depth, level, scope)
  local older = #self.tasks
  return function()
    self.older[async.current_task()] = older
    local held <close> = self:guard()
    scope.running = scope.running + 1
    local _leave <close> = setmetatable({}, {__close = function() scope.running = scope.running - 1 end})
    self:live(depth + 1, level)
    return depth, scope
  end
end

function Storm:children(depth, level, scope)
  local list = {}
  for i = 1, math.random(1, 4) do list[i] = self:child(depth, level, scope) end
  return list
end

local function new_scope()
  return {running = 0}
end

function Storm:check_left(scope, name)
  self:check(scope.running == 0, "%d tasks still run behind %s", scope.running, name)
end

-- What a task does. Locks and permits are taken in ascending order, `level` is the last one taken,
-- and what may wait for ever has a limit: so it never ends in a deadlock.
local ACTS = {}
local NAMES = {}

function ACTS.sleep()
  local seconds, began = some_time(), async.now()
  async.sleep(seconds)
  return async.now() - began > seconds - 1e-6 or "a sleep ended early"
end

function ACTS.throw()
  error(setmetatable({}, Thrown))
end

function ACTS.semaphore(self, depth, level)
  if level >= #self.semaphores then return end
  local number = math.random(level + 1, #self.semaphores)
  local own = self.semaphores[number]
  local permit <close> = own.semaphore:acquire()
  own.held = own.held + 1
  local _count <close> = setmetatable({}, {__close = function() own.held = own.held - 1 end})
  self:check(own.held + own.semaphore:available() <= own.size, "more permits than there are")
  self:live(depth + 1, number)
end

function ACTS.lock(self, depth, level)
  local first = #self.semaphores
  if level >= first + #self.locks then return end
  local number = math.random(math.max(level - first, 0) + 1, #self.locks)
  local own = self.locks[number]
  local permit <close> = own.lock:acquire()
  self:check(own.holder == nil, "two tasks hold one lock")
  own.holder = async.current_task()
  local _free <close> = setmetatable({}, {__close = function() own.holder = nil end})
  self:live(depth + 1, first + number)
end

function ACTS.put(self)
  local queue = pick(self.queues)
  self.items = self.items + 1
  local item = self.items
  local ok, err = pcall(async.wait_for, function()
    queue:put(item)
    self.state[item] = self.state[item] or "put"
  end, some_time())
  if ok then return end
  self:check(not self.state[item], "an item was put although put has failed")
  error(err, 0)
end

function Storm:got(item)
  self:check(self.state[item] ~= "got", "an item came twice")
  self.state[item] = "got"
  self.count = self.count + 1
end

function ACTS.get(self)
  local queue = pick(self.queues)
  async.wait_for(function() self:got(queue:get()) end, some_time())
end

function ACTS.try(self)
  local item = pick(self.queues):try_get()
  if item then self:got(item) end
end

function ACTS.event(self)
  local event = pick(self.events)
  if math.random(2) == 1 then
    event:set()
    event:clear()
  else
    async.wait_for(function() event:wait() end, some_time())
  end
end

function ACTS.future(self)
  local future = self.future
  if math.random(3) == 1 then
    self.future = async.future()
    future:set(1, nil, 3)
  else
    local a, b, c = async.wait_for(future, some_time())
    self:check(a == 1 and b == nil and c == 3, "a future has changed its results")
  end
end

function ACTS.timeout(self, depth, level)
  local scope <close> = async.timeout(some_time())
  self:live(depth + 1, level)
end

function ACTS.wait_for(self, depth, level)
  local seconds, began, is_over = some_time(), async.now(), false
  local ok, err = pcall(async.wait_for, function()
    local _over <close> = setmetatable({}, {__close = function() is_over = true end})
    self:live(depth + 1, level)
  end, seconds)
  self:check(is_over or not ok, "wait_for returned before its body")
  if ok then return end
  if async.is_error(err, "TimeoutError") and err.seconds == seconds then
    self:check(async.now() - began > seconds - 1e-6, "a deadline passed too early")
  end
  error(err, 0)
end

function ACTS.shield(self)
  local seconds = math.random(2) == 1 and some_time() or nil
  local count = 0
  async.shield(function()
    for _ = 1, 3 do
      async.sleep(some_time())
      count = count + 1
    end
  end, seconds)
  self:check(count == 3, "a shield was left before its end")
end

function ACTS.group(self, depth, level)
  local scope = new_scope()
  local _leave <close> = setmetatable({}, {__close = function() self:check_left(scope, "a group") end})
  local group <close> = async.task_group()
  for _, fn in ipairs(self:children(depth, level, scope)) do
    self.tasks[#self.tasks + 1] = group:spawn(fn)
  end
  self:live(depth + 1, level)
  if math.random(4) == 1 then group:cancel() end
end

function ACTS.group_function(self, depth, level)
  local scope = new_scope()
  local result = async.task_group(function(group)
    for _, fn in ipairs(self:children(depth, level, scope)) do
      self.tasks[#self.tasks + 1] = group:spawn(fn)
    end
    self:live(depth + 1, level)
    if math.random(4) == 1 then group:cancel() end
    return "result"
  end)
  self:check_left(scope, "a group")
  return result == nil or result == "result" or "a group lost its result"
end

-- Combinators that leave nothing running, whether they return or raise.
local COMBINATORS = {
  function(list) async.gather(list) end,
  function(list) async.gather(list, {return_errors = true}) end,
  function(list) async.gather(table.unpack(list)) end,
  function(list) async.race(list) end,
  function(list) async.any(list) end,
  function(list)
    async.map(list, function(fn) return fn() end, {limit = math.random(3), return_errors = math.random(2) == 1})
  end,
  function(list)
    local last = math.random(#list)
    for i, task in async.as_completed(list) do
      assert(task:done())
      if i == last then break end
    end
  end,
}

function ACTS.combine(self, depth, level)
  local scope = new_scope()
  local _leave <close> = setmetatable({}, {__close = function() self:check_left(scope, "a combinator") end})
  pick(COMBINATORS)(self:children(depth, level, scope))
end

function ACTS.generate(self, depth, level)
  local scope, last = new_scope(), math.random(4)
  local _leave <close> = setmetatable({}, {__close = function() self:check_left(scope, "a generator") end})
  local expected = 0
  local produce = self:child(depth, level, scope)
  for value in async.generator(function(yield)
    for i = 1, 4 do
      if i == 3 then produce() end
      yield(i)
    end
  end) do
    expected = expected + 1
    self:check(value == expected, "a generator gave its values out of order")
    async.sleep(some_time())
    if value == last then break end
  end
end

function ACTS.spawn(self, depth)
  if #self.tasks > 300 then return end
  self.tasks[#self.tasks + 1] = async.spawn(self:child(depth, 0, new_scope()))
end

function ACTS.cancel(self)
  pick(self.tasks):cancel("stress")
end

-- A task that is younger than the running one, so that nobody waits for whoever waits for him.
function Storm:younger()
  local older = self.older[async.current_task()]
  return older < #self.tasks and self.tasks[math.random(older + 1, #self.tasks)] or nil
end

function ACTS.await(self)
  local task = self:younger()
  if not task then return end
  local ok, err = pcall(async.wait_for, function() task:await() end, some_time())
  if not ok and is_own_cancel(err) then error(err, 0) end
end

function ACTS.wait(self)
  local list = {self:younger(), self:younger(), self:younger()}
  local ok, done, pending = pcall(async.wait, list, {timeout = some_time(), return_when = "first_completed"})
  if not ok then
    if is_own_cancel(done) then error(done, 0) end
    return
  end
  self:check(#done + #pending == #list, "wait has lost a task")
  for _, task in ipairs(done) do self:check(task:done(), "wait calls a pending task done") end
end

for name in pairs(ACTS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

-- Cancellation does not go away because somebody caught it, nor in a scope made afterwards.
function Storm:check_level(err)
  if not is_own_cancel(err) then return end
  for _, await in ipairs{function() async.sleep(0) end, function() async.wait_for(async.future(), 1) end} do
    local ok, again = pcall(await)
    self:check(not ok and is_own_cancel(again), "a cancellation was lost")
  end
end

function Storm:act(depth, level)
  local held <close> = self:guard()
  local name = depth >= DEEPEST and "sleep" or pick(NAMES)
  local complaint = ACTS[name](self, depth, level)
  if type(complaint) == "string" then self:note(complaint) end
end

-- Some acts, one after the other; errors are sometimes caught in between.
function Storm:live(depth, level)
  for _ = 1, math.random(1, 3) do
    self.fuel = self.fuel - 1
    if self.fuel < 0 then return async.sleep(some_time()) end
    if math.random(3) == 1 then
      local ok, err = pcall(self.act, self, depth, level)
      if not ok then
        self:check(is_expected(err), "unexpected: %s", err)
        if is_own_cancel(err) then error(err, 0) end
      end
    else
      self:act(depth, level)
    end
    local ok, err = pcall(async.sleep, 0)
    if not ok then
      self:check_level(err)
      error(err, 0)
    end
  end
end

-- Ends every task that is left, looks at how, and counts what must have come out even.
function Storm:settle_accounts()
  for _, task in ipairs(self.tasks) do task:cancel() end
  for _, task in ipairs(self.tasks) do task:close() end
  for _, task in ipairs(self.tasks) do
    local err = task:error()
    self:check(err == nil or is_expected(err), "unexpected: %s", err)
  end
  self:check(self.opened == self.closed, "%d variables were never closed", self.opened - self.closed)
  for _, own in ipairs(self.semaphores) do
    self:check(own.held == 0 and own.semaphore:available() == own.size, "a permit was lost")
  end
  for _, own in ipairs(self.locks) do
    self:check(own.holder == nil and not own.lock:locked(), "a lock was never released")
  end
  for _, queue in ipairs(self.queues) do
    for item in function() return queue:try_get() end do self:got(item) end
  end
  for item, state in pairs(self.state) do self:check(state == "got", "item %d was lost", item) end
end

local function new(seed)
  math.randomseed(seed)
  local stress = setmetatable({
    fuel = 400, opened = 0, closed = 0, items = 0, count = 0, state = {}, tasks = {},
    older = setmetatable({}, {__mode = "k"}),
    semaphores = {}, locks = {}, queues = {}, events = {}, future = async.future(),
  }, Storm)
  for i = 1, 3 do
    stress.semaphores[i] = {semaphore = async.semaphore(i), size = i, held = 0}
    stress.locks[i] = {lock = async.lock()}
    stress.queues[i] = async.queue(i < 3 and i or nil)
    stress.events[i] = async.event()
  end
  return stress
end

local runs = {}

-- Runs the tasks of a seed; gives what went wrong, or nil, and what was counted.
function runs.run(seed)
  local stress = new(seed)
  testing.run(function()
    for _ = 1, 12 do stress.tasks[#stress.tasks + 1] = async.spawn(stress:child(0, 0, new_scope())) end
    while stress.fuel > 0 do
      async.sleep(LONGEST)
      if #stress.tasks < 300 then stress.tasks[#stress.tasks + 1] = async.spawn(stress:child(0, 0, new_scope())) end
    end
    stress:settle_accounts()
  end)
  return stress.wrong, stress
end

return runs
