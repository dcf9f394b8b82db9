---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/fs: open files, what is known of them, folders that are watched. Never loaded at run time.
-- What is written in Lua is in saros/fs.

---What something in the file system is.
---@alias saros.FileType "file"|"directory"|"link"|"fifo"|"socket"|"char"|"block"|"unknown"

---What the system knows of a file. Times are seconds since the epoch.
---@class saros.Stat
---@field type saros.FileType
---@field size integer
---@field mode integer   permissions
---@field mtime number   the last change of what is in it
---@field atime number   the last access
---@field ctime number   the last change of what is known of it
---@field uid integer
---@field gid integer
---@field ino integer
---@field nlink integer

---An open file. The end of a `<close>` variable closes it. One task uses it at a time, a second one gets a BusyError;
---ClosedError once it is closed, SystemError with `path` where the system refuses.
---@class saros.File
local File = {}

---Reads, with the formats of Lua's io: `"l"` (a line, also without any format), `"L"` (with its end), `"n"` (a number),
---`"a"` (all that is left, `""` at the end), or a number of bytes; several give several values. nil for what is not
---there. A read that is cancelled has taken nothing.
---@async
---@param ... string|integer
---@return any ...
function File:read(...) end

---Iterates over what these formats read, a line unless said otherwise. It does not close the file.
---@param ... string|integer
---@return async fun(): any
function File:lines(...) end

---Writes strings and numbers, in one piece. What it has returned from the system has taken. One that is cancelled is
---written whole, or not at all.
---@async
---@param ... string|number
---@return saros.File self
function File:write(...) end

---Moves to a position, counted from the beginning (`"set"`), from where it is (`"cur"`) or from the end (`"end"`), and
---returns it, counted from the beginning. Without arguments it tells where it is. SystemError `ESPIPE` of a pipe.
---@async
---@param whence? "set"|"cur"|"end"
---@param offset? integer
---@return integer position
function File:seek(whence, offset) end

---The file has that size from now on; without one it ends where it is.
---@async
---@param size? integer
---@return true
function File:truncate(size) end

---Waits for a write that was cancelled; what others have written the system has already.
---@async
---@return true
function File:flush() end

---Waits until all that was written is on the disk.
---@async
---@return true
function File:sync() end

---What the system knows of the file.
---@async
---@return saros.Stat
function File:stat() end

---Whether it is closed.
---@return boolean
function File:closed() end

---The descriptor, to be handed to others as long as the file is open; the system stands where the file does.
---@return integer
function File:fileno() end

---What happens to a file, or to those in a folder; calling it waits for the next event. What happens again before it
---is asked for is told once. `name` is that of the file, without its folder (nil: something, but the system does not
---say what); `"rename"`: it came, went, or got another name.
---@class saros.Watch
---@overload async fun(): {name?: string, kind: "change"|"rename"}
local Watch = {}

---Whoever waits for an event gets ClosedError. Idempotent.
function Watch:close() end
