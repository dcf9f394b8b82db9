---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/sync: futures, locks and their like, queues. Never loaded at run time. Their
-- method `with` is in saros/with.lua.

---@class saros
local async = {}

---A result that somebody else brings: the bridge to code that works with callbacks.
---@return saros.Future
function async.future() end

---A result, or an error, to come.
---@class saros.Future
local Future = {}

---Settles it with results.
---@param ... any
---@return boolean effect  false if it was settled already
function Future:set(...) end

---Settles it with an error. If nobody ever looks at that it is reported (see `on_error`).
---@param err any  nil too, but it must be given
---@return boolean effect  false if it was settled already
function Future:fail(err) end

---Waits until it is settled; returns the results or raises the error. Any number of tasks may await it.
---@async
---@return any ...
function Future:await() end

---Whether it is settled.
---@return boolean
function Future:done() end

---What `await` gives, without waiting. Raises a string while it is pending.
---@return any ...
function Future:result() end

---Settles it with a CancelledError, which is an ordinary error for those who await it.
---@param reason? any  found in the error as `reason`
---@return boolean effect  false if it was settled already
function Future:cancel(reason) end

---Calls `fn(future)` in a later turn once it is settled, as a task of its own. That does not look at a failure.
---@param fn async fun(future: saros.Future)
---@return saros.Future self
function Future:on_done(fn) end

-- Semaphores, locks -------------------------------------------------------------------------------

---Something held until it is released: `local permit <close> = semaphore:acquire()`.
---@class saros.Permit
local Permit = {}

---Gives it back; the second time does nothing. The end of a `<close>` variable does the same. That of a
---lock raises if another task than its owner calls it.
function Permit:release() end

---The same as `release`.
function Permit:close() end

---At most `n` hold it at a time; who waits is served in order.
---@param n integer  at least 1
---@return saros.Semaphore
function async.semaphore(n) end

---A number of permits.
---@class saros.Semaphore
local Semaphore = {}

---Waits for a permit; one for `n` is had all at once, in its turn, and gives back as many.
---@async
---@param n? integer  1 unless given, at most the size
---@return saros.Permit
function Semaphore:acquire(n) end

---A permit if it can be had at once, nil otherwise.
---@param n? integer  1 unless given, at most the size
---@return saros.Permit?
function Semaphore:try_acquire(n) end

---Gives back without a permit. Raises a string if more are released than were acquired.
---@param n? integer  1 unless given, at most the size
function Semaphore:release(n) end

---How many can be had at once.
---@return integer
function Semaphore:available() end

---How many tasks wait for permits.
---@return integer
function Semaphore:waiting() end

---One task holds it at a time. If its owner ends without releasing it, it is released and that is
---reported.
---@return saros.Lock
function async.lock() end

---Mutual exclusion between tasks.
---@class saros.Lock
local Lock = {}

---Waits for the lock. DeadlockError if this task holds it already, or its owner waits for this task.
---@async
---@return saros.Permit
function Lock:acquire() end

---A permit if the lock is free, nil otherwise. Only inside a task.
---@return saros.Permit?
function Lock:try_acquire() end

---Gives the lock back without its permit. Raises a string unless the calling task holds it.
function Lock:release() end

---Whether some task holds it.
---@return boolean
function Lock:locked() end

---How many tasks wait for it.
---@return integer
function Lock:waiting() end

-- Waiting for others ------------------------------------------------------------------------------

---A flag that tasks can wait for.
---@return saros.Event
function async.event() end

---A flag, which is not set at first.
---@class saros.Event
local Event = {}

---Sets it and wakes all who wait, even if `clear` follows at once.
function Event:set() end

---Takes it back: who waits from now on waits for the next `set`.
function Event:clear() end

---Whether it is set.
---@return boolean
function Event:is_set() end

---Waits until it is set; returns at once if it is.
---@async
function Event:wait() end

---How many tasks wait for it.
---@return integer
function Event:waiting() end

---Waits for something to become true that other tasks change under a lock. A notification ends one
---wait; if the task that was notified is cancelled before it has the lock, the next one gets it.
---@param lock? saros.Lock  one of its own if none is given
---@return saros.Condition
function async.condition(lock) end

---All but `acquire`, `locked`, `waiting` and `with` raise a string unless the calling task holds the lock.
---@class saros.Condition
local Condition = {}

---Waits for the lock, as `lock:acquire`.
---@async
---@return saros.Permit
function Condition:acquire() end

---Releases the lock.
function Condition:release() end

---Whether some task holds the lock.
---@return boolean
function Condition:locked() end

---Gives the lock up until it is notified. Holds it again however it ends, by cancellation too.
---@async
function Condition:wait() end

---Waits until `predicate()`, called with the lock held, is true.
---@async
---@generic T
---@param predicate async fun(): T
---@return T value  of the predicate
function Condition:wait_for(predicate) end

---Wakes the oldest waiters; each goes on when it has the lock.
---@param n? integer  how many, 1 unless said otherwise
function Condition:notify(n) end

---Wakes all waiters.
function Condition:notify_all() end

---How many tasks wait to be notified.
---@return integer
function Condition:waiting() end

---A place where `n` tasks wait for each other, again and again.
---@param n integer  at least 1
---@return saros.Barrier
function async.barrier(n) end

---A place to meet.
---@class saros.Barrier
local Barrier = {}

---Waits until `n` tasks do. A waiter that is cancelled leaves; the others go on waiting, and it does
---not count in the order of arrival.
---@async
---@return integer number  in the order of arrival, 1 to n
function Barrier:wait() end

---How many tasks wait at it.
---@return integer
function Barrier:waiting() end

-- Queues ------------------------------------------------------------------------------------------

---Values handed from task to task, in order.
---@param maxsize? integer  from 1; `put` waits while there are so many; nil for no limit
---@return saros.Queue
function async.queue(maxsize) end

---As `queue`, but gives the newest value first.
---@param maxsize? integer  nil for no limit
---@return saros.Queue
function async.lifo_queue(maxsize) end

---As `queue`, but gives the least value first, equal ones in order of arrival. An error in `less` is
---raised by the `put` or `get` that compares, which then has done nothing. `less` must not use the queue.
---@param maxsize? integer  nil for no limit
---@param less? fun(a: any, b: any): boolean  the operator `<` unless given; must not wait
---@return saros.Queue
function async.priority_queue(maxsize, less) end

---Can be iterated: `for value in queue do`. The end of a `<close>` variable closes it.
---@class saros.Queue
---@operator call: any
local Queue = {}

---Waits while the queue is full. ClosedError after `close`.
---@async
---@param value any  not nil
function Queue:put(value) end

---The next value, waiting for one; nil once the queue is closed and drained.
---@async
---@return any value
function Queue:get() end

---Puts the value if there is room. ClosedError after `close`.
---@param value any  not nil
---@return boolean taken  false if the queue is full
function Queue:try_put(value) end

---The next value, nil if there is none now.
---@return any value
function Queue:try_get() end

---How many values are in it.
---@return integer
function Queue:size() end

---How many values it takes.
---@return integer? maxsize  nil for no limit
function Queue:maxsize() end

---Whether there is no value in it.
---@return boolean
function Queue:empty() end

---Whether there is no room for one more.
---@return boolean
function Queue:full() end

---Says that one value that was got has been dealt with. Raises a string if called once too often.
function Queue:task_done() end

---Waits until everything that was put has been dealt with.
---@async
function Queue:join() end

---All values that are there, as a list, the next one first. What tasks wait to put moves into the room. `task_done`
---is still due for each.
---@return any[]
function Queue:drain() end

---No more values: putters get ClosedError, getters what is there and then nil. The second time does
---nothing. With `discard` what is there is dropped and counts as dealt with.
---@param options? {discard?: boolean}
function Queue:close(options) end

---How many tasks wait for a value, or for room. Who waits in `join` does not count.
---@return integer
function Queue:waiting() end

---`for value in queue:items() do`, until the queue is closed and drained.
---@return async fun(): any
function Queue:items() end

-- Rates -------------------------------------------------------------------------------------------

---At most `n` pass in any stretch of time as long as the period; who waits is served in order.
---@param n integer  at least 1
---@param period number  seconds
---@return saros.RateLimiter
function async.rate_limiter(n, period) end

---A sliding window.
---@class saros.RateLimiter
local RateLimiter = {}

---Waits until one more may pass. There is nothing to give back.
---@async
function RateLimiter:acquire() end

---How many tasks wait for their turn.
---@return integer
function RateLimiter:waiting() end

-- Signals -----------------------------------------------------------------------------------------

---An iterator over the signals that the process gets from now on, by their full names:
---`for name in async.signals("SIGHUP", "SIGTERM") do`. Leaving the loop puts back what was there before, and so does
---`close`.
---As long as it listens for SIGINT, Ctrl-C raises no InterruptError. A task that waits for a signal is in no deadlock.
---@param name string  "SIGHUP", or "HUP"
---@param ... string
---@return saros.Signals next
---@return nil
---@return nil
---@return saros.Signals closing
function async.signals(name, ...) end

---Those that have come and nobody has taken wait in order, up to 64; more merge.
---@class saros.Signals
---@overload async fun(): string?
local Signals = {}

---Listens no more: who waits, or asks later, gets nil. Can be called again.
function Signals:close() end
