-- SPDX-License-Identifier: MIT
-- What most specs of the runtime start with.

local async = require "saros"

local tasks = {}

-- The body of an `it` that runs as the main task of a run.
function tasks.inside(fn)
  return function()
    async.run(fn)
  end
end

-- The same on a virtual clock.
function tasks.virtually(fn)
  return function()
    require("saros.testing").run(fn)
  end
end

-- What fn(...) raises.
function tasks.caught(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("an error was expected, but none was raised", 2) end
  return err
end

-- The Error object that fn(...) raises.
function tasks.error_of(fn, ...)
  local err = tasks.caught(fn, ...)
  if not async.is_error(err) then error("an Error object was expected, not " .. tostring(err), 2) end
  return err
end

-- Waits for ever.
function tasks.hang()
  async.sleep(math.huge)
end

-- Lets all that can go on without the passing of time do so; `count` is the number of turns.
function tasks.turns(count)
  for _ = 1, count or 10 do async.sleep(0) end
end

-- Waits until condition() holds, which may take a minute on a busy machine; returns whether it does.
function tasks.eventually(condition)
  local limit = os.time() + 60
  while not condition() and os.time() < limit do async.sleep(0.001) end
  return condition()
end

-- Waits until no task is left but this one; returns whether that came to be.
function tasks.others_end()
  return tasks.eventually(function() return #async.all_tasks() == 1 end)
end

-- Spawns fn(...) and lets it run up to its first await.
function tasks.start(fn, ...)
  local task = async.spawn(fn, ...)
  async.sleep(0)
  return task
end

-- Calls body(reports) while failures that nobody looked at go into the list `reports`: {error =, task =}.
function tasks.reported(body)
  local reports = {}
  async.on_error(function(err, task)
    reports[#reports + 1] = {error = err, task = task}
  end)
  local restore <close> = setmetatable({}, {__close = function() async.on_error(nil) end})
  body(reports)
  return reports, restore
end

-- A value that calls fn when its block is left.
function tasks.finally(fn)
  return setmetatable({}, {__close = fn})
end

return tasks
