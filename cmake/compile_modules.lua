-- SPDX-License-Identifier: MIT
-- lua compile_modules.lua FOLDER OUTPUT: compiles the modules of lua/saros/ (FOLDER) for src/runtime/compiled.c, which
-- includes the OUTPUT. The list of the files comes in at standard input, a line each.
--
-- A compiled function is kept without the name of its source, which is known when it is loaded. In Lua 5.4 it stands
-- behind the header and a byte that counts upvalues: a size, one greater and with its top bit set, then the text.

local folder, output = ...
local HEAD, SOURCE = 32, "@?"

local function compile(path)
  local file <close> = assert(io.open(path))
  local code = string.dump(assert(load(file:read "a", SOURCE, "t")))
  local rest = HEAD + 1 + #SOURCE
  assert(code:sub(HEAD + 1, rest) == string.char(0x80 | #SOURCE + 1) .. SOURCE, "compiled code of an unknown form")
  return code:sub(1, HEAD), code:sub(rest + 1)
end

local function bytes_of(text)
  local lines = {}
  for i = 1, #text, 24 do lines[#lines + 1] = table.concat({ text:byte(i, i + 23) }, ",") end
  return table.concat(lines, ",\n")
end

local paths = {}
for path in io.lines() do
  local name = path:sub(#folder + 2):gsub("%.lua$", "")
  local is_folder = name:find "/init$" ~= nil
  name = name:gsub("/init$", ""):gsub("/", ".")
  if name ~= "init" and not name:find "^meta%." then
    paths[#paths + 1] = { name = name, path = path, is_folder = is_folder }
  end
end
table.sort(paths, function(a, b) return a.name < b.name end)

local common, code, rows, start = nil, {}, {}, 0
for _, module in ipairs(paths) do
  local head, rest = compile(module.path)
  common = common or head
  assert(head == common, "modules with different heads")
  rows[#rows + 1] = ('    {"%s", %s, %du, %du},'):format(module.name, module.is_folder, start, #rest)
  code[#code + 1], start = rest, start + #rest
end

local file <close> = assert(io.open(output, "w"))
file:write("/* Made by cmake/compile_modules.lua */\n",
  "static const unsigned char head[] = {\n", bytes_of(common), "};\n",
  "static const unsigned char code[] = {\n", bytes_of(table.concat(code)), "};\n",
  "static const Module modules[] = {\n", table.concat(rows, "\n"), "\n};\n")
