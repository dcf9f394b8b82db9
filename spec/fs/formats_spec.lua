-- SPDX-License-Identifier: MIT
-- Reading, beside Lua's own io on the same bytes: whatever a format makes of them there, it makes of them here.
local async = require "saros"
local folder = require "spec.support.folder"
local with, write = folder.with, folder.write
local error_of = require("spec.support.tasks").error_of

-- All that reads(file) returns and where the file stands then, of both files.
local function compare(path, reads, text)
  write(path, text)
  local theirs <close> = assert(io.open(path, "rb"))
  local ours <close> = async.fs.open(path, "rb")
  local expected, got = {}, {}
  for _, formats in ipairs(reads) do
    local call = table.concat(formats, ",")
    expected[#expected + 1] = { call, table.pack(theirs:read(table.unpack(formats))), theirs:seek() }
    got[#got + 1] = { call, table.pack(ours:read(table.unpack(formats))), ours:seek() }
  end
  assert.same(expected, got, ("%q"):format(text:sub(1, 100)))
end

local NUMERALS = {
  "12", " 12 ", "-12", "+12", "- 12", "--12", "12.5", ".5", "5.", ".", "-.", "1e5", "1E-5", "1e+5", "1e", "1e-", "e5",
  "0x10", "0X1F", "0x", "0x.8", "0x1p4", "0x1P-2", "0x1p", "0xfg", "00012", "0", "-0", "0.0e0", "1..2", "1.2.3",
  "12abc", "abc", "", "  ", "\n\t 7\n8", "nan", "inf", "9223372036854775807", "9223372036854775808", "1e400",
  ("1"):rep(199), ("1"):rep(200), ("1"):rep(201), ("1"):rep(300) .. " 5", "0x" .. ("f"):rep(50), "0x7fffffffffffffff",
  "1 2", "1\0002", "\0", "12e34e56", "0b1", "1_000", "١", (" "):rep(70000) .. "42", ("\n"):rep(66000) .. "0x2a rest",
}

describe("a format reads as it does in io:", function()
  it("numerals, and what is nearly one", with(function(path)
    for _, text in ipairs(NUMERALS) do
      compare(path .. "/f", { { "n" }, { "n" }, { "l" }, { "n", "n" } }, text)
      compare(path .. "/f", { { "n", "n", "n", "l" }, { "a" } }, text .. " 17 x")
    end
  end))

  local TEXTS = {
    "", "\n", "\n\n", "one", "one\n", "one\ntwo", "one\r\ntwo\r\n", "a\0b\nc\0", ("x"):rep(65535) .. "\nlast",
    ("x"):rep(65536) .. "\nlast\n", ("y"):rep(200000) .. "\n" .. ("z"):rep(70000), ("line\n"):rep(30000), "\n\nthree",
  }
  local CALLS = {
    { {} }, { { "l" }, { "l" }, { "l" } }, { { "L" }, { "L" }, { "L" } }, { { "a" }, { "a" }, { "l" } },
    { { 0 }, { 1 }, { 0 }, { 5 }, { 100000 }, { 0 }, { 1 } }, { { "l", "L", 3, "a" }, { "l", "a" }, { "a", "l", "a" } },
    { { "*l" }, { "*L" }, { "*a" } }, { { "line", "LINE" }, { "all" } }, { { 3.0, "l" }, { 2, 0, "L" } },
    { { 65536, 65536 }, { 0, "l" } }, { { "a", 0 }, { 0, "a" } },
  }
  it("lines, bytes and all of it, of short and long lines", with(function(path)
    for _, text in ipairs(TEXTS) do
      for _, calls in ipairs(CALLS) do compare(path .. "/f", calls, text) end
    end
  end))

  it("numbers out of a seeded lot of texts", with(function(path)
    local pieces = { "0", "x", "1", "9", ".", "e", "E", "p", "-", "+", " ", "\n", "f", "g", "inf" }
    math.randomseed(7)
    for _ = 1, 150 do
      local text = {}
      for i = 1, math.random(12) do text[i] = pieces[math.random(#pieces)] end
      compare(path .. "/f", { { "n" }, { "n", "l" }, { "a" } }, table.concat(text))
    end
  end))

  it("lines of an iterator, with formats too", with(function(path)
    local text = "1 2\n3 4\nrest\nlast"
    write(path .. "/f", text)
    for _, formats in ipairs { {}, { "L" }, { "n", "n" }, { 3 }, { "l", "l" }, { 1, "L" }, { "*n" } } do
      local expected, got = {}, {}
      for a, b in io.lines(path .. "/f", table.unpack(formats)) do expected[#expected + 1] = { a, b } end
      for a, b in async.fs.lines(path .. "/f", table.unpack(formats)) do got[#got + 1] = { a, b } end
      assert.same(expected, got)
      local file <close> = async.fs.open(path .. "/f")
      got = {}
      for a, b in file:lines(table.unpack(formats)) do got[#got + 1] = { a, b } end
      assert.same(expected, got)
      assert.is_false(file:closed())
    end
  end))

  it("modes, and what is none", with(function(path)
    write(path .. "/f", "x")
    local good = { "r", "w", "a", "r+", "w+", "a+", "rb", "wb", "ab", "r+b", "w+b", "a+b", "rbb" }
    local bad = { "", "b", "+", "x", "rw", "rb+", "r+bk", "rx", "ax", "wxx", "r ", "R", "w+ +", "wx+x" }
    for _, mode in ipairs(good) do
      assert(io.open(path .. "/f", mode)):close()
      async.fs.open(path .. "/f", mode):close()
    end
    for _, mode in ipairs(bad) do
      assert.is_false((pcall(io.open, path .. "/f", mode)))
      local ok, message = pcall(async.fs.open, path .. "/f", mode)
      assert.is_false(ok)
      assert.matches("bad argument #2 to 'open' %(invalid mode%)", message)
    end
  end))
end)

describe("writing does as it does in io:", function()
  -- What becomes of a file in which work(file) has been done, and what that returned.
  local function compare_work(path, mode, work)
    local results = {}
    for i, open in ipairs { io.open, async.fs.open } do
      write(path, "0123456789\nabcdefghij\n")
      local file <close> = open(path, mode)
      results[i] = table.pack(work(file, function(value) return value == file and "the file" or value end))
      file:close()
      results[i].content = folder.read(path)
    end
    assert.same(results[1], results[2])
  end

  for _, mode in ipairs { "w", "w+", "a", "a+", "r+" } do
    it(mode .. ": strings and numbers, at the position, at the end", with(function(path)
      compare_work(path .. "/f", mode, function(file, name)
        return name(file:write("text", 1, -2, 3.0, 0.1, 1e100, 1 << 53, "", "a\0b")), file:seek()
      end)
      compare_work(path .. "/f", mode, function(file, name)
        local first = file:seek()
        local second = file:seek("set", 4)
        return name(file:write "XY"), first, second, file:seek(), file:seek("end"), file:seek("cur", -3)
      end)
      compare_work(path .. "/f", mode, function(file, name)
        return file:seek("end", 5), name(file:write "far"), file:seek("end")
      end)
    end))
  end

  for _, mode in ipairs { "w+", "a+", "r+" } do
    it(mode .. ": what was read before, and what is read afterwards", with(function(path)
      compare_work(path .. "/f", mode, function(file)
        file:seek "set"
        local line = file:read "l"
        file:seek("cur", 0) -- C asks for it between reading and writing
        file:write "<>"
        local place = file:seek "cur"
        local rest = file:read "a"
        return line, place, rest, file:seek(), file:seek("set", 1), file:read(3), file:seek()
      end)
    end))
  end

  it("seeking before the beginning fails, and moves nothing", with(function(path)
    write(path .. "/f", "0123456789")
    local file <close> = async.fs.open(path .. "/f")
    file:read(4)
    assert.equal("EINVAL", error_of(file.seek, file, "set", -1).code)
    assert.equal(4, file:seek())
    assert.is_false((pcall(file.seek, file, "cur", math.mininteger)))
    assert.is_false((pcall(file.seek, file, "cur", math.maxinteger)))
    assert.equal("4", file:read(1))
    assert.equal(7, file:seek("cur", 2))
    assert.equal("789", file:read "a")
  end))

  it("each result that io gives as true is true", with(function(path)
    local file = async.fs.open(path .. "/f", "w")
    assert.is_true(file:flush())
    assert.is_true(file:sync())
    assert.is_true(file:truncate(3))
    assert.is_true(file:close())
    assert.is_true(file:close())
    assert.is_true(async.fs.rename(path .. "/f", path .. "/g"))
    assert.is_true(async.fs.remove(path .. "/g"))
  end))
end)
