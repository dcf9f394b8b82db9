-- SPDX-License-Identifier: MIT
-- Reads LuaCATS annotations as an editor does: which classes there are, and what functions and fields each has.

local annotations = {}

---@class spec.Class
---@field where string                      the file and line of its first declaration
---@field file string                       that of its first declaration
---@field text string                       what it says, in prose
---@field home? string                      the file where it says so
---@field parent? string                    the class whose fields it has too
---@field functions table<string, spec.Member>
---@field fields table<string, spec.Member>

---@class spec.Member
---@field where string
---@field file string
---@field number integer       orders the members of a file
---@field text string          what it says, in prose; lines as they are
---@field type? string         of a field
---@field is_optional? boolean of a field
---@field is_package? boolean  it is not the user's
---@field is_index? boolean    of a field that stands for any key of a type
---@field is_async? boolean
---@field parameters? string[] of a function, as it names them; without self
---@field is_method? boolean   it has a self
---@field tags? table<string, string[]>  of a function: `param`, `return`, ...

local function class_of(declared, name, place)
  local class = declared.classes[name]
    or { where = place.where, file = place.file, text = "", functions = {}, fields = {} }
  declared.classes[name] = class
  return class
end

-- The type at the beginning of a text, which a comment may follow: brackets and unions belong to it.
local function type_of(text)
  local position, depth = 1, 0
  while position <= #text do
    local char = text:sub(position, position)
    if char:find "[%(%[{<]" then depth = depth + 1 end
    if char:find "[%)%]}>]" then depth = depth - 1 end
    local before = text:sub(1, position - 1)
    if char == " " and depth == 0 and not before:find "[,:|]$" and not before:find "%f[%w]async$" then break end
    position = position + 1
  end
  return text:sub(1, position - 1)
end

local scopes = { package = true, private = true, protected = true, public = true }

-- Takes the text behind `@field`.
local function read_field(text, prose, place)
  local word, rest = text:match "^(%S+)%s+(.*)$"
  local is_package = scopes[word] and word ~= "public"
  if scopes[word] then word, rest = rest:match "^(%S+)%s+(.*)$" end
  local name, mark = word:match "^%[?([^%]?]+)%]?(%??)$"
  local type = type_of(rest)
  local comment = rest:sub(#type + 1):match "^%s*(.*)$"
  return name, {
    where = place.where, file = place.file, number = place.number, type = type,
    text = prose .. (prose ~= "" and comment ~= "" and "\n" or "") .. comment,
    is_optional = mark == "?", is_package = is_package, is_index = word:find "^%[%l" ~= nil,
  }
end

-- The class of a line, `NAME: PARENT what it is`, with the prose above it.
local function read_class(declared, text, prose, place)
  local name, rest = text:match "^([%w_.]+)(.*)$"
  local class = class_of(declared, name, place)
  local parent, says = rest:match "^:%s*(%S+)%s*(.*)$"
  class.parent = parent or class.parent
  prose = prose .. (says or rest:match "^%s*(.*)$")
  if class.text == "" and prose ~= "" then class.text, class.home = prose, place.file end
  declared.types[name] = place.where
  return class
end

-- The lines below an alias are its values, each with what it means.
local function read_value(text)
  local value, meaning = text:match "^|%s*(%S+)%s*#?%s*(.*)$"
  return { value = value, text = meaning }
end

-- Takes the lines of a comment, each what follows three dashes. Gives its prose and its tags, and declares the classes.
local function read_comment(declared, lines, place)
  local tags, prose, values = {}, "", nil
  for number, line in ipairs(lines) do
    local tag, text = line:match "^%s*@(%w+)%s*(.*)$"
    local at = { where = place.where, file = place.file, number = place.number + number / 1000 }
    if values and line:find "^%s*|" then
      values[#values + 1] = read_value(line:match "^%s*(.*)$")
    elseif not tag then
      prose = prose .. (prose ~= "" and "\n" or "") .. line
    elseif tag == "class" then
      tags.class, prose = read_class(declared, text, prose, at), ""
    elseif tag == "field" then
      assert(tags.class, place.where .. ": a field without its class")
      local name, field = read_field(text, prose, at)
      tags.class.fields[name], prose = field, ""
    elseif tag == "alias" then
      local name, definition = text:match "^(%S+)%s*(.*)$"
      values = {}
      declared.types[name], declared.aliases[name] = place.where, definition
      declared.meanings[name], prose = { text = prose, values = values, file = place.file }, ""
    else
      tags[tag] = tags[tag] or {}
      table.insert(tags[tag], text)
    end
  end
  return prose, tags
end

-- The classes that are spoken of behind tags.
local function note_mentions(declared, lines, where)
  for _, line in ipairs(lines) do
    local tag, text = line:match "^%s*@(%w+)%s*(.*)$"
    if tag == "class" then text = text:match "^[^%s]+:%s*(%S*)" or "" end
    for name in (tag and text or ""):gmatch "saros%.[%w_.]*%w" do
      declared.mentioned[name] = declared.mentioned[name] or where
    end
  end
end

local function words(text)
  local list = {}
  for word in text:gmatch "[^%s,]+" do
    list[#list + 1] = word
  end
  return list
end

-- Takes the line of code below a comment. `bound` has the classes of the local variables of the file.
local function read_code(declared, bound, code, comment, place)
  local prose, tags = read_comment(declared, comment, place)
  local variable = code:match "^local ([%w_]+) = "
  if variable and tags.class then bound[variable] = tags.class end
  local owner, mark, name, parameters = code:match "^function ([%w_]+)([.:])([%w_.]+)%((.-)%)"
  local member = { where = place.where, file = place.file, number = place.number, text = prose }
  member.is_async, member.is_package = tags.async ~= nil, tags.package ~= nil
  if owner and bound[owner] then
    member.tags, member.parameters, member.is_method = tags, words(parameters), mark == ":"
    bound[owner].functions[name] = member
    return
  end
  owner, name = code:match "^([%w_]+)%.([%w_]+) = "
  if owner and bound[owner] and tags.type then
    member.type = type_of(tags.type[1])
    bound[owner].fields[name] = member
  end
end

-- Adds what a file declares.
local function read_file(declared, path)
  local comment, bound, number = {}, {}, 0
  for line in io.lines(path) do
    number = number + 1
    local text = line:match "^%s*%-%-%-(.*)$"
    if text and text:sub(1, 1) ~= "-" then
      comment[#comment + 1] = text
    else
      local place = { file = path, where = path .. ":" .. number, number = number }
      note_mentions(declared, comment, place.where)
      read_code(declared, bound, line, comment, place)
      comment = {}
    end
  end
end

---What the files declare.
---@param paths string[]
---@return {classes: table<string, spec.Class>, types: table<string, string>, aliases: table, mentioned: table,
--- meanings: table<string, {text: string, values: {value: string, text: string}[], file: string}>}
function annotations.read(paths)
  local declared = { classes = {}, types = {}, aliases = {}, meanings = {}, mentioned = {} }
  for _, path in ipairs(paths) do
    read_file(declared, path)
  end
  return declared
end

annotations.type_of = type_of

-- The parts of a text between commas, which do not count in brackets.
local function split(text)
  local list, depth, first = {}, 0, 1
  for position = 1, #text do
    local char = text:sub(position, position)
    if char:find "[%(%[{<]" then depth = depth + 1 end
    if char:find "[%)%]}>]" then depth = depth - 1 end
    if char == "," and depth == 0 then
      list[#list + 1] = text:sub(first, position - 1)
      first = position + 1
    end
  end
  if first <= #text then list[#list + 1] = text:sub(first) end
  return list
end

annotations.split = split

---The results that a `@return` names: `string, number name` has two types.
---@param text string
---@return string[]
function annotations.split_types(text)
  local list = {}
  repeat
    local type = type_of(text)
    local rest = text:sub(#type + 1)
    if type:find ",$" then
      list[#list + 1], text = type:sub(1, -2), rest:match "^%s*(.*)$"
    else
      list[#list + 1], text = text, ""
    end
  until text == ""
  return list
end

---The type of a function, `async fun(a: number): string`, behind its aliases; nil if it is none of a function.
---@param declared table
---@param type string
---@return string?
function annotations.function_type(declared, type)
  type = declared.aliases[type] or type
  return type:find "^async fun%(" and type or type:find "^fun%(" and type or nil
end

---Whether a function, or a field that holds one, is declared as one that may wait.
---@param declared table
---@param member spec.Member
---@return boolean
function annotations.is_async(declared, member)
  return member.is_async or member.type ~= nil and annotations.function_type(declared, member.type):find "^async" ~= nil
end

---The parameters that have to be given, and whether there is a self before them.
---@param declared table
---@param member spec.Member
---@return {name: string, type: string}[]
---@return boolean has_self
function annotations.required(declared, member)
  local list, has_self, texts = {}, member.is_method, member.tags and member.tags.param or {}
  if member.type then
    texts = split(annotations.function_type(declared, member.type):match("fun(%b())"):sub(2, -2))
    has_self = texts[1] ~= nil and texts[1]:find "^self:" ~= nil
    if has_self then table.remove(texts, 1) end
  end
  for i, text in ipairs(texts) do
    local name, type = text:match "^%s*([%w_.?]+):?%s*(.*)$"
    if name:find "^%.%.%." or name:find "?$" then break end
    list[i] = { name = name, type = type:match "^%((.*)%)$" or type_of(type) }
  end
  return list, has_self
end

return annotations
