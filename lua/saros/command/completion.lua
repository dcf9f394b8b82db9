-- SPDX-License-Identifier: MIT
-- What a word at the prompt may become: names of globals, of fields and of methods.

local async = require "saros"
local internal = require "saros.internal"

local completion = {}

local KEYWORDS = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not",
  "or", "repeat", "return", "then", "true", "until", "while",
}

-- How many tables behind each other are asked for what a value lacks.
local DEEPEST = 8

local function add_keys(names, table_)
  for name in next, table_ do
    if type(name) == "string" and name:find "^[%a_][%w_]*$" then names[name] = true end
  end
end

-- The names that can be read from a value.
local function names_of(value)
  local names = {}
  for _ = 1, DEEPEST do
    if type(value) == "table" then add_keys(names, value) end
    if value == async then add_keys(names, internal.lazy_names()) end
    local meta = debug.getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index")
    if type(value) ~= "table" then break end
  end
  return names
end

local function index(value, name)
  return value[name]
end

-- The value that the names lead to, nil if they lead nowhere.
local function follow(path)
  local value = _G
  for name in path:gmatch "[%a_][%w_]*" do
    local ok, found = pcall(index, value, name)
    if not ok or found == nil then return nil end
    value = found
  end
  return value
end

---The words that begin with `text`, sorted: `async.fs.re` becomes `async.fs.read_file` and others.
---@param text string
---@return string[]
function completion.candidates(text)
  local path, mark, start = text:match "^(.*)([.:])([%w_]*)$"
  local found, value = {}, path and follow(path)
  if not path then path, mark, start, value = "", "", text, _G end
  if value == nil then return found end
  local names = names_of(value)
  for _, keyword in ipairs(path == "" and KEYWORDS or {}) do names[keyword] = true end
  for name in pairs(names) do
    local fits = name:sub(1, #start) == start and (start ~= "" or name:sub(1, 2) ~= "__")
    if fits and (mark ~= ":" or type(follow(path .. "." .. name)) == "function") then
      found[#found + 1] = path .. mark .. name
    end
  end
  table.sort(found)
  return found
end

return completion
