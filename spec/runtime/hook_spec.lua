-- SPDX-License-Identifier: MIT
-- Hooks of the user's own: of debuggers, profilers, and of what measures coverage.
local async = require "saros"
local script = require "spec.support.script"

-- A program that counts the lines of itself that a hook sees, and prints how often it saw those marked with a name.
local PRELUDE = [[
local hits, marks, number = {}, {}, 0
local source = debug.getinfo(1, "S").source:sub(2)
for line in io.lines(source) do
  number = number + 1
  local mark = line:match "%-%- (%w+)$"
  if mark then marks[number] = mark end
end
local function hook(_, line)
  local mark = debug.getinfo(2, "S").source:sub(2) == source and marks[line]
  if mark then hits[mark] = (hits[mark] or 0) + 1 end
end
local _ = hook
]]

local function counts(program)
  local result = script(PRELUDE .. program .. [[

debug.sethook()
local list = {}
for name, count in pairs(hits) do list[#list + 1] = name .. "=" .. count end
table.sort(list)
print(table.concat(list, " "))
]])
  assert.equal(0, result.code, result.err)
  return (result.out:gsub("\n$", ""))
end

describe("a hook", function()
  it("that was set before run sees every line of every task, whichever coroutine that has", function()
    assert.equal("block=10 gathered=3 late=1 main=1 spawned=10 woken=10", counts[[
debug.sethook(hook, "l")
async.run(function()
  local _ = 1 -- main
  local tasks = {}
  for i = 1, 10 do
    tasks[i] = async.spawn(function()
      local _ = 1 -- spawned
      async.sleep(0)
      local _ = 1 -- woken
      do local _ <close> = setmetatable({}, {__close = function()
        local _ = 1 -- block
      end}) end
    end)
  end
  async.wait(tasks)
  local function body()
    local _ = 1 -- gathered
  end
  async.gather(body, body, body)
  async.spawn(function()
    local _ = 1 -- late
  end):await()
end)]])
  end)

  it("that is not set any more sees no task of the next run", function()
    assert.equal("first=1", counts[[
debug.sethook(hook, "l")
async.run(function()
  local _ = 1 -- first
end)
debug.sethook()
async.run(function()
  local _ = 1 -- second
end)]])
  end)

  it("that a task sets or removes is that of this task alone", function()
    assert.equal("own=1", counts[[
async.run(function()
  async.spawn(function()
    debug.sethook(hook, "l")
    local _ = 1 -- own
  end):await()
  for _ = 1, 3 do
    async.spawn(function()
      local _ = 1 -- others
    end)
  end
  async.sleep(0)
end)]])
    assert.equal("others=3", counts[[
debug.sethook(hook, "l")
async.run(function()
  async.spawn(function()
    debug.sethook()
    local _ = 1 -- own
  end):await()
  async.spawn(debug.sethook, print, "l"):await()
  for _ = 1, 3 do
    async.spawn(function()
      local _ = 1 -- others
    end)
  end
  async.sleep(0)
end)]])
  end)

  it("is there again after Ctrl-C", function()
    assert.equal("after=2", counts[[
debug.sethook(hook, "l")
pcall(async.run, function()
  pcall(function()
    ctrl_c()
    while true do end
  end)
  local _ = 1 -- after
  async.spawn(function()
    local _ = 1 -- after
  end):await()
end)]])
  end)

  it("does not keep Ctrl-C from Lua code that never waits", function()
    assert.equal("", counts[[
debug.sethook(hook, "l")
assert(not pcall(async.run, function()
  async.spawn(ctrl_c)
  async.spawn(function() while true do end end)
  async.sleep(100)
end))]])
  end)

  it("does no harm in a coroutine that was made while Ctrl-C was on its way", function()
    assert.equal("", counts[[
local co
pcall(async.run, function()
  async.spawn(function()
    ctrl_c()
    co = coroutine.wrap(function() for i = 1, 1e6 do if i % 1e5 == 0 then coroutine.yield(i) end end end)
    co()
    while true do end
  end)
  async.sleep(100)
end)
for _ = 1, 9 do co() end]])
  end)

  it("of every kind, costs no task its result", function()
    async.run(function()
      debug.sethook(function() end, "crl", 1)
      assert.same({1, 2}, {async.gather(function() return 1 end, function() return 2 end)})
      debug.sethook()
    end)
  end)
end)
