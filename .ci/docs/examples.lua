-- SPDX-License-Identifier: MIT
-- Which block of code of the guide shows a function: the shortest one that calls it. Blocks that docs/objects.md has
-- below the name of a class show the methods of that class; those of other pages have more to say of functions.

local documents = require "spec.support.documents"

local examples = {}

local OBJECTS = "docs/objects.md"

-- How many lines longer another block may be that is still the better one.
local DENSE, NOT_CALLED = 12, 100
local ELSEWHERE = 8 -- of a page about other things
local PENALTIES = { [OBJECTS] = DENSE, ["README.md"] = 6, ["docs/c-api.md"] = 200, ["docs/luv.md"] = 200 }

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

-- The pages of the guide that are about a page of the reference; it may also have its name.
local TASKS = { tasks = true, handy = true, cancellation = true, asyncio = true }
local HOMES = { run = TASKS, combine = TASKS, sync = TASKS, fs = { files = true }, process = { processes = true },
  thread = { threads = true }, websocket = { websockets = true }, compat = { libraries = true, openresty = true },
  coroutine = { libraries = true } }

local function is_at_home(example, page)
  local name = example.document:match "([^/]+)%.md$"
  return name == page or HOMES[page] ~= nil and HOMES[page][name] == true
end

-- How far an example is from a good one.
local function distance(example, fn, pattern)
  local lines = #example.lines
  if fn.label:find ":" then return is_of(example, fn) and lines or lines + NOT_CALLED end
  local is_handed_over = not example.calls:find(pattern .. "%s*[%({\"']")
  local far = lines + (PENALTIES[example.document] or 0) + (is_handed_over and NOT_CALLED or 0)
  return is_at_home(example, fn.page) and far or far + ELSEWHERE
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
  local best, least, pattern = nil, math.huge, pattern_of(fn)
  for _, example in ipairs(list) do
    if may_show(example, fn) and is_called(example, pattern) then
      local far = distance(example, fn, pattern)
      if far < least then best, least = example, far end
    end
  end
  return best
end

return examples
