-- SPDX-License-Identifier: MIT
-- Base64, as credentials are written.

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

---@param text string
---@return string
local function base64(text)
  local parts = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, 0, -6 do
      local index = (bits >> shift & 63) + 1
      parts[#parts + 1] = digits:sub(index, index)
    end
    if not c then parts[#parts] = "=" end
    if not b then parts[#parts - 1] = "=" end
  end
  return table.concat(parts)
end

return base64
