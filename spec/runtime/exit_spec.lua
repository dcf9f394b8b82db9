-- SPDX-License-Identifier: MIT
local script = require "spec.support.script"

-- Runs a script, which has to end with `code` and nothing on standard error, and returns what it printed.
local function prints(source, code, bare)
  local result = script(source, {bare = bare})
  assert.equal("", result.err)
  assert.equal(code or 0, result.code)
  return result.out
end

describe("os.exit(code, true)", function()
  it("is safe in main", function()
    assert.equal("before\n", prints([[
async.run(function()
  print("before")
  os.exit(7, true)
  print("after")
end)
]], 7))
  end)

  it("is safe in a task while others wait for everything there is", function()
    assert.equal("", prints([[
async.run(function()
  local event, queue, full, semaphore = async.event(), async.queue(), async.queue(1), async.semaphore(1)
  local future, lock = async.future(), async.lock()
  full:put(1)
  semaphore:acquire()
  local waits = {
    function() async.sleep(100) end,
    function() async.sleep(math.huge) end,
    function() event:wait() end,
    function() queue:get() end,
    function() full:put(2) end,
    function() semaphore:acquire() end,
    function() future:await() end,
    function() local permit <close> = lock:acquire() async.sleep(100) end,
    function() async.sleep(0) lock:acquire() end,
    function() async.gather(function() async.sleep(100) end, function() event:wait() end) end,
    function() async.race{function() async.sleep(100) end, function() event:wait() end} end,
    function() async.wait_for(function() async.sleep(100) end, 50) end,
    function() async.shield(function() async.sleep(100) end, 50) end,
    function() local group <close> = async.task_group() group:spawn(async.sleep, 100) end,
    function() local scope <close> = async.timeout(50) async.sleep(100) end,
    function() for _ in async.as_completed{function() async.sleep(100) end} do end end,
  }
  local list = {}
  for i, wait in ipairs(waits) do list[i] = async.spawn(wait) end
  list[1]:on_done(print)
  for _ = 1, 5 do async.sleep(0) end
  for _, task in ipairs(list) do assert(task:status() == "pending") end
  async.spawn(function() os.exit(3, true) end)
  async.sleep(100)
end)
]], 3))
  end)

  it("is safe with tasks that have not started, have failed or are being cancelled", function()
    local result = script[[
async.on_error(function() end)
async.run(function()
  local failed, cancelled = async.spawn(error, "x"), async.spawn(async.sleep, 100)
  async.sleep(0)
  cancelled:cancel()
  async.spawn(print, "not started")
  os.exit(4, true)
end)
]]
    assert.equal(4, result.code)
    assert.equal("", result.out)
  end)

  it("is safe inside a coroutine of one's own, inside a task", function()
    assert.equal("", prints([[
async.run(function()
  async.spawn(async.sleep, 100)
  async.sleep(0)
  coroutine.wrap(function() os.exit(5, true) end)()
end)
]], 5))
  end)

  it("is safe in cleanup at the end of run", function()
    assert.equal("", prints([[
async.run(function()
  async.spawn(function()
    local _ <close> = setmetatable({}, {__close = function() os.exit(6, true) end})
    async.sleep(100)
  end)
  async.spawn(async.sleep, 100)
  async.sleep(0)
end)
]], 6))
  end)

  it("is safe when the run is over", function()
    assert.equal("", prints([[
async.run(function() async.spawn(async.sleep, 100) end)
os.exit(8, true)
]], 8))
  end)

  it("is safe after an error", function()
    assert.equal("", prints([[
pcall(async.run, function()
  async.spawn(async.sleep, 100)
  error("x")
end)
os.exit(9, true)
]], 9))
  end)

  it("runs the finalizers of what tasks held", function()
    assert.equal("finalized\n", prints([[
async.run(function()
  async.spawn(function()
    local held = setmetatable({}, {__gc = function() print("finalized") end})
    async.sleep(100)
    return held
  end)
  async.sleep(0)
  os.exit(true, true)
end)
]]))
  end)

  it("lets finalizers use what the tasks were waiting for", function()
    assert.equal("late\nearly\n", prints([[
local kept = {}
local function touch(name)
  return setmetatable({}, {__gc = function()
    kept.event:set()
    kept.queue:try_put(1)
    kept.future:set(1)
    kept.task:cancel()
    assert(async.now() and tostring(kept.task))
    print(name)
  end})
end
kept.early = touch "early"
async.run(function()
  kept.event, kept.queue, kept.future = async.event(), async.queue(), async.future()
  kept.late = touch "late"
  async.spawn(function() kept.event:wait() end)
  async.spawn(function() kept.queue:get() end)
  async.spawn(function() kept.future:await() end)
  kept.task = async.spawn(async.sleep, 100)
  async.sleep(0)
  os.exit(true, true)
end)
]]))
  end)

  it("is survived by finalizers older than saros itself", function()
    assert.equal("sleep: false\nspawn: false\ncancel\n", prints([[
local async, inner, outer, event
Held = setmetatable({}, {__gc = function()
  print("sleep: " .. tostring((pcall(async.sleep, 1))))
  print("spawn: " .. tostring((pcall(async.spawn, print))))
  outer:cancel()
  inner:cancel()
  event:set()
  print(type(inner:traceback() .. tostring(inner) .. async.tree()) == "string" and "cancel")
end})
async = require "saros"
event = async.event()
async.run(function()
  outer = async.spawn(async.wait_for, function()
    local group <close> = async.task_group()
    inner = group:spawn(event.wait, event)
    async.gather(function() event:wait() end)
  end, 100)
  async.sleep(0)
  async.sleep(0)
  os.exit(true, true)
end)
]], 0, true))
  end)
end)

describe("os.exit(code) and the end of the script", function()
  it("are safe inside a task", function()
    assert.equal("", prints([[
async.run(function()
  async.spawn(async.sleep, 100)
  async.sleep(0)
  os.exit(2)
end)
]], 2))
  end)

  it("come without noise if saros was loaded but never run", function()
    assert.equal("", prints "local task, event = async.current_task(), async.event() event:set()")
  end)
end)

describe("run", function()
  it("can be called a thousand times, and keeps nothing", function()
    assert.equal("flat\n", prints[[
local function once()
  async.run(function()
    local event = async.event()
    for _ = 1, 20 do async.spawn(function() event:wait() end) end
    async.gather(function() async.sleep(0) end, function() event:set() end)
    async.spawn(async.sleep, 100)
  end)
end
local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end
for _ = 1, 100 do once() end
local before = memory()
for _ = 1, 1000 do once() end
local grown = memory() - before
print(grown < 4 and "flat" or grown)
]])
  end)

  it("does not use up file descriptors", function()
    assert.equal("done\n", prints[[
for _ = 1, 3000 do async.run(async.sleep, 0) end
print("done")
]])
  end)

  it("gives the memory of many tasks back when they have ended", function()
    assert.equal("flat\n", prints[[
local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end
local function many(count)
  async.run(function()
    for _ = 1, count / 1000 do
      local list = {}
      for i = 1, 1000 do list[i] = async.spawn(async.sleep, 0) end
      for i = 1, 1000 do list[i]:await() end
    end
  end)
end
many(1000)
local before = memory()
many(100000)
local grown = memory() - before
print(grown < 16 and "flat" or grown)
]])
  end)

  it("gives the memory of many tasks back that all waited at once", function()
    assert.equal("flat\n", prints[[
local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end
local function many(count)
  async.run(function()
    local event = async.event()
    for _ = 1, count do async.spawn(event.wait, event) end
    async.sleep(0)
    event:set()
    async.sleep(0)
  end)
end
many(100)
local before = memory()
many(30000)
local grown = memory() - before
print(grown < 16 and "flat" or grown)
]])
  end)

  it("gives memory back within the run, too", function()
    assert.equal("flat\n", prints[[
local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end
async.run(function()
  local function batch()
    local list = {}
    for i = 1, 1000 do list[i] = async.spawn(async.sleep, 0) end
    for i = 1, 1000 do list[i]:await() end
  end
  batch()
  local before = memory()
  for _ = 1, 50 do batch() end
  local grown = memory() - before
  print(grown < 64 and "flat" or grown)
end)
]])
  end)
end)
