-- SPDX-License-Identifier: MIT
-- What gather does when something fails: it ends the others and raises the error, or collects all of them.
--
--   lua5.4 examples/gather_errors.lua

local async = require "saros"

local ORDERS = { { id = 1, price = 10 }, { id = 2 }, { id = 3, price = 30 }, { id = 4 } }

-- The first of these fails after 0.2 seconds.
local function charge(order)
  local _ <close> = async.defer(function(err)
    if async.is_error(err, "CancelledError") then print(("  order %d is given up"):format(order.id)) end
  end)
  async.sleep(order.id / 10)
  if not order.price then error(("order %d has no price"):format(order.id), 0) end
  return order.price
end

local function calls()
  local list = {}
  for i, order in ipairs(ORDERS) do
    list[i] = function() return charge(order) end
  end
  return list
end

async.run(function()
  print "all or nothing:"
  local ok, err = pcall(async.gather, calls()) -- order 1 is through by then; 3 and 4 are cancelled
  print("  " .. (ok and "all went well" or "failed: " .. err))

  print "as many as can be:"
  local prices, errors = async.gather(calls(), { return_errors = true })
  for i, order in ipairs(ORDERS) do
    print(("  order %d: %s"):format(order.id, prices[i] or errors[i]))
  end
end)
