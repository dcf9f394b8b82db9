-- SPDX-License-Identifier: MIT
-- Numbers for the eyes of people who look at a progress bar.

local numbers = {}

local UNITS = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" }

local function in_unit(count, unit)
  count = count / 1024 ^ (unit - 1)
  return (unit == 1 and "%.0f" or count < 9.95 and "%.1f" or "%.0f"):format(count)
end

local function unit_of(count)
  local unit = 1
  while count >= 1000 and unit < #UNITS do
    count = count / 1024
    unit = unit + 1
  end
  return unit
end

---A number of bytes, "1.2 MiB", or so many of a total, "1.2/10 MiB".
---@param count number
---@param total? number
---@return string
function numbers.bytes(count, total)
  local unit = unit_of(total or count)
  local text = in_unit(count, unit) .. (total and "/" .. in_unit(total, unit) or "")
  return text .. " " .. UNITS[unit]
end

---A number of things, or of things a second: "42", "4.2", or so many of a total, "42/100".
---@param count number
---@param total? number
---@return string
function numbers.plain(count, total)
  if total then return numbers.plain(count) .. "/" .. numbers.plain(total) end
  if math.type(count) == "integer" or count % 1 == 0 or count >= 99.5 then return ("%.0f"):format(count) end
  return (count >= 9.95 and "%.0f" or "%.2g"):format(count)
end

---A time: "0:07", "1:02:03".
---@param seconds number
---@return string
function numbers.time(seconds)
  if seconds >= 360000 then return "> 99 h" end
  local whole = math.floor(seconds + 0.5)
  local hours, minutes = whole // 3600, whole % 3600 // 60
  if hours > 0 then return ("%d:%02d:%02d"):format(hours, minutes, whole % 60) end
  return ("%d:%02d"):format(minutes, whole % 60)
end

---How many columns a text takes, one for each character.
---@param text string
---@return integer
function numbers.width(text)
  return utf8.len(text) or #text
end

---The text in no more than so many columns.
---@param text string
---@param columns integer
---@return string
function numbers.cut(text, columns)
  if numbers.width(text) <= columns then return text end
  local last = utf8.len(text) and utf8.offset(text, columns) or columns
  return text:sub(1, last - 1) .. "~"
end

---The text in just so many columns.
---@param text string
---@param columns integer
---@return string
function numbers.fit(text, columns)
  return numbers.cut(text, columns) .. (" "):rep(columns - numbers.width(text))
end

return numbers
