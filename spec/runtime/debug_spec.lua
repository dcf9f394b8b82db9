-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local caught = require("spec.support.tasks").caught

-- What a script in debug mode writes to standard error. Any step may be slow on a busy machine, so that none is unless
-- slowness is the subject.
local function warnings(source, switch)
  local result = script((switch or "async.debug{slow = 60} ") .. source)
  assert.equal(0, result.code, result.err)
  return result.err, result.path
end

local SLOW = [[
local function slow(seconds)
  local before = async.now()
  while async.now() - before < seconds do end
end
async.run(function()
  async.spawn(slow, 0.02):set_name("hog"):await()
  async.sleep(0)
end)
]]

local SWALLOWING = [[
async.run(function()
  local task = async.spawn(function()
    pcall(async.sleep, 100)
    pcall(async.sleep, 100)
  end):set_name("mule")
  async.sleep(0)
  task:cancel()
  pcall(task.await, task)
end)
]]

describe("debug mode", function()
  it("is silent without cause", function()
    assert.equal("", (warnings[[
local function finally(fn) return setmetatable({}, {__close = fn}) end
async.run(function()
  local group <close> = async.task_group()
  for i = 1, 10 do group:spawn(function() async.sleep(i / 1e4) end) end
  local event, semaphore, queue = async.event(), async.semaphore(1), async.queue()
  local task = async.spawn(function()
    local _ <close> = finally(function() async.shield(async.sleep) end)
    pcall(event.wait, event)
    error("left at once", 0)
  end)
  async.sleep(0)
  local permit <close> = semaphore:acquire()
  local scope <close> = async.timeout(10)
  queue:put(1)
  pcall(async.wait_for, function() async.sleep(100) end, 0.001)
  task:cancel()
  pcall(task.await, task)
  async.spawn(function() async.sleep(0.001) end):close()
  collectgarbage()
  collectgarbage()
end)
]]))
  end)

  it("warns of a task that holds the loop, with its traceback", function()
    local text, path = warnings(SLOW, "async.debug{slow = 0.005} ")
    assert.matches("hog", text)
    assert.matches("has held the loop for %d+%.%d+ s\n", text)
    assert.matches("stack traceback", text)
    assert.matches(path .. ":[34]", text)
  end)

  it("warns of one slow step once", function()
    local text = warnings(SLOW, "async.debug{slow = 0.005} ")
    assert.equal(1, select(2, text:gsub("hog", "")))
  end)

  it("tells the whole time of a slow step, and where it was when that was noticed", function()
    local text, path = warnings([[
local function slow()
  local before = async.now()
  while async.now() - before < 0.5 do end
end
async.run(function()
  async.spawn(function()
    slow()
    local after = async.now()
    while async.now() - after < 0.5 do end
  end):set_name("hog"):await()
end)
]], "async.debug{slow = 0.005} ")
    assert.equal(1, select(2, text:gsub("hog", "")))
    assert.is_true(tonumber(text:match "has held the loop for ([%d.]+) s\n") >= 1)
    assert.matches(path .. ":8:", text, 1, true)
    assert.not_matches(path .. ":10:", text, 1, true)
  end)

  it("warns of a task that held the loop in a C function", function()
    local text = warnings([[
async.run(function()
  async.spawn(function()
    os.execute("sleep 0.05")
    async.sleep(0)
  end):set_name("hog"):await()
end)
]], "async.debug{slow = 0.01} ")
    assert.matches("hog", text)
  end)

  it("does not warn of what takes less than 'slow' seconds", function()
    assert.equal("", (warnings(SLOW, "async.debug{slow = 30} ")))
  end)

  it("does not warn of any time if 'slow' is without end", function()
    assert.equal("", (warnings(SLOW, "async.debug{slow = math.huge} ")))
  end)

  it("warns of a swallowed cancellation, with the place", function()
    local text, path = warnings(SWALLOWING)
    assert.matches("mule", text)
    assert.matches("swallow", text)
    assert.matches(path .. ":%d+", text)
  end)

  -- What a task with that body, which begins in line 2, makes it write when it is cancelled.
  local function cancelled(body)
    return warnings(("async.run(function() local task = async.spawn(function() %s end):set_name('mule')\n" ..
      "async.sleep(0) task:cancel() pcall(task.await, task) end)"):format(body))
  end

  it("warns of the first await after a swallowed one, with the place of that", function()
    local text, path = cancelled "\npcall(async.sleep, 100)\n\nasync.sleep(0)"
    assert.matches("task 'mule' swallowed a cancellation", text, 1, true)
    assert.matches(path .. ":3", text, 1, true)
    assert.not_matches(path .. ":5", text, 1, true)
  end)

  it("warns of a cancellation that a task swallows as its last, too", function()
    local text, path = cancelled "\n\npcall(async.sleep, 100)"
    assert.matches("task 'mule' swallowed a cancellation", text, 1, true)
    assert.matches(path .. ":4", text, 1, true)
  end)

  it("warns of a loop that swallows once", function()
    local text = cancelled "for _ = 1, 9 do pcall(async.sleep, 100) end"
    assert.equal(1, select(2, text:gsub("swallowed", "")))
  end)

  it("warns of a deadline that is swallowed", function()
    local text, path = warnings[[
pcall(async.run, async.wait_for, function()
  pcall(async.sleep, 100)
  async.sleep(0)
end, 0.001)
]]
    assert.matches("task 'main' swallowed a cancellation", text, 1, true)
    assert.matches(path .. ":3", text, 1, true)
  end)

  it("does not warn of a cancellation that passes, or that ends a block as it is meant to", function()
    assert.equal("", (cancelled "local _, err = pcall(async.sleep, 100) error(err, 0)"))
    assert.equal("", (cancelled "async.pcall(async.sleep, 100)"))
    assert.equal("", (cancelled "local group <close> = async.task_group() group:spawn(async.sleep, 9) async.sleep(9)"))
    assert.equal("", (cancelled "async.gather(function() async.sleep(9) end, function() async.sleep(9) end)"))
    assert.equal("", (warnings[[
async.run(function()
  assert(async.wait_for(function() pcall(async.sleep, 100) return "a guess" end, 0.001) == "a guess")
  for _ = 1, 3 do pcall(async.wait_for, function() async.sleep(100) end, 0.001) end
  async.task_group(function(group) group:spawn(async.sleep, 9) group:cancel() async.sleep(9) end)
  async.race{function() end, function() async.sleep(9) end}
  for _ in async.generator(function(yield) yield(1) yield(2) end) do break end
end)
]]))
  end)

  it("warns of a __close that waits in a cancelled scope, with the place of that wait and what to use", function()
    local scopes = {
      "local t <close> = async.timeout(0.001)",
      "local t <close> = async.timeout(50) async.current_task():cancel()",
      "local g <close> = async.task_group() g:cancel()",
    }
    local waits = {
      "_, err", "async.sleep(0.1)",
      "", "async.sleep(0.1)",
      "self", "local a, b, c = 1, 2, 3 async.sleep(a + b + c)",
      "...", "async.gather(print)",
      "", "pcall(function() async.lock():acquire() end)",
    }
    for _, scope in ipairs(scopes) do
      for i = 1, #waits, 2 do
        local text, path = warnings([[
async.run(function()
  local task = async.spawn(function()
]] .. scope .. [[

    local _ <close> = setmetatable({}, {__close = function(]] .. waits[i] .. [[)
      ]] .. waits[i + 1] .. [[

    end})
    async.sleep(100)
  end):set_name("tidy")
  async.wait {task}
  task:error()
end)
]])
        local first, second = text:match(
          "'tidy' waits in a __close.-async%.shield.-here:\n(.-)it was cancelled here:\n(.*)")
        assert.is_string(first, text)
        assert.matches(path .. ":6", first, 1, true)
        assert.matches(path .. ":8", second, 1, true)
        assert.is_nil(text:find("'tidy' swallowed", 1, true), text)
        assert.equal(1, select(2, text:gsub("saros: debug:", "")), text)
      end
    end
    assert.equal("", (warnings[[
async.run(function()
  local task = async.spawn(function()
    local _ <close> = setmetatable({}, {__close = function() async.shield(function() async.sleep(0.001) end) end})
    async.sleep(100)
  end)
  async.sleep(0)
  task:close()
end)
]]))
  end)

  it("takes no function that a task hands its CancelledError for a __close", function()
    assert.matches("swallowed a cancellation and waits again", (warnings[[
async.run(function()
  local task = async.spawn(function()
    local function log(_, err) async.sleep(1) return err end
    local ok, err = pcall(async.sleep, 100)
    local _ = log(ok, err)
  end)
  async.sleep(0)
  task:cancel()
  async.wait {task}
end)
]]), 1, true)
  end)

  it("warns of tasks that are cut off at the end of run", function()
    local text, path = warnings[[
async.run(function()
  async.spawn(async.sleep, 100):set_name("forgotten")
  async.sleep(0)
end)
]]
    assert.matches("forgotten", text)
    assert.matches(path .. ":3", text)
  end)

  it("warns of a timeout made without <close>, although an error hides it", function()
    local text, path = warnings[[
async.run(function()
  pcall(async.wait_for, function()
    local scope = async.timeout(10)
    error("hides it", 0)
  end, 5)
end)
]]
    assert.matches("timeout", text)
    assert.matches(path .. ":4", text, 1, true)
    assert.matches("close", text)
  end)

  it("warns of a task group made without <close>, although an error hides it", function()
    local text, path = warnings[[
async.run(function()
  pcall(function()
    local outer <close> = async.timeout(10)
    local group = async.task_group()
    error("hides it", 0)
  end)
end)
]]
    assert.matches("group", text)
    assert.matches(path .. ":5", text, 1, true)
  end)

  it("warns of a generator that the collector had to close, with the place of creation", function()
    local text, path = warnings[[
async.run(function()
  local step = async.generator(function(yield) yield(1) yield(2) end)
  step()
  step = nil
  collectgarbage()
  collectgarbage()
  async.sleep(0.001)
end)
]]
    assert.matches("generator opened at " .. path .. ":3 was closed by the collector", text, 1, true)
    assert.equal(1, select(2, text:gsub("\n", "")))
  end)

  it("is switched on by SAROS_DEBUG=1 in the environment", function()
    assert.matches("swallow", script(SWALLOWING, {env = {SAROS_DEBUG = "1"}}).err)
  end)

  it("is off without it, and with SAROS_DEBUG=0", function()
    assert.equal("", script(SWALLOWING).err)
    assert.equal("", script(SWALLOWING, {env = {SAROS_DEBUG = "0"}}).err)
  end)

  it("can be switched off again", function()
    assert.equal("", (warnings(SWALLOWING, "async.debug(true) async.debug(false) ")))
    assert.equal("", script("async.debug(false) " .. SWALLOWING, {env = {SAROS_DEBUG = "1"}}).err)
  end)

  it("can be switched inside a run", function()
    local text = warnings([[
async.run(function()
  async.debug(true)
  async.spawn(async.sleep, 100):set_name("forgotten")
end)
]], "")
    assert.matches("forgotten", text)
  end)

  it("does not warn of the step in which it is switched off, nor of tasks that run after that", function()
    assert.equal("", (warnings([[
async.run(function()
  async.spawn(function() async.debug(false) end)
  async.spawn(function()
    local before = async.now()
    while async.now() - before < 1.2 do end
  end)
  async.debug{slow = 1}
  async.sleep(0)
end)
]], "")))
  end)

  it("does not warn of a step that goes on when it has been switched off, nor in coroutines of the user's", function()
    local busy = "local function busy() local before = async.now() while async.now() - before < 1.2 do end end "
    assert.equal("", (warnings(busy .. [[
async.debug{slow = 1}
async.run(function()
  async.spawn(function()
    local co = coroutine.wrap(function()
      while true do coroutine.yield() busy() end
    end)
    co()
    async.debug(false)
    busy()
    async.sleep(0)
    co()
    async.sleep(0)
    co()
  end):await()
end)
]], "")))
  end)

  it("does not change what a program does", function()
    local result = script[[
async.debug{slow = 0}
async.run(function()
  local list = {}
  for i = 1, 100 do list[i] = function() async.sleep(i / 1e6) return i end end
  local sum = 0
  for _, n in ipairs(async.gather(list)) do sum = sum + n end
  print(sum)
end)
]]
    assert.equal("5050\n", result.out)
  end)
end)

describe("async.debug", function()
  it("needs a boolean or a table with known options", function()
    assert.matches("bad argument #1 to 'debug'", caught(async.debug))
    assert.matches("bad argument #1 to 'debug'", caught(async.debug, 1))
    assert.matches("bad argument #1 to 'debug'", caught(async.debug, "on"))
    assert.matches("bad argument #1 to 'debug'.*sluggish", caught(async.debug, {sluggish = 1}))
    assert.matches("bad argument #1 to 'debug'", caught(async.debug, {slow = "1"}))
    assert.matches("bad argument #1 to 'debug'.*NaN", caught(async.debug, {slow = 0 / 0}))
  end)
end)
