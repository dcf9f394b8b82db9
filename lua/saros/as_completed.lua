-- SPDX-License-Identifier: MIT
-- as_completed: an iterator over awaitables in the order in which they end.

local async = require "saros"
local internal = require "saros.internal"

---@class saros
local as_completed = {}

-- Cancels and joins what as_completed has started, when its loop is left: tasks, and false for what was there before.
local Started = {
  __close = function(tasks)
    for _, task in ipairs(tasks) do
      if task then task:cancel() end
    end
    for _, task in ipairs(tasks) do
      if task then task:close() end
    end
  end,
}

---Iterates in the order of completion: `for index, task in async.as_completed(list)`. Functions run as tasks of their
---own, from the first step on; leaving the loop cancels and joins those. Only inside a task; each step waits.
---@param list saros.Awaitable[]
---@return async fun(): integer?, saros.Task|saros.Future next  gives the index in the list and what has ended
function as_completed.as_completed(list)
  if internal.given() == 0 then internal.check_awaitables "as_completed" end -- which says so
  internal.check_awaitables("as_completed", list)
  local items, started = table.move(list, 1, #list, 1, {}), setmetatable({}, Started)
  internal.check_awaitables("as_completed", items) -- the list may have changed while it was copied
  local completions

  -- In the first step, when the loop holds `started`.
  local function start()
    for i, item in ipairs(items) do
      started[i] = false -- so that keeping the task takes no memory
      if type(item) == "function" then
        started[i] = async.spawn(item)
        items[i] = started[i]
      end
    end
    completions = internal.completions(items)
  end

  ---@async
  local function step()
    if not completions then
      internal.checkpoint "as_completed"
      start()
    end
    return completions:next()
  end
  return internal.entry(step), nil, nil, started
end

as_completed.as_completed = internal.entry(as_completed.as_completed)

return as_completed
