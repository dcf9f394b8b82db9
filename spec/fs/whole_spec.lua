-- SPDX-License-Identifier: MIT
local async = require "saros"
local folder = require "spec.support.folder"
local tasks = require "spec.support.tasks"
local script = require "spec.support.script"
local testing = require "saros.testing"
local fs = async.fs
local with, write, content, names = folder.with, folder.write, folder.read, folder.names
local caught, error_of = tasks.caught, tasks.error_of

local function refused(code, path, fn, ...)
  local err = error_of(fn, ...)
  assert.same({ "SystemError", code, path }, { err.name, err.code, err.path })
  return err
end

describe("read_file", function()
  it("gives all bytes, be they none or many", with(function(path)
    for _, text in ipairs { "", "x", "a\0b\r\n", ("0123456789"):rep(300000) } do
      write(path .. "/f", text)
      assert.is_true(fs.read_file(path .. "/f") == text)
    end
  end))

  it("names what it cannot read", with(function(path)
    refused("ENOENT", path .. "/none", fs.read_file, path .. "/none")
    refused("EISDIR", path, fs.read_file, path)
    local long = path .. "/" .. ("n"):rep(300)
    refused("ENAMETOOLONG", long, fs.read_file, long)
    fs.symlink("loop", path .. "/loop")
    refused("ELOOP", path .. "/loop", fs.read_file, path .. "/loop")
  end))
end)

describe("write_file", function()
  it("makes a file, and replaces what is in one", with(function(path)
    assert.is_true(fs.write_file(path .. "/f", "first one"))
    assert.is_true(fs.write_file(path .. "/f", 42))
    assert.equal("42", content(path .. "/f"))
    local text = ("0123456789"):rep(300000)
    fs.write_file(path .. "/f", text)
    assert.is_true(content(path .. "/f") == text)
    refused("ENOENT", path .. "/none/f", fs.write_file, path .. "/none/f", "x")
    refused("EISDIR", path, fs.write_file, path, "x")
  end))

  it("appends", with(function(path)
    fs.append_file(path .. "/f", "one")
    fs.append_file(path .. "/f", 2)
    assert.equal("one2", content(path .. "/f"))
  end))
end)

describe("an atomic write", function()
  local atomic = { atomic = true }

  it("replaces the file, keeps its permissions and leaves nothing else", with(function(path)
    write(path .. "/f", "old")
    assert(os.execute(("chmod 640 '%s/f'"):format(path)))
    local before = fs.stat(path .. "/f").ino
    assert.is_true(fs.write_file(path .. "/f", "new", atomic))
    assert.equal("new", content(path .. "/f"))
    assert.equal(tonumber("640", 8), fs.stat(path .. "/f").mode)
    assert.not_equal(before, fs.stat(path .. "/f").ino)
    fs.write_file(path .. "/g", "g", atomic)
    assert.equal("f g", names(path))
  end))

  it("leaves who reads the old one with the old one", with(function(path)
    write(path .. "/f", "old")
    local reader <close> = fs.open(path .. "/f")
    fs.write_file(path .. "/f", "new", atomic)
    assert.equal("old", reader:read "a")
  end))

  it("follows links, also those that lead nowhere yet", with(function(path)
    fs.mkdir(path .. "/a")
    fs.symlink("a/file", path .. "/link")
    fs.symlink(path .. "/link", path .. "/second")
    fs.write_file(path .. "/second", "one", atomic)
    assert.equal("one", content(path .. "/a/file"))
    fs.write_file(path .. "/second", "two", atomic)
    assert.equal("two", content(path .. "/a/file"))
    assert.equal("a/file", fs.readlink(path .. "/link"))
    assert.equal("a link second", names(path))
    fs.symlink("loop", path .. "/loop")
    refused("ELOOP", path .. "/loop", fs.write_file, path .. "/loop", "x", atomic)
  end))

  it("that fails leaves all as it was", with(function(path)
    refused("EISDIR", path, fs.write_file, path, "x", atomic)
    refused("ENOENT", path .. "/none/f", fs.write_file, path .. "/none/f", "x", atomic)
    refused("ENOSPC", "/dev/full", fs.write_file, "/dev/full", "x", atomic)
    assert.equal("", names(path))
  end))

  it("takes a name as long as names may be", with(function(path)
    local name = ("n"):rep(255)
    fs.write_file(path .. "/" .. name, "x", atomic)
    fs.write_file(path .. "/" .. name, "y", atomic)
    assert.equal(name, names(path))
  end))

  it("that is cancelled happens whole or not at all", with(function(path)
    local text = ("x"):rep(3000000)
    write(path .. "/f", "old")
    for turns = 0, 5 do
      local task = async.spawn(fs.write_file, path .. "/f", text, atomic)
      tasks.turns(turns)
      task:close()
    end
    fs.read_file(path .. "/f") -- behind them in the line of the pool, if there is one
    async.map(8, function() fs.exists(path) end)
    local now = content(path .. "/f")
    assert.is_true(now == "old" or now == text)
  end))
end)

describe("lines", function()
  it("gives line after line, and closes the file at its end", with(function(path)
    write(path .. "/f", "one\ntwo\n\nlast")
    local got = {}
    for line in fs.lines(path .. "/f") do got[#got + 1] = line end
    assert.same({ "one", "two", "", "last" }, got)
    local step, _, _, file = fs.lines(path .. "/f")
    while step() do end
    assert.is_true(file:closed())
  end))

  it("closes the file when the loop is left", with(function(path)
    write(path .. "/f", "one\ntwo\n")
    local step, state, control, file = fs.lines(path .. "/f")
    pcall(function()
      for line in step, state, control, file do error(line) end
    end)
    assert.is_true(file:closed())
  end))

  it("is closed by who was handed the iterator alone and has no more use for it", with(function(path)
    local _ <close> = tasks.finally(function() collectgarbage "restart" end) -- it would close the file, too
    collectgarbage "stop"
    write(path .. "/f", ("x"):rep(100 * 65536))
    local function is_open()
      for name in fs.scandir "/proc/self/fd" do
        local ok, target = pcall(fs.readlink, "/proc/self/fd/" .. name)
        if ok and target == fs.realpath(path .. "/f") then return true end
      end
      return false
    end
    local client <close> = testing.client(function(request)
      if request.method == "GET" then return { body = fs.lines(path .. "/f", 65536) } end
      return "enough"
    end)
    local response = client:get "/"
    assert.equal("x", response:read(1))
    assert.is_true(is_open())
    response:close()
    assert.is_true(tasks.eventually(function() return not is_open() end))
    assert.equal("enough", client:post("/", { body = fs.lines(path .. "/f", 65536) }):text())
    assert.is_true(tasks.eventually(function() return not is_open() end))
  end))

  it("is refused before it begins", with(function(path)
    refused("ENOENT", path .. "/none", fs.lines, path .. "/none")
  end))

  it("go through a large file in little memory", with(function(path)
    local result = script(([[
      local path = %q
      async.run(function()
        local line = ("x"):rep(99) .. "\n"
        local file <close> = async.fs.open(path, "w")
        for _ = 1, 100 do file:write(line:rep(2000)) end
        collectgarbage()
        local count, most = 0, 0
        for text in async.fs.lines(path) do
          count = count + #text
          if count %% 1000000 < 100 then most = math.max(most, collectgarbage "count") end
        end
        print(count, most < 10000 or most)
      end)
    ]]):format(path .. "/f"))
    assert.equal("19800000\ttrue\n", result.out, result.err)
  end))

  it("let others have their turns", with(function(path)
    write(path .. "/f", ("x\n"):rep(20000))
    local turns, is_over = 0, false
    async.gather(function()
      for _ in fs.lines(path .. "/f") do end -- luacheck: ignore
      is_over = true
    end, function()
      while not is_over do
        turns = turns + 1
        async.sleep(0)
      end
    end)
    assert.is_true(turns > 10, turns)
  end))
end)

describe("copy", function()
  it("copies bytes and permissions, over a file too", with(function(path)
    local text = ("0123456789"):rep(100000)
    write(path .. "/a", text)
    assert(os.execute(("chmod 751 '%s/a'"):format(path)))
    write(path .. "/b", text .. "more")
    for _, to in ipairs { "/b", "/c" } do
      assert.is_true(fs.copy(path .. "/a", path .. to))
      assert.is_true(content(path .. to) == text)
      assert.equal(tonumber("751", 8), fs.stat(path .. to).mode)
    end
  end))

  it("names both paths of what it cannot do", with(function(path)
    write(path .. "/a", "a")
    write(path .. "/b", "b")
    local err = refused("EEXIST", path .. "/a", fs.copy, path .. "/a", path .. "/b", { exclusive = true })
    assert.equal(path .. "/b", err.dest)
    refused("ENOENT", path .. "/none", fs.copy, path .. "/none", path .. "/c")
    refused("EISDIR", path, fs.copy, path, path .. "/c")
    refused("EISDIR", path .. "/a", fs.copy, path .. "/a", path)
    assert.equal("b", content(path .. "/b"))
    assert.equal("a b", names(path))
    fs.copy(path .. "/a", path .. "/c", { exclusive = true })
    assert.equal("a", content(path .. "/c"))
  end))

  it("onto itself leaves a file as it is", with(function(path)
    write(path .. "/a", "a")
    fs.copy(path .. "/a", path .. "/a")
    fs.symlink("a", path .. "/l")
    fs.copy(path .. "/a", path .. "/l")
    assert.equal("a", content(path .. "/a"))
  end))
end)

describe("wrong arguments of whole files", function()
  it("are refused by name, before anything happens", with(function(path)
    for message, call in pairs {
      ["#1 to 'read_file' (string expected, got no value)"] = { fs.read_file },
      ["#1 to 'read_file' (must not contain NUL bytes)"] = { fs.read_file, "a\0" },
      ["#2 to 'write_file' (string expected, got table)"] = { fs.write_file, path .. "/f", {} },
      ["#2 to 'write_file' (string expected, got no value)"] = { fs.write_file, path .. "/f" },
      ["#3 to 'write_file' (unknown option 'atomc' (did you mean 'atomic'?))"] =
        { fs.write_file, path .. "/f", "", { atomc = true } },
      ["#3 to 'write_file' (option 'atomic': boolean expected, got number)"] =
        { fs.write_file, path .. "/f", "", { atomic = 1 } },
      ["#3 to 'write_file' (table expected, got boolean)"] = { fs.write_file, path .. "/f", "", true },
      ["#2 to 'append_file' (string expected, got boolean)"] = { fs.append_file, path .. "/f", true },
      ["#2 to 'copy' (string expected, got no value)"] = { fs.copy, path .. "/f" },
      ["#3 to 'copy' (unknown option 'x')"] = { fs.copy, path, path, { x = 1 } },
    } do
      assert.matches("bad argument " .. message, caught(table.unpack(call)), 1, true)
    end
    assert.equal("", names(path))
  end))
end)
