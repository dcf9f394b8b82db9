-- SPDX-License-Identifier: MIT
-- busted runs small specs in a process of its own, and says what it thinks of them.
local script = require "spec.support.script"
local toolchain = require "spec.embed.toolchain"

local folder

-- Runs busted with these arguments, and without the settings of this project.
local function run_busted(arguments, env)
  local settings = folder:write("settings", "return {}")
  local source = [[
arg = {[0] = "busted", "--config-file=%s", "%s"}
require "busted.runner" {output = "plainTerminal", standalone = false}
]]
  return script(source:format(settings, table.concat(arguments, '", "')), {bare = true, env = env})
end

-- Runs the spec `source`, before which there are two lines. Gives what busted says, the counts and the spec's path.
local function run(source, env)
  local path = folder:write("a_spec.lua", [[
local async = require "saros"
local busted = require "saros.busted"
]] .. source)
  local result = run_busted({path}, env)
  result.path = path
  local counts = table.pack(result.out:match "(%d+) success%l* / (%d+) failures? / (%d+) errors? / (%d+) pending")
  assert(counts.n == 4, result.out .. result.err)
  local names = {"successes", "failures", "errors", "pending"}
  for i, name in ipairs(names) do result[name] = tonumber(counts[i]) end
  return result
end

-- Every test of the spec passes.
local function passes(count, source)
  local result = run(source)
  assert.same({count, 0, 0, 0, ""}, {result.successes, result.failures, result.errors, result.pending, result.err},
    result.out)
end

local function says(text, result)
  assert(result.out:find(text, 1, true), ("'%s' is not in:\n%s"):format(text, result.out))
end

describe("saros.busted", function()
  setup(function() folder = toolchain.open() end)
  teardown(function() folder:close() end)

  it("runs tests, under each of their names, inside the loop", function()
    passes(3, [[
for _, block in ipairs{it, test, spec} do
  block("waits", function()
    async.sleep(3600)
    assert.equal(3600, async.now())
    assert.equal("main", async.current_task():name())
  end)
end
]])
  end)

  it("gives a test one run, from the first before_each to the last after_each", function()
    passes(4, [[
local log = {}
local function note(name)
  return function()
    async.sleep(1)
    log[#log + 1] = name .. math.tointeger(async.now())
  end
end
before_each(note "outer")
after_each(note "after outer")
describe("nested", function()
  before_each(note "first")
  before_each(note "second")
  after_each(note "after inner")
  it("uses all of them", function()
    finally(note "finally")
    note "test" ()
  end)
  describe("deeper", function()
    before_each(note "deepest")
    it("as well", note "test")
  end)
end)
it("has a clock of its own", note "test")
it("checks", function()
  assert.equal("outer1 first2 second3 test4 finally5 after inner6 after outer7 "
    .. "outer1 first2 second3 deepest4 test5 after inner6 after outer7 outer1 test2 after outer3 outer1",
    table.concat(log, " "))
end)
]])
  end)

  it("shares tasks between the blocks of a test, and with no other", function()
    passes(2, [[
local server
before_each(function() server = async.spawn(async.sleep, math.huge) end)
after_each(function() server:close() end)
for _ = 1, 2 do
  it("has it running", function()
    async.sleep(1)
    assert.equal("pending", server:status())
    assert.equal(2, #async.all_tasks())
  end)
end
]])
  end)

  it("runs setup and teardown, strict or lazy, in runs of their own", function()
    passes(1, [[
local log = {}
local function note(name)
  return function()
    async.sleep(1)
    log[#log + 1] = name .. math.tointeger(async.now())
  end
end
describe("group", function()
  setup(note "setup")
  lazy_setup(note "lazy")
  strict_teardown(note "teardown")
  lazy_teardown(note "lazy teardown")
  it("is in between", note "test")
end)
teardown(function()
  assert.equal("setup1 lazy1 test1 lazy teardown1 teardown1", table.concat(log, " "))
end)
]])
  end)

  it("leaves a test alone that is to stay outside", function()
    passes(2, [[
local seen
before_each(function() seen = async.current_task() end)
it("is outside", busted.outside(function()
  assert.is_nil(seen)
  assert.equal(7, async.run(function() return 7 end))
end))
it("is inside", function() assert.equal(async.current_task(), seen) end)
]])
  end)

  it("leaves describe, insulate, expose and pending as they are", function()
    local result = run [[
describe("group", function()
  assert(async.current_task() == nil)
  context("and context", function() it("works", function() async.sleep(1) end) end)
end)
insulate("alone", function()
  package.loaded.something = true
  it("is insulated", function() async.sleep(1) assert.is_true(package.loaded.something) end)
end)
expose("open", function() it("works", function() async.sleep(1) assert.is_nil(package.loaded.something) end) end)
pending("not written")
it("is pending in the middle", function()
  async.sleep(1)
  pending "later"
end)
it("cannot be nested", function() it("x", function() end) end)
]]
    assert.same({3, 0, 1, 2}, {result.successes, result.failures, result.errors, result.pending}, result.out)
    says("later", result)
    says(":17: 'it' not supported inside current context block", result)
  end)

  it("reports failures and errors as busted does, with file and line", function()
    local result = run [[
it("is unequal", function()
  async.sleep(1)
  assert.equal(1, 2)
end)
it("raises", function()
  async.sleep(1)
  error "oops"
end)
it("raises a table", function()
  async.sleep(1)
  error {code = 7}
end)
it("fails in a task", function()
  async.gather(function() error "in a task" end)
end)
describe("group", function()
  before_each(function()
    async.sleep(1)
    error "before"
  end)
  it("does not run", function() print "it runs" end)
end)
]]
    assert.same({0, 1, 4}, {result.successes, result.failures, result.errors}, result.out)
    says(("Failure -> %s @ 3\nis unequal\n%s:5: Expected objects"):format(result.path, result.path), result)
    says(("Error -> %s @ 7\nraises\n%s:9: oops"):format(result.path, result.path), result)
    says(("%s:13: {\n  code = 7\n}"):format(result.path), result)
    says(("%s:16: in a task"):format(result.path), result)
    says(("%s:21: before"):format(result.path), result)
    assert.is_nil(result.out:find "it runs")
  end)

  it("lets a test fail that hangs, and names what everybody waits for", function()
    local result = run [[
it("hangs", function()
  async.spawn(async.sleep, math.huge):set_name "sleeper"
  async.event():wait()
end)
it("works", function() async.sleep(1) end)
]]
    assert.same({1, 0, 1}, {result.successes, result.failures, result.errors}, result.out)
    says(("Error -> %s @ 3\nhangs\n%s:5: DeadlockError: "):format(result.path, result.path), result)
    says(("'main' waits for event at %s:5; 'sleeper' waits for sleep without end at %s:4"):format(
      result.path, result.path), result)
  end)

  it("lets a test fail that takes longer than the limit", function()
    local result = run [[
busted.limit = 1
it("polls", function()
  while true do async.sleep(1) end
end)
it("gives turns", function()
  while true do async.sleep(0) end
end)
it("works", function() async.sleep(3600) end)
]]
    assert.same({1, 0, 2}, {result.successes, result.failures, result.errors}, result.out)
    says(("Error -> %s @ 4\npolls\n%s:5: TimeoutError: the test takes"):format(result.path, result.path), result)
    says(("'main' waits for sleep at %s:5"):format(result.path), result)
    says(("'main' waits for its turn at %s:8"):format(result.path), result)
  end)

  it("lets a test fail that waits for real I/O longer than the limit", function()
    folder:compile("spec/embed/timer_module.c", "timer_module.so")
    local result = run([[
busted.limit = 1
local module = require "timer_module"
local function wait(seconds)
  local alarm <close> = module.alarm()
  alarm:wait(seconds)
end
it("waits", function() wait(3600) end)
it("works", function() wait(0.001) end)
]], {LUA_CPATH_5_4 = folder:cpath()})
    assert.same({1, 0, 1}, {result.successes, result.failures, result.errors}, result.out)
    says("waits\n", result)
    says("TimeoutError: the test takes too long; the waiting tasks: 'main' waits for ", result)
  end)

  it("lets a test fail that leaves something behind, and names it", function()
    local result = run [[
it("leaves a task", function()
  async.spawn(async.sleep, 9):set_name "forgotten"
  async.sleep(1)
end)
describe("group", function()
  after_each(function() async.spawn(async.sleep, 9):set_name "from after_each" end)
  it("leaves nothing itself", function() end)
end)
describe("another", function()
  setup(function() async.spawn(async.sleep, 9):set_name "from setup" end)
  it("does not run", function() print "it runs" end)
end)
]]
    assert.equal(3, result.errors, result.out)
    says(("Error -> %s @ 3\nleaves a task\n%s:3: testing.run: left over"):format(result.path, result.path), result)
    says(("task forgotten: waiting for sleep at %s:4"):format(result.path), result)
    says("group leaves nothing itself", result)
    says("task from after_each", result)
    says("task from setup", result)
    assert.is_nil(result.out:find "it runs")
  end)

  it("does not blame a test that failed for what it left behind", function()
    local result = run [[
it("fails", function()
  async.spawn(async.sleep, 9)
  error "oops"
end)
]]
    assert.same({0, 0, 1}, {result.successes, result.failures, result.errors}, result.out)
    says("oops", result)
    assert.is_nil(result.out:find "left over")
  end)

  it("does nothing for a file that does not ask for it", function()
    local with = folder:write("a_spec.lua", [[
require "saros.busted"
it("waits", function() require("saros").sleep(1) end)
]])
    local without = folder:write("b_spec.lua", [[
it("is outside", function() assert.is_nil(require("saros").current_task()) end)
]])
    for _, option in ipairs{"--auto-insulate", "--no-auto-insulate", "--repeat=2"} do
      says("2 successes / 0 failures / 0 errors", run_busted{with, without, option})
      says("2 successes / 0 failures / 0 errors", run_busted{without, with, option})
    end
  end)

  it("says so where busted does not run", function()
    local result = script([[print(pcall(require, "saros.busted"))]], {bare = true})
    assert.equal("false\tsaros.busted is for specs that busted runs\n", result.out)
  end)
end)
