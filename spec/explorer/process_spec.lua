-- SPDX-License-Identifier: MIT
-- Child processes under several orders, and with a cancellation at many awaits: none outlives the run, no waiter is
-- forgotten, and the outcome is whole or an error.
local explored = require("spec.support.explorer").explored
local processes = require "spec.support.processes"

-- A child costs a thousand times what a turn does.
local FEW = { orders = 15, cancels = 40, deadlines = 10, mixed = 15 }

describe("processes, explored:", function()
  it("a run gives the whole result, or is cancelled and leaves no child", explored(function(probe)
    local results, pids = {}, {}
    return function()
      local function runner(i)
        return function()
          local result = processes.shell("echo $$; cat", { input = "text " .. i })
          pids[#pids + 1] = result.stdout:match "%d+"
          results[#results + 1] = result.stdout:match "\n(.*)" == "text " .. i and result.exit_code == 0
        end
      end
      probe:together { runner(1), runner(2) }
    end, function()
      for _, is_whole in ipairs(results) do assert.is_true(is_whole) end
      for _, pid in ipairs(pids) do assert.is_false(processes.is_alive(pid)) end
    end
  end, FEW))

  it("everybody who waits hears of the end, and closing ends the child", explored(function(probe)
    local child, ends = nil, {}
    return function()
      local held <close> = processes.spawn({ "cat" }, { stdout = "null", stderr = "null" })
      child = held
      local function waiter()
        ends[#ends + 1] = table.concat({ tostring(child:wait()) })
      end
      probe:together { waiter, function() child.stdin:close() end, waiter }
    end, function()
      for _, code in ipairs(ends) do assert.equal("0", code) end
      assert.is_false(child:kill())
    end
  end, FEW))
end)
