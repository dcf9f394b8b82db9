-- SPDX-License-Identifier: MIT
-- Checks that src/ stands in floors: a file includes and calls only what stands below it; no files of one room form a
-- circle; a header declares only what the file of its name defines. Run by the lint step; prints what is wrong.

-- From the ground up. Rooms, or files of a room, that stand on one line do not know each other.
local floors = [[
  include
  base
  wire
  runtime/model
  runtime/state
  runtime/source runtime/pool runtime/clock runtime/selectable
  runtime/place
  runtime/object runtime/entry runtime/lazy runtime/compiled runtime/park runtime/resource
  runtime/handle runtime/scope runtime/chain runtime/locals runtime/port
  runtime/stack runtime/cycle runtime/origin
  runtime/error
  runtime/account
  runtime/interrupt runtime/cancel runtime/failure runtime/tree runtime/record
  runtime/error_methods runtime/debug runtime/trace runtime/forgotten runtime/inquiry
  runtime/wait
  runtime/future runtime/api
  runtime/task
  runtime/starter runtime/force
  runtime/step runtime/deadlock runtime/task_methods runtime/coroutine
  runtime/loop runtime/coroutine_library
  runtime/testing runtime/run
  runtime/guest
  runtime/runtime
  combine sync io thread
  net fs process redis json
  tls
  http server websocket command
  curl
  module
]]

-- Rooms that are C modules of their own, or written like them, and which others they may know beside saros.h.
local knows = {
  io = "base", net = "base io", tls = "base", wire = "base", fs = "base io", thread = "base", process = "base io",
  redis = "base", json = "base", http = "base wire io net tls", curl = "base wire io http", server = "base io wire",
  websocket = "base wire", command = "base",
}

-- Calls that stand in one file only.
local only = {lua_yieldk = "src/runtime/park.c", lua_resume = "src/runtime/step.c", uv_close = "src/runtime/resource.c"}

local floor_of, height = {}, 0
for line in floors:gmatch "[^\n]+" do
  height = height + 1
  for place in line:gmatch "%S+" do floor_of[place] = height end
end

local function stem_of(path) return (path:gsub("^src/", ""):gsub("%.[ch]$", "")) end
local function room_of(stem) return stem:match "^[^/]+" end
local function floor(stem) return floor_of[stem] or floor_of[room_of(stem)] end

local function sorted(set)
  local keys = {}
  for key in pairs(set or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- ---- reading the sources ------------------------------------------------------------------------

local texts = {} -- by path, without comments
local list <close> = assert(io.popen "find src include -name '*.[ch]' | sort")
for path in list:lines() do
  local file <close> = assert(io.open(path))
  texts[path] = "\n" .. file:read "a":gsub("/%*.-%*/", ""):gsub('"[^"\n]*"', function(text)
    return text:find "%.h" and text or '""'
  end)
end

local home = {} -- the path in which a name that other files see is defined
local declared = {} -- by header: the names that it declares
for path, text in pairs(texts) do
  local names = {}
  for before, name, after in text:gmatch "\n(%a[%w_ %*]-)%f[%w_](sr_[%w_]+)%s*%b()%s*([;{])" do
    local is_local = before:find "^static" and path:find "%.c$"
    if after == "{" and not is_local then home[name] = path elseif after == ";" then names[name] = true end
  end
  for line in text:gmatch "\n(%a[^\n;{()]*sr_[^;{()]*)[;={]" do
    for name in line:gsub("%[.-%]", ""):gmatch "%f[%w_]sr_[%w_]+%f[^%w_]" do
      if line:find "^extern" then names[name] = true elseif not line:find "^static" then home[name] = path end
    end
  end
  if path:find "^src/.*%.h$" then declared[path] = names end
end

-- ---- checking ------------------------------------------------------------------------------------

local problems, uses = {}, {}
local function problem(format, ...) problems[#problems + 1] = format:format(...) end

local function check_use(path, target, what)
  local from, to = stem_of(path), stem_of(target)
  if from == to or target:find "^include/" then return end
  local room = room_of(from)
  if room == room_of(to) and not floor_of[from] then -- in a room without floors only circles count
    uses[from] = uses[from] or {}
    uses[from][to] = true
    return
  end
  if knows[room] and not (" " .. knows[room] .. " "):find(" " .. room_of(to) .. " ", 1, true) then
    problem("%s uses %s of %s, but may know only %s and saros.h", path, what, target, knows[room])
  elseif floor(from) and floor(to) and floor(to) >= floor(from) then
    problem("%s uses %s of %s, which does not stand below it", path, what, target)
  end
end

for path, text in pairs(texts) do
  local seen = {}
  for name, file in pairs(only) do
    local is_called = text:find("%f[%w_]" .. name .. "%s*%(")
    if is_called and path ~= file then problem("%s calls %s, as only %s may", path, name, file) end
  end
  if not floor(stem_of(path):gsub("^include/.*", "include")) then problem("%s stands on no floor", path) end
  for name in text:gmatch '#include "([^"]+)"' do
    if texts["src/" .. name] then check_use(path, "src/" .. name, name) end
  end
  for name in text:gmatch "%f[%w_]sr_[%w_]+" do
    local is_declaration = declared[path] and declared[path][name]
    if home[name] and not seen[name] and not is_declaration then check_use(path, home[name], name) end
    seen[name] = true
  end
end

for header, names in pairs(declared) do
  local own = header:gsub("h$", "c")
  for name in pairs(names) do
    local where = home[name]
    local is_own = where == own or not texts[own] and where and room_of(stem_of(where)) == room_of(stem_of(header))
    if not is_own then problem("%s declares %s, which is defined in %s", header, name, where or "no file") end
  end
end

-- Goes through what a file uses, depth first. `way` holds the files that led there, each by its number and its name.
local is_done = {}
local function find_circles(stem, way)
  if way[stem] then
    problem("a circle of files: %s -> %s", table.concat(way, " -> ", way[stem]), stem)
  elseif not is_done[stem] then
    way[#way + 1] = stem
    way[stem] = #way
    for _, target in ipairs(sorted(uses[stem])) do find_circles(target, way) end
    way[stem], way[#way], is_done[stem] = nil, nil, true
  end
end
for _, stem in ipairs(sorted(uses)) do find_circles(stem, {}) end

table.sort(problems)
for _, text in ipairs(problems) do print("floors: " .. text) end
os.exit(#problems == 0)
