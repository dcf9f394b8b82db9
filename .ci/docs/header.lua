-- SPDX-License-Identifier: MIT
-- The page of include/saros.h: each function of its structs, and those that stand by themselves, with what the comment
-- above it says.

local header = {}

local TITLES = {
  saros_api = "Awaitables", saros_host_api = "Hosts", saros_stream_api = "Streams", saros_kind = "What a wait is",
  saros_transport_class = "Transports", saros_sink = "Who hears of a transport", saros_resource = "What is open",
}

local function uncomment(lines)
  local text = table.concat(lines, "\n"):gsub("^%s*/%*+", ""):gsub("%*+/%s*$", "")
  text = text:gsub("\n%s*%*%*? ?", "\n"):gsub("^%s+", ""):gsub("%s+$", "")
  return (text:gsub("[*_<]", "\\%0"))
end

-- The name that a declaration gives.
local function name_of(code)
  return code:match "%(%*([%w_]+)%)" or code:match "([%w_]+)%s*%b()%s*[;{]?%s*$" or code:match "([%w_]+)%s*[;{]%s*$"
end

-- Gathers comments and the code below each. Gives a list of {kind, text, code, owner}.
local function entries(text)
  local list, comment, code, owner = {}, nil, nil, nil
  local in_comment = false
  for line in text:gmatch "([^\n]*)\n" do
    local struct = line:match "^typedef struct ([%w_]+) {" or line:match "^struct ([%w_]+) {"
    if in_comment then
      comment[#comment + 1] = line
      in_comment = not line:find "%*/"
    elseif line:match "^%s*/%*" and not line:match "^%s*/%* %-%-%-" then
      comment, code = { line }, nil
      in_comment = not line:find "%*/"
    elseif struct then
      owner = struct
      if comment then list[#list + 1] = { text = uncomment(comment), owner = owner, is_struct = true } end
      comment = nil
    elseif line:match "^}" then
      owner, comment = nil, nil
    elseif line:match "^%s*$" or line:match "^#" then
      comment = nil
    elseif comment then
      code = (code and code .. " " or "") .. line:match "^%s*(.-)%s*$"
      if code:find ";" or code:find "{$" then
        local is_function = code:find "%(" ~= nil
        local declaration = code:match "^(.-;)" or code:gsub("%s*{$", ";")
        list[#list + 1] = { text = uncomment(comment), code = declaration, owner = owner, is_function = is_function }
        comment, code = nil, nil
      end
    end
  end
  return list
end

---The functions of the header.
---@param path string
---@return {name: string, owner?: string, text: string, code: string}[]
function header.functions(path)
  local file <close> = assert(io.open(path))
  local list = {}
  for _, entry in ipairs(entries(file:read "a")) do
    if entry.is_function then
      entry.name = name_of(entry.code)
      list[#list + 1] = entry
    end
  end
  return list
end

local function add(out, name, entry)
  out[#out + 1] = ("### %s {#%s}\n\n```c\n%s\n```\n\n%s\n"):format(name, name, entry.code, entry.text)
end

---The page as Markdown.
---@param path string
---@return string
function header.page(path)
  local file <close> = assert(io.open(path))
  local out = { "# saros.h, the C API\n", "How to use it, with complete programs, is in [saros from C](c-api.html)." ..
    " Stack effects stand in Lua's notation: -popped, +pushed, errors.\n" }
  local owner
  for _, entry in ipairs(entries(file:read "a")) do
    if entry.is_struct and TITLES[entry.owner] then
      owner = entry.owner
      out[#out + 1] = ("## %s: struct %s {#%s}\n\n%s\n"):format(TITLES[owner], owner, owner, entry.text)
    elseif entry.is_function then
      if entry.owner and entry.owner ~= owner then
        owner = entry.owner
        out[#out + 1] = ("## %s: struct %s {#%s}\n"):format(TITLES[owner] or owner, owner, owner)
      elseif not entry.owner and owner ~= "" then
        owner = ""
        out[#out + 1] = "## Opening {#opening}\n"
      end
      add(out, name_of(entry.code), entry)
    end
  end
  return table.concat(out, "\n")
end

return header
