-- SPDX-License-Identifier: MIT
-- Scripts in locales with another decimal point.

local script = require "spec.support.script"

local locales = {}

local NUMERIC = 'LC_NUMERIC\ndecimal_point "%s"\nthousands_sep ""\ngrouping -1\nEND LC_NUMERIC\n'

-- A system that can make none has that of Germany.
local PRELUDE = 'assert(os.setlocale("made", "numeric") or os.setlocale("de_DE.UTF-8", "numeric"))\n'

---Runs a script of spec.support.script in a locale whose decimal point is this one, as localedef has it: "," or
---"<U066B>", which has two bytes.
---@param point string
---@param source string
function locales.script(point, source)
  local folder = os.tmpname()
  os.remove(folder)
  os.execute(("mkdir '%s'"):format(folder))
  local file <close> = assert(io.open(folder .. "/numeric", "w"))
  file:write(NUMERIC:format(point)):flush()
  os.execute(("cd '%s' && env -u LD_PRELOAD localedef -c -i numeric -f UTF-8 ./made >made.log 2>&1"):format(folder))
  local result = script(PRELUDE .. source, { env = { LOCPATH = folder } })
  os.execute(("rm -rf '%s'"):format(folder))
  return result
end

return locales
