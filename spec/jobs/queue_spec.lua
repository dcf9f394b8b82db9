-- SPDX-License-Identifier: MIT
local async = require "saros"
local jobs = require "saros.jobs"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local caught, error_of, start = tasks.caught, tasks.error_of, tasks.start

local server

setup(function() server = redis_server.start() end)
teardown(function() server:close() end)

-- The body of an `it`: fn(queue, r) with an empty database.
local function with_queue(fn, options)
  return function()
    async.run(function()
      local r <close> = redis.connect(server.url)
      r:flushall()
      fn(jobs.queue(r, "q", options), r)
    end)
  end
end

-- A worker for `<close>`.
local function working(queue, handlers, options)
  return async.spawn(queue.work, queue, handlers, options)
end

-- A handler that waits until it is released, and notes that it has begun.
local function gate()
  local self = { begun = async.queue(), released = async.event() }
  function self.handler(data, job)
    self.begun:put(job.id)
    self.released:wait()
    return data
  end
  return self
end

describe("a job", function()
  it("is done by a worker, and its result arrives", with_queue(function(queue)
    local worker <close> = working(queue, { add = function(data) return { sum = data[1] + data[2] } end })
    local job = queue:add("add", { 20, 22 })
    assert.is_string(job.id)
    assert.equal("add", job.job)
    assert.same({ sum = 42 }, job:result(30))
    assert.equal("done", job:status())
    assert.same({ sum = 42 }, job:result())
    assert.same({ sum = 42 }, queue:job(job.id):result())
    assert(worker)
  end))

  it("takes nil for null, and only the first result", with_queue(function(queue)
    local got
    local handlers = { none = function(data) got = table.pack(data) end, two = function() return 1, 2 end }
    local worker <close> = working(queue, handlers)
    assert.is_nil(queue:add("none"):result(30))
    assert.same({ n = 1 }, got)
    assert.same({ n = 1, 1 }, table.pack(queue:add("two"):result(30)))
    assert(worker)
  end))

  it("has a status, from waiting to done", with_queue(function(queue)
    local job = queue:add "wait"
    assert.equal("waiting", job:status())
    local late = queue:add("wait", nil, { delay = 1000 })
    assert.equal("late", late:status())
    local held = gate()
    local worker <close> = working(queue, { wait = held.handler })
    held.begun:get()
    assert.equal("running", job:status())
    held.released:set()
    job:result(30)
    assert.equal("done", job:status())
    assert.is_nil(queue:job("never heard of"):status())
    assert(worker)
  end))

  it("with an id that is there is not added twice", with_queue(function(queue)
    local one = queue:add("x", 1, { id = "mine" })
    local other = queue:add("x", 2, { id = "mine" })
    assert.same({ "mine", "mine" }, { one.id, other.id })
    assert.equal(1, queue:stats().waiting)
    local worker <close> = working(queue, { x = function(data) return data end })
    assert.equal(1, other:result(30))
    queue:add("x", 3, { id = "mine" })
    assert.equal(1, queue:job("mine"):result())
    assert.is_true(queue:remove "mine")
    assert.equal(3, queue:add("x", 3, { id = "mine" }):result(30))
    assert(worker)
  end))

  it("gets an id that nobody has taken", with_queue(function(queue)
    queue:add("x", nil, { id = "1" })
    queue:add("x", nil, { id = "2" })
    assert.equal("3", queue:add("x").id)
  end))

  it("is kept with its result as long as it should be", with_queue(function(queue, r)
    local worker <close> = working(queue, { x = function() return 1 end })
    local job = queue:add "x"
    async.gather(function() job:result(30) end)
    local left = r:pttl(queue._prefix .. "job:" .. job.id)
    assert.is_true(left > 0 and left <= 5000)
    r:del(queue._prefix .. "job:" .. job.id) -- it has expired
    local err = error_of(job.result, job)
    assert.same({ "JobError", "EEXPIRED", job.id }, { err.name, err.code, err.id })
    assert.is_nil(job:status())
    assert(worker)
  end, { keep_results = 5 }))

  it("waits for its time", with_queue(function(queue)
    local order = {}
    local worker <close> = working(queue, { x = function(data)
      order[#order + 1] = data
      return async.now()
    end })
    local before = async.now()
    queue:add("x", "due", { at = os.time() - 5 }):result(10)
    local later, sooner = queue:add("x", "later", { delay = 2 }), queue:add("x", "sooner", { delay = 0.15 })
    local first, second = sooner:result(10), later:result(10)
    assert.same({ "due", "sooner", "later" }, order)
    assert.is_true(first - before >= 0.149 and second - before >= 1.999)
    assert(worker)
  end))

  it("that waits with nobody at work wakes the worker that comes", with_queue(function(queue)
    local job = queue:add("x", nil, { delay = 0.1 })
    local worker <close> = working(queue, { x = function() return "done" end })
    assert.equal("done", job:result(30))
    assert(worker)
  end))

  it("can be waited for by many, on one connection", with_queue(function(queue, r)
    local job = queue:add("x")
    local waiting = {}
    for i = 1, 50 do waiting[i] = async.spawn(queue:job(job.id).result, job) end
    local worker <close> = working(queue, { x = function() return "all" end })
    for i = 1, 50 do assert.equal("all", waiting[i]:await()) end
    assert.is_true(r:stats().connections <= 4)
    assert(worker)
  end))

  it("that ends while somebody looks at it is not waited for for ever", with_queue(function(queue, r)
    local first, second = queue:add "x", queue:add "x"
    local others = { start(pcall, first.result, first), start(pcall, second.result, second) }
    assert.is_true(tasks.eventually(function() return r:pubsub("numsub", queue._prefix .. "ended")[2] == 1 end))
    assert.is_false(others[1]:done())
    local has_ended = false
    queue._redis = setmetatable({ hmget = function(_, ...)
      local reply = r:hmget(...)
      if not has_ended then -- the reply is on its way
        has_ended = true
        first:cancel()
        others[1]:await()
      end
      return reply
    end }, { __index = r })
    local err = error_of(first.result, first, 30)
    queue._redis = r
    assert.equal("CancelledError", err.name)
    others[2]:cancel()
  end))

  it("is waited for by one who comes as the last of the others goes", with_queue(function(queue, r)
    local function watch(id)
      local held <close> = queue._ends:watch(id)
      held:wait()
      assert(held)
      return "woken"
    end
    local before = start(watch, "1")
    tasks.turns()
    before:cancel()
    local after = async.spawn(watch, "2")
    assert.is_true(tasks.eventually(function()
      r:publish(queue._prefix .. "ended", "2")
      return after:done()
    end))
    assert.equal("woken", after:await())
  end))

  it("is waited for as long as one likes", with_queue(function(queue)
    local job = queue:add("x")
    local err = error_of(job.result, job, 0.05)
    assert.same({ "TimeoutError", 0.05 }, { err.name, err.seconds })
    assert.equal("waiting", job:status())
  end))

  it("tells its progress", with_queue(function(queue)
    local held = gate()
    local seen
    local worker <close> = working(queue, { x = function(data, job)
      assert.is_nil(job:progress())
      job:progress { done = 1, of = 3 }
      seen = job:progress()
      return held.handler(data, job)
    end })
    local job = queue:add "x"
    assert.is_nil(job:progress())
    held.begun:get()
    assert.same({ done = 1, of = 3 }, job:progress())
    assert.same({ done = 1, of = 3 }, seen)
    held.released:set()
    job:result(30)
    assert.same({ done = 1, of = 3 }, job:progress())
    assert(worker)
  end))
end)

describe("a job that fails", function()
  it("is tried again, then it is dead, with error, traceback and attempts", with_queue(function(queue)
    local attempts = {}
    local worker <close> = working(queue, { fails = function(_, job)
      attempts[#attempts + 1] = job.attempt
      error "no luck"
    end })
    local job = queue:add("fails", { a = 1 })
    local err = error_of(job.result, job, 30)
    assert.same({ "JobError", "EJOB", job.id, 3 }, { err.name, err.code, err.id, err.attempts })
    assert.matches("queue_spec.lua:%d+: no luck", err.message)
    assert.matches("queue_spec.lua:%d+: in ", err.traceback)
    assert.is_nil(err.traceback:find("worker.lua", 1, true))
    assert.same({ 1, 2, 3 }, attempts)
    assert.equal("dead", job:status())
    local dead = queue:dead()
    assert.equal(1, #dead)
    assert.same({ job.id, "fails", { a = 1 }, 3 }, { dead[1].id, dead[1].job, dead[1].data, dead[1].attempts })
    assert.equal(err.message, dead[1].error)
    assert.matches("queue_spec.lua", dead[1].traceback, 1, true)
    local stats = queue:stats()
    assert.same({ 0, 0, 0, 1, 0, 3 },
      { stats.waiting, stats.late, stats.running, stats.dead, stats.done, stats.failed })
    assert(worker)
  end, { attempts = 3, delay = 0.01 }))

  it("may have attempts of its own", with_queue(function(queue)
    local worker <close> = working(queue, { fails = function() error "no" end })
    local err = error_of(function() queue:add("fails", nil, { attempts = 1 }):result(30) end)
    assert.equal(1, err.attempts)
    assert(worker)
  end))

  it("fails by an Error object, by any other value, and where there is no handler for it", with_queue(function(queue)
    local worker <close> = working(queue, {
      object = function() error(async.error { name = "MyError", message = "mine" }) end,
      value = function() error { 1 } end,
      result = function() return print end,
    })
    local function message_of(name)
      return error_of(function() queue:add(name, nil, { attempts = 1 }):result(30) end).message
    end
    assert.equal("MyError: mine", message_of "object")
    assert.matches("^table: ", message_of "value")
    assert.matches("JSONError", message_of "result")
    assert.equal("no worker here knows how to do 'stranger'", message_of "stranger")
    assert(worker)
  end))

  it("waits longer each time", with_queue(function(queue, r)
    local worker <close> = working(queue, { fails = function() error "no" end })
    local job = queue:add "fails"
    while job:status() ~= "late" do async.sleep(0.005) end
    local time = r:time()
    local due = tonumber(r:zscore(queue._prefix .. "late", job.id))
    local wait = due - (tonumber(time[1]) * 1000 + tonumber(time[2]) // 1000)
    assert.is_true(wait > 80000 and wait <= 100000, wait)
    assert(worker)
  end, { delay = 100, max_delay = 1000 }))

  it("can be given its attempts anew, or be removed", with_queue(function(queue)
    local fails = true
    local worker <close> = working(queue, { x = function()
      if fails then error "not yet" end
      return "now"
    end })
    local job = queue:add "x"
    caught(job.result, job, 30)
    assert.is_false(queue:retry "unknown")
    fails = false
    assert.is_true(queue:retry(job.id))
    assert.equal("now", job:result(30))
    assert.same({}, queue:dead())
    assert.is_false(queue:retry(job.id))
    fails = true
    local other = queue:add "x"
    caught(other.result, other, 30)
    assert.is_true(queue:remove(other.id))
    assert.is_false(queue:remove(other.id))
    assert.same({}, queue:dead())
    assert.is_nil(other:status())
    assert(worker)
  end, { attempts = 1 }))
end)

describe("a job that is cancelled", function()
  it("is not done, and its result is a CancelledError, an ordinary one", with_queue(function(queue)
    local waiting, late = queue:add "x", queue:add("x", nil, { delay = 1000 })
    for _, job in ipairs { waiting, late } do
      assert.is_true(job:cancel())
      assert.is_false(job:cancel())
      assert.equal("cancelled", job:status())
      local err = error_of(job.result, job)
      assert.equal("CancelledError", err.name)
      assert.is_nil(err.task)
    end
    local done = {}
    local worker <close> = working(queue, { x = function(data) done[#done + 1] = data end })
    queue:add("x", "last"):result(30)
    assert.same({ "last" }, done)
    assert.is_false(queue:job("unknown"):cancel())
    assert(worker)
  end))

  it("is kept for as long as the server can count, if it should be kept for longer", with_queue(function(queue)
    local job = queue:add "x"
    assert.is_true(job:cancel())
    assert.equal("cancelled", job:status())
  end, { keep_results = 1e300 }))

  it("while it runs has its handler cancelled at once", with_queue(function(queue)
    local cancelled = async.future()
    local begun = async.event()
    local worker <close> = working(queue, { x = function()
      begun:set()
      local _, err = pcall(tasks.hang)
      cancelled:set(err)
      error(err, 0)
    end })
    local job = queue:add "x"
    begun:wait()
    local waiting = start(job.result, job)
    while queue._redis:pubsub("NUMSUB", queue._prefix .. "lost")[2] == 0 do async.sleep(0.005) end
    assert.is_true(job:cancel())
    assert.equal("CancelledError", cancelled:await().name)
    assert.equal("CancelledError", error_of(waiting.await, waiting).name)
    assert.equal("cancelled", job:status())
    assert.equal(0, queue:stats().running)
    assert(worker)
  end))
end)

describe("a queue", function()
  it("removes jobs that wait, and says that one is running", with_queue(function(queue)
    local waiting, late = queue:add "x", queue:add("x", nil, { delay = 1000 })
    assert.is_true(queue:remove(waiting.id))
    assert.is_true(queue:remove(late.id))
    assert.same({ 0, 0 }, { queue:stats().waiting, queue:stats().late })
    local held = gate()
    local worker <close> = working(queue, { x = held.handler })
    local job = queue:add "x"
    held.begun:get()
    local err = error_of(queue.remove, queue, job.id)
    assert.same({ "BusyError", "EBUSY" }, { err.name, err.code })
    held.released:set()
    job:result(30)
    assert(worker)
  end))

  it("that is paused begins no jobs, in no way, until it is resumed, in order", with_queue(function(queue)
    local order = {}
    queue:add("x", 1)
    queue:pause()
    queue:pause()
    local worker <close> = working(queue, { x = function(data) order[#order + 1] = data end }, { concurrency = 1 })
    queue:add("x", 2)
    local late = queue:add("x", 3, { delay = 0.05 })
    while late:status() == "late" do async.sleep(0.01) end
    assert.same({}, order)
    assert.same({ 3, 0 }, { queue:stats().waiting, queue:stats().late })
    local cancelled = queue:add("x", "never")
    cancelled:cancel()
    local last = queue:add("x", 4)
    queue:resume()
    last:result(30)
    assert.same({ 1, 2, 3, 4 }, order)
    assert(worker)
  end))

  it("shows what happens", with_queue(function(queue)
    local kinds, values = {}, {}
    local watching = async.spawn(function()
      for event in queue:events() do
        kinds[#kinds + 1] = event.kind .. " " .. event.id .. " " .. event.job
        if event.kind == "progress" then values[#values + 1] = table.pack(event.value) end
        if event.kind == "failed" or event.kind == "dead" then assert.matches("no luck", event.error) end
        if event.id == "last" and event.kind == "done" then break end
      end
    end)
    while queue._redis:pubsub("NUMSUB", queue._prefix .. "events")[2] == 0 do async.sleep(0.005) end
    local worker <close> = working(queue, {
      ok = function(_, job)
        job:progress { half = true }
        job:progress(nil)
      end,
      bad = function() error "no luck" end,
      last = function() end,
    }, { concurrency = 1 })
    queue:add("ok", nil, { id = "a" }):result(30)
    caught(function() queue:add("bad", nil, { id = "b", attempts = 1 }):result(30) end)
    queue:add("ok", nil, { id = "c", delay = 100 }):cancel()
    queue:add("last", nil, { id = "last" }):result(30)
    watching:await()
    assert.same({
      "added a ok", "started a ok", "progress a ok", "progress a ok", "done a ok", "added b bad", "started b bad",
      "failed b bad", "dead b bad", "added c ok", "cancelled c ok", "added last last", "started last last",
      "done last last",
    }, kinds)
    assert.same({ { n = 1, { half = true } }, { n = 1 } }, values)
    assert(worker)
  end))

  it("leaves nothing in its stream", with_queue(function(queue, r)
    local worker <close> = working(queue, { x = function(data) if data % 10 == 0 then error "no" end end })
    local added = async.map(100, function(i) return queue:add("x", i, { attempts = 1 }) end)
    for _, job in ipairs(added) do pcall(job.result, job, 30) end
    assert.equal(0, r:xlen(queue._prefix .. "stream"))
    assert.equal(90, queue:stats().done)
    worker:close()
    assert.same({}, r:xinfo("CONSUMERS", queue._prefix .. "stream", "workers"))
  end))

  it("keeps apart from others, whatever their names", with_queue(function(queue, r)
    local other = jobs.queue(r, "q2")
    queue:add("x", nil, { id = "1" })
    assert.is_nil(other:job("1"):status())
    assert.equal(0, other:stats().waiting)
    assert.same({ "q", "JobQueue q2" }, { queue.name, tostring(other) })
  end))

  it("refuses what makes no sense, before anything else", with_queue(function(queue, r)
    assert.matches("bad argument #1 to 'queue' (client of saros.redis expected, got table)",
      caught(jobs.queue, {}, "q"), 1, true)
    assert.matches("bad argument #2 to 'queue' %(string expected, got no value%)", caught(jobs.queue, r))
    assert.matches("unknown option 'leases' %(did you mean 'lease'%?%)", caught(jobs.queue, r, "q", { leases = 1 }))
    assert.matches("'attempts': positive integer expected, got 0", caught(jobs.queue, r, "q", { attempts = 0 }))
    assert.matches("'jitter': a fraction from 0 to 1 expected, got 2", caught(jobs.queue, r, "q", { jitter = 2 }))
    assert.matches("bad argument #1 to 'queue:add' %(string expected, got no value%)", caught(queue.add, queue))
    assert.matches("bad argument #3 to 'queue:add' %(unknown option 'dely' %(did you mean 'delay'%?%)%)",
      caught(queue.add, queue, "x", nil, { dely = 1 }))
    assert.matches("either 'delay' or 'at' expected", caught(queue.add, queue, "x", nil, { delay = 1, at = 1 }))
    assert.matches("option 'delay': seconds expected, got string", caught(queue.add, queue, "x", nil, { delay = "1" }))
    assert.equal("JSONError", error_of(queue.add, queue, "x", print).name)
    assert.matches("functions by the names of jobs expected", caught(queue.work, queue, { x = 1 }))
    assert.matches("bad argument #2 to 'queue:work' %(option 'concurrency': positive integer expected, got 0%)",
      caught(queue.work, queue, {}, { concurrency = 0 }))
    assert.matches("bad argument #1 to 'queue:every' %(no schedule of cron: five fields expected, got 1%)",
      caught(queue.every, queue, "daily", "x"))
    assert.matches("calling 'queue:stats' on bad self", caught(queue.stats), 1, true)
    assert.matches("bad argument #1 to 'job:result' %(number expected, got string%)",
      caught(queue:job("1").result, queue:job("1"), "1"))
    local small <close> = redis.connect(server.url, { pool = 2 })
    local lean = jobs.queue(small, "q")
    assert.matches("a worker needs three connections", caught(lean.work, lean, {}))
    assert.equal(0, queue:stats().waiting)
  end))
end)

describe("a schedule", function()
  -- As if its tick were due.
  local function make_due(queue, r, seconds)
    local time = r:time()
    r:zadd(queue._prefix .. "ticks", (tonumber(time[1]) - seconds) * 1000, "tidy")
    queue:add("wake", nil, { delay = 0.001 })
  end

  it("has one run for each tick, however many workers there are", with_queue(function(queue, r)
    local ran = async.queue()
    local workers = {}
    local handlers = { tidy = function(data) ran:put(data) end, wake = function() end }
    for i = 1, 4 do workers[i] = working(queue, handlers) end
    queue:every("0 0 1 1 *", "tidy", { what = "attic" })
    make_due(queue, r, 1)
    assert.same({ what = "attic" }, ran:get())
    for _ = 1, 5 do queue:add("wake", nil, { delay = 0.001 }):result(30) end
    assert.equal(0, ran:size())
    for i = 1, 4 do workers[i]:close() end
  end))

  it("makes up for missed ticks once", with_queue(function(queue, r)
    queue:every("* * * * *", "tidy")
    make_due(queue, r, 3600)
    local ran = 0
    local worker <close> = working(queue, { tidy = function() ran = ran + 1 end, wake = function() end })
    while ran == 0 do async.sleep(0.005) end
    for _ = 1, 3 do queue:add("wake", nil, { delay = 0.001 }):result(30) end
    assert.equal(1, ran)
    local following = tonumber(r:zscore(queue._prefix .. "ticks", "tidy")) / 1000
    assert.equal(0, following % 60)
    assert.is_true(following > tonumber(r:time()[1]))
    assert(worker)
  end))

  it("said again keeps its tick, and lives until it is taken back", with_queue(function(queue, r)
    queue:every("0 0 1 1 *", "tidy", 1)
    local key = queue._prefix .. "ticks"
    local tick = r:zscore(key, "tidy")
    assert.is_truthy(os.date("!%d%m %H:%M:%S", math.tointeger(tick // 1000)):find "^0101 00:00:00")
    r:zadd(key, 1000, "tidy")
    queue:every("0 0 1 1 *", "tidy", 2)
    assert.equal(1000, r:zscore(key, "tidy"))
    queue:every("0 0 2 1 *", "tidy", 2)
    assert.is_true(r:zscore(key, "tidy") > 1000)
    queue:every(nil, "tidy")
    assert.is_nil(r:zscore(key, "tidy"))
    assert.equal(0, r:exists(key, queue._prefix .. "crons", queue._prefix .. "schedules"))
  end))
end)
