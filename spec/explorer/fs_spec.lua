-- SPDX-License-Identifier: MIT
-- Files under every order, and with a cancellation at every await.
local async = require "saros"
local explored = require("spec.support.explorer").explored
local folder = require "spec.support.folder"
local fs = async.fs

-- A place for the files of the scenarios, which are removed before each run.
local place = os.tmpname()
os.remove(place)
os.execute(("mkdir '%s'"):format(place))

local function empty()
  for _, name in ipairs { "f", "1", "2", "3" } do os.remove(place .. "/" .. name) end
end

local LINES = 4

describe("files, explored:", function()
  teardown(function() os.execute(("rm -rf '%s'"):format(place)) end)

  it("a cancelled read loses no line, and none comes twice", explored(function(probe)
    local got = {}
    empty()
    folder.write(place .. "/f", "1\n2\n3\n4\n")
    return function()
      local file <close> = fs.open(place .. "/f")
      local function reader()
        for _ = 1, 2 do
          local ok, line = pcall(file.read, file)
          if ok and line then got[#got + 1] = line end
          if not ok and not async.is_error(line, "BusyError") then error(line, 0) end
          async.sleep(0)
        end
      end
      probe:together { reader, reader }
      async.shield(function()
        for line in file:lines() do got[#got + 1] = line end
      end)
    end, function(ended)
      if not ended then return end
      for i, line in ipairs(got) do assert.equal(tostring(i), line) end
      assert.is_true(#got <= LINES)
    end
  end, { orders = 30, cancels = 80, deadlines = 10, mixed = 20, allows = { "GroupError" } }))

  it("an atomic write is whole, and nothing is left beside it", explored(function(probe)
    empty()
    folder.write(place .. "/f", "old")
    return function()
      probe:together {
        function() fs.write_file(place .. "/f", "one", { atomic = true }) end,
        function() fs.write_file(place .. "/f", "two", { atomic = true }) end,
        function()
          local text = fs.read_file(place .. "/f")
          assert.is_true(text == "old" or text == "one" or text == "two", text)
        end,
      }
    end, function()
      local text = folder.read(place .. "/f")
      assert.is_true(text == "old" or text == "one" or text == "two", text)
      assert.equal("f", folder.names(place))
    end
  end, { orders = 20, cancels = 60, deadlines = 10, mixed = 20, allows = { "GroupError" } }))

  it("opening, going through folders and closing leave nothing open", explored(function(probe)
    empty()
    for i = 1, 3 do folder.write(place .. "/" .. i, "x") end
    return function()
      probe:together {
        function()
          for path in fs.walk(place) do
            local file <close> = fs.open(path)
            file:read "a"
          end
        end,
        function()
          for line in fs.lines(place .. "/1") do assert.equal("x", line) end
        end,
        function()
          local file <close> = fs.tempfile()
          file:write "x"
          file:truncate(0)
        end,
      }
    end, function() end
  end, { orders = 20, cancels = 80, deadlines = 10, mixed = 20, allows = { "GroupError" } }))
end)
