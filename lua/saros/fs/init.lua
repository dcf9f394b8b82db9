-- SPDX-License-Identifier: MIT
-- async.fs: files and folders, in the words of Lua's io library. What waits for a disk waits in one of libuv's threads.
-- Loaded by saros at its first use.

local check = require "saros.fs.check"
local core = require "saros.fs.core"
local flags = require "saros.fs.flags"
local iterators = require "saros.iterators"
local misuse = require "saros.misuse"
require "saros.fs.file"

---@class saros
---@field fs saros.FS

---What the system refuses raises SystemError with `path`, and with `dest` where there are two.
---@class saros.FS
local fs = {}

-- ---- whole files and open ones --------------------------------------------------------------------

---Opens a file, with the modes of `io.open` and `"wx"`: for writing, and only if there is none yet. SystemError with
---`path` (`ENOENT`, `EACCES`, `EISDIR`, `EEXIST`, ...).
---@async
---@param path string
---@param mode? string  "r" unless said otherwise
---@param permissions? integer|string  of a file that is made, less the mask of the process: 438, or "666"
---@return saros.File
function fs.open(path, mode, permissions)
  check.path("open", 1, path)
  if mode == nil then mode = "r" end
  if type(mode) ~= "string" then misuse.type("open", 2, "string", mode) end
  local bits = flags.of(mode) or misuse.argument("open", 2, "invalid mode")
  return core.open(path, nil, nil, bits, check.mode("open", 3, permissions, true))
end

---A file that is new, empty, open for reading and writing, and gone when it is closed.
---@async
---@return saros.File
function fs.tempfile()
  return core.tempfile(core.temporary_folder() .. "/saros-XXXXXX")
end

---@class saros.WriteOptions
---@field atomic? boolean  the file has all of it, on the disk, or is as it was; nobody ever sees a part

---Makes a file of `data`, or replaces what is in it. With `atomic` a link is followed, the permissions are kept, and
---whatever happens nothing else is left behind.
---@async
---@param path string
---@param data string|number
---@param given? saros.WriteOptions
---@return true
function fs.write_file(path, data, given)
  check.path("write_file", 1, path)
  check.data("write_file", 2, data)
  given = check.options("write_file", 3, given, { atomic = true })
  return (given.atomic and core.write_atomic or core.write_file)(path, nil, tostring(data))
end

---Writes behind what is in a file, which is made if there is none.
---@async
---@param path string
---@param data string|number
---@return true
function fs.append_file(path, data)
  check.path("append_file", 1, path)
  check.data("append_file", 2, data)
  return core.append_file(path, nil, tostring(data))
end

---Iterates over a file: `for line in async.fs.lines(path) do`. It is closed at its end, and when the loop is left.
---@async
---@param path string
---@param ... string|integer  formats, as those of `File:read`; a line unless said otherwise
---@return async fun(): any
function fs.lines(path, ...)
  check.path("lines", 1, path)
  core.check_formats(path, ...)
  local file = core.open(path, nil, nil, flags.of "r")
  return iterators.closed_by(core.lines(file, ...), file)
end

---@class saros.CopyOptions
---@field exclusive? boolean  EEXIST if there is something already

---Copies a file with its permissions. What fails leaves no part of a copy.
---@async
---@param from string
---@param to string
---@param given? saros.CopyOptions
---@return true
function fs.copy(from, to, given)
  check.path("copy", 1, from)
  check.path("copy", 2, to)
  given = check.options("copy", 3, given, { exclusive = true })
  return core.copy(from, to, nil, given.exclusive and 1 or 0)
end

-- ---- what is there -----------------------------------------------------------------------------------

local access_bits = { r = 4, w = 2, x = 1 }

---Whether this process may read, write, execute what is there: a text of `"r"`, `"w"` and `"x"`; without it, whether it
---is there at all.
---@async
---@param path string
---@param mode? string
---@return boolean
function fs.access(path, mode)
  check.path("access", 1, path)
  if mode ~= nil and type(mode) ~= "string" then misuse.type("access", 2, "string", mode) end
  if mode and mode:find "[^rwx]" then misuse.argument("access", 2, "invalid mode") end
  local sum = 0
  for letter in (mode or ""):gmatch "." do sum = sum | access_bits[letter] end
  return core.access(path, nil, nil, sum)
end

-- ---- making, moving, removing ---------------------------------------------------------------------------

---@class saros.MkdirOptions
---@field parents? boolean  the folders on the way too; one that is there already is no failure
---@field mode? integer|string  permissions, less the mask of the process: 511, or "777"

---Makes a folder.
---@async
---@param path string
---@param given? saros.MkdirOptions
---@return true
function fs.mkdir(path, given)
  check.path("mkdir", 1, path)
  given = check.options("mkdir", 2, given, { parents = true, mode = true })
  return (given.parents and core.mkdir_parents or core.mkdir)(path, nil, nil, check.mode_of(given.mode))
end

local function join(folder, name)
  return folder:sub(-1) == "/" and folder .. name or folder .. "/" .. name
end

---Removes a folder with all that is in it, or a file. Links are removed, never followed. What others remove meanwhile
---is no failure.
---@async
---@param path string
---@return true
function fs.remove_tree(path)
  check.path("remove_tree", 1, path)
  local root = path:gsub("(.)/+$", "%1") -- the system follows a link with a slash behind it
  local folders = { root } -- each one behind the one it is in
  local seen -- 1: the first was there
  while #folders > 0 do
    local folder = folders[#folders]
    local names = core.clear(folder, nil, nil, seen)
    seen = 1
    if #names == 0 then folders[#folders] = nil end
    for _, name in ipairs(names) do folders[#folders + 1] = join(folder, name) end
  end
  return true
end

-- Functions that take two paths and nothing else.
local function on_two(name)
  return function(from, to)
    check.path(name, 1, from)
    check.path(name, 2, to)
    return core[name](from, to)
  end
end

---Moves what is at `from` to `to`, in the place of a file that is there. SystemError with `path` and `dest`.
---@type async fun(from: string, to: string): true
fs.rename = on_two "rename"

---Gives the file at `from` a second name.
---@type async fun(from: string, to: string): true
fs.link = on_two "link"

---Makes a link at `path` that says `target`.
---@type async fun(target: string, path: string): true
fs.symlink = on_two "symlink"

---Makes a folder with a name that nobody else has, and returns that. A prefix without a slash is one in the folder for
---temporary files.
---@async
---@param prefix? string  "saros-"
---@return string path
function fs.mkdtemp(prefix)
  if prefix == nil then prefix = "saros-" end
  check.path("mkdtemp", 1, prefix)
  if not prefix:find("/", 1, true) then prefix = core.temporary_folder() .. "/" .. prefix end
  return core.mkdtemp(prefix .. "XXXXXX")
end

-- ---- changing ---------------------------------------------------------------------------------------------

---Sets permissions.
---@async
---@param path string
---@param mode integer|string  420, or "644"
---@return true
function fs.chmod(path, mode)
  check.path("chmod", 1, path)
  return core.chmod(path, nil, nil, check.mode("chmod", 2, mode))
end

---Sets user and group by their numbers; nil leaves one as it is.
---@async
---@param path string
---@param uid? integer
---@param gid? integer
---@return true
function fs.chown(path, uid, gid)
  check.path("chown", 1, path)
  check.id("chown", 2, uid, true)
  check.id("chown", 3, gid, true)
  return core.chown(path, nil, nil, uid, gid)
end

---Sets the times of the last access and the last change, in seconds since the epoch; nil is now.
---@async
---@param path string
---@param atime? number
---@param mtime? number
---@return true
function fs.utime(path, atime, mtime)
  check.path("utime", 1, path)
  check.time("utime", 2, atime)
  check.time("utime", 3, mtime)
  return core.utime(path, nil, nil, atime, mtime)
end

-- ---- folders ------------------------------------------------------------------------------------------------

---Iterates over a folder: `for name, type in async.fs.scandir(path) do`, in the system's order, without "." and "..".
---The type is that of `lstat`.
---@async
---@param path string
---@return async fun(): string?, saros.FileType?
function fs.scandir(path)
  check.path("scandir", 1, path)
  local step, _, _, held = core.scandir(path)
  return iterators.closed_by(step, held)
end

-- A folder that was there a moment ago and is not any more has nothing in it.
local function scan(path, is_root)
  local ok, step, _, _, held = pcall(function() return core.scandir(path) end)
  if ok then return step, held end
  local async = require "saros"
  local is_gone = async.is_error(step, "SystemError") and (step.code == "ENOENT" or step.code == "ENOTDIR")
  if is_root or not is_gone then error(step, 0) end
end

---Iterates over all that is below a folder: `for path, type in async.fs.walk(root) do`; a folder comes before what is
---in it. Links are not followed.
---@async
---@param root string
---@return async fun(): string?, saros.FileType?
function fs.walk(root)
  check.path("walk", 1, root)
  local folder, folders = root, {} -- where it is, and where it has still to go
  local step, held = scan(root, true)
  local closer = setmetatable({}, { __close = function()
    folders = {}
    if held then held:close() end
  end })
  local function next_path()
    local name, kind
    if step then name, kind = step() end
    if name then
      local path = join(folder, name)
      if kind == "directory" then folders[#folders + 1] = path end
      return path, kind
    end
    folder = table.remove(folders)
    if not folder then return nil end
    step, held = scan(folder)
    return next_path()
  end
  return iterators.closed_by(require("saros.internal").entry(next_path), closer)
end

---Watches a file, or what is directly in a folder, from the call on: `for event in async.fs.watch(path) do`. The end of
---a `<close>` variable closes it, too.
---@param path string
---@return saros.Watch
function fs.watch(path)
  check.path("watch", 1, path)
  return core.watch(path)
end

misuse.guard(fs)

-- ---- what is written in C alone ------------------------------------------------------------------------------

---All that is in a file.
---@type async fun(path: string): string
fs.read_file = core.read_file

---What the system knows of a path, links followed.
---@type async fun(path: string): saros.Stat
fs.stat = core.stat

---The same for a link itself.
---@type async fun(path: string): saros.Stat
fs.lstat = core.lstat

---Whether there is something, links followed.
---@type async fun(path: string): boolean
fs.exists = core.exists

---What a link says.
---@type async fun(path: string): string
fs.readlink = core.readlink

---The path of what is there from the root on, without links and dots.
---@type async fun(path: string): string
fs.realpath = core.realpath

---Removes a folder that is empty.
---@type async fun(path: string): true
fs.rmdir = core.rmdir

---Removes a file, or a folder that is empty, as `os.remove` does.
---@type async fun(path: string): true
fs.remove = core.remove

return fs
