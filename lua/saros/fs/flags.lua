-- SPDX-License-Identifier: MIT
-- The modes of Lua's io.open, and what they are to the system.

local flags = {}

-- libuv's numbers, which are the system's own.
local bits = require("saros.fs.core").flags

local base = {
  r = 0, ["r+"] = 0, w = bits.creat | bits.trunc, ["w+"] = bits.creat | bits.trunc,
  a = bits.creat | bits.append, ["a+"] = bits.creat | bits.append,
}

---What a mode means; nil if it is none. Beside io's modes `"wx"`, which fails where there is a file already.
---@param mode string
---@return integer?
function flags.of(mode)
  local letter, exclusive, plus, last = mode:match "^([rwa])(x?)(%+?)b*(x?)$"
  if not letter or (exclusive .. last ~= "" and letter ~= "w") or exclusive .. last == "xx" then return nil end
  local access = plus == "+" and bits.rdwr or letter == "r" and bits.rdonly or bits.wronly
  return base[letter .. plus] | access | (exclusive .. last ~= "" and bits.excl or 0)
end

return flags
