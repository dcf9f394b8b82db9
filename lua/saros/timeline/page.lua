-- SPDX-License-Identifier: MIT
-- A record of a run as one page of HTML that needs nothing else: a row for each task, time from left to right.

local kinds = require "saros.timeline.kinds"
local spans = require "saros.timeline.spans"

local page = {}

-- Elements of a page beyond which browsers become slow, and the most and least of one row.
local MOST_SPANS, MOST_OF_ROW, LEAST_OF_ROW = 40000, 4000, 40

local escape = kinds.escape

-- "250 ms"
local function duration(seconds)
  for _, unit in ipairs { { 1, "s" }, { 1e-3, "ms" } } do
    if seconds >= unit[1] then return ("%.3g %s"):format(seconds / unit[1], unit[2]) end
  end
  return ("%.3g µs"):format(seconds * 1e6)
end

-- A number for CSS.
local function percent(part)
  return ("%.4g"):format(part * 100)
end

-- ---- the parts of a page ------------------------------------------------------------------------------

-- About eight marks: a round number of seconds apart.
local function axis(total)
  local step = 10 ^ math.floor(math.log(total / 9, 10))
  for _, factor in ipairs { 1, 2, 5, 10 } do
    if total / (step * factor) <= 9 then
      step = step * factor
      break
    end
  end
  local marks = {}
  for i = 0, math.floor(total / step) do
    local label = i == 0 and "0" or duration(i * step)
    marks[#marks + 1] = ('<s style="left:%s%%">%s</s>'):format(percent(i * step / total), label)
  end
  return table.concat(marks), percent(step / total)
end

local VERBS = { run = "ran", turn = "was not its turn" }

local function describe(span, began)
  local text = span.text and "waited for " .. span.text or VERBS[span.kind]
  if span.steps > 1 then text = ("%d steps, too short to be drawn"):format(span.steps) end
  return ("%s — from %.6f s, for %s"):format(text, span.from - began, duration(span.to - span.from))
end

local function draw_span(span, record, total)
  return ('<i class="%s" style="left:%s%%;width:%s%%" data-t="%s"></i>'):format(span.kind,
    percent((span.from - record.began) / total), percent((span.to - span.from) / total),
    escape(describe(span, record.began)))
end

local ENDS = { failed = "failed", cancelled = "was cancelled", done = "ended" }

local DEEPEST = 6 -- what stands further inside is not indented more

local function draw_row(row, depth, record, total, finest)
  local parts, list = {}, spans.of(row, record.ended, finest)
  for i, span in ipairs(list) do parts[i] = draw_span(span, record, total) end
  local last = list[1] and list[#list].to or record.began
  if ENDS[row.status] then
    local text = ("%s — at %.6f s"):format(ENDS[row.status], last - record.began)
    parts[#parts + 1] = ('<b class="%s" style="left:%s%%" data-t="%s"></b>'):format(row.status,
      percent((last - record.began) / total), escape(text))
  end
  return ('<div class="row"><div class="name" style="--depth:%d" title="spawned at %s"><span>%s</span> ' ..
    '<small>%s</small></div><div class="track">%s</div></div>\n'):format(math.min(depth, DEEPEST), escape(row.place),
    escape(row.name), escape(row.place == "?" and "" or row.place:match "[^/\\]*$"), table.concat(parts))
end

local function legend()
  local items = {}
  for i, item in ipairs(kinds.legend) do items[i] = ('<li><i class="%s"></i>%s</li>'):format(item[1], item[2]) end
  items[#items + 1] = '<li><b class="failed"></b>fails</li><li><b class="cancelled"></b>is cancelled</li>'
  return table.concat(items)
end

local function remarks(record)
  local tasks = #record.rows + record.more_rows
  local text = ("%s, %d tasks, %d steps"):format(duration(record.ended - record.began), tasks, record.steps)
  if record.more_rows > 0 then text = text .. ("; the last %d tasks are not drawn"):format(record.more_rows) end
  if record.is_full then text = text .. "; the run went on, the record was full" end
  return text
end

-- ---- the page ---------------------------------------------------------------------------------------------

local TEMPLATE = [==[
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$TITLE</title>
<style>
$COLOURS
:root { --zoom: 100% }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 14px/1.4 system-ui, sans-serif; height: 100vh;
  display: flex; flex-direction: column }
header { padding: 14px 18px 10px; border-bottom: 1px solid var(--line) }
h1 { font-size: 18px; margin: 0 12px 0 0; display: inline-block; overflow-wrap: anywhere }
header p { color: var(--faint); margin: 0; display: inline-block }
ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0 0; padding: 0; font-size: 13px }
li { display: flex; align-items: center; gap: 6px }
li i { width: 22px; height: 12px; border-radius: 2px }
li b { width: 3px; height: 14px }
#zoom { float: right; display: flex; gap: 4px }
button { font: inherit; color: inherit; background: var(--stripe); border: 1px solid var(--line); border-radius: 5px;
  padding: 2px 10px; cursor: pointer }
main { flex: 1; overflow: auto }
#all { min-width: 700px; width: var(--zoom) }
.row, .axis { display: flex; height: 24px }
.row:nth-child(even) { background: var(--stripe) }
.row:hover { outline: 1px solid var(--io); outline-offset: -1px }
.name { position: sticky; left: 0; z-index: 2; width: 230px; flex: none; overflow: hidden;
  padding: 2px 10px 0 calc(18px + 14px * var(--depth, 0)); white-space: nowrap; text-overflow: ellipsis;
  background-color: var(--back);
  border-right: 1px solid var(--line) }
.row:nth-child(even) .name { background-color: var(--stripe) }
small { color: var(--faint); font-size: 11px }
.track { position: relative; flex: 1; margin: 0 24px 0 6px;
  background: repeating-linear-gradient(90deg, var(--line) 0 1px, transparent 1px $STEP%) }
.track i { position: absolute; top: 7px; height: 10px }
.track i.run { top: 4px; height: 16px; min-width: 2px; border-radius: 1px; z-index: 1 }
.track b { position: absolute; top: 2px; height: 20px; width: 3px; z-index: 1; border-radius: 1px }
.axis { position: sticky; top: 0; z-index: 3; background: var(--back); border-bottom: 1px solid var(--line);
  font-size: 12px; color: var(--faint) }
.axis .name { z-index: 4 }
.axis .track { background: none }
s { position: absolute; top: 3px; text-decoration: none; padding-left: 3px; border-left: 1px solid var(--line);
  white-space: nowrap }
i.run { background: var(--run) } i.turn { background: var(--turn) } i.io { background: var(--io) }
i.sleep { background: var(--sleep) } i.sync { background: var(--sync) } i.tasks { background: var(--tasks) }
b.failed { background: var(--bad) }
b.cancelled { background: repeating-linear-gradient(0deg, var(--bad) 0 3px, transparent 3px 6px) }
footer { border-top: 1px solid var(--line); padding: 6px 18px; min-height: 34px; color: var(--faint) }
footer span { color: var(--text) }
</style>
<header>
<div id="zoom"><button title="less of the detail">−</button><button title="all of it">1:1</button><button
 title="more of the detail">+</button></div>
<h1>$TITLE</h1><p>$REMARKS</p>
<ul>$LEGEND</ul>
</header>
<main><div id="all">
<div class="axis"><div class="name">task <small>spawned at</small></div><div class="track">$AXIS</div></div>
<div id="rows">
$ROWS</div></div></main>
<footer>Point at something to read what it is.</footer>
<script>
const main = document.querySelector("main"), foot = document.querySelector("footer"), hint = foot.textContent;
let zoom = 1;
function scale(factor, x) {
  const next = factor ? Math.min(Math.max(zoom * factor, 1), 64) : 1, at = (main.scrollLeft + x) / zoom;
  zoom = next;
  document.documentElement.style.setProperty("--zoom", 100 * zoom + "%");
  main.scrollLeft = at * zoom - x;
}
const [less, all, more] = document.querySelectorAll("button");
less.onclick = () => scale(0.5, main.clientWidth / 2);
all.onclick = () => scale(0, 0);
more.onclick = () => scale(2, main.clientWidth / 2);
main.addEventListener("wheel", e => {
  if (!e.ctrlKey) return;
  e.preventDefault();
  scale(e.deltaY < 0 ? 1.25 : 0.8, e.clientX);
}, { passive: false });
document.querySelector("#rows").addEventListener("mouseover", e => {
  const row = e.target.closest(".row"), text = e.target.dataset.t;
  if (!row) return;
  foot.textContent = "";
  const name = foot.appendChild(document.createElement("span"));
  name.textContent = row.querySelector("span").textContent;
  foot.append(" " + (text || row.querySelector(".name").title));
});
document.querySelector("#rows").addEventListener("mouseleave", () => { foot.textContent = hint; });
</script>
]==]

---@param record saros.timeline.Record
---@param title string
---@return string
function page.draw(record, title)
  local total = math.max(record.ended - record.began, 1e-6)
  local most = math.max(LEAST_OF_ROW, math.min(MOST_OF_ROW, MOST_SPANS // math.max(#record.rows, 1)))
  local rows = {}
  for i, at in ipairs(record:tree()) do rows[i] = draw_row(at.row, at.depth, record, total, 2 * total / most) end
  local marks, step = axis(total)
  local parts = {
    TITLE = escape(title), REMARKS = remarks(record), LEGEND = legend(), AXIS = marks, STEP = step,
    COLOURS = kinds.colours, ROWS = table.concat(rows),
  }
  return (TEMPLATE:gsub("%$(%u+)", parts))
end

return page
