-- SPDX-License-Identifier: MIT
local async = require "saros"
local resp = require "saros.redis.resp"

-- Everything that a reader makes of these chunks: {value, err} each, pushes as {push = list}; and what was wrong.
local function read(chunks)
  local got, sink = {}, {}
  function sink.reply(_, value, err) got[#got + 1] = { value, err } end
  function sink.push(_, list) got[#got + 1] = { push = list } end
  local function on_nested(text) return async.error { name = "RedisError", message = text } end
  local feed = resp.reader({ sink = sink }, on_nested)
  local where, problem = "between", nil
  for _, chunk in ipairs(chunks) do
    where, problem = feed(chunk)
    if problem then break end
  end
  return got, where, problem
end

local function one(text)
  local got, where, problem = read { text }
  assert.same({ 1, "between" }, { #got, where }, problem)
  return got[1][1], got[1][2]
end

local function bytes(text)
  local chunks = {}
  for i = 1, #text do chunks[i] = text:sub(i, i) end
  return chunks
end

local EVERYTHING = table.concat {
  "+OK\r\n", ":-7\r\n", "$5\r\nhello\r\n", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n", "_\r\n", ",1.5\r\n", "#t\r\n", "#f\r\n",
  "(12345678901234567890123\r\n", "=7\r\ntxt:one\r\n", "~2\r\n+a\r\n:1\r\n", "%2\r\n+k\r\n:1\r\n+l\r\n*1\r\n_\r\n",
  ">2\r\n+kind\r\n+x\r\n", "|1\r\n+ttl\r\n:3\r\n+behind\r\n", "-ERR no\r\n", "!7\r\nERR bad\r\n",
  "*3\r\n$3\r\na\r\n\r\n$-1\r\n*1\r\n:9\r\n",
}

describe("the reader of RESP", function()
  it("knows the kinds of RESP2 and RESP3", function()
    assert.equal("OK", one "+OK\r\n")
    assert.equal(-7, one ":-7\r\n")
    assert.equal("integer", math.type(one ":12\r\n"))
    assert.equal("a\r\nb", one "$4\r\na\r\nb\r\n")
    assert.is_nil(one "$-1\r\n")
    assert.is_nil(one "*-1\r\n")
    assert.is_nil(one "_\r\n")
    assert.same({}, one "*0\r\n")
    assert.same({ "a", 1, { 2 } }, one "*3\r\n+a\r\n:1\r\n*1\r\n:2\r\n")
    assert.same({ "x", "y" }, one "~2\r\n+x\r\n+y\r\n")
    assert.same({ a = 1, b = "two" }, one "%2\r\n+a\r\n:1\r\n$1\r\nb\r\n$3\r\ntwo\r\n")
    assert.equal(1.5, one ",1.5\r\n")
    assert.equal("float", math.type(one ",1\r\n"))
    assert.equal(-math.huge, one ",-inf\r\n")
    assert.is_true(one "#t\r\n")
    assert.is_false(one "#f\r\n")
    assert.equal("some text", one "=13\r\ntxt:some text\r\n")
  end)

  it("gives errors as their text, those in a list as Error objects", function()
    assert.same({ n = 2, nil, "ERR no such thing" }, table.pack(one "-ERR no such thing\r\n"))
    assert.same({ n = 2, nil, "ERR a\nb" }, table.pack(one "!7\r\nERR a\nb\r\n"))
    local list = one "*2\r\n-ERR inside\r\n:1\r\n"
    assert.is_true(async.is_error(list[1], "RedisError"))
    assert.equal(1, list[2])
  end)

  it("counts a list with nulls by n, and leaves nulls out of maps", function()
    assert.same({ "a", nil, "b", n = 3 }, one "*3\r\n+a\r\n_\r\n+b\r\n")
    assert.same({ n = 1 }, one "*1\r\n$-1\r\n")
    assert.is_nil(one("*1\r\n+a\r\n").n)
    assert.same({ b = 1 }, one "%3\r\n+a\r\n_\r\n+b\r\n:1\r\n_\r\n:2\r\n")
  end)

  it("keeps integers of 64 bits, and gives greater numbers as digits", function()
    assert.equal(math.maxinteger, one ":9223372036854775807\r\n")
    assert.equal(math.mininteger, one ":-9223372036854775808\r\n")
    assert.equal("12345678901234567890", one "(12345678901234567890\r\n")
    assert.equal(12, one "(12\r\n")
  end)

  it("drops attributes, and tells pushes from replies", function()
    assert.equal("value", one "|1\r\n+ttl\r\n:3600\r\n+value\r\n")
    assert.same({ "a", "b" }, one "*2\r\n|1\r\n+k\r\n+v\r\n+a\r\n+b\r\n")
    local got = read { "+one\r\n>2\r\n+message\r\n+x\r\n+two\r\n" }
    assert.same({ { "one" }, { push = { "message", "x" } }, { "two" } }, got)
  end)

  it("gives the same whatever the chunks are", function()
    local whole = read { EVERYTHING }
    assert.equal(19, #whole)
    local got, where = read(bytes(EVERYTHING))
    assert.same(whole, got)
    assert.equal("between", where)
    for size = 2, 40 do
      local chunks = {}
      for i = 1, #EVERYTHING, size do chunks[#chunks + 1] = EVERYTHING:sub(i, i + size - 1) end
      assert.same(whole, (read(chunks)))
    end
  end)

  it("tells whether it stands in the middle of a reply", function()
    for length = 1, #EVERYTHING - 1 do
      local got, where, problem = read { EVERYTHING:sub(1, length) }
      assert.is_nil(problem)
      local again = read { EVERYTHING:sub(1, length), "" }
      assert.same(got, again)
      assert.is_true(where == "inside" or where == "between")
    end
    assert.equal("inside", select(2, read { "$5\r\nhel" }))
    assert.equal("inside", select(2, read { "*2\r\n+a\r\n" }))
    assert.equal("between", select(2, read { "*1\r\n+a\r\n" }))
  end)

  it("says what is wrong with a server that speaks something else", function()
    for text, message in pairs {
      ["HTTP/1.1 400 Bad Request\r\n"] = "begins with \"H\"",
      ["$abc\r\n"] = "'abc' is no integer", ["$-2\r\n"] = "-2 is no length", [":1x\r\n"] = "'1x' is no integer",
      ["*99999999999999999999\r\n"] = "is no length", ["$3\r\nabcd\r\n"] = "longer than it was said",
      ["#x\r\n"] = "'x' is no boolean", [",1,5x\r\n"] = "is no number", [":0x10\r\n"] = "is no integer",
      [("*1\r\n"):rep(300)] = "nested too deeply", ["+" .. ("x"):rep(1100000)] = "a line without an end",
    } do
      local _, where, problem = read { text }
      assert.is_nil(where)
      assert.matches(message, problem, 1, true)
      local chunks = #text < 1000 and bytes(text) or { text:sub(1, 700), text:sub(701) }
      assert.equal(problem, select(3, read(chunks)))
    end
  end)

  it("sets nothing aside for what is only announced", function()
    collectgarbage()
    local before = collectgarbage "count"
    read { "*1000000000\r\n+a\r\n" }
    read { "%1000000000\r\n" }
    read { "$500000000\r\nabc" }
    assert.is_true(collectgarbage "count" - before < 1000)
  end)

  it("takes a long string in chunks, and keeps it about twice", function()
    local size, piece = 32 << 20, ("x"):rep(1 << 16)
    local chunks = { ("$%d\r\n"):format(size) }
    for _ = 1, size // #piece do chunks[#chunks + 1] = piece end
    chunks[#chunks + 1] = "\r\n+next\r\n"
    collectgarbage()
    local before = collectgarbage "count"
    local got = read(chunks)
    assert.equal(size, #got[1][1])
    assert.equal("next", got[2][1])
    assert.is_true(collectgarbage "count" - before < 2.2 * size / 1024)
  end)
end)
