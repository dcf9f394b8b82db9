-- SPDX-License-Identifier: MIT
-- Every await of jobs, cancelled: the pool goes on, nobody hangs, nothing is left over.
local async = require "saros"
local explorer = require "spec.support.explorer"

-- Threads keep no order that could be repeated step by step: orders are not what is looked for here.
local OPTIONS = { orders = 5, mixed = 30, cancels = 200, deadlines = 20, allows = { "ClosedError", "GroupError" } }

-- How long one waits for another that has been cancelled, in seconds: nobody does while a thread is at work, and else
-- the clock jumps.
local PATIENCE = 60

describe("cancelling", function()
  -- A pool for all schedules, as its threads stay.
  local pool

  setup(function() pool = async.thread_pool { size = 2 } end)
  teardown(function() pool:close() end)

  it("jobs that wait and jobs that run", function()
    explorer.explore(function(probe)
      local results = {}
      local function main()
        local bodies = {}
        for i = 1, 4 do
          bodies[i] = function() results[i] = pool:run(function(n) return 2 * n end, i) end
        end
        bodies[5] = function() results[5] = pool:run(function() for _ = 1, 1e5 do end return 10 end) end
        probe:together(bodies, PATIENCE)
      end
      return main, function(ended)
        for i = 1, 5 do
          assert(results[i] == 2 * i or ended.is_injected and results[i] == nil)
        end
      end
    end, OPTIONS)
  end)

  it("a map, its iterator and its progress", function()
    explorer.explore(function(probe)
      local list, finished, queue = nil, 0, async.queue(1)
      local function main()
        probe:together({
          function()
            for i = 1, 5 do queue:put(i) end
            queue:close()
          end,
          function()
            list = pool:map(queue, function(n) return -n end, {
              on_progress = function()
                finished = finished + 1
                async.sleep(0)
              end,
            })
          end,
        }, PATIENCE)
      end
      return main, function(ended)
        if ended.is_injected then return end
        assert(finished == 5 and #list == 5 and list[5] == -5)
      end
    end, OPTIONS)
  end)

  it("the end of a pool", function()
    explorer.explore(function(probe)
      local got
      local function main()
        local own = async.thread_pool { size = 1 }
        probe:together({
          function() got = own:run(function() return "got" end) end,
          function() own:close() end,
          function()
            async.sleep(0)
            own:close()
          end,
        }, PATIENCE)
        own:close()
      end
      return main, function(ended) assert(ended.is_injected or got == "got" or got == nil) end
    end, OPTIONS)
  end)
end)
