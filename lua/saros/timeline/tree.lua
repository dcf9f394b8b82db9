-- SPDX-License-Identifier: MIT
-- The tree of tasks as a picture: a line for each task, below and to the right of the one that it is in.

local internal = require "saros.internal"
local kinds = require "saros.timeline.kinds"

---@class saros
local tree = {}

-- Lines beyond which browsers become slow.
local MOST_LINES = 5000

-- Pixels. All characters are of one width, so that the width of a line is known.
local LINE, INDENT, MARGIN, DOT, CHARACTER = 26, 22, 20, 5, 7.3
local DEEPEST = 40 -- what stands further inside is not indented more

-- Text that a file of XML may have: UTF-8 without control characters.
local function clean(text)
  text = text:gsub("%c", " "):gsub("\xEF\xBF[\xBE\xBF]", "?")
  return utf8.len(text) and text or (text:gsub("[\x80-\xFF]", "?"))
end

-- What is said of a task behind its name.
local function describe(row)
  local text = row.state
  if row.waits_for then text = text .. " for " .. row.waits_for end
  if row.where then text = text .. " at " .. row.where end
  return row.is_cancelled and text .. ", cancelled" or text
end

local function kind_of(row)
  return row.state == "running" and "run" or kinds.of(row.waits_for)
end

-- Lines are numbered from 1.
local function height_of(number) return MARGIN + (number + 1) * LINE end
local function left_of(depth) return MARGIN + DOT + INDENT * math.min(depth, DEEPEST) end

-- A line from the task in which a task is, down and to the right.
local function draw_branch(number, depth, above)
  if not above then return "" end
  return ('<path d="M%d %dV%dH%d"/>'):format(left_of(above.depth), height_of(above.number) + DOT, height_of(number),
    left_of(depth) - DOT)
end

-- Returns the line, and where it ends.
local function draw_line(row, number, above)
  local name, text, place = clean(row.name), clean(describe(row)), clean(("(spawned at %s)"):format(row.place))
  local x, y = left_of(row.depth), height_of(number)
  local characters = utf8.len(name) + utf8.len(text) + utf8.len(place) + 4
  return ('%s<circle class="%s" cx="%d" cy="%d" r="%d"/><text x="%d" y="%d"><tspan class="name">%s</tspan>  ' ..
    '<tspan%s>%s</tspan>  <tspan class="place">%s</tspan></text>\n'):format(draw_branch(number, row.depth, above),
    kind_of(row), x, y, DOT, x + 12, y + 4, kinds.escape(name), row.is_cancelled and ' class="cancelled"' or "",
    kinds.escape(text), kinds.escape(place)), x + 12 + characters * CHARACTER
end

-- Returns the lines, how many there are, and where the longest one ends.
local function draw_lines(rows)
  local parts, right, around = {}, 0, {} -- by depth, the last task of it
  for number = 1, math.min(#rows, MOST_LINES) do
    local row = rows[number]
    local line, line_end = draw_line(row, number, around[row.depth - 1])
    parts[number], right = line, math.max(right, line_end)
    around[row.depth] = { depth = row.depth, number = number }
  end
  local count = #parts
  if #rows > count then
    count = count + 1
    parts[count] = ('<text class="place" x="%d" y="%d">... and %d more</text>\n'):format(MARGIN, height_of(count) + 4,
      #rows - MOST_LINES)
  end
  return table.concat(parts), count, right
end

-- Returns it, and where it ends.
local function draw_legend()
  local parts, x = {}, MARGIN
  for i, item in ipairs(kinds.legend) do
    parts[i] = ('<circle class="%s" cx="%d" cy="%d" r="%d"/><text class="place" x="%d" y="%d">%s</text>'):format(
      item[1], x + DOT, MARGIN, DOT, x + 16, MARGIN + 4, item[2])
    x = x + 36 + math.ceil(#item[2] * CHARACTER)
  end
  return table.concat(parts), x
end

local TEMPLATE = [[
<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">
<title>%d tasks</title>
<style>
%s
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: var(--text) }
.name { font-weight: bold } .place { fill: var(--faint) } .cancelled { fill: var(--bad) }
path { fill: none; stroke: var(--faint); shape-rendering: crispEdges } circle { stroke: var(--faint); stroke-width: .5 }
.run { fill: var(--run) } .turn { fill: var(--turn) } .io { fill: var(--io) } .sleep { fill: var(--sleep) }
.sync { fill: var(--sync) } .tasks { fill: var(--tasks) }
</style>
<rect width="100%%" height="100%%" style="fill: var(--back)"/>
%s
%s</svg>
]]

---All tasks as `async.tree` has them, as a picture: the text of an SVG file. Colours tell what each task waits for.
---Outside a run there are none in it.
---@return string
function tree.tree_svg()
  local rows = internal.tree_rows()
  local lines, count, right = draw_lines(rows)
  local legend, legend_right = draw_legend()
  local width, height = math.ceil(math.max(right, legend_right)) + MARGIN, height_of(count) + MARGIN
  return TEMPLATE:format(width, height, width, height, #rows, kinds.colours, legend, lines)
end

tree.tree_svg = internal.entry(tree.tree_svg)

return tree
