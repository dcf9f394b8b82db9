-- SPDX-License-Identifier: MIT
-- What the specs of the combinators and of the synchronisation objects share.

local assert = require "luassert"
local async = require "saros"
local testing = require "saros.testing"
local bodies = require "spec.support.bodies"
local tasks = require "spec.support.tasks"

local support = {}

--- The body of a spec: `fn` as the main task of a run with a virtual clock. A task that is left over
--- at its end is a failure of the spec.
support.inside = tasks.virtually

--- How many tasks there are beside the running one.
function support.others()
  return #async.all_tasks() - 1
end

--- Spawns `fn(...)` and lets it, and everybody else, run until all wait.
function support.started(fn, ...)
  local task = async.spawn(fn, ...)
  testing.settle()
  return task
end

--- Waits for the end of a task: its status, and its error (nil if it is done).
function support.outcome(task)
  async.wait({task})
  return task:status(), task:error()
end

--- Calls `fn(...)`, which has to fail, and returns the error.
support.failure = tasks.caught

--- The same; the error has to be an Error object of that name.
function support.raises(name, fn, ...)
  local err = support.failure(fn, ...)
  assert(async.is_error(err, name), ("%s expected, got %s"):format(name, tostring(err)))
  return err
end

--- `fn(...)` has to fail with a CancelledError of the running task.
function support.is_cancelled(fn, ...)
  local err = support.raises("CancelledError", fn, ...)
  assert.equal(async.current_task(), err.task)
  return err
end

--- `fn(...)`, called by pcall itself, has to refuse its argument `number` and to name itself.
function support.refuses(number, name, fn, ...)
  local message = support.failure(fn, ...)
  assert.is_string(message)
  assert.matches(("bad argument #%d to '[%%w_:]*%s'"):format(number, name), message)
  return message
end

--- `fn(...)` has to fail with a string that names the function.
function support.complains(name, fn, ...)
  local message = support.failure(fn, ...)
  assert.is_string(message)
  assert.matches(name, message, 1, true)
  return message
end

--- Calling `fn` again and again, though it never really waits, must let the other tasks run.
function support.starves_nobody(fn)
  local ran = false
  async.spawn(function() ran = true end)
  for _ = 1, 1e5 do
    fn()
    if ran then return end
  end
  error("the other tasks never had a turn", 2)
end

--- A function that waits cannot be called here: neither outside of a run, nor in a coroutine of one's
--- own, nor below a C function. `make` gives the function to be called.
function support.needs_a_task(name, make)
  support.complains(name, make())
  testing.run(function()
    local call = make()
    local co = coroutine.wrap(function()
      return support.complains(name, call)
    end)
    co()
    table.sort({1, 2}, function(a, b)
      support.complains(name, call)
      return a < b
    end)
    assert.equal(0, support.others())
  end)
end

--- Seconds that `fn(...)` takes, to the millisecond.
function support.seconds(fn, ...)
  local before = async.now()
  fn(...)
  return math.floor((async.now() - before) * 1000 + 0.5) / 1000
end

support.after, support.failing = bodies.after, bodies.failing

--- Puts these into a queue, which is returned.
function support.fill(queue, ...)
  for _, value in ipairs({...}) do queue:put(value) end
  return queue
end

--- What is left in a queue, without waiting.
function support.drain(queue)
  local items = {}
  while not queue:empty() do items[#items + 1] = queue:try_get() end
  return items
end

--- A function that waits for ever; its cleanup takes a second and leaves `name` in the list.
function support.lingering(list, name)
  return function()
    local _ <close> = setmetatable({}, {
      __close = function()
        async.shield(function() async.sleep(1) end)
        list[#list + 1] = name
      end,
    })
    async.sleep(math.huge)
  end
end

--- The errors that are reported while `fn(...)` runs, and at the end of a run in it.
function support.reported(fn, ...)
  local reports = {}
  async.on_error(function(err) reports[#reports + 1] = err end)
  local ok, err = pcall(fn, ...)
  collectgarbage()
  async.on_error(nil)
  if not ok then error(err, 0) end
  return reports
end

--- Of futures that are set in one turn, in whatever order, `combinator` takes the first in the list.
function support.check_one_turn(combinator)
  for _, order in ipairs {{1, 2, 3}, {3, 2, 1}, {2, 1, 3}, {3, 1, 2}} do
    local futures = {async.future(), async.future(), async.future()}
    async.spawn(function()
      for _, i in ipairs(order) do futures[i]:set(i) end
    end)
    assert.equal(1, combinator(futures))
  end
end

--- A future that is set in a later turn than the winner is left alone by `combinator`.
function support.check_later_turn(combinator)
  local first, second = async.future(), async.future()
  async.spawn(function()
    second:set "second"
    async.sleep(0)
    first:set "first"
  end)
  assert.equal("second", combinator {first, second})
  testing.settle()
  assert.equal("first", first:result())
end

return support
