-- SPDX-License-Identifier: MIT
-- What users build may be as deep, as long and as wide as memory allows: nothing recurses over it, what it costs
-- grows with its size only, and texts about it are short while the fields behind them keep everything.
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, error_of, hang, inside, start, turns =
  tasks.caught, tasks.error_of, tasks.hang, tasks.inside, tasks.start, tasks.turns

local MANY = 10000 -- twice of what overflowed the stack of a thread on macOS

-- How often `needle` is in the text.
local function count(text, needle)
  local number = 0
  for _ in text:gmatch(needle) do number = number + 1 end
  return number
end

-- Whether build(n) costs no more than its size says. What is quadratic takes a hundred times as long for ten times
-- as many; what is linear ten times, and is given three times that.
local function assert_linear(build)
  local function cost(n)
    collectgarbage()
    local before = os.clock()
    build(n)
    return os.clock() - before
  end
  cost(100)
  local small = math.max(cost(MANY // 10), cost(MANY // 10))
  local large = cost(MANY)
  assert.is_true(large < 30 * small + 0.2, ("%.3f s, and for ten times as many %.3f s"):format(small, large))
end

-- Spawns a chain of `length` tasks; each waits in its own way for the one before it. Returns the list of them.
local function new_chain(length, ways)
  local chain = {[0] = async.spawn(hang)}
  for i = 1, length do
    chain[i] = async.spawn(function() ways[i % #ways + 1](chain[i - 1]) end)
  end
  turns(3)
  return chain
end

local CANCELLING = {
  function(task) async.gather(task) end,
  function(task) async.gather({task, function() hang() end}, {return_errors = true}) end,
  function(task) async.race{task} end,
  function(task) async.any{hang, task} end,
  function(task) async.wait_for(task, 1000) end,
  function(task) async.wait_for(function() async.gather(task) end, 1000) end,
}
local AWAITING = {
  function(task) task:await() end,
  function(task) async.shield(task) end,
  function(task) async.wait{task} end,
  function(task) async.gather(task) end,
  function(task) async.wait_for(task, 1000) end,
  function(task) async.gather(function() task:await() end) end,
  function(task)
    local group <close> = async.task_group()
    group:spawn(task.await, task)
  end,
}

describe("cancelling", function()
  it("goes down a chain of tasks that gather one another, however long, on a small stack", function()
    local result = script([[
      local function chain(length, wait)
        local list = {[0] = async.spawn(async.sleep, math.huge)}
        for i = 1, length do list[i] = async.spawn(function() wait(list[i - 1]) end) end
        for _ = 1, 3 do async.sleep(0) end
        list[length]:cancel()
        pcall(list[length].await, list[length])
        for i = 0, length do assert(list[i]:cancelled()) end
      end
      async.run(function()
        chain(12000, function(task) async.gather(task) end)
        chain(12000, function(task) async.race{task} end)
        chain(12000, function(task) async.wait_for(task, 1000) end)
        print "done"
      end)
    ]], {stack = 512})
    assert.equal("done\n", result.out, result.err)
  end)

  it("goes down tasks that started one another, however deep, on a small stack", function()
    local result = script([[
      local nest = {}
      function nest.gather(n) async.gather(function() nest.group(n - 1) end) end
      function nest.group(n)
        local group <close> = async.task_group()
        group:spawn(nest.owned, n - 1)
      end
      function nest.owned(n)
        if n <= 0 then async.sleep(math.huge) end
        async.wait_for(async.spawn(nest.gather, n - 1), 1000)
      end
      async.run(function()
        local task = async.spawn(nest.gather, 12000)
        for _ = 1, 12010 do async.sleep(0) end
        assert(#async.all_tasks() > 12000)
        task:cancel()
        assert(not pcall(task.await, task))
        async.sleep(0)
        assert(#async.all_tasks() == 1)
        print "done"
      end)
    ]], {stack = 512})
    assert.equal("done\n", result.out, result.err)
  end)

  it("goes down a chain whose tasks wait in many ways", inside(function()
    local chain = new_chain(MANY, CANCELLING)
    chain[MANY]:cancel()
    caught(chain[MANY].await, chain[MANY])
    assert.is_true(chain[0]:cancelled())
    assert.equal(1, #async.all_tasks())
  end))

  it("ends what a task waits for before what comes after that task", inside(function()
    local log = {}
    local function leaf(name)
      return async.spawn(function()
        local _ <close> = setmetatable({}, {__close = function() log[#log + 1] = name end})
        hang()
      end)
    end
    local a, b, c, d, e, f = leaf "a", leaf "b", leaf "c", leaf "d", leaf "e", leaf "f"
    local inner = async.spawn(function() async.gather(b, c) end)
    local owner = start(function()
      async.gather(
        function() async.race{a, inner, d} end,
        function() async.wait_for(e, 1000) end,
        f)
    end)
    turns()
    owner:cancel()
    turns()
    assert.equal("fabcde", table.concat(log)) -- tasks that were given, then functions, each to its end
  end))

  it("costs as much as it ends", function()
    assert_linear(function(n)
      async.run(function()
        local chain = new_chain(n, CANCELLING)
        chain[n]:cancel()
        caught(chain[n].await, chain[n])
      end)
    end)
  end)
end)

describe("a cycle of tasks", function()
  -- Tasks in a shield fail when what they await is cancelled; here nobody looks at them.
  before_each(function() async.on_error(function() end) end)
  after_each(function() async.on_error(nil) end)

  -- Closes a chain of `length` to a ring and returns the error of the await that does so.
  local function close_ring(length)
    local list, err = {}, nil
    for i = 1, length do
      list[i] = async.spawn(function()
        if i < length then return AWAITING[i % #AWAITING + 1](list[i + 1]) end
        turns(3)
        err = caught(list[1].await, list[1])
        for j = length - 1, 1, -1 do list[j]:cancel() end
      end)
    end
    pcall(list[1].await, list[1])
    turns()
    return err
  end

  for _, length in ipairs{2, 7, 100, 12000} do
    it(("of %d, waiting in many ways, is told at once to the one that closes it"):format(length), inside(function()
      local _ <close> = async.spawn(async.sleep, 1000) -- so it is no deadlock of the run
      local err = close_ring(length)
      assert.is_true(async.is_error(err, "DeadlockError"), tostring(err))
      assert.is_true(#err.tasks >= length)
      assert.equal(0, count(err.message, "%.%.%. and 0 more"))
      assert.is_true(#err.message < 20000)
      if length > 100 then
        assert.matches(("; %%.%%.%%. and %d more$"):format(#err.tasks - 100), err.message)
      end
    end))
  end

  it("is told on a small stack, be it long", function()
    local result = script([[
      async.run(function()
        local _ <close> = async.spawn(async.sleep, 1000)
        local list, n = {}, 20000
        for i = 1, n do
          list[i] = async.spawn(function()
            if i < n then return async.gather(list[i + 1]) end
            async.sleep(0)
            local ok, err = pcall(async.gather, list[1])
            print(ok, err.name, #err.tasks, err.tasks[1].name == list[n]:name(), err.tasks[2].name == list[1]:name())
          end)
        end
        async.gather(list)
      end)
    ]], {stack = 512})
    assert.equal("false\tDeadlockError\t20000\ttrue\ttrue\n", result.out, result.err)
  end)

  it("is seen through a function that a gather runs", inside(function()
    local _ <close> = async.spawn(async.sleep, 1000)
    local one, other
    one = async.spawn(function() async.gather(function() other:await() end) end)
    other = async.spawn(function()
      turns(3)
      one:await()
    end)
    local err = error_of(other.await, other)
    assert.equal("DeadlockError", err.name)
    assert.equal(3, #err.tasks)
    assert.equal(other:name(), err.tasks[1].name)
    assert.equal(one:name(), err.tasks[2].name)
    caught(one.await, one)
  end))

  for name, escape in pairs{
    ["a race with another function"] = function(wait) return async.race{wait, function() async.sleep(1) end} end,
    ["any with another function"] = function(wait) return async.any{wait, function() async.sleep(1) end} end,
    ["a function within a deadline"] = function(wait) async.gather(function() pcall(async.wait_for, wait, 1) end) end,
    ["a group within a deadline"] = function(wait)
      pcall(async.wait_for, function()
        local group <close> = async.task_group()
        group:spawn(wait)
      end, 1)
    end,
  } do
    it("is none where a task may go on: " .. name, tasks.virtually(function()
      local one, other
      one = async.spawn(escape, function() other:await() end)
      other = async.spawn(function()
        turns(3)
        one:await()
        return "went on"
      end)
      assert.equal("went on", other:await())
    end))
  end

  it("is seen through the items of a list, whichever of them closes it", inside(function()
    local _ <close> = async.spawn(async.sleep, 1000)
    for place = 1, 3 do
      local list, task = {}, nil
      for i = 1, 3 do list[i] = async.spawn(i == place and function() task:await() end or hang) end
      task = async.spawn(function()
        turns(1)
        async.gather(list)
      end)
      assert.equal("DeadlockError", error_of(task.await, task).name)
      for i = 1, 3 do list[i]:cancel() end
    end
  end))

  it("of locks is told, be it long", inside(function()
    local _ <close> = async.spawn(async.sleep, 1000)
    local locks, err = {}, nil
    for i = 1, MANY do locks[i] = async.lock() end
    local group <close> = async.task_group()
    for i = 1, MANY do
      group:spawn(function()
        local permit <close> = locks[i]:acquire()
        turns(2)
        local ok, problem = pcall(locks[i % MANY + 1].acquire, locks[i % MANY + 1])
        if not ok then err = err or problem else problem:release() end
      end)
    end
    turns(4)
    assert.equal("DeadlockError", err.name)
    assert.equal(MANY, #err.tasks)
  end))

  it("is not seen where many wait for many, and nobody for himself", inside(function()
    local layer = {async.spawn(async.sleep, 0)}
    for _ = 1, 50 do
      local above = {}
      for i = 1, 10 do above[i] = start(async.gather, layer, {return_errors = true}) end
      layer = above
    end
    async.gather(layer)
  end))

  -- How a task waits for each of some others.
  local WAYS = {
    function(list) list[1]:await() end,
    function(list) async.gather(list) end,
    function(list) async.wait(list) end,
    function(list) async.race(list) end,
    function(list) async.shield(list[1]) end,
    function(list) async.wait_for(list[1], 1000) end,
    function(list) async.gather(function() list[1]:await() end, function() async.gather(list) end) end,
    function(list) async.wait_for(function() async.any{hang, function() async.wait(list) end} end, 1000) end,
    function(list)
      local group <close> = async.task_group()
      for _, task in ipairs(list) do
        group:spawn(function()
          local inner <close> = async.task_group()
          inner:spawn(task.await, task)
        end)
      end
    end,
  }
  local TAKES_ONE = {[1] = true, [5] = true, [6] = true}
  local MAY_GO_ON = {[8] = true} -- when a deadline passes, or by another function

  -- Lets each of some tasks, one after the other, wait for others at random, and compares with a plain model.
  local function wait_at_random(random)
    local number, list, waits, go = random(8) + 1, {}, {}, {}
    local function reaches(from, goal, seen)
      if from == goal then return true end
      if seen[from] then return false end
      seen[from] = true
      for _, next_one in ipairs(waits[from] or {}) do
        if reaches(next_one, goal, seen) then return true end
      end
      return false
    end
    for i = 1, number do
      go[i] = async.event()
      list[i] = async.spawn(function()
        go[i]:wait()
        local way, targets, given, is_cycle = random(#WAYS), {}, {}, false
        for j = 1, TAKES_ONE[way] and 1 or random(3) do
          targets[j] = random(number)
          given[j] = list[targets[j]]
          is_cycle = is_cycle or reaches(targets[j], i, {})
        end
        waits[i] = not is_cycle and not MAY_GO_ON[way] and targets or nil
        local ok, err = pcall(WAYS[way], given)
        local is_told = not ok and (async.is_error(err, "DeadlockError")
          or async.is_error(err, "GroupError") and err:find("DeadlockError") ~= nil)
        if is_told ~= is_cycle then error(("way %d: told %s, is %s"):format(way, is_told, is_cycle)) end
        if is_cycle then hang() end
      end)
    end
    for i = 1, number do
      go[i]:set()
      turns(6)
    end
    for i = 1, number do
      if list[i]:done() and list[i]:status() == "failed" then list[i]:result() end
    end
    for i = 1, number do list[i]:cancel() end
    turns(20)
  end

  it("is told where there is one, and nowhere else", inside(function()
    local _ <close> = async.spawn(async.sleep, 1000)
    local random = require("spec.support.explorer").new_random(7)
    for _ = 1, 400 do wait_at_random(random) end
  end))

  it("is searched at the cost of the shorter side", function()
    assert_linear(function(n)
      async.run(function()
        local chain = new_chain(n, AWAITING)
        local others = {}
        for i = 1, n do -- each is awaited by somebody, and awaits the end of the long chain
          others[i] = async.spawn(chain[n].await, chain[n])
          async.spawn(function() others[i]:await() end)
        end
        turns(3)
      end)
    end)
    assert_linear(function(n)
      async.run(function()
        local list = {}
        for i = 1, n do
          list[i] = async.spawn(function() if i < n then list[i + 1]:await() end end)
        end
        list[1]:await()
      end)
    end)
  end)
end)

describe("a report", function()
  it("of a deadlock names a hundred tasks and counts the rest; the field has all", function()
    for _, number in ipairs{99, 100, 101, 5000} do -- and main
      local err = error_of(async.run, function()
        for _ = 1, number - 1 do async.spawn(hang) end
        hang()
      end)
      assert.equal(number, #err.tasks)
      assert.equal(math.min(number, 100), count(err.message, "waits for"))
      assert.equal(number > 100 and tostring(number - 100) or nil, err.message:match("; %.%.%. and (%d+) more$"))
    end
  end)

  it("of a deadlock costs as much as there are tasks", function()
    assert_linear(function(n)
      caught(async.run, function()
        for _ = 1, n do async.spawn(hang) end
        hang()
      end)
    end)
  end)

  it("of what a test left over names a hundred tasks and counts the rest", function()
    for _, number in ipairs{100, 101, 3000} do
      local text = caught(testing.run, function()
        for _ = 1, number do async.spawn(hang) end
      end)
      assert.equal(math.min(number, 100), count(text, "\n\ttask "))
      assert.equal(number > 100 and tostring(number - 100) or nil, text:match("\n\t%.%.%. and (%d+) more$"))
    end
  end)

  it("of the tree has a line for each task, be it deep", inside(function()
    local function nest(depth)
      if depth == 0 then hang() end
      async.gather(function() nest(depth - 1) end)
    end
    async.spawn(nest, 2000)
    turns(2010)
    local tree = async.tree()
    assert.equal(2001, count(tree, "\n"))
    assert.is_true(#tree < 2002 * 250, #tree)
    assert.matches("\n +%(depth 2000%) task%-%d+: waiting for sleep without end", tree)
  end))
end)

describe("the trace of an error", function()
  -- The report of an error that passes `length` tasks, the innermost included, before it gets to main.
  local function trace_of(length)
    return caught(async.run, function()
      local task = async.spawn(error, "the bottom")
      for _ = 2, length do
        local inner = task
        task = async.spawn(function() inner:await() end)
      end
      task:await()
    end)
  end

  it("shows every task of a chain", function()
    assert.equal(99, count(trace_of(99), "awaited by:"))
    assert.not_matches("more tasks", trace_of(99))
  end)

  it("shows the ends of a long one and counts what is between", function()
    for _, length in ipairs{100, 1000} do
      local trace = trace_of(length)
      assert.equal(100, count(trace, "\nstack traceback:"))
      assert.matches(("\nawaited by:\n%%(%d more tasks%%)\nawaited by:\n"):format(length + 1 - 100), trace)
      assert.matches("^the bottom", trace)
      assert.matches("%[task 'main' spawned at [^\n]*$", trace)
    end
  end)

  it("costs as much as the chain is long, be the error an object, which tells of every task that awaited", function()
    for _, await in ipairs{function(task) task:await() end, function(task) async.gather(task) end} do
      assert_linear(function(length)
        local err = caught(async.run, function()
          local task = async.spawn(function() error(async.error{name = "DeepError", message = "the bottom"}) end)
          for _ = 2, length do
            local inner = task
            task = async.spawn(function() await(inner) end)
          end
          await(task)
        end)
        assert.equal(100, count(err.traceback, "stack traceback:"))
        assert.matches(("%%(%d more tasks%%)"):format(length + 1 - 100), err.traceback)
      end)
    end
  end)

  it("takes no more memory in a long chain than its tasks do", inside(function()
    collectgarbage()
    local before = collectgarbage "count"
    local list = {[0] = async.spawn(error, "the bottom")}
    for i = 1, 3000 do list[i] = async.spawn(function() list[i - 1]:await() end) end
    assert.matches("the bottom", caught(list[3000].await, list[3000]))
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 3000 * 4)
    assert.matches("%(2901 more tasks%)", list[3000]:traceback())
  end))
end)

describe("a GroupError", function()
  local function nest(depth, text)
    if depth == 0 then error(text, 0) end
    if depth % 2 == 0 then async.any{function() nest(depth - 1, text) end} end
    local group <close> = async.task_group()
    group:spawn(nest, depth - 1, text)
  end

  it("of groups in groups, however deep, has a short message and all of the errors", inside(function()
    collectgarbage()
    local before = collectgarbage "count"
    local err = error_of(nest, 8000, "the bottom")
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 40000)
    assert.is_true(#err.message < 1200)
    assert.matches("^a task of the group failed: GroupError: a task of the group failed: ", err.message)
    assert.matches(" %.%.%. .*GroupError: a task of the group failed: the bottom$", err.message)
    local depth = 0
    while async.is_error(err, "GroupError") do
      err = err.errors[1]
      depth = depth + 1
    end
    assert.equal(8000, depth)
    assert.equal("the bottom", err)
  end))

  it("quotes a short error in full, and cuts a long one between characters", inside(function()
    local text = ("x"):rep(1000)
    assert.equal("a task of the group failed: " .. text, error_of(nest, 1, text).message)
    for shift = 0, 3 do
      local long = ("a"):rep(shift) .. ("é€"):rep(1000)
      local message = error_of(nest, 1, long).message
      assert.is_truthy(utf8.len(message))
      assert.is_true(#message < 1100 and #message > 1000)
      assert.equal(long, error_of(nest, 1, long).errors[1])
    end
  end))
end)
