-- SPDX-License-Identifier: MIT
-- Producers put work into a queue that holds five items, consumers take it from there: who is faster waits for the
-- others. Closing the queue tells the consumers that nothing more comes.
--
--   lua5.4 examples/producer_consumer.lua

local async = require "saros"

local function produce(queue, name, count)
  for i = 1, count do
    async.sleep(0.1)
    queue:put(name .. i) -- waits while the queue is full
  end
  print(("%s has put %d items"):format(name, count))
end

local function consume(queue, number)
  local taken = 0
  for _ in queue do -- until it is closed and empty
    async.sleep(0.5)
    taken = taken + 1
  end
  print(("consumer %d has taken %d items"):format(number, taken))
  return taken
end

async.run(function()
  local queue = async.queue(5)
  local consumers = async.spawn(async.map, 3, function(number) return consume(queue, number) end)

  async.task_group(function(group)
    group:spawn(produce, queue, "a", 6)
    group:spawn(produce, queue, "b", 9)
  end) -- all that is to come has been put
  print(("no more to come, %d in the queue"):format(queue:size()))
  queue:close()

  local total = 0
  for _, taken in ipairs(consumers:await()) do total = total + taken end
  print(total .. " items in all")
end)
