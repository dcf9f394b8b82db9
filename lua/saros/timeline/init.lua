-- SPDX-License-Identifier: MIT
-- The timeline of a run: what each task did and what it waited for when, to be looked at. `saros --timeline` draws it.

local async = require "saros"
local internal = require "saros.internal"

local timeline = {}

-- What a record has room for; beyond that it counts.
local MOST_ROWS, MOST_STEPS = 5000, 1000000

-- Times are seconds on the clock of `async.now`. Step i of a row began and ended at [3 * i - 2] and [3 * i - 1] of
-- `steps`; then the task waited for what [3 * i] says: "sleep at a.lua:3". That is false where it was only not its
-- turn, or the task has ended.

---@class saros.timeline.Row  (internal)
---@field name string
---@field id integer      of the task, and of the one in whose group it is; 0 for none
---@field owner integer
---@field place string   where the task was spawned
---@field status string  of the task
---@field steps table    with its length as `n`

---@class saros.timeline.Record  (internal)
---@field rows saros.timeline.Row[]  in the order of their first step
---@field more_rows integer   tasks for which there was no room
---@field steps integer
---@field began number
---@field ended number
---@field is_full boolean     it ends before the run did
local Record = {}
Record.__index = Record

-- The row of a task; nil: there is no room for one more.
local function row_of(self, task, id, owner)
  local row = self.by_task[task]
  if row or row == false then return row or nil end
  if #self.rows == MOST_ROWS then
    self.more_rows = self.more_rows + 1
    self.by_task[task] = false
    return nil
  end
  row = { name = "", id = id, owner = owner, place = internal.spawned_at(task), status = "pending", steps = { n = 0 } }
  self.rows[#self.rows + 1] = row
  self.by_task[task] = row
  return row
end

local function note(self, task, id, owner, began, ended, waits_for, where)
  if self.is_full then return end
  self.ended = ended
  local row = row_of(self, task, id, owner)
  if not row then return end
  local steps, text = row.steps, waits_for and ("%s at %s"):format(waits_for, where) or false
  local count = steps.n
  steps[count + 1], steps[count + 2], steps[count + 3] = began, ended, text
  steps.n = count + 3 -- only now: there may be memory for a part of a step
  row.name, row.status = task:name(), task:status()
  self.steps = self.steps + 1
  self.is_full = self.steps == MOST_STEPS
end

---The rows as in the tree of tasks: those of a group below their owner. With each its depth.
---@return {row: saros.timeline.Row, depth: integer}[]
function Record:tree()
  local known, children, ordered = {}, {}, {}
  for _, row in ipairs(self.rows) do known[row.id] = true end
  for _, row in ipairs(self.rows) do
    local owner = known[row.owner] and row.owner or 0
    children[owner] = children[owner] or {}
    table.insert(children[owner], row)
  end
  local open = { { list = children[0] or {}, next = 1 } } -- lists in which we are, the innermost last
  while #open > 0 do
    local at = open[#open]
    local row = at.list[at.next]
    at.next = at.next + 1
    if row then
      ordered[#ordered + 1] = { row = row, depth = #open - 1 }
      if children[row.id] then open[#open + 1] = { list = children[row.id], next = 1 } end
    else
      open[#open] = nil
    end
  end
  return ordered
end

---Begins to record, in a run and until its end. The present step of the calling task is not seen as a whole: waits for
---its next turn.
---@async
function Record:start()
  self.began = async.now()
  self.ended = self.began
  internal.record(function(...) note(self, ...) end)
  async.sleep(0)
end

---The picture of what was recorded, a page of HTML.
---@param title string
---@return string
function Record:draw(title)
  return require("saros.timeline.page").draw(self, title)
end

---A record that is empty.
---@return saros.timeline.Record
function timeline.new()
  return setmetatable({
    rows = {}, by_task = setmetatable({}, { __mode = "k" }), more_rows = 0, steps = 0, began = 0, ended = 0,
    is_full = false,
  }, Record)
end

return timeline
