-- SPDX-License-Identifier: MIT
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, virtually, caught, start, hang, turns =
  tasks.inside, tasks.virtually, tasks.caught, tasks.start, tasks.hang, tasks.turns

local function busy(seconds)
  local before = async.now()
  while async.now() - before < seconds do end -- luacheck: ignore
end

describe("now", function()
  it("is fresh: it moves while Lua code runs", inside(function()
    local before = async.now()
    local reads = 0
    while async.now() == before do
      reads = reads + 1
      if reads > 1e8 then error "the clock stands still" end
    end
    assert.is_true(async.now() > before)
  end))

  it("never goes back", inside(function()
    local last = async.now()
    for i = 1, 1000 do
      if i % 10 == 0 then async.sleep(0) end
      local time = async.now()
      assert.is_true(time >= last)
      last = time
    end
  end))

  it("counts in seconds, with fractions", inside(function()
    assert.equal("float", math.type(async.now()))
    local clock, before = os.clock(), async.now()
    while os.clock() - clock < 0.01 do end -- luacheck: ignore
    local passed = async.now() - before
    assert.is_true(passed >= 0.009 and passed < 60)
  end))

  it("can be asked outside a run, on the same clock", function()
    local before = async.now()
    local within = async.run(function() return async.now() end)
    assert.is_true(before <= within and within <= async.now())
  end)
end)

describe("sleep", function()
  it("never wakes early, however long Lua code ran before the call", inside(function()
    for _, seconds in ipairs{0.001, 0.002, 0.0035} do
      busy(0.004)
      local before = async.now()
      async.sleep(seconds)
      assert.is_true(async.now() - before >= seconds)
    end
  end))

  it("never wakes early while other tasks keep the loop busy", inside(function()
    local stop = false
    start(function()
      while not stop do
        busy(0.001)
        async.sleep(0)
      end
    end)
    local before = async.now()
    async.sleep(0.0051)
    assert.is_true(async.now() - before >= 0.0051)
    stop = true
  end))

  it("wakes although other tasks are always ready", inside(function()
    local stop = false
    start(function()
      while not stop do async.sleep(0) end
    end)
    async.sleep(0.001)
    stop = true
  end))

  it("returns nothing", inside(function()
    assert.equal(0, select("#", async.sleep(0)))
    assert.equal(0, select("#", async.sleep(0.001)))
  end))

  it("lets time pass by just what was asked for", virtually(function()
    local before = async.now()
    async.sleep(1.5)
    assert.is_true(math.abs(async.now() - before - 1.5) < 0.5)
  end))

  it("never seems to wake early or late where time is virtual, whatever the number", function()
    local seconds = {0.1, 0.3, 1, 3600, 0.25, 2.5, 1 / 3, 1e-3}
    for i = 1, 2000 do
      virtually(function()
        local wanted = seconds[i % #seconds + 1]
        local before = async.now()
        async.sleep(wanted)
        local slept = async.now() - before
        assert.is_true(slept >= wanted)
        assert.is_true(slept - wanted < 1e-6)
      end)()
    end
  end)

  it("wakes tasks in the order of their deadlines", virtually(function()
    local order = {}
    for _, seconds in ipairs{3, 1, 2, 0.5, 2.5} do
      async.spawn(function()
        async.sleep(seconds)
        order[#order + 1] = seconds
      end)
    end
    async.sleep(10)
    assert.same({0.5, 1, 2, 2.5, 3}, order)
  end))

  it("wakes a thousand tasks in the order of their deadlines", virtually(function()
    local order, seed = {}, 1
    for _ = 1, 1000 do
      seed = seed * 16807 % 2147483647
      local seconds = seed % 500 + 1
      async.spawn(function()
        async.sleep(seconds)
        order[#order + 1] = seconds
      end)
    end
    async.sleep(1000)
    assert.equal(1000, #order)
    for i = 2, 1000 do assert.is_true(order[i - 1] <= order[i]) end
  end))

  it("forgets a deadline whose task was cancelled", virtually(function()
    local list, woken = {}, {}
    for i = 1, 20 do
      list[i] = async.spawn(function()
        async.sleep(i)
        woken[#woken + 1] = i
      end)
    end
    async.sleep(0)
    for i = 1, 20, 2 do list[i]:cancel() end
    async.sleep(100)
    assert.same({2, 4, 6, 8, 10, 12, 14, 16, 18, 20}, woken)
  end))

  it("is ended by a cancellation at once", virtually(function()
    local before = async.now()
    local task = start(async.sleep, 1000)
    task:close()
    assert.is_true(async.now() - before < 100)
    assert.is_true(task:cancelled())
  end))

  it("takes what is below zero for zero", inside(function()
    async.sleep(-1)
    async.sleep(-math.huge)
    async.sleep(-0.0)
  end))

  it("takes integers and floats", virtually(function()
    local before = async.now()
    async.sleep(1)
    async.sleep(1.0)
    assert.is_true(async.now() - before >= 2)
  end))

  it("sleeps for ever if told so", virtually(function()
    local task = start(async.sleep, math.huge)
    async.sleep(1e6)
    assert.equal("pending", task:status())
    task:close()
  end))

  it("does not wake early from times beyond all bounds", virtually(function()
    local list = {start(async.sleep, 1e300), start(async.sleep, math.maxinteger), start(async.sleep, 1e18)}
    async.sleep(1e6)
    for _, task in ipairs(list) do
      assert.equal("pending", task:status())
      task:close()
    end
  end))

  it("needs a number that is one", inside(function()
    assert.matches("bad argument #1 to 'sleep' %(number expected, got no value%)", caught(async.sleep))
    assert.matches("bad argument #1 to 'sleep' %(number expected, got nil%)", caught(async.sleep, nil))
    assert.matches("bad argument #1 to 'sleep' %(number expected, got string%)", caught(async.sleep, "1"))
    assert.matches("bad argument #1 to 'sleep' %(.*NaN.*%)", caught(async.sleep, 0 / 0))
  end))
end)

describe("sleep(0)", function()
  it("lets every ready task run once", inside(function()
    local log = {}
    for i = 1, 3 do
      async.spawn(function()
        log[#log + 1] = "a" .. i
        async.sleep(0)
        log[#log + 1] = "b" .. i
      end)
    end
    async.sleep(0)
    assert.same({"a1", "a2", "a3"}, log)
    async.sleep(0)
    assert.same({"a1", "a2", "a3", "b1", "b2", "b3"}, log)
  end))

  it("returns even if the others never stop being ready", inside(function()
    local rounds, stop = 0, false
    for _ = 1, 3 do
      async.spawn(function()
        while not stop do
          rounds = rounds + 1
          async.sleep(0)
        end
      end)
    end
    for _ = 1, 4 do async.sleep(0) end
    assert.equal(12, rounds)
    stop = true
  end))

  it("takes turns fairly", inside(function()
    local log = {}
    local function talk(name)
      for i = 1, 3 do
        log[#log + 1] = name .. i
        async.sleep(0)
      end
    end
    async.gather(function() talk "a" end, function() talk "b" end)
    assert.same({"a1", "b1", "a2", "b2", "a3", "b3"}, log)
  end))
end)

describe("a task that never really waits", function()
  -- Runs fn until another task and a timer have had their turn.
  local function is_fair(fn)
    return inside(function()
      local others, timer = false, false
      async.spawn(function()
        async.sleep(0.001)
        timer = true
      end)
      async.spawn(function() others = true end)
      local before = async.now()
      while not (others and timer) do
        fn()
        if async.now() - before > 30 then error "the others have not had a turn" end
      end
    end)
  end

  local finished, queue, event, future, semaphore, full

  before_each(function()
    queue, event, future, semaphore = async.queue(), async.event(), async.future(), async.semaphore(2)
    full = async.queue(1)
    event:set()
    future:set(1)
    async.run(function() finished = start(function() return 1 end) end)
  end)

  it("lets others run though its task has ended", is_fair(function() finished:await() end))
  it("lets others run though its future is set", is_fair(function() future:await() end))
  it("lets others run though its event is set", is_fair(function() event:wait() end))
  it("lets others run though its queue is never empty", is_fair(function()
    queue:put(1)
    queue:get()
  end))
  it("lets others run though its bounded queue has room", is_fair(function()
    full:put(1)
    full:get()
  end))
  it("lets others run though its semaphore is free", is_fair(function()
    local permit <close> = semaphore:acquire()
  end))
  it("lets others run though its group is empty", is_fair(function()
    local _group <close> = async.task_group()
  end))
  it("lets others run though it gathers what has ended", is_fair(function() async.gather(finished, finished) end))
  it("lets others run though it waits for what has ended", is_fair(function() async.wait{finished} end))
  it("lets others run though wait_for has its result", is_fair(function() async.wait_for(finished, 1) end))
  it("lets others run though it shields what has ended", is_fair(function() async.shield(finished) end))
  it("lets others run though it gathers nothing", is_fair(function() async.gather({}) end))
  it("lets others run though it maps nothing", is_fair(function() async.map({}, hang) end))
  it("lets others run though its race is over", is_fair(function() async.race{finished, finished} end))
  it("lets others run though it has any result", is_fair(function() async.any{finished} end))

  it("lets others run though it only sees failures", inside(function()
    local failed, others = start(error, "x"), false
    async.spawn(function() others = true end)
    local before = async.now()
    while not others do
      pcall(failed.await, failed)
      if async.now() - before > 30 then error "the others have not had a turn" end
    end
  end))

  it("lets a deadline of its own pass", inside(function()
    local done = start(turns, 0)
    local err = caught(async.wait_for, function()
      local before = async.now()
      while async.now() - before < 30 do done:await() end
    end, 0.001)
    assert.is_true(async.is_error(err, "TimeoutError"))
  end))

  it("can be cancelled", inside(function()
    local done = start(turns, 0)
    local task = start(function()
      for _ = 1, 1e6 do done:await() end
    end)
    task:cancel()
    turns()
    assert.is_true(task:cancelled())
  end))
end)

describe("waiting for ever", function()
  it("is no reason to keep the processor busy", inside(function()
    local task = start(hang)
    local before = os.clock()
    async.sleep(0.5)
    assert.is_true(os.clock() - before < 0.25)
    task:close()
  end))
end)
