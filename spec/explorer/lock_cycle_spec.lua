-- SPDX-License-Identifier: MIT
-- Cycles of tasks that wait for each other: told at once, to the one that closes the cycle, unless a deadline
-- will end one of the waits.
local async = require "saros"
local explored = require("spec.support.explorer").explored

local RING = 3

--- What a plain model of locks says: who holds which, who waits for which, in order.
local Holders = {}
Holders.__index = Holders

local function new_holders()
  local holders = setmetatable({holder = {}, queue = {}, wanted = {}, has_deadline = {}}, Holders)
  for i = 1, RING do holders.queue[i] = {} end
  return holders
end

function Holders:ask(task, lock)
  if self.holder[lock] then
    self.wanted[task] = lock
    table.insert(self.queue[lock], task)
  else
    self.holder[lock] = task
  end
end

--- The wait is over without the lock.
function Holders:give_up(task, lock)
  if self.wanted[task] ~= lock then return end
  self.wanted[task] = nil
  for i, waiter in ipairs(self.queue[lock]) do
    if waiter == task then table.remove(self.queue[lock], i) break end
  end
end

function Holders:release(lock)
  local heir = table.remove(self.queue[lock], 1)
  self.holder[lock] = heir
  if heir then self.wanted[heir] = nil end
end

--- Whether `task` would close a cycle by waiting for `lock`, one that no deadline ends.
function Holders:closes_cycle(task, lock)
  if self.has_deadline[task] then return false end
  local owner = self.holder[lock]
  while owner and owner ~= task do
    if self.has_deadline[owner] then return false end
    owner = self.holder[self.wanted[owner]]
  end
  return owner == task
end

--- Tasks that each hold a lock and want that of the next. `patience` says which of them have a deadline.
local function ring(probe, patience)
  local locks, holders = {}, new_holders()
  local state = {told = 0, timed_out = 0, wrong = 0}
  for i = 1, RING do locks[i] = async.lock() end

  local function acquire(task, lock)
    local expects = holders:closes_cycle(task, lock)
    local began = probe:elapsed()
    holders:ask(task, lock)
    local ok, permit = pcall(locks[lock].acquire, locks[lock])
    local is_told = not ok and async.is_error(permit, "DeadlockError")
    if is_told then
      state.told = state.told + 1
      assert.equal(began, probe:elapsed())
    end
    if is_told ~= expects then state.wrong = state.wrong + 1 end
    if not ok then
      holders:give_up(task, lock)
      error(permit, 0)
    end
    return setmetatable({}, {__close = function()
      holders:release(lock)
      permit:release()
    end})
  end

  local function link(task)
    return function()
      local _first <close> = acquire(task, task)
      async.sleep(0)
      local ok, err = pcall(function()
        local scope <close> = async.timeout(patience[task])
        holders.has_deadline[task] = patience[task] ~= nil
        local _second <close> = acquire(task, task % RING + 1)
        async.sleep(0)
      end)
      if ok or async.is_error(err, "DeadlockError") then return end
      if not async.is_error(err, "TimeoutError") then error(err, 0) end
      state.timed_out = state.timed_out + 1
    end
  end

  local bodies = {}
  for i = 1, RING do bodies[i] = link(i) end
  return bodies, state, locks
end

local function assert_free(locks)
  for _, lock in ipairs(locks) do assert.is_false(lock:locked()) end
end

describe("lock cycles, explored:", function()
  it("are told at once to who closes them, and to nobody else", explored(function(probe)
    local bodies, state, locks = ring(probe, {})
    return function()
      probe:together(bodies)
      return probe:elapsed()
    end, function(ended)
      assert_free(locks)
      assert.is_true(state.told <= 1)
      if not ended.is_injected then assert.same({0, 0}, {ended.results[1], state.wrong}) end
    end
  end))

  it("are none while a deadline will end one of the waits", explored(function(probe)
    local bodies, state, locks = ring(probe, {[2] = 1})
    return function()
      probe:together(bodies)
      return probe:elapsed()
    end, function(ended)
      assert_free(locks)
      assert.equal(0, state.told)
      assert.is_true(state.timed_out <= 1 + ended.hits)
      if not ended.is_injected then assert.same({state.timed_out, 0}, {ended.results[1], state.wrong}) end
    end
  end))

  it("go through a task that the owner awaits", explored(function(probe)
    local lock = async.lock()
    local told, has_ended = 0, 0
    return function()
      local waiter
      local function own()
        local permit <close> = lock:acquire()
        async.sleep(1)
        pcall(waiter.await, waiter)
        has_ended = has_ended + 1
      end
      local function want()
        async.sleep(2)
        local ok, err = pcall(lock.acquire, lock)
        if ok then return err:release() end
        if async.is_error(err, "DeadlockError") then
          told = told + 1
          assert.equal(2, probe:elapsed())
        end
        has_ended = has_ended + 1
      end
      async.task_group(function(group)
        waiter = group:spawn(probe:alone(want))
        group:spawn(probe:alone(own))
      end)
    end, function(ended)
      assert.is_false(lock:locked())
      if not ended.is_injected then assert.same({1, 2}, {told, has_ended}) end
    end
  end))

  it("of tasks that await each other are told at once", explored(function(probe)
    local told = 0
    return function()
      local tasks = {}
      local function await(i)
        return probe:alone(function()
          async.sleep(i)
          local _, err = pcall(tasks[i % RING + 1].await, tasks[i % RING + 1])
          if not async.is_error(err, "DeadlockError") then return end
          told = told + 1
          assert.equal(RING, probe:elapsed())
        end)
      end
      async.task_group(function(group)
        for i = 1, RING do tasks[i] = group:spawn(await(i)) end
      end)
    end, function(ended)
      if not ended.is_injected then assert.equal(1, told) end
      assert.is_true(told <= 1)
    end
  end))
end)
