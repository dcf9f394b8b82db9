-- SPDX-License-Identifier: MIT
local async = require "saros"
local folder = require "spec.support.folder"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local fs = async.fs
local with, write, content = folder.with, folder.write, folder.read
local caught, error_of, start = tasks.caught, tasks.error_of, tasks.start

-- That fn(...) raises a SystemError with these fields.
local function refused(code, path, fn, ...)
  local err = error_of(fn, ...)
  assert.same({ "SystemError", code, path }, { err.name, err.code, err.path })
  assert.is_string(err.syscall)
  return err
end

describe("a file", function()
  it("is opened, written and read, and what a write has returned from others can see", with(function(path)
    local file <close> = fs.open(path .. "/f", "w")
    assert.equal(file, file:write("one\n", 2, "\n"))
    assert.equal("one\n2\n", content(path .. "/f"))
    assert.equal("w", fs.open(path .. "/g", "w"):write("w"):close() and content(path .. "/g"))
  end))

  it("that is not there, or a folder, or not allowed, is a SystemError with its path", with(function(path)
    refused("ENOENT", path .. "/none", fs.open, path .. "/none")
    refused("EISDIR", path, fs.open, path, "w")
    refused("ENOTDIR", path .. "/f/x", function()
      write(path .. "/f", "x")
      fs.open(path .. "/f/x")
    end)
    refused("ENOENT", "", fs.open, "")
    local here <close> = fs.open(path)
    refused("EISDIR", path, here.read, here)
    refused("EISDIR", path, here.read, here, 1, "l")
  end))

  it("is made with 'wx' only where there is none", with(function(path)
    fs.open(path .. "/f", "wx"):close()
    refused("EEXIST", path .. "/f", fs.open, path .. "/f", "wx")
    refused("EEXIST", path .. "/f", fs.open, path .. "/f", "w+bx")
  end))

  it("is made with the permissions that are asked for", with(function(path)
    fs.open(path .. "/a", "w", 384):close()
    fs.open(path .. "/b", "w", "600"):close()
    assert.equal(384, fs.stat(path .. "/a").mode)
    assert.equal(384, fs.stat(path .. "/b").mode)
  end))

  it("that is open for the one cannot be used for the other", with(function(path)
    local w <close> = fs.open(path .. "/f", "w")
    refused("EBADF", path .. "/f", w.read, w)
    local r <close> = fs.open(path .. "/f", "r")
    refused("EBADF", path .. "/f", r.write, r, "x")
    refused("EINVAL", path .. "/f", r.truncate, r, 0)
  end))

  it("says that there is no space", with(function()
    local file <close> = fs.open("/dev/full", "w")
    refused("ENOSPC", "/dev/full", file.write, file, "x")
    refused("ENOSPC", "/dev/full", fs.write_file, "/dev/full", "x")
  end))

  it("knows its size, is cut and filled up", with(function(path)
    local file <close> = fs.open(path .. "/f", "w+")
    file:write "0123456789"
    assert.equal(10, file:stat().size)
    assert.equal("file", file:stat().type)
    file:truncate(4)
    assert.equal("0123", content(path .. "/f"))
    file:seek("set", 2)
    file:truncate()
    assert.equal("01", content(path .. "/f"))
    file:truncate(4)
    assert.equal("01\0\0", content(path .. "/f"))
    file:seek "set"
    assert.equal("01\0\0", file:read "a")
  end))

  it("of others that grows can be read on at its end", with(function(path)
    write(path .. "/f", "one\n")
    local file <close> = fs.open(path .. "/f")
    assert.equal("one", file:read())
    assert.is_nil(file:read())
    fs.append_file(path .. "/f", "two\n")
    assert.equal("two", file:read())
    assert.equal("", file:read "a")
  end))

  it("of /proc, which tells no size, is read whole", with(function()
    local file <close> = fs.open "/proc/self/status"
    assert.matches("^Name:.*\n$", file:read "a")
    assert.matches("^Name:", fs.read_file "/proc/self/status")
  end))

  it("tells its name until it is closed", with(function(path)
    local file = fs.open(path .. "/f", "w")
    assert.equal("file (" .. path .. "/f)", tostring(file))
    assert.is_false(file:closed())
    file:close()
    assert.equal("file (closed)", tostring(file))
    assert.is_true(file:closed())
  end))

  it("that is closed refuses all, and closing again does nothing", with(function(path)
    local file = fs.open(path .. "/f", "w+")
    local lines = file:lines()
    assert.is_true(file:close())
    assert.is_true(file:close())
    for _, name in ipairs { "read", "write", "seek", "truncate", "flush", "sync", "stat", "fileno", "lines" } do
      assert.equal("ClosedError", error_of(file[name], file).name)
    end
    assert.equal("ClosedError", error_of(lines).name)
  end))

  it("is one task's at a time", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local file <close> = fs.open(path .. "/pipe", "r+")
    local reader = start(file.read, file)
    testing.settle()
    for _, name in ipairs { "read", "write", "stat", "sync", "flush", "truncate", "seek" } do
      assert.equal("BusyError", error_of(file[name], file).name)
    end
    reader:close()
    file:write "now it is free\n"
    assert.equal("now it is free", file:read())
  end))

  it("that another task closes gives its reader a ClosedError", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local file = fs.open(path .. "/pipe", "r+")
    local reader = start(file.read, file)
    testing.settle()
    file:close()
    assert.equal("ClosedError", error_of(reader.await, reader).name)
  end))

  it("has a descriptor for others, at the same place", with(function(path)
    write(path .. "/f", "one\ntwo\n")
    local file <close> = fs.open(path .. "/f")
    assert.equal("one", file:read())
    local info <close> = io.open(("/proc/self/fdinfo/%d"):format(file:fileno()))
    if info then assert.matches("pos:%s+4\n", info:read "a") end
  end))

  it("or folder that a task forgets is closed by the collector, which debug mode tells", function()
    local result = script [[
      async.debug(true)
      async.run(function()
        async.fs.open("/dev/null"):seek()
        async.fs.scandir("/")()
        collectgarbage()
      end)
    ]]
    assert.equal(0, result.code, result.err)
    assert.matches("file opened at [^\n]*:4 was closed by the collector", result.err)
    assert.matches("folder opened at [^\n]*:5 was closed by the collector", result.err)
  end)

  it("that is left open is named in a test", function()
    local message = caught(testing.run, function() fs.open("/dev/null"):seek() end)
    assert.matches("left over", message)
    assert.matches("handle file opened at .*file_spec.lua:", message)
  end)

  it("is closed at the end of a run, whoever has it", function()
    local file
    async.run(function() file = fs.open "/dev/null" end)
    assert.is_true(file:closed())
    assert.equal("ClosedError", async.run(error_of, file.read, file).name)
  end)

  it("cannot be waited for where nobody can wait", with(function(path)
    local file <close> = fs.open(path .. "/f", "w")
    for name, fn in pairs {
      ["file:write"] = function() file:write "x" end, open = function() fs.open(path) end,
      read_file = function() fs.read_file(path) end, scandir = function() fs.scandir(path) end,
    } do
      local _, message = coroutine.resume(coroutine.create(fn))
      assert.matches(name .. ": cannot wait inside a coroutine", message, 1, true)
    end
    local other = fs.open(path .. "/f", "w")
    coroutine.wrap(function() other:close() end)() -- that it can, all the same
    assert.is_true(other:closed())
  end))
end)

describe("a temporary file", function()
  it("is read and written, and has no name", with(function(path)
    local before = folder.names(path)
    local file <close> = fs.tempfile()
    file:write "text"
    file:seek "set"
    assert.equal("text", file:read "a")
    assert.equal(0, file:stat().nlink)
    assert.equal(before, folder.names(path))
  end))
end)

describe("a named pipe", function()
  it("is read as its other side writes, and ends with that", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local function writes()
      local file <close> = fs.open(path .. "/pipe", "w")
      file:write "one\n"
      file:write("two\n", ("x"):rep(200000), "\n")
    end
    local _, text = async.gather(writes, function()
      local file <close> = fs.open(path .. "/pipe")
      assert.equal("one", file:read())
      assert.equal("ESPIPE", error_of(file.seek, file).code)
      return file:read("l", "a")
    end)
    assert.equal("two", text)
  end))

  it("that nobody writes to, or reads, does not hold up a cancellation", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local opener = start(fs.open, path .. "/pipe", "w")
    local reader = start(fs.read_file, path .. "/pipe")
    opener:close()
    reader:close()
  end))

  it("takes no thread from other files while it is waited for, however many are", with(function(path)
    write(path .. "/f", "text")
    local waiting, files = {}, {}
    for i = 1, 20 do
      local name = ("%s/pipe%d"):format(path, i)
      assert(os.execute(("mkfifo '%s'"):format(name)))
      files[i] = fs.open(name, "r+")
      if i % 2 == 0 then
        waiting[i] = start(files[i].read, files[i])
      else
        waiting[i] = start(files[i].write, files[i], ("x"):rep(1000000))
      end
    end
    for _ = 1, 10 do
      assert.equal("text", async.wait_for(fs.read_file, 60, path .. "/f"))
    end
    for i, task in ipairs(waiting) do
      assert.equal("pending", task:status())
      if i == 20 then files[i]:close() else task:close() end
    end
    assert.equal("ClosedError", error_of(waiting[20].await, waiting[20]).name)
    for i = 1, 19 do files[i]:close() end
  end))

  it("that waits is read and written in pieces of any size", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local writer <close> = fs.open(path .. "/pipe", "r+")
    local reader <close> = fs.open(path .. "/pipe")
    local text = ("0123456789"):rep(100000)
    local task = start(writer.write, writer, text, "end")
    testing.settle()
    assert.equal("pending", task:status())
    assert.equal(text .. "end", reader:read(#text + 3))
    assert.equal(writer, task:await())
  end))

  it("whose descriptor others have waits for them there, also while this program waits for it", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local file <close> = fs.open(path .. "/pipe", "r+")
    local number = file:fileno()
    local function is_blocking()
      local info <close> = io.open(("/proc/self/fdinfo/%d"):format(number))
      return not info or tonumber(info:read("a"):match "flags:%s+(%d+)", 8) & tonumber("4000", 8) == 0
    end
    local reader = start(file.read, file)
    testing.settle()
    async.sleep(0.05) -- which is more than a thread takes to see that there is nothing
    assert.is_true(is_blocking())
    assert(os.execute(("echo text >'%s/pipe'"):format(path)))
    assert.equal("text", reader:await())
  end))

  it("does not hold up the end of a run", function()
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute(("mkfifo '%s'"):format(path)))
    async.run(function()
      for _ = 1, 6 do start(fs.read_file, path) end
      start(fs.open, path, "w")
      start(fs.exists, path)
    end)
    os.remove(path)
  end)
end)

describe("wrong arguments of a file", function()
  it("are refused by name, before anything happens", with(function(path)
    write(path .. "/f", "12 34")
    local file <close> = fs.open(path .. "/f", "r+")
    local function refuses(message, fn, ...)
      local err = caught(fn, ...)
      assert.is_string(err)
      assert.matches("bad argument " .. message, err, 1, true)
    end
    refuses("#1 to 'open' (string expected, got no value)", fs.open)
    refuses("#1 to 'open' (must not contain NUL bytes)", fs.open, path .. "/f\0")
    refuses("#2 to 'open' (string expected, got table)", fs.open, path, {})
    refuses("#3 to 'open'", fs.open, path, "w", {})
    refuses("#3 to 'open' (no permissions: 999999)", fs.open, path, "w", 999999)
    refuses("#3 to 'open' (no permissions: 8)", fs.open, path, "w", "8")
    refuses("#2 to 'file:read' (invalid format)", file.read, file, "n", "x")
    refuses("#1 to 'file:read' (invalid format)", file.read, file, "")
    refuses("#1 to 'file:read' (invalid format)", file.read, file, "5")
    refuses("#1 to 'file:read'", file.read, file, -1)
    refuses("#1 to 'file:read'", file.read, file, 1.5)
    refuses("#1 to 'file:read' (string expected, got boolean)", file.read, file, true)
    refuses("#1 to 'file:lines' (invalid format)", file.lines, file, "y")
    refuses("#2 to 'file:write' (string expected, got nil)", file.write, file, "x", nil)
    refuses("#1 to 'file:seek' (invalid option 'middle')", file.seek, file, "middle")
    refuses("#2 to 'file:seek'", file.seek, file, "set", "x")
    refuses("#1 to 'file:truncate'", file.truncate, file, -1)
    refuses("#2 to 'lines' (invalid format)", fs.lines, path .. "/none", "x")
    assert.matches("calling 'file:read' on bad self", caught(file.read, {}), 1, true)
    assert.equal(12, file:read "n")
  end))
end)
