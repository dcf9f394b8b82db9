-- SPDX-License-Identifier: MIT
-- Every scenario runs in a host of its own (host.c, which says what the modes do), once for each fault.

local toolchain = require "spec.embed.toolchain"

local FILES = {"loading", "tasks", "combine", "sync"}

-- Mode, and the distance between two runs or collections. `L`: on a loop of the host's own.
local MODES = {
  {"once", 1}, {"forever", 1}, {"close", 3},
  {"onceL", 5}, {"foreverL", 5}, {"closeL", 7},
  {"collect", 1}, {"frantic", 1}, {"young", 1},
}

local SECONDS = 20 -- a run that takes longer hangs

-- The host takes the place of malloc, as only the GNU C library lets it.
local function is_supported()
  return os.execute("getconf GNU_LIBC_VERSION >/dev/null 2>&1") == true
end

local function names_of(file)
  local names = {}
  for name in pairs(dofile("spec/faults/scenarios/" .. file .. ".lua")) do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("a fault", function()
  local workshop

  setup(function()
    if not is_supported() then return end
    workshop = toolchain.open()
    workshop:compile("spec/faults/host.c", "host")
  end)

  teardown(function()
    if workshop then workshop:close() end
  end)

  for _, file in ipairs(FILES) do
    for _, name in ipairs(names_of(file)) do
      it(("in %s.%s does no harm"):format(file, name), function()
        if not workshop then return pending "needs the GNU C library" end
        for _, mode in ipairs(MODES) do
          local result = workshop:execute("host", mode[1], "spec/faults/scenarios/" .. file .. ".lua", name, SECONDS,
            mode[2])
          local said = ("%s: %s%s"):format(mode[1], result.out, result.err)
          assert(result.code == 0 and result.out:find "^ok", said)
          assert(not result.err:find "Sanitizer", said)
        end
      end)
    end
  end
end)
