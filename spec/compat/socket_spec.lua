-- SPDX-License-Identifier: MIT
-- Conversations that LuaSocket itself (Debian's lua-socket) and saros.compat.socket have to hold in the same words.
-- Each has both ends of its connections, so that LuaSocket, which blocks, can hold it alone.
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, caught = tasks.inside, tasks.caught
local original = require "socket"
local compat = require "saros.compat.socket"

-- Waits until something can be read there.
local function await_original(socket)
  assert(#original.select({socket}, nil, 10) == 1)
end

local function await_compat(socket)
  async.wait_for(function()
    while not socket:dirty() do async.sleep(0) end
  end, 10)
end

-- A listening socket, and two ends of a connection.
local function pair(lib)
  local server = assert(lib.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  local client = assert(lib.connect("127.0.0.1", port))
  local peer = assert(server:accept())
  return client, peer, server
end

local conversations = {
  ["receives lines"] = function(lib, log, arrived)
    local a, b = pair(lib)
    b:settimeout(0)
    log(b:receive())
    a:send "first\r\nsec\rond\n\npar"
    arrived(b)
    log(b:receive())
    log(b:receive "*l")
    log(b:receive())
    log(b:receive("*l", "prefix "))
    log(b:receive())
    a:send "tial\n"
    arrived(b)
    log(b:receive("*l", "par"))
    a:send "no end"
    a:close()
    b:settimeout(nil)
    log(b:receive())
    log(b:receive())
    log(b:receive "*a")
    log(b:receive(1))
  end,

  ["receives by count"] = function(lib, log, arrived)
    local a, b = pair(lib)
    b:settimeout(0)
    log(b:receive(0))
    log(b:receive(5))
    a:send "abcdefghij"
    arrived(b)
    log(b:receive(4))
    log(b:receive(3, "xyz"))
    log(b:receive(5, "xyz"))
    log(b:receive "2")
    log(b:receive(5))
    a:send "more"
    a:shutdown "send"
    b:settimeout(nil)
    log(b:receive(2))
    log(b:receive(10))
    log(b:receive(10))
  end,

  ["takes what LuaSocket takes for a pattern, a time and a port"] = function(lib, log)
    local a, b = pair(lib)
    log(b:settimeout "5", (b:gettimeout()))
    a:send "abcdef\nsecond\nthird"
    log(b:receive(2.7))
    log(b:receive "*line")
    log(b:receive "*lx")
    a:close()
    log(b:receive "*all")
    log(lib.connect("127.0.0.1", -1))
    log(lib.connect("127.0.0.1", "no-such-service"))
    local text = function(...) return (select(2, pcall(...)):match "%((.*)%)$") end
    log(text(b.receive, b, {}), text(b.receive, b, true), text(b.receive, b, "*x"))
    log(text(a.connect, lib.tcp(), "127.0.0.1", {}), text(lib.skip, {}))
  end,

  ["counts the bytes that were taken"] = function(lib, log, arrived)
    local a, b = pair(lib)
    a:send "line\n123"
    arrived(b)
    log((b:getstats()))
    b:receive()
    log((b:getstats()), (select(2, a:getstats())))
    b:receive(2)
    log((b:getstats()))
  end,

  ["takes an address when it is bound"] = function(lib, log)
    local first = lib.tcp()
    log(first:bind("127.0.0.1", 0))
    local _, port = first:getsockname()
    log(tonumber(port) > 0, first:getpeername())
    log(first:bind("127.0.0.1", 0))
    log(first:listen(), select(2, first:getsockname()) == port)
    log(lib.tcp():bind("127.0.0.1", port))
    local client = lib.tcp()
    log(client:bind("127.0.0.1", 0), client:connect("127.0.0.1", port))
    log((first:accept():getpeername()))
    first:close()
    log(first:getsockname())
    log(lib.connect("127.0.0.1", port))
  end,

  ["shuts down"] = function(lib, log)
    local a, b = pair(lib)
    log(select("#", a:shutdown "send"), a:shutdown "receive")
    log(b:receive())
  end,

  ["receives all"] = function(lib, log, arrived)
    local a, b = pair(lib)
    b:settimeout(0)
    log(b:receive "*a")
    a:send "begin"
    arrived(b)
    log(b:receive "*a")
    a:send(("x"):rep(10000))
    a:close()
    b:settimeout(5)
    local text, err, partial = b:receive "*a"
    log(text and #text, err, partial)
    log(b:receive "*a")
  end,

  ["sends parts"] = function(lib, log)
    local a, b = pair(lib)
    log(a:send "abcdef")
    log(a:send("abcdef", 3))
    log(a:send("abcdef", -2))
    log(a:send("abcdef", 2, 3))
    log(a:send("abcdef", 2, -3))
    log(a:send("abcdef", 5, 2))
    log(a:send("abc", 5))
    log(a:send "")
    log(a:send(42))
    a:close()
    log(b:receive "*a")
  end,

  ["has no time left"] = function(lib, log)
    local a, b, server = pair(lib)
    log(b:gettimeout())
    log(b:settimeout(0.05))
    log(b:receive())
    log(b:settimeout(2, "t"), b:gettimeout())
    b:settimeout(0)
    server:settimeout(0)
    log(server:accept())
    log(b:settimeout(), b:gettimeout())
    log(a:settimeout(-1), a:gettimeout())
    log(select("#", a:settimeout(1)))
  end,

  ["is closed"] = function(lib, log)
    local a, b, server = pair(lib)
    log(a:close())
    log(a:close())
    log(a:send "x")
    log(a:receive())
    log(a:receive "*a")
    log(a:getpeername())
    b:settimeout(5)
    log(b:receive())
    log(server:close(), server:accept())
  end,

  ["cannot connect"] = function(lib, log)
    log(lib.connect("127.0.0.1", 1))
    log(lib.tcp():connect("127.0.0.1", "1"))
    log(lib.connect("no.such.host.invalid", 1))
    local server = lib.bind("127.0.0.1", 0)
    local _, port = server:getsockname()
    log(lib.bind("127.0.0.1", port))
  end,

  ["tells what it is"] = function(lib, log)
    local function kind(object) return (tostring(object):gsub(": .*", "")) end
    local a, b, server = pair(lib)
    local master = lib.tcp()
    log(kind(a), kind(b), kind(server), kind(master), kind(lib.udp()))
    log(master:getfamily(), lib.tcp6():getfamily(), lib.tcp4():getfamily())
    log(master:getpeername())
    log(a:getpeername() == "127.0.0.1", select("#", a:getpeername()), select(3, a:getpeername()))
    local _, port, family = server:getsockname()
    log(select(2, a:getpeername()) == tonumber(port), family, math.type(select(2, a:getpeername())))
    log(a:setoption("tcp-nodelay", true), a:setoption("keepalive", true), a:getoption "tcp-nodelay")
    log(master:bind("127.0.0.1", 0), master:listen(5), kind(master))
    a:send "12345"
    b:receive(5)
    log(select(2, a:getstats()), (b:getstats()))
    log(a:shutdown "send", b:receive())
  end,

  ["is used wrongly"] = function(lib, log)
    local a, _, server = pair(lib)
    local function problem(...)
      local ok, err = pcall(...)
      return ok, ok or err:match "%((.*)%)$"
    end
    log(problem(server.receive, server))
    log(problem(a.accept, a))
    log(problem(lib.tcp().send, lib.tcp(), "x"))
    log(problem(a.receive, a, "x"))
    log(problem(a.receive, a, -1))
    log(problem(a.settimeout, a, 1, "x"))
    log(problem(a.shutdown, a, "x"))
    log(problem(a.send, a, {}))
  end,

  ["speaks UDP"] = function(lib, log)
    local a, b = lib.udp(), lib.udp()
    log(b:setsockname("127.0.0.1", 0))
    local _, port = b:getsockname()
    log(a:sendto("hello", "127.0.0.1", port))
    local data, host, from = b:receivefrom()
    log(data, host, math.type(from))
    log(a:setpeername("127.0.0.1", port), select("#", a:getpeername()))
    log(a:send "again", b:receive(3))
    b:settimeout(0)
    log(b:receive())
    log(b:receivefrom())
    b:settimeout(5)
    log(b:sendto("back", "127.0.0.1", select(2, a:getsockname())))
    log(a:receive())
    log(a:setpeername "*", pcall(a.send, a, "x") == false)
    log(a:close(), b:close())
  end,

  ["keeps what is for connected UDP from what is not"] = function(lib, log)
    local a, b = lib.udp(), lib.udp()
    a:setsockname("127.0.0.1", 0)
    local _, port = a:getsockname()
    local text = function(...) return (select(2, pcall(...)):match "%((.*)%)$") end
    log(b:setpeername("127.0.0.1", port))
    log(text(b.sendto, b, "x", "127.0.0.1", port), text(b.receivefrom, b))
    log(text(a.send, a, "x"), text(a.getpeername, a))
    log(b:send(42), a:receive())
    b:close()
    log(b:getsockname())
    log(a:sendto(("x"):rep(70000), "127.0.0.1", port))
  end,

  ["tries and protects"] = function(lib, log)
    local finished = 0
    local try = lib.newtry(function() finished = finished + 1 end)
    log(try(1, nil, 3))
    log(lib.protect(function() try(nil, "reason", 3) end)())
    log(lib.protect(function(...) return ... end)(1, nil))
    log(lib.protect(function() try(false) end)())
    log(pcall(lib.protect(function() error("passes", 0) end)))
    local value = {}
    log(select(2, pcall(lib.protect(function() error(value) end))) == value)
    log(lib.protect(function() lib.try(lib.protect(function() lib.try(nil, "inner") end)()) end)())
    log(finished, lib.skip(2, "a", "b", "c", "d"))
  end,

  ["has sources and sinks"] = function(lib, log)
    local a, b = pair(lib)
    local sink = lib.sink("close-when-done", a)
    log(sink "abc", sink "def")
    log(sink(nil))
    local source = lib.source("by-length", b, 4)
    log(source())
    log(source())
    source = lib.source("until-closed", b)
    log(source())
    log(source())
    log(source.dirty ~= nil, source.getfd ~= nil)
    a, b = pair(lib)
    sink = lib.sink("keep-open", a)
    log(sink "abc", sink(nil))
    log(sink(nil, "problem"))
    a:close()
    log(lib.source(b)())
    log((pcall(lib.sink, "nothing", a)))
  end,

  ["knows names"] = function(lib, log)
    log((lib.dns.toip "localhost"), select(2, lib.dns.toip "localhost").ip[1])
    log(lib.dns.toip "no.such.host.invalid")
    log(lib.dns.getaddrinfo "no.such.host.invalid")
    local first = lib.dns.getaddrinfo "127.0.0.1"[1]
    log(first.family, first.addr)
    log(lib.dns.gethostname())
    log(math.abs(lib.gettime() - os.time()) < 10)
  end,
}

-- What a conversation comes to.
local function transcript(conversation, lib, arrived)
  local lines = {}
  conversation(lib, function(...)
    local words = table.pack(...)
    for i = 1, words.n do
      local word = words[i]
      words[i] = tostring(math.type(word) == "float" and math.tointeger(word) or word)
    end
    lines[#lines + 1] = table.concat(words, "|")
  end, arrived)
  return table.concat(lines, "\n")
end

describe("saros.compat.socket, in the words of LuaSocket,", function()
  for name, conversation in pairs(conversations) do
    it(name, function()
      local expected, said = transcript(conversation, original, await_original), nil
      async.run(function() said = transcript(conversation, compat, await_compat) end)
      assert.equal(expected, said)
    end)
  end

  it("tells the time to fractions of a second", function()
    local before, now, after = original.gettime(), compat.gettime(), original.gettime()
    assert.is_true(before - 0.1 < now and now < after + 0.1)
  end)

  it("has all names that LuaSocket has", function()
    for name, value in pairs(original) do
      if name:sub(1, 2) ~= "__" then assert.equal(type(value), type(compat[name]), name) end
    end
  end)

  it("has all methods that sockets have there", function()
    for _, kind in ipairs{"tcp", "udp"} do
      local have = getmetatable(compat[kind]()).__index
      for name, value in pairs(getmetatable(original[kind]()).__index) do
        if type(value) == "function" then assert.equal("function", type(have[name]), kind .. ":" .. name) end
      end
    end
  end)
end)

describe("saros.compat.socket", function()
  it("lets others run while it waits", inside(function()
    local a, b = pair(compat)
    local got
    async.spawn(function() got = b:receive() end)
    local ticks = 0
    for _ = 1, 10 do
      async.sleep(0)
      ticks = ticks + 1
    end
    assert.equal(10, ticks)
    assert.is_nil(got)
    a:send "now\n"
    async.wait_for(function() while not got do async.sleep(0) end end, 10)
    assert.equal("now", got)
  end))

  it("keeps the bytes of a receive that was cancelled", inside(function()
    local a, b = pair(compat)
    a:send "half a "
    await_compat(b)
    for _, pattern in ipairs{"*l", 100, "*a"} do
      local task = tasks.start(function() return b:receive(pattern) end)
      task:cancel()
      caught(task.await, task)
    end
    a:send "line\n"
    assert.equal("half a line", b:receive())
  end))

  it("sends no half message when it runs out of time, and goes on behind what it says", inside(function()
    local a, b = pair(compat)
    local data = {} -- more than a system takes without a reader
    for i = 1, 16000000 // 8 do data[i] = ("%07d "):format(i) end
    data = table.concat(data)
    a:settimeout(0)
    local sent, reader = 0, nil
    while sent < #data do
      local last, problem, partial = a:send(data, sent + 1)
      if not last then
        assert.equal("timeout", problem)
        reader = reader or async.spawn(function() return b:receive(#data) end)
        async.sleep(0)
      end
      sent = last or partial
    end
    assert.equal(data, (reader:await()))
  end))

  it("connects in the background without time to wait", inside(function()
    local server = compat.bind("127.0.0.1", 0)
    local _, port = server:getsockname()
    local client = compat.tcp()
    client:settimeout(0)
    assert.same({n = 2, nil, "timeout"}, table.pack(client:connect("127.0.0.1", port)))
    assert.matches("tcp{client}", tostring(client))
    client:settimeout(10)
    assert.equal(6, (client:send "hello\n"))
    assert.equal("hello", server:accept():receive())
    assert.same({n = 2, nil, "already connected"}, table.pack(client:connect("127.0.0.1", port)))
  end))

  it("says that select is not to be had, and what to use", inside(function()
    local message = caught(compat.select, {}, {}, 1)
    assert.matches("select: it is not to be had", message)
    assert.matches("async.spawn", message, 1, true)
    assert.matches("getfd", caught(compat.tcp().getfd))
  end))

  it("closes what a protected call has opened when that is cancelled", inside(function()
    local server = compat.bind("127.0.0.1", 0)
    local _, port = server:getsockname()
    local kept
    local call = compat.protect(function()
      kept = compat.try(compat.connect("127.0.0.1", port))
      return compat.try(kept:receive())
    end)
    local task = tasks.start(call)
    local peer = server:accept()
    await_compat(compat.udp() and {dirty = function() return kept ~= nil end})
    task:cancel()
    caught(task.await, task)
    peer:settimeout(10)
    assert.same({n = 3, nil, "closed", ""}, table.pack(peer:receive()))
  end))

  it("leaves open what a protected call returns", inside(function()
    local server = compat.bind("127.0.0.1", 0)
    local _, port = server:getsockname()
    local client = compat.protect(function()
      return compat.protect(function() return compat.try(compat.connect("127.0.0.1", port)) end)()
    end)()
    assert.equal(2, (client:send "x\n"))
  end))

  it("accepts again and again", inside(function()
    local server = compat.bind("*", 0)
    local _, port = server:getsockname()
    local clients = {}
    for i = 1, 5 do
      clients[i] = compat.connect("127.0.0.1", port)
      server:accept():send(i .. "\n")
    end
    for i = 1, 5 do assert.equal(tostring(i), clients[i]:receive()) end
  end))

  it("cannot wait where nobody can", function()
    assert.matches("cannot wait", caught(compat.connect, "127.0.0.1", 1))
  end)
end)
