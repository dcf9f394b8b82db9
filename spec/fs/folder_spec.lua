-- SPDX-License-Identifier: MIT
local async = require "saros"
local folder = require "spec.support.folder"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local fs = async.fs
local with, write = folder.with, folder.write
local error_of = tasks.error_of

describe("scandir", function()
  it("gives names and types, without . and ..", with(function(path)
    write(path .. "/f", "")
    fs.mkdir(path .. "/d")
    fs.symlink("f", path .. "/l")
    assert(os.execute(("mkfifo '%s/p'"):format(path)))
    local found = {}
    for name, kind in fs.scandir(path) do found[name] = kind end
    assert.same({ f = "file", d = "directory", l = "link", p = "fifo" }, found)
    for _ in fs.scandir(path .. "/d") do error "it is empty" end
  end))

  it("goes through a large folder, each name once", with(function(path)
    for i = 1, 1000 do write(path .. "/" .. i, "") end
    local count, seen = 0, {}
    for name in fs.scandir(path) do
      assert.is_nil(seen[name])
      seen[name], count = true, count + 1
    end
    assert.equal(1000, count)
  end))

  it("closes the folder when the loop is left", with(function(path)
    for i = 1, 1000 do write(path .. "/" .. i, "") end
    for name in fs.scandir(path) do
      if name then break end
    end
    pcall(function()
      for name in fs.scandir(path) do error(name) end
    end)
  end))

  it("refuses what is no folder, before the first name", with(function(path)
    write(path .. "/f", "")
    for name, code in pairs { f = "ENOTDIR", none = "ENOENT" } do
      local err = error_of(fs.scandir, path .. "/" .. name)
      assert.same({ "SystemError", code, path .. "/" .. name }, { err.name, err.code, err.path })
    end
  end))

  it("that was left open is named in a test, and closed", function()
    local ok, message = pcall(testing.run, function()
      local step = fs.scandir "/"
      step()
    end)
    assert.is_false(ok)
    assert.matches("handle folder opened at .*folder_spec.lua:", message)
  end)
end)

describe("walk", function()
  it("goes into all folders, which come before what is in them", with(function(path)
    fs.mkdir(path .. "/a/b/c", { parents = true })
    write(path .. "/f", "")
    write(path .. "/a/g", "")
    write(path .. "/a/b/c/h", "")
    local found, order = {}, {}
    for name, kind in fs.walk(path) do
      found[name:sub(#path + 2)] = kind
      order[#order + 1] = name
    end
    assert.same({
      f = "file", a = "directory", ["a/g"] = "file", ["a/b"] = "directory", ["a/b/c"] = "directory",
      ["a/b/c/h"] = "file",
    }, found)
    local place = {}
    for i, name in ipairs(order) do place[name] = i end
    for name, i in pairs(place) do
      local parent = name:match "^(.*)/"
      assert.is_true(parent == path or place[parent] < i)
    end
  end))

  it("is not trapped by links", with(function(path)
    fs.mkdir(path .. "/a")
    fs.symlink("..", path .. "/a/up")
    fs.symlink(".", path .. "/here")
    fs.symlink("loop", path .. "/loop")
    local count = 0
    for _, kind in fs.walk(path) do
      count = count + 1
      assert.is_true(kind == "link" or kind == "directory")
    end
    assert.equal(4, count)
  end))

  it("begins with a folder that has to be there", with(function(path)
    assert.equal("ENOENT", error_of(fs.walk, path .. "/none").code)
  end))

  it("passes over a folder that goes meanwhile", with(function(path)
    fs.mkdir(path .. "/a/b", { parents = true })
    local got = {}
    for name in fs.walk(path) do
      got[#got + 1] = name
      if name == path .. "/a" then fs.remove_tree(name) end
    end
    assert.same({ path .. "/a" }, got)
  end))

  it("closes what it has open when the loop is left", with(function(path)
    for i = 1, 300 do fs.mkdir(path .. "/" .. i) end
    for name in fs.walk(path) do
      if name then break end
    end
  end))
end)

describe("watch", function()
  -- Names and kinds of the events up to one that fits.
  local function until_event(watch, name, kind)
    while true do
      local event = watch()
      if event.name == name and (not kind or event.kind == kind) then return event end
    end
  end

  it("tells what happens in a folder, from the call on", with(function(path)
    local watch <close> = fs.watch(path)
    write(path .. "/f", "x")
    assert.equal("rename", until_event(watch, "f").kind)
    fs.append_file(path .. "/f", "y")
    until_event(watch, "f", "change")
    fs.rename(path .. "/f", path .. "/g")
    until_event(watch, "g", "rename")
  end))

  it("tells what happens to a file", with(function(path)
    write(path .. "/f", "x")
    local got
    async.gather(function()
      for event in fs.watch(path .. "/f") do
        got = event
        if event then break end
      end
    end, function() fs.append_file(path .. "/f", "y") end)
    assert.same({ name = "f", kind = "change" }, got)
  end))

  it("waits for what happens, and closing ends that", with(function(path)
    local watch = fs.watch(path)
    local task = tasks.start(function() return watch() end)
    testing.settle()
    assert.equal("pending", task:status())
    assert.equal("BusyError", error_of(watch).name)
    watch:close()
    watch:close()
    assert.equal("ClosedError", error_of(task.await, task).name)
    assert.equal("ClosedError", error_of(watch).name)
  end))

  it("that is cancelled has lost nothing", with(function(path)
    local watch <close> = fs.watch(path)
    tasks.start(function() return watch() end):close()
    write(path .. "/f", "x")
    assert.equal("f", watch().name)
  end))

  it("does not hold up a deadlock that nobody ends", function()
    assert.equal("DeadlockError", error_of(async.run, function()
      local _watch <close> = fs.watch "/"
      async.future():await()
    end).name)
  end)

  it("is refused where there is nothing, and where nothing runs", with(function(path)
    local err = error_of(fs.watch, path .. "/none")
    assert.same({ "SystemError", "ENOENT", path .. "/none" }, { err.name, err.code, err.path })
  end))

  it("needs a run", function()
    assert.matches("watch: no loop runs", tasks.caught(fs.watch, "/"), 1, true)
  end)
end)
