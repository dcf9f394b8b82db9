-- SPDX-License-Identifier: MIT
-- How connections begin and end: with runs, with the client, with the server.
local async = require "saros"
local closing = require "spec.support.closing"
local fake_redis = require "spec.support.fake_redis"
local proc = require "spec.support.proc"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, error_of, inside, start = tasks.caught, tasks.error_of, tasks.inside, tasks.start

local server

setup(function() server = redis_server.start "--appendonly yes --appendfsync always" end)
teardown(function() server:close() end)

describe("a client", function()
  it("outlives runs, its connections do not", function()
    local r = redis.connect(server.url)
    local before = proc.descriptors()
    for i = 1, 3 do
      async.run(function()
        assert.equal("OK", r:set("k", i))
        assert.is_nil(r:blpop("nothing", 0.01))
        assert.equal(2, r:stats().connections)
      end)
      assert.equal(0, r:stats().connections)
      assert.equal(before, proc.descriptors())
    end
    r:close()
    r:close()
  end)

  it("is there without saros having been asked for before", function()
    for _, name in ipairs { "redis", "jobs" } do
      local said = require "spec.support.script" (("print(type(require 'saros.%s'))"):format(name), { bare = true })
      assert.same({ "table\n", "", 0 }, { said.out, said.err, said.code })
    end
  end)

  it("that is closed leaves nothing over", function()
    testing.run(function()
      local r <close> = redis.connect(server.url)
      r:ping()
      r:blpop("nothing", 0.01)
      for _ in function() return nil end, nil, nil, select(4, r:subscribe "x") do error "never" end
    end)
  end)

  it("that is closed fails what is under way with ClosedError", inside(function()
    local r = redis.connect(server.url, { pool = 3 })
    local waiting = {}
    for i = 1, 3 do waiting[i] = start(r.blpop, r, "x", 0) end
    while r:info("clients"):find "blocked_clients:2" == nil do async.sleep(0) end
    waiting[4] = start(r.transaction, r, {}, function(t) t:ping() end)
    waiting[5] = async.spawn(r.ping, r)
    async.spawn(function() r:close() end)
    for i = 1, 5 do
      local err = error_of(waiting[i].await, waiting[i])
      assert.same({ "ClosedError", "ECLOSED" }, { err.name, err.code })
      assert.is_string(err.command)
    end
    assert.same({ 0, 0 }, { r:stats().connections, r:stats().waiting })
    assert.equal("ClosedError", error_of(r.ping, r).name)
  end))

  it("that is closed while it connects fails those who wait", inside(function()
    local listening <close> = async.net.listen("127.0.0.1", 0)
    local serving <close> = async.spawn(listening.serve, listening, function(stream) stream:read_all() end)
    local r = redis.connect("redis://127.0.0.1:" .. select(2, listening:address()))
    local waiting = { start(r.ping, r), start(r.blpop, r, "x", 0) }
    tasks.turns()
    assert.equal(2, r:stats().waiting)
    r:close()
    for _, task in ipairs(waiting) do assert.equal("ClosedError", error_of(task.await, task).name) end
    assert(serving)
  end))

  it("takes replies for tasks that are gone, as their coroutines were closed by coroutine.close", inside(function()
    local ask = async.event()
    local fake <close> = fake_redis.start(function(peer)
      peer:greet()
      ask:wait()
      peer:answer(function(words) return ("+%s\r\n"):format(words[2]) end)
    end)
    local r <close> = redis.connect(fake.url)
    local gone = {}
    for i = 1, 3 do
      gone[i] = closing.closed(function() return i < 3 and r:get(i) or r:pipeline(function(p) p:get(3):get(4) end) end)
      gone[i]:cancel()
    end
    async.wait(gone)
    closing.collect()
    for _ = 1, 100 do coroutine.create(closing.collect) end
    ask:set()
    assert.equal("mine", r:get "mine")
    for _, task in ipairs(gone) do assert.matches(closing.MESSAGE, task:error()) end
  end))

  it("that is closed while a command is given to it, as a finalizer may do, fails that command", inside(function()
    local spawn = async.spawn
    local function ping(p) p:ping() end
    local connected <close> = redis.connect(server.url)
    connected:ping()
    local connection = getmetatable(connected._shared).__index
    local perform = connection.perform
    local _restoring <close> = tasks.finally(function() connection.perform, async.spawn = perform, spawn end)
    function connection.perform(...)
      connection.perform = perform
      connected:close()
      return perform(...)
    end
    local err = error_of(connected.pipeline, connected, ping)
    assert.same({ "ClosedError", "PING" }, { err.name, err.command })
    local fresh <close> = redis.connect(server.url)
    async.spawn = function(...)
      async.spawn = spawn
      fresh:close()
      return spawn(...)
    end
    assert.equal("ClosedError", error_of(fresh.pipeline, fresh, ping).name)
  end))

  it("bears that the coroutine of a task is closed by hand while it waits", inside(function()
    local r <close> = redis.connect(server.url)
    r:ping()
    local function pipe() r:pipeline(function(p) p:ping():call "NOPE" end) end
    for _, ask in ipairs { function() r:ping() end, pipe } do
      local thread
      local asking = async.spawn(function()
        thread = coroutine.running()
        ask()
      end)
      async.sleep(0)
      coroutine.close(thread)
      assert.matches(closing.MESSAGE, caught(asking.await, asking))
    end
    assert.equal("PONG", r:ping())
  end))

  it("that was given up is collected, and its connections with it", function()
    local said = require "spec.support.script" (([[
local redis = require "saros.redis"
async.debug(true)
async.run(function()
  redis.connect(%q):ping()
  for _ = 1, 5 do
    collectgarbage()
    async.sleep(0)
  end
  print(#async.all_tasks())
end)
]]):format(server.url))
    assert.equal("1\n", said.out, said.err)
    assert.matches("redis client", said.err, 1, true)
  end)

  it("serves the cleanup of tasks that the end of the run has cancelled", function()
    local r = redis.connect(server.url)
    async.run(function()
      r:set("cleanup", "none")
      async.spawn(function()
        local _ <close> = async.defer(function()
          async.sleep(0.02)
          r:set("cleanup", "done")
          assert.is_nil(r:blpop("nothing", 0.01))
        end)
        tasks.hang()
      end)
      async.sleep(0)
    end)
    assert.equal("done", server:cli "get cleanup")
  end)

  it("is gone with its loop in the middle of everything", function()
    local before = proc.descriptors()
    local r = redis.connect(server.url)
    async.run(function()
      for _ = 1, 10 do async.spawn(r.get, r, "k") end
      async.spawn(r.blpop, r, "x", 0)
      async.spawn(function() for _ in r:subscribe "x" do end end)
      r:ping()
    end)
    assert.equal(before, proc.descriptors())
    assert.equal(0, r:stats().waiting)
  end)
end)

describe("os.exit", function()
  it("in the middle of everything does no harm", function()
    local said = require "spec.support.script" (([[
local redis = require "saros.redis"
async.run(function()
  local r = redis.connect(%q)
  r:ping()
  for _ = 1, 3 do async.spawn(r.get, r, "k") end
  async.spawn(r.blpop, r, "x", 0)
  async.spawn(r.pipeline, r, function(p) p:ping():ping() end)
  async.spawn(function() for _ in r:subscribe "x" do end end)
  async.sleep(0)
  r:ping()
  for _ = 1, 3 do async.spawn(r.get, r, "k") end
  async.sleep(0)
  os.exit(7, true)
end)
]]):format(server.url))
    assert.same({ 7, "" }, { said.code, said.err })
  end)
end)

describe("a server that is started again", function()
  it("is connected to again, scripts and all", inside(function()
    local r <close> = redis.connect(server.url)
    local f = r:script "return redis.call('INCR', KEYS[1])"
    r:set("counter", 10)
    assert.equal(11, f { "counter" })
    server:kill()
    tasks.turns()
    local waiting = start(f, { "counter" })
    server:start()
    local ok, result = pcall(waiting.await, waiting)
    if not ok then result = f { "counter" } end -- it was on its way when the server went
    assert.equal(12, result)
    assert.is_true(r:stats().reconnections >= 1)
  end))
end)

describe("a run that ends", function()
  it("waits no longer than for commands that somebody waits for", function()
    local r
    async.run(function()
      local fake <close> = fake_redis.start(function(peer)
        peer:greet()
        while peer:command() do end
      end)
      r = redis.connect(fake.url, { timeout = math.huge })
      local asking = start(r.ping, r)
      while fake.peers == 0 do async.sleep(0) end
      tasks.turns()
      asking:cancel()
      caught(asking.await, asking)
    end)
    assert.equal(0, r:stats().connections)
  end)
end)
