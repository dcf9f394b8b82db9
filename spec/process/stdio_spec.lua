-- SPDX-License-Identifier: MIT
-- What a child gets as its standard streams.
local async = require "saros"
local processes = require "spec.support.processes"
local tasks = require "spec.support.tasks"
local counted, run, shell, spawn = processes.counted, processes.run, processes.shell, processes.spawn

describe("a pipe of a child", function()
  it("is a real pipe: the child can open /dev/stdin, /dev/stdout and /dev/stderr", counted(function()
    local result = shell("cat /dev/stdin >/dev/stdout; echo err >/dev/stderr", { input = "in" })
    assert.same({ exit_code = 0, stdout = "in", stderr = "err\n" }, result)
  end))

  it("leaks into no sibling", counted(function()
    local first <close> = spawn { "cat" }
    local second <close> = spawn { "cat" }
    first.stdin:close() -- were it in the second one too, the first would not end
    assert.equal(0, first:wait())
    assert.equal("", first.stdout:read_all())
    assert.equal("", first.stderr:read_all())
    second.stdin:close()
    assert.equal(0, second:wait())
  end))

  it("blocks, as programs expect", counted(function()
    local flags = shell("grep flags /proc/self/fdinfo/1 /proc/self/fdinfo/0", { input = "" }).stdout
    for octal in flags:gmatch "flags:%s*(%d+)" do
      assert.equal(0, tonumber(octal, 8) & tonumber("4000", 8), flags)
    end
  end))

  it("has no names, and only one direction", counted(function()
    local child <close> = spawn { "cat" }
    assert.is_nil(child.stdout:peer())
    assert.is_nil(child.stdin:address())
    assert.equal("SystemError", tasks.error_of(child.stdin.read, child.stdin).name)
    assert.equal("SystemError", tasks.error_of(child.stdout.write, child.stdout, "x").name)
  end))

  it("can be read and written by two tasks at once, but not read by two", counted(function()
    local child <close> = spawn { "cat" }
    local reading = tasks.start(child.stdout.read, child.stdout)
    assert.equal("BusyError", tasks.error_of(child.stdout.read, child.stdout).name)
    child.stdin:write "x"
    assert.equal("x", reading:await())
  end))

  it("can be piped to another", counted(function()
    local left <close> = spawn({ "printf", "b\\na\\n" }, { stdin = "null" })
    local right <close> = spawn { "sort" }
    left.stdout:pipe_to(right.stdin)
    assert.equal("a\nb\n", right.stdout:read_all())
  end))
end)

describe("a standard stream of a child", function()
  it("is nothing", counted(function()
    assert.same({ exit_code = 0 }, run({ "cat" }, { stdin = "null", stdout = "null", stderr = "null" }))
    local child <close> = spawn({ "true" }, { stdin = "null", stdout = "null", stderr = "null" })
    assert.same({}, { child.stdin, child.stdout, child.stderr })
    assert.equal(0, child:wait())
  end))

  it("is the same for both outputs, in order", counted(function()
    local result = shell("echo 1; echo 2 >&2; echo 3", { stderr = "stdout" })
    assert.same({ exit_code = 0, stdout = "1\n2\n3\n" }, result)
    assert.same({ exit_code = 0 }, shell("echo 1; echo 2 >&2", { stdout = "null", stderr = "stdout" }))
  end))

  it("is ours", counted(function()
    local script = [[async.run(function()
      local result = async.process.run({"sh", "-c", "cat; echo err >&2"},
        {stdin = "inherit", stdout = "inherit", stderr = "inherit"})
      assert(result.stdout == nil and result.exit_code == 0)
    end)]]
    assert.same({ exit_code = 0, stdout = "in", stderr = "err\n" }, processes.script(script, { input = "in" }))
  end))

  it("is a file of Lua's io", counted(function()
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w+"))
    file:write "before\n" -- has to be there before what the child writes
    assert.equal(0, shell("echo from the child", { stdout = file }).exit_code)
    file:seek "set"
    assert.equal("before\nfrom the child\n", file:read "a")
    os.remove(path)
    local input <close> = assert(io.open("/etc/passwd"))
    assert.equal(input:read "a", (function()
      local again <close> = assert(io.open("/etc/passwd"))
      return run({ "cat" }, { stdin = again }).stdout
    end)())
  end))

  it("is a File, and both stand in one place of it, whoever moves that", counted(function()
    local path = os.tmpname()
    local file <close> = async.fs.open(path, "w+")
    file:write "before\n"
    assert.equal(0, shell("echo first", { stdout = file }).exit_code)
    file:write "between\n"
    assert.equal(0, shell("echo second; echo err >&2", { stdout = file, stderr = "stdout" }).exit_code)
    file:write "after\n"
    assert.equal(0, file:seek "set")
    assert.equal("before", file:read "l")
    assert.equal("first\n", run({ "head", "-c", "6" }, { stdin = file }).stdout)
    assert.equal("between", file:read "l")
    assert.equal("second\nerr\nafter\n", run({ "cat" }, { stdin = file }).stdout)
    assert.is_nil(file:read "l")
    assert.equal("before", file:seek "set" == 0 and file:read "l")
    os.remove(path)
  end))

  it("is a stream of another child, which does not block because of that", counted(function()
    local left <close> = spawn({ "sh", "-c", "echo data; cat" }, {})
    local right <close> = spawn({ "tr", "a-z", "A-Z" }, { stdin = left.stdout })
    left.stdin:write "more\n"
    left.stdin:close()
    left.stdout:close()
    assert.equal("DATA\nMORE\n", right.stdout:read_all())
    assert.is_nil(right.stdin)
  end))

  it("is a socket", counted(function()
    local ours, theirs = async.net.pair()
    local child <close> = shell and spawn({ "sh", "-c", "read x; echo got $x" }, { stdin = theirs, stdout = theirs })
    theirs:close()
    ours:write "it\n"
    assert.equal("got it", ours:read_line())
    assert.equal(0, child:wait())
    ours:close()
  end))

  it("is a socket that blocks for the child and for us no longer than that", counted(function()
    local ours, theirs = async.net.pair()
    local large = ("x"):rep(1 << 22) -- more than a socket holds
    for _ = 1, 2 do
      assert.equal(0, run({ "true" }, { stdin = theirs, stdout = theirs }).exit_code)
      assert.is_false(pcall(run, { "/nowhere" }, { stdout = theirs }))
      local writing <close> = async.spawn(function() theirs:write(large) end)
      assert.equal(large, ours:read_exactly(#large))
      writing:await()
    end
    local child <close> = spawn({ "sh", "-c", "read x; cat /proc/self/fdinfo/1 >&2" }, { stdout = theirs })
    run({ "true" }, { stdout = theirs })
    child.stdin:write "\n"
    local flags = tonumber(child.stderr:read_all():match "flags:%s*(%d+)", 8)
    assert.equal(0, flags & tonumber("4000", 8)) -- the other one still has it
    child:wait()
    theirs:close()
    ours:close()
  end))

  it("is exchanged for another", counted(function()
    local script = [[async.run(function()
      async.process.run({"sh", "-c", "echo out; echo err >&2"}, {stdout = io.stderr, stderr = io.stdout})
      async.process.run({"sh", "-c", "echo out; echo err >&2"}, {stdout = "inherit", stderr = "stdout"})
    end)]]
    assert.same({ exit_code = 0, stdout = "err\nout\nerr\n", stderr = "out\n" }, processes.script(script))
  end))
end)
