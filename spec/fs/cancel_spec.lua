-- SPDX-License-Identifier: MIT
-- What is left of operations that are cancelled: nothing. Some of them are cancelled before a thread has begun, some
-- while it is at work, some after it; which ones is the machine's affair, and must not show.
local async = require "saros"
local folder = require "spec.support.folder"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local fs = async.fs
local with, write, content, names = folder.with, folder.write, folder.read, folder.names
local error_of, start = tasks.error_of, tasks.start

-- Calls fn(...) and cancels it, again and again, at different moments.
local function cancel_often(fn, ...)
  for turns = 0, 30 do
    local task = async.spawn(fn, ...)
    tasks.turns(turns % 4)
    task:close()
    assert.is_true(task:cancelled() or task:status() == "done" or task:status() == "failed")
  end
end

-- Waits until there is nothing but the file `f`: threads that were left behind are still at work. Folders whose making
-- was cancelled in between they remove themselves; one that was returned is the task's, that is, ours.
local function only_f_is_left(path)
  return tasks.eventually(function()
    for name in fs.scandir(path) do
      if name:find "^d%-" then pcall(fs.rmdir, path .. "/" .. name) end
    end
    return names(path) == "f"
  end)
end

describe("a cancelled", function()
  it("open leaves no descriptor, nor a draft", with(function(path)
    write(path .. "/f", "x")
    cancel_often(function() fs.open(path .. "/f"):close() end)
    cancel_often(fs.read_file, path .. "/f")
    cancel_often(fs.write_file, path .. "/f", "x", { atomic = true })
    cancel_often(function() fs.tempfile():close() end)
    cancel_often(function() fs.rmdir(fs.mkdtemp(path .. "/d-")) end)
    cancel_often(function()
      for _ in fs.scandir(path) do async.sleep(0) end
    end)
    cancel_often(function()
      local draft = require "saros.fs.draft"
      local file <close> = draft.open(path .. "/f")
      file:write "y"
    end)
    assert.is_true(only_f_is_left(path))
    assert.equal("x", content(path .. "/f"))
  end))

  it("read keeps position and bytes", with(function(path)
    local expected = {}
    for i = 1, 3000 do expected[i] = ("line %d "):format(i):rep(20) end
    write(path .. "/f", table.concat(expected, "\n") .. "\n")
    local file <close> = fs.open(path .. "/f")
    local got, turns = {}, 0
    while true do
      local task = async.spawn(function()
        local line, other = file:read("l", "l")
        got[#got + 1], got[#got + 2] = line, other
        return line
      end)
      turns = (turns + 1) % 3
      tasks.turns(turns)
      task:cancel()
      local ok, line = pcall(task.await, task)
      if ok and not line then break end
      if not ok then
        local place = file:seek()
        local sum = 0
        for _, text in ipairs(got) do sum = sum + #text + 1 end
        assert.equal(sum, place)
        got[#got + 1] = file:read()
      end
    end
    assert.equal(#expected, #got)
    for i, line in ipairs(expected) do assert.equal(line, got[i]) end
  end))

  it("read that is left behind while the buffer is nearly used up takes no byte along", with(function(path)
    local line = ("x"):rep(999) .. "\n"
    write(path .. "/f", line:rep(66))
    for turns = 0, 100 do
      local file <close> = fs.open(path .. "/f")
      local count = 0
      for _ = 1, 65 do count = count + #file:read "L" end -- of the first 64 KiB some bytes are left, and few follow
      local task = async.spawn(file.read, file, "L", "L")
      tasks.turns(turns % 4)
      task:close()
      if task:status() == "done" then count = count + 1000 end
      assert.equal(count, file:seek())
      assert.equal(66000 - count, #file:read "a")
    end
  end))

  it("read of a pipe keeps the bytes that come later", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local file <close> = fs.open(path .. "/pipe", "r+")
    local reader = start(file.read, file, "l", "l")
    testing.settle()
    reader:close()
    file:write "one\ntwo\n"
    reader = start(file.read, file, "l", 2, "l", "l")
    testing.settle()
    reader:close()
    file:write "three\n"
    assert.same({ "one", "two", "three" }, { file:read("l", "l", "l") })
  end))

  it("read of several formats leaves all of them", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local file <close> = fs.open(path .. "/pipe", "r+")
    file:write "1 2 first\nsecond\n"
    local reader = start(file.read, file, "n", "n", "l", "l", "l")
    testing.settle()
    assert.equal("pending", reader:status())
    reader:close()
    assert.same({ 1, 2, " first", "second" }, { file:read("n", "n", "l", "l") })
  end))

  it("write is written whole or not at all, and the position knows", with(function(path)
    local file <close> = fs.open(path .. "/f", "w")
    local text = ("x"):rep(199999) .. "\n"
    for turns = 0, 12 do
      local task = async.spawn(file.write, file, text)
      tasks.turns(turns % 4)
      task:close()
    end
    file:flush()
    local written = content(path .. "/f")
    assert.equal(0, #written % #text)
    assert.equal(#written, file:seek())
    assert.is_true(written == text:rep(#written // #text))
    file:write "end"
    assert.equal(#written + 3, file:stat().size)
  end))

  it("scope is told at each call, before anything happens", with(function(path)
    local file <close> = fs.open(path .. "/f", "w+")
    local task = async.spawn(function()
      pcall(async.sleep, math.huge)
      for name, call in pairs {
        write = function() file:write "x" end, read = function() file:read() end, seek = function() file:seek() end,
        open = function() fs.open(path .. "/g", "w") end, write_file = function() fs.write_file(path .. "/g", "") end,
        mkdir = function() fs.mkdir(path .. "/d") end, scandir = function() fs.scandir(path) end,
      } do
        assert.equal("CancelledError", error_of(call).name, name)
      end
      file:close()
    end)
    async.sleep(0)
    task:cancel()
    async.wait { task }
    assert.equal("CancelledError", task:error().name)
    assert.is_true(file:closed())
    assert.equal("f", names(path))
    assert.equal("", content(path .. "/f"))
  end))

  it("task gives its descriptor back before it has ended", with(function(path)
    local proc = require "spec.support.proc"
    local before = proc.descriptors()
    local task = start(function()
      local _file <close> = fs.open(path .. "/f", "w")
      tasks.hang()
    end)
    while not content(path .. "/f") do async.sleep(0.001) end
    async.sleep(0)
    task:close()
    assert.equal(before, proc.descriptors())
  end))

  it("deadline ends a wait for a pipe", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    assert.equal("TimeoutError", error_of(async.wait_for, function() fs.read_file(path .. "/pipe") end, 0.01).name)
    local file <close> = fs.open(path .. "/pipe", "r+")
    assert.equal("TimeoutError", error_of(async.wait_for, function() file:read(1) end, 0.01).name)
  end))
end)

describe("a line of more tasks than threads", function()
  it("is served, and who is cancelled in it has done nothing", with(function(path)
    assert(os.execute(("mkfifo '%s/pipe'"):format(path)))
    local blockers = {}
    for i = 1, 1024 do blockers[i] = async.spawn(fs.read_file, path .. "/pipe") end
    async.sleep(0)
    local made = {}
    for i = 1, 10 do made[i] = async.spawn(fs.write_file, ("%s/%d"):format(path, i), "x") end
    async.sleep(0)
    for i = 1, 10, 2 do made[i]:cancel() end
    for _, task in ipairs(blockers) do task:cancel() end
    async.wait(blockers)
    async.wait(made)
    assert.equal("10 2 4 6 8 pipe", names(path))
  end))
end)
