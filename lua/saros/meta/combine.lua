---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/combine: several tasks at once, deadlines, groups. Never loaded at run time.

---@class saros
local async = {}

---A function without arguments, or a Task or Future. Where several are taken, a function is run as a
---task of its own; `wait_for` and `shield` run it in the calling task.
---@alias saros.Awaitable (async fun(): ...)|saros.Task|saros.Future

---Results or errors by index: a plain list, whose length is also `n`. Where entries are nil `n` is a field of it.
---@class saros.List: { [integer]: any }
---@field n integer

---Runs awaitables at the same time.
---
---`gather(a, b, ...)` returns the first result of each, in order; `gather(list)` returns them as a
---list. If one fails, the others are cancelled and joined, then its error is raised; cancelling the
---caller cancels all of them, given Tasks too.
---
---With `return_errors` all run to their end; a second list holds the error of each that failed.
---@async
---@param list saros.Awaitable[]
---@param options? {return_errors?: boolean}
---@return saros.List results
---@return saros.List? errors  with `return_errors`
---@overload async fun(a: saros.Awaitable, ...: saros.Awaitable): ...
function async.gather(list, options) end

---@class saros.MapOptions
---@field limit? integer          at most so many at a time, from 1
---@field return_errors? boolean  as for `gather`
---@field on_progress? async fun(finished: integer, total: integer?)  total is nil for an iterator

---Calls `fn(item, index)` for every item of the list, each in a task of its own, and returns the
---first result of each, in order. Errors as with `gather`.
---
---Instead of a list a number n, for the items 1 to n; or an iterator: a function that is called without arguments
---until it gives nil, or a queue. It is called in the calling task, where it may wait, and only when there is room for
---one more; an error of it ends the map.
---@async
---@generic T
---@param list T[]|integer|(async fun(): T?)|saros.Queue
---@param fn async fun(item: T, index: integer): any
---@param options? saros.MapOptions
---@return saros.List results
---@return saros.List? errors  with `return_errors`
function async.map(list, fn, options) end

---The results, or the error, of the first to finish; the others are cancelled and joined.
---@async
---@param list saros.Awaitable[]  not empty
---@return any ...
function async.race(list) end

---The results of the first to succeed; the others are cancelled and joined. If all fail, a GroupError
---with all their errors is raised.
---@async
---@param list saros.Awaitable[]  not empty
---@return any ...
function async.any(list) end

---What `select` takes from.
---@alias saros.Selectable saros.Queue|saros.Semaphore|saros.Lock|saros.Event|saros.Task|saros.Future|saros.Signals

---Waits for the first of several things and takes from that one alone: an item of a queue (nil once that is
---closed and empty), a permit of a semaphore or lock, `true` of an event, the results of a task or future (whose
---error it raises), the name of a signal. Of several that are ready the first of the list. It stands in the line
---of each from its call on; if it is cancelled it has taken nothing.
---@async
---@param list saros.Selectable[]  not empty
---@return integer index  in the list
---@return any ...        what that gave
function async.select(list) end

---@class saros.WaitOptions
---@field timeout? number  seconds; nil for no limit
---@field return_when? "all"|"first_completed"|"first_error" "all" unless said otherwise

---Waits for tasks without asking how they end: cancels nothing and raises nothing of theirs.
---@async
---@param tasks (saros.Task|saros.Future)[]
---@param options? saros.WaitOptions
---@return (saros.Task|saros.Future)[] done     in the order of the list
---@return (saros.Task|saros.Future)[] pending  in the order of the list
function async.wait(tasks, options) end

---The results of `awaitable`, or TimeoutError if it takes longer. Then it has been cancelled and its
---cleanup has finished. A Future that is waited for is left alone.
---@async
---@param awaitable saros.Awaitable|(async fun(...: any): ...)
---@param seconds? number  nil for no limit
---@param ... any  for a function
---@return any ...
function async.wait_for(awaitable, seconds, ...) end

---The nearest deadline above the caller, passed or not. In a shield only what was opened inside it counts.
---@return number moment  on the clock of `now`; math.huge without one
function async.deadline() end

---Whether the scope of the caller is cancelled, so that its next await raises. False in a shield.
---@return boolean
function async.cancelled() end

---Runs `awaitable` in this task, out of reach of cancellation from outside: for cleanup that has to
---wait. What was held back arrives at the next await.
---@async
---@param awaitable saros.Awaitable
---@param seconds? number  once a cancellation has come it may take so long, then it is cancelled too
---@return any ...
function async.shield(awaitable, seconds) end

---A deadline for the rest of the block: `local scope <close> = async.timeout(2)`. When it passes, the
---awaits in the block are cancelled, and TimeoutError leaves the block, unless a scope around it has been
---cancelled by then: that counts. Made without `<close>` it lasts until what is around it is left; the
---CancelledError says so, with the place. Only inside a task.
---@param seconds? number  nil for none, until `reschedule`
---@return saros.Timeout
function async.timeout(seconds) end

---The scope of a deadline, to be held in a `<close>` variable.
---@class saros.Timeout
local Timeout = {}

---Sets the deadline anew, counted from now. ClosedError once the block was left; raises a string once
---the deadline has passed.
---@param seconds? number  nil for none
function Timeout:reschedule(seconds) end

---Whether the deadline has passed, or had when the block was left.
---@return boolean
function Timeout:expired() end

---Seconds until the deadline; 0 or less once it has passed.
---@return number seconds  math.huge without a deadline
function Timeout:remaining() end

---Ends the scope, as the end of its block does. The second time does nothing. Only for the task that
---made it.
function Timeout:close() end

---@class saros.GroupOptions
---@field limit? integer           how many of its tasks run at once; any number unless said otherwise
---@field cancel_on_error? boolean  whether a task that fails brings the others down; true unless said otherwise

---Tasks that do not outlive a block: `local group <close> = async.task_group()`. Leaving the block
---waits for all of them. If one fails, or the block does, the others and the block are cancelled and
---joined, and a GroupError with every error is raised. Only inside a task.
---
---Given a function, runs `fn(group)` as the block and returns its results, which waits; `group:cancel()`
---then ends it without an error.
---
---One made without `<close>` is cancelled and joined when what is around it is left, which raises an error.
---
---With `limit` so many of its tasks run at once, and `spawn` waits for its turn. With `cancel_on_error = false` the
---others go on when one fails; an error of the block itself still cancels.
---@param options? saros.GroupOptions
---@return saros.TaskGroup
---@overload async fun(fn: async fun(group: saros.TaskGroup): ...): ...
---@overload async fun(options: saros.GroupOptions, fn: async fun(group: saros.TaskGroup): ...): ...
function async.task_group(options) end

---A block that owns tasks, to be held in a `<close>` variable.
---@class saros.TaskGroup
local TaskGroup = {}

---Starts `fn(...)` as a task of the group, in a later turn. In a group that is going down it starts
---cancelled; ClosedError once the group was left. In a group with a limit it waits for a place, and raises
---CancelledError if the group goes down meanwhile.
---@param fn async fun(...: any): ...
---@param ... any  for `fn`
---@return saros.Task
function TaskGroup:spawn(fn, ...) end

---Runs `fn(started, ...)` as a task of the group, waits until it calls `started(...)` and returns what that was
---given. An error before that is raised here and is no failure of the group; if the wait is cancelled the task is
---cancelled and joined.
---@async
---@param fn async fun(started: fun(...: any), ...: any)
---@param ... any  for `fn`
---@return any ...
function TaskGroup:start(fn, ...) end

---Cancels all of the group, its block too, which is no failure.
---@param reason? any  found in the errors as `reason`
---@return boolean effect  false if the group was cancelled or left before
function TaskGroup:cancel(reason) end

---Waits for all tasks of the group, as the end of its block does, and raises the same. The second time
---does nothing. Only for the task that made it.
---@async
function TaskGroup:close() end
