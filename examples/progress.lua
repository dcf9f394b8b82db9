-- SPDX-License-Identifier: MIT
-- Several things at once, each with a bar of its own: jobs of which three run at a time, and two "downloads". Where
-- standard error is no terminal the bars do not show.
--
--   lua5.4 examples/progress.lua [seconds]     how long it is to take, 4 unless it is given

local async = require "saros"
local progress = require "saros.progress"

local seconds = tonumber(arg[1]) or 4

local function work()
  progress.map(60, function(i)
    async.sleep(seconds / 20 * (0.5 + i % 7 / 6))
    if i % 20 == 0 then progress.print(("job %d is done"):format(i)) end
  end, {limit = 3, label = "jobs"})
end

local function download(name, size, time)
  local bar <close> = progress.bar(name, {total = size, unit = "bytes"})
  for _ = 1, 50 do
    async.sleep(time / 50)
    bar:advance(size // 50)
  end
end

async.run(function()
  async.gather(work, function() download("small.iso", 10 << 20, seconds / 2) end,
    function() download("large.iso", 700 << 20, seconds * 0.8) end)
end)
