-- SPDX-License-Identifier: MIT
-- Scenarios of spec/finalizers: files and folders. What a finalizer closes raises ClosedError, in nobody else's way.
local async = require "saros"
local testing = require "saros.testing"
local world = require "spec.finalizers.world"
local fs = async.fs

local scenarios = {}
local path = os.tmpname()

local function note(object) return world.note("files", object) end

local function broken(message) error({is_broken = true, message = message}, 0) end

local function scenario(name, fn)
  scenarios[name] = function()
    async.on_error(function() end)
    local file <close> = io.open(path, "w")
    file:write "1 2\nsecond\nthird\n"
    file:close()
    testing.run(fn)
  end
end

scenario("reading", function()
  local file <close> = note(fs.open(path, "r+"))
  local one, two, rest, line = file:read("n", "n", "L", "l")
  if one ~= 1 or two ~= 2 or rest ~= "\n" or line ~= "second" then broken "other values were read" end
  file:write("x", 5)
  file:seek "set"
  local text = file:read "a"
  if #text < 17 then broken("bytes are missing: " .. text) end
end)

scenario("lines", function()
  local count = 0
  local step, _, _, file = fs.lines(path)
  note(file)
  for line in step, nil, nil, file do count = count + #line end
  if count ~= 14 then broken(count .. " bytes were read") end
end)

scenario("folders", function()
  local step, _, _, folder = fs.scandir "spec/finalizers"
  note(folder)
  local count = 0
  for name, kind in step, nil, nil, folder do
    count = count + 1
    if type(name) ~= "string" or kind ~= "file" then broken "no file" end
  end
end)

scenario("watching", function()
  local watch <close> = note((fs.watch(path)))
  fs.append_file(path, "x")
  if watch().kind ~= "change" then broken "another event" end
end)

scenario("failures", function()
  for _, call in ipairs {fs.read_file, fs.scandir, fs.stat, fs.watch, fs.remove} do
    local ok, err = pcall(call, "/nonexistent/x")
    if ok then broken "it succeeded" end
    if async.is_error(err, "SystemError") and err.path ~= "/nonexistent/x" then broken "another path" end
  end
end)

return scenarios
