-- SPDX-License-Identifier: MIT
-- Programs at random. A program is made in advance from its seed, so that it does not depend on what happens
-- when it runs; it runs on anything that has the names of saros and gives a log of all that was seen.

local new_random = require("spec.support.explorer").new_random

local programs = {}

local DEEPEST, FUEL, STRANDS = 4, 250, 4
local TIMES = {0, 0, 0.125, 0.25, 0.25, 0.5, 1, 2} -- powers of two, so that sums are exact and often meet
local LIMIT = 20 -- seconds: then whatever still waits is cancelled

-- ---- making ---------------------------------------------------------------------------------------

local KINDS = {
  "sleep", "sleep", "sleep", "acquire", "acquire", "try", "put", "put", "get", "get", "try_put", "try_get",
  "timeout", "timeout", "shield", "group", "group", "group", "catch", "catch", "fail", "cancel", "await",
  "set", "clear", "wait", "select", "select", "acquire_all", "drain",
  "move_on", "defer", "map", "map_over", "set_local",
}
local HAVE_BODY = {
  acquire = true, acquire_all = true, try = true, timeout = true, shield = true, group = true, catch = true,
  move_on = true, defer = true, map = true, map_over = true,
}

local make_body

local function make_act(maker, depth)
  local random = maker.random
  local kind = KINDS[random(#KINDS)]
  maker.fuel = maker.fuel - 1
  while HAVE_BODY[kind] and (depth >= DEEPEST or maker.fuel < 0) do kind = KINDS[random(#KINDS)] end
  local act = {kind = kind, number = random(2), any = random(64), seconds = TIMES[random(#TIMES)]}
  if HAVE_BODY[kind] then act.body = make_body(maker, depth + 1) end
  if kind == "group" then
    act.children = {}
    for i = 1, random(3) do act.children[i] = make_body(maker, depth + 1) end
    act.cancels = random(5) == 1
    act.options = {limit = random(3), cancel_on_error = random(4) > 1}
    if act.options.limit == 3 then act.options.limit = nil end
  end
  return act
end

function make_body(maker, depth)
  local body = {}
  for i = 1, maker.random(4) do body[i] = make_act(maker, depth) end
  return body
end

--- The program of a seed: tasks that go on after an error, so that something is always going on.
function programs.make(seed)
  local maker = {random = new_random(seed), fuel = FUEL}
  for _ = 1, 4 do maker.random(2) end -- the first numbers of neighbouring seeds are much alike
  local strands = {}
  for i = 1, STRANDS do
    strands[i] = {}
    for j = 1, STRANDS do strands[i][j] = {kind = "catch", body = make_body(maker, 1)} end
  end
  return {kind = "group", body = {}, children = strands}
end

-- ---- making smaller ----------------------------------------------------------------------------------

--- Calls fn with each list of the program: bodies, and the children of groups.
local function each_list(body, fn)
  fn(body)
  for _, act in ipairs(body) do
    if act.children then
      fn(act.children)
      for _, child in ipairs(act.children) do each_list(child, fn) end
    end
    if act.body then each_list(act.body, fn) end
  end
end

--- Takes from the program whatever can be taken so that fails(program) still holds.
function programs.simplify(program, fails)
  local has_changed
  repeat
    has_changed = false
    each_list({program}, function(list)
      for i = #list, 1, -1 do
        local removed = list[i] ~= program and table.remove(list, i)
        if removed and fails(program) then
          has_changed = true
        elseif removed then
          table.insert(list, i, removed)
        end
      end
    end)
  until not has_changed
end

local function write(body, indent, lines)
  for _, act in ipairs(body) do
    local details = act.number and ("number=%d seconds=%g any=%d"):format(act.number, act.seconds, act.any) or ""
    lines[#lines + 1] = ("%s%s %s%s"):format(indent, act.kind, details, act.cancels and " cancels" or "")
    for _, child in ipairs(act.children or {}) do
      lines[#lines + 1] = indent .. "| task"
      write(child, indent .. "|   ", lines)
    end
    write(act.body or {}, indent .. "  ", lines)
  end
  return lines
end

--- The program as text, for people.
function programs.write(program)
  return table.concat(write({program}, "", {}), "\n")
end

-- ---- running --------------------------------------------------------------------------------------

local Run = {}
Run.__index = Run

--- An error in words that are the same for everybody.
local function describe(run, err)
  if type(err) ~= "table" then return tostring(err) end
  if err.planned then return "planned " .. err.planned end
  if err.name == "CancelledError" then return "cancelled " .. tostring(run.numbers[err.task]) end
  if err.name == "TimeoutError" then return ("timeout %g"):format(err.seconds) end
  if err.name ~= "GroupError" then return tostring(err) end
  local list = {}
  for i, inner in ipairs(err.errors) do list[i] = describe(run, inner) end
  return "group(" .. table.concat(list, ", ") .. ")"
end

function Run:note(format, ...)
  local task = self.numbers[self.api.current_task()]
  table.insert(self.log, ("%.9g task %d: "):format(self.api.now(), task) .. format:format(...))
end

local ACTS = {}

function ACTS.sleep(run, act)
  run.api.sleep(act.seconds)
  run:note("slept %g", act.seconds)
end

function ACTS.acquire(run, act, known)
  local permit <close> = run.semaphores[act.number]:acquire()
  run:note("acquired %d", act.number)
  run:perform(act.body, known)
  run:note("releases %d", act.number)
end

function ACTS.acquire_all(run, act, known)
  local permit <close> = run.semaphores[2]:acquire(2)
  run:note("acquired all")
  run:perform(act.body, known)
  run:note("releases all")
end

function ACTS.drain(run, act)
  run:note("drained %d: %s", act.number, table.concat(run.queues[act.number]:drain(), " "))
end

function ACTS.try(run, act, known)
  local permit <close> = run.semaphores[act.number]:try_acquire()
  run:note("tried %d: %s", act.number, permit ~= nil)
  if permit then run:perform(act.body, known) end
end

function ACTS.put(run, act)
  run.items = run.items + 1
  local item = run.items
  run.queues[act.number]:put(item)
  run:note("put %d in %d", item, act.number)
end

function ACTS.try_put(run, act)
  run.items = run.items + 1
  run:note("tried to put %d in %d: %s", run.items, act.number, run.queues[act.number]:try_put(run.items))
end

function ACTS.get(run, act)
  run:note("got %d from %d", run.queues[act.number]:get(), act.number)
end

function ACTS.try_get(run, act)
  run:note("tried to get from %d: %s", act.number, run.queues[act.number]:try_get())
end

function ACTS.set(run)
  run.event:set()
end

function ACTS.clear(run)
  run.event:clear()
end

function ACTS.wait(run)
  run.event:wait()
  run:note("saw the event")
end

--- Some of the objects, in some order.
local function choice(run, act)
  local all = {run.queues[1], run.queues[2], run.semaphores[act.number], run.event}
  local list = {}
  for i = 1, 4 do
    if act.any >> (i - 1) & 1 == 1 then table.insert(list, act.any > 32 and 1 or #list + 1, all[i]) end
  end
  return #list > 0 and list or all
end

function ACTS.select(run, act)
  local index, value = run.api.select(choice(run, act))
  local permit <close> = type(value) ~= "number" and value ~= true and value or nil
  run:note("selected %d: %s", index, permit and "a permit" or value)
end

function ACTS.timeout(run, act, known)
  local scope <close> = run.api.timeout(act.seconds)
  run:perform(act.body, known)
end

function ACTS.shield(run, act, known)
  run.api.shield(function() run:perform(act.body, known) end, act.seconds)
  run:note("leaves a shield")
end

function ACTS.move_on(run, act, known)
  local in_time = run.api.move_on_after(act.seconds, function() run:perform(act.body, known) end)
  run:note("moves on: %s", in_time)
end

function ACTS.defer(run, act, known)
  local _ <close> = run.api.defer(function(err)
    run.api.sleep(act.seconds)
    run:note("cleaned up after %s", err and describe(run, err))
  end)
  run:perform(act.body, known)
end

function ACTS.set_local(run, act)
  run.value:set(act.any)
end

--- What is run for each item of a map.
local function item_body(run, act, known)
  local older = table.move(known, 1, #known, 1, {})
  return function(item, index)
    run.tasks = run.tasks + 1
    run.numbers[run.api.current_task()] = run.tasks
    run:note("begins item %s, %s, with %s", item, index, run.value:get())
    run:perform(act.body, older)
    run:note("ends item %s", item)
  end
end

function ACTS.map(run, act, known)
  run.api.map(act.any % 4, item_body(run, act, known), {limit = act.number})
  run:note("mapped")
end

function ACTS.map_over(run, act, known)
  local asked = 0
  run.api.map(function()
    run.api.sleep(act.seconds)
    asked = asked + 1
    run:note("asked %d", asked)
    if asked > act.any % 4 then return nil end
    return asked * 10
  end, item_body(run, act, known), {limit = act.number})
  run:note("mapped over")
end

--- A task knows those that were spawned before it in its group, so that no two wait for each other.
function Run:spawn(group, body, known)
  local older = table.move(known, 1, #known, 1, {})
  self.tasks = self.tasks + 1
  local number = self.tasks
  local task = group:spawn(function()
    self:note("begins with %s", self.value:get())
    self:perform(body, older)
    self:note("ends")
  end)
  self.numbers[task] = number
  table.insert(known, task)
end

function ACTS.group(run, act, known)
  local group <close> = run.api.task_group(act.options)
  known = table.move(known, 1, #known, 1, {})
  for _, body in ipairs(act.children) do run:spawn(group, body, known) end
  run:perform(act.body, known)
  if act.cancels then run:note("cancels its group: %s", group:cancel()) end
  run:note("leaves a group")
end

function ACTS.catch(run, act, known)
  local ok, err = pcall(run.perform, run, act.body, known)
  run:note("caught %s", ok and "nothing" or describe(run, err))
end

function ACTS.fail(run)
  run.failures = run.failures + 1
  run:note("fails %d", run.failures)
  error({planned = run.failures}, 0)
end

function ACTS.cancel(run, act, known)
  local task = known[(act.any - 1) % math.max(#known, 1) + 1]
  if task then run:note("cancels %d: %s", run.numbers[task], task:cancel()) end
end

function ACTS.await(run, act, known)
  local task = known[(act.any - 1) % math.max(#known, 1) + 1]
  if not task then return end
  local ok, err = pcall(task.await, task)
  run:note("awaited %d (%s): %s", run.numbers[task], task:status(), ok or describe(run, err))
  if not ok then error(err, 0) end
end

function Run:perform(body, known)
  for _, act in ipairs(body) do ACTS[act.kind](self, act, known) end
end

--- Runs a program with `run(main)`; returns its log, a list of lines.
function programs.run(program, api, run)
  local this = setmetatable({
    api = api,
    log = {}, numbers = {}, tasks = 1, items = 0, failures = 0,
    semaphores = {api.semaphore(1), api.semaphore(2)},
    queues = {api.queue(1), api.queue()},
    event = api.event(),
    value = api.task_local "nothing",
  }, Run)
  run(function()
    this.numbers[api.current_task()] = 1
    local ok, err = pcall(function()
      local deadline <close> = api.timeout(LIMIT)
      this:perform({program}, {})
    end)
    this:note("main: %s", ok or describe(this, err))
    for i, semaphore in ipairs(this.semaphores) do this:note("free in %d: %d", i, semaphore:available()) end
    for i, queue in ipairs(this.queues) do
      for item in function() return queue:try_get() end do this:note("left in %d: %d", i, item) end
    end
  end)
  return this.log
end

return programs
