-- SPDX-License-Identifier: MIT
-- The Markdown files of this repository, and what is in them.

local documents = {}

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function files(pattern)
  local list = {}
  local pipe <close> = assert(io.popen("ls " .. pattern .. " 2>/dev/null"))
  for path in pipe:lines() do list[#list + 1] = path end
  return list
end

---Whether there is a file or folder.
---@param path string
function documents.exists(path)
  local pipe <close> = assert(io.popen(("test -e '%s' && echo yes"):format(path)))
  return pipe:read "l" == "yes"
end

---The documents for users: README.md and the pages of docs/.
---@return string[] paths
function documents.list()
  return files "README.md docs/*.md"
end

---Every Markdown file.
---@return string[] paths
function documents.all()
  return files "*.md */*.md .github/*.md .github/*/*.md"
end

-- The anchor that GitHub makes of a heading, and so do we.
local function anchor(heading)
  local text = heading:gsub("%[([^%]]*)%]%b()", "%1"):lower()
  return (text:gsub("[^%w _\128-\255-]", ""):gsub(" ", "-"))
end

-- Calls visit(line, number, fence) for each line; `fence` is the text behind the backticks inside a block of code.
local function each_line(text, visit)
  local fence, number = nil, 0
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    local mark = line:match "^```(.*)$"
    if mark and not fence then
      fence = mark
      visit(nil, number, fence)
    elseif mark then
      fence = nil
    else
      visit(line, number, fence)
    end
  end
end

---@class spec.DocumentExample
---@field heading string     below which it stands
---@field anchor string      of that
---@field line integer       of the document
---@field language string
---@field name? string       of a program
---@field code string
---@field output? string[]   what it prints

---The blocks of code of a document that can be run: those in Lua and Python, or in the language that is named.
---@param path string
---@param wanted? string
---@return spec.DocumentExample[]
function documents.examples(path, wanted)
  local list, heading, current = {}, "", nil
  each_line(read(path), function(line, number, fence)
    if not fence then
      heading, current = line:match "^#+ (.*)" or heading, nil
    elseif not line then
      local language, name = fence:match "^(%S*)%s*(.*)$"
      current = { heading = heading, anchor = anchor(heading), line = number, language = language, lines = {} }
      current.name = name ~= "" and name or nil
      if language == wanted or not wanted and (language == "lua" or language == "python") then
        list[#list + 1] = current
      elseif language == "output" and #list > 0 then
        list[#list].output = current.lines
      end
    else
      table.insert(current.lines, line)
    end
  end)
  for _, example in ipairs(list) do example.code = table.concat(example.lines, "\n") end
  return list
end

---The anchors of a document's headings.
---@param path string
---@return table<string, boolean>
function documents.anchors(path)
  local set, counts = {}, {}
  each_line(read(path), function(line, _, fence)
    local heading = line and not fence and line:match "^#+ (.*)"
    if heading then
      local name = anchor(heading)
      counts[name] = (counts[name] or -1) + 1
      set[counts[name] == 0 and name or ("%s-%d"):format(name, counts[name])] = true
    end
  end)
  return set
end

---The targets of a document's links.
---@param path string
---@return {target: string, line: integer}[]
function documents.links(path)
  local list = {}
  each_line(read(path), function(line, number, fence)
    if line and not fence then
      for target in line:gsub("`[^`]*`", ""):gmatch "%]%(([^)%s]+)%)" do
        list[#list + 1] = { target = target, line = number }
      end
    end
  end)
  return list
end

return documents
