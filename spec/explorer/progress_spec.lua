-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored
local progress = require "saros.progress"
local screen = require "spec.support.screen"

describe("progress, explored:", function()
  -- However the block is left, its bar is over; no other task may have moved it after that.
  local function check_over(terminal)
    local line = terminal:text()
    if line ~= "" then assert.matches("in 0:0%d$", line) end
    assert.is_nil(line:find("\n", 1, true))
  end

  it("a map leaves nothing running behind, and its bar is over", explored(function(probe)
    local workers = oracle.workers(probe)
    local terminal = screen.new()
    return function()
      local results = workers:left_by(progress.map, 3, function(i)
        return workers:body { seconds = i % 2, value = i, cleanup = 1 }()
      end, { limit = 2, out = terminal, columns = 60 })
      return #results
    end, function(ended)
      check_over(terminal)
      if ended.hits == 0 then assert.equal(3, ended.results[1]) end
    end
  end))

  it("as_completed leaves nothing running behind, and its bar is over", explored(function(probe)
    local workers = oracle.workers(probe)
    local terminal = screen.new()
    return function()
      workers:left_by(function()
        for i, task in progress.as_completed({
          workers:body { loses = true, cleanup = 1 }, workers:body { seconds = 1, cleanup = 2 },
        }, { out = terminal, columns = 60 }) do
          assert.is_true(task:done())
          if i > 1 then async.sleep(1) return end
        end
      end)
    end, function() check_over(terminal) end
  end))
end)
