-- SPDX-License-Identifier: MIT
-- What takes too long is given up, and something else takes its place: four ways to say so.
--
--   lua5.4 examples/timeout_fallback.lua

local async = require "saros"

local cache = { weather = "sunny, says yesterday" }

local function ask(what, seconds)
  local _ <close> = async.defer(function(err)
    if err then print("  (the question for " .. what .. " was taken back)") end
  end)
  async.sleep(seconds)
  return what .. " as of now"
end

-- An error that is caught.
local function fresh_or_cached(what, seconds)
  local ok, answer = async.catch("TimeoutError", async.wait_for, ask, 1, what, seconds)
  return ok and answer or cache[what] or "nothing known"
end

-- A deadline that is no failure.
local function fresh_or_default(what, seconds)
  local in_time, answer = async.move_on_after(1, ask, what, seconds)
  return in_time and answer or "a guess"
end

-- One deadline for several steps.
local function report()
  local _deadline <close> = async.timeout(3)
  local parts = {}
  for i, what in ipairs { "wind", "rain", "snow" } do
    parts[i] = ask(what, i)
  end
  return table.concat(parts, ", ")
end

-- The plain one first; another one beside it when that is slow, and whoever answers first counts.
local function hedged(what, first, second)
  return async.race {
    function() return ask(what, first) end,
    function()
      async.sleep(0.5)
      return ask(what .. " from elsewhere", second)
    end,
  }
end

async.run(function()
  print(fresh_or_cached("weather", 0.2))
  print(fresh_or_cached("weather", 5))
  print(fresh_or_default("traffic", 5))
  local ok, err = pcall(report)
  print(ok or ("no report: %s, %g seconds are over"):format(err.name, err.seconds))
  print(hedged("news", 5, 0.2))
end)
