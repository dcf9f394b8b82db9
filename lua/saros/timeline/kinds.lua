-- SPDX-License-Identifier: MIT
-- What pictures have in common: the kinds of things that a task does, and their colours.

local kinds = {}

-- By what a task waits for: the first that fits.
local KINDS = {
  { "sleep", "^sleep" }, { "tasks", "^task '" },
  { "sync", "^semaphore" }, { "sync", "lock" }, { "sync", "queue" }, { "sync", "^event" }, { "sync", "^condition" },
  { "sync", "^barrier" }, { "sync", "^rate limiter" }, { "sync", "^select" }, { "sync", "^a place in its group" },
  { "tasks", "task" }, { "tasks", "group" }, { "tasks", "^the next to complete" }, { "tasks", "^future" },
  { "tasks", "^gather$" }, { "tasks", "^map$" }, { "tasks", "^race$" }, { "tasks", "^any$" }, { "tasks", "^wait$" },
}

---The kind of what a task waits for.
---@param waits_for string|false|nil  "sleep", or "sleep at a.lua:3"; without it the task is only not on its turn
---@return "sleep"|"sync"|"tasks"|"io"|"turn"
function kinds.of(waits_for)
  if not waits_for then return "turn" end
  local what = waits_for:match "^(.*) at .-$" or waits_for
  for _, kind in ipairs(KINDS) do
    if what:find(kind[2]) then return kind[1] end
  end
  return "io"
end

---Each kind, and what is said of it.
kinds.legend = {
  { "run", "runs" }, { "turn", "is ready, but it is not its turn" }, { "io", "waits for the system" },
  { "sleep", "sleeps" }, { "sync", "waits for a lock, a queue, ..." }, { "tasks", "waits for other tasks" },
}

---Colours by name, as a part of a style sheet; each kind has one.
kinds.colours = [[
:root { --back: #fff; --text: #1f2430; --faint: #6b7280; --line: #e5e7eb; --stripe: #f8f9fb;
  --run: #1f2937; --turn: #f59e0b; --io: #60a5fa; --sleep: #d1d5db; --sync: #34d399; --tasks: #c4b5fd; --bad: #dc2626 }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171f; --text: #e5e7eb; --faint: #9ca3af; --line: #2b303b; --stripe: #191d26;
  --run: #f9fafb; --turn: #d97706; --io: #2563eb; --sleep: #4b5563; --sync: #059669; --tasks: #7c3aed; --bad: #f87171 }
}]]

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

---Text for HTML and XML.
---@param text string
---@return string
function kinds.escape(text)
  return (text:gsub('[&<>"]', ESCAPES))
end

return kinds
