-- SPDX-License-Identifier: MIT
local cron = require "saros.jobs.cron"

local function after(text, time)
  local date = { time:match "(%d+)-(%d+)-(%d+) (%d+):(%d+)" }
  local seconds = os.time {
    year = date[1], month = date[2], day = date[3], hour = date[4], min = date[5], sec = 0, isdst = false,
  }
  local utc = os.date("!*t", seconds)
  utc.isdst = false
  seconds = seconds + (seconds - os.time(utc)) -- as if that were UTC
  return os.date("!%Y-%m-%d %H:%M", cron.after(assert(cron.parse(text)), seconds))
end

describe("a schedule of cron", function()
  it("finds the next minute, in UTC", function()
    for _, case in ipairs {
      { "* * * * *", "2026-11-30 19:55", "2026-11-30 19:56" },
      { "*/15 * * * *", "2026-11-30 19:55", "2026-11-30 20:00" },
      { "5-10/2 3 * * *", "2026-11-30 19:55", "2026-12-01 03:05" },
      { "0,30 9-17 * * mon-fri", "2026-11-27 17:30", "2026-11-30 09:00" },
      { "0 0 1 1 *", "2026-01-01 00:00", "2027-01-01 00:00" },
      { "59 23 31 dec *", "2026-12-31 23:58", "2026-12-31 23:59" },
      { "0 12 29 2 *", "2026-03-01 00:00", "2028-02-29 12:00" },
      { "0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00" },
      { "0 0 * * 7", "2026-11-30 00:00", "2026-12-06 00:00" },
      { "0 0 * * 0", "2026-11-30 00:00", "2026-12-06 00:00" },
      { "30 6 13 * 5", "2026-11-30 00:00", "2026-12-04 06:30" },
      { "10/20 * * * *", "2026-11-30 19:11", "2026-11-30 19:30" },
      { "0 0 1 * *", "2026-12-31 23:59", "2027-01-01 00:00" },
    } do
      assert.equal(case[3], after(case[1], case[2]), case[1])
    end
  end)

  it("knows how long each month is", function()
    local plan = cron.parse "0 0 * * *"
    local time = 0
    for _ = 1, 4000 do
      local following = cron.after(plan, time)
      if following ~= time + 86400 then error(("%d follows %d"):format(following, time)) end
      time = following
    end
    assert.equal("1980-12-14", os.date("!%Y-%m-%d", time))
  end)

  it("refuses what is none", function()
    for text, reason in pairs {
      ["* * * *"] = "five fields expected, got 4", [""] = "got 0", ["60 * * * *"] = "'60' is no minute",
      ["* 24 * * *"] = "no hour", ["* * 0 * *"] = "no day", ["* * * 13 *"] = "no month", ["* * * * 8"] = "no weekday",
      ["5-1 * * * *"] = "no minute", ["*/0 * * * *"] = "no minute", ["1,,2 * * * *"] = "no minute",
      ["x * * * *"] = "no minute", ["-1 * * * *"] = "no minute", ["0 0 31 feb *"] = "there is no such day",
      ["0 0 30 2 *"] = "there is no such day",
    } do
      local plan, got = cron.parse(text)
      assert.is_nil(plan, text)
      assert.matches(reason, got, 1, true)
    end
  end)
end)
