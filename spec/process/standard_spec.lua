-- SPDX-License-Identifier: MIT
-- Standard input, output and error, each in a program of its own.
local async = require "saros"
local processes = require "spec.support.processes"
local counted, script = processes.counted, processes.script

-- What a script prints, which has to succeed.
local function printed(source, options)
  local result = script(source, options)
  assert.equal(0, result.exit_code, (result.stdout or "") .. (result.stderr or ""))
  return result.stdout
end

-- Calls fn(path) with a file that has this text.
local function with_file(text, fn)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local _removal <close> = setmetatable({}, { __close = function() os.remove(path) end })
  return fn(path)
end

local READS_LINES = [[async.run(function()
  while true do
    local line = async.stdin:read_line()
    if not line then break end
    print("<" .. line .. ">")
  end
end)]]

describe("async.stdin", function()
  it("reads lines of a pipe", counted(function()
    assert.equal("<one>\n<two>\n", printed(READS_LINES, { input = "one\ntwo\n" }))
  end))

  it("reads lines of a file", counted(function()
    with_file("one\ntwo\n", function(path)
      local file <close> = assert(io.open(path))
      assert.equal("<one>\n<two>\n", printed(READS_LINES, { stdin = file }))
    end)
  end))

  it("reads all of a large file", counted(function()
    local large = ("0123456789abcde\n"):rep(1 << 17)
    with_file(large, function(path)
      local file <close> = assert(io.open(path))
      local out = printed("async.run(function() async.stdout:write(async.stdin:read_all()) end)", { stdin = file })
      assert.is_true(out == large)
    end)
  end))

  it("reads nothing of /dev/null", counted(function()
    assert.equal("", printed(READS_LINES, { stdin = "null" }))
    assert.equal("", printed "async.run(function() io.write(async.stdin:read_all()) end)")
  end))

  it("reads lines of a socket", counted(function()
    local ours, theirs = async.net.pair()
    local task = async.spawn(printed, READS_LINES, { stdin = theirs })
    async.sleep(0)
    theirs:close()
    ours:write "one\ntwo\n"
    ours:close()
    assert.equal("<one>\n<two>\n", task:await())
  end))

  it("lets other tasks run while it waits", counted(function()
    local child <close> = async.process.spawn({ processes.lua, "-e", [[local async = require "saros"
      async.run(function()
        async.spawn(function()
          for i = 1, 3 do async.sleep(0.001) async.stdout:write(i, "\n") end
        end)
        async.stdout:write("got ", async.stdin:read_line(), "\n")
      end)]] })
    for i = 1, 3 do assert.equal(tostring(i), child.stdout:read_line()) end
    child.stdin:write "it\n"
    assert.equal("got it", child.stdout:read_line())
    assert.equal(0, child:wait())
  end))

  it("loses no byte with a cancelled read", counted(function()
    local child <close> = async.process.spawn({ processes.lua, "-e", [[local async = require "saros"
      async.run(function()
        print(async.move_on_after(0.001, function() return async.stdin:read_line() end))
        io.stdout:flush()
        print(async.stdin:read_line())
      end)]] })
    assert.equal("false", child.stdout:read_line())
    child.stdin:write "whole\n"
    assert.equal("whole", child.stdout:read_line())
  end))

  it("keeps for the next run what it has read ahead", counted(function()
    local source = [[
      for i = 1, 3 do async.run(function() print(async.stdin:read_line()) end) end]]
    assert.equal("1\n2\nnil\n", printed(source, { input = "1\n2\n" }))
    with_file("1\n2\n", function(path)
      local file <close> = assert(io.open(path))
      assert.equal("1\n2\nnil\n", printed(source, { stdin = file }))
    end)
  end))

  it("goes on in the next run where a read was waiting at the end of one", counted(function()
    local child <close> = async.process.spawn({ processes.lua, "-e", [[local async = require "saros"
      async.run(function()
        async.spawn(function() async.stdin:read_line() end)
        async.sleep(0.001)
      end)
      io.write("ready\n")
      io.stdout:flush()
      async.run(function() print(async.stdin:read_line()) end)]] })
    assert.equal("ready", child.stdout:read_line())
    child.stdin:write "now\n"
    assert.equal("now", child.stdout:read_line())
  end))

  it("is closed until the end of the run if the program closes it", counted(function()
    local source = [[
      async.run(function()
        local stdin = async.stdin
        stdin:close()
        print(pcall(async.stdin.read, async.stdin))
        print(stdin == async.stdin)
      end)
      async.run(function() print(async.stdin:read_line()) end)]]
    local out = printed(source, { input = "line\n" })
    assert.equal("false\tClosedError: the stream is closed\ntrue\nline\n", out)
  end))

  it("is an error where there is none", counted(function()
    local source = "async.run(function() print(pcall(async.stdin.read, async.stdin)) end)"
    local child <close> = async.process.spawn({ "sh", "-c", 'exec "$0" "$@" <&-', processes.lua, "-e",
      'local async = require "saros" ' .. source })
    assert.matches("^false\tSystemError: read: ", child.stdout:read_all())
  end))

  it("keeps a run from a deadlock while somebody reads", counted(function()
    local source = [[async.run(function()
      local reading = async.spawn(function() return async.stdin:read_line() end)
      print(reading:await())
      print(pcall(async.sleep, math.huge))
    end)]]
    local child <close> = async.process.spawn({ processes.lua, "-e", 'local async = require "saros" ' .. source })
    child.stdin:write "x\n"
    local out = child.stdout:read_all()
    assert.matches("^x\nfalse\tDeadlockError", out)
  end))
end)

describe("async.stdout", function()
  it("writes to pipes, files and /dev/null", counted(function()
    local source = 'async.run(function() assert(async.stdout:write("out", 1, {"\\n"}) == async.stdout) end)'
    assert.equal("out1\n", printed(source))
    with_file("", function(path)
      local file <close> = assert(io.open(path, "a+"))
      assert.is_nil(printed(source, { stdout = file }))
      file:seek "set"
      assert.equal("out1\n", file:read "a")
    end)
    assert.is_nil(printed(source, { stdout = "null" }))
  end))

  it("is all out when the run returns, however slow the reader", counted(function()
    local source = [[
      async.run(function() async.stdout:write(("x"):rep(120000)) end)
      io.stderr:write("returned")
      os.exit(0, false)]]
    local child <close> = async.process.spawn { processes.lua, "-e", 'local async = require "saros" ' .. source }
    async.sleep(0.05)
    local out, err = async.gather(function() return child.stdout:read_all() end,
      function() return child.stderr:read_all() end)
    assert.equal("returned", err)
    assert.equal(120000, #out)
  end))

  it("is all out when it was closed before the run returns", counted(function()
    local source = [[
      async.run(function()
        async.stdout:write(("x"):rep(120000))
        async.stdout:close()
      end)
      io.write("!")]]
    local child <close> = async.process.spawn { processes.lua, "-e", 'local async = require "saros" ' .. source }
    async.sleep(0.05)
    local out = child.stdout:read_all()
    assert.equal(120001, #out)
    assert.equal("!", out:sub(-1))
  end))

  it("makes writers wait for a slow reader, and loses nothing", counted(function()
    local source = [[async.run(function()
      async.map(8, function(i)
        for j = 1, 20 do async.stdout:write(i, ":", j, ":", ("y"):rep(20000), "\n") end
      end)
    end)]]
    local seen, count = {}, 0
    for line in printed(source):gmatch "[^\n]+" do
      local i, j, rest = line:match "^(%d+):(%d+):(y+)$"
      assert.equal(20000, #rest)
      assert.equal((seen[i] or 0) + 1, tonumber(j))
      seen[i], count = tonumber(j), count + 1
    end
    assert.equal(160, count)
  end))

  it("stands in order with what print has flushed", counted(function()
    local source = [[
      print "first"
      io.stdout:flush()
      async.run(function() async.stdout:write("second\n") end)
      print "third"]]
    assert.equal("first\nsecond\nthird\n", printed(source))
  end))

  it("can be kept from before the run, and used in several", counted(function()
    local source = [[
      local out = async.stdout
      for i = 1, 3 do async.run(function() out:write(i, "\n") end) end]]
    assert.equal("1\n2\n3\n", printed(source))
  end))

  it("raises what the system says, and the process lives on", counted(function()
    local full <close> = assert(io.open("/dev/full", "w"))
    local source = [[async.run(function()
      for _, text in ipairs {"x", ("x"):rep(100000)} do
        local ok, err = pcall(async.stdout.write, async.stdout, text)
        io.stderr:write(tostring(ok), " ", err.name, " ", err.code, " ", err.syscall, "\n")
      end
    end)]]
    local line = "false SystemError ENOSPC write\n"
    assert.equal(line .. line, script(source, { stdout = full }).stderr)
    local child <close> = async.process.spawn({ processes.lua, "-e", [[local async = require "saros"
      async.run(function()
        async.stdin:read()
        io.stderr:write(select(2, pcall(async.stdout.write, async.stdout, "x")).code)
      end)]] })
    child.stdout:close()
    child.stdin:close()
    assert.equal("EPIPE", child.stderr:read_all())
    assert.equal(0, child:wait())
  end))

  it("cannot be read where it is for writing alone", counted(function()
    assert.equal("EBADF", printed [[async.run(function()
      io.write(select(2, pcall(async.stdout.read, async.stdout)).code)
    end)]])
  end))

  it("can be given to a child", counted(function()
    assert.equal("from the child\n", printed [[async.run(function()
      async.process.run({"echo", "from the child"}, {stdout = async.stdout, stderr = async.stderr})
    end)]])
  end))

  it("is nothing that the collector has to close", counted(function()
    local result = script("async.debug(true) async.run(function() async.stdout:write 'x' end)")
    assert.same({ exit_code = 0, stdout = "x", stderr = "" }, result)
  end))

  it("is standard error, too", counted(function()
    assert.equal("err\n", script('async.run(function() async.stderr:write("err\\n") end)').stderr)
  end))
end)

describe("the descriptors of standard streams", function()
  -- Prints the flags of all three, as they are when this is called.
  local FLAGS = [[
    local function flags()
      local list = {}
      for i = 0, 2 do
        for line in io.lines("/proc/self/fdinfo/" .. i) do list[#list + 1] = line:match "^flags:%s*(%d+)" end
      end
      return table.concat(list, " ")
    end
    local before, during = flags(), nil
    async.run(function()
      async.spawn(function() async.stdin:read() end)
      async.stdout:write "out"
      async.stderr:write "err"
      async.sleep(0.001)
      during = flags()
      async.stderr:close()
    end)
    local after = flags()
    io.stderr:write(" still open")
    io.write(before == after and " as found" or before .. " -> " .. after, before == during and " all the time" or "")]]

  local function check(expected, options)
    local result = script(FLAGS, options)
    assert.same({ exit_code = 0, stdout = expected, stderr = "err still open" }, result)
  end

  it("are left as they were found: pipes", counted(function()
    check("out as found all the time", { input = "x" })
  end))

  it("are left as they were found: sockets", counted(function()
    local ours, theirs = async.net.pair()
    check("out as found all the time", { stdin = theirs })
    ours:close()
    theirs:close()
  end))

  it("are left as they were found: files", counted(function()
    local file <close> = assert(io.open "/etc/passwd")
    check("out as found all the time", { stdin = file })
  end))

  it("are left as they were found, and a terminal in its modes", counted(function()
    local source = [[local async = require "saros"
      async.run(function()
        async.stdout:write("name? ")
        async.stdout:write("hello ", async.stdin:read_line(), "\n")
        async.stderr:write("err\n")
      end)]]
    local preload = "LD_PRELOAD=" .. (os.getenv "LD_PRELOAD" or "")
    local result = processes.run {
      "python3", "spec/support/terminal.py", "Ada\n", "env", preload, processes.lua, "-e", source,
    }
    assert.equal("", result.stderr)
    assert.matches("name%? hello Ada\nerr\nas it was 0\n$", (result.stdout:gsub("Ada\n", "", 1)))
  end))
end)
