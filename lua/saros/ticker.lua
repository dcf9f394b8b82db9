-- SPDX-License-Identifier: MIT
-- Tickers: an iterator that goes on at a fixed rate.

local async = require "saros"
local internal = require "saros.internal"
local misuse = require "saros.misuse"

---@class saros
local ticker = {}

local function check(interval)
  if type(interval) ~= "number" then
    misuse.type("ticker", 1, "number", interval)
  elseif interval <= 0 or interval ~= interval then
    misuse.argument("ticker", 1, ("seconds above zero expected, got %s"):format(interval))
  end
end

---An iterator over the ticks of a clock: `for n in async.ticker(1) do`. Tick n is due n intervals after
---the loop began, however long the body takes. Ticks that the body has missed merge into one, which
---comes at once and has the number of the latest: n * interval is always the time of the tick, and a
---jump of n tells how many were missed. Waits in each step.
---@param interval number  seconds, above zero
---@return async fun(): integer next
function ticker.ticker(interval)
  check(interval)
  local start
  local last = 0 -- the number of the tick that was given last

  ---@async
  local function step()
    internal.checkpoint "ticker"
    start = start or async.now()
    local missed = (async.now() - start) // interval
    if missed > last then
      last = math.tointeger(missed) or missed
    else
      async.sleep(start + (last + 1) * interval - async.now())
      last = last + 1
    end
    return last
  end
  return internal.entry(step)
end

ticker.ticker = internal.entry(ticker.ticker)

return ticker
