-- SPDX-License-Identifier: MIT
local async = require "saros"
local proc = require "spec.support.proc"
local processes = require "spec.support.processes"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local counted, spawn, shell = processes.counted, processes.spawn, processes.start_shell
local error_of, eventually, start = tasks.error_of, processes.eventually, tasks.start

describe("process.spawn", function()
  it("gives the three streams of a child that runs", counted(function()
    local child <close> = shell "read line; echo got $line; read line; echo lost $line >&2; exit 2"
    assert.equal("integer", math.type(child.pid))
    child.stdin:write "one\n"
    assert.equal("got one", child.stdout:read_line())
    child.stdin:write "two\n"
    assert.equal("lost two", child.stderr:read_line())
    assert.equal(2, child:wait())
    assert.is_nil(child.stdout:read())
    assert.is_nil(child.stderr:read_line())
  end))

  it("ends the input of a child when that is closed or shut down", counted(function()
    for _, how in ipairs { "close", "shutdown" } do
      local child <close> = spawn { "cat" }
      child.stdin:write(("x"):rep(100000)) -- more than a pipe holds, less than has to wait
      child.stdin[how](child.stdin)
      assert.equal(100000, #child.stdout:read_all())
      assert.equal(0, child:wait())
    end
  end))

  it("sends what waits when the input is closed behind it", counted(function()
    local child <close> = shell "sleep 0.05; cat | wc -c"
    child.stdin:write(("x"):rep(100000))
    child.stdin:close()
    assert.equal("100000", child.stdout:read_all():match "%d+")
  end))

  it("writes the option `input` while the program reads", counted(function()
    local child <close> = spawn({ "cat" }, { input = ("y"):rep(1 << 20) })
    assert.is_nil(child.stdin)
    assert.equal(1 << 20, #child.stdout:read_all())
    assert.equal(0, child:wait())
    local other <close> = spawn({ "cat" }, { input = "again" })
    assert.equal("again", other:communicate().stdout)
  end))

  it("raises EPIPE where nobody reads the input, and goes on", counted(function()
    local child <close> = shell "exec <&-; echo closed; exec sleep 1000"
    child.stdout:read_line()
    local err = error_of(function()
      while true do child.stdin:write(("x"):rep(10000)) end
    end)
    assert.same({ "SystemError", "EPIPE", "write" }, { err.name, err.code, err.syscall })
    local ended <close> = spawn { "true" }
    ended:wait()
    assert.equal("EPIPE", error_of(ended.stdin.write, ended.stdin, "x").code)
  end))

  it("wakes a writer who waits for room when the child ends", counted(function()
    local child <close> = spawn { "sleep", "1000" }
    local writing = start(child.stdin.write, child.stdin, ("x"):rep(1 << 20))
    child:kill()
    assert.equal("EPIPE", error_of(writing.await, writing).code)
  end))

  it("shows what it is and how it ended", counted(function()
    local child <close> = shell "read x; exit 3"
    assert.equal(("process %d (sh, running)"):format(child.pid), tostring(child))
    child.stdin:close()
    child:wait()
    assert.equal(("process %d (sh, exited with 3)"):format(child.pid), tostring(child))
    local other <close> = spawn { "cat" }
    other:kill "KILL"
    other:wait()
    assert.equal(("process %d (cat, SIGKILL)"):format(other.pid), tostring(other))
  end))
end)

describe("process:wait", function()
  it("gives the exit code, or nil and the signal, again and again", counted(function()
    local child <close> = shell "exit 9"
    for _ = 1, 3 do assert.same({ 9, n = 1 }, table.pack(child:wait())) end
    local killed <close> = spawn { "cat" }
    killed:kill "SIGKILL"
    for _ = 1, 3 do assert.same({ nil, "SIGKILL", n = 2 }, table.pack(killed:wait())) end
  end))

  it("wakes every task that waits", counted(function()
    local child <close> = spawn { "cat" }
    local waiting = {}
    for i = 1, 5 do waiting[i] = start(child.wait, child) end
    child.stdin:close()
    assert.same({ 0, 0, 0, 0, 0, n = 5 }, async.gather(waiting))
  end))

  it("returns when the child ends, though a grandchild holds its pipes", counted(function()
    local child <close> = shell("sleep 1000 & echo $!; exit 4", { group = true })
    local grandchild = child.stdout:read_line()
    assert.equal(4, child:wait())
    assert.is_true(processes.is_alive(grandchild))
  end))

  it("can be cancelled without harm to the child", counted(function()
    local child <close> = spawn { "cat" }
    local waiting = start(child.wait, child)
    local other = start(child.wait, child)
    waiting:close()
    child.stdin:write "alive"
    child.stdin:shutdown()
    assert.equal("alive", child.stdout:read_all())
    assert.equal(0, other:await())
  end))

  it("keeps a run from a deadlock only if a task waits", function()
    testing.run(function()
      local child <close> = spawn { "cat" }
      assert.equal("DeadlockError", error_of(tasks.hang).name)
      async.spawn(function()
        child.stdin:close()
      end)
      assert.equal(0, child:wait())
    end)
  end)

  it("cannot be called outside of a run", function()
    local child = async.run(spawn, { "true" })
    assert.matches("process:wait: cannot wait here", tasks.caught(child.wait, child), 1, true)
  end)
end)

describe("process:kill", function()
  it("takes a name with or without SIG, or a number", counted(function()
    for given, name in pairs { [false] = "SIGTERM", TERM = "SIGTERM", SIGUSR2 = "SIGUSR2", [9] = "SIGKILL" } do
      local child <close> = spawn { "cat" }
      assert.is_true(child:kill(given or nil))
      assert.equal(name, select(2, child:wait()))
    end
  end))

  it("gives false once the child has ended", counted(function()
    local child <close> = spawn { "true" }
    child:wait()
    assert.is_false(child:kill())
    assert.is_false(child:kill "KILL")
  end))

  it("reaches the whole tree of a group", counted(function()
    local child <close> = shell("sleep 1000 & echo $!; wait", { group = true })
    local grandchild = child.stdout:read_line()
    child:kill "KILL"
    assert.equal("SIGKILL", select(2, child:wait()))
    assert.is_nil(child.stdout:read()) -- nobody has the pipe any more
    eventually(function() return not processes.is_alive(grandchild) end)
  end))

  it("reaches the child alone without a group", counted(function()
    local child <close> = shell "sleep 1000 & echo $!; wait"
    local grandchild = child.stdout:read_line()
    child:kill "KILL"
    child:wait()
    assert.is_true(processes.is_alive(grandchild))
    os.execute("kill -9 " .. grandchild)
  end))
end)

describe("process:communicate", function()
  it("writes, reads and waits", counted(function()
    local child <close> = shell "cat; echo err >&2; exit 5"
    assert.same({ exit_code = 5, stdout = "in", stderr = "err\n" }, child:communicate "in")
    local other <close> = shell "cat"
    assert.same({ exit_code = 0, stdout = "", stderr = "" }, other:communicate())
  end))

  it("goes on behind what was read before", counted(function()
    local child <close> = shell "echo first; cat"
    assert.equal("first", child.stdout:read_line())
    assert.equal("rest", child:communicate("rest").stdout)
  end))

  it("does as the options say", counted(function()
    local child <close> = shell("exit 1", { check = true })
    assert.equal("ProcessError", error_of(child.communicate, child).name)
    local slow <close> = spawn({ "sleep", "1000" }, { timeout = 0.01 })
    assert.equal("TimeoutError", error_of(slow.communicate, slow).name)
    local chatty <close> = spawn({ "yes" }, { max_output = 10 })
    assert.equal("LimitError", error_of(chatty.communicate, chatty).name)
  end))

  it("kills and reaps the child in a scope that was cancelled before", counted(function()
    local child = spawn { "cat" }
    local task = start(function()
      pcall(tasks.hang)
      child:communicate()
    end)
    task:close()
    assert.equal("SIGTERM", select(2, child:wait()))
  end))

  it("kills and reaps the child when it is cancelled", counted(function()
    local child = spawn { "sleep", "1000" }
    local task = start(child.communicate, child)
    task:close()
    assert.equal("SIGTERM", select(2, child:wait()))
  end))
end)

describe("the end of a process", function()
  it("comes when the block is left that holds it", counted(function()
    local pid
    do
      local child <close> = spawn { "cat" }
      pid = child.pid
    end
    assert.is_false(processes.is_alive(pid))
  end))

  it("comes in a scope that is cancelled, too", counted(function()
    local child
    local task = start(function()
      local held <close> = spawn { "cat" }
      child = held
      tasks.hang()
    end)
    task:close()
    assert.equal("SIGTERM", select(2, child:wait()))
  end))

  it("is SIGTERM first, and SIGKILL a moment later", counted(function()
    local polite <close> = shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do :; done")
    polite.stdout:read_line()
    polite:kill()
    assert.equal("bye", polite.stdout:read_line())
    assert.equal(3, polite:wait())
    local stubborn = shell("trap '' TERM; echo ready; while :; do read x || :; done", { grace = 0.05 })
    stubborn.stdout:read_line()
    stubborn:close()
    assert.equal("SIGKILL", select(2, stubborn:wait()))
  end))

  it("is the end of its whole group", counted(function()
    local child = shell("trap '' TERM; sleep 1000 & echo $!; exit 0", { group = true, grace = 0.05 })
    local grandchild = child.stdout:read_line()
    child:wait()
    child:close()
    eventually(function() return not processes.is_alive(grandchild) end)
  end))

  it("can be asked for twice, and by two tasks", counted(function()
    local child = spawn { "cat" }
    async.gather(function() child:close() end, function() child:close() end)
    child:close()
    assert.is_true(child.stdout:closed())
    assert.equal("SIGTERM", select(2, child:wait()))
  end))

  it("comes with the end of the run", function()
    local child = async.run(function()
      local ignoring = shell "trap '' TERM; echo ready; while :; do read x || :; done"
      ignoring.stdout:read_line()
      return spawn { "cat" }, ignoring
    end)
    assert.is_false(processes.is_alive(child.pid))
    assert.is_nil(os.execute "wait" == nil or nil)
    assert.is_false(child:kill())
  end)

  it("comes when nobody has it any more", counted(function()
    local before = proc.children()
    local pid = (function() return spawn({ "cat" }).pid end)()
    assert.is_true(processes.is_alive(pid))
    collectgarbage()
    collectgarbage()
    eventually(function() return proc.children() == before end)
  end))

  it("is told in debug mode if the collector had to see to it, with the place of its start", counted(function()
    local result = processes.script [[
      async.debug(true)
      async.run(function()
        async.process.spawn {"cat"}
        collectgarbage()
        collectgarbage()
      end)]]
    assert.matches("process opened at .*:3 was closed by the collector", result.stderr)
    local _, count = result.stderr:gsub("\n", "")
    assert.equal(1, count, result.stderr)
  end))

  it("is a leftover of a test that does not see to it", function()
    local message = tasks.caught(testing.run, function() return spawn { "cat" } end)
    assert.matches("process opened at", tostring(message), 1, true)
  end)
end)
