-- SPDX-License-Identifier: MIT
local async = require "saros"
local folder = require "spec.support.folder"
local tasks = require "spec.support.tasks"
local fs = async.fs
local with, write, content, names = folder.with, folder.write, folder.read, folder.names
local caught, error_of = tasks.caught, tasks.error_of

-- That fn(path, ...) raises a SystemError with that code and path.
local function refused(code, fn, path, ...)
  local err = error_of(fn, path, ...)
  assert.same({ "SystemError", code, path }, { err.name, err.code, err.path })
  assert.equal(("%s: %s"):format(err.name, err.message), tostring(err):match "^[^\n]*")
  return err
end

describe("stat", function()
  it("tells what there is, links followed or not", with(function(path)
    write(path .. "/f", "12345")
    local script = "cd '%s' && chmod 640 f && touch -d @1000000000.5 f && ln -s f l && ln f g && mkfifo p"
    assert(os.execute(script:format(path)))
    local stat = fs.stat(path .. "/l")
    assert.same({ "file", 5, tonumber("640", 8), 2 }, { stat.type, stat.size, stat.mode, stat.nlink })
    assert.equal(1000000000.5, stat.mtime)
    assert.equal(1000000000.5, stat.atime)
    assert.is_true(stat.ctime > 1000000000)
    assert.equal(fs.stat(path .. "/g").ino, stat.ino)
    for _, name in ipairs { "size", "mode", "uid", "gid", "ino", "nlink" } do
      assert.equal("integer", math.type(stat[name]), name)
    end
    assert.equal("link", fs.lstat(path .. "/l").type)
    assert.equal(1, fs.lstat(path .. "/l").size)
    assert.equal("directory", fs.stat(path).type)
    assert.equal("fifo", fs.stat(path .. "/p").type)
    assert.equal("char", fs.stat("/dev/null").type)
    refused("ENOENT", fs.stat, path .. "/none")
    refused("ENOENT", fs.lstat, path .. "/none")
    refused("ENOENT", fs.stat, "")
  end))

  it("of a link that leads nowhere or to itself", with(function(path)
    fs.symlink("none", path .. "/dangling")
    fs.symlink("loop", path .. "/loop")
    refused("ENOENT", fs.stat, path .. "/dangling")
    refused("ELOOP", fs.stat, path .. "/loop")
    assert.equal("link", fs.lstat(path .. "/loop").type)
    assert.is_false(fs.exists(path .. "/dangling"))
    assert.is_false(fs.exists(path .. "/loop"))
  end))

  it("has times that utime sets", with(function(path)
    write(path .. "/f", "")
    assert.is_true(fs.utime(path .. "/f", 1000.25, 2000.5))
    local stat = fs.stat(path .. "/f")
    assert.is_true(math.abs(stat.atime - 1000.25) < 0.001)
    assert.is_true(math.abs(stat.mtime - 2000.5) < 0.001)
    fs.utime(path .. "/f")
    assert.is_true(math.abs(fs.stat(path .. "/f").mtime - os.time()) < 60)
    refused("ENOENT", fs.utime, path .. "/none", 1, 1)
  end))
end)

describe("exists and access", function()
  it("answer", with(function(path)
    write(path .. "/f", "")
    assert.is_true(fs.exists(path .. "/f"))
    assert.is_true(fs.exists(path))
    assert.is_false(fs.exists(path .. "/none"))
    assert.is_false(fs.exists(path .. "/f/x"))
    assert.is_false(fs.exists "")
    assert.is_false(fs.exists(path .. "/" .. ("n"):rep(300)))
    fs.chmod(path .. "/f", "644")
    assert.is_true(fs.access(path .. "/f"))
    assert.is_true(fs.access(path .. "/f", "rw"))
    assert.is_false(fs.access(path .. "/f", "x"))
    assert.is_false(fs.access(path .. "/none"))
    fs.chmod(path .. "/f", "755")
    assert.is_true(fs.access(path .. "/f", "rwx"))
  end))
end)

describe("folders", function()
  it("are made, with those on the way if it is wanted", with(function(path)
    assert.is_true(fs.mkdir(path .. "/a"))
    refused("EEXIST", fs.mkdir, path .. "/a")
    refused("ENOENT", fs.mkdir, path .. "/b/c")
    assert.is_true(fs.mkdir(path .. "/b//c/d/", { parents = true, mode = 448 }))
    assert.is_true(fs.mkdir(path .. "/b/c/d", { parents = true }))
    assert.equal(448, fs.stat(path .. "/b/c/d").mode)
    fs.mkdir(path .. "/e", { mode = "700" })
    assert.equal(448, fs.stat(path .. "/e").mode)
    write(path .. "/f", "")
    refused("EEXIST", fs.mkdir, path .. "/f", { parents = true })
    refused("ENOTDIR", fs.mkdir, path .. "/f/g/h", { parents = true })
    fs.mkdir("/", { parents = true })
    refused("ENOENT", fs.mkdir, "", { parents = true })
  end))

  it("are removed if they are empty", with(function(path)
    fs.mkdir(path .. "/a/b", { parents = true })
    refused("ENOTEMPTY", fs.rmdir, path .. "/a")
    refused("ENOTEMPTY", fs.remove, path .. "/a")
    assert.is_true(fs.remove(path .. "/a/b"))
    assert.is_true(fs.rmdir(path .. "/a"))
    refused("ENOENT", fs.rmdir, path .. "/a")
    write(path .. "/f", "")
    refused("ENOTDIR", fs.rmdir, path .. "/f")
    assert.is_true(fs.remove(path .. "/f"))
    refused("ENOENT", fs.remove, path .. "/f")
  end))

  it("are removed with all that is in them, but not what links lead to", with(function(path)
    fs.mkdir(path .. "/kept")
    write(path .. "/kept/file", "kept")
    fs.mkdir(path .. "/t/a/b/c", { parents = true })
    for i = 1, 600 do write(("%s/t/a/%d"):format(path, i), "") end
    fs.symlink("../../kept", path .. "/t/a/link")
    fs.symlink(".", path .. "/t/a/b/loop")
    assert(os.execute(("mkfifo '%s/t/a/b/pipe'"):format(path)))
    assert.is_true(fs.remove_tree(path .. "/t"))
    assert.equal("kept", names(path))
    assert.equal("kept", content(path .. "/kept/file"))
    fs.symlink("kept", path .. "/link")
    fs.remove_tree(path .. "/link")
    fs.remove_tree(path .. "/kept/file")
    assert.equal("kept", names(path))
    refused("ENOENT", fs.remove_tree, path .. "/t")
  end))

  it("are removed without what a link leads to that has a slash behind it", with(function(path)
    fs.mkdir(path .. "/kept")
    write(path .. "/kept/file", "kept")
    fs.symlink("kept", path .. "/link")
    assert.is_true(fs.remove_tree(path .. "/link//"))
    assert.equal("kept", names(path))
    assert.equal("kept", content(path .. "/kept/file"))
    assert.is_true(fs.remove_tree(path .. "/kept/"))
    assert.equal("", names(path))
  end))

  it("are removed by several at once", with(function(path)
    for i = 1, 20 do fs.mkdir(("%s/t/%d/a/b"):format(path, i), { parents = true }) end
    local function remove() return fs.remove_tree(path .. "/t") end
    assert.same({ true, true, true, n = 3 }, async.gather { remove, remove, remove })
    assert.equal("", names(path))
  end))

  it("that cannot be emptied name the file that was in the way", tasks.virtually(function()
    local err = error_of(fs.remove_tree, "/proc/self/fdinfo") -- nobody may
    assert.same({ "SystemError", "EPERM", "unlink" }, { err.name, err.code, err.syscall })
    assert.matches("^/proc/self/fdinfo/%d+$", err.path)
  end))

  it("get a name that nobody else has", with(function(path)
    local first, second = fs.mkdtemp(path .. "/x-"), fs.mkdtemp(path .. "/x-")
    assert.not_equal(first, second)
    assert.matches("^" .. path:gsub("%p", "%%%0") .. "/x%-%w%w%w%w%w%w$", first)
    assert.equal("directory", fs.stat(first).type)
    local third = fs.mkdtemp "spec-"
    assert.matches("/spec%-%w+$", third)
    fs.rmdir(third)
    local fourth = fs.mkdtemp()
    fs.rmdir(fourth)
    assert.matches("^/.*/saros%-%w+$", fourth)
    assert.equal("ENOENT", error_of(fs.mkdtemp, path .. "/none/x").code)
  end))
end)

describe("names", function()
  it("are changed, in the place of others", with(function(path)
    write(path .. "/a", "a")
    write(path .. "/b", "b")
    assert.is_true(fs.rename(path .. "/a", path .. "/b"))
    assert.equal("a", content(path .. "/b"))
    assert.equal("b", names(path))
    local err = refused("ENOENT", fs.rename, path .. "/a", path .. "/c")
    assert.equal(path .. "/c", err.dest)
    assert.equal("rename", err.syscall)
    assert.matches(("rename %s/a -> %s/c: "):format(path, path), err.message, 1, true)
  end))

  it("are given twice, and by links", with(function(path)
    write(path .. "/a", "a")
    assert.is_true(fs.link(path .. "/a", path .. "/b"))
    assert.equal(2, fs.stat(path .. "/b").nlink)
    assert.is_true(fs.symlink("a", path .. "/l"))
    assert.equal("a", fs.readlink(path .. "/l"))
    assert.equal("a", fs.read_file(path .. "/l"))
    assert.equal(path .. "/a", fs.realpath(path .. "/./l"))
    assert.equal(path .. "/b", refused("EEXIST", fs.link, path .. "/a", path .. "/b").dest)
    assert.equal(path .. "/l", refused("EEXIST", fs.symlink, "a", path .. "/l").dest)
    refused("EINVAL", fs.readlink, path .. "/a")
    refused("ENOENT", fs.realpath, path .. "/none")
  end))

  it("may hold what is no text", with(function(path)
    for _, name in ipairs { " ", "new\nline", "\xff\xfe", "'quoted\"", "-n" } do
      fs.write_file(path .. "/" .. name, name)
      assert.equal(name, fs.read_file(path .. "/" .. name))
      for found in fs.scandir(path) do assert.equal(name, found) end
      fs.remove(path .. "/" .. name)
    end
  end))
end)

describe("permissions", function()
  it("are set by numbers and octal digits", with(function(path)
    write(path .. "/f", "")
    assert.is_true(fs.chmod(path .. "/f", 416))
    assert.equal(416, fs.stat(path .. "/f").mode)
    fs.chmod(path .. "/f", "4755")
    assert.equal(tonumber("4755", 8), fs.stat(path .. "/f").mode)
    refused("ENOENT", fs.chmod, path .. "/none", 0)
  end))

  it("have an owner", with(function(path)
    write(path .. "/f", "")
    local stat = fs.stat(path .. "/f")
    assert.is_true(fs.chown(path .. "/f", stat.uid, stat.gid))
    assert.is_true(fs.chown(path .. "/f", nil, stat.gid))
    local large = 3000000000 -- beyond 2^31; only root may give a file away
    local ok = pcall(fs.chown, path .. "/f", large, large + 1)
    local owner = fs.stat(path .. "/f")
    assert.same(ok and { large, large + 1 } or { stat.uid, stat.gid }, { owner.uid, owner.gid })
    refused("ENOENT", fs.chown, path .. "/none", stat.uid, stat.gid)
  end))
end)

describe("wrong arguments of paths", function()
  it("are refused by name, before anything happens", with(function(path)
    for _, name in ipairs {
      "stat", "lstat", "exists", "access", "mkdir", "rmdir", "remove", "remove_tree", "readlink", "realpath", "chmod",
      "chown", "utime", "scandir", "walk", "watch", "lines", "open", "read_file",
    } do
      local err = caught(fs[name], { 1 })
      assert.matches(("bad argument #1 to '%s' (string expected, got table)"):format(name), err, 1, true)
      err = caught(fs[name], path .. "\0x")
      assert.matches(("bad argument #1 to '%s' (must not contain NUL bytes)"):format(name), err, 1, true)
    end
    for _, name in ipairs { "rename", "link", "symlink", "copy" } do
      for message, value in pairs { ["string expected, got boolean"] = true, ["must not contain NUL bytes"] = "\0" } do
        local err = caught(fs[name], path, value)
        assert.matches(("bad argument #2 to '%s' (%s)"):format(name, message), err, 1, true)
      end
    end
    for message, call in pairs {
      ["#2 to 'mkdir' (unknown option 'parent' (did you mean 'parents'?))"] =
        { fs.mkdir, path .. "/x", { parent = true } },
      ["#2 to 'mkdir' (option 'mode': permissions (integer or octal string) expected, got string)"] =
        { fs.mkdir, path .. "/x", { mode = "rwx" } },
      ["#2 to 'chmod' (permissions (integer or octal string) expected, got no value)"] = { fs.chmod, path },
      ["#2 to 'chown' (integer expected, got string)"] = { fs.chown, path, "root" },
      ["#3 to 'utime' (a finite time expected)"] = { fs.utime, path, 1, 0 / 0 },
      ["#2 to 'access' (invalid mode)"] = { fs.access, path, "rq" },
      ["#1 to 'mkdtemp' (string expected, got boolean)"] = { fs.mkdtemp, true },
    } do
      assert.matches("bad argument " .. message, caught(table.unpack(call)), 1, true)
    end
    assert.equal("", names(path))
  end))

  it("point at the line that made the call", with(function(path)
    local line = debug.getinfo(1, "l").currentline + 1
    local err = caught(function() return fs.rename(path) end)
    assert.matches(("paths_spec.lua:%d: bad argument #2 to 'rename'"):format(line), err, 1, true)
    line = debug.getinfo(1, "l").currentline + 1
    err = error_of(function() return fs.stat(path .. "/none") end)
    assert.matches(("paths_spec.lua:%d:"):format(line), err.traceback, 1, true)
    assert.is_nil(err.traceback:find "lua/saros/fs")
  end))
end)
