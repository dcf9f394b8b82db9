-- SPDX-License-Identifier: MIT
-- has_token(value, token): whether the list that a header is names a token, given in lower case.

---@param value? string
---@param token string
---@return boolean
return function(value, token)
  return value ~= nil and (", " .. value:lower() .. ","):find("[, \t]" .. token .. "[, \t]") ~= nil
end
