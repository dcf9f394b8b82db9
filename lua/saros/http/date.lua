-- SPDX-License-Identifier: MIT
-- Dates of cookies and of Retry-After, read as browsers do (RFC 6265, section 5.1.1): in whatever order and
-- with whatever between them, in UTC. Years before 1601 are dates, too: servers that want a cookie gone name
-- the first one that they know.

local date = {}

local months = {
  jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12,
}

-- A colon is none: it is part of a time.
local DELIMITERS = "[\t -/;-@%[-`{-~]+"

local function read_time(token)
  local hour, minute, second = token:match "^(%d%d?):(%d%d?):(%d%d?)%f[%D]"
  if hour then return { tonumber(hour), tonumber(minute), tonumber(second) } end
end

local function read_day(token)
  local digits = token:match "^(%d%d?)%f[%D]"
  return digits and tonumber(digits)
end

local function read_month(token)
  return months[token:sub(1, 3):lower()]
end

-- Two digits are a year from 1970 to 2069.
local function read_year(token)
  local digits = token:match "^(%d%d%d?%d?)%f[%D]"
  local year = tonumber(digits)
  if not year or #digits > 2 then return year end
  return year + (year < 70 and 2000 or 1900)
end

-- In the order in which a token is tried for what is still to be found.
local fields = { { "time", read_time }, { "day", read_day }, { "month", read_month }, { "year", read_year } }

local function find_fields(text)
  local found = {}
  for token in text:gsub(DELIMITERS, "\0"):gmatch "%Z+" do
    for _, field in ipairs(fields) do
      local name, read = field[1], field[2]
      local value = not found[name] and read(token)
      if value then
        found[name] = value
        break
      end
    end
  end
  return found
end

-- Days since 1970, of the calendar that counts on into the past.
local function days_of(year, month, day)
  local shifted = month <= 2 and year - 1 or year -- years that begin with March
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + of_year - 719468
end

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

local function last_day(year, month)
  if month == 2 then return is_leap(year) and 29 or 28 end
  return (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
end

---Seconds since 1970, negative before; nil if the text is no date. Without a time it is the day's first second.
---@param text string
---@return integer?
function date.parse(text)
  local found = find_fields(text)
  local year, month, day, time = found.year, found.month, found.day, found.time or { 0, 0, 0 }
  if not (year and month and day) or day < 1 or day > last_day(year, month) then return nil end
  if time[1] > 23 or time[2] > 59 or time[3] > 59 then return nil end
  return days_of(year, month, day) * 86400 + time[1] * 3600 + time[2] * 60 + time[3]
end

return date
