-- SPDX-License-Identifier: MIT
local async = require "saros"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, raises, start = tasks.caught, streams.raises, tasks.start

-- The body of an `it`: fn(a, b, c, d) with a connected to b, and c to d; all four are closed at its end.
local function with_two_pairs(fn)
  return function()
    testing.run(function()
      local list = { async.net.pair() }
      list[3], list[4] = async.net.pair()
      local held <close> = tasks.finally(function()
        for _, stream in ipairs(list) do stream:close() end
      end)
      fn(table.unpack(list))
    end)
  end
end

describe("pipe_to", function()
  it("carries all bytes over, and the end", with_two_pairs(function(a, b, c, d)
    local piping = start(b.pipe_to, b, c)
    local reading = start(d.read_all, d)
    local sent = {}
    for i = 1, 50 do
      sent[i] = i .. ("x"):rep(20000)
      a:write(sent[i])
    end
    a:shutdown()
    local all = reading:await()
    assert.equal(#all, piping:await())
    assert.is_true(table.concat(sent) == all)
  end))

  it("leaves the target open if it is told to", with_two_pairs(function(a, b, c, d)
    a:write "one"
    a:close()
    assert.equal(3, b:pipe_to(c, { shutdown = false }))
    c:write "two"
    assert.equal("onetwo", d:read_exactly(6))
  end))

  it("begins with what was read ahead", with_two_pairs(function(a, b, c, d)
    a:write "head\nrest"
    a:close()
    assert.equal("head", b:read_line())
    assert.equal(4, b:pipe_to(c))
    assert.equal("rest", d:read_all())
  end))

  it("lets nobody else read, also while the target takes no more", with_two_pairs(function(a, b, c)
    local writer = streams.filled(c)
    a:write "kept"
    local piping = start(b.pipe_to, b, c)
    testing.settle()
    for _, name in ipairs { "read", "read_line", "read_all", "start_tls" } do
      raises("BusyError", function() b[name](b, name == "start_tls" and { verify = false } or nil) end)
    end
    raises("BusyError", b.pipe_to, b, c)
    piping:close()
    assert.equal("kept", b:read())
    writer:close()
  end))

  it("ends when its source is closed, also while the target takes no more", with_two_pairs(function(a, b, c, d)
    local writer, accepted = streams.filled(c)
    a:write "taken"
    local piping = start(b.pipe_to, b, c)
    testing.settle()
    b:close()
    raises("ClosedError", async.wait_for, piping, 5)
    start(c.shutdown, c)
    assert.equal(accepted + (1 << 20) + #"taken", #d:read_all())
    writer:await()
  end))

  it("stops reading when the target takes no more", with_two_pairs(function(a, b, c)
    local piping = start(b.pipe_to, b, c)
    local writer, accepted = streams.filled(a)
    assert.is_true(accepted < 32 << 20)
    assert.equal("pending", piping:status())
    piping:cancel()
    raises("CancelledError", piping.await, piping)
    writer:cancel()
    async.wait { writer }
  end))

  it("loses nothing that has not left when it is cancelled", with_two_pairs(function(a, b, c, d)
    a:write "one"
    local piping = start(b.pipe_to, b, c)
    assert.equal("one", d:read_exactly(3))
    piping:cancel()
    raises("CancelledError", piping.await, piping)
    a:write "two"
    assert.equal("two", b:read_exactly(3))
  end))

  it("gives back what waited behind another message of the target", with_two_pairs(function(a, b, c, d)
    local first, accepted = streams.filled(c)
    a:write "kept"
    local piping = start(b.pipe_to, b, c)
    testing.settle()
    piping:cancel()
    raises("CancelledError", piping.await, piping)
    assert.equal("kept", b:read_exactly(4))
    assert.equal(accepted + (1 << 20), #d:read_exactly(accepted + (1 << 20)))
    first:await()
  end))

  it("is the only reader meanwhile", with_two_pairs(function(a, b, c, d)
    local piping = start(b.pipe_to, b, c)
    raises("BusyError", b.read, b)
    raises("BusyError", b.pipe_to, b, c)
    a:write "x"
    assert.equal("x", d:read())
    piping:close()
    a:write "y"
    assert.equal("y", b:read())
  end))

  it("raises what ended it", with_two_pairs(function(a, b, c, d)
    local piping = start(b.pipe_to, b, c)
    d:close()
    a:write "x"
    testing.settle()
    pcall(a.write, a, "y")
    assert.equal("EPIPE", raises("SystemError", piping.await, piping).code)
    piping = start(a.pipe_to, a, c)
    a:close()
    raises("ClosedError", piping.await, piping)
  end))

  it("makes an echo of a stream that is piped to itself", with_two_pairs(function(a, b)
    local piping = start(b.pipe_to, b, b)
    local text = ("echo"):rep(100000)
    async.gather(function()
      a:write(text)
      a:shutdown()
    end, function() assert.is_true(a:read_all() == text) end)
    assert.equal(#text, piping:await())
  end))

  it("takes streams only", with_two_pairs(function(a, b)
    assert.matches("bad argument #1 to 'stream:pipe_to' %(stream expected, got table%)", caught(a.pipe_to, a, {}))
    assert.matches("unknown option 'close'", caught(a.pipe_to, a, b, { close = true }))
    assert.matches("did you mean 'shutdown'", caught(a.pipe_to, a, b, { shutdwn = true }))
    assert.matches("option 'shutdown': boolean expected, got number", caught(a.pipe_to, a, b, { shutdown = 1 }))
  end))
end)
