-- SPDX-License-Identifier: MIT
local async = require "saros"
local json = require "saros.json"

local function fails(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(async.is_error(err, "JSONError"), tostring(err))
  assert.equal("EJSON", err.code)
  return err
end

describe("json.decode", function()
  it("reads every kind of value", function()
    local value = json.decode '{"s": "a\\u00e4\\n", "n": null, "t": true, "f": false, "l": [1, [2]], "o": {}}'
    assert.same({ s = "aä\n", n = json.null, t = true, f = false, l = { 1, { 2 } }, o = {} }, value)
    assert.equal(json.null, json.decode "null")
    assert.equal("x", json.decode '"x"')
    assert.equal(7, json.decode " 7 ")
  end)

  local numbers = {
    ["0"] = 0, ["-0"] = 0, ["42"] = 42, ["-17"] = -17, ["1.0"] = 1.0, ["1.5"] = 1.5, ["-2.0"] = -2.0, ["1e3"] = 1000.0,
    ["1E+2"] = 100.0, ["2e-2"] = 0.02, ["123456789012345"] = 123456789012345, ["1234567890123456"] = 1234567890123456,
    ["9007199254740993"] = 9007199254740993, ["9223372036854775807"] = math.maxinteger,
    ["-9223372036854775808"] = math.mininteger, ["9223372036854775808"] = 2.0 ^ 63, ["0.1"] = 0.1, ["1.05"] = 1.05,
    ["1.0e1"] = 10.0, ["100000000000000000000"] = 1e20,
  }
  for text, expected in pairs(numbers) do
    it("keeps what kind of number it is: " .. text, function()
      for _, wrapped in ipairs { text, "[" .. text .. "]", '{"a":' .. text .. "}" } do
        local value = json.decode(wrapped)
        if type(value) == "table" then value = value[1] or value.a end
        assert.equal(expected, value)
        assert.equal(math.type(expected), math.type(value))
      end
    end)
  end

  it("leaves numbers inside strings alone", function()
    local text = '["1.0", "a\\"2.0\\\\", 3.0, "9007199254740993", "\\\\", 4.0, 5]'
    local value = json.decode(text)
    assert.same({ "1.0", 'a"2.0\\', 3.0, "9007199254740993", "\\", 4.0, 5 }, value)
    assert.same({ "float", "float", "integer" }, { math.type(value[3]), math.type(value[6]), math.type(value[7]) })
  end)

  it("leaves sentences alone that end in a number", function()
    assert.same({ "No 1.", "-.5", "2.e" }, json.decode '["No 1.", "-.5", "2.e"]')
  end)

  it("refuses what is broken", function()
    for _, text in ipairs {
      "", " ", "{", "[1,", "[1 2]", "{a: 1}", "nul", "NaN", "Infinity", "0x10", "01", '"', '"\\x"', "[1.0, 2", "1.0.0",
      '{"a": 1.0,}', "[1e5, nan]", "--1", '"abc', "1.", "[-1.]", "1.e5", "-.5", ".5", "1.0e",
    } do
      fails(json.decode, text)
    end
  end)

  it("says that it is JSON, and where it is broken", function()
    for text, position in pairs {
      [""] = 1, ["{"] = 2, ["[1,"] = 4, ["nul"] = 1, ['{"a" 1}'] = 6, ["[1.0, 2"] = 8, ["[1e5, nan]"] = 7,
      ["[1.0, 1., 2]"] = 7, ['["1.", "\\"2.", 1.0, -.5]'] = 21, ["[12345678901234567890, x]"] = 24,
    } do
      local ok, err = pcall(json.decode, text)
      assert.is_false(ok)
      assert.matches("^JSONError: invalid JSON: .* at character " .. position .. "$", tostring(err))
    end
  end)

  it("takes strings only", function()
    assert.error_matches(function()
      json.decode(nil)
    end, "bad argument #1 to 'decode' %(string expected, got nil%)")
  end)
end)

describe("json.encode", function()
  local values = {
    { 1, "1" }, { -5, "-5" }, { 1.0, "1.0" }, { 0.1, "0.1" }, { 1 / 3, "0.33333333333333331" }, { 1e300, "1e+300" },
    { math.maxinteger, "9223372036854775807" }, { math.mininteger, "-9223372036854775808" },
    { 2.0 ^ 53, "9007199254740992.0" },
    { true, "true" }, { json.null, "null" }, { "ä\"\\\n\0\127", '"ä\\"\\\\\\n\\u0000\\u007f"' }, { {}, "{}" },
    { { 1, 2 }, "[1,2]" }, { { b = 1, a = { c = {} } }, '{"a":{"c":{}},"b":1}' }, { { json.null }, "[null]" },
    { { [""] = 1 }, '{"":1}' },
  }
  for _, pair in ipairs(values) do
    it("writes " .. pair[2], function()
      assert.equal(pair[2], json.encode(pair[1]))
    end)
  end

  it("gives numbers back as they were", function()
    for _, number in ipairs {
      1, 1.0, 0.1, 1 / 3, 1e15, 2 ^ 53, 123456.789, 5e-324, 1.7976931348623157e308, math.maxinteger, -0.5,
    } do
      local back = json.decode(json.encode { number })[1]
      assert.equal(number, back)
      assert.equal(math.type(number), math.type(back))
    end
  end)

  it("writes a marked table as an array, even an empty one", function()
    assert.equal("[]", json.encode(json.array {}))
    assert.equal('{"a":[]}', json.encode { a = json.array {} })
    local list = { 1 }
    assert.equal(list, json.array(list))
    assert.equal("[1]", json.encode(list))
  end)

  it("refuses what JSON cannot say", function()
    local cycle = {}
    cycle.own = cycle
    for _, value in ipairs { print, 0 / 0, math.huge, -math.huge, { print }, { [1] = 1, a = 2 }, { [1] = 1, [3] = 3 },
      { [true] = 1 }, { [1.5] = 1 }, cycle } do
      fails(json.encode, value)
    end
  end)
end)
