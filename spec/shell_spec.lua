-- SPDX-License-Identifier: MIT
-- What the documents tell to type in a shell: it is written rightly, and what it names is there. What needs no network,
-- no rights of root and no minutes is done as it stands, in a folder of its own.

local async = require "saros"
local documents = require "spec.support.documents"
local folder = require "spec.support.folder"
local processes = require "spec.support.processes"

local BUILD = package.cpath:match "([^;]*)/lib/%?%.so"

-- What documents use that a machine for the specs need not have.
local FOREIGN = { apt = true, cpack = true, luarocks = true, sudo = true }

local function blocks_of(document) return documents.examples(document, "sh") end

local function output_of(script)
  local pipe <close> = assert(io.popen("unset LD_PRELOAD; " .. script .. " 2>&1"))
  return pipe:read "a"
end

local ROOT = output_of "pwd -P":match "[^\n]+"
local LUA = output_of("command -v " .. processes.lua):match "[^\n]+"

-- The commands of a script, each as a list of its words, without variables that are set before them.
local function commands_of(script)
  local list = {}
  for line in script:gsub("\\\n", " "):gmatch "[^\n]+" do
    line = line:gsub("%s#.*$", ""):gsub('eval "%$%((.-)%)"', "%1"):gsub("[()]", "")
    for command in (line:gsub("&&", "\0")):gmatch "%Z+" do
      local words = {}
      for word in command:gmatch "%S+" do words[#words + 1] = word end
      if words[1] == "sudo" then table.remove(words, 1) end
      if #words > 0 and words[1] ~= "export" then list[#list + 1] = words end
    end
  end
  return list
end

-- The programs that a document has blocks of.
local function programs_of(document)
  local names = {}
  for _, example in ipairs(documents.examples(document)) do names[example.name or ""] = true end
  return names
end

local function is_command_of_dev(name, help)
  return help:find("\n  " .. name .. "%f[^%w]") ~= nil
end

-- What is wrong with a command, nil if it may be typed.
local function problem_with(words, programs, help)
  local name = words[1]
  if name == "./dev" then
    return not is_command_of_dev(words[2], help) and "there is no ./dev " .. words[2] or nil
  end
  local is_there = FOREIGN[name] or output_of("command -v " .. name) ~= ""
  if not is_there and name ~= "lua5.4" then return "there is no " .. name end
  for _, word in ipairs(words) do
    local is_missing = word:find "%.lua$" and not (programs[word] or documents.exists(word))
    if is_missing then return "there is no " .. word end
  end
end

local function quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- A folder in which the commands of a document find what they expect in a clone, and what stands for the interpreter.
local function prepare(path)
  for _, name in ipairs { "lua", "examples", "README.md" } do
    async.fs.symlink(ROOT .. "/" .. name, path .. "/" .. name)
  end
  async.fs.symlink(BUILD:find "^/" and BUILD or ROOT .. "/" .. BUILD, path .. "/build")
  async.fs.mkdir(path .. "/bin")
  folder.write(path .. "/bin/lua5.4", ("#!/bin/sh\nLD_PRELOAD=%s exec %s \"$@\"\n"):format(
    quote(os.getenv "LD_PRELOAD" or ""), quote(LUA)))
  async.fs.chmod(path .. "/bin/lua5.4", tonumber("755", 8))
end

-- Types a block in such a folder, which is also the home. Returns what was written.
local function type_in(path, script)
  local result = processes.run({ "sh", "-e", "-c", script }, { cwd = path, stderr = "stdout", extend_env = {
    HOME = path, PATH = path .. "/bin:" .. os.getenv "PATH",
    LUA_PATH = false, LUA_CPATH = false, LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false, LUA_INIT = false,
    LUA_INIT_5_4 = false, SAROS_DEBUG = false,
  } })
  assert.equal(0, result.exit_code, result.stdout)
  return result.stdout
end

-- The block of a document that has this text.
local function block_with(document, text)
  for _, block in ipairs(blocks_of(document)) do
    if block.code:find(text, 1, true) then return block.code end
  end
  error(("%s has no block with %q"):format(document, text))
end

describe("what is to be typed in a shell", function()
  local help = output_of "./dev help"

  for _, document in ipairs(documents.all()) do
    for _, block in ipairs(blocks_of(document)) do
      it(("is right in %s, line %d"):format(document, block.line), function()
        assert.equal("", output_of("sh -n -c " .. quote(block.code)))
        local programs = programs_of(document)
        for _, words in ipairs(commands_of(block.code)) do
          assert.is_nil(problem_with(words, programs, help), table.concat(words, " "))
        end
      end)
    end
  end

  it("names commands of ./dev that there are, also in the text", function()
    for _, document in ipairs(documents.all()) do
      local file <close> = assert(io.open(document))
      for name in file:read "a":gmatch "`%./dev (%l+)" do
        assert.is_true(is_command_of_dev(name, help), ("%s: ./dev %s"):format(document, name))
      end
    end
  end)

  it("installs into a folder, where programs find it (README.md)", folder.with(function(path)
    prepare(path)
    folder.write(path .. "/pages.lua", [[
      local async = require "saros"
      print(async.run(async.wait_for, function() return (package.searchpath("saros", package.path)) end, 5))
    ]])
    local written = type_in(path, block_with("README.md", "--prefix ~/saros"))
    assert.matches(path .. "/saros/share/lua/5.4/saros/init.lua\n", written, 1, true)
    assert.is_true(documents.exists(path .. "/saros/include/saros.h"))
  end))

  it("runs examples from a clone (examples/README.md)", folder.with(function(path)
    prepare(path)
    assert.matches("order 4 has no price", type_in(path, block_with("examples/README.md", "LUA_PATH")), 1, true)
  end))
end)
