---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/thread: functions in threads of their own. Never loaded at run time. What is written in
-- Lua is in saros/thread.lua.

---@class saros
local async = {}

---Calls `fn(...)` in a worker thread, truly in parallel, and returns its results. The thread has a Lua state of its
---own, so arguments, upvalues and results are copied: nil, booleans, numbers, strings, tables of those, also cyclic
---ones, Error objects, functions by their code; modules, and functions of modules that are written in C, are the
---worker's own ones of the same name. What cannot be copied is an argument error that names the way to it. The function
---sees clean globals and the same `package.path`. An error comes back with the worker's traceback. Who is cancelled
---goes on at once; the function is stopped in its Lua code, or else left behind.
---@async
---@param fn fun(...: any): ...
---@param ... any
---@return any ...
function async.to_thread(fn, ...) end

---Worker threads with a Lua state each. The end of a `<close>` variable closes it. Jobs begin in the order in which
---they were given.
---@class saros.ThreadPool
local ThreadPool = {}

---`to_thread` in a thread of this pool; waits for one that is free. ClosedError once it is closed.
---@async
---@param fn fun(...: any): ...
---@param ... any
---@return any ...
function ThreadPool:run(fn, ...) end

---Refuses new jobs and waits until those that it has have ended; without any it does not wait, and can be called
---anywhere. The end of a block in a cancelled scope does not wait.
function ThreadPool:close() end
