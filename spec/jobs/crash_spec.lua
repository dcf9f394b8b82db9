-- SPDX-License-Identifier: MIT
-- Workers that die, that stand still for longer than their lease, and servers that are started again: no job is lost,
-- and each double run is one whose lease had run out.
local async = require "saros"
local job_worker = require "spec.support.job_worker"
local jobs = require "saros.jobs"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local error_of = tasks.error_of

local server

setup(function() server = redis_server.start "--appendonly yes --appendfsync always" end)
teardown(function() server:close() end)

-- Seconds: no worker that runs may be held up for longer, and each that is killed is waited for as long.
local LEASE = 1
local OPTIONS = ("{ lease = %g, delay = 0.01 }"):format(LEASE)

-- The body of an `it`: fn(queue, r) with an empty database.
local function with_queue(fn)
  return function()
    async.run(function()
      local r <close> = redis.connect(server.url)
      r:flushall()
      fn(jobs.queue(r, "q", { lease = LEASE, delay = 0.01 }), r)
    end)
  end
end

local function worker(options) return job_worker.start(server.url, OPTIONS, options) end

-- Waits for the next start of a job, "ID ATTEMPT".
local function begun(r) return r:blpop("begun", 30)[2] end

local function release(r, id) r:rpush("release:" .. id, "go") end

describe("a worker that is killed", function()
  it("leaves its job to another one, and the start counts as an attempt", with_queue(function(queue, r)
    local first <close> = worker()
    local job = queue:add("wait", "data", { id = "a" })
    assert.equal("a 1", begun(r))
    first:signal "KILL"
    local second <close> = worker()
    assert.equal("a 2", begun(r))
    release(r, "a")
    assert.equal("data", job:result(30))
    assert.same({ 0, 1, 0 }, { queue:stats().running, queue:stats().done, queue:stats().dead })
    assert(second)
  end))

  it("leaves what was delivered to it and had not begun, too", with_queue(function(queue, r)
    local job = queue:add("quick", "data", { id = "a" })
    queue._scripts.join()
    r:xreadgroup("GROUP", "workers", "nobody", "COUNT", 1, "STREAMS", queue._prefix .. "stream", ">")
    local other <close> = worker()
    assert.equal("data", job:result(30))
    assert.equal("a 1", begun(r))
    assert(other)
  end))

  -- Entries of a worker that was lost a long time ago, on the server's clock.
  local function strand(queue, r, count)
    local stream = queue._prefix .. "stream"
    local taken = r:xreadgroup("GROUP", "workers", "nobody", "COUNT", count, "STREAMS", stream, ">")
    for _, entry in ipairs(taken[stream]) do
      r:xclaim(stream, "workers", "nobody", 0, entry[1], "IDLE", 2000000, "JUSTID")
    end
  end

  it("leaves its jobs to others, however few of them those can do at a time", with_queue(function(_, r)
    local queue = jobs.queue(r, "q", { lease = 1000 })
    queue._scripts.join()
    local added = async.map(20, function(i) return queue:add("x", i) end)
    strand(queue, r, 20)
    local other <close> = async.spawn(queue.work, queue, { x = function(data) return data end }, { concurrency = 2 })
    for i = 1, 20 do assert.equal(i, added[i]:result(30)) end
    assert(other)
  end))

  it("leaves its job to others, however many run that are older", with_queue(function(_, r)
    local queue = jobs.queue(r, "q", { lease = 1000 })
    local held = async.queue()
    local handlers = {
      hold = function()
        held:put(true)
        tasks.hang()
      end,
      x = function(data) return data end,
    }
    local full <close> = async.spawn(queue.work, queue, handlers, { concurrency = 30, grace = 0 })
    for _ = 1, 30 do queue:add "hold" end
    for _ = 1, 30 do held:get() end
    local job = queue:add("x", "found")
    strand(queue, r, 1)
    local other <close> = async.spawn(queue.work, queue, handlers, { concurrency = 1 })
    assert.equal("found", job:result(30))
    assert(full and other)
  end))

  it("by its own job takes it along no oftener than it has attempts", with_queue(function(queue, r)
    local job = queue:add("poison", nil, { id = "p", attempts = 2 })
    for i = 1, 2 do
      local victim <close> = worker()
      assert.equal("p " .. i, begun(r))
      assert(victim)
    end
    local last <close> = worker()
    local err = error_of(job.result, job, 30)
    assert.same({ "JobError", 2 }, { err.name, err.attempts })
    assert.matches("the worker was lost", err.message, 1, true)
    assert.equal(1, #queue:dead())
    assert.equal("still at work", queue:add("quick", "still at work"):result(30))
    assert(last)
  end))
end)

describe("a worker that stands still for longer than its lease", function()
  it("has lost its job for good, and its end does not count", with_queue(function(queue, r)
    local first <close> = worker()
    local job = queue:add("wait", "data", { id = "a" })
    assert.equal("a 1", begun(r))
    first:signal "STOP"
    local second <close> = worker()
    assert.equal("a 2", begun(r))
    first:signal "CONT"
    -- The first one has work again once it has noticed.
    second:signal "STOP"
    local other = queue:add("quick", "other", { id = "b" })
    while r:llen "begun" == 0 do async.sleep(0.01) end
    second:signal "CONT"
    local owner = r:hget(queue._prefix .. "job:a", "owner")
    assert.is_string(owner)
    release(r, "a")
    assert.equal("other", other:result(30))
    release(r, "a")
    release(r, "a")
    assert.equal("data", job:result(30))
    assert.equal(2, queue:stats().done)
  end))
end)

describe("a worker that is cut off from Redis", function()
  it("cancels its handlers when their lease is over, and works on when it is back", with_queue(function(queue)
    local cancelled = async.queue()
    local begun_here, first = async.queue(), math.huge
    local mine <close> = redis.connect(server.url, { timeout = 0.5, connect_timeout = 2 })
    local here = jobs.queue(mine, "q", { lease = LEASE, delay = 0.01 })
    local working <close> = async.spawn(here.work, here, {
      hang = function(_, job)
        begun_here:try_put(job.attempt)
        if job.attempt > first then return "at last" end
        local _, err = pcall(tasks.hang)
        cancelled:try_put(err.name) -- put would wait, which a cancelled task cannot
        error(err, 0)
      end,
    })
    local job = queue:add("hang", nil, { id = "a" })
    first = begun_here:get()
    server:signal "STOP"
    assert.equal("CancelledError", cancelled:get())
    server:signal "CONT"
    assert.equal("at last", job:result(30))
    assert.is_true(begun_here:get() > first)
    assert(working)
  end))
end)

describe("a server that is started again", function()
  it("loses no job, and workers find it again", with_queue(function(queue, r)
    local first <close> = worker()
    local running = queue:add("wait", "running", { id = "a" })
    local late = queue:add("quick", "late", { id = "l", delay = 0.5 })
    assert.equal("a 1", begun(r))
    queue:add("quick", "waiting", { id = "w", delay = 0.2 })
    server:kill()
    server:start()
    local again <close> = redis.connect(server.url)
    local after = jobs.queue(again, "q", { lease = LEASE })
    release(again, "a")
    release(again, "a")
    assert.equal("waiting", after:job("w"):result(30))
    assert.equal("late", after:job(late.id):result(30))
    assert.equal("running", after:job(running.id):result(30))
    assert.equal(3, after:stats().done)
    assert(first)
  end))
end)

describe("workers under load", function()
  it("of which one after the other is killed lose nothing", with_queue(function(queue, r)
    local workers = { worker(), worker() }
    local added = async.map(60, function(i) return queue:add("quick", i, { attempts = 50 }) end)
    for round = 1, 4 do
      begun(r)
      workers[round % 2 + 1]:close()
      workers[round % 2 + 1] = worker()
    end
    for i, job in ipairs(added) do assert.equal(i, job:result(30)) end
    local stats = queue:stats()
    assert.same({ 0, 0, 0, 0, 60 }, { stats.waiting, stats.late, stats.running, stats.dead, stats.done })
    for _, one in ipairs(workers) do one:close() end
  end))
end)

describe("clocks of machines", function()
  it("may differ: only the server's counts", with_queue(function(queue, r)
    local other <close> = job_worker.on_another_day(server.url, OPTIONS)
    local late = queue:add("quick", 1, { delay = 1000 })
    assert.equal(1, queue:add("quick", 1, { delay = 0.1 }):result(30))
    local due, time = tonumber(r:zscore(queue._prefix .. "late", late.id)) / 1000, tonumber(r:time()[1])
    assert.is_true(math.abs(due - time - 1000) < 60)
    assert.equal("late", late:status())
    assert(other)
  end))
end)
