-- SPDX-License-Identifier: MIT
local script = require "spec.support.script"

-- Runs busted, in a process of its own, on a spec of that source; gives what it printed.
local function outcome(source, header)
  local path = os.tmpname() .. "_spec.lua"
  local file <close> = assert(io.open(path, "w"))
  file:write(header or 'require "saros.busted" local async = require "saros"\n', source)
  file:close()
  local result = script(([[
arg = {[0] = "busted", "--ignore-lua", "-o", "plainTerminal", "--cpath=%s", "%s"}
require "busted.runner"({standalone = false})
]]):format(package.cpath, path), {bare = true})
  os.remove(path)
  return result.out .. result.err
end

local function counts(text)
  return text:match("(%d+) success%a* / (%d+) failure%a* / (%d+) error")
end

describe("saros.busted", function()
  it("runs each test in a loop, on a virtual clock", function()
    local text = outcome [[
it("waits an hour", function()
  local start = async.now()
  async.sleep(3600)
  assert.equal(3600, async.now() - start)
end)
it("has a loop of its own", function() assert.equal(1, #async.all_tasks()) end)
]]
    assert.same({"2", "0", "0"}, {counts(text)}, text)
  end)

  it("has one run from before_each to after_each, finally included", function()
    local text = outcome [[
local task, log = nil, {}
before_each(function()
  async.sleep(1)
  task = async.spawn(async.sleep, 60)
end)
after_each(function()
  log[#log + 1] = task:status()
  task:close()
end)
describe("inside", function()
  before_each(function() assert.equal("pending", task:status()) end)
  it("has the task", function()
    finally(function() async.sleep(1) log[#log + 1] = "finally" end)
    assert.equal("pending", task:status())
  end)
end)
it("has seen it in order", function() assert.same({"finally", "pending"}, log) end)
]]
    assert.same({"2", "0", "0"}, {counts(text)}, text)
  end)

  it("runs setups and teardowns in loops too", function()
    local text = outcome [[
local log = {}
setup(function() async.sleep(1) log[#log + 1] = "setup" end)
lazy_setup(function() async.sleep(1) log[#log + 1] = "lazy" end)
it("comes behind them", function() assert.same({"setup", "lazy"}, log) end)
lazy_teardown(function() async.sleep(1) print "lazy is torn down" end)
teardown(function() async.sleep(1) print "all is torn down" end)
]]
    assert.same({"1", "0", "0"}, {counts(text)}, text)
    assert.matches("lazy is torn down.*all is torn down", text)
  end)

  it("reports failures, errors and pending tests as busted does", function()
    local text = outcome [[
it("compares", function() async.sleep(1) assert.equal(1, 2) end)
it("breaks", function() async.sleep(1) error("on the way") end)
it("breaks with a table", function() async.sleep(1) error({code = 7}) end)
it("is to come", function() async.sleep(1) pending("later") end)
]]
    assert.same({"0", "1", "2"}, {counts(text)}, text)
    assert.matches("1 pending", text)
    assert.matches("_spec.lua:2: Expected objects to be equal", text)
    assert.matches("_spec.lua:3: on the way", text)
    assert.matches("code = 7", text)
  end)

  it("fails a test that hangs, by name and with who waits", function()
    local text = outcome [[
it("waits for what never comes", function()
  local event = async.event()
  async.gather(function() event:wait() end, function() async.future():await() end)
end)
it("goes on behind it", function() end)
]]
    assert.same({"1", "0", "1"}, {counts(text)}, text)
    assert.matches("waits for what never comes\n.*DeadlockError.*event at.*_spec.lua:4.*future at.*_spec.lua:4", text)
  end)

  it("fails a test that leaves a task behind, and names both", function()
    local text = outcome [[
it("is untidy", function() async.spawn(async.sleep, 5):set_name("straggler") end)
]]
    assert.matches("1 error", text)
    assert.matches("is untidy\n.*left over.*straggler", text)
  end)

  it("leaves spec files alone that do not load it", function()
    local text = outcome([[
local async = require "saros"
it("has no loop", function() assert.is_nil(async.current_task()) end)
]], "")
    assert.same({"1", "0", "0"}, {counts(text)}, text)
  end)
end)
