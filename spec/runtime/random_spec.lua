-- SPDX-License-Identifier: MIT
local async = require "saros"
local runs = require "spec.support.stress"

-- Each seed is a hundred tasks that nest groups, timeouts, shields, combinators, queues and locks at
-- random and cancel each other meanwhile.
local SEEDS = 60

describe("tasks at random, under stress", function()
  local wrong, opened, items = {}, 0, 0

  local function ignore() end

  setup(function()
    async.on_error(ignore) -- of what as_completed has started: it had failed before the loop was left
    for seed = 1, SEEDS do
      local ok, complaint, stress = pcall(runs.run, seed)
      if complaint then wrong[#wrong + 1] = ("seed %d: %s"):format(seed, complaint) end
      if ok then opened, items = opened + stress.opened, items + stress.items end
    end
  end)

  teardown(function()
    async.on_error(nil)
  end)

  it("is one: it opens blocks by the hundred and moves items", function()
    assert.is_true(opened > 300 * SEEDS)
    assert.is_true(items > 5 * SEEDS)
  end)

  it("loses no permit, doubles no item, leaves nothing running and closes every variable once", function()
    assert.same({}, wrong)
  end)
end)
