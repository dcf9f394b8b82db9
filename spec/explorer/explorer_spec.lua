-- SPDX-License-Identifier: MIT
-- The explorer itself: it finds bugs that were planted, and what it prints finds them again.
local async = require "saros"
local explorer = require "spec.support.explorer"
local tasks = require "spec.support.tasks"

-- A semaphore as one writes it: a release wakes the oldest waiter, which looks again. Its bugs are chosen:
--   loses: a waiter that is woken and cancelled in the same turn does not pass the wakeup on
--   barges: who comes while a waiter is being woken takes the permit
local function new_semaphore(permits, bugs)
  local waiters, woken = {}, 0
  local semaphore = {}

  local function wake()
    local waiter = table.remove(waiters, 1)
    if not waiter then return end
    woken = woken + 1
    waiter:set()
  end

  local function remove(waiter)
    for i, other in ipairs(waiters) do
      if other == waiter then table.remove(waiters, i) end
    end
  end

  local function wait()
    local waiter = async.future()
    table.insert(waiters, waiter)
    local ok, err = pcall(waiter.await, waiter)
    if waiter:done() then woken = woken - 1 end
    if ok then return end
    remove(waiter)
    if waiter:done() and not bugs.loses then wake() end
    error(err, 0)
  end

  local function is_free()
    return permits > (bugs.barges and 0 or woken) and (bugs.barges or #waiters == 0)
  end

  function semaphore.acquire()
    if not is_free() then
      repeat wait() until permits > 0
    end
    permits = permits - 1
    return tasks.finally(semaphore.release)
  end

  function semaphore.release()
    permits = permits + 1
    wake()
  end

  return semaphore
end

-- A queue that hands items over in a slot of the waiter, and forgets to look there when the waiter is cancelled.
local function new_queue(loses)
  local items, slots = {}, {}
  local queue = {}

  function queue.put(item)
    local slot = table.remove(slots, 1)
    if not slot then return table.insert(items, item) end
    slot.item = item
    slot.filled:set()
  end

  function queue.get()
    if #items > 0 then return table.remove(items, 1) end
    local slot = {filled = async.future()}
    table.insert(slots, slot)
    local ok, err = pcall(slot.filled.await, slot.filled)
    if ok then return slot.item end
    for i, other in ipairs(slots) do
      if other == slot then table.remove(slots, i) end
    end
    if slot.item and not loses then queue.put(slot.item) end
    error(err, 0)
  end

  function queue.rest() return items end
  return queue
end

local function semaphore_scenario(bugs)
  return function(probe)
    local semaphore = new_semaphore(1, bugs)
    local served = {}

    local function use(name)
      local _ <close> = probe:closes()
      local permit <close> = semaphore.acquire()
      served[#served + 1] = name
      async.sleep(1)
    end

    return function()
      local group <close> = async.task_group()
      for i = 1, 3 do group:spawn(probe:body(use), i) end
    end, function()
      assert.is_true(#served <= 3)
    end
  end
end

local function queue_scenario(loses)
  return function(probe)
    local queue = new_queue(loses)
    local got, put = 0, 0

    return function()
      async.task_group(function(group)
        for _ = 1, 2 do
          group:spawn(probe:body(function()
            queue.get()
            got = got + 1
          end))
        end
        for item = 1, 2 do
          async.sleep(1)
          queue.put(item)
          put = put + 1
        end
        async.sleep(1)
        group:cancel()
      end)
    end, function()
      assert.equal(put, got + #queue.rest())
    end
  end
end

-- The message with which an exploration fails, and the schedule that it names.
local function failure(scenario, options)
  local message = tasks.caught(explorer.explore, scenario, options)
  assert.equal("string", type(message))
  local schedule = message:match 'explorer%.replay%(scenario, "([^"]+)"%) does it again'
  assert.is_string(schedule, message)
  return message, schedule
end

-- The failure is found, and the schedule that is printed leads to the same one.
local function is_found(scenario, pattern)
  local message, schedule = failure(scenario)
  assert.matches(pattern, message)
  local again = tasks.caught(explorer.replay, scenario, schedule)
  assert.equal(message:match "under the schedule [^\n]+", again:match "under the schedule [^\n]+")
  assert.equal(message:match "\nsteps: [^\n]+", again:match "\nsteps: [^\n]+")
  assert.matches(pattern, again)
  return message, schedule
end

-- Two tasks that add one to the same number.
local function counting(add)
  return function(probe)
    local counter = {value = 0}
    return function()
      local group <close> = async.task_group()
      for _ = 1, 2 do group:spawn(probe:body(function() add(counter) end)) end
    end, function(ended)
      if not ended.is_injected then assert.equal(2, counter.value) end
    end
  end
end

describe("the explorer", function()
  it("finds a wakeup that is lost when the woken task is cancelled", function()
    local _, schedule = is_found(semaphore_scenario {loses = true}, "DeadlockError")
    assert.matches("cancel=", schedule)
  end)

  it("finds an item that is lost when the getter is cancelled", function()
    local _, schedule = is_found(queue_scenario(true), "Expected objects to be equal")
    assert.matches("cancel=", schedule)
  end)

  it("finds nothing where nothing is wrong", function()
    explorer.explore(semaphore_scenario {})
    explorer.explore(queue_scenario(false))
  end)

  it("finds who overtakes those who wait", function()
    local function scenario(bugs)
      return function(probe)
        local semaphore = new_semaphore(1, bugs)
        local asked, served = {}, {}
        local function use(name)
          asked[#asked + 1] = name
          local permit <close> = semaphore.acquire()
          served[#served + 1] = name
          async.sleep(0)
        end
        return function()
          local group <close> = async.task_group()
          group:spawn(probe:body(function()
            use(1)
            use(2)
          end))
          group:spawn(probe:body(use), 3)
        end, function(ended)
          if not ended.is_injected then assert.same(asked, served) end
        end
      end
    end
    is_found(scenario {barges = true}, "Expected objects to be the same")
    explorer.explore(scenario {})
  end)

  it("finds what only another order shows", function()
    local _, schedule = is_found(counting(function(counter)
      if counter.busy then return end
      counter.busy = true
      async.sleep(0)
      counter.busy = false
      counter.value = counter.value + 1
    end), "Expected objects to be equal")
    assert.equal("in order", schedule)
    _, schedule = is_found(function(probe)
      local log = {}
      return function()
        local group <close> = async.task_group()
        for i = 1, 3 do group:spawn(probe:body(function() log[#log + 1] = i end)) end
      end, function(ended)
        if not ended.is_injected then assert.is_false(log[1] == 3 and log[2] == 1) end
      end
    end, "Expected objects to be the same")
    assert.equal("order=3", schedule)
  end)

  it("finds what only a certain moment for a deadline shows", function()
    local function scenario(probe)
      local half = false
      return function()
        async.sleep(3)
        half = true
        async.sleep(4)
        half = false
        async.sleep(5)
      end, function(ended)
        if not (ended.ok or async.is_error(ended.error, "CancelledError")) then assert.is_false(half) end
        return probe
      end
    end
    local _, schedule = is_found(scenario, "Expected objects to be the same")
    assert.matches("^deadline=1@[34567]", schedule)
  end)

  it("finds a task that is left over", function()
    is_found(function()
      return function()
        async.spawn(async.sleep, 5)
        async.sleep(1)
      end
    end, "left over")
  end)

  it("finds cleanup that is left out, and cleanup that comes twice", function()
    is_found(function(probe)
      return function()
        async.sleep(1)
        getmetatable(probe:closes()).__close()
        local held = probe:closes()
        async.sleep(1)
        getmetatable(held).__close()
      end
    end, "close variable 2 was closed 0 times")
    is_found(function(probe)
      return function()
        local held <close> = probe:closes()
        async.sleep(1)
        getmetatable(held).__close()
      end
    end, "close variable 1 was closed 2 times")
  end)

  it("finds memory that is kept", function()
    local kept = {}
    local message = tasks.caught(explorer.explore, function()
      return function()
        async.sleep(1)
        kept[#kept + 1] = ("x"):rep(1000) .. #kept
      end
    end)
    assert.matches("memory grew by", message)
  end)

  it("finds a task that swallows its cancellation for ever", function()
    is_found(function()
      return function()
        repeat until pcall(async.sleep, 1)
      end
    end, "it does not come to an end")
  end)

  it("finds a failure that nobody looked at", function()
    is_found(function()
      return function()
        async.spawn(error, "lost")
        async.sleep(1)
      end
    end, "nobody looked at the failure .*lost")
  end)

  it("takes an error of main for a failure, if nothing was cancelled", function()
    is_found(function()
      return function() error("broken", 0) end
    end, "main raised broken")
    is_found(function()
      return function() async.event():wait() end
    end, "main raised DeadlockError")
    explorer.explore(function()
      return function()
        local group <close> = async.task_group()
        group:spawn(async.sleep, 1)
        async.event():wait()
      end
    end, {allows = {"DeadlockError"}})
  end)

  it("tells the schedule in its simplest form", function()
    local function scenario(probe)
      local log = {}
      return function()
        local group <close> = async.task_group()
        for i = 1, 3 do
          group:spawn(probe:body(function()
            local _ <close> = tasks.finally(function() log[#log + 1] = i end)
            async.sleep(1)
            async.sleep(1)
          end))
        end
      end, function()
        assert.are_not.same({3, 1, 2}, log)
      end
    end
    local _, schedule = failure(scenario, {orders = 0, cancels = 0, deadlines = 0})
    local words = {}
    for word in schedule:gmatch "%S+" do words[#words + 1] = word end
    for i = 1, #words do
      local rest = table.move(words, 1, #words, 1, {})
      table.remove(rest, i)
      explorer.replay(scenario, #rest > 0 and table.concat(rest, " ") or "in order")
    end
  end)

  it("runs every order of what is ready once", function()
    local seen, count = {}, 0
    local ran = explorer.explore(function()
      local log = {}
      return function()
        local group <close> = async.task_group()
        for i = 1, 4 do group:spawn(function() log[#log + 1] = i end) end
      end, function()
        local order = table.concat(log, ",")
        if not seen[order] then count = count + 1 end
        seen[order] = (seen[order] or 0) + 1
      end
    end, {cancels = 0, deadlines = 0, mixed = 0})
    assert.equal(24, count)
    assert.equal(26, ran) -- two more in the usual order: to warm up, and to look around
    assert.equal(3, seen["1,2,3,4"])
    assert.equal(1, seen["4,3,2,1"])
  end)

  it("cancels each task before each of its steps, and while it waits", function()
    local seen = {}
    explorer.explore(function(probe)
      local at = "new"
      return function()
        local group <close> = async.task_group()
        group:spawn(probe:body(function()
          at = "started"
          local ok, err = pcall(function()
            async.sleep(1)
            at = "slept"
            async.sleep(0)
            at = "went on"
          end)
          seen[at] = not ok or seen[at]
          if not ok then error(err, 0) end
        end))
        async.sleep(1)
      end
    end, {orders = 0, deadlines = 0, mixed = 0})
    assert.same({started = true, slept = true}, seen)
  end)

  it("sets deadlines before, at and after every moment, for every body", function()
    local seen = {}
    explorer.explore(function(probe)
      return function()
        async.sleep(2)
        probe:body(function() async.sleep(3) end)()
      end, function(ended)
        if not ended.ok then seen[ended.error.seconds] = true end
      end
    end, {orders = 0, cancels = 0, mixed = 0})
    local tick = 1 / 1024
    assert.same({[0] = true, [tick] = true, [2 - tick] = true, [2] = true, [2 + tick] = true, [3 - tick] = true,
      [3] = true, [5 - tick] = true, [5] = true}, seen)
  end)

  it("runs the same schedules again for the same seed", function()
    local function digest(seed)
      local sum = 0
      local function add(number) sum = (sum * 31 + number) % 1000003 end
      explorer.explore(function(probe)
        return function()
          local group <close> = async.task_group()
          for i = 1, 3 do
            group:spawn(probe:body(function()
              async.sleep(i)
              async.sleep(0)
              add(i)
            end))
          end
        end, function(ended) add(ended.ok and 5 or 7) end
      end, {seed = seed, orders = 0, cancels = 0, deadlines = 0, mixed = 50})
      return sum
    end
    local first = digest(1)
    assert.equal(first, digest(1))
    assert.are_not.equal(first, digest(2))
  end)

  it("leaves the order of other runs alone", function()
    pcall(explorer.explore, function() error "no scenario" end)
    pcall(explorer.explore, function() return function() error("broken", 0) end end)
    local log = {}
    async.run(function()
      async.gather(function() log[1] = "first" end, function() log[2] = "second" end)
    end)
    assert.same({"first", "second"}, log)
  end)

  it("refuses what is no schedule", function()
    for _, text in ipairs {"order", "cancel=1", "cancel=x@3", "at=5@3"} do
      assert.matches("this is no schedule: " .. text, tasks.caught(explorer.replay, function() end, text), 1, true)
    end
  end)
end)
