---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/runtime/coroutine_library.c. Never loaded at run time.

---@class saros
---@field coroutine saros.Coroutine

---Lua's `coroutine` library, name for name, whose coroutines may wait: an await inside suspends the task, which goes on
---in place, while what is yielded goes to who resumed. `local coroutine = require("saros").coroutine` at the head of a
---module is all that one needs which was written without saros in mind.
---
---The coroutines are threads. One belongs to the task that resumed it first, until that has ended. Where nothing can be
---suspended (outside a run, below a C function) they work as plain ones, and cannot wait. Coroutines of the plain
---library may be given to these functions too.
---@class saros.Coroutine
local coroutine = {}

---A new coroutine that will call `fn`.
---@param fn async fun(...: any): ...
---@return thread
function coroutine.create(fn) end

---Starts or continues a coroutine. Waits where that does.
---@param co thread
---@param ... any  for its function, or what its `yield` returns
---@return boolean ok
---@return any ...  what it yields or returns, or its error
function coroutine.resume(co, ...) end

---Suspends the coroutine that runs; cannot be called inside a timeout, group or shield that was opened in it.
---@param ... any  what `resume` returns
---@return any ...  what the next `resume` is given
function coroutine.yield(...) end

---A function that resumes a new coroutine each time it is called, and raises what that raises: the traceback tells
---where it arose.
---@param fn async fun(...: any): ...
---@return async fun(...: any): ... step
function coroutine.wrap(fn) end

---One that waits, or has resumed another, is "normal".
---@param co thread
---@return "running"|"suspended"|"normal"|"dead"
function coroutine.status(co) end

---The coroutine that runs; outside of one that of the task, which counts as the main one.
---@return thread co
---@return boolean is_main
function coroutine.running() end

---Whether `yield` may be called: not in a task outside of any coroutine.
---@param co? thread
---@return boolean
function coroutine.isyieldable(co) end

---Ends a suspended coroutine: its `yield` raises a CancelledError, which runs its `<close>` variables, whose handlers
---may wait. One that catches this and yields again is closed by force; then they cannot wait.
---@param co thread
---@return boolean ok
---@return any error  what a handler raised, or what the coroutine had ended with
function coroutine.close(co) end
