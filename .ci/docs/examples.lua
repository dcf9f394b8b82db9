-- SPDX-License-Identifier: MIT
-- Which block of code of the guide shows a function: the shortest one that calls it. Blocks that docs/objects.md has
-- below the name of a class show the methods of that class.

local documents = require "spec.support.documents"

local examples = {}

local OBJECTS = "docs/objects.md"

local function is_called(example, pattern)
  example.calls = example.calls or example.code:gsub("%-%-[^\n]*", "")
  return example.calls:find(pattern) ~= nil
end

local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

-- What a call of a function looks like.
local function pattern_of(fn)
  if fn.label:find ":" then return "[.:]" .. plain(fn.name) .. "%f[^%w_]" end
  local holder = fn.class.label:match "[^.]+$"
  return "%f[%w_]" .. plain(holder) .. "%." .. plain(fn.name) .. "%f[^%w_]"
end

local function is_of(example, fn)
  local heading = " " .. example.heading:gsub("`", ""):gsub(",", "") .. " "
  return example.document == OBJECTS and heading:find(" " .. fn.class.label .. " ", 1, true) ~= nil
end

-- Whether an example may show a method: methods of one name are too many to take any.
local function may_show(example, fn)
  return not fn.label:find ":" or is_of(example, fn) or example.document == "docs/" .. fn.page .. ".md"
end

local function is_better(example, best, fn)
  if not best then return true end
  local is_own, has_own = is_of(example, fn), is_of(best, fn)
  if fn.label:find ":" and is_own ~= has_own then return is_own end
  return #example.lines < #best.lines
end

---All blocks of Lua in the guide, each with its document.
---@return spec.DocumentExample[]
function examples.read()
  local list = {}
  for _, document in ipairs(documents.list()) do
    for _, example in ipairs(documents.examples(document)) do
      example.document = document
      if example.language == "lua" then list[#list + 1] = example end
    end
  end
  return list
end

---The block that shows a function, nil if there is none.
---@param list spec.DocumentExample[]
---@param fn docs.Function
---@return spec.DocumentExample?
function examples.of(list, fn)
  local best, pattern = nil, pattern_of(fn)
  for _, example in ipairs(list) do
    if may_show(example, fn) and is_called(example, pattern) and is_better(example, best, fn) then
      best = example
    end
  end
  return best
end

return examples
