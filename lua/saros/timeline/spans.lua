-- SPDX-License-Identifier: MIT
-- What there is to be drawn of a task: spans of time in which it ran or waited, as many as can be told apart.

local kinds = require "saros.timeline.kinds"

local spans = {}

---@class saros.timeline.Span  (internal)
---@field from number
---@field to number
---@field kind "run"|"sleep"|"sync"|"tasks"|"io"|"turn"
---@field text string|false  what was waited for, and where
---@field steps integer      how many steps are in it, should it be several spans that are too short to be told apart

-- Adds a span, or makes it part of the one before where both together are too short.
local function add(list, finest, span)
  local last = list[#list]
  if not last or span.to - last.from >= finest then
    list[#list + 1] = span
    return
  end
  local is_longer = span.to - span.from > last.to - last.from
  last.to = span.to
  last.steps = last.steps + span.steps
  if span.kind == "run" then
    last.kind, last.text = "run", false
  elseif last.kind ~= "run" and is_longer then
    last.kind, last.text = span.kind, span.text
  end
end

---The spans of a row, from its first step to its end, or to `until_` if it has none.
---@param row saros.timeline.Row
---@param until_ number
---@param finest number  seconds: any two spans that follow each other take at least so long
---@return saros.timeline.Span[]
function spans.of(row, until_, finest)
  local list, steps = {}, row.steps
  for i = 1, steps.n, 3 do
    add(list, finest, { from = steps[i], to = steps[i + 1], kind = "run", text = false, steps = 1 })
    local from, to = steps[i + 1], i + 3 <= steps.n and steps[i + 3] or row.status == "pending" and until_
    if to and to > from then
      add(list, finest, { from = from, to = to, kind = kinds.of(steps[i + 2]), text = steps[i + 2], steps = 0 })
    end
  end
  return list
end

return spans
