-- SPDX-License-Identifier: MIT
local async = require "saros"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, paired, raises, start = tasks.caught, streams.paired, streams.raises, tasks.start

describe("read", function()
  it("gives what is there, and at most as much as asked for", paired(function(a, b)
    a:write "abcdef"
    assert.equal("abcd", b:read(4))
    assert.equal("ef", b:read(4))
    a:write "gh"
    assert.equal("gh", b:read())
  end))

  it("gives what came at once in pieces of any size, and what comes meanwhile behind it", paired(function(a, b)
    local sent, got, sizes = {}, {}, { 1, 50000, 10, 3, 20000, 100000 }
    for i = 1, 20000 do sent[i] = ("%d,"):format(i) end
    local task = start(function()
      for i = 1, 20000, 5000 do a:write(table.concat(sent, "", i, i + 4999)) end
      a:close()
    end)
    for i = 1, math.huge do
      local piece = b:read(sizes[i % #sizes + 1])
      if piece == nil then break end
      got[i] = piece
    end
    task:await()
    assert.equal(table.concat(sent), table.concat(got))
  end))

  it("waits for the first byte", paired(function(a, b)
    local task = start(b.read, b)
    testing.settle()
    assert.equal("pending", task:status())
    a:write "x"
    assert.equal("x", task:await())
  end))

  it("gives nil at the end, again and again", paired(function(a, b)
    a:write "x"
    a:close()
    assert.equal("x", b:read())
    assert.is_nil(b:read())
    assert.is_nil(b:read())
    assert.is_nil(b:read_line())
    assert.is_nil(b:read_exactly(3))
    assert.is_nil(b:read_until "x")
    assert.equal("", b:read_all())
  end))

  it("takes only a number of bytes that makes sense", paired(function(_, b)
    assert.matches("bad argument #1 to 'stream:read' %(must be at least 1, got 0%)", caught(b.read, b, 0))
    assert.matches("bad argument #1 to 'stream:read' %(integer expected, got string%)", caught(b.read, b, "4"))
    assert.matches("bad argument #1 to 'stream:read' %(number has no integer", caught(b.read, b, 1.5))
    assert.matches("bad argument #1 to 'stream:read_exactly' %(integer expected, got no value%)",
      caught(b.read_exactly, b))
    assert.matches("bad argument #1 to 'stream:read_exactly' %(must be at least 0, got %-1%)",
      caught(b.read_exactly, b, -1))
  end))

  it("is a method, and says so", function()
    async.run(function()
      local a, b = async.net.pair()
      for _, name in ipairs { "read", "read_exactly", "read_all", "read_line", "read_until", "lines", "chunks", "write",
        "shutdown", "close", "abort", "peer", "address", "pipe_to", "closed", "tls_info" } do
        local expected = "calling 'stream:%s' on bad self (stream expected, got table; call it with a colon)"
        assert.matches(expected:format(name), caught(a[name], {}), 1, true)
      end
      assert(b)
    end)
  end)

  it("cannot wait outside of a run, in a foreign coroutine or below a C function, and says so by name", function()
    local a, b
    async.run(function()
      a, b = async.net.pair()
      assert.matches("stream:read: cannot wait inside a coroutine", caught(coroutine.wrap(function() b:read() end)))
      assert.matches("stream:write: cannot wait across a C function",
        caught(table.sort, { 1, 2 }, function() a:write "x" end))
    end)
    assert.matches("stream:read_line: cannot wait here: no loop is running", caught(a.read_line, a))
    assert.matches("stream:write: cannot wait here: no loop is running", caught(a.write, a, "x"))
  end)
end)

describe("read_exactly", function()
  it("waits for all of it", paired(function(a, b)
    local task = start(b.read_exactly, b, 6)
    a:write "abc"
    testing.settle()
    assert.equal("pending", task:status())
    a:write "defgh"
    assert.equal("abcdef", task:await())
    assert.equal("gh", b:read())
  end))

  it("raises an EOFError with what there is when the data ends in the middle", paired(function(a, b)
    a:write "abc"
    a:close()
    local err = raises("EOFError", b.read_exactly, b, 4)
    assert.same({ "EOF", "abc" }, { err.code, err.partial })
    assert.is_nil(b:read())
  end))

  it("gives nothing for nothing", paired(function(_, b)
    assert.equal("", b:read_exactly(0))
  end))

  it("takes large pieces whole, however they come", paired(function(a, b)
    local piece = {}
    for i = 1, 40000 do piece[i] = ("%08d"):format(i) end
    local text = table.concat(piece)
    local writer = async.spawn(function()
      for i = 1, #text, 70001 do
        a:write(text:sub(i, i + 70000))
      end
    end)
    assert.equal(text:sub(1, 3), b:read_exactly(3))
    assert.is_true(text:sub(4, 300000) == b:read_exactly(299997))
    assert.is_true(text:sub(300001) == b:read_exactly(20000))
    writer:await()
  end))
end)

describe("read_line", function()
  it("ends at a line feed and takes a carriage return along", paired(function(a, b)
    a:write "one\ntwo\r\n\n\r\nthr\ree\r\r\n"
    assert.same({ "one", "two", "", "", "thr\ree\r" },
      { b:read_line(), b:read_line(), b:read_line(), b:read_line(), b:read_line() })
  end))

  it("keeps the end of the line if asked to", paired(function(a, b)
    a:write "one\ntwo\r\nthree"
    a:close()
    assert.equal("one\n", b:read_line { keep = true })
    assert.equal("two\r\n", b:read_line { keep = true })
    assert.equal("three", raises("EOFError", b.read_line, b, { keep = true }).partial)
  end))

  it("finds an end that comes in pieces", paired(function(a, b)
    local task = start(b.read_line, b)
    for _, piece in ipairs { "a", "b", "\r" } do
      a:write(piece)
      testing.settle()
    end
    assert.equal("pending", task:status())
    a:write "\nc"
    assert.equal("ab", task:await())
  end))

  it("raises an EOFError with the last line that has no end", paired(function(a, b)
    a:write "one\ntwo"
    a:close()
    assert.equal("one", b:read_line())
    assert.equal("two", raises("EOFError", b.read_line, b).partial)
    assert.is_nil(b:read_line())
  end))

  it("takes a line of the limit, and refuses a longer one, after which the stream goes on", paired(function(a, b)
    a:write(("x"):rep(10), "\r\n", ("y"):rep(11), "\r\n", "next\n")
    assert.equal(("x"):rep(10), b:read_line { limit = 10 })
    local err = raises("LimitError", b.read_line, b, { limit = 10 })
    assert.same({ "ETOOLARGE", 10 }, { err.code, err.limit })
    assert.equal("next", b:read_line())
  end))

  it("drops what is still to come of a line that is too long", paired(function(a, b)
    local task = start(b.read_line, b, { limit = 10 })
    a:write(("x"):rep(13))
    raises("LimitError", task.await, task)
    task = start(b.read, b)
    a:write(("x"):rep(1000))
    testing.settle()
    assert.equal("pending", task:status())
    a:write "end of it\nnext"
    assert.equal("next", task:await())
  end))

  it("drops it whatever is read then, and across a delimiter that comes in two", paired(function(a, b)
    a:write(("x"):rep(20) .. "-")
    raises("LimitError", b.read_until, b, "--", { limit = 10 })
    local task = start(b.read_exactly, b, 2)
    a:write "-abc"
    assert.equal("ab", task:await())
    assert.equal("c", b:read())
  end))

  it("does not take the first half of that delimiter for data, if nobody waits", paired(function(a, b)
    a:write(("x"):rep(20) .. "\r")
    raises("LimitError", b.read_until, b, "\r\n", { limit = 10 })
    raises("TimeoutError", async.wait_for, function() return b:read() end, 0)
    local task = start(b.read, b)
    testing.settle()
    assert.equal("pending", task:status())
    a:write "\nnext"
    assert.equal("next", task:await())
  end))

  it("looks for another delimiter behind that line alone", paired(function(a, b)
    a:write(("x"):rep(20) .. "a\n")
    raises("LimitError", b.read_until, b, "a\nbc", { limit = 10 })
    local task = start(b.read_line, b)
    testing.settle()
    assert.equal("pending", task:status())
    a:write "bc\nnext\n"
    assert.equal("", task:await())
    assert.equal("next", b:read_line())
  end))

  it("meets the end in a line that is too long", paired(function(a, b)
    a:write(("x"):rep(20))
    raises("LimitError", b.read_line, b, { limit = 10 })
    a:write "yyy"
    a:close()
    assert.is_nil(b:read_line())
  end))

  it("has a limit of a mebibyte", paired(function(a, b)
    local writer = async.spawn(function() a:write(("x"):rep(1 << 20), "\n", ("x"):rep((1 << 20) + 1), "\nend\n") end)
    assert.equal(1 << 20, #b:read_line())
    assert.equal(1 << 20, raises("LimitError", b.read_line, b).limit)
    assert.equal("end", b:read_line())
    writer:await()
  end))

  it("is linear in a line that comes byte by byte", paired(function(a, b)
    local task = start(b.read_line, b)
    for _ = 1, 2000 do
      a:write "abcdefghij"
      async.sleep(0)
    end
    a:write "\n"
    assert.equal(20000, #task:await())
  end))

  it("refuses options that it does not know", paired(function(_, b)
    assert.matches("bad argument #1 to 'stream:read_line' %(unknown option 'max'%)",
      caught(b.read_line, b, { max = 1 }))
    assert.matches("'limit' must be a positive integer", caught(b.read_line, b, { limit = 0 }))
    assert.matches("bad argument #1 to 'stream:read_line' %(table expected, got number%)", caught(b.read_line, b, 5))
    assert.matches("unknown option 'limt' %(did you mean 'limit'%?%)", caught(b.read_line, b, { limt = 5 }))
    assert.matches("bad argument #2 to 'stream:read_until' %(table of options expected, got a list%)",
      caught(b.read_until, b, "x", { "keep" }))
  end))
end)

describe("read_until", function()
  it("ends at the delimiter, which is stripped or kept", paired(function(a, b)
    a:write "a--b--c--"
    assert.equal("a", b:read_until "--")
    assert.equal("b--", b:read_until("--", { keep = true }))
    assert.equal("c", b:read_until "--")
  end))

  it("finds a delimiter that begins like itself", paired(function(a, b)
    a:write "aaab--ababac|"
    assert.equal("a", b:read_until "aab")
    assert.equal("--ab", b:read_until "abac")
    assert.equal("", b:read_until "|")
  end))

  it("takes no carriage return along", paired(function(a, b)
    a:write "one\r|"
    assert.equal("one\r", b:read_until "|")
  end))

  it("has bytes of any value for a delimiter", paired(function(a, b)
    a:write "a\0b\0\0c"
    assert.equal("a\0b", b:read_until "\0\0")
  end))

  it("refuses an empty one", paired(function(_, b)
    assert.matches("bad argument #1 to 'stream:read_until' %(must not be empty%)", caught(b.read_until, b, ""))
    assert.matches("bad argument #1 to 'stream:read_until' %(string expected, got no value%)", caught(b.read_until, b))
  end))
end)

describe("read_all", function()
  it("gives everything up to the end", paired(function(a, b)
    local task = start(b.read_all, b)
    for _ = 1, 20 do a:write(("x"):rep(10000)) end
    a:close()
    assert.equal(200000, #task:await())
  end))

  it("gives what was not read before", paired(function(a, b)
    a:write "one\ntwo\nthree"
    a:close()
    assert.equal("one", b:read_line())
    assert.equal("two\nthree", b:read_all())
  end))
end)

describe("an iterator over a stream", function()
  it("gives lines", paired(function(a, b)
    a:write "one\ntwo\r\nthree\n"
    a:close()
    local lines = {}
    for line in b:lines() do lines[#lines + 1] = line end
    assert.same({ "one", "two", "three" }, lines)
  end))

  it("gives lines with their ends, and no longer ones than allowed", paired(function(a, b)
    a:write "one\ntwelve\nx\n"
    local next_line = b:lines { keep = true, limit = 4 }
    assert.equal("one\n", next_line())
    raises("LimitError", next_line)
    assert.equal("x\n", next_line())
  end))

  it("gives chunks as they come", paired(function(a, b)
    async.spawn(function()
      for _, piece in ipairs { "a", "b", "c" } do
        a:write(piece)
        async.sleep(1)
      end
      a:close()
    end)
    local chunks = {}
    for chunk in b:chunks() do chunks[#chunks + 1] = chunk end
    assert.same({ "a", "b", "c" }, chunks)
  end))

  it("takes no more than it gives", paired(function(a, b)
    a:write "one\ntwo\n"
    assert.equal("one", b:lines()())
    assert.equal("two", b:read_line())
  end))
end)

describe("a cancelled read", function()
  it("loses no byte", paired(function(a, b)
    for _, call in ipairs {
      function() b:read_exactly(100) end, function() b:read_line() end, function() b:read_until "--" end,
      function() b:read_all() end,
    } do
      a:write "abc"
      local task = start(call)
      testing.settle()
      task:cancel()
      raises("CancelledError", task.await, task)
      assert.equal("abc", b:read_exactly(3))
    end
  end))

  it("whose bytes came in the same turn delivers them", paired(function(a, b)
    local task = start(b.read, b)
    a:write "abc"
    repeat async.sleep(0) until task:done() or tostring(task):find "waits" == nil
    task:cancel()
    local ok, data = pcall(task.await, task)
    assert.equal("abc", ok and data or b:read())
  end))

  it("takes nothing in a scope that is cancelled already", paired(function(a, b)
    a:write "abc"
    local task = start(function()
      pcall(async.sleep, 60)
      raises("CancelledError", b.read, b)
    end)
    task:cancel()
    task:await()
    assert.equal("abc", b:read())
  end))

  it("can be followed by another one at once", paired(function(a, b)
    raises("TimeoutError", async.wait_for, function() b:read() end, 0.001)
    local task = start(b.read, b)
    a:write "x"
    assert.equal("x", task:await())
  end))
end)

describe("two readers", function()
  it("are one too many", paired(function(a, b)
    local task = start(b.read, b)
    for _, name in ipairs { "read", "read_all", "read_line" } do
      assert.equal("EBUSY", raises("BusyError", b[name], b).code)
    end
    raises("BusyError", b.read_exactly, b, 3)
    raises("BusyError", b.lines(b))
    a:write "x"
    assert.equal("x", task:await())
  end))

  it("may take turns", paired(function(a, b)
    for _ = 1, 3 do
      local task = start(b.read_line, b)
      a:write "x\n"
      assert.equal("x", task:await())
    end
  end))
end)

describe("a reader that never really waits", function()
  it("starves nobody", paired(function(a, b)
    a:write(("x"):rep(60000))
    local turns = 0
    local other = async.spawn(function()
      for _ = 1, 3 do
        async.sleep(0)
        turns = turns + 1
      end
    end)
    b:read_exactly(1)
    for _ = 1, 50000 do b:read_exactly(1) end
    assert.equal(3, turns)
    other:await()
  end))
end)

describe("reading ahead", function()
  it("has a bound: who does not read stops the sender", paired(function(a, b)
    a:write "x"
    b:read()
    local writer, accepted = streams.filled(a)
    testing.settle()
    assert.is_false(writer:done())
    assert.is_true(accepted < 16 << 20)
    writer:cancel()
    async.wait { writer }
  end))

  -- The bytes with which the bound is reached are the last ones, and the end is told together with them.
  it("keeps the end for who reads on", paired(function(a, b)
    a:write(("x"):rep(1001))
    assert.equal("x", b:read(1))
    a:write(("x"):rep(130536))
    a:close()
    local c, d = async.net.pair()
    local _held <close> = c
    local _held_too <close> = d
    c:write "y"
    assert.equal("y", d:read()) -- the loop has seen what came for b, too
    assert.equal(131536, #b:read_all())
  end))

  it("goes on behind a rest that came while it was stopped", paired(function(a, b)
    local sending = start(function()
      for _ = 1, 64 do a:write(("x"):rep(65536)) end
      a:close()
    end)
    assert.equal("x", b:read(1))
    testing.settle()
    assert.equal("pending", sending:status())
    assert.equal((64 << 16) - 1, #b:read_all())
    sending:await()
  end))
end)

describe("a stream that nobody reads", function()
  it("does not hide a deadlock", function()
    local err = tasks.error_of(async.run, function()
      local a, b = async.net.pair()
      a:write "x"
      b:read()
      async.event():wait()
    end)
    assert.is_true(async.is_error(err, "DeadlockError"))
  end)

  it("is no deadlock while somebody reads it", function()
    async.run(function()
      local a, b = async.net.pair()
      local task = start(b.read, b)
      raises("TimeoutError", async.wait_for, task, 0.01)
      assert(a)
    end)
  end)
end)
