-- SPDX-License-Identifier: MIT
-- docs/command.md: its programs are written into a folder, and its commands print what it says. There `...` stands for
-- the rest of a line, or for any lines.
local async = require "saros"
local command = require "spec.support.command"
local folder = require "spec.support.folder"
local processes = require "spec.support.processes"

local function blocks(text, kind)
  local list = {}
  for body in text:gmatch("\n```" .. kind .. "\n(.-\n)```\n") do list[#list + 1] = body end
  return list
end

-- The commands of a session, each with what is to be printed.
local function commands(session)
  local list = {}
  for line in session:gmatch "([^\n]*)\n" do
    local typed = line:match "^%$ (.*)"
    if typed then
      list[#list + 1] = { typed = typed, prints = "" }
    else
      list[#list].prints = list[#list].prints .. line .. "\n"
    end
  end
  return list
end

local function pattern_of(text)
  return "^" .. text:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".*") .. "$"
end

-- A folder with the programs, and with a `saros` that is the one of the tree.
local function prepare(path, text)
  for _, program in ipairs(blocks(text, "lua")) do
    folder.write(path .. "/" .. program:match "^%-%- (%S+%.lua)\n", program)
  end
  local preload = os.getenv "LD_PRELOAD" or ""
  folder.write(path .. "/saros", ("#!/bin/sh\nLD_PRELOAD='%s' exec '%s' '%s' \"$@\"\n"):format(preload, processes.lua,
    command.path))
  async.fs.chmod(path .. "/saros", tonumber("755", 8))
end

describe("the document docs/command.md", function()
  local text = folder.read "docs/command.md"

  it("shows what its commands do", folder.with(function(path)
    prepare(path, text)
    local count = 0
    for _, session in ipairs(blocks(text, "console")) do
      for _, line in ipairs(commands(session)) do
        local result = processes.run({ "sh", "-c", line.typed }, { cwd = path, stderr = "stdout", extend_env = {
          PATH = path .. ":" .. os.getenv "PATH", LD_PRELOAD = false, SAROS_DEBUG = false,
        } })
        assert.matches(pattern_of(line.prints), result.stdout, line.typed)
        count = count + 1
      end
    end
    assert.is_true(count >= 9)
  end))

  it("names all options, as --help does", folder.with(function()
    local help = command.run({ "--help" }).stdout
    for option in help:gmatch "\n  (%-%-?%a*)" do
      assert.is_truthy(text:find("`" .. option, 1, true) or option == "-v" or option == "--version", option)
    end
  end))
end)
