-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: saros is loaded.
local scenarios = {}

function scenarios.require()
  local async = require "saros"
  assert(async.run(function()
    async.sleep(0)
    return 7
  end) == 7)
end

-- Again in the same state, beside the first one.
function scenarios.require_twice()
  local first = require "saros"
  local lock = first.lock()
  for name in pairs(package.loaded) do
    if name:find "^saros" then package.loaded[name] = nil end
  end
  collectgarbage()
  local second = require "saros"
  assert(second.run(function()
    local permit <close> = lock:acquire()
    first.sleep(0)
    return first.gather(second.spawn(function() return 7 end))
  end) == 7)
end

return scenarios
