-- SPDX-License-Identifier: MIT
-- Lines of what is read in pieces.

local async = require "saros"

local lines = {}

local LIMIT = 1048576

local function without_return(line)
  return line:byte(-1) == 13 and line:sub(1, -2) or line
end

local function check(length)
  if length <= LIMIT then return end
  error(async.error {
    name = "LimitError", code = "ETOOLARGE", limit = LIMIT, message = "a line of the body is longer than 1 MiB",
  }, 0)
end

---A function that gives line after line, without their ends, and nil behind the last one. LimitError for one of more
---than 1 MiB.
---@param read async fun(): string?  gives the next piece, nil at the end
---@return async fun(): string?
function lines.over(read)
  local buffer, start, searched = "", 1, 1
  local function next_line()
    local stop = buffer:find("\n", searched, true)
    if stop then
      local line = without_return(buffer:sub(start, stop - 1))
      start, searched = stop + 1, stop + 1
      check(#line)
      return line
    end
    check(#buffer - start) -- the last byte may be a return
    local data = read()
    if data then
      buffer = buffer:sub(start) .. data
      start, searched = 1, #buffer - #data + 1
      return next_line()
    end
    local rest = without_return(buffer:sub(start))
    local is_over = start > #buffer
    buffer, start, searched = "", 1, 1
    check(#rest)
    return not is_over and rest or nil
  end
  return next_line
end

return lines
