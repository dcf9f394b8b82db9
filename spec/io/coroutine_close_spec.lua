-- SPDX-License-Identifier: MIT
local closing = require "spec.support.closing"

describe("a task whose coroutine was closed by coroutine.close while it waited for", function()
  for _, name in ipairs(closing.names "spec.io.closing_waits") do
    it(name .. " ends with an error that says so", function() closing.check("spec.io.closing_waits", name) end)
  end
end)
