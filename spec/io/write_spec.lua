-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, raises, start = tasks.caught, streams.raises, tasks.start
local over_tcp, paired = streams.over_tcp, streams.paired

describe("write", function()
  it("takes strings, numbers and lists of them, and returns the stream", paired(function(a, b)
    assert.equal(a, a:write("a", 1, 2.5, { "b", 3, "" }, {}, "", { n = 0 }))
    assert.equal(a, a:write())
    a:close()
    assert.equal("a12.5b3", b:read_all())
  end))

  it("takes a table.pack, and a list of many", paired(function(a, b)
    local list, expected = {}, {}
    for i = 1, 3000 do
      list[i] = i % 3 == 0 and i or "x" .. i
      expected[i] = tostring(list[i])
    end
    a:write(table.pack("p", "q"), list)
    a:close()
    assert.equal("pq" .. table.concat(expected), b:read_all())
  end))

  it("refuses everything else before a byte leaves", paired(function(a, b)
    local expected = "string, number or list of them expected, got "
    for _, value in ipairs { true, print, io.stdout } do
      local message = caught(a.write, a, "x", value)
      assert.matches("bad argument #2 to 'stream:write' %(" .. expected .. type(value) .. "%)", message)
    end
    assert.matches("bad argument #1 to 'stream:write' %(" .. expected .. "nil%)", caught(a.write, a, nil))
    assert.matches(expected .. "a table that is no list", caught(a.write, a, { a = 1 }))
    assert.matches("item 2 of the list: string or number expected, got boolean", caught(a.write, a, { "x", false }))
    a:write "end"
    assert.equal("end", b:read())
  end))

  it("returns when the system has the bytes, or few of them wait", paired(function(a, b)
    local task, accepted = streams.filled(a)
    assert.is_false(task:done())
    local reader = async.spawn(function() return #b:read_exactly(accepted + (1 << 20)) end)
    assert.equal(a, task:await())
    assert.equal(accepted + (1 << 20), reader:await())
  end))

  it("keeps messages whole and in order, whoever writes them", paired(function(a, b)
    local writers = {}
    for i = 1, 12 do
      writers[i] = async.spawn(function()
        for j = 1, 4 do
          a:write(("%c"):format(64 + i), { ("%d"):format(j), ("x"):rep(90000), "\n" })
        end
      end)
    end
    local reader = async.spawn(function()
      local seen = {}
      for _ = 1, 48 do
        local line = b:read_line()
        assert.equal(90002, #line)
        assert.is_nil(line:find("[^x]", 3))
        local who, number = line:byte() - 64, tonumber(line:sub(2, 2))
        assert.equal((seen[who] or 0) + 1, number)
        seen[who] = number
      end
    end)
    async.gather(writers)
    reader:await()
  end))

  it("serves those who wait in order", paired(function(a, b)
    local first = streams.filled(a)
    local order = {}
    local waiting = {}
    for i = 1, 5 do
      waiting[i] = start(function()
        a:write(("w"):rep(100000))
        order[#order + 1] = i
      end)
    end
    local reader = async.spawn(b.read_all, b)
    async.wait(waiting)
    first:await()
    a:close()
    reader:await()
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end))

  it("lets the others run, though it never waits", paired(function(a, b)
    local turns = 0
    local reader = async.spawn(function()
      while b:read() do turns = turns + 1 end
    end)
    for _ = 1, 1000 do a:write "x" end
    assert.is_true(turns > 0)
    a:close()
    reader:await()
  end))
end)

describe("a cancelled write", function()
  it("of which nothing has left is withdrawn whole", paired(function(a, b)
    local first, accepted = streams.filled(a)
    local second = start(a.write, a, "second")
    local third = start(a.write, a, "third")
    second:cancel()
    raises("CancelledError", second.await, second)
    local reader = async.spawn(b.read_all, b)
    first:await()
    third:await()
    a:close()
    local all = reader:await()
    assert.equal("fthird", all:sub(-6))
    assert.equal(accepted + (1 << 20) + 5, #all)
  end))

  it("of which some has left closes the write side", paired(function(a, b)
    local first, accepted = streams.filled(a)
    local second = start(a.write, a, "second")
    first:cancel()
    raises("CancelledError", first.await, first)
    local err = raises("ClosedError", second.await, second)
    assert.equal("ECLOSED", err.code)
    assert.equal("a write was cancelled in the middle: the write side is closed", err.message)
    raises("ClosedError", a.write, a, "third")
    raises("ClosedError", a.shutdown, a)
    b:write "still there"
    assert.equal("still there", a:read())
    local reader = async.spawn(b.read_all, b)
    a:close()
    assert.is_true(#reader:await() <= accepted + (1 << 20))
  end))

  it("in a scope that was cancelled before sends nothing", paired(function(a, b)
    local task = start(function()
      pcall(async.sleep, 60)
      raises("CancelledError", a.write, a, "x")
      raises("CancelledError", a.shutdown, a)
    end)
    task:cancel()
    task:await()
    a:write "y"
    assert.equal("y", b:read())
  end))
end)

describe("shutdown", function()
  it("ends one side, and the reply comes through", paired(function(a, b)
    a:write "question"
    a:shutdown()
    assert.equal("question", b:read_all())
    b:write "answer"
    assert.equal("answer", a:read())
    raises("ClosedError", a.write, a, "x")
    b:close()
    assert.is_nil(a:read())
  end))

  it("lets out first what was written, and can be called again", paired(function(a, b)
    local first, accepted = streams.filled(a)
    local shutdown = start(a.shutdown, a)
    raises("ClosedError", a.write, a, "late")
    local again = start(a.shutdown, a)
    local reader = async.spawn(b.read_all, b)
    first:await()
    shutdown:await()
    again:await()
    a:shutdown()
    assert.equal(accepted + (1 << 20), #reader:await())
  end))

  it("that is cancelled goes on by itself", paired(function(a, b)
    local first = streams.filled(a)
    local shutdown = start(a.shutdown, a)
    shutdown:cancel()
    raises("CancelledError", shutdown.await, shutdown)
    assert.is_true(#b:read_all() >= 1 << 20)
    first:await()
  end))

  it("works over TCP as well", over_tcp(function(a, b)
    a:write "x"
    a:shutdown()
    assert.equal("x", b:read_all())
    b:write "y"
    assert.equal("y", a:read())
  end))
end)

describe("close", function()
  it("can be called again and again, and is told", paired(function(a)
    assert.is_false(a:closed())
    a:close()
    a:close()
    a:abort()
    assert.is_true(a:closed())
  end))

  it("makes every use a ClosedError", paired(function(a, b)
    a:close()
    for _, call in ipairs {
      function() a:read() end, function() a:read_all() end, function() a:read_line() end,
      function() a:write "x" end, function() a:write() end, function() a:shutdown() end, function() a:address() end,
      function() a:pipe_to(b) end, function() a:lines()() end,
    } do
      assert.equal("ECLOSED", raises("ClosedError", call).code)
    end
  end))

  it("wakes reader and writers", paired(function(a)
    local writer = streams.filled(a)
    local waiting = { writer, start(a.read, a), start(a.write, a, "x"), start(a.shutdown, a) }
    a:close()
    for _, task in ipairs(waiting) do raises("ClosedError", task.await, task) end
  end))

  it("sends what was written before", paired(function(a, b)
    local size = 0
    while size < 4 << 20 do -- each write returns though some of it waits
      local ok = pcall(async.wait_for, function() a:write(("x"):rep(1000)) end, 0)
      if not ok then break end
      size = size + 1000
      if size % 100000 == 0 then async.sleep(0) end
      if size >= 250000 then break end
    end
    local reader = async.spawn(b.read_all, b)
    a:close()
    assert.equal(size, #reader:await())
  end))

  it("sends what the system did not take at once", paired(function(a, b)
    local writer, accepted = streams.filled(a)
    writer:cancel()
    async.wait { writer }
    a:close()
    assert.is_true(#b:read_all() >= accepted)
  end))

  it("drops it as a reset if it is an abort", over_tcp(function(a, b)
    local writer = streams.filled(a)
    a:abort()
    raises("ClosedError", writer.await, writer)
    local err
    repeat
      local ok, data = pcall(b.read, b)
      if not ok then err = data end
    until not ok or data == nil
    assert.equal("ECONNRESET", err and err.code)
  end))

  it("is what the end of a block does", function()
    testing.run(function()
      local a, b = async.net.pair()
      do
        local held <close> = a
      end
      assert.is_nil(b:read())
      b:close()
    end)
  end)

  it("is made up for by the end of the run, and named in a test", function()
    local stream
    async.run(function() stream = async.net.pair() end)
    assert.is_true(stream:closed())
    async.run(function() raises("ClosedError", stream.read, stream) end)
    local message = caught(testing.run, function() stream = async.net.pair() end)
    assert.matches("handle stream opened at .*write_spec.lua:%d+", message)
  end)

  it("is made up for by the collector, which debug mode names", function()
    local result = script [[
async.debug(true)
async.run(function()
  local a = async.net.pair()
  a = nil
  collectgarbage()
  collectgarbage()
end)
]]
    assert.equal(0, result.code, result.err)
    assert.matches("stream opened at .*:4 was closed by the collector", result.err)
  end)
end)

describe("a peer that is gone", function()
  it("ends a loop of writes with an error, and never the process", function()
    for _, pair in ipairs { async.net.pair, streams.tcp_pair } do
      testing.run(function()
        local a, b = pair()
        local held <close> = a
        b:close()
        local count = 0
        local err = tasks.error_of(function()
          while count < 100000 do
            a:write "x"
            count = count + 1
          end
        end)
        assert.is_true(async.is_error(err, "SystemError"))
        assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
        assert.equal("write", err.syscall)
        raises("SystemError", a.write, a, "again")
      end)
    end
  end)

  it("ends a write that waits", function()
    testing.run(function()
      local a, b = streams.tcp_pair()
      local held <close> = a
      local writer = streams.filled(a)
      b:abort()
      local err = raises("SystemError", writer.await, writer)
      assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
      raises("SystemError", a.write, a, "again")
    end)
  end)

  it("leaves a script alone that knows nothing of SIGPIPE", function()
    -- A library that was loaded in this process may have it ignored; a child of ours begins with the default.
    local result = async.run(function()
      return async.process.run({ arg[-1] or "lua5.4", "-" }, {
        extend_env = { LUA_PATH_5_4 = package.path, LUA_CPATH_5_4 = package.cpath },
        input = [[
          local async = require "saros"
          async.run(function()
            local a, b = async.net.pair()
            b:close()
            print(pcall(function() for _ = 1, 10 do a:write "x" end end))
            print(io.popen("kill -PIPE $$; echo survived"):read "a")
          end)
        ]],
      })
    end)
    assert.equal(0, result.exit_code, result.stderr)
    assert.matches("^false\tSystemError: write: broken pipe\n\n$", result.stdout)
  end)
end)

describe("what arrived before", function()
  it("an end comes first", over_tcp(function(a, b)
    a:write "abc"
    a:close()
    async.sleep(0.01)
    assert.equal("abc", b:read())
    assert.is_nil(b:read())
  end))

  it("a reset comes first, and the reset is none of an end", over_tcp(function(a, b)
    b:write "unread"
    a:write "abc"
    assert.equal("a", b:read_exactly(1))
    a:abort()
    async.sleep(0.01)
    assert.equal("bc", b:read())
    local err = raises("SystemError", b.read, b)
    assert.equal("ECONNRESET", err.code)
    assert.equal("127.0.0.1", err.host)
    assert.is_number(err.port)
    raises("SystemError", b.read_line, b)
    raises("SystemError", b.read_all, b)
  end))

  it("a reset can still be read piece by piece after a call that wanted more", over_tcp(function(a, b)
    a:write "abc"
    assert.equal("a", b:read_exactly(1))
    a:abort()
    async.sleep(0.01)
    assert.equal("ECONNRESET", raises("SystemError", b.read_line, b).code)
    assert.equal("bc", b:read())
  end))

  it("a reset that a writer heard of is no end for the reader", over_tcp(function(a, b)
    a:abort()
    async.sleep(0.01)
    pcall(b.write, b, "x")
    pcall(b.write, b, "x")
    local ok, data = pcall(b.read, b)
    assert.is_false(ok, tostring(data))
  end))
end)

describe("the names of a stream", function()
  it("are host and port", over_tcp(function(a, b)
    local host, port = a:address()
    assert.equal("127.0.0.1", host)
    assert.same({ host, port }, { b:peer() })
    assert.same({ b:address() }, { a:peer() })
    a:close()
    assert.same({ b:address() }, { a:peer() })
    assert.matches("stream %(127.0.0.1, " .. port .. "%)", tostring(b))
    assert.matches("stream %(closed%)", tostring(a))
  end))

  it("are empty where there are none", paired(function(a)
    assert.same({ "" }, { a:address() })
    assert.same({ "" }, { a:peer() })
    assert.is_nil(a:tls_info())
  end))
end)
