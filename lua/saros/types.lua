---@meta saros
-- SPDX-License-Identifier: MIT
-- What an editor knows about saros (LuaCATS annotations, for lua-language-server). Never loaded at
-- run time; docs/ explains, this file reminds.
--
-- Functions marked `---@async` may suspend the calling task. They raise a string that names them when
-- called where nothing can be suspended: outside `async.run`, in a coroutine of your own, or below a
-- C function such as `table.sort`. They raise a CancelledError when the task, or a scope it is in,
-- has been cancelled. Wrong arguments raise Lua's ordinary argument errors, before anything happens.
-- All times are seconds, all sizes bytes.

---@class saros
local async = {}

---A function without arguments, or a Task or Future. Where several are taken, a function is run as a
---task of its own; `wait_for` and `shield` run it in the calling task.
---@alias saros.Awaitable fun(): ... | saros.Task | saros.Future

-- Errors ------------------------------------------------------------------------------------------

---What saros raises. `tostring(e)` is `"NAME: message"`.
---@class saros.Error
---@field name saros.ErrorName|string
---@field message string
---@field code string           a short constant; the system's own name where the system spoke
---@field traceback? string     where it arose, across the tasks that awaited one another
---@field cause? any            the error that led to it
---@field reason? any           CancelledError: what was given to `cancel`
---@field task? saros.Task      CancelledError: the task that was cancelled
---@field seconds? number       TimeoutError: how long the deadline was
---@field phase? "total"|"connect"|"read"|"pool" TimeoutError of an HTTP request
---@field errors? any[]         GroupError: every error, once each (with `n`, the length, where one is nil)
---@field tasks? {name: string, where: string, waits_for: string}[] DeadlockError: who waits, where and for what
---@field limit? integer        LimitError: what was exceeded
---@field syscall? string       SystemError
---@field path? string          SystemError
---@field url? string           FetchError, HTTPError, TimeoutError of an HTTP request
---@field host? string          FetchError, TimeoutError of an HTTP request
---@field port? integer         FetchError, TimeoutError of an HTTP request
---@field status? integer       HTTPError; FetchError of a proxy that refused (`EPROXY`)
---@field response? saros.Response HTTPError; FetchError and TimeoutError if the headers had arrived
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
---| "FetchError"      # an HTTP exchange broke (`ECONNREFUSED`, `ENOTFOUND`, `ETLS`, `EPROTO`, ...)
---| "JSONError"       # JSON that cannot be read or written (`EJSON`)
---| "HTTPError"       # `raise_for_status` (`EHTTP`)
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
---`pcall` would have to look for that and raise it again.
---@async
---@param fn function
---@param ... any  for `fn`
---@return boolean ok
---@return any ...  `fn`'s results, or the error
function async.pcall(fn, ...) end

-- Running -----------------------------------------------------------------------------------------

---Makes a loop, runs `main(...)` as its first task and returns its results. At the end every task
---that is left is cancelled and has its cleanup finished, and everything open is closed.
---
---Raises the error of `main`: a string with the traceback appended, any other value unchanged.
---InterruptError on Ctrl-C; DeadlockError if tasks wait for what can never come. Cannot be called
---inside a run; can be called again after one.
---@param main function
---@param ... any  for `main`
---@return any ...
function async.run(main, ...) end

---Suspends the calling task; never wakes early. `sleep(0)` lets every ready task run once.
---@async
---@param seconds number
function async.sleep(seconds) end

---The loop's monotonic clock. Only differences mean something.
---@return number seconds
function async.now() end

---Starts `fn(...)` as a task, in a later turn. It belongs to the run: at the end of `main` it is
---cancelled. A failure that nobody looks at is reported once (see `on_error`). Prefer a task group
---where the work belongs to a block.
---@param fn function
---@param ... any  for `fn`
---@return saros.Task
function async.spawn(fn, ...) end

---The task that is running, nil outside of a run.
---@return saros.Task?
function async.current_task() end

---Every task that has not ended, empty outside of a run.
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

---Cancels the task: each of its awaits raises CancelledError, until it has ended. The first reason
---stays.
---@param reason? any  found in the error as `reason`
---@return boolean effect  false if the task had ended
function Task:cancel(reason) end

---Cancels the task and waits for its end. Harmless when it has ended.
---@async
function Task:close() end

---@return saros.TaskStatus
function Task:status() end

---Whether it has ended, in whatever way.
---@return boolean
function Task:done() end

---Whether it ended by its cancellation.
---@return boolean
function Task:cancelled() end

---Its results, without waiting. Raises its error if it failed, and an error if it has not ended.
---@return any ...
function Task:result() end

---The error it failed with, nil otherwise.
---@return any
function Task:error() end

---@return string
function Task:name() end

---@param name string  for tracebacks, reports and `async.tree`
---@return saros.Task self
function Task:set_name(name) end

---Where it is now, or where it failed, and the tasks it was spawned from.
---@return string
function Task:traceback() end

---Calls `fn(task)` in a later turn once the task has ended, also if it has ended already.
---@param fn fun(task: saros.Task)
function Task:on_done(fn) end

-- Combining ---------------------------------------------------------------------------------------

---Results or errors by index. `n` is the length: entries may be nil.
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
---@return saros.List? errors
---@overload async fun(a: saros.Awaitable, ...: saros.Awaitable): ...
function async.gather(list, options) end

---@class saros.MapOptions
---@field limit? integer          at most so many at a time
---@field return_errors? boolean  as for `gather`
---@field on_progress? fun(finished: integer, total: integer)

---Calls `fn(item, index)` for every item of the list, each in a task of its own, and returns the
---first result of each, in order. Errors as with `gather`.
---@async
---@generic T
---@param list T[]
---@param fn fun(item: T, index: integer): any
---@param options? saros.MapOptions
---@return saros.List results
---@return saros.List? errors
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

---@class saros.WaitOptions
---@field timeout? number  seconds
---@field return_when? "all"|"first_completed"|"first_error"

---Waits for tasks without asking how they end: cancels nothing and raises nothing of theirs.
---@async
---@param tasks (saros.Task|saros.Future)[]
---@param options? saros.WaitOptions
---@return (saros.Task|saros.Future)[] done     in the order of the list
---@return (saros.Task|saros.Future)[] pending  in the order of the list
function async.wait(tasks, options) end

---Iterates in the order of completion: `for index, task in async.as_completed(list)`. Leaving the
---loop cancels and joins what it started itself.
---@async
---@param list saros.Awaitable[]
---@return async fun(): integer?, saros.Task
function async.as_completed(list) end

---The results of `awaitable`, or TimeoutError if it takes longer. Then it has been cancelled and its
---cleanup has finished. A Future that is waited for is left alone.
---@async
---@param awaitable saros.Awaitable
---@param seconds? number  nil for no limit
---@return any ...
function async.wait_for(awaitable, seconds) end

---A deadline for the rest of the block: `local scope <close> = async.timeout(2)`. When it passes, the
---awaits in the block are cancelled, and TimeoutError leaves the block, unless a scope around it has been
---cancelled by then: that counts. Made without `<close>` it lasts until what is around it is left; the
---CancelledError says so, with the place.
---@param seconds? number  nil for none, until `reschedule`
---@return saros.Timeout
function async.timeout(seconds) end

---@class saros.Timeout
local Timeout = {}

---Sets the deadline anew, counted from now. ClosedError once the block was left.
---@param seconds? number  nil for none
function Timeout:reschedule(seconds) end

---Whether the deadline has passed.
---@return boolean
function Timeout:expired() end

---Ends the scope, as the end of its block does.
function Timeout:close() end

---Tasks that do not outlive a block: `local group <close> = async.task_group()`. Leaving the block
---waits for all of them. If one fails, or the block does, the others and the block are cancelled and
---joined, and a GroupError with every error is raised.
---
---Given a function, runs `fn(group)` as the block and returns its results; `group:cancel()` then ends
---it without an error.
---
---One made without `<close>` is cancelled and joined when what is around it is left, which raises an error.
---@return saros.TaskGroup
---@overload async fun(fn: async fun(group: saros.TaskGroup): ...): ...
function async.task_group() end

---@class saros.TaskGroup
local TaskGroup = {}

---Starts `fn(...)` as a task of the group. In a group that is going down it starts cancelled; ClosedError
---once the group was left.
---@param fn function
---@param ... any  for `fn`
---@return saros.Task
function TaskGroup:spawn(fn, ...) end

---Cancels all of the group, which is no failure.
---@param reason? any  found in the errors as `reason`
---@return boolean effect  false if the group was cancelled or left before
function TaskGroup:cancel(reason) end

---Waits for all tasks of the group, as the end of its block does.
---@async
function TaskGroup:close() end

---Runs `awaitable` in this task, out of reach of cancellation from outside: for cleanup that has to
---wait. What was held back arrives at the next await.
---@async
---@param awaitable saros.Awaitable
---@param seconds? number  once a cancellation has come it may take so long, then it is cancelled too
---@return any ...
function async.shield(awaitable, seconds) end

---A result that somebody else brings: the bridge to code that works with callbacks.
---@return saros.Future
function async.future() end

---@class saros.Future
local Future = {}

---Settles it with results.
---@param ... any
---@return boolean effect  false if it was settled already
function Future:set(...) end

---Settles it with an error.
---@param err any
---@return boolean effect  false if it was settled already
function Future:fail(err) end

---Waits until it is settled; returns the results or raises the error.
---@async
---@return any ...
function Future:await() end

---@return boolean
function Future:done() end

---An iterator over what `fn(yield)` passes to `yield`. Both sides may wait; they take turns, nothing
---is produced ahead. Leaving the loop ends `fn`.
---@param fn async fun(yield: async fun(...: any))
---@return async fun(): ...
function async.generator(fn) end

-- Synchronisation ---------------------------------------------------------------------------------

---Something held until it is released: `local permit <close> = semaphore:acquire()`.
---@class saros.Permit
local Permit = {}

---Gives it back; the second time does nothing. The end of a `<close>` variable does the same.
function Permit:release() end

---At most `n` hold it at a time; who waits is served in order.
---@param n integer  at least 1
---@return saros.Semaphore
function async.semaphore(n) end

---@class saros.Semaphore
local Semaphore = {}

---@async
---@return saros.Permit
function Semaphore:acquire() end

---A permit if there is one at once and nobody waits for it.
---@return saros.Permit?
function Semaphore:try_acquire() end

---Gives one back without its permit. Raises if more are released than were acquired.
function Semaphore:release() end

---How many can be had at once.
---@return integer
function Semaphore:available() end

---Calls `fn(...)` holding a permit, and returns its results.
---@async
---@param fn function
---@param ... any  for `fn`
---@return any ...
function Semaphore:with(fn, ...) end

---One task holds it at a time. Acquiring it twice raises DeadlockError. If its owner ends without
---releasing it, it is released and that is reported.
---@return saros.Lock
function async.lock() end

---@class saros.Lock
local Lock = {}

---@async
---@return saros.Permit
function Lock:acquire() end

---A permit if the lock is free.
---@return saros.Permit?
function Lock:try_acquire() end

---Only for its owner; another task's call raises.
function Lock:release() end

---@return boolean
function Lock:locked() end

---Calls `fn(...)` holding the lock, and returns its results.
---@async
---@param fn function
---@param ... any  for `fn`
---@return any ...
function Lock:with(fn, ...) end

---A flag that tasks can wait for.
---@return saros.Event
function async.event() end

---@class saros.Event
local Event = {}

---Wakes all who wait, even if `clear` follows at once.
function Event:set() end

function Event:clear() end

---@return boolean
function Event:is_set() end

---Returns at once if it is set.
---@async
function Event:wait() end

---Waits for something to become true that other tasks change under a lock. A notification ends one
---wait; if the task that was notified is cancelled before it has the lock, the next one gets it.
---@param lock? saros.Lock  one of its own if none is given
---@return saros.Condition
function async.condition(lock) end

---All but `acquire` and `locked` raise unless the calling task holds the lock.
---@class saros.Condition
local Condition = {}

---Acquires the lock.
---@async
---@return saros.Permit
function Condition:acquire() end

---Releases the lock.
function Condition:release() end

---@return boolean
function Condition:locked() end

---Gives the lock up until it is notified. Holds it again however it ends, by cancellation too.
---@async
function Condition:wait() end

---Waits until `predicate()`, called with the lock held, is true.
---@async
---@generic T
---@param predicate fun(): T
---@return T value  of the predicate
function Condition:wait_for(predicate) end

---Wakes the oldest waiters; each goes on when it has the lock.
---@param n? integer  how many, 1 unless said otherwise
function Condition:notify(n) end

---Wakes all waiters.
function Condition:notify_all() end

---Calls `fn(...)` holding the lock, and returns its results.
---@async
---@param fn function
---@param ... any  for `fn`
---@return any ...
function Condition:with(fn, ...) end

---A place where `n` tasks wait for each other, again and again.
---@param n integer  at least 1
---@return saros.Barrier
function async.barrier(n) end

---@class saros.Barrier
local Barrier = {}

---Waits until `n` tasks do. A waiter that is cancelled leaves; the others go on waiting, and it does
---not count in the order of arrival.
---@async
---@return integer number  in the order of arrival, 1 to n
function Barrier:wait() end

---Values handed from task to task, in order.
---@param maxsize? integer  `put` waits while there are so many; nil for no limit
---@return saros.Queue
function async.queue(maxsize) end

---As `queue`, but gives the newest value first.
---@param maxsize? integer  nil for no limit
---@return saros.Queue
function async.lifo_queue(maxsize) end

---As `queue`, but gives the least value first, equal ones in order of arrival. An error in `less` is
---raised by the `put` or `get` that compares, which then has done nothing.
---@param maxsize? integer  nil for no limit
---@param less? fun(a: any, b: any): boolean  the operator `<` unless given; must not wait
---@return saros.Queue
function async.priority_queue(maxsize, less) end

---Can be iterated: `for value in queue do`.
---@class saros.Queue
---@operator call: any
local Queue = {}

---Waits while the queue is full. ClosedError after `close`.
---@async
---@param value any  not nil
function Queue:put(value) end

---The next value; nil once the queue is closed and drained.
---@async
---@return any value
function Queue:get() end

---@param value any  not nil
---@return boolean taken  false if the queue is full
function Queue:try_put(value) end

---The next value, nil if there is none now.
---@return any value
function Queue:try_get() end

---@return integer
function Queue:size() end

---@return integer? maxsize  nil for no limit
function Queue:maxsize() end

---@return boolean
function Queue:empty() end

---@return boolean
function Queue:full() end

---Says that one value that was got has been dealt with. Raises if called once too often.
function Queue:task_done() end

---Waits until everything that was put has been dealt with.
---@async
function Queue:join() end

---No more values: putters get ClosedError, getters what is there and then nil.
function Queue:close() end

---`for value in queue:items() do`, until the queue is closed and drained.
---@return async fun(): any
function Queue:items() end

---At most `n` pass in any stretch of time as long as the period; who waits is served in order.
---@param n integer  at least 1
---@param period number  seconds
---@return saros.RateLimiter
function async.rate_limiter(n, period) end

---@class saros.RateLimiter
local RateLimiter = {}

---Waits until one more may pass. There is nothing to give back.
---@async
function RateLimiter:acquire() end

---Calls `fn(...)` when one more may pass, and returns its results.
---@async
---@param fn function
---@param ... any  for `fn`
---@return any ...
function RateLimiter:with(fn, ...) end

-- Again and again ---------------------------------------------------------------------------------

---Iterates at a fixed rate: `for n in async.ticker(1) do`. Tick n is due n intervals after the loop
---began, however long its body takes. Ticks that were missed meanwhile merge into one, which comes at
---once and has the number of the latest: a jump of `n` tells how many were missed.
---@param interval number  seconds, above zero
---@return async fun(): integer
function async.ticker(interval) end

---@class saros.RetryOptions
---@field attempts? number   calls at most; 3 unless said otherwise, math.huge for no limit
---@field delay? number      seconds before the second attempt; 0.5 unless said otherwise
---@field factor? number     by which the delay grows each time; 2 unless said otherwise
---@field max_delay? number  seconds it grows to; 30 unless said otherwise
---@field jitter? number     from 0 to 1: each delay is shortened by a random part, at most this fraction
---@field when? fun(err: any, attempt: integer): boolean  whether to try again after this error

---Calls `fn()` until it succeeds; returns its results, or raises its last error unchanged. A
---cancellation of the calling task and Ctrl-C are never retried.
---@async
---@param fn async fun(): ...
---@param options? saros.RetryOptions
---@return any ...
function async.retry(fn, options) end

-- HTTP --------------------------------------------------------------------------------------------

---@class saros.Timeouts
---@field total? number|false    everything, the reading of the body included; 30 unless said otherwise
---@field connect? number|false  name lookup, connection, TLS, the proxy's CONNECT
---@field read? number|false     each gap without a byte, never while the reader is the slow one
---@field pool? number|false     waiting for a slot

---@class saros.Auth
---@field [1]? string  user
---@field [2]? string  password
---@field user? string
---@field password? string
---@field digest? boolean  digest instead of basic authentication
---@field bearer? string   a token

---@class saros.Part
---@field name? string  in a list of parts
---@field data? string|number
---@field path? string  a file, read while it is sent
---@field filename? string
---@field content_type? string

---@class saros.Retries
---@field attempts? number    in all; 3 unless said otherwise, math.huge for no limit
---@field statuses? integer[]  429, 502, 503, 504 unless said otherwise; Retry-After is minded
---@field methods? string[]   the idempotent ones unless said otherwise
---@field delay? number       seconds before the second attempt, 0.1 unless said otherwise
---@field factor? number      how each delay grows from the one before, 2 unless said otherwise
---@field max_delay? number   30 unless said otherwise; a longer Retry-After is not waited for
---@field jitter? number      from 0 to 1: each delay is shortened by a random part, at most this fraction

---@class saros.FetchOptions
---@field method? string  GET, or POST if there is a body
---@field headers? table<string, string|number|(string|number)[]|false>  a list repeats the header, false removes a default
---@field query? table<string, any>  added to the URL; a list repeats the key
---@field body? string|async fun(): string?  a function or iterator gives pieces until nil, in a task of its own, and may wait
---@field json? any  the body, encoded as JSON (needs lua-cjson)
---@field form? table<string, any>  the body, as a form; a list repeats the key
---@field multipart? table<string, string|number|saros.Part>|saros.Part[]  the body, as a form with files
---@field timeout? number|false|saros.Timeouts  seconds for everything; false for none
---@field redirect? "follow"|"manual"|"error"
---@field max_redirects? integer  20 unless said otherwise
---@field retries? integer|saros.Retries|false  more attempts after a connection failure, of idempotent requests; by a table after some answers, too
---@field auth? saros.Auth|false
---@field cookies? table<string, string|number>  sent with this request
---@field max_body_size? integer  bytes of the decoded body
---@field on_progress? fun(received: integer, total: integer?, sent: integer, to_send: integer?)
---@field proxy? string|false  an http, https or socks5 URL; else the environment's http_proxy, https_proxy, no_proxy
---@field verify? boolean  certificates; true unless said otherwise
---@field ca_file? string
---@field ca_path? string
---@field cert? string  of the client, and its
---@field key? string
---@field tls_min? "1.2"|"1.3"
---@field http_version? "1.1"|"2"
---@field resolve? table<string, string>  addresses by "host:port"
---@field local_address? string
---@field unix_socket? string

---Sends a request and returns as soon as the headers of the response are in. Any status is a
---response; see `raise_for_status`.
---
---Raises FetchError (`code` tells why: `ECONNREFUSED`, `ENOTFOUND`, `ETLS`, ...) or TimeoutError.
---@async
---@param url string  http or https
---@param options? saros.FetchOptions
---@return saros.Response
function async.fetch(url, options) end

---`fetch` with this method.
---@async
---@param url string
---@param options? saros.FetchOptions
---@return saros.Response
function async.get(url, options) end

async.post, async.put, async.patch = async.get, async.get, async.get
async.delete, async.head, async.options = async.get, async.get, async.get

---@class saros.Response
---@field status integer
---@field reason string
---@field ok boolean           whether the status is 200 to 299
---@field url string           where it came from, after redirects
---@field headers saros.Headers
---@field http_version string
---@field history saros.Response[]  the redirects before it
---@field elapsed number       seconds from the request to the headers
local Response = {}

---By name, in any case: `response.headers["content-type"]`. Repeated ones are joined by `", "`.
---@class saros.Headers: { [string]: string }
local Headers = {}

---@param name string  in any case
---@return string[]
function Headers:get_all(name) end

---The whole body, decoded from gzip, deflate, br or zstd. It is kept: a second call returns it again.
---@async
---@return string
function Response:text() end

---The whole body, decoded from JSON (needs lua-cjson).
---@async
---@return any
function Response:json() end

---What is there of the body, at most `n` bytes, after waiting for the first; nil at its end. As in
---`io`, `read(0)` gives "" while there is more. Cancelling it, as any reading, closes the response.
---@async
---@param n? integer
---@return string?
function Response:read(n) end

---The body piece by piece, as it arrives: `for chunk in response:chunks() do`. A slow reader slows
---the sender down.
---@return async fun(): string?
function Response:chunks() end

---The body line by line, without the line ends; a line of more than 1 MiB is a LimitError.
---@return async fun(): string?
function Response:lines() end

---Writes the body, or what has not been read of it, to a file, which is there when all has arrived, or
---not at all. It keeps the permissions of a file that was there before.
---@async
---@param path string
---@return integer size
function Response:save(path) end

---Raises HTTPError unless the status is below 400.
---@return saros.Response self
function Response:raise_for_status() end

---Gives up what has not been read. The end of a `<close>` variable does the same.
function Response:close() end

---@class saros.SessionOptions: saros.FetchOptions
---@field base_url? string         paths are joined to it
---@field cookies? table<string, string|number>|false  for base_url, or every host; false: no jar
---@field limit? integer           requests under way at a time; 100 unless said otherwise
---@field limit_per_host? integer  the same for each scheme, host and port
---@field keepalive? number|boolean  seconds for which an unused connection is kept; false: not at all

---Requests that share connections and defaults: `local session <close> = async.session{...}`.
---@param options? saros.SessionOptions
---@return saros.Session
function async.session(options) end

---@class saros.Session
---@field headers table<string, string|number|(string|number)[]|false>  sent with every request; can be changed
---@field cookies saros.Cookies|false
local Session = {}

---As `async.fetch`, with the session's defaults and within its limits.
---@async
---@param url string  a URL, or a path below `base_url`
---@param options? saros.FetchOptions
---@return saros.Response
function Session:fetch(url, options) end

---`fetch` with this method.
---@async
---@param url string
---@param options? saros.FetchOptions
---@return saros.Response
function Session:get(url, options) end

Session.post, Session.put, Session.patch = Session.get, Session.get, Session.get
Session.delete, Session.head, Session.options = Session.get, Session.get, Session.get

---Counts: active, idle, waiting, requests, connections, reused, failed.
---@return table<string, integer>
function Session:stats() end

---Ends what is under way with ClosedError.
function Session:close() end

---@class saros.Cookie
---@field name string
---@field value string
---@field domain? string     nil: of one origin, or of every host
---@field path string
---@field expires? integer   seconds since 1970; nil: when the session ends
---@field secure boolean     for https only
---@field http_only boolean
---@field host_only boolean  for the domain itself, not for those below it

---@class saros.Cookies
local Cookies = {}

---The value of a cookie; of several with this name, of the latest (for the host, where one is named).
---@param name string
---@param host? string
---@return string?
function Cookies:get(name, host) end

---Sets a cookie. Without a domain it goes to the origin of `base_url`, or to every host.
---@param name string
---@param value string|number
---@param attributes? { domain?: string, path?: string, expires?: number, max_age?: number, secure?: boolean, http_only?: boolean }
function Cookies:set(name, value, attributes) end

---@return saros.Cookie[]
function Cookies:all() end

function Cookies:clear() end

---Writes all to a file, in curl's format, that only its owner may read.
---@param path string
function Cookies:save(path) end

---Adds those of such a file.
---@param path string
function Cookies:load(path) end

-- JSON --------------------------------------------------------------------------------------------

---Needs lua-cjson, which is loaded at the first use.
---@class saros.JSON
---@field null lightuserdata  the value null, as an element of a table
local json = {}

async.json = json

---Reads JSON. Integers stay integers, null becomes `async.json.null`. JSONError if it is broken.
---@param text string
---@return any
function json.decode(text) end

---Writes JSON. Keys come sorted; `{}` is an object, `async.json.array {}` an array. JSONError for what
---JSON cannot say: functions, NaN, tables with holes or with keys of both kinds.
---@param value any
---@return string
function json.encode(value) end

---Marks a table as an array, so that it is written as one even when it is empty.
---@generic T: table
---@param t T
---@return T t itself
function json.array(t) end

-- Seeing what happens -----------------------------------------------------------------------------

---All tasks as a tree to print: name, status, where each waits and for what, where it was spawned.
---@return string
function async.tree() end

---Sets who is told of failures that nobody looked at, and of locks that a task left held. The default writes them to standard error.
---@param fn? fun(err: any, task: saros.Task)  nil restores the default
function async.on_error(fn) end

---Warnings on standard error: of a task that holds the loop up, of cancellations that are swallowed,
---of waits in a `__close` that a cancellation makes fail, of scopes without `<close>`, of things the collector had to close. Also `SAROS_DEBUG=1` in the
---environment.
---@param on boolean|{slow?: number}  `slow`: seconds a task may hold the loop
function async.debug(on) end

return async
