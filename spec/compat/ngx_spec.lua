-- SPDX-License-Identifier: MIT
local async = require "saros"
local ngx = require "saros.compat.ngx"
local tasks = require "spec.support.tasks"
local inside, virtually, caught = tasks.inside, tasks.virtually, tasks.caught

-- Serves each connection by a task; gives the port, and what closes the server.
local function serve(handler)
  local server = async.net.listen("127.0.0.1", 0)
  async.spawn(server.serve, server, handler)
  return select(2, server:address()), server
end

local function connect(port)
  local client = ngx.socket.tcp()
  assert(client:connect("127.0.0.1", port))
  return client
end

-- A server that writes this and closes.
local function saying(...)
  local parts = {...}
  return serve(function(stream)
    for _, part in ipairs(parts) do
      stream:write(part)
      async.sleep(0)
    end
  end)
end

describe("saros.compat.ngx", function()
  it("is no global", function() assert.is_nil(rawget(_G, "ngx")) end)

  it("receives lines, counts, all, what is there", inside(function()
    local port, _server <close> = saying("line\r\n12", "345", "rest")
    local client = connect(port)
    assert.equal("line", client:receive())
    assert.equal("12345", client:receive(5))
    assert.equal("rest", client:receive "*a")
    assert.equal("", client:receive "*a")
    assert.same({n = 3, nil, "closed", ""}, table.pack(client:receive "*l"))
    assert.same({n = 2, nil, "closed"}, table.pack(client:receive "*l"))
    client = connect(port)
    assert.equal("lin", client:receiveany(3))
    assert.equal("e", client:receive "l")
    client:close()
    assert.matches("bad pattern", caught(client.receive, client, "*x"))
  end))

  it("runs out of time with a partial result and goes on", inside(function()
    local go_on = async.event()
    local port, _server <close> = serve(function(stream)
      stream:write "par"
      go_on:wait()
      stream:write "tial\n"
    end)
    local client = connect(port)
    client:settimeout(30)
    local line, problem, partial = client:receive()
    assert.same({nil, "timeout"}, {line, problem})
    go_on:set()
    client:settimeouts(1000, 1000, 30000)
    assert.equal("partial", partial .. client:receive())
  end))

  it("receives until a pattern, whole and piece by piece", inside(function()
    local text = "first--boundaryse-cond--boundary-third"
    local port, _server <close> = saying(text:sub(1, 9), text:sub(10, 30), text:sub(31))
    local read = connect(port):receiveuntil "--boundary"
    assert.equal("first", read())
    assert.equal("se-cond", read())
    assert.same({n = 3, nil, "closed", "-third"}, table.pack(read()))
    read = connect(port):receiveuntil("--boundary", {inclusive = true})
    assert.equal("first--boundary", read())
    local client = connect(port)
    read = client:receiveuntil "--boundary"
    assert.equal("firs", read(4))
    assert.equal("t", read(4))
    assert.same({n = 3, nil, nil, nil}, table.pack(read(4)))
    assert.equal("se-c", read(4))
    assert.equal("ond", read(4))
    assert.is_nil((read(4)))
  end))

  it("sends strings, numbers and lists of them", inside(function()
    local port, _server <close> = serve(function(stream) stream:write(stream:read_line(), "\n") end)
    local client = connect(port)
    assert.equal(8, client:send {"a", 1, {"b", {2.5}}, "c\n"})
    assert.equal("a1b2.5c", client:receive())
  end))

  it("uses connections again", inside(function()
    local connections = 0
    local port, _server <close> = serve(function(stream)
      connections = connections + 1
      for line in stream:lines() do stream:write(line, "\n") end
    end)
    for i = 0, 2 do
      local client = connect(port)
      assert.equal(i, client:getreusedtimes())
      client:send "x\n"
      assert.equal("x", client:receive())
      assert.equal(1, client:setkeepalive(10000, 5))
      assert.same({n = 2, nil, "closed"}, table.pack(client:send "y"))
    end
    assert.equal(1, connections)
    local client = ngx.socket.tcp()
    client:connect("127.0.0.1", port, {pool = "mine"})
    assert.equal(0, client:getreusedtimes())
  end))

  it("uses none again that has ended, or has something to say", inside(function()
    local ended = async.event()
    local port, _server <close> = serve(function(stream)
      stream:read_line()
      stream:write "answer\n"
      ended:wait()
    end)
    local client = connect(port)
    client:send "x\n"
    assert.equal("ans", client:receiveany(3))
    assert.same({n = 2, nil, "connection in dubious state"}, table.pack(client:setkeepalive()))
    client = connect(port)
    client:send "x\n"
    client:receive()
    assert.equal(1, client:setkeepalive())
    ended:set()
    async.wait_for(function()
      repeat
        async.sleep(0)
        client = connect(port)
        local times = client:getreusedtimes()
        if times > 0 then client:setkeepalive() end
      until times == 0
    end, 10)
  end))

  it("says what went wrong", inside(function()
    local client = ngx.socket.tcp()
    assert.same({n = 2, nil, "connection refused"}, table.pack(client:connect("127.0.0.1", 1)))
    local _, problem = client:connect("no.such.host.invalid", 1)
    assert.matches("^no.such.host.invalid could not be resolved %([23]: ", problem)
    assert.same({n = 2, nil, "closed"}, table.pack(client:close()))
    local port, _server <close> = serve(tasks.hang)
    client = connect(port)
    tasks.start(function() client:receive() end)
    assert.same({n = 2, nil, "socket busy reading"}, table.pack(client:receive()))
  end))

  it("tells a port that is none, and refuses what is no argument", inside(function()
    local client = ngx.socket.tcp()
    assert.same({n = 2, nil, "bad port number: 99999"}, table.pack(client:connect("127.0.0.1", 99999)))
    assert.matches("#2 to 'connect' %(number expected", caught(client.connect, client, "127.0.0.1", "x"))
    assert.matches("bad max argument", caught(client.receiveany, client))
    assert.matches("bad max argument", caught(client.receiveany, client, 0))
    assert.matches("at least one thread", caught(ngx.thread.wait))
    assert.matches("no negative number", caught(ngx.semaphore.new, -1))
    assert.matches("#1 to 'timer.at' %(number expected", caught(ngx.timer.at, "soon", print))
    assert.matches("delay cannot be zero", caught(ngx.timer.every, 0, print))
    assert.matches("decode_base64' %(string expected", caught(ngx.decode_base64))
  end))

  it("reaches Unix sockets", inside(function()
    local path = os.tmpname()
    os.remove(path)
    local server <close> = async.net.listen_unix(path)
    async.spawn(server.serve, server, function(stream) stream:write "unix\n" end)
    local client = ngx.socket.connect("unix:" .. path)
    assert.equal("unix", client:receive())
  end))

  it("shakes hands for TLS", inside(function()
    local files = require "spec.support.certificates"()
    local server <close> = async.net.listen("127.0.0.1", 0, {tls = {cert = files.server, key = files.server_key}})
    async.spawn(server.serve, server, function(stream) stream:write "safe\n" end)
    local client = connect(select(2, server:address()))
    assert.is_truthy(client:sslhandshake(nil, "localhost", false))
    assert.equal("safe", client:receive())
    async.on_error(function() end)
    client = connect(select(2, server:address()))
    local session, problem = client:sslhandshake(nil, "localhost", true)
    async.on_error(nil)
    assert.is_nil(session)
    assert.is_string(problem)
  end))

  it("speaks UDP", inside(function()
    local peer = async.net.udp("127.0.0.1", 0)
    local client = ngx.socket.udp()
    assert.equal(1, client:setpeername("127.0.0.1", select(2, peer:address())))
    assert.equal(1, client:send "hello")
    local data, host, port = peer:receive()
    assert.equal("hello", data)
    peer:send("back", host, port)
    assert.equal("back", client:receive())
    client:settimeout(10)
    assert.same({n = 2, nil, "timeout"}, table.pack(client:receive()))
    assert.equal(1, client:close())
  end))

  it("spawns threads and waits for the first", virtually(function()
    local slow = ngx.thread.spawn(function() ngx.sleep(2) return "slow" end)
    local fast = ngx.thread.spawn(function(a) ngx.sleep(1) return "fast", a end, 7)
    assert.same({true, "fast", 7}, {ngx.thread.wait(slow, fast)})
    local failing = ngx.thread.spawn(function() error("broken", 0) end)
    assert.same({false, "broken"}, {ngx.thread.wait(failing)})
    assert.equal(1, ngx.thread.kill(slow))
    assert.same({n = 2, nil, "already waited or killed"}, table.pack(ngx.thread.kill(fast)))
    async.wait{slow}
  end))

  it("has semaphores that are posted to", virtually(function()
    local semaphore = ngx.semaphore.new(1)
    assert.is_true(semaphore:wait(0))
    assert.same({n = 2, nil, "timeout"}, table.pack(semaphore:wait(0)))
    assert.same({n = 2, nil, "timeout"}, table.pack(semaphore:wait(3)))
    local waiting = tasks.start(function() return semaphore:wait(10) end)
    assert.equal(-1, semaphore:count())
    semaphore:post(2)
    assert.is_true(waiting:await())
    assert.equal(1, semaphore:count())
  end))

  it("has timers", virtually(function()
    local log = {}
    local function note(premature, ...) log[#log + 1] = table.concat({tostring(premature), ...}, " ") end
    ngx.timer.at(2, note, "a", "b")
    ngx.timer.at(0, function() log[#log + 1] = "first" end)
    async.sleep(3)
    assert.same({"first", "false a b"}, log)
    local count = 0
    local tick = ngx.timer.every(1, function() count = count + 1 end)
    assert.is_true(tick)
    async.sleep(3.5)
    assert.equal(3, count)
    for _, task in ipairs(async.all_tasks()) do
      if task ~= async.current_task() then task:close() end
    end
  end))

  it("calls a timer again that has failed, and reports that", function()
    local reported = {}
    async.on_error(function(err) reported[err] = true end)
    async.run(function()
      local count, again = 0, async.event()
      ngx.timer.every(0.001, function()
        count = count + 1
        if count == 2 then again:set() end
        error("failure " .. count, 0)
      end)
      again:wait()
    end)
    async.on_error(nil)
    assert.is_true(reported["failure 1"] and reported["failure 2"])
  end)

  it("calls a timer prematurely when the run ends", function()
    local premature
    async.run(function()
      ngx.timer.at(100, function(is_premature) premature = is_premature end)
      async.sleep(0)
    end)
    assert.is_true(premature)
  end)

  it("knows base64, digests and escapes", function()
    local samples = {[""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", ["\0\255\254"] = "AP/+"}
    for text, encoded in pairs(samples) do
      assert.equal(encoded, ngx.encode_base64(text))
      assert.equal((encoded:gsub("=", "")), ngx.encode_base64(text, true))
      assert.equal(text, ngx.decode_base64(encoded))
    end
    assert.is_nil(ngx.decode_base64 "Zm9v!")
    assert.is_nil(ngx.decode_base64 "Zm9vY")
    assert.equal("d41d8cd98f00b204e9800998ecf8427e", ngx.md5 "")
    assert.equal("900150983cd24fb0d6963f7d28e17f72", ngx.md5 "abc")
    assert.equal("57edf4a22be3c955ac49da2e2107b67a", ngx.md5(("1234567890"):rep(8)))
    assert.equal(16, #ngx.md5_bin "abc")
    local sha1 = ngx.sha1_bin "abc":gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", sha1)
    assert.same({"", "MTI=", "d41d8cd98f00b204e9800998ecf8427e", ""},
      {ngx.encode_base64(nil), ngx.encode_base64(12), ngx.md5(nil), ngx.escape_uri(nil)})
    assert.equal("a%20b%2Fc%3F~", ngx.escape_uri "a b/c?~")
    assert.equal("a b/c", ngx.unescape_uri "a+b%2fc")
    assert.equal("a=1&b=x%20y&c=1&c=2&d", ngx.encode_args{a = 1, b = "x y", c = {1, 2}, d = true, e = false})
    assert.same({a = {"1", "2"}, b = true, c = ""}, ngx.decode_args "a=1&a=2&b&c=")
    assert.equal([['it\'s \"\\\"\n']], ngx.quote_sql_str 'it\'s "\\"\n')
  end)

  it("tells the time, and what libraries ask for", function()
    assert.is_true(math.abs(ngx.now() - os.time()) < 10)
    assert.equal("integer", math.type(ngx.time()))
    assert.equal(async.json.null, ngx.null)
    assert.equal("content", ngx.get_phase())
  end)
end)
