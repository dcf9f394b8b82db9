-- SPDX-License-Identifier: MIT
-- Runs on a loop that the host turns, see guest.c.
local toolchain = require "spec.embed.toolchain"

local workshop

setup(function()
  workshop = toolchain.open()
  workshop:compile("spec/embed/guest.c", "guest")
end)

teardown(function() workshop:close() end)

-- Writes the scripts and runs them; what was printed. Nothing may be complained of.
local function run(mode, ...)
  local paths = {}
  for i, text in ipairs { ... } do
    paths[i] = workshop:write(("guest%d.lua"):format(i), 'local async = require "saros"; local _ = async\n' .. text)
  end
  local result = workshop:execute("guest", mode, table.unpack(paths))
  assert.same({ err = "", code = 0 }, { err = result.err, code = result.code })
  return result.out
end

describe("a run on a loop that the host turns", function()
  it("has tasks that C starts, and tells how they ended", function()
    local out = run("plain", [[
      host.spawn("sum", function(a, b) async.sleep(0.001) return a + b, "and more", nil end, 2, 3)
      host.spawn("error", function() async.sleep(0) error({}, 0) end)
      host.spawn("nothing", function() end)
      host.spawn("cancelled", function() async.sleep(60) end):cancel()
    ]])
    assert.matches("sum returned: 5 and more nil\n", out, 1, true)
    assert.matches("error failed: table: ", out, 1, true)
    assert.matches("nothing returned:\n", out, 1, true)
    assert.matches("cancelled failed: CancelledError: cancelled\n", out, 1, true)
    assert.matches("the run has ended\n$", out)
  end)

  it("goes on while there are tasks, and waits neither for ready ones nor beyond a deadline", function()
    assert.equal("1 2 3 4\nthe run has ended\n", run("plain", [[
      local spinner = host.start(function()
        for _ = 1, 1000 do async.sleep(0) end
        return 1
      end)
      host.start(function()
        local one = spinner:await()
        local two, three = async.gather(function() async.sleep(0.001) return 2 end, function() return 3 end)
        async.sleep(0.003)
        print(one, two, three, 4)
      end)
    ]]):gsub("\t", " "))
  end)

  it("wakes tasks from callbacks of the host", function()
    assert.equal("woken by the host\nthe run has ended\n", run("plain", [[
      local future = async.future()
      host.start(function() print(future:await()) end)
      host.later(1, function()
        host.later(1, function() future:set("woken by the host") end)
      end)
    ]]))
  end)

  it("takes tasks from callbacks of the host", function()
    assert.equal("late returned: 7\nthe run has ended\n", run("plain", [[
      host.start(function() async.sleep(0.5) end)
      host.later(1, function() host.spawn("late", function() async.sleep(0) return 7 end) end)
    ]]))
  end)

  it("reports a failure that nobody looks at", function()
    assert.equal("reported: no\nthe run has ended\n", run("plain", [[
      async.on_error(function(err) print("reported: " .. tostring(err):match "^%a+") end)
      host.start(function() error("no", 0) end)
    ]]))
  end)

  it("refuses async.run, from callbacks too, and a second run", function()
    local out = run("plain", [[
      print(pcall(async.run, print))
      print(pcall(host.begin))
      host.later(0, function() async.run(print) end)
      host.start(function() print(pcall(async.run, print)) end)
    ]])
    local _, refusals = out:gsub("run: a loop is running already", "")
    assert.equal(3, refusals)
    assert.matches("begin: a loop is running already", out, 1, true)
  end)

  it("leaves async.run to the time after it", function()
    assert.equal("the run has ended\n5\nthe run has ended\n", run("plain", [[
      host.finish()
      host.later(1, function() -- in the turn after this one it has ended
        host.later(1, function() async.run(function() print(5) end) host.begin() end)
      end)
    ]]))
  end)

  it("cancels what is left at its end, and waits for the cleanup", function()
    assert.equal("cleaned up\nforever failed: CancelledError: cancelled\nthe run has ended\n", run("end", [[
      host.spawn("forever", function()
        local _ <close> = async.defer(function()
          async.sleep(0.001)
          print("cleaned up")
        end)
        async.sleep(3600)
      end)
    ]]))
  end)

  it("closes by force who swallows each cancellation", function()
    assert.equal("true\nthe run has ended\n", run("end", [[
      async.on_error(function(err) print(tostring(err):find("closed by force", 1, true) ~= nil) end)
      host.start(function() while true do pcall(async.sleep, 3600) end end)
    ]]))
  end)

  it("may be one of several, each with a state of its own, on one loop", function()
    local program = [[
      host.spawn("%s", function()
        local stream, other = async.net.pair()
        stream:write("hello\n")
        return other:read_line()
      end)
    ]]
    local out = run("two", program:format "first", program:format "second")
    assert.matches("first returned: hello\n", out, 1, true)
    assert.matches("second returned: hello\n", out, 1, true)
  end)

  it("may be the next of several in one state", function()
    local _, count = run("again", [[
      host.spawn("task", function() async.sleep(0.001) return async.net.resolve("127.0.0.1")[1].address end)
    ]]):gsub("task returned: 127.0.0.1\n", "")
    assert.equal(3, count)
  end)

  it("may end with its state, in the middle of everything", function()
    assert.equal("", run("close", [[
      local server = async.net.listen("127.0.0.1", 0)
      local _, port = server:address()
      host.spawn("server", function() server:serve(function(stream) stream:read() end) end)
      host.spawn("client", function() async.net.connect("127.0.0.1", port):read() end)
      host.spawn("sleeper", function() async.sleep(3600) end)
      host.spawn("spinner", function() while true do async.sleep(0) end end)
    ]]))
  end)
end)

describe("a run that its state closes while it is ending", function()
  it("does not say that it has ended", function()
    assert.equal("", run("close", [[
      host.start(function()
        local _ <close> = async.defer(async.sleep, 3600)
        async.sleep(3600)
      end)
      host.finish()
    ]]))
  end)
end)

describe("a run on a loop that the host turns, whenever that comes:", function()
  local PROGRAM = [[
    async.on_error(function() end)
    local future = async.future()
    host.spawn("waits for the host", function() return future:await() end)
    host.spawn("gathers", function()
      local _ <close> = async.defer(function() async.sleep(0) end)
      return async.gather(function() async.sleep(0.001) return 1 end, function() async.sleep(0) return 2 end)
    end)
    host.spawn("fails", function() async.sleep(0) error("no", 0) end)
    host.spawn("times out", function() async.wait_for(async.sleep, 0.001, 60) end)
    host.spawn("takes turns", function() for _ = 1, 5 do async.sleep(0) end end) -- however late the others are
    host.start(function()
      async.sleep(0)
      host.spawn("late", function() async.sleep(0) end)
      error("nobody looks", 0)
    end)
  ]]
  local CALLBACK = 'host.later(0, function() future:set("by the host") end)' -- which outlives the state

  it("its end finds tasks anywhere, cancels them, and all tell how they ended", function()
    assert.is_true(tonumber(run("ends", PROGRAM .. CALLBACK):match "^%d+") > 3)
  end)

  it("the end of its state leaves nothing on the loop", function()
    assert.is_true(tonumber(run("closes", PROGRAM .. "host.start(future.set, future)"):match "^%d+") > 3)
  end)

  it("a want of memory fails a function of the host's, or a task, and the run ends all the same", function()
    assert.is_true(tonumber(run("faults", PROGRAM .. CALLBACK):match "^%d+") > 20)
  end)
end)

describe("a call from another thread", function()
  it("wakes the task that waits", function()
    assert.equal("errand returned: posted\nthe run has ended\n", run("plain", [[
      local errand = host.errand()
      host.spawn("errand", function() return errand:await() end)
      host.start(function() async.sleep(0.001) errand:go() end)
    ]]))
  end)

  it("wakes nobody who does not wait any more", function()
    assert.equal("errand failed: CancelledError: cancelled\nthe run has ended\n", run("plain", [[
      local errand = host.errand()
      local task = host.spawn("errand", function() return errand:await() end)
      host.start(function()
        task:cancel()
        async.sleep(0)
        errand:go()
      end)
    ]]))
  end)

  it("is refused after the run, be the state closed", function()
    assert.equal("the run has ended\n", run("plain", [[
      local errand = host.errand()
      host.later(0, function()
        host.finish()
        host.later(500, function() errand:go() host.refused() host.begin() end)
      end)
    ]]):gsub("^the run has ended\n", "", 1))
  end)

  it("counts as what can wake a task, as long as it is awaited", function()
    assert.equal("posted\nDeadlockError\n", run("run", [[
      async.run(function()
        local errand = host.errand()
        async.spawn(errand.go, errand)
        print(errand:await())
        errand = host.errand()
        local task = async.spawn(errand.await, errand)
        async.sleep(0)
        task:cancel()
        print(select(2, pcall(function() async.event():wait() end)).name)
        errand:go()
      end)
    ]]))
  end)
end)
