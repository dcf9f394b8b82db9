-- SPDX-License-Identifier: MIT
local async = require "saros"
local jobs = require "saros.jobs"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local error_of = tasks.error_of

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

describe("a worker", function()
  it("does so many jobs at a time, and no more", with_queue(function(queue)
    local now, most, done = 0, 0, 0
    local free = async.event()
    local worker <close> = async.spawn(queue.work, queue, { x = function()
      now = now + 1
      most = math.max(most, now)
      if now == 3 then free:set() end
      free:wait()
      async.sleep(0)
      now, done = now - 1, done + 1
    end }, { concurrency = 3 })
    local added = async.map(20, function() return queue:add "x" end)
    for _, job in ipairs(added) do job:result(30) end
    assert.same({ 3, 20 }, { most, done })
    assert(worker)
  end))

  -- The lease is long, so that nobody looks at the clock but he who has been told when to.
  it("that is full has others do late jobs in time", with_queue(function(queue, r)
    local begun, free = async.queue(), { async.event(), async.event() }
    local handlers = {
      hold = function(which)
        begun:put(which)
        free[which]:wait()
      end,
      late = function() return "done" end,
    }
    local other <close> = async.spawn(queue.work, queue, handlers, { concurrency = 1 })
    queue:add("hold", 1)
    begun:get()
    local full <close> = async.spawn(queue.work, queue, handlers, { concurrency = 1 })
    local job = queue:add("late", nil, { delay = 1 })
    assert.is_true(tasks.eventually(function() return r:exists(queue._prefix .. "marker") == 0 end))
    queue:add("hold", 2)
    begun:get()
    free[1]:set() -- the one that knows nothing of it
    assert.equal("done", job:result(30))
    free[2]:set()
    assert(other and full)
  end, { lease = 1000 }))

  it("that goes tells another when the next job is due", with_queue(function(queue, r)
    local handlers = { late = function() return "done" end }
    local function reading() return select(2, r:client("list"):gsub("cmd=xreadgroup", "")) end
    local first = async.spawn(queue.work, queue, handlers)
    assert.is_true(tasks.eventually(function() return reading() == 1 end))
    local other <close> = async.spawn(queue.work, queue, handlers)
    assert.is_true(tasks.eventually(function() return reading() == 2 end))
    local job = queue:add("late", nil, { delay = 1 })
    assert.is_true(tasks.eventually(function() return r:exists(queue._prefix .. "marker") == 0 end))
    first:cancel()
    async.wait { first }
    assert.equal("done", job:result(30))
    assert(other)
  end, { lease = 1000 }))

  it("that is cancelled takes no more, and lets those that run end", with_queue(function(queue)
    local begun, free = async.event(), async.event()
    local worker = async.spawn(queue.work, queue, { x = function(data)
      begun:set()
      free:wait()
      return data
    end }, { concurrency = 1 })
    local first, second = queue:add("x", 1), queue:add("x", 2)
    begun:wait()
    worker:cancel()
    tasks.turns()
    assert.is_false(worker:done())
    free:set()
    assert.equal("CancelledError", error_of(worker.await, worker).name)
    assert.equal(1, first:result())
    assert.equal("waiting", second:status())
    assert.same({ 1, 0, 1 }, { queue:stats().waiting, queue:stats().running, queue:stats().done })
  end))

  it("hands back what does not end within its grace, and that was no attempt", with_queue(function(queue, r)
    local begun = async.event()
    local worker = async.spawn(queue.work, queue, { x = function()
      begun:set()
      tasks.hang()
    end }, { grace = 0.05 })
    local job = queue:add("x", nil, { attempts = 1 })
    begun:wait()
    worker:close()
    assert.equal("waiting", job:status())
    assert.same({}, r:xinfo("CONSUMERS", queue._prefix .. "stream", "workers"))
    local next_worker <close> = async.spawn(queue.work, queue, { x = function(_, given) return given.attempt end })
    assert.equal(1, job:result(30))
    assert(next_worker)
  end))

  it("hands its jobs back at the end of the run, too", function()
    local r <close> = redis.connect(server.url)
    async.run(function()
      r:flushall()
      local queue = jobs.queue(r, "q")
      local begun = async.event()
      async.spawn(queue.work, queue, { x = function()
        begun:set()
        tasks.hang()
      end }, { grace = 0 })
      queue:add("x", nil, { id = "a" })
      begun:wait()
    end)
    async.run(function()
      local queue = jobs.queue(r, "q")
      assert.equal("waiting", queue:job("a"):status())
      assert.same({ 1, 0 }, { queue:stats().waiting, queue:stats().running })
    end)
  end)

  it("keeps the lease of a handler that takes longer, also in a thread that it blocks", with_queue(function(queue)
    local runs = {}
    local function run(job) runs[#runs + 1] = job.job end
    local handlers = {
      long = function(_, job)
        run(job)
        async.sleep(3)
        return "long"
      end,
      blocks = function(_, job)
        run(job)
        return async.to_thread(function()
          os.execute "sleep 3"
          return "blocked"
        end)
      end,
    }
    local one <close> = async.spawn(queue.work, queue, handlers)
    local other <close> = async.spawn(queue.work, queue, handlers)
    local long, blocks = queue:add "long", queue:add "blocks"
    assert.same({ "long", "blocked" }, { long:result(30), blocks:result(30) })
    table.sort(runs)
    assert.same({ "blocks", "long" }, runs)
    assert(one and other)
  end, { lease = 2 }))

  it("that lost a job has its handler cancelled, and what that returns does not count", with_queue(function(queue, r)
    local begun, ended = async.event(), async.future()
    local worker <close> = async.spawn(queue.work, queue, { x = function()
      begun:set()
      local _, err = pcall(tasks.hang)
      ended:set(err.name)
      return "of the loser"
    end })
    local job = queue:add "x"
    begun:wait()
    r:hset(queue._prefix .. "job:" .. job.id, "owner", "somebody else")
    assert.equal("CancelledError", ended:await())
    tasks.turns(50)
    assert.equal("running", job:status())
    assert.equal(0, queue:stats().done)
    assert(worker)
  end, { lease = 2 }))

  it("is idle without a command", with_queue(function(queue, r)
    local worker <close> = async.spawn(queue.work, queue, { x = function() return 1 end })
    queue:add("x"):result(30)
    while r:info("clients"):find "blocked_clients:1" == nil do async.sleep(0.01) end
    r:ping()
    local before = r:stats().commands
    async.sleep(0.3)
    assert.equal(before, r:stats().commands)
    assert(worker)
  end))

  it("goes on when somebody has emptied the database", with_queue(function(queue, r)
    local worker <close> = async.spawn(queue.work, queue, { x = function(data) return data end })
    assert.equal(1, queue:add("x", 1):result(30))
    r:flushall()
    assert.equal(2, queue:add("x", 2):result(30))
    assert(worker)
  end))

  it("raises at once if it cannot begin", function()
    testing.run(function()
      local nobody <close> = redis.connect("redis://127.0.0.1:1", { connect_timeout = 10 })
      local queue = jobs.queue(nobody, "q")
      assert.equal("ECONNREFUSED", error_of(queue.work, queue, {}).code)
      assert.equal("ECONNREFUSED", error_of(queue.add, queue, "x").code)
    end)
  end)

  it("costs three commands for a job, and fewer where many wait", with_queue(function(queue, r)
    local added = async.map(200, function() return queue:add "x" end)
    local before = r:stats().commands
    local worker <close> = async.spawn(queue.work, queue, { x = function() end }, { concurrency = 50 })
    while queue._redis:hget(queue._prefix .. "counts", "done") ~= "200" do before = before + 1 end
    assert.is_true(r:stats().commands - before < 2 * #added)
    assert(worker)
  end))
end)

describe("show", function()
  it("prints counts, what runs and what is dead", with_queue(function(queue, r)
    local begun = async.event()
    local worker <close> = async.spawn(queue.work, queue, {
      hangs = function()
        begun:set()
        tasks.hang()
      end,
      fails = function() error("no luck", 0) end,
    }, { grace = 0 })
    pcall(function() queue:add("fails", nil, { id = "f", attempts = 1 }):result(30) end)
    queue:add("hangs", nil, { id = "h" })
    queue:add("x", nil, { delay = 1000 })
    begun:wait()
    local printed, real_print = {}, print
    local restore <close> = tasks.finally(function() _G.print = real_print end)
    _G.print = function(text) printed[#printed + 1] = text end
    jobs.show(server.url, "q")
    assert.equal(1, #printed)
    local text = printed[1]
    assert.matches("q: waiting 0, late 1, running 1, dead 1, done 0, failed 1\n", text, 1, true)
    assert.matches("running\n  h  hangs  attempt 1  worker-1", text, 1, true)
    assert.matches("dead\n  f  fails  1 attempts  no luck", text, 1, true)
    local watching = async.spawn(jobs.show, server.url, "q", { watch = true })
    while #printed < 3 do async.sleep(0.01) end
    queue:add("x", nil, { delay = 1000 })
    while not printed[#printed]:find("late 2", 1, true) do async.sleep(0.01) end
    watching:close()
    assert(worker and restore and r)
  end))

  it("refuses what makes no sense", function()
    assert.matches("unknown option 'wach' %(did you mean 'watch'%?%)",
      tasks.caught(jobs.show, server.url, "q", { wach = true }))
    assert.matches("bad argument #1 to 'show' %(string expected, got no value%)", tasks.caught(jobs.show))
  end)
end)
