-- SPDX-License-Identifier: MIT
-- Servers that fail in all kinds of ways, on purpose.
local async = require "saros"
local fake_redis = require "spec.support.fake_redis"
local redis = require "saros.redis"
local tasks = require "spec.support.tasks"
local caught, error_of, inside, start = tasks.caught, tasks.error_of, tasks.inside, tasks.start

-- The body of an `it`: fn(r, fake, other) with a client of a server that greets and then does serve(peer, n); what is
-- told by the future `peer.other` is told to all.
local function against(serve, fn, options)
  return inside(function()
    local other = async.future()
    local fake <close> = fake_redis.start(function(peer, n)
      peer.other = other
      peer:greet(options and options.is_old)
      return serve(peer, n)
    end)
    local given = {}
    for name, value in pairs(options or {}) do given[name] = name ~= "is_old" and value or nil end
    local r <close> = redis.connect(fake.url, given)
    fn(r, fake, other)
  end)
end

-- Answers PING, ECHO and what only wants to hear OK.
local function pong(words)
  if words[1] == "ECHO" then return ("$%d\r\n%s\r\n"):format(#words[2], words[2]) end
  return words[1] == "PING" and "+PONG\r\n" or "+OK\r\n"
end

describe("a server that", function()
  it("speaks RESP2 only is spoken to in RESP2, and its replies stay as they came", against(function(peer)
    peer:expect "HGETALL h"
    peer:send "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"
    peer:expect "ZSCORE z m"
    peer:send "$3\r\n1.5\r\n"
    peer:expect "GET k"
    peer:send "$-1\r\n"
  end, function(r)
    assert.same({ "a", "1", "b", "2" }, r:hgetall "h")
    assert.equal("1.5", r:zscore("z", "m"))
    assert.is_nil(r:get "k")
  end, { is_old = true }))

  it("speaks RESP2 only is told who we are", inside(function()
    local fake <close> = fake_redis.start(function(peer)
      peer:expect "HELLO 3 AUTH me secret"
      peer:send "-NOPROTO unsupported protocol version\r\n"
      peer:expect "AUTH me secret"
      peer:send "+OK\r\n"
      peer:expect "SELECT 2"
      peer:send "+OK\r\n"
      peer:answer(pong)
    end)
    local r <close> = redis.connect((fake.url:gsub("//", "//me:secret@")) .. "?db=2")
    assert.equal("PONG", r:ping())
  end))

  it("dies in the middle of a reply leaves ETRUNCATED to its command, ECONNRESET to those behind it", against(
    function(peer, n)
      if n > 1 then return peer:answer(pong) end
      peer:expect "GET a"
      peer:expect "GET b"
      peer:send "+one\r\n$10\r\nhal"
    end, function(r, fake)
      local a, b, c = async.spawn(r.get, r, "a"), async.spawn(r.get, r, "b"), async.spawn(r.get, r, "c")
      assert.equal("one", a:await())
      for _, task in ipairs { b, c } do
        local err = error_of(task.await, task)
        assert.same({ "FetchError", "ETRUNCATED", "GET", fake.path }, { err.name, err.code, err.command, err.path })
        assert.matches("failure_spec.lua", err.traceback, 1, true)
      end
      assert.equal("PONG", r:ping())
      assert.equal(1, r:stats().reconnections)
    end))

  it("closes before it has answered leaves ECONNRESET, and nothing is sent again", against(function(peer, n)
    if n > 1 then return peer:answer(pong) end
    peer:expect "INCR counter"
  end, function(r, fake)
    local err = error_of(r.incr, r, "counter")
    assert.same({ "FetchError", "ECONNRESET", "INCR" }, { err.name, err.code, err.command })
    assert.equal("echo", r:echo "echo")
    assert.equal(2, fake.peers)
  end))

  it("closes while it is idle costs no command", against(function(peer, n)
    peer:answer(function(words)
      if n == 1 then peer.stream:shutdown() end
      return n == 1 and words[2] == "last" and "" or pong(words)
    end)
  end, function(r, fake)
    local first = start(r.ping, r)
    caught(first.await, first)
    for _ = 1, 3 do assert.equal("PONG", r:ping()) end
    assert.equal(2, fake.peers)
  end))

  it("closes before a command has left costs nothing: it goes to the next connection, and counts once", against(
    function(peer) peer:answer(pong) end, function(r, fake)
      r:ping()
      local echo, piping = async.spawn(r.echo, r, "x"), async.spawn(r.pipeline, r, function(p) p:echo "y" end)
      async.sleep(0)
      r._shared:close { kind = "broken", code = "ECONNRESET", message = "the connection is gone" }
      assert.same({ "x", { "y" } }, { echo:await(), piping:await() })
      assert.same({ 2, 3 }, { fake.peers, r:stats().commands })
    end))

  it("does not speak the protocol is left with EPROTO", against(function(peer, n)
    peer:command()
    peer:send(n == 1 and "HTTP/1.1 400 Bad Request\r\n" or n == 2 and "+PONG\r\n+unasked\r\n" or "+PONG\r\n")
    peer:command()
  end, function(r)
    local err = error_of(r.ping, r)
    assert.same({ "FetchError", "EPROTO", "PING" }, { err.name, err.code, err.command })
    assert.equal("PONG", r:ping())
    tasks.turns()
    assert.equal("PONG", r:ping())
  end))

  it("is loading its data is asked again", against(function(peer)
    local count = 0
    peer:answer(function(words)
      count = count + 1
      return count % 3 ~= 0 and "-LOADING Redis is loading the dataset in memory\r\n" or pong(words)
    end)
  end, function(r, fake)
    assert.equal("PONG", r:ping())
    assert.equal("x", r:echo "x")
    assert.equal(1, fake.peers)
  end))

  it("is loading for longer than timeout is reported as it is", against(function(peer)
    peer:answer(function() return "-LOADING Redis is loading the dataset in memory\r\n" end)
  end, function(r)
    local function fails(command, call)
      local err = error_of(call)
      assert.same({ "RedisError", "LOADING", command }, { err.name, err.code, err.command })
    end
    async.gather {
      function() fails("PING", function() r:ping() end) end,
      function() fails("BLPOP", function() r:blpop("x", 1) end) end,
      function() fails("EXEC", function() r:transaction({}, function(t) t:multi() end) end) end,
      function() assert.equal("LOADING", r:pipeline(function(p) p:ping() end)[1].code) end,
    }
  end, { timeout = 1.5 }))

  it("is loading when we come is waited for", inside(function()
    local fake <close> = fake_redis.start(function(peer, n)
      if n > 2 then
        peer:greet()
        return peer:answer(pong)
      end
      peer:command()
      peer:send "-LOADING Redis is loading the dataset in memory\r\n"
    end)
    local r <close> = redis.connect(fake.url)
    assert.equal("PONG", r:ping())
    assert.equal(3, fake.peers)
  end))

  it("has become a replica is left for the next connection", against(function(peer, n)
    peer:answer(function(words)
      return n == 1 and words[1] ~= "PING" and "-READONLY You can't write against a read only replica.\r\n"
        or "+" .. n .. "\r\n"
    end)
  end, function(r, fake)
    assert.equal("1", r:ping())
    local err = error_of(r.set, r, "k", "v")
    assert.same({ "RedisError", "READONLY", "SET" }, { err.name, err.code, err.command })
    assert.equal("2", r:set("k", "v"))
    assert.equal(2, fake.peers)
    assert.equal(1, r:stats().connections)
  end))

  it("has become a replica answers those that wait before it is left", against(function(peer, n)
    peer:answer(function(words)
      if n > 1 or words[1] == "PING" then return "+" .. n .. "\r\n" end
      return "-READONLY You can't write against a read only replica.\r\n"
    end)
  end, function(r)
    local set, ping = async.spawn(pcall, r.set, r, "k", "v"), async.spawn(r.ping, r)
    assert.equal("READONLY", select(2, set:await()).code)
    assert.equal("1", ping:await())
    assert.equal("2", r:ping())
  end))

  it("is part of a cluster says so clearly", against(function(peer)
    peer:command()
    peer:send "-MOVED 3999 127.0.0.1:6381\r\n"
  end, function(r)
    local err = error_of(r.get, r, "k")
    assert.same({ "RedisError", "MOVED", "GET" }, { err.name, err.code, err.command })
    assert.matches("MOVED 3999 127.0.0.1:6381 (the server is part of a cluster", err.message, 1, true)
  end))

  it("does not answer in time is a TimeoutError, and its late reply goes to nobody else", against(function(peer)
    peer:expect "ECHO early"
    peer:expect "ECHO slow"
    peer:send "+early\r\n"
    peer:expect "ECHO next"
    peer:send "+slow\r\n+next\r\n"
    peer:answer(pong)
  end, function(r, fake)
    local early, slow = async.spawn(r.echo, r, "early"), async.spawn(r.echo, r, "slow")
    assert.equal("early", early:await())
    local err = error_of(slow.await, slow)
    assert.same({ "TimeoutError", "ETIMEDOUT", "ECHO", 1.5 }, { err.name, err.code, err.command, err.seconds })
    assert.equal("next", r:echo "next")
    assert.equal("x", r:echo "x")
    assert.equal(1, fake.peers)
  end, { timeout = 1.5 }))

  it("says nothing any more is left for a new connection", against(function(peer, n)
    if n > 1 then return peer:answer(pong) end
    while peer:command() do end
  end, function(r, fake)
    assert.equal("TimeoutError", error_of(r.ping, r).name)
    assert.equal("PONG", r:ping())
    assert.equal(2, fake.peers)
  end, { timeout = 1.5 }))

  it("breaks in the middle of a pipeline fails it as a whole", against(function(peer)
    peer:expect "GET a"
    peer:expect "INCR b"
    peer:send "+one\r\n"
  end, function(r)
    local err = error_of(r.pipeline, r, function(p) p:get "a":incr "b" end)
    assert.same({ "FetchError", "ECONNRESET", "INCR" }, { err.name, err.code, err.command })
  end))

  it("has closed leaves ECONNRESET to who writes, as to who reads", against(function(peer)
    peer:expect "WATCH k"
    peer:send "+OK\r\n"
    peer.stream:close()
    peer.other:set()
  end, function(r, _, other)
    local err = error_of(r.transaction, r, { "k" }, function(t)
      other:await()
      t:get "k"
    end)
    assert.same({ "FetchError", "ECONNRESET", "GET" }, { err.name, err.code, err.command })
  end))

  it("breaks before EXEC fails the transaction", against(function(peer, n)
    if n > 1 then return peer:answer(pong) end
    peer:expect "WATCH k"
    peer:send "+OK\r\n"
    peer:expect "MULTI"
    peer:send "+OK\r\n"
  end, function(r)
    local err = error_of(r.transaction, r, { "k" }, function(t)
      t:multi()
      t:incr "k"
    end)
    assert.same({ "FetchError", "ECONNRESET", "EXEC" }, { err.name, err.code, err.command })
    assert.equal("PONG", r:transaction({}, function(t) return t:ping() end))
  end))

  it("does not take what we send makes us wait, until the time is over", against(function(peer, n)
    if n > 1 then
      peer.other:set()
      return peer:answer(pong)
    end
    peer.other:await()
  end, function(r)
    local large = ("x"):rep(1 << 20)
    local sets = {}
    for i = 1, 8 do sets[i] = async.spawn(r.set, r, "k", large) end
    for i = 1, 8 do assert.equal("TimeoutError", error_of(sets[i].await, sets[i]).name) end
    assert.equal("PONG", r:ping())
  end, { timeout = 1.5 }))
end)

describe("a cancelled command", function()
  it("has its reply read and dropped", against(function(peer)
    peer:expect "PING"
    peer:send "+PONG\r\n"
    peer:expect "ECHO one"
    peer:expect "ECHO two"
    peer:send "+one\r\n+two\r\n"
    peer:answer(pong)
  end, function(r, fake)
    r:ping()
    local one, two = start(r.echo, r, "one"), async.spawn(r.echo, r, "two")
    one:cancel()
    caught(one.await, one)
    assert.equal("two", two:await())
    assert.equal("three", r:echo "three")
    assert.equal(1, fake.peers)
  end))

  it("that has not left is not sent", against(function(peer)
    peer:answer(function(words)
      assert(words[2] ~= "never")
      return pong(words)
    end)
  end, function(r)
    local never, x = start(r.echo, r, "never"), start(r.echo, r, "x") -- while it connects
    never:cancel()
    caught(never.await, never)
    assert.equal("x", x:await())
  end))

  it("that blocks gives up its connection", against(function(peer, n)
    peer:answer(function(words)
      if words[1] == "BLPOP" and n == 1 then
        peer.other:set()
        return nil
      end
      return words[1] == "BLPOP" and "*2\r\n+list\r\n+yours\r\n" or pong(words)
    end)
  end, function(r, fake, other)
    local popping = start(r.blpop, r, "list", 0)
    other:await()
    popping:cancel()
    caught(popping.await, popping)
    assert.same({ "list", "yours" }, r:blpop("list", 0))
    assert.equal(2, fake.peers)
  end))

  it("of a transaction gives up its connection", against(function(peer, n)
    peer:answer(function(words)
      if n == 1 and words[1] == "EXEC" then
        peer.other:set()
        return nil
      end
      return words[1] == "EXEC" and "*1\r\n+PONG\r\n" or words[1] == "MULTI" and "+OK\r\n" or "+QUEUED\r\n"
    end)
  end, function(r, fake, other)
    local function transact()
      return r:transaction({}, function(t)
        t:multi()
        t:ping()
      end)
    end
    local first = start(transact)
    other:await()
    first:cancel()
    caught(first.await, first)
    assert.same({ "PONG" }, transact())
    assert.equal(2, fake.peers)
  end))

  it("that reaches its own deadline leaves the connection to the others", against(function(peer)
    peer:expect "PING"
    peer:send "+PONG\r\n"
    peer:expect "ECHO slow"
    peer:expect "PING"
    peer:send "+slow\r\n+PONG\r\n"
    peer:answer(pong)
  end, function(r, fake)
    r:ping()
    assert.equal("TimeoutError", error_of(async.wait_for, r.echo, 0.5, r, "slow").name)
    assert.equal("PONG", r:ping())
    assert.equal(1, fake.peers)
  end))
end)
