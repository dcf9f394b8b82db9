-- SPDX-License-Identifier: MIT
local script = require "spec.support.script"

local SIGINT = 2

-- Runs a script that has to end with `code`, and returns what it printed.
local function prints(source)
  local result = script(source)
  assert.equal("", result.err)
  assert.equal(0, result.code)
  return result.out
end

describe("the first Ctrl-C", function()
  it("raises InterruptError at the await of main, as an ordinary error", function()
    assert.equal("false\tInterruptError\tEINTR\tInterruptError: interrupted\nno error: sleeps on\n", prints[[
async.run(function()
  async.spawn(ctrl_c)
  local ok, err = pcall(async.sleep, 100)
  print(ok, err.name, err.code, tostring(err))
  async.sleep(0.001)
  print("no error: sleeps on")
end)
]])
  end)

  it("is raised by run if main does not catch it", function()
    local result = script[[
local ok, err = pcall(async.run, function()
  async.spawn(ctrl_c)
  async.sleep(100)
end)
print(ok, async.is_error(err, "InterruptError"))
error(err)
]]
    assert.equal("false\ttrue\n", result.out)
    assert.matches("InterruptError", result.err)
    assert.equal(1, result.code)
  end)

  it("lets the cleanup of main and of all tasks run", function()
    assert.equal("main\nchild\nInterruptError: interrupted\n", prints[[
local function finally(fn) return setmetatable({}, {__close = fn}) end
local ok, err = pcall(async.run, function()
  async.spawn(function()
    local _ <close> = finally(function()
      async.shield(function() async.sleep(0.001) end)
      print("child")
    end)
    async.sleep(100)
  end)
  local _ <close> = finally(function()
    async.sleep(0.001)
    print("main")
  end)
  async.spawn(ctrl_c)
  async.sleep(100)
end)
print(err.name .. ": " .. err.message)
]])
  end)

  it("reaches main wherever it comes while other tasks run", function()
    assert.equal("false\tInterruptError: interrupted\n", prints[[
async.run(function()
  async.spawn(function()
    async.sleep(0)
    ctrl_c()
    local sum = 0
    for i = 1, 1e5 do sum = sum + i end
    async.sleep(100)
  end)
  print(pcall(async.future().await, async.future()))
end)
]])
  end)

  it("reaches a main that blocks in the loop", function()
    assert.equal("false\tInterruptError: interrupted\n", prints[[
async.run(function()
  local pipe = on_line("kill -INT $PPID")
  print(pcall(function()
    pipe:write("\n")
    pipe:flush()
    async.sleep(100)
  end))
end)
]])
  end)

  it("reaches a main that waits for a task, which goes on", function()
    assert.equal("false\tInterruptError: interrupted\nunharmed\n", prints[[
async.run(function()
  local future = async.future()
  local task = async.spawn(function() return future:await() end)
  async.spawn(ctrl_c)
  print(pcall(task.await, task))
  future:set("unharmed")
  print(task:await())
end)
]])
  end)

  it("makes gather cancel and join, then comes out of it", function()
    assert.equal("cleaned up\nInterruptError: interrupted\n", prints[[
async.run(function()
  local ok, err = pcall(async.gather, ctrl_c, function()
    local _ <close> = setmetatable({}, {__close = function()
      async.shield(function() async.sleep(0.001) end)
      print("cleaned up")
    end})
    async.sleep(100)
  end)
  print(err)
end)
]])
  end)

  for name, call in pairs{
    gather = "async.gather(task)", map = "async.map({1}, function() return task:await() end)",
    race = "async.race{task}", any = "async.any{task}", wait = "async.wait{task}",
    as_completed = "for _ in async.as_completed{task} do end",
  } do
    it("that was held back comes out of a " .. name .. " that begins behind the shield", function()
      assert.equal("false\tInterruptError: interrupted\nthe run goes on\n", prints([[
async.run(function()
  local task = async.spawn(async.sleep, 100)
  async.sleep(0)
  async.shield(function()
    ctrl_c()
    async.sleep(0.001)
  end)
  print(pcall(function() ]] .. call .. [[ end))
  task:close()
  print("the run goes on")
end)
]]))
    end)
  end

  it("is among the errors of a group, if one of its tasks fails as well", function()
    for _, block in ipairs{"", "async.sleep(100)"} do
      assert.equal("2\ttrue\tInterruptError: interrupted\n", prints([[
local ok, err = pcall(async.run, function()
  local group <close> = async.task_group()
  group:spawn(function()
    pcall(async.sleep, 100)
    error("cleanup failed", 0)
  end)
  group:spawn(ctrl_c)
  ]] .. block .. [[

end)
local has_other = err.errors[1] == "cleanup failed" or err.errors[2] == "cleanup failed"
print(#err.errors, has_other, err:find("InterruptError"))
]]))
    end
  end)

  it("makes a task group cancel and join, then comes out of it", function()
    assert.equal("cleaned up\nInterruptError: interrupted\n", prints[[
local ok, err = pcall(async.run, function()
  local group <close> = async.task_group()
  group:spawn(function()
    local _ <close> = setmetatable({}, {__close = function()
      async.shield(function() async.sleep(0.001) end)
      print("cleaned up")
    end})
    async.sleep(100)
  end)
  group:spawn(ctrl_c)
end)
print(err.name .. ": " .. err.message)
]])
  end)

  it("passes wait_for, and is no TimeoutError", function()
    assert.equal("InterruptError: interrupted\n", prints[[
async.run(function()
  async.spawn(ctrl_c)
  local ok, err = pcall(async.wait_for, function() async.sleep(100) end, 50)
  print(err)
end)
]])
  end)

  it("is held back by a shield until its end", function()
    assert.equal("shielded work is done\nInterruptError: interrupted\n", prints[[
async.run(function()
  local ok, err = pcall(function()
    async.shield(function()
      async.spawn(ctrl_c)
      async.sleep(0.002)
      print("shielded work is done")
    end)
    async.sleep(100)
  end)
  print(err)
end)
]])
  end)

  it("does not take the place of what a shield returns", function()
    assert.equal("result\nInterruptError: interrupted\n", prints[[
async.run(function()
  print(async.shield(function()
    ctrl_c()
    async.sleep(0)
    return "result"
  end))
  local ok, err = pcall(async.sleep, 0)
  print(err)
end)
]])
  end)

  it("is raised once only", function()
    assert.equal("false\ntrue\ntrue\n", prints[[
async.run(function()
  async.spawn(ctrl_c)
  print((pcall(async.sleep, 100)))
  print((pcall(async.sleep, 0.001)))
  print((pcall(async.sleep, 0)))
end)
]])
  end)

  it("is not raised in other tasks that wait", function()
    assert.equal("main\tInterruptError: interrupted\nchild\ttrue\n", prints[[
async.run(function()
  local child = async.spawn(function()
    async.sleep(0.002)
    return true
  end)
  async.spawn(ctrl_c)
  print("main", select(2, pcall(async.sleep, 100)))
  print("child", child:await())
end)
]])
  end)

  it("interrupts Lua code of main that never waits", function()
    assert.equal("false\tInterruptError\tlocal\n", prints[[
async.run(function()
  local kept = "local"
  local ok, err = pcall(function()
    ctrl_c()
    while true do end
  end)
  print(ok, err.name, kept)
  async.sleep(0.001)
end)
]])
  end)

  it("interrupts Lua code that runs when the signal comes, not just what called it", function()
    assert.equal("false\tInterruptError: interrupted\n", prints[[
async.run(function()
  local pipe = on_line("kill -INT $PPID")
  print(pcall(function()
    pipe:write("\n")
    pipe:flush()
    local n = 0
    while true do n = n + 1 end
  end))
end)
]])
  end)

  it("interrupts Lua code of another task that never waits", function()
    local result = script[[
local ok, err = pcall(async.run, function()
  async.spawn(function()
    ctrl_c()
    while true do end
  end)
  async.sleep(0)
  async.sleep(100)
end)
print(async.is_error(err, "InterruptError"))
]]
    assert.equal("true\n", result.out)
    assert.equal(0, result.code)
  end)

  it("interrupts Lua code that never waits though another task was running when it came", function()
    local result = script[[
async.on_error(function() end)
for _, place in ipairs{"main", "a new task", "a task"} do
  local ok, err = pcall(async.run, function()
    local function spin() while true do end end
    async.spawn(ctrl_c)
    if place ~= "main" then async.spawn(spin) end
    if place == "a task" then async.sleep(0) end
    async.sleep(0)
    spin()
  end)
  print(place, async.is_error(err, "InterruptError"))
end
]]
    assert.equal("main\ttrue\na new task\ttrue\na task\ttrue\n", result.out)
    assert.equal(0, result.code)
  end)

  it("spares tasks that soon come to their end, however many those are", function()
    local result = script[[
async.on_error(print)
local ok, err = pcall(async.run, function()
  async.spawn(ctrl_c)
  for _ = 1, 3000 do
    async.spawn(function() for _ = 1, 10000 do end end)
  end
  async.sleep(100)
end)
print(err.name .. ": " .. err.message)
]]
    assert.equal("InterruptError: interrupted\n", result.out)
    assert.equal("", result.err)
  end)

  it("lets a main that was woken have what it waited for, and comes at its next await", function()
    assert.equal("item\tfalse\tInterruptError: interrupted\n", prints[[
async.run(function()
  local queue = async.queue()
  async.spawn(function()
    queue:put("item")
    ctrl_c()
  end)
  local item = queue:get()
  print(item, pcall(async.sleep, 1))
end)
]])
  end)

  it("does no harm when it is held back until the coroutine is gone in which it came", function()
    assert.equal("false\tInterruptError: interrupted\n", prints[[
async.run(function()
  local tasks, total = {}, 3000 -- more than are kept
  for i = 1, total do
    tasks[i] = async.spawn(function()
      async.sleep(0)
      if i == total then ctrl_c() end
    end)
  end
  async.shield(function()
    for i = 1, total do tasks[i]:await() end
    tasks = nil
    collectgarbage()
    collectgarbage()
  end)
  print(pcall(async.sleep, 1))
end)
]])
  end)

  it("reaches main once only if another task holds the processor", function()
    local result = script[[
async.on_error(function() end)
async.run(function()
  local hog = async.spawn(function()
    ctrl_c()
    while true do end
  end)
  local ok, err = pcall(hog.await, hog)
  print(ok, err)
  print(pcall(async.sleep, 0.001))
  print(pcall(async.sleep, 0))
end)
]]
    assert.equal("false\tInterruptError: interrupted\ntrue\ntrue\n", result.out)
    assert.equal(0, result.code)
  end)

  it("interrupts a main that is always ready", function()
    assert.equal("InterruptError: interrupted\n", prints[[
local ok, err = pcall(async.run, function()
  ctrl_c()
  while true do async.sleep(0) end
end)
print(err.name .. ": " .. err.message)
]])
  end)

  it("interrupts a main that awaits what is always there", function()
    assert.equal("InterruptError: interrupted\n", prints[[
local ok, err = pcall(async.run, function()
  local future = async.future()
  future:set(1)
  ctrl_c()
  while true do future:await() end
end)
print(err.name .. ": " .. err.message)
]])
  end)

  it("is raised by run when main has ended, after the cleanup of the others", function()
    assert.equal("cleaned\nInterruptError: interrupted\nfine\n", prints[[
local ok, err = pcall(async.run, function()
  async.spawn(async.shield, function()
    async.sleep(0)
    ctrl_c()
    async.sleep(0.001)
    print("cleaned")
  end)
  async.sleep(0)
  return "result"
end)
print(err.name .. ": " .. err.message)
print(async.run(function() return "fine" end))
]])
  end)

  it("is raised by run when it was held back until main's end", function()
    assert.equal("InterruptError: interrupted\n", prints[[
local ok, err = pcall(async.run, function() return async.shield(ctrl_c) end)
print(err.name .. ": " .. err.message)
]])
  end)

  it("gives way to the error of main", function()
    assert.equal("main's own\n", prints[[
local ok, err = pcall(async.run, function()
  async.shield(ctrl_c)
  error({"main's own"})
end)
print(err[1])
]])
  end)

  it("comes anew in the next run", function()
    assert.equal("InterruptError: interrupted\nInterruptError: interrupted\n", prints[[
for _ = 1, 2 do
  local _, err = pcall(async.run, function()
    async.spawn(ctrl_c)
    async.sleep(100)
  end)
  print(err.name .. ": " .. err.message)
end
]])
  end)
end)

describe("the second Ctrl-C", function()
  it("ends the process", function()
    local result = script[[
async.run(function()
  async.spawn(ctrl_c)
  print((pcall(async.sleep, 100)))
  io.stdout:flush()
  ctrl_c()
  print("not reached")
end)
]]
    assert.equal("false\n", result.out)
    assert.equal(SIGINT, result.signal)
  end)

  it("ends the process though cleanup hangs", function()
    local result = script[[
async.run(function()
  local _ <close> = setmetatable({}, {__close = function()
    io.stdout:write("cleanup\n"):flush()
    async.spawn(ctrl_c)
    async.sleep(100)
  end})
  async.spawn(ctrl_c)
  async.sleep(100)
end)
]]
    assert.equal("cleanup\n", result.out)
    assert.equal(SIGINT, result.signal)
  end)

  it("ends the process even if no Lua code gives way", function()
    local result = script[[
async.run(function()
  local pipe = on_line("while kill -INT $PPID 2>&-; do :; done")
  io.stdout:write("ready\n"):flush()
  pipe:write("\n")
  pipe:flush()
  string.find(("a"):rep(1000), (".-"):rep(30) .. "b") -- takes for ever, in C
end)
]]
    assert.equal("ready\n", result.out)
    assert.equal(SIGINT, result.signal)
  end)
end)

describe("the handler that was there before", function()
  -- What the standalone interpreter makes of Ctrl-C.
  local is_plain_again = [[
local ok, err = pcall(function()
  ctrl_c()
  while true do end
end)
print(ok, type(err) == "string" and err:match("interrupted!$"))
]]

  it("is still there before the first run", function()
    assert.equal("false\tinterrupted!\n", prints(is_plain_again))
  end)

  it("is given back at the end of run", function()
    assert.equal("false\tinterrupted!\n", prints("async.run(async.sleep, 0) " .. is_plain_again))
  end)

  it("is given back after an error, and after an interrupt", function()
    assert.equal("false\tinterrupted!\n", prints([[
pcall(async.run, error, "x")
pcall(async.run, function()
  async.spawn(ctrl_c)
  async.sleep(100)
end)
]] .. is_plain_again))
  end)
end)
