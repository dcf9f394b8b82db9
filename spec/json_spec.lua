-- SPDX-License-Identifier: MIT
local async = require "saros"
local json = require "saros.json"
local locales = require "spec.support.locales"

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

  it("refuses control characters anywhere, unless they are escaped", function()
    for byte = 0, 31 do
      local char = string.char(byte)
      for _, pattern in ipairs { '"a@b"', '"@"', '["", "x@"]', '{"a@": 1}', '{"a": {"b": ["c", "d@"]}}', '["\\n@"]',
        '[1.0, "\\"@"]', '{"a": [],\n"b": "@"}', '["\\\\", "@"]', '"@' } do
        fails(json.decode, (pattern:gsub("@", char)))
      end
      local is_space = char:find "[\t\n\r]"
      for _, pattern in ipairs { "[1]@", "@[1]", "[@1]", "[1@]", '[1]@@', '["a"@, "b"]', '{@"a"@:@1@}', "[@]" } do
        local text = pattern:gsub("@", char)
        if is_space then json.decode(text) else fails(json.decode, text) end
      end
      assert.equal(char, json.decode(('"\\u%04x"'):format(byte)))
    end
    fails(json.decode, "[1]\0x")
    fails(json.decode, "[1]\0")
    assert.equal("\127", json.decode '"\127"')
    assert.equal("a\n\"\tb", json.decode '\n"a\\n\\"\\tb"\n')
    assert.same({ ["a\n"] = "\r" }, json.decode '{\n\t"a\\n":\n"\\r"}')
  end)

  it("says where a text is broken, whatever stands before", function()
    for _, text in ipairs { "[10, x]", "[[], x]", "[1.0, x]", "[ ], x" } do
      local position = text:find(text:find "x%]" and "x" or ",")
      assert.truthy(fails(json.decode, text).message:find("character " .. position, 1, true), text)
    end
  end)

  it("skips one byte order mark before the text", function()
    for _, text in ipairs { "7", '"a"', "[1, 2]", '{"a": []}', " [1.0]\n" } do
      assert.same(json.decode(text), json.decode("\u{FEFF}" .. text))
    end
    for _, text in ipairs { "\u{FEFF}", "\u{FEFF}\u{FEFF}1", "1\u{FEFF}", " \u{FEFF}1", "\xEF\xBB1", "\xFE\xFF1" } do
      fails(json.decode, text)
    end
    assert.equal("\u{FEFF}", json.decode '"\u{FEFF}"')
  end)

  it("knows an empty array from an empty object, when it is written again", function()
    for _, text in ipairs { "[]", "{}", "[[],{}]", '{"a":[],"b":{}}', "[[[]]]",
      '["[]","[ ]",[]]', '{"":[1.0,[],"\\"[]"]}',
      '{"[]":{"a":[]}}' } do
      assert.equal(text, json.encode(json.decode(text)))
    end
    for _, text in ipairs { "[ ]", "[\n]", "[\r\n\t ]", " [] " } do
      assert.equal("[]", json.encode(json.decode(text)))
    end
    assert.equal("{}", json.encode(json.decode "{ }"))
    local deep = ("["):rep(1000) .. ("]"):rep(1000)
    assert.equal(deep, json.encode(json.decode(deep)))
  end)

  it("gives an empty array as an ordinary empty table, to be filled as a list or a record", function()
    local list = json.decode "[]"
    assert.equal(0, #list)
    assert.is_nil(next(list))
    for _ in pairs(list) do error "nothing is in it" end
    assert.same({}, list)
    list[1] = "a"
    assert.equal('["a"]', json.encode(list))
    table.remove(list)
    assert.equal("[]", json.encode(list))
    list.name = "b"
    assert.equal('{"name":"b"}', json.encode(list))
  end)

  it("reads what is allowed at the edges", function()
    assert.same({ math.huge, -math.huge }, json.decode "[1e999, -1e999]")
    assert.equal("-inf", tostring(1 / json.decode "-0.0"))
    assert.equal("\u{1F600}", json.decode '"\\ud83d\\ude00"')
    assert.same({ a = 2 }, json.decode '{"a": 1, "a": 2}')
    for _, text in ipairs { '"\\ud800"', '"\\udc00"', '"\\ud800x"', '"\\ud83d\\u0041"',
      ("["):rep(1001) .. ("]"):rep(1001), ("["):rep(100000) } do
      fails(json.decode, text)
    end
  end)

  it("reads escapes, those of all planes", function()
    assert.equal("\"\\/\b\f\n\r\t", json.decode [["\"\\\/\b\f\n\r\t"]])
    assert.equal("A\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\0",
      json.decode [["\u0041\u007F\u0080\u07ff\u0800\uFFFF\ud800\udc00\uDBFF\uDFFF\u0000"]])
    for _, text in ipairs { [["\u12g4"]], [["\u"]], [["\u123]], [["\U0041"]], [["\'"]], [["\]], [["\ud83d\n"]] } do
      assert.matches("invalid .*escape code", fails(json.decode, text).message)
    end
  end)

  it("leaves bytes alone that are no UTF-8", function()
    local bytes = {}
    for byte = 128, 255 do bytes[#bytes + 1] = string.char(byte) end
    local text = table.concat(bytes)
    assert.equal(text, json.decode('"' .. text .. '"'))
    assert.equal('"' .. text .. '"', json.encode(text))
  end)

  it("finds the end of a string wherever it is", function()
    for length = 0, 40 do
      local text = ("x"):rep(length)
      assert.same({ text, text .. '"', 1 }, json.decode('["' .. text .. '","' .. text .. '\\"",1]'))
      assert.equal('"' .. text .. '\\n"', json.encode(text .. "\n"))
    end
  end)

  it("takes strings for names only", function()
    for _, text in ipairs { "{1: 2}", "{1e5: 2}", "{12345678901234567890: 2}", "{null: 2}", "{[]: 2}" } do
      assert.matches("expected a name in quotes", fails(json.decode, text).message)
    end
  end)

  it("reads numbers of any length", function()
    local digits = ("1234567890"):rep(30)
    assert.equal(tonumber(digits), json.decode(digits))
    assert.equal(tonumber("0." .. digits), json.decode("0." .. digits))
    assert.equal(-0.1, json.decode("-0.1" .. ("0"):rep(1000)))
  end)

  it("takes strings only", function()
    for value, got in pairs { [1] = "number", [{}] = "table", [false] = "boolean" } do
      local _, err = pcall(json.decode, value)
      assert.matches("bad argument #1 to 'decode' %(string expected, got " .. got .. "%)", err)
    end
    assert.error_matches(function() json.decode(nil) end, "bad argument #1 to 'decode' %(string expected, got nil%)")
    assert.error_matches(function() json.decode() end, "bad argument #1 to 'decode' %(string expected, got no value%)")
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
    assert.equal("[1,null,3]", json.encode(json.array { 1, nil, 3 }))
  end)

  it("loses no field of a marked table", function()
    for _, value in ipairs { { a = 1 }, { 1, a = 2 }, { [0] = 1 }, { [7] = 1 }, { [1.5] = 1 } } do
      fails(json.encode, json.array(value))
    end
  end)

  it("writes of a table with __pairs what that gives", function()
    local hidden = setmetatable({ [{}] = 1 }, { __pairs = function() return next, { b = 2, a = { 1 } } end })
    assert.equal('{"in":{"a":[1],"b":2}}', async.json.encode { ["in"] = hidden })
  end)

  it("writes an empty table as a list where it is known to be one, with __pairs as an object", function()
    assert.equal("[]", json.encode(setmetatable({}, { __jsontype = "array" })))
    assert.equal("{}", json.encode(setmetatable({}, { __jsontype = "object" })))
    local fields = setmetatable({ 1, 2 }, { __jsontype = "array", __pairs = function() return next, {} end })
    assert.equal("{}", json.encode(fields))
  end)

  it("sorts names by their bytes, and knows those apart that begin alike", function()
    local object, expected = {}, {}
    for _, name in ipairs { "", "\0", "\0a", "A", "B", "a", "aa", "ab", "b", "\xC3\xA4", "\xFF" } do
      object[name] = true
      expected[#expected + 1] = json.encode(name) .. ":true"
    end
    assert.equal("{" .. table.concat(expected, ",") .. "}", json.encode(object))
  end)

  it("writes long texts and large tables", function()
    local text = ("line\n"):rep(100000)
    assert.equal('"' .. ("line\\n"):rep(100000) .. '"', json.encode(text))
    local object, list, fields = {}, {}, {}
    for i = 1, 10000 do
      object[("%05d"):format(i)], list[i], fields[i] = i, i, ('"%05d":%d'):format(i, i)
    end
    assert.equal("{" .. table.concat(fields, ",") .. "}", json.encode(object))
    assert.equal("[" .. table.concat(list, ",") .. "]", json.encode(list))
  end)

  it("goes 1000 tables deep", function()
    local value = {}
    for _ = 2, 1000 do value = { value } end
    assert.equal(("["):rep(999) .. "{}" .. ("]"):rep(999), json.encode(value))
    assert.matches("nested so deep", fails(json.encode, { value }).message)
  end)

  it("does not need tables to stay as they are while it writes them", function()
    local object, list, outer = {}, {}, {}
    for i = 1, 100 do
      list[i] = { "item" .. i }
      object["name" .. i] = "value" .. i
    end
    object.name0 = setmetatable({}, { __pairs = function()
      for _, t in ipairs { object, list, outer } do
        for key in next, t do t[key] = nil end
      end
      for _ = 1, 2 do collectgarbage() end
      return next, { a = 1 }
    end })
    outer[1], outer[2], list[1] = list, { b = 2 }, object
    local text = json.encode(outer)
    assert.matches('^%[%[{"name0":{"a":1},"name1":null,.*"name99":null},null,.*null%],null%]$', text)
  end)

  it("passes on what pairs of a table raises", function()
    local problem = {}
    local value = setmetatable({}, { __pairs = function() error(problem) end })
    local ok, err = pcall(json.encode, { { value } })
    assert.is_false(ok)
    assert.equal(problem, err)
  end)

  it("says what it cannot write", function()
    for message, value in pairs {
      ["cannot encode a function"] = { print }, ["cannot encode a userdata"] = { a = io.stdout },
      ["cannot encode a thread"] = coroutine.create(print), ["cannot encode a number that is not finite"] = 0 / 0,
      ["cannot encode a table with a key of type number"] = { [2] = 1 },
      ["cannot encode a table with a key of type boolean"] = { [true] = 1 },
      ["cannot encode a table with list and record fields, or a list with holes"] = { 1, a = 2 },
    } do
      assert.equal(message, fails(json.encode, value).message)
    end
  end)

  it("writes what is in a table, whatever __len and __index say", function()
    local function liar() return 1 end
    for text, value in pairs { ["[1,2]"] = { 1, 2 }, ['{"a":1}'] = { a = 1 }, ["{}"] = {} } do
      assert.equal(text, json.encode(setmetatable(value, { __len = liar, __index = liar })))
    end
  end)

  it("takes a table for a list only if it has the keys from 1 on, however many others there are", function()
    for _, value in ipairs { { [0] = "a", [2] = "b" }, { nil, nil, nil, 4, a = 1, b = 2, c = 3 }, { 1, [1.5] = 2 } } do
      fails(json.encode, value)
    end
    local reversed = {}
    for i = 9, 1, -1 do reversed[i] = i end
    assert.equal("[1,2,3,4,5,6,7,8,9]", json.encode(reversed))
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

describe("JSON in a program with a locale of its own", function()
  for _, point in ipairs { ",", "<U066B>" } do
    it("has points in its numbers, however long they are: " .. point, function()
      local result = locales.script(point, [[
        local json = require "saros.json"
        local long = "0." .. ("5"):rep(300)
        assert(not tostring(1.5):find(".", 1, true))
        print(json.encode(json.decode('{"a":[1.5,1e3,' .. long .. ',2],"b":-' .. long .. '}')))
      ]])
      assert.equal('{"a":[1.5,1000.0,0.55555555555555558,2],"b":-0.55555555555555558}\n', result.out, result.err)
    end)
  end
end)
