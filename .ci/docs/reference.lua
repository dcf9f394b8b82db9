-- SPDX-License-Identifier: MIT
-- The reference as data: from the annotations of lua/saros, one page for each room, with all that a program may use.

local annotations = require "spec.support.annotations"

local reference = {}

-- The pages in order: name, title, and the files below lua/saros whose annotations belong there, in this order (without
-- ".lua"; a folder with a slash at its end). A file that is not named here has a page of its own, with its name.
local PAGES = {
  { "run", "Runs, tasks, errors", "meta/runtime init defer group_error task_local timeline/tree" },
  { "combine", "Several at once, deadlines, groups", "meta/combine as_completed generator move_on_after" },
  { "sync", "Locks, queues, rates", "meta/sync with ticker retry backoff" },
  { "coroutine", "Coroutines that may wait", "meta/coroutine" },
  { "http", "HTTP client", "http/" },
  { "server", "HTTP server", "http/server/" },
  { "websocket", "WebSockets", "websocket/" },
  { "json", "JSON", "json" },
  { "net", "Sockets", "net/ meta/net" },
  { "fs", "Files", "fs/ meta/fs" },
  { "process", "Processes", "process/ meta/process" },
  { "thread", "Threads", "thread meta/thread" },
  { "redis", "Redis", "redis/ meta/redis" },
  { "jobs", "Jobs", "jobs/" },
  { "testing", "Testing", "testing busted" },
  { "compat", "Stand-ins for other libraries", "compat/" },
}

-- Classes behind a room that a program does see; the others with a room in their name are its own affair.
local SEEN = { ["saros.redis.Pipeline"] = true, ["saros.redis.Transaction"] = true,
  ["saros.compat.LuaSocket"] = true, ["saros.compat.LuaSec"] = true, ["saros.compat.OpenResty"] = true,
  ["saros.compat.DNS"] = true }

-- How programs call what is no field of saros.
local LABELS = { saros = "async", ["saros.compat.LuaSocket"] = "socket", ["saros.compat.LuaSec"] = "ssl",
  ["saros.compat.OpenResty"] = "ngx", ["saros.compat.DNS"] = "socket.dns" }

---@class docs.Page
---@field name string
---@field title string
---@field order integer
---@field classes docs.Class[]
---@field aliases {name: string, definition: string, text: string, values: table}[]

---@class docs.Class
---@field name string       as the annotations have it
---@field label string      as programs write it: "async.net", "Stream"
---@field is_module boolean its functions are called with a dot
---@field text string
---@field parent? string
---@field functions docs.Function[]
---@field fields spec.Member[]  each with its `name`

---@class docs.Function
---@field name string
---@field label string       "async.net.connect", "Stream:read"
---@field id string          its anchor
---@field page string
---@field class docs.Class
---@field member spec.Member
---@field waits boolean
---@field signatures string[]
---@field parameters {name: string, type: string, text: string}[]
---@field results {type: string, name: string, text: string}[]

local function list_files()
  local files = {}
  local pipe <close> = assert(io.popen "find lua/saros -name '*.lua' | sort")
  for path in pipe:lines() do files[#files + 1] = path end
  return files
end

-- The page of a file, by the longest entry that fits, and where that stands among the entries.
local function page_of(path)
  local stem = path:match "^lua/saros/(.*)%.lua$"
  local found, length, place = nil, 0, 0
  for order, page in ipairs(PAGES) do
    for position, entry in page[3]:gmatch "()(%S+)" do
      local fits = entry == stem or entry:find "/$" and stem:sub(1, #entry) == entry
      if fits and #entry > length then found, length, place = { page[1], page[2], order }, #entry, position end
    end
  end
  local own = stem:gsub("^meta/", ""):match "^[^/]+"
  return found or { own, own:gsub("^%l", string.upper), #PAGES + 1 }, place
end

local function is_public(class)
  return not class:find "^spec%." and (not class:find "^saros%.%l+%." or SEEN[class] == true)
end

-- ---- functions -----------------------------------------------------------------------------------

-- The parameters of a type `async fun(a: string, b?: number): string`, and its results.
local function of_type(text)
  local inside, rest = text:match "fun(%b())%s*(.*)$"
  local parameters, results = {}, {}
  for _, part in ipairs(annotations.split(inside:sub(2, -2))) do
    local name, type = part:match "^%s*([%w_.]+%??):?%s*(.*)$"
    type = type ~= "" and type or "any"
    if name ~= "self" then parameters[#parameters + 1] = { name = name, type = type, text = "" } end
  end
  for _, part in ipairs(annotations.split((rest:match "^:%s*(.*)$" or ""))) do
    results[#results + 1] = { type = part:match "^%s*(.-)%s*$", name = "", text = "" }
  end
  return parameters, results
end

-- What stands behind the type of a result: a name, perhaps, and two spaces before a comment.
local function read_result(text)
  local type = annotations.type_of(text)
  local rest = text:sub(#type + 1)
  local name, comment = rest:match "^ ([%w_.]+)%s*(.*)$"
  if not name then comment = rest:match "^%s*(.*)$" end
  return { type = type, name = name or "", text = comment }
end

local function of_tags(tags)
  local parameters, results = {}, {}
  for _, text in ipairs(tags.param or {}) do
    local name, rest = text:match "^([%w_.]+%??)%s+(.*)$"
    local type = annotations.type_of(rest)
    parameters[#parameters + 1] = { name = name, type = type, text = rest:sub(#type + 1):match "^%s*(.*)$" }
  end
  for _, text in ipairs(tags["return"] or {}) do
    for _, part in ipairs(annotations.split_types(text)) do results[#results + 1] = read_result(part) end
  end
  return parameters, results
end

-- `gather(list [, options])`: brackets around those that may be left out, behind which none has to be given.
local function signature(label, parameters)
  local last = 0
  for i, parameter in ipairs(parameters) do
    if not parameter.name:find "%?$" and parameter.name ~= "..." then last = i end
  end
  local text, depth = "", 0
  for i, parameter in ipairs(parameters) do
    local name = parameter.name:gsub("%?$", "")
    if i > last and name ~= "..." then
      text, depth = text .. (i > 1 and " [, " or "[") .. name, depth + 1
    else
      text = text .. (i > 1 and ", " or "") .. name
    end
  end
  return label .. "(" .. text .. ("]"):rep(depth) .. ")"
end

local function read_function(declared, class, name, member)
  local type = member.type and annotations.function_type(declared, member.type)
  local parameters, results
  if type then parameters, results = of_type(type) else parameters, results = of_tags(member.tags) end
  local is_method = member.is_method or type ~= nil and type:find "fun%(self" ~= nil
  local label = class.label .. (is_method and ":" or ".") .. name
  local signatures = { signature(label, parameters) }
  for _, overload in ipairs(member.tags and member.tags.overload or {}) do
    signatures[#signatures + 1] = signature(label, (of_type(overload)))
  end
  if member.text == "" and declared.meanings[member.type] then member.text = declared.meanings[member.type].text end
  return {
    name = name, label = label, id = class.label .. "." .. name, page = class.page, class = class, member = member,
    waits = annotations.is_async(declared, member), signatures = signatures, parameters = parameters, results = results,
  }
end

-- ---- classes --------------------------------------------------------------------------------------

-- What programs call a class: a field of saros that holds it, the name of its module, or the last part of its own.
local function label_of(declared, name)
  if LABELS[name] then return LABELS[name] end
  for field, member in pairs(declared.classes.saros.fields) do
    if member.type == name and not field:find "^std" then return "async." .. field end
  end
  for _, member in pairs(declared.classes[name].functions) do
    local stem = member.file:gsub("/init%.lua$", ""):gsub("%.lua$", "")
    if not (member.is_method or member.is_package) then return stem:match "[^/]+$" end
  end
  return name:match "[^.]+$"
end

local function by_place(a, b)
  local _, a_place = page_of(a.member.file)
  local _, b_place = page_of(b.member.file)
  if a_place ~= b_place then return a_place < b_place end
  if a.member.file ~= b.member.file then return a.member.file < b.member.file end
  return a.member.number < b.member.number
end

-- Whether a field is a function to call, and no option for which a program gives one.
local function has_functions(declared, declaration, label, member)
  local type = annotations.function_type(declared, member.type)
  return type and (type:find "fun%(self" or label:find "^async" or next(declaration.functions) ~= nil)
end

-- The part of a class that is declared in the files of a page; nil if there is none.
local function read_class(declared, name, page)
  local declaration = declared.classes[name]
  local label = label_of(declared, name)
  local class = { name = name, label = label, page = page, text = declaration.text, parent = declaration.parent,
    functions = {}, fields = {}, file = declaration.file, where = declaration.where }
  local is_home = page_of(declaration.home or declaration.file)[1] == page
  for member_name, member in pairs(declaration.functions) do
    if page_of(member.file)[1] == page and not member.is_package then
      table.insert(class.functions, read_function(declared, class, member_name, member))
    end
  end
  for field_name, member in pairs(declaration.fields) do
    local is_ours = page_of(member.file)[1] == page and not (member.is_package or member.is_index)
    if is_ours and has_functions(declared, declaration, label, member) then
      table.insert(class.functions, read_function(declared, class, field_name, member))
    elseif is_ours and not (name == "saros" and declared.classes[member.type]) then
      table.insert(class.fields, { name = field_name, member = member })
    end
  end
  table.sort(class.functions, by_place)
  table.sort(class.fields, by_place)
  if not is_home then class.text = "" end
  class.is_module = label:find "^async" ~= nil or #class.functions > 0 and not class.functions[1].label:find ":"
  return (is_home or #class.functions + #class.fields > 0) and class or nil
end

local function add_aliases(declared, pages)
  for name, meaning in pairs(declared.meanings) do
    local page = pages[page_of(meaning.file)[1]]
    if page and is_public(name) and not annotations.function_type(declared, name) then
      table.insert(page.aliases, { name = name, definition = declared.aliases[name], text = meaning.text,
        values = meaning.values })
    end
  end
end

local function by_kind(a, b)
  if a.is_module ~= b.is_module then return a.is_module end
  local a_has, b_has = #a.functions > 0, #b.functions > 0
  if a_has ~= b_has then return a_has end
  return a.where < b.where
end

---The pages of the reference, in order.
---@return docs.Page[]
---@return table declared  what the annotations say
function reference.read()
  local declared = annotations.read(list_files())
  local pages, list = {}, {}
  for _, path in ipairs(list_files()) do
    local name, title, order = table.unpack((page_of(path)))
    if not pages[name] then
      pages[name] = { name = name, title = title, order = order, classes = {}, aliases = {} }
      for class_name in pairs(declared.classes) do
        local class = is_public(class_name) and read_class(declared, class_name, name)
        if class then table.insert(pages[name].classes, class) end
      end
      table.sort(pages[name].classes, by_kind)
    end
  end
  add_aliases(declared, pages)
  for _, page in pairs(pages) do
    table.sort(page.aliases, function(a, b) return a.name < b.name end)
    if #page.classes > 0 then list[#list + 1] = page end
  end
  table.sort(list, function(a, b)
    if a.order ~= b.order then return a.order < b.order end
    return a.name < b.name
  end)
  return list, declared
end

---Calls visit(function, class, page) for each function of the reference.
---@param pages docs.Page[]
---@param visit fun(fn: docs.Function, class: docs.Class, page: docs.Page)
function reference.each(pages, visit)
  for _, page in ipairs(pages) do
    for _, class in ipairs(page.classes) do
      for _, fn in ipairs(class.functions) do visit(fn, class, page) end
    end
  end
end

return reference
