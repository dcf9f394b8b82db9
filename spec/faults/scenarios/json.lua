-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: JSON written and read, in more memory than is at hand without asking.
local async = require "saros"
local check = require "spec.faults.check"

local json = async.json

local scenarios = {}

local function object_of(count)
  local object = {}
  for i = 1, count do object["name" .. i] = { i, i + 0.5, "a \"text\"\n", json.null, {} } end
  return object
end

scenarios.values = check.scenario(function()
  local object = object_of(20)
  object.long = ("x"):rep(3000)
  object.fields = setmetatable({}, { __pairs = function() return next, { a = object_of(18), b = true } end })
  local text = json.encode(object)
  local value = json.decode(text)
  assert(value.long == object.long and value.fields.a.name18[3] == 'a "text"\n' and value.name20[4] == json.null)
  assert(json.encode(value) == text)
end)

scenarios.mistakes = check.scenario(function()
  check.raises("found '2'", json.decode, '[1, ["\\u00e4' .. ("x"):rep(2000) .. '", {"a": [1 2]}]')
  check.raises("string expected, got nil", json.decode, nil)
  check.raises("cannot encode a function", json.encode, { a = { ("x"):rep(2000), print } })
end)

return scenarios
