-- SPDX-License-Identifier: MIT
-- What a finalizer does, one for each run: all that can be done with what a scenario has made. An action that leaves
-- others without what they wait for `starves` them: then a deadlock is no wonder.
local async = require "saros"
local world = require "spec.finalizers.world"

local actions = {}

local function action(name, run, starves)
  actions[#actions + 1] = {name = name, run = run, starves = starves}
end

-- Calls a method of each object; what it raises does not matter.
local function each(objects, method, ...)
  for i = 1, #objects do pcall(objects[i][method], objects[i], ...) end
end

local function nothing() end

action("cancel all tasks", function() each(world.tasks, "cancel", "by a finalizer") end)

action("cancel the task that runs", function()
  local task = async.current_task()
  if task then task:cancel() end
end)

action("cancel the last task", function()
  local task = world.tasks[#world.tasks]
  if task then task:cancel() end
end)

action("find all tasks", function()
  local tasks = async.all_tasks()
  async.tree()
  if tasks[1] then tasks[#tasks]:cancel() end
end)

action("cancel groups", function() each(world.groups, "cancel") end)
action("close scopes", function() each(world.scopes, "close") end)
action("close groups", function() each(world.groups, "close") end)
action("let deadlines pass", function() each(world.scopes, "reschedule", 0) end)

action("spawn", function()
  for _ = 1, 150 do pcall(async.spawn, nothing) end
end)

action("spawn in groups", function() each(world.groups, "spawn", async.sleep, 1) end)

action("call back", function()
  for _, task in ipairs(world.tasks) do pcall(task.on_done, task, nothing) end
end)

action("set futures", function() each(world.futures, "set", 1, 2) end)
action("fail futures", function() each(world.futures, "fail", "by a finalizer") end)
action("cancel futures", function() each(world.futures, "cancel", "by a finalizer") end)

action("call back from futures", function()
  for _, future in ipairs(world.futures) do pcall(future.on_done, future, nothing) end
end)

action("set events", function() each(world.events, "set") end)
action("clear events", function() each(world.events, "clear") end, true)
action("notify", function() each(world.conditions, "notify_all") end)

-- What was acquired is given back later, at once where that is not possible.
action("take permits", function()
  for _, semaphore in ipairs(world.semaphores) do
    local permit = semaphore:try_acquire()
    local function give_back()
      async.sleep(1)
      permit:release()
    end
    if permit and not pcall(async.spawn, give_back) then permit:release() end
  end
end)

action("give permits back", function() each(world.permits, "release") end)
action("take locks", function() each(world.locks, "try_acquire") end, true)
action("put", function() each(world.queues, "try_put", 5) end)
action("take items", function() each(world.queues, "try_get") end, true)

action("take items and put them back", function()
  for _, queue in ipairs(world.queues) do
    local item = queue:try_get()
    if item ~= nil then pcall(queue.try_put, queue, item) end
  end
end, true)

action("drain queues", function() each(world.queues, "drain") end, true)

action("close queues", function() each(world.queues, "close") end)

action("look", function()
  async.all_tasks()
  async.tree()
  async.tree_svg()
  for _, kind in ipairs{"tasks", "groups", "scopes", "futures", "semaphores", "locks", "queues"} do
    for _, object in ipairs(world[kind]) do tostring(object) end
  end
  each(world.tasks, "traceback")
  each(world.tasks, "error")
end)

action("change lists", function()
  for _, list in ipairs(world.lists) do
    list[1] = 42
    list[#list] = nil
  end
end)

action("close files", function() each(world.files, "close") end)
action("close sessions", function() each(world.sessions, "close") end)
action("close responses", function() each(world.responses, "close") end)

action("read responses", function()
  for _, response in ipairs(world.responses) do
    local ok, bytes = pcall(response.read, response)
    if ok and bytes then world.bytes = world.bytes + #bytes end
  end
end)

action("close sockets", function()
  for _, kind in ipairs{"streams", "servers", "sockets"} do each(world[kind], "close") end
end)

action("abort streams", function() each(world.streams, "abort") end)

action("look at sockets", function()
  for _, kind in ipairs{"streams", "servers", "sockets"} do
    for _, object in ipairs(world[kind]) do tostring(object) end
    each(world[kind], "address")
  end
  for _, method in ipairs{"peer", "closed", "tls_info"} do each(world.streams, method) end
end)

action("resume coroutines", function()
  for _, thread in ipairs(world.coroutines) do async.coroutine.resume(thread) end
end)

action("close coroutines", function()
  for _, thread in ipairs(world.coroutines) do pcall(async.coroutine.close, thread) end
end)

action("run", function() pcall(async.run, nothing) end)

return actions
