-- SPDX-License-Identifier: MIT
local async = require "saros"
local explores = require "spec.support.explores"

describe("semaphore, explored:", function()
  explores("permits are conserved", function(probe)
    local semaphore = async.semaphore(2)
    local held, most = 0, 0

    local function hold(seconds)
      local _ <close> = probe:closes()
      local permit <close> = semaphore:acquire()
      held = held + 1
      most = math.max(most, held)
      local counted <close> = probe:closes(function() held = held - 1 end)
      async.sleep(seconds)
    end

    return function()
      local group <close> = async.task_group()
      for i = 1, 4 do group:spawn(probe:body(hold), i % 2) end
    end, function()
      assert.equal(2, semaphore:available())
      assert.equal(0, held)
      assert.is_true(most <= 2)
    end
  end)
end)
