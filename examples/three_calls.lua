-- SPDX-License-Identifier: MIT
-- Three calls that take a second each: one after the other, then all at once.
--
--   lua5.4 examples/three_calls.lua

local async = require "saros"

-- Stands for a request, a query, whatever has to wait.
local function load(name)
  print("  " .. name .. " begins")
  async.sleep(1)
  print("  " .. name .. " ends")
  return #name
end

local function timed(label, fn)
  print(label)
  local started = async.now()
  local sum = fn()
  print(("  sum %d after %.0f s"):format(sum, async.now() - started))
end

async.run(function()
  timed("one after the other:", function()
    return load "users" + load "orders" + load "stock" -- a call waits for its result
  end)

  timed("at once, as tasks:", function()
    local users, orders, stock = async.gather(
      async.spawn(load, "users"), async.spawn(load, "orders"), async.spawn(load, "stock"))
    return users + orders + stock
  end)

  timed("at once, over a list:", function()
    local sum = 0
    for _, size in ipairs(async.map({ "users", "orders", "stock" }, load)) do sum = sum + size end
    return sum
  end)
end)
