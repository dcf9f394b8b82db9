-- SPDX-License-Identifier: MIT
-- The five fields of cron: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday), in UTC. Each is
-- `*`, a number or name, a range, a list of those, maybe with a step. Where both days are restricted either will do.

local cron = {}

local MONTHS = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" }
local DAYS = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" }

local function numbers(names, first)
  local map = {}
  for i, name in ipairs(names) do map[name] = i - 1 + first end
  return map
end

local fields = {
  { name = "minute", low = 0, high = 59, names = {} },
  { name = "hour", low = 0, high = 23, names = {} },
  { name = "day", low = 1, high = 31, names = {} },
  { name = "month", low = 1, high = 12, names = numbers(MONTHS, 1) },
  { name = "weekday", low = 0, high = 7, names = numbers(DAYS, 0) },
}

local function number(field, text)
  local value = field.names[text:lower()] or text:find "^%d+$" and math.tointeger(tonumber(text))
  return value and value >= field.low and value <= field.high and value or nil
end

-- Adds what one part of a list stands for. False: it is none.
local function add(field, set, part)
  local range, step = part:match "^([^/]+)/(%d+)$"
  range, step = range or part, step and math.tointeger(tonumber(step)) or 1
  local low, high = field.low, field.high
  if range ~= "*" then
    local from, to = range:match "^(%w+)%-(%w+)$"
    low = number(field, from or range)
    high = to and number(field, to) or not to and (part:find("/", 1, true) and field.high or low)
  end
  if not low or not high or low > high or step < 1 then return false end
  for value = low, high, step do set[value] = true end
  return true
end

-- How many days there are from 1970-01-01 to a day of the Gregorian calendar.
local function days_until(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function days_in(year, month)
  local following = month == 12 and days_until(year + 1, 1, 1) or days_until(year, month + 1, 1)
  return following - days_until(year, month, 1)
end

local function is_day(plan, number_of_day, day)
  local weekday = (number_of_day + 4) % 7
  local by_day, by_weekday = plan.day[day], plan.weekday[weekday]
  if plan.any_day or plan.any_weekday then return by_day and by_weekday end
  return by_day or by_weekday
end

-- The first minute of a day, from one on, that the plan names; in seconds of the day.
local function time_of_day(plan, from)
  for minute = from, 1439 do
    if plan.hour[minute // 60] and plan.minute[minute % 60] then return minute * 60 end
  end
end

---Takes a text apart; nil and why if it is none.
---@param text string
---@return table? plan
---@return string? reason
function cron.parse(text)
  local words, plan = {}, {}
  for word in text:gmatch "%S+" do words[#words + 1] = word end
  if #words ~= 5 then return nil, ("five fields expected, got %d"):format(#words) end
  for i, field in ipairs(fields) do
    local set = {}
    for part in (words[i] .. ","):gmatch "([^,]*)," do
      if part == "" or not add(field, set, part) then
        return nil, ("'%s' is no %s"):format(words[i], field.name)
      end
    end
    plan[field.name] = set
  end
  plan.weekday[0] = plan.weekday[0] or plan.weekday[7]
  plan.any_day, plan.any_weekday = words[3]:sub(1, 1) == "*", words[5]:sub(1, 1) == "*"
  if not cron.after(plan, 0) then return nil, "there is no such day" end
  return plan
end

---The first moment after another, in seconds since 1970; nil if there is none.
---@param plan table
---@param seconds number
---@return integer?
function cron.after(plan, seconds)
  local minute = seconds // 60 + 1
  local today, from = math.tointeger(minute // 1440), math.tointeger(minute % 1440)
  local year = 1970 + today // 366
  while days_until(year + 1, 1, 1) <= today do year = year + 1 end
  for y = year, year + 12 do -- nine years may lie between two leap days
    for month = 1, 12 do
      if plan.month[month] then
        for day = 1, days_in(y, month) do
          local number_of_day = days_until(y, month, day)
          local time = number_of_day >= today and is_day(plan, number_of_day, day)
            and time_of_day(plan, number_of_day == today and from or 0)
          if time then return number_of_day * 86400 + time end
        end
      end
    end
  end
end

return cron
