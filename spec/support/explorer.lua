-- SPDX-License-Identifier: MIT
-- The explorer: runs a scenario under one schedule after the other, on the virtual clock, and says
-- under which of them it breaks.
--
--   explorer.explore(function(probe)
--     local semaphore = async.semaphore(1)                    -- new for each schedule
--     local function main() ... end                           -- the main task of a run
--     local function check(ended) assert(...) end             -- after the run: the invariants
--     return main, check
--   end)
--
-- A schedule says who runs next whenever several tasks are ready, which task is cancelled before which
-- step of the run, and which body gets a deadline at which moment. It is written as
-- "order=2,1,3 cancel=2@7 deadline=1@0.5": at the first moment with a choice the second oldest of the
-- ready tasks runs, ...; the second task (in spawn order, main is the first) is cancelled before the
-- seventh step; the first body (main; the others are those that went through probe:body) gets a deadline
-- half a second after the beginning. explorer.replay runs that one again.

local async = require "saros"
local testing = require "saros.testing"
local internal = require "saros.internal"

local explorer = {}

--- Every field may be given to explore.
local DEFAULTS = {
  orders = 600,    -- schedules that only change the order, those with the fewest changes first
  cancels = 500,   -- schedules with one cancellation: every task before every step
  deadlines = 200, -- schedules with one deadline: every body, around every moment
  mixed = 400,     -- schedules with an order at random, up to two cancellations, now and then a deadline
  seed = 1,        -- of the latter
  allows = {},     -- names of errors that main may raise and that may be reported
  late = false,    -- functions of gather, map, race, any begin at their turn, as they do without a scheduler: nobody
                   -- is given their tasks, so they have no numbers
}

local WIDTH = 4           -- so many of the ready tasks, the oldest, are asked for
local STEP_LIMIT = 2000   -- more steps than that: it does not come to an end
local TRACE_LIMIT = 100   -- so many are printed
local TICK = 1 / 1024     -- "before" and "after" a moment, in seconds
local TOLERANCE = 4       -- KiB of Lua memory that may differ,
local LEAST = 16 / 1024   -- and so many for each schedule: a leak of the smallest object is more than that
local ROUNDS = 4          -- so often it is looked at again
local FEWEST = 20         -- schedules that any scenario has
local IN_ORDER = "in order" -- the schedule that changes nothing
local INJECTED = {CancelledError = true, TimeoutError = true}

-- ---- schedules -----------------------------------------------------------------------------------

local function number_text(value)
  return math.tointeger(value) and ("%d"):format(value) or ("%.9g"):format(value)
end

--- The schedule in one line.
local function write(schedule)
  local words, last = {}, 0
  for i, choice in ipairs(schedule.order) do
    if choice > 1 then last = i end
  end
  if last > 0 then words[1] = "order=" .. table.concat(schedule.order, ",", 1, last) end
  for _, cancel in ipairs(schedule.cancels) do
    words[#words + 1] = ("cancel=%d@%d"):format(cancel.task, cancel.step)
  end
  for _, deadline in ipairs(schedule.deadlines) do
    words[#words + 1] = ("deadline=%d@%s"):format(deadline.body, number_text(deadline.at))
  end
  return #words > 0 and table.concat(words, " ") or IN_ORDER
end

--- The schedule of such a line.
local function read(text)
  local schedule = {order = {}, cancels = {}, deadlines = {}}
  if text == IN_ORDER then return schedule end
  for word in text:gmatch "%S+" do
    local key, value = word:match "^(%a+)=(.+)$"
    local number, at = (value or ""):match "^(%d+)@([%d.e+-]+)$"
    if key == "order" then
      for choice in value:gmatch "%d+" do table.insert(schedule.order, math.tointeger(choice)) end
    elseif key == "cancel" and at then
      table.insert(schedule.cancels, {task = math.tointeger(number), step = math.tointeger(at)})
    elseif key == "deadline" and at then
      table.insert(schedule.deadlines, {body = math.tointeger(number), at = tonumber(at)})
    else
      error(("this is no schedule: %s"):format(text), 3)
    end
  end
  return schedule
end

--- A source of random integers, 1 to n, that is the same everywhere.
local function new_random(seed)
  local state = seed * 0x9E3779B97F4A7C15 | 1
  return function(n)
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return (state >> 33) % n + 1
  end
end
explorer.new_random = new_random

-- ---- one run ------------------------------------------------------------------------------------

--- What a scenario is given.
local Probe = {}
Probe.__index = Probe

--- The body of a task around which the explorer may put a deadline.
function Probe:body(fn)
  self.bodies = self.bodies + 1
  local at
  for _, deadline in ipairs(self.schedule.deadlines) do
    if deadline.body == self.bodies then at = deadline.at end
  end
  if not at then return fn end
  return function(...)
    local deadline <close> = async.timeout(math.max(0, at - self:elapsed()))
    return fn(...)
  end
end

--- A value for a `<close>` variable. That it is closed exactly once is one of the invariants; `fn`, if it is
--- given, is called then.
function Probe:closes(fn)
  local index = #self.closed + 1
  self.closed[index] = 0
  return setmetatable({}, {__close = function()
    self.closed[index] = self.closed[index] + 1
    if fn then fn() end
  end})
end

--- Runs the functions as tasks of a group and leaves it when they have ended, or cancels those that have not
--- after `patience` seconds (who is cancelled may have been the one that others wait for). A deadline that ends
--- one of them does not fail the others.
function Probe:together(bodies, patience)
  async.task_group(function(group)
    local tasks = {}
    for i, body in ipairs(bodies) do tasks[i] = group:spawn(self:alone(body)) end
    if not patience then return end
    async.wait(tasks, {timeout = patience})
    group:cancel()
  end)
end

--- The same as body, but the deadline that the explorer sets ends it without an error.
function Probe:alone(fn)
  local body = self:body(fn)
  if body == fn then return fn end
  return function()
    local ok, err = pcall(body)
    if not ok and not async.is_error(err, "TimeoutError") then error(err, 0) end
  end
end

--- Seconds since the beginning of the run.
function Probe:elapsed()
  return math.floor((async.now() - self.began) * 1e6 + 0.5) / 1e6
end

--- Whether the schedule cancels nobody but main, at most.
function Probe:spares_others()
  for _, cancel in ipairs(self.schedule.cancels) do
    if cancel.task ~= 1 then return false end
  end
  for _, deadline in ipairs(self.schedule.deadlines) do
    if deadline.body ~= 1 then return false end
  end
  return true
end

--- Tasks are numbered as they come up: before its first step a task stands in the ready queue. One that nobody knows
--- is `false`.
local function register(probe, tasks)
  for _, task in ipairs(tasks) do
    if task and not probe.numbers[task] then
      probe.tasks[#probe.tasks + 1] = task
      probe.numbers[task] = #probe.tasks
    end
  end
end

local function cancel_due(probe)
  for _, cancel in ipairs(probe.schedule.cancels) do
    local task = cancel.step == probe.steps and probe.tasks[cancel.task]
    if task then
      task:cancel()
      if probe.trace then table.insert(probe.trace, ("(cancel %d)"):format(cancel.task)) end
    end
  end
end

--- Which of `count` ready tasks is to run next.
local function decide(probe, count)
  if count == 1 then return 1 end
  local width = math.min(count, WIDTH)
  local point = #probe.widths + 1
  local choice = probe.schedule.order[point]
  if not choice then choice = probe.random and probe.random(width) or 1 end
  probe.widths[point], probe.taken[point] = width, math.min(choice, width)
  return probe.taken[point]
end

--- Remembers what can be done before this step: a cancellation of each task that has not ended.
local function survey(probe)
  local now = probe:elapsed()
  if now ~= probe.moments[#probe.moments] then table.insert(probe.moments, now) end
  for number, task in ipairs(probe.tasks) do
    if not task:done() then table.insert(probe.chances, {task = number, step = probe.steps}) end
  end
end

--- The scheduler: called before each step with those that are ready.
local function step(probe, tasks)
  probe.began = probe.began or async.now()
  probe.steps = probe.steps + 1
  if probe.steps > STEP_LIMIT then error(("more than %d steps: it does not come to an end"):format(STEP_LIMIT), 0) end
  register(probe, tasks)
  if probe.chances then survey(probe) end
  cancel_due(probe)
  local choice = decide(probe, #tasks)
  if probe.trace then table.insert(probe.trace, tostring(probe.numbers[tasks[choice]] or "?")) end
  return choice
end

local function new_probe(schedule)
  return setmetatable({
    schedule = schedule,
    random = schedule.random,
    bodies = 0,
    steps = 0,
    tasks = {},   -- in the order in which they came up
    numbers = {}, -- their places in that list
    widths = {},  -- of the moments with a choice: how many there were
    taken = {},   -- and which was taken
    closed = {},  -- how often each value of `closes` was closed
    reports = {}, -- failures that nobody looked at
  }, Probe)
end

--- Whether the error is one that the scenario allows or the schedule has brought in, or a group of such errors.
local function may_raise(probe, options, err)
  if not async.is_error(err) then return false end
  if probe.is_injecting and INJECTED[err.name] then return true end
  for _, name in ipairs(options.allows) do
    if err.name == name then return true end
  end
  if not err.errors then return false end
  for i = 1, #err.errors do
    if not may_raise(probe, options, err.errors[i]) then return false end
  end
  return true
end

local function describe(err)
  local text = tostring(err)
  if async.is_error(err) and err.name ~= "DeadlockError" and err.traceback then text = text .. "\n" .. err.traceback end
  return text
end

--- What is wrong after a run, or nil.
local function complaint(probe, options, check)
  local ended = probe.ended
  if probe.failure then return probe.failure end
  if not ended.ok and not may_raise(probe, options, ended.error) then return "main raised " .. describe(ended.error) end
  for _, err in ipairs(probe.reports) do
    if not may_raise(probe, options, err) then return "nobody looked at the failure " .. describe(err) end
  end
  for index, count in ipairs(probe.closed) do
    if count ~= 1 then return ("close variable %d was closed %d times"):format(index, count) end
  end
  if #async.all_tasks() > 0 then return "tasks are left after the run" end
  if not check then return nil end
  local ok, err = pcall(check, ended)
  if not ok then return describe(err) end
end

--- How many bodies the schedule reaches at most. If it reaches main it reaches all.
local function hits(schedule)
  for _, cancel in ipairs(schedule.cancels) do
    if cancel.task == 1 then return math.huge end
  end
  for _, deadline in ipairs(schedule.deadlines) do
    if deadline.body == 1 then return math.huge end
  end
  return #schedule.cancels + #schedule.deadlines
end

--- How main ended; given to the check of the scenario.
local function ending(probe, ok, ...)
  return {
    ok = ok,
    error = not ok and (...) or nil,
    results = ok and table.pack(...) or nil,
    hits = hits(probe.schedule),
    is_injected = probe.is_injecting,
  }
end

--- Runs the scenario once. The probe tells how that went.
local function perform(scenario, schedule, options, wants)
  local probe = new_probe(schedule)
  probe.is_injecting = #schedule.cancels + #schedule.deadlines > 0
  if wants == "survey" then
    probe.chances, probe.moments = {}, {}
  elseif wants == "trace" then
    probe.trace = {}
  end
  local main, check = scenario(probe)
  main = probe:body(main)
  local function run()
    probe.ended = ending(probe, pcall(main))
  end
  async.on_error(function(err) table.insert(probe.reports, err) end)
  internal.schedule(function(tasks) return step(probe, tasks) end, options.late)
  local ok, err = pcall(testing.run, run)
  internal.schedule(nil)
  async.on_error(nil)
  if not ok then probe.failure = describe(err) end
  probe.complaint = complaint(probe, options, check)
  return probe
end

-- ---- failures -----------------------------------------------------------------------------------

local function copy_of(list)
  return table.move(list, 1, #list, 1, {})
end

--- The schedules that are simpler than this one: without its order, or by one thing.
local function simpler(schedule)
  local list = {}
  if write({order = schedule.order, cancels = {}, deadlines = {}}) ~= IN_ORDER then
    list[1] = {order = {}, cancels = schedule.cancels, deadlines = schedule.deadlines}
  end
  for _, key in ipairs {"cancels", "deadlines"} do
    for i = 1, #schedule[key] do
      local copy = {order = schedule.order, cancels = schedule.cancels, deadlines = schedule.deadlines}
      copy[key] = copy_of(schedule[key])
      table.remove(copy[key], i)
      list[#list + 1] = copy
    end
  end
  for i = #schedule.order, 1, -1 do
    if schedule.order[i] > 1 then
      local order = copy_of(schedule.order)
      order[i] = 1
      list[#list + 1] = {order = order, cancels = schedule.cancels, deadlines = schedule.deadlines}
    end
  end
  return list
end

--- A schedule that fails too and from which nothing can be taken away.
local function simplify(scenario, schedule, options)
  for _, candidate in ipairs(simpler(schedule)) do
    if perform(scenario, candidate, options).complaint then return simplify(scenario, candidate, options) end
  end
  return schedule
end

local function task_names(probe)
  local names = {}
  for i, task in ipairs(probe.tasks) do names[i] = ("%d %s"):format(i, tostring(task)) end
  return table.concat(names, ", ")
end

--- Raises what went wrong under this schedule.
local function fail(scenario, schedule, options)
  local probe = perform(scenario, schedule, options, "trace")
  if not probe.complaint then error(("the schedule %q fails only now and then"):format(write(schedule)), 0) end
  local text = write(schedule)
  error(table.concat({
    ("the scenario broke under the schedule %q:"):format(text),
    probe.complaint,
    "steps: " .. table.concat(probe.trace, " ", 1, math.min(#probe.trace, TRACE_LIMIT)),
    "tasks: " .. task_names(probe),
    ("explorer.replay(scenario, %q) does it again"):format(text),
  }, "\n"), 0)
end

--- Runs the scenario under the schedule that a failure named; raises that failure again.
function explorer.replay(scenario, text, options)
  local schedule = read(text)
  options = setmetatable(options or {}, {__index = DEFAULTS})
  if perform(scenario, schedule, options).complaint then fail(scenario, schedule, options) end
end

-- ---- exploring ----------------------------------------------------------------------------------

--- Runs one schedule of an exploration.
local function try(exploration, schedule, wants)
  exploration.count = exploration.count + 1
  schedule.order = schedule.order or {}
  schedule.cancels = schedule.cancels or {}
  schedule.deadlines = schedule.deadlines or {}
  local probe = perform(exploration.scenario, schedule, exploration.options, wants)
  if probe.complaint then
    local failed = {order = probe.taken, cancels = schedule.cancels, deadlines = schedule.deadlines}
    fail(exploration.scenario, simplify(exploration.scenario, failed, exploration.options), exploration.options)
  end
  return probe
end

--- Adds to the list every order that is `taken` up to some moment after the `given` ones, and then another.
local function branch(frontier, probe, given, limit)
  for point = given + 1, #probe.widths do
    for choice = 2, probe.widths[point] do
      if #frontier >= limit then return end
      local order = table.move(probe.taken, 1, point - 1, 1, {})
      order[point] = choice
      frontier[#frontier + 1] = order
    end
  end
end

--- Every order of the ready queue, once: those with one change first, then those with two, ...
local function explore_orders(exploration)
  local limit = exploration.options.orders
  local frontier = {{}}
  local index = 1
  while index <= #frontier and index <= limit do
    local order = frontier[index]
    branch(frontier, try(exploration, {order = order}), #order, limit)
    index = index + 1
  end
end

--- Calls fn for all items, or for so many of them, evenly.
local function sample(list, limit, fn)
  local stride = math.max(1, #list / limit)
  local at = limit > 0 and 1 or #list + 1
  while math.floor(at) <= #list do
    fn(list[math.floor(at)])
    at = at + stride
  end
end

local function explore_cancels(exploration, survey_of)
  sample(survey_of.chances, exploration.options.cancels, function(chance)
    try(exploration, {cancels = {chance}})
  end)
end

--- Moments before, at and after those at which something happened.
local function around(moments)
  local list = {}
  for _, moment in ipairs(moments) do
    if moment > 0 then list[#list + 1] = moment - TICK end
    list[#list + 1] = moment
    list[#list + 1] = moment + TICK
  end
  return list
end

local function explore_deadlines(exploration, survey_of)
  local list = {}
  for _, at in ipairs(around(survey_of.moments)) do
    for body = 1, survey_of.bodies do list[#list + 1] = {body = body, at = at} end
  end
  sample(list, exploration.options.deadlines, function(deadline)
    try(exploration, {deadlines = {deadline}})
  end)
end

local function explore_mixed(exploration, survey_of)
  local options = exploration.options
  local moments = around(survey_of.moments)
  for seed = options.seed, options.seed + options.mixed - 1 do
    local random = new_random(seed)
    local schedule = {cancels = {}, deadlines = {}, random = random}
    for _ = 1, random(3) - 1 do table.insert(schedule.cancels, survey_of.chances[random(#survey_of.chances)]) end
    if random(4) == 1 then
      table.insert(schedule.deadlines, {body = random(survey_of.bodies), at = moments[random(#moments)]})
    end
    try(exploration, schedule)
  end
end

local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

--- Runs the scenario under all schedules; returns by how many KiB Lua's memory has grown, and by how many it may.
local function explore_all(exploration)
  local before, count = memory(), exploration.count
  do
    local survey_of = try(exploration, {}, "survey")
    explore_orders(exploration)
    explore_cancels(exploration, survey_of)
    explore_deadlines(exploration, survey_of)
    explore_mixed(exploration, survey_of)
  end
  return memory() - before, TOLERANCE + (exploration.count - count) * LEAST
end

--- Runs the scenario under all schedules; raises the first failure, with the schedule. Returns how many ran.
---@param scenario fun(probe: table): function, function?
---@param options? table  see DEFAULTS
function explorer.explore(scenario, options)
  options = setmetatable(options or {}, {__index = DEFAULTS})
  local exploration = {scenario = scenario, options = options, count = 0}
  try(exploration, {})
  local grown, limit = explore_all(exploration)
  local count = exploration.count
  -- A table that had to double keeps its size, once; what leaks does so again and again.
  for _ = 1, ROUNDS do
    if grown > limit then grown, limit = explore_all(exploration) end
  end
  if grown > limit then
    error(("%d schedules passed, but Lua memory grew by %.1f KiB"):format(count, grown), 0)
  end
  explorer.total = explorer.total + count
  return count
end

--- The body of a spec that explores a scenario.
function explorer.explored(scenario, options)
  return function()
    local count = explorer.explore(scenario, options)
    if count < FEWEST then error(("only %d schedules: nothing happens in this scenario"):format(count), 0) end
  end
end

explorer.total = 0 -- schedules of all explorations

return explorer
