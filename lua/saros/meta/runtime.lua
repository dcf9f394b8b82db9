---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/runtime: errors, runs, tasks and what shows them. Never loaded at run time.

---Functions marked `async` (in the reference: *waits*) may suspend the calling task. They raise a string that names
---them where nothing can be suspended: outside `async.run`, in a coroutine of your own, or below a C function such as
---`table.sort`. They raise a CancelledError when the task, or a scope it is in, has been cancelled. Wrong arguments
---raise Lua's ordinary argument errors, before anything happens. All times are seconds, all sizes bytes.
---@class saros
---@field json saros.JSON
---@field stdin saros.Stream   standard input, whatever that is; `async.stdin:read_line()` is what replaces `io.read()`
---@field stdout saros.Stream  standard output: all that was written is out when `run` returns
---@field stderr saros.Stream  standard error
local async = {}

-- Errors ------------------------------------------------------------------------------------------

---What saros raises. `tostring(e)` is `"NAME: message"`; of one that has left `run` the traceback is below that.
---@class saros.Error
---@field name saros.ErrorName|string
---@field message string
---@field code string          a short constant; the system's own name where the system spoke
---@field traceback? string    where it arose, from your own line on, and across the tasks that awaited one another
---@field cause? any           the error that led to it
---@field reason? any          CancelledError: what was given to `cancel`; TLSError: why, in words
---@field task? saros.Task     CancelledError: the task that was cancelled
---@field seconds? number      TimeoutError: how long the deadline was
---@field phase? "total"|"connect"|"read"|"pool" TimeoutError of an HTTP request
---@field errors? any[]        GroupError: every error, once each (with `n`, the length, where one is nil)
---@field tasks? {name: string, where: string, waits_for: string}[] DeadlockError: who waits, where and for what
---@field limit? integer       LimitError: the bytes that were exceeded
---@field syscall? string      SystemError
---@field path? string         SystemError
---@field url? string          errors of HTTP
---@field host? string         errors of HTTP, except HTTPError
---@field port? integer        errors of HTTP, except HTTPError
---@field status? integer      HTTPError; FetchError of a proxy that refused (`EPROXY`)
---@field response? saros.Response HTTPError; other errors of HTTP if the headers had arrived
local Error = {}

---@alias saros.ErrorName
---| "CancelledError"  # this task, or the one awaited, was cancelled (`ECANCELED`)
---| "TimeoutError"    # a deadline passed (`ETIMEDOUT`)
---| "GroupError"      # tasks of a group failed (`EGROUP`)
---| "DeadlockError"   # nothing can ever wake the waiting tasks (`EDEADLK`)
---| "ClosedError"     # use of something closed (`ECLOSED`)
---| "BusyError"       # two tasks want what only one can have (`EBUSY`)
---| "SystemError"     # the system refused a file (`ENOENT`, `EACCES`, ...)
---| "LimitError"      # a line over its limit (`ETOOLARGE`)
---| "TLSError"        # a handshake or a certificate (`ETLS`), with `host`, `port` and `reason`
---| "FetchError"      # an HTTP exchange broke (`ECONNREFUSED`, `ENOTFOUND`, `ETLS`, `EPROTO`, ...)
---| "JSONError"       # JSON that cannot be read or written (`EJSON`)
---| "HTTPError"       # `raise_for_status` (`EHTTP`)
---| "ProcessError"    # a program that did not end with exit code 0 (`EEXIT`)
---| "InterruptError"  # Ctrl-C (`EINTR`)

---Of a GroupError: the first error of that name, in groups within it too.
---@param name saros.ErrorName|string
---@return saros.Error? found
function Error:find(name) end

---Whether `value` is an Error object, and one of that name if a name is given.
---@param value any
---@param name? saros.ErrorName|string
---@return boolean
function async.is_error(value, name) end

---An Error object of your own; every field is kept. It is returned, not raised.
---@param fields {name: string, message?: string, code?: string, cause?: any, [string]: any}
---@return saros.Error
function async.error(fields) end

---`pcall` that catches everything but a cancellation of the calling task: use it where a plain
---`pcall` would have to look for that and raise it again. Waits where `fn` does.
---@async
---@param fn function
---@param ... any  for `fn`
---@return boolean ok
---@return any ...  `fn`'s results, or the error
function async.pcall(fn, ...) end

---`pcall` that catches Error objects of that name, or of one in a list of names, and lets everything else pass; a
---cancellation of the calling task too, whatever the name. Waits where `fn` does.
---@async
---@param name saros.ErrorName|string|string[]
---@param fn function
---@param ... any  for `fn`
---@return boolean ok
---@return any ...  `fn`'s results, or the error
function async.catch(name, fn, ...) end

-- Running -----------------------------------------------------------------------------------------

---Makes a loop, runs `main(...)` as its first task and returns its results. At the end every task
---that is left is cancelled and has its cleanup finished, and everything open is closed.
---
---Raises the error of `main`: a string with the traceback appended, any other value unchanged. The text of an
---Error object shows its traceback from then on.
---InterruptError on Ctrl-C; DeadlockError if tasks wait for what can never come. Cannot be called
---inside a run; can be called again after one.
---@param main async fun(...: any): ...
---@param ... any  for `main`
---@return any ...
function async.run(main, ...) end

---Suspends the calling task; never wakes early. `sleep(0)` lets every ready task run once.
---@async
---@param seconds number  math.huge: until it is cancelled
function async.sleep(seconds) end

---The loop's monotonic clock. Only differences mean something.
---@return number seconds
function async.now() end

---Starts `fn(...)` as a task, in a later turn. It belongs to the run: at the end of `main` it is
---cancelled. A failure that nobody looks at is reported once (see `on_error`). Prefer a task group
---where the work belongs to a block. Only inside a run.
---@param fn async fun(...: any): ...
---@param ... any  for `fn`
---@return saros.Task
function async.spawn(fn, ...) end

---The task that is running, nil outside of a run.
---@return saros.Task?
function async.current_task() end

---Every task that has not ended, in the order in which they were spawned; empty outside of a run.
---@return saros.Task[]
function async.all_tasks() end

---A function at work, beside the others. `tostring` shows its name, its status and where it waits.
---Leaving the block of a `<close>` variable cancels and joins it.
---@class saros.Task
local Task = {}

---@alias saros.TaskStatus "pending"|"done"|"failed"|"cancelled"

---Waits for the task's end and returns all its results, or raises its error. Any number of tasks may
---await it. Cancelling the one who waits does not cancel the task. Awaiting oneself, in a circle too,
---raises DeadlockError.
---@async
---@return any ...
function Task:await() end

---Cancels the task: each of its awaits raises CancelledError, outside of shields, until it has ended.
---The first reason stays.
---@param reason? any  found in the error as `reason`
---@return boolean effect  false if the task had ended, or was cancelled before
function Task:cancel(reason) end

---Cancels the task and waits for its end, also if the caller is cancelled meanwhile. How it ends is
---dropped. Harmless when it has ended. Closing oneself, in a circle too, raises DeadlockError.
---@async
function Task:close() end

---How far it is.
---@return saros.TaskStatus
function Task:status() end

---Whether it has ended, in whatever way.
---@return boolean
function Task:done() end

---Whether it ended by its cancellation.
---@return boolean
function Task:cancelled() end

---Its results, without waiting. Raises its error if it failed or was cancelled, and a string if it has
---not ended.
---@return any ...
function Task:result() end

---The error it ended with, a CancelledError too; nil if it succeeded. Raises a string if it has not
---ended.
---@return any
function Task:error() end

---The name that was set, or one with a number.
---@return string
function Task:name() end

---Gives it a name, for tracebacks, reports and `async.tree`.
---@param name string
---@return saros.Task self
function Task:set_name(name) end

---Where it is now, or where it failed, and the tasks it was spawned from.
---@return string
function Task:traceback() end

---Calls `fn(task)` in a later turn once the task has ended, also if it has ended already: then only
---inside a run. It is called in a task of its own, so it may wait.
---@param fn async fun(task: saros.Task)
---@return saros.Task self
function Task:on_done(fn) end

-- Seeing what happens -----------------------------------------------------------------------------

---All tasks as a tree to print: name, status, where each waits and for what, where it was spawned.
---@return string
function async.tree() end

---Sets who is told of failures that nobody looked at, and of locks that a task left held. The default writes
---to standard error.
---@param fn? fun(err: any, task: saros.Task|saros.Future)  cannot wait; nil restores the default
function async.on_error(fn) end

---Warnings on standard error: of a task that holds the loop up, of cancellations that are swallowed,
---of waits in a `__close` that a cancellation makes fail, of scopes without `<close>`, of things the
---collector had to close. Also `SAROS_DEBUG=1` in the environment.
---@param on boolean|{slow?: number}  `slow`: seconds a task may hold the loop, 0.1 unless said otherwise
function async.debug(on) end
