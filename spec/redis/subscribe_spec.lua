-- SPDX-License-Identifier: MIT
local async = require "saros"
local fake_redis = require "spec.support.fake_redis"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local caught, error_of, inside, start = tasks.caught, tasks.error_of, tasks.inside, tasks.start

local server

setup(function() server = redis_server.start() end)
teardown(function() server:close() end)

local function with_client(fn)
  return function()
    async.run(function()
      local r <close> = redis.connect(server.url)
      fn(r)
    end)
  end
end

-- Waits until so many subscribe.
local function stands(r, channel, count)
  while r:pubsub("NUMSUB", channel)[2] ~= (count or 1) do async.sleep(0) end
end

-- Collects messages until one is "end".
local function collect(r, method, ...)
  local got = {}
  for channel, message, pattern in r[method](r, ...) do
    got[#got + 1] = pattern and { channel, message, pattern } or { channel, message }
    if message == "end" then break end
  end
  return got
end

describe("a subscription", function()
  it("gives channel and message, and ends with the loop", with_client(function(r)
    local listening = start(collect, r, "subscribe", "a", "b")
    stands(r, "b")
    r:publish("a", "1")
    r:publish("b", "2")
    r:publish("c", "3")
    r:publish("a", "end")
    assert.same({ { "a", "1" }, { "b", "2" }, { "a", "end" } }, listening:await())
    stands(r, "a", 0)
    assert.equal(1, r:stats().connections)
  end))

  it("of patterns gives the pattern, too", with_client(function(r)
    local listening = start(collect, r, "psubscribe", "n*")
    while r:pubsub "NUMPAT" ~= 1 do async.sleep(0) end
    r:publish("news", "1")
    r:publish("weather", "2")
    r:publish("note", "end")
    assert.same({ { "news", "1", "n*" }, { "note", "end", "n*" } }, listening:await())
  end))

  it("stands from the first step of the loop, not before", with_client(function(r)
    local next_message, _, _, held = r:subscribe "x"
    local _closing <close> = held
    assert.equal(0, r:publish("x", "lost"))
    local got = start(next_message)
    stands(r, "x")
    r:publish("x", "found")
    assert.same({ "x", "found" }, { got:await() })
  end))

  it("loses nothing by a step that is cancelled", with_client(function(r)
    local next_message, _, _, held = r:subscribe "x"
    local _closing <close> = held
    local first = start(next_message)
    stands(r, "x")
    first:cancel()
    caught(first.await, first)
    for i = 1, 3 do r:publish("x", i) end
    local channel, message = next_message()
    assert.same({ "x", "1" }, { channel, message })
    local cancelled = async.spawn(next_message)
    cancelled:cancel()
    caught(cancelled.await, cancelled)
    assert.equal("2", select(2, next_message()))
    assert.equal("3", select(2, next_message()))
  end))

  it("outlives the end of its connection", with_client(function(r)
    local listening = start(collect, r, "subscribe", "x")
    stands(r, "x")
    r:publish("x", "before")
    r:client("KILL", "TYPE", "pubsub")
    stands(r, "x")
    r:publish("x", "end")
    assert.same({ { "x", "before" }, { "x", "end" } }, listening:await())
    assert.equal(1, r:stats().reconnections)
  end))

  it("is over when the client is closed", inside(function()
    local r = redis.connect(server.url)
    local listening = start(collect, r, "subscribe", "x")
    stands(r, "x")
    r:close()
    local err = error_of(listening.await, listening)
    assert.same({ "ClosedError", "SUBSCRIBE" }, { err.name, err.command })
    assert.equal("ClosedError", error_of(collect, r, "subscribe", "x").name)
  end))

  it("works the same on RESP2", inside(function()
    local fake <close> = fake_redis.start(function(peer)
      peer:greet(true)
      peer:expect "SUBSCRIBE a b"
      peer:send("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\none\r\n")
      peer:send("*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$3\r\nend\r\n")
      peer:command()
    end)
    local r <close> = redis.connect(fake.url)
    assert.same({ { "a", "one" }, { "b", "end" } }, collect(r, "subscribe", "a", "b"))
  end))

  it("waits for a server that is away, once it has stood", inside(function()
    local fake <close> = fake_redis.start(function(peer, n)
      if n == 2 or n == 3 then return end -- closed before a word
      peer:greet()
      peer:expect "SUBSCRIBE a"
      peer:send "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
      peer:send(n == 1 and "*3\r\n$7\r\nmes" or ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nend\r\n")
      if n > 1 then peer:command() end
    end)
    local r <close> = redis.connect(fake.url)
    assert.same({ { "a", "end" } }, collect(r, "subscribe", "a"))
    assert.equal(4, fake.peers)
  end))

  it("that is refused says so", inside(function()
    local fake <close> = fake_redis.start(function(peer)
      peer:greet()
      peer:command()
      peer:send "-NOPERM no channels for you\r\n"
      peer:command()
    end)
    local r <close> = redis.connect(fake.url)
    local err = error_of(collect, r, "subscribe", "a")
    assert.same({ "RedisError", "NOPERM", "SUBSCRIBE" }, { err.name, err.code, err.command })
    assert.matches("bad argument #1 to 'redis:subscribe' %(string expected, got no value%)", caught(r.subscribe, r))
    assert.matches("bad argument #2 to 'redis:psubscribe' %(string or number expected, got boolean%)",
      caught(r.psubscribe, r, "a", true))
  end))

  it("asks a server that is silent for a sign of life, and leaves one that gives none", inside(function()
    local asked = {}
    local fake <close> = fake_redis.start(function(peer, n)
      peer:greet()
      peer:expect "SUBSCRIBE a"
      peer:send "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
      if n == 1 then
        peer:expect "PING"
        peer:send "+PONG\r\n"
        peer:expect "PING"
        asked[#asked + 1] = n
      else
        peer:send ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nend\r\n"
      end
      peer:command()
    end)
    local r <close> = redis.connect(fake.url, { keepalive = 1 })
    assert.same({ { "a", "end" } }, collect(r, "subscribe", "a"))
    assert.same({ 1 }, asked)
  end))
end)
