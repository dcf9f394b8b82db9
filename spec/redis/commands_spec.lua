-- SPDX-License-Identifier: MIT
local async = require "saros"
local fake_redis = require "spec.support.fake_redis"
local locales = require "spec.support.locales"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, error_of, start = tasks.caught, tasks.error_of, tasks.start

local server

setup(function() server = redis_server.start() end)
teardown(function() server:close() end)

-- The body of an `it` with a client on an empty database.
local function with_client(fn, options)
  return function()
    async.run(function()
      local r <close> = redis.connect(server.url, options)
      r:flushall()
      fn(r)
    end)
  end
end

describe("a command", function()
  it("is a method in lower case", with_client(function(r)
    assert.equal("PONG", r:ping())
    assert.equal("OK", r:set("k", "v", "EX", 60))
    assert.equal("v", r:get "k")
    assert.equal(60, r:ttl "k")
    assert.equal(3, r:rpush("list", "a", "b", "c"))
    assert.same({ "a", "b", "c" }, r:lrange("list", 0, -1))
  end))

  it("can be called by any name, in any case", with_client(function(r)
    assert.equal("OK", r:call("SET", "k", "v"))
    assert.equal("v", r:call("get", "k"))
    assert.equal("embstr", r:object("encoding", "k"))
    assert.equal("v", r:eval_ro("return redis.call('GET', KEYS[1])", 1, "k"))
  end))

  it("gives nil for null, tables for maps, lists for sets, numbers for doubles", with_client(function(r)
    assert.is_nil(r:get "nothing")
    r:hset("h", "a", 1, "b", 2)
    assert.same({ a = "1", b = "2" }, r:hgetall "h")
    r:sadd("s", "x")
    assert.same({ "x" }, r:smembers "s")
    r:zadd("z", 1.5, "m")
    assert.equal(1.5, r:zscore("z", "m"))
    assert.same({ "1", nil, "2", n = 3 }, r:hmget("h", "a", "c", "b"))
  end))

  it("takes strings of any bytes, integers, and floats with 17 digits", with_client(function(r)
    local bytes = "\0\r\n\255$5\r\n"
    r:set("bytes", bytes)
    assert.equal(bytes, r:get "bytes")
    r:set("float", 0.1)
    assert.equal(0.1, tonumber(r:get "float"))
    assert.equal("0.10000000000000001", r:get "float")
    r:set("integer", math.mininteger)
    assert.equal("-9223372036854775808", r:get "integer")
    r:set(7, 3.0)
    assert.equal("3", r:get "7")
  end))

  it("writes floats with a point, whatever the locale", function()
    local result = locales.script(",", [[
      print(1.5, (require("saros.redis.core").encode("ECHO", 1.5):gsub("\r\n", " ")))
    ]])
    assert.equal("1,5\t*2 $4 ECHO $3 1.5 \n", result.out, result.err)
  end)

  it("refuses other arguments by name, before anything is sent", with_client(function(r)
    local before = r:stats().commands
    assert.matches("commands_spec.lua:%d+: bad argument #2 to 'redis:set' %(string or number expected, got nil%)",
      caught(function() r:set("k", nil) end))
    assert.matches("bad argument #1 to 'redis:get' %(string or number expected, got table%)", caught(r.get, r, {}))
    assert.matches("bad argument #3 to 'redis:call' %(string or number expected, got boolean%)",
      caught(r.call, r, "SET", "k", true))
    assert.matches("bad argument #1 to 'redis:call' %(string expected, got no value%)", caught(r.call, r))
    assert.matches("\"CONFIG GET\" is no name of a command", caught(r.call, r, "CONFIG GET", "x"), 1, true)
    assert.matches("calling 'redis:get' on bad self (redis expected, got string; call it with a colon)",
      caught(r.get, "k"), 1, true)
    assert.equal(before, r:stats().commands)
  end))

  it("refuses what would concern the others on the connection, and names what to use", with_client(function(r)
    for name, hint in pairs {
      multi = "redis:transaction", exec = "redis:transaction", watch = "redis:transaction", select = "redis://host/2",
      auth = "redis://user:password@host", hello = "the client says it itself", quit = "redis:close",
      monitor = "no end", unsubscribe = "redis:subscribe",
    } do
      local message = caught(r[name], r, "x")
      assert.matches(("bad argument #1 to 'redis:%s' (%s cannot be sent by hand: "):format(name, name:upper()), message,
        1, true)
      assert.matches(hint, message, 1, true)
    end
    assert.matches("SUBSCRIBE cannot be sent by hand: use redis:subscribe or redis:psubscribe",
      caught(r.call, r, "subscribe", "x"), 1, true)
    assert.matches("CLIENT cannot be sent by hand", caught(r.client, r, "REPLY", "OFF"), 1, true)
    assert.equal("table", type(r:client("TRACKINGINFO")))
  end))

  it("raises RedisError with the first word as code", with_client(function(r)
    r:set("k", "v")
    local err = error_of(r.lpush, r, "k", 1)
    assert.same({ "RedisError", "WRONGTYPE", "LPUSH" }, { err.name, err.code, err.command })
    assert.equal("RedisError: WRONGTYPE Operation against a key holding the wrong kind of value", tostring(err))
    assert.matches("commands_spec.lua", err.traceback, 1, true)
    assert.equal("ERR", error_of(r.nonsense, r).code)
  end))

  it("says by name that it cannot wait", with_client(function(r)
    r:ping()
    local message = select(2, coroutine.resume(coroutine.create(function() r:get "k" end)))
    assert.matches("redis:get: cannot wait inside a coroutine", message, 1, true)
    assert.equal("PONG", r:ping())
  end))

  it("does not wait outside of a run", function()
    local r <close> = redis.connect(server.url)
    assert.matches("redis:ping: cannot wait here: no loop is running", caught(r.ping, r), 1, true)
    assert.matches("redis:pipeline: cannot wait here: no loop is running", caught(r.pipeline, r, print), 1, true)
  end)
end)

describe("commands of many tasks", function()
  it("share one connection, and each gets its own reply", with_client(function(r)
    local got = async.map(200, function(i)
      for n = 1, 5 do assert.equal(("%d:%d"):format(i, n), r:echo(("%d:%d"):format(i, n))) end
      return r:incr "counter"
    end)
    assert.equal(200, #got)
    assert.equal("200", r:get "counter")
    assert.same({ connections = 1, waiting = 0, commands = 1202, reconnections = 0 }, r:stats())
  end))

  it("leave a turn at a time, in one write", with_client(function(r)
    r:ping()
    local connection = getmetatable(r._shared._link).__index
    local write, writes = connection.write, 0
    local restore <close> = tasks.finally(function() connection.write = write end)
    function connection.write(...)
      writes = writes + 1
      return write(...)
    end
    async.map(50, function(i) r:echo(i) end)
    assert.equal(1, writes)
    async.gather(function() r:pipeline(function(p) p:ping():ping() end) end, function() r:ping() end)
    assert.equal(2, writes)
    assert(restore)
  end))

  it("go on while one of them blocks, on a connection of its own", with_client(function(r)
    local popping = start(r.blpop, r, "list", 0)
    while r:client("LIST"):find "cmd=blpop" == nil do async.sleep(0) end
    assert.equal(2, r:stats().connections)
    assert.equal("PONG", r:ping())
    r:rpush("list", "x")
    assert.same({ "list", "x" }, popping:await())
    local function pop() return r:brpop("list", 0) end
    assert.same({ "list", "y" }, async.gather(pop, function() r:rpush("list", "y") end))
    assert.equal(2, r:stats().connections)
  end))

  it("wait for a connection of their own beyond what the pool allows, in order", with_client(function(r)
    local order = {}
    for i = 1, 4 do
      start(function()
        r:blpop("list", 0)
        order[#order + 1] = i
      end)
    end
    while r:info("clients"):find "blocked_clients:2" == nil do async.sleep(0) end
    assert.same({ 3, 2 }, { r:stats().connections, r:stats().waiting })
    for i = 1, 4 do
      r:rpush("list", i)
      while #order < i do async.sleep(0) end
    end
    table.sort(order, function(a, b) return a < b end)
    assert.same({ 1, 2, 3, 4 }, order)
    assert.same({ 3, 0 }, { r:stats().connections, r:stats().waiting })
  end, { pool = 3 }))

  it("that block need a pool with room for them", with_client(function(r)
    assert.matches("BLPOP: it needs a connection of its own, and 'pool' allows for none", caught(r.blpop, r, "x", 0))
    assert.equal("PONG", r:ping())
  end, { pool = 1 }))

  it("that block have their own time-out, and no other", with_client(function(r)
    r:xadd("stream", "*", "a", 1)
    async.gather(function() assert.is_nil(r:blpop("nothing", 2)) end, function()
      assert.is_nil(r:xread("BLOCK", 2000, "STREAMS", "stream", "$"))
    end)
    assert.equal("table", type(r:xread("COUNT", 1, "STREAMS", "stream", "0")))
    r:xgroup("CREATE", "stream", "BLOCK", "$")
    assert.is_nil(r:xreadgroup("GROUP", "BLOCK", "me", "BLOCK", 700, "STREAMS", "stream", ">"))
    assert.equal(0, r:wait(0, 10))
  end, { timeout = 1.5 }))
end)

describe("a pipeline", function()
  it("gives every reply, Error objects in their places, n where one is null", with_client(function(r)
    r:set("text", "x")
    local replies = r:pipeline(function(p)
      p:set("a", 1)
      p:incr "a":get "nothing"
      p:incr "text"
      p:call("GET", "a")
    end)
    assert.same({ "OK", 2, nil }, { replies[1], replies[2], replies[3] })
    assert.same({ "RedisError", "ERR", "INCR" }, { replies[4].name, replies[4].code, replies[4].command })
    assert.equal("2", replies[5])
    assert.equal(5, replies.n)
    assert.same({ "PONG", "PONG" }, r:pipeline(function(p) p:ping():ping() end))
    assert.same({}, r:pipeline(function() end))
  end))

  it("sends nothing if its function raises", with_client(function(r)
    local before = r:stats().commands
    local mine = {}
    assert.equal(mine, caught(r.pipeline, r, function(p)
      p:set("a", 1)
      error(mine, 0)
    end))
    assert.equal(before, r:stats().commands)
    assert.is_nil(r:get "a")
  end))

  it("may wait while it collects", with_client(function(r)
    r:set("a", "1")
    assert.same({ "OK", "11" }, r:pipeline(function(p)
      p:set("b", r:get "a" .. "1")
      p:get "b"
    end))
  end))

  it("refuses what blocks, and what cannot be sent by hand", with_client(function(r)
    assert.matches("bad argument #1 to 'pipeline:blpop' (BLPOP would block the pipeline: use redis:blpop)",
      caught(r.pipeline, r, function(p) p:blpop("x", 0) end), 1, true)
    local message = caught(r.pipeline, r, function(p) p:xread("block", 0, "STREAMS", "x", 0) end)
    assert.matches("XREAD would block", message, 1, true)
    assert.matches("MULTI cannot be sent by hand", caught(r.pipeline, r, function(p) p:multi() end), 1, true)
    local kept
    r:pipeline(function(p) kept = p end)
    assert.matches("pipeline:get: the pipeline is over", caught(kept.get, kept, "a"), 1, true)
    assert.matches("bad argument #1 to 'redis:pipeline' %(function expected, got no value%)", caught(r.pipeline, r))
  end))

  it("refuses other arguments by name, and who is none", with_client(function(r)
    r:pipeline(function(p)
      assert.matches("bad argument #2 to 'pipeline:set' (string or number expected, got table)",
        caught(p.set, p, "k", {}), 1, true)
      assert.matches("bad argument #2 to 'pipeline:call' (string or number expected, got nil)",
        caught(p.call, p, "SET", nil), 1, true)
      assert.matches("pipeline:set", caught(p.set, {}, "k", "v"), 1, true)
      assert.matches("pipeline:set", caught(p.set, io.stdout, "k", "v"), 1, true)
    end)
    assert.is_nil(r:get "k")
  end))

  it("names the command that each error came from", with_client(function(r)
    r:set("text", "x")
    local replies = r:pipeline(function(p)
      p:echo "$3\r\n":incr "text"
      p:call("LPUSH", "text", 1, "")
      p:incr "number"
    end)
    assert.same({ "INCR", "LPUSH", 1 }, { replies[2].command, replies[3].command, replies[4] })
    assert.same({ "RedisError", "WRONGTYPE" }, { replies[3].name, replies[3].code })
  end))

  it("has its replies dropped when its caller is cancelled", with_client(function(r)
    r:ping()
    local piping = async.spawn(r.pipeline, r, function(p)
      for i = 1, 100 do p:echo(i):get "nothing" end
    end)
    async.sleep(0)
    piping:cancel()
    assert.same({ "x" }, r:pipeline(function(p) p:echo "x" end))
    assert.is_true(piping:cancelled())
  end))

  it("of ten thousand commands comes whole", with_client(function(r)
    local replies = r:pipeline(function(p)
      for i = 1, 10000 do p:echo(i) end
    end)
    for i = 1, 10000 do assert(replies[i] == tostring(i)) end
  end))
end)

describe("a transaction", function()
  local function add_one(t)
    local v = t:get "k"
    t:multi()
    t:set("k", v + 1):get "k"
    t:get "nothing"
  end

  it("gives EXEC's replies as a pipeline does", with_client(function(r)
    r:set("k", 1)
    assert.same({ "OK", "2", nil, n = 3 }, r:transaction({ "k" }, add_one))
    local replies = r:transaction({}, function(t)
      t:multi()
      t:incr "k"
      t:lpush("k", 1)
    end)
    assert.equal(3, replies[1])
    assert.same({ "RedisError", "WRONGTYPE", "LPUSH" }, { replies[2].name, replies[2].code, replies[2].command })
  end))

  it("without multi returns what its function returns", with_client(function(r)
    assert.same({ n = 2, nil, 7 }, table.pack(r:transaction({ "k" }, function(t) return t:get "k", 7 end)))
  end))

  it("runs again when a key has changed", with_client(function(r)
    r:set("k", 1)
    local runs = 0
    local replies = r:transaction({ "k" }, function(t)
      runs = runs + 1
      local v = t:get "k"
      if runs < 3 then r:incr "k" end
      t:multi()
      t:set("k", v * 10)
    end)
    assert.same({ { "OK" }, 3, "30" }, { replies, runs, r:get "k" })
  end))

  it("gives up after five runs", with_client(function(r)
    local runs = 0
    local err = error_of(r.transaction, r, { "k" }, function(t)
      runs = runs + 1
      r:incr "k"
      t:multi()
    end)
    assert.same({ "RedisError", "EWATCH", 5 }, { err.name, err.code, runs })
  end))

  it("waits between its runs, longer each time and at random, and not after the last one", function()
    local function conflict(words)
      return words[1] == "EXEC" and "_\r\n" or words[1] == "SET" and "+QUEUED\r\n" or "+OK\r\n"
    end
    local shares = { 0, 1, 0.5, 0.25 } -- of the longest pause, which the die decides
    local dice, random, thrown = _G["math"], math.random, 0
    local _restoring <close> = tasks.finally(function() dice.random = random end)
    testing.run(function()
      local fake <close> = fake_redis.start(function(peer)
        peer:greet()
        peer:answer(conflict)
      end)
      local r <close> = redis.connect(fake.url)
      local began = {}
      dice.random = function()
        thrown = thrown + 1
        return shares[thrown]
      end
      local err = error_of(r.transaction, r, { "k" }, function(t)
        began[#began + 1] = async.now()
        t:multi()
        t:set("k", 1)
      end)
      assert.same({ "EWATCH", 5, 4 }, { err.code, #began, thrown })
      for i, seconds in ipairs { 0.01, 0, 0.02, 0.06 } do
        assert.is_true(began[i + 1] - began[i] > seconds - 1e-9, i)
      end
    end)
  end)

  it("of tasks beside each other loses no step", with_client(function(r)
    r:set("k", 0)
    local function step()
      while true do
        local ok, err = pcall(r.transaction, r, { "k" }, add_one)
        if ok then return end
        if err.code ~= "EWATCH" then error(err, 0) end
      end
    end
    async.gather { step, step, step, step }
    assert.equal("4", r:get "k")
  end))

  it("left by an error changes nothing and watches nothing", with_client(function(r)
    local mine = {}
    assert.equal(mine, caught(r.transaction, r, { "k" }, function(t)
      t:multi()
      t:set("k", 1)
      error(mine, 0)
    end))
    assert.is_nil(r:get "k")
    r:set("k", 5)
    assert.same({ "6" }, r:transaction({}, function(t)
      t:incr "k"
      t:multi()
      t:get "k"
    end))
    assert.equal(2, r:stats().connections)
  end))

  it("that the server refuses raises why", with_client(function(r)
    local err = error_of(r.transaction, r, {}, function(t)
      t:multi()
      t:set "k"
    end)
    assert.same({ "RedisError", "ERR", "EXEC" }, { err.name, err.code, err.command })
    assert.equal("PONG", r:transaction({}, function(t) return t:ping() end))
  end))

  it("can watch more on the way, and misuse is named", with_client(function(r)
    local kept
    r:transaction({ "a" }, function(t)
      kept = t
      t:watch "b"
      t:multi()
      assert.matches("WATCH cannot be sent by hand", caught(t.watch, t, "c"), 1, true)
      assert.matches("transaction:multi: it was called already", caught(t.multi, t), 1, true)
      assert.matches("EXEC cannot be sent by hand", caught(t.exec, t), 1, true)
    end)
    assert.matches("transaction:get: the transaction is over", caught(kept.get, kept, "a"), 1, true)
    assert.matches("bad argument #1 to 'redis:transaction' %(table expected, got string%)",
      caught(r.transaction, r, "k", print))
    assert.matches("bad argument #2 to 'redis:transaction' %(function expected, got no value%)",
      caught(r.transaction, r, {}))
    assert.matches("bad argument #1 to 'redis:transaction' %(list of keys expected, got a table that is no list%)",
      caught(r.transaction, r, { a = 1 }, print))
  end))
end)

describe("a script", function()
  it("is a function of keys and arguments", with_client(function(r)
    local f = r:script "return {KEYS[1], ARGV[1], #KEYS, #ARGV}"
    assert.same({ "k", "3", 1, 1 }, f({ "k" }, { 3 }))
    assert.same({ n = 4, nil, nil, 0, 0 }, (function()
      local g = r:script "return {false, false, #KEYS, #ARGV}"
      return g()
    end)())
  end))

  it("is sent once, and again to a server that has forgotten it", with_client(function(r)
    local f = r:script "return redis.call('INCR', KEYS[1])"
    assert.equal(1, f { "k" })
    r:call("CONFIG", "RESETSTAT")
    assert.equal(2, f { "k" })
    assert.equal(3, f { "k" })
    local seen = r:info "commandstats"
    assert.matches("cmdstat_evalsha:calls=2", seen, 1, true)
    assert.is_nil(seen:find "cmdstat_eval:")
    assert.is_nil(seen:find "cmdstat_script")
    r:call("SCRIPT", "FLUSH")
    assert.equal(4, f { "k" })
    assert.equal(5, f { "k" })
  end))

  it("that many tasks begin with is loaded once", with_client(function(r)
    local f = r:script "return redis.call('INCR', KEYS[1])"
    assert.equal(20, #async.map(20, function() return f { "k" } end))
    assert.matches("cmdstat_script|load:calls=1,", r:info "commandstats", 1, true)
  end))

  it("raises what it raises, and refuses what is no list", with_client(function(r)
    local f = r:script "return redis.error_reply('MINE of my own')"
    assert.equal("MINE", error_of(f).code)
    assert.matches("bad argument #1 to 'redis script' %(table expected, got string%)", caught(f, "k"))
    assert.matches("bad argument #2 to 'redis script' %(item 1: string or number expected, got boolean%)",
      caught(f, {}, { true }))
    assert.matches("bad argument #1 to 'redis:script' %(string expected, got no value%)", caught(r.script, r))
  end))
end)
