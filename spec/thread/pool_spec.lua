-- SPDX-License-Identifier: MIT
local async = require "saros"
local fifo = require "spec.support.fifo"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, error_of, inside = tasks.caught, tasks.error_of, tasks.inside
local wait, release = fifo.wait, fifo.release

describe("thread_pool", function()
  it("runs jobs, as to_thread does", inside(function()
    local pool <close> = async.thread_pool { size = 2 }
    assert.same({ 3, "x" }, { pool:run(function(a, b) return a + b, "x" end, 1, 2) })
    assert.matches("bad argument #2 to 'pool:run' (a coroutine", caught(pool.run, pool, print, coroutine.create(print)),
      1, true)
  end))

  it("runs as many at once as it has threads, in order", inside(function()
    local pipe = fifo.make()
    local pool <close> = async.thread_pool { size = 1 }
    local path = os.tmpname()
    local function append(text)
      local file <close> = io.open(path, "a")
      file:write(text)
    end
    local first = async.spawn(pool.run, pool, function()
      wait(pipe)
      append "first "
    end)
    async.sleep(0)
    local others = async.spawn(async.map, { "a", "b", "c" }, function(text) pool:run(append, text) end)
    release(pipe)
    async.gather(first, others)
    local file <close> = io.open(path)
    assert.equal("first abc", file:read "a")
    os.remove(path)
    fifo.remove(pipe)
  end))

  it("can be made anywhere, and used in one run after the other", function()
    local pool = async.thread_pool { size = 1 }
    for i = 1, 3 do async.run(function() assert.equal(i, pool:run(function(n) return n end, i)) end) end
    pool:close()
  end)

  it("has as many threads as there are cores, unless it is told", inside(function()
    local pool <close> = async.thread_pool()
    assert.equal(1, pool:run(function() return 1 end))
  end))

  it("refuses what makes no sense", inside(function()
    local function refused(what, ...) assert.matches(what, caught(async.thread_pool, ...), 1, true) end
    refused("bad argument #1 to 'thread_pool' (table expected, got number)", 2)
    refused("bad argument #1 to 'thread_pool' (unknown option 'sise' (did you mean 'size'?))", { sise = 1 })
    refused("bad argument #1 to 'thread_pool' (option 'size': a positive integer expected, got 2)", { size = "2" })
    for _, size in ipairs { 0, -1, 1.5 } do
      refused("(option 'size': a positive integer expected, got " .. size, { size = size })
    end
    refused("(option 'size': at most 1024 expected, got 1025)", { size = 1025 })
    local pool <close> = async.thread_pool { size = 1 }
    assert.matches("calling 'pool:run' on bad self (thread pool expected, got function", caught(pool.run, print), 1,
      true)
    assert.matches("bad argument #1 to 'pool:run' (function expected, got no value)", caught(pool.run, pool), 1, true)
    assert.matches("calling 'pool:close' on bad self", caught(pool.close, io.stdout), 1, true)
    assert.matches("calling 'pool:map' on bad self", caught(pool.map, 1), 1, true)
  end))
end)

describe("pool:close", function()
  it("waits for the jobs that the pool has, and refuses new ones", inside(function()
    local pipe = fifo.make()
    local pool = async.thread_pool { size = 1 }
    local first, second = async.spawn(pool.run, pool, wait, pipe), async.spawn(pool.run, pool, wait, pipe)
    async.sleep(0)
    local closing, other = async.spawn(pool.close, pool), async.spawn(pool.close, pool)
    async.sleep(0)
    local err = error_of(pool.run, pool, print)
    assert.same({ "ClosedError", "ECLOSED", "pool:run: the pool is closed" }, { err.name, err.code, err.message })
    assert.is_false(closing:done() or other:done())
    release(pipe)
    first:await()
    async.sleep(0)
    assert.is_false(closing:done() or other:done())
    release(pipe)
    second:await()
    async.gather(closing, other)
    pool:close()
    assert.equal("ClosedError", error_of(pool.map, pool, 1, print).name)
    fifo.remove(pipe)
  end))

  it("lets a map that has begun come to its end", inside(function()
    local pipe = fifo.make()
    local pool = async.thread_pool { size = 1 }
    local mapping = tasks.start(pool.map, pool, 6, function(n) return n, wait(pipe) end)
    local closing = tasks.start(pool.close, pool)
    for _ = 1, 6 do release(pipe) end
    assert.same({ 1, 2, 3, 4, 5, 6 }, mapping:await())
    closing:await()
    fifo.remove(pipe)
  end))

  it("does not wait for jobs that are left behind", inside(function()
    local pipe = fifo.make()
    local pool = async.thread_pool { size = 1 }
    local blocked = async.spawn(pool.run, pool, wait, pipe)
    async.sleep(0)
    local closing = tasks.start(pool.close, pool)
    assert.is_false(closing:done())
    blocked:cancel()
    closing:await()
    fifo.remove(pipe)
  end))

  it("can be cancelled, and the jobs go on", inside(function()
    local pipe = fifo.make()
    local pool = async.thread_pool { size = 1 }
    local job = async.spawn(pool.run, pool, wait, pipe)
    async.sleep(0)
    local closing = tasks.start(pool.close, pool)
    closing:close()
    assert.is_true(closing:cancelled())
    release(pipe)
    assert.equal("x", job:await())
    fifo.remove(pipe)
  end))

  it("comes at the end of a block, which waits unless it is cancelled", inside(function()
    local pipe = fifo.make()
    local job
    local block = tasks.start(function()
      local pool <close> = async.thread_pool { size = 1 }
      job = tasks.start(pool.run, pool, wait, pipe)
    end)
    release(pipe)
    block:await()
    assert.equal("x", job:result())

    local cancelled = tasks.start(function()
      local pool <close> = async.thread_pool { size = 1 }
      job = tasks.start(pool.run, pool, wait, pipe)
      tasks.hang()
    end)
    async.sleep(0)
    cancelled:close()
    assert.is_true(cancelled:cancelled())
    assert.is_false(job:done())
    release(pipe)
    assert.equal("x", job:await())
    fifo.remove(pipe)
  end))

  it("can be called anywhere when there is nothing to wait for", function()
    local pool = async.thread_pool { size = 1 }
    async.run(function() pool:run(function() end) end)
    pool:close()
    pool:close()
    local _ <close> = async.thread_pool()
  end)

  it("leaves nothing behind", function()
    testing.run(function()
      local pool <close> = async.thread_pool { size = 2 }
      pool:map(10, function(n) return n end)
    end)
  end)

  it("is missed, where the collector has to do it", function()
    local said = script [[
async.debug(true)
async.run(function() async.thread_pool { size = 1 }:run(function() end) end)
collectgarbage()
collectgarbage()
local pool <close> = async.thread_pool()
]].err
    assert.matches("^saros: [^\n]*thread pool[^\n]*:3[^\n]*\n$", said)
  end)
end)
