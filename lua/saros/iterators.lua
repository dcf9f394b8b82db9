-- SPDX-License-Identifier: MIT
-- Iterators that hold something. A loop closes that when it is left; who calls such an iterator by himself, as one that
-- was handed to him, finds it here.

local iterators = {}

-- By iterator, what is to be closed.
local held = setmetatable({}, { __mode = "k" })

---The four values that a loop wants, of which the first alone is enough to close the last one.
---@param iterator function
---@param closer any  has a `__close`
---@return function, nil, nil, any
function iterators.closed_by(iterator, closer)
  held[iterator] = closer
  return iterator, nil, nil, closer
end

---What is to be closed of an iterator; nil if that is nothing.
---@param iterator any
---@return any
function iterators.closer(iterator)
  return held[iterator]
end

return iterators
