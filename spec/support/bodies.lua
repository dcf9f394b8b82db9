-- SPDX-License-Identifier: MIT
-- Functions that specs hand to saros, to be run by tasks. They need nothing but saros.

local async = require "saros"

local bodies = {}

--- A function that sleeps, then returns the other values.
function bodies.after(seconds, ...)
  local values = table.pack(...)
  return function()
    async.sleep(seconds)
    return table.unpack(values, 1, values.n)
  end
end

--- A function that sleeps, then raises.
function bodies.failing(seconds, err)
  return function()
    async.sleep(seconds)
    error(err, 0)
  end
end

--- An iterator over 1..n that sleeps before each, and before the end.
function bodies.counter(n, seconds)
  local asked = 0
  return function()
    async.sleep(seconds)
    if asked < n then
      asked = asked + 1
      return asked
    end
  end
end

return bodies
