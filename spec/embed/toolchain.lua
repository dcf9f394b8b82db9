-- SPDX-License-Identifier: MIT
-- Compiles C into a folder that is removed again, and runs hosts with it.

local toolchain = {}

local function working_folder()
  local pipe <close> = assert(io.popen("pwd -P"))
  return pipe:read("l")
end

local root = working_folder()

-- Under a sanitizer that was loaded before Lua, what is compiled here is instrumented as saros itself
-- is. A host then brings the sanitizer along and does without the preload.
-- ThreadSanitizer cannot be loaded before Lua: hosts alone are instrumented, with modules of a build of their own.
local TSAN_CPATH = os.getenv "SAROS_TSAN_CPATH"
local SANITIZERS = TSAN_CPATH and "-g -fsanitize=thread -fno-omit-frame-pointer"
  or (os.getenv "LD_PRELOAD" or ""):find("asan", 1, true)
    and "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
local WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion "
  .. "-Wno-sign-conversion"

-- Names that the packages of Lua have on various systems.
local FIND_LUA = "for lua in lua5.4 lua-5.4 lua54 lua; do pkg-config --exists $lua && break; done; "

local function quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

-- What a shell command says on both channels, and its exit status.
local function shell(command)
  local pipe = assert(io.popen("exec env -u LD_PRELOAD sh -c " .. quote(command) .. " 2>&1"))
  local text = pipe:read("a")
  local _, _, status = pipe:close()
  return text, status
end

---@class Workshop  a temporary folder
---@field patience integer  seconds after which a host is killed
local Workshop = {}
Workshop.__index = Workshop

---@return Workshop
function toolchain.open()
  local text, status = shell("mktemp -d")
  assert(status == 0, text)
  return setmetatable({folder = text:match("[^\n]+"), scripts = 0, patience = 300}, Workshop)
end

function Workshop:close()
  if self.folder then shell("rm -rf " .. quote(self.folder)) end
  self.folder = nil
end

function Workshop:path(name)
  return self.folder .. "/" .. name
end

--- The code block of a document whose opening fence names this file.
function toolchain.block(document, name)
  local text = read(document)
  local _, start = text:find("\n```%l+ " .. name:gsub("%p", "%%%0") .. "\n")
  assert(start, name .. " is not in " .. document)
  return text:sub(start + 1, text:find("```", start, true) - 1)
end

--- The name may have one folder in it, which is made.
function Workshop:write(name, text)
  local folder = name:match("(.+)/")
  if folder then shell("mkdir -p " .. quote(self:path(folder))) end
  write(self:path(name), text)
  return self:path(name)
end

--- Compiles a source, or a list of them, to a module or a program in the folder; the compiler has to be silent.
--- `packages` are those of pkg-config that it needs beside Lua and libuv, `options` more for the compiler.
function Workshop:compile(source, target, packages, options)
  packages = packages and "libuv " .. packages or "libuv"
  local sources = {}
  for i, path in ipairs(type(source) == "table" and source or {source}) do sources[i] = quote(path) end
  local is_module = target:find("%.so$") ~= nil
  local command = table.concat({
    SANITIZERS and "gcc" or "cc", "-O1", WARNINGS, SANITIZERS or "",
    is_module and "-shared -fPIC -Wl,-z,nodelete" or "-rdynamic",
    "-I", quote(root .. "/include"), options or "", ('$(pkg-config --cflags "$lua" %s)'):format(packages),
    "-o", quote(self:path(target)), table.concat(sources, " "),
    (is_module and "$(pkg-config --libs %s)" or '$(pkg-config --libs "$lua" %s)'):format(packages),
  }, " ")
  local text, status = shell(FIND_LUA .. command)
  assert(status == 0 and text == "", command .. "\n" .. text)
  return self:path(target)
end

--- package.cpath with the modules of the folder.
function Workshop:cpath()
  return self:path("?.so") .. ";" .. (TSAN_CPATH and TSAN_CPATH .. ";" or "") .. package.cpath
end

--- Runs a host with Lua programs, given as text.
---@return {out: string, err: string, code: integer?}
function Workshop:run(host, ...)
  local paths = {}
  for _, text in ipairs{...} do
    self.scripts = self.scripts + 1
    paths[#paths + 1] = self:write(("script%d.lua"):format(self.scripts), text)
  end
  return self:execute(host, table.unpack(paths))
end

--- Runs a host with these arguments.
---@return {out: string, err: string, code: integer?}
function Workshop:execute(host, ...)
  local arguments = {}
  for i, argument in ipairs{...} do arguments[i] = quote(tostring(argument)) end
  local out, err = self:path("out"), self:path("err")
  local environment = ("env -u LUA_INIT -u LUA_INIT_5_4 -u SAROS_DEBUG LUA_PATH_5_4=%s LUA_CPATH_5_4=%s"):format(
    quote(package.path), quote(self:cpath()))
  local _, status = shell(("exec %s timeout --foreground %d %s %s >%s 2>%s </dev/null"):format(
    environment, self.patience, quote(self:path(host)), table.concat(arguments, " "), quote(out), quote(err)))
  return {out = read(out), err = read(err), code = status}
end

return toolchain
