-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: what the saros command brings along, and progress bars.
local async = require "saros"
local check = require "spec.faults.check"
local completion = require "saros.command.completion"
local internal = require "saros.internal"
local options = require "saros.command.options"
local progress = require "saros.progress"
local timeline = require "saros.timeline"
require "saros.as_completed"
require "saros.timeline.page"

local scenarios = {}

local function scenario(name, fn)
  scenarios[name] = check.test(fn)
end

-- What is not recorded for want of memory is missing in the picture, which is whole all the same.
scenario("timeline", function(has_fault)
  local record = timeline.new()
  record:start()
  async.spawn(function() async.sleep(1) end):await()
  async.gather(function() async.sleep(0) end, function() end)
  internal.record(nil)
  local page = record:draw("title")
  assert(page:find("</script>\n$"))
  assert(has_fault or #record.rows == 4)
end)

scenario("answer_signal", function()
  assert(internal.answer_signal "SIGUSR2")
  async.sleep(1)
end)

scenario("progress", function()
  local written = 0
  local out = { write = function(_, text) written = written + #text end }
  local bar <close> = progress.bar("bar", { total = 2, unit = "bytes", out = out, columns = 60 })
  bar:advance()
  async.sleep(1)
  bar:set(2, 3)
  assert(progress.map(3, function(i) async.sleep(i) return i end, { limit = 2, out = out, columns = 60 })[3] == 3)
  for i, task in progress.as_completed({ function() return 7 end }, { out = out, columns = 60 }) do
    assert(i == 1 and task:await() == 7)
  end
  assert(written > 0)
end)

scenario("options", function()
  local found = options.read { [0] = "saros", "-e", "x = 1", "--debug", "script.lua", "a" }
  assert(found.is_debug and found.arg[1] == "a" and found.arg[-4] == "saros")
  local none, message = options.read { [0] = "saros", "--none" }
  assert(none == nil and message:find "unrecognized")
  assert(completion.candidates("string.for")[1] == "string.format")
end)

return scenarios
