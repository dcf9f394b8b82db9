-- SPDX-License-Identifier: MIT
-- A spec that explores a scenario: explores("what holds", scenario, options).

local explorer = require "spec.support.explorer"

local FEWEST = 20 -- schedules; a scenario with less is none

return function(name, scenario, options)
  it(name, function()
    local count = explorer.explore(scenario, options)
    assert.is_true(count >= FEWEST, ("only %d schedules"):format(count))
  end)
end
