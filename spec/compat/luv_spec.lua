-- SPDX-License-Identifier: MIT
-- luv beside saros, each in a process of its own: luv's loop stays with its Lua state.

local script = require "spec.support.script"
local toolchain = require "spec.embed.toolchain"

-- What a program prints; it has to succeed.
local function run(text)
  local result = script('local uv = require "saros.compat.luv"\n' .. text)
  assert.same({ err = "", code = 0 }, { err = result.err, code = result.code })
  return result.out
end

describe("luv beside saros", function()
  it("is luv itself", function()
    assert.equal("true\n", run 'print(uv == require "luv")')
  end)

  it("has its handles served while tasks wait", function()
    assert.equal("tick 1\ntick 2\nwoken at 2\n", run [[
      async.run(function()
        local ticks, second = 0, async.event()
        local timer = uv.new_timer()
        timer:start(1, 1, function()
          ticks = ticks + 1
          print("tick " .. ticks)
          if ticks == 2 then timer:close() second:set() end
        end)
        second:wait()
        print("woken at " .. ticks)
      end)
    ]])
  end)

  it("has its callbacks bridged by futures", function()
    assert.equal("hello from luv\n", run [[
      local function read_file(path)
        local future = async.future()
        uv.fs_open(path, "r", 438, function(err, fd)
          if err then return future:fail(err) end
          uv.fs_read(fd, 100, 0, function(_, data)
            uv.fs_close(fd)
            future:set(data)
          end)
        end)
        return future:await()
      end
      local path = os.tmpname()
      local file <close> = io.open(path, "w")
      file:write("hello from luv"):flush()
      async.run(function() print(read_file(path)) end)
      os.remove(path)
    ]])
  end)

  it("has callbacks that spawn tasks", function()
    assert.equal("task done\n", run [[
      async.run(function()
        local finished = async.future()
        local timer = uv.new_timer()
        timer:start(0, 0, function()
          timer:close()
          async.spawn(function()
            async.sleep(0.001)
            finished:set("task done")
          end)
        end)
        print(finished:await())
      end)
    ]])
  end)

  it("serves a socket of luv and one of saros to each other", function()
    assert.equal("from luv: hello\n", run [[
      local server = uv.new_tcp()
      server:bind("127.0.0.1", 0)
      server:listen(8, function()
        local client = uv.new_tcp()
        server:accept(client)
        client:read_start(function(_, data)
          if data then client:write("from luv: " .. data) else client:close() server:close() end
        end)
      end)
      async.run(function()
        local stream <close> = async.net.connect("127.0.0.1", server:getsockname().port)
        stream:write "hello"
        print(stream:read())
      end)
      uv.run()
    ]])
  end)

  it("goes on by itself between runs", function()
    assert.equal("in the run\nafter the run\nin the next\n", run [[
      async.run(function() async.sleep(0) print "in the run" end)
      local timer = uv.new_timer()
      timer:start(1, 0, function() timer:close() print "after the run" end)
      uv.run()
      async.run(function() async.sleep(0.001) print "in the next" end)
    ]])
  end)

  it("leaves a deadlock to be found once nothing of luv's is active", function()
    assert.equal("DeadlockError\n", run [[
      local timer = uv.new_timer()
      print(select(2, pcall(async.run, function()
        timer:start(1, 0, function() end)
        async.event():wait()
      end)).name)
    ]])
  end)

  it("is told apart from a loop that runs", function()
    local result = script [[
      async.run(function() print(pcall(require, "saros.compat.luv")) end)
    ]]
    assert.matches("a loop is running already: it cannot be replaced", result.out, 1, true)
  end)

  it("is served after what saros has open, when the state is closed in the middle of a run", function()
    assert.equal("", run [[
      async.run(function()
        local timer = uv.new_timer()
        timer:start(60000, 0, print)
        async.spawn(async.sleep, 3600)
        local server = async.net.listen("127.0.0.1", 0)
        async.spawn(server.accept, server)
        async.sleep(0.001)
        os.exit(0, true)
      end)
    ]])
  end)

  it("has Ctrl-C arrive as saros' own", function()
    assert.equal("InterruptError\n", run [[
      local ok, err = pcall(async.run, function()
        uv.new_timer():start(60000, 0, print)
        async.spawn(function()
          async.sleep(0)
          uv.kill(uv.os_getpid(), "sigint")
        end)
        async.sleep(3600)
      end)
      print(not ok and err.name)
    ]])
  end)

  it("is what its page says", function()
    assert.equal("bytes\ttrue\nticks\ttrue\n", run(toolchain.block("docs/luv.md", "luv.lua")))
  end)
end)
