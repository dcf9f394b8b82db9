-- SPDX-License-Identifier: MIT
local async = require "saros"
local command = require "spec.support.command"
local folder = require "spec.support.folder"
local numbers = require "saros.progress.numbers"
local progress = require "saros.progress"
local screen = require "spec.support.screen"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"

-- The body of an `it`: fn(terminal, options) on a virtual clock; the options lead bars to the terminal.
local function drawn(fn, columns)
  return function()
    local terminal = screen.new()
    testing.run(function() fn(terminal, { out = terminal, columns = columns or 60 }) end)
    assert.is_true(terminal.widest < (columns or 60))
  end
end

local function with(options, more)
  local all = {}
  for name, value in pairs(options) do all[name] = value end
  for name, value in pairs(more) do all[name] = value end
  return all
end

-- The lines that one sees, with bars that look the same in all locales.
local function seen(terminal)
  return (terminal:text():gsub("━", "#"):gsub("─", "-"))
end

describe("a progress bar", function()
  it("shows how far it is, the rate and the remaining time", drawn(function(terminal, options)
    local bar <close> = progress.bar("pages", with(options, { total = 8 }))
    assert.equal("pages   0%  ----------------------------------------  0/8", seen(terminal))
    async.sleep(2)
    bar:advance()
    async.sleep(2)
    bar:advance(3)
    assert.equal("pages  50%  #############-------------  4/8  1/s  0:04 left", seen(terminal))
  end))

  it("shows what is done where the total is not known; that may come later", drawn(function(terminal, options)
    local bar <close> = progress.bar("lines", with(options, { unit = "lines" }))
    async.sleep(70)
    bar:advance(7)
    assert.equal("lines  7 lines  0.1/s  1:10", seen(terminal))
    async.sleep(1)
    bar:set(71, 142)
    assert.equal("lines  50%  #########--------  71/142 lines  1/s  1:11 left", seen(terminal))
  end))

  it("stays when it is closed, with the time it took", drawn(function(terminal, options)
    local bar = progress.bar("pages", with(options, { total = 3 }))
    async.sleep(6)
    bar:set(3)
    bar:close()
    bar:close()
    bar:advance()
    assert.equal("pages 100%  ##########################  3/3  0.5/s  in 0:06", seen(terminal))
  end))

  it("tells bytes as people do", drawn(function(terminal, options)
    local bar <close> = progress.bar("big.bin", with(options, { total = 10 << 20, unit = "bytes" }))
    async.sleep(1)
    bar:set(3 << 20)
    assert.equal("big.bin  30%  ###--------  3.0/10 MiB  3.0 MiB/s  0:02 left", seen(terminal))
  end))

  it("has the rate of the last ten seconds", drawn(function(terminal, options)
    local bar <close> = progress.bar("x", with(options, { total = 1000 }))
    for _ = 1, 20 do
      async.sleep(1)
      bar:advance(20)
    end
    for _ = 1, 20 do
      async.sleep(1)
      bar:advance(1)
    end
    assert.matches("420/1000  1/s  9:40 left$", seen(terminal))
  end))

  it("is drawn ten times a second at most", drawn(function(terminal, options)
    local bar = progress.bar("x", with(options, { total = 10000 }))
    for _ = 1, 10000 do
      async.sleep(0.0001)
      bar:advance()
    end
    assert.is_true(terminal.writes <= 12, terminal.writes)
    bar:close()
    assert.matches("10000/10000  10000/s", seen(terminal))
  end))

  it("begins again where it is set back", drawn(function(terminal, options)
    local bar <close> = progress.bar("x", with(options, { total = 100 }))
    async.sleep(10)
    bar:set(90)
    bar:set(0)
    async.sleep(1)
    bar:set(1)
    assert.matches("1/100  1/s", seen(terminal))
  end))

  it("fits into a narrow terminal, with a long name", drawn(function(terminal, options)
    local bar <close> = progress.bar("a name that is much too long", with(options, { total = 10 }))
    async.sleep(1)
    bar:set(5)
    assert.equal("a name th~  50%  5/10  5/s  0~", seen(terminal))
  end, 31))
end)

describe("several bars", function()
  it("stand below each other, and those that are over above those that go on", drawn(function(terminal, options)
    local first <close> = progress.bar("first", with(options, { total = 4 }))
    local second = progress.bar("second", with(options, { total = 4 }))
    async.sleep(1)
    first:advance(1)
    assert.equal("first   25%  ######-------------------  1/4  1/s  0:03 left\n" ..
      "second   0%  ---------------------------------------  0/4", seen(terminal))
    second:set(4)
    second:close()
    assert.equal("second 100%  ###########################  4/4  4/s  in 0:01\n" ..
      "first  25%  #######-------------------  1/4  1/s  0:03 left", seen(terminal))
  end))

  it("are counted where they are too many", drawn(function(terminal, options)
    local bars = {}
    for i = 1, 20 do bars[i] = progress.bar("bar " .. i, options) end
    assert.matches("bar 16  0  0:00\n%.%.%. and 4 more$", seen(terminal))
    for i = 20, 1, -1 do bars[i]:close() end
    local _, lines = seen(terminal):gsub("bar %d+  0  in 0:00", "")
    assert.equal(20, lines)
    assert.is_nil(seen(terminal):find("more", 1, true))
  end))
end)

describe("progress.map", function()
  it("is map with a bar that counts what is finished", drawn(function(terminal, options)
    local told = {}
    local results = progress.map({ 3, 1, 2 }, function(item, i)
      async.sleep(item)
      return item * i
    end, with(options, { label = "items", limit = 1, on_progress = function(finished, total)
      told[#told + 1] = finished .. "/" .. total
    end }))
    assert.same({ 3, 2, 6, n = 3 }, results)
    assert.same({ "1/3", "2/3", "3/3" }, told)
    assert.equal("items 100%  ##########################  3/3  0.5/s  in 0:06", seen(terminal))
  end))

  it("knows no total of an iterator", drawn(function(terminal, options)
    local left = 3
    progress.map(function()
      left = left - 1
      return left >= 0 and left or nil
    end, async.sleep, options)
    assert.matches("^map  3  %S+/s  in 0:0[23]$", seen(terminal))
  end))

  it("raises what map raises, and leaves its bar where it stood", drawn(function(terminal, options)
    local err = tasks.caught(progress.map, 3, function(i)
      async.sleep(i)
      if i == 2 then error({ code = 7 }) end
    end, options)
    assert.same({ code = 7 }, err)
    assert.matches("^map  66%%  #+%-+  2/3  1/s  in 0:02$", seen(terminal))
  end))
end)

describe("progress.as_completed", function()
  it("is as_completed with a bar", drawn(function(terminal, options)
    local order = {}
    local function after(seconds) return function() async.sleep(seconds) return seconds end end
    for i, task in progress.as_completed({ after(2), after(1) }, with(options, { label = "two" })) do
      order[#order + 1] = i .. ":" .. task:result()
      if #order == 1 then assert.matches("^two  50%%  .*1/2", seen(terminal)) end
      async.sleep(0.1)
    end
    assert.same({ "2:1", "1:2" }, order)
    assert.matches("^two 100%%  #+  2/2  0.95/s  in 0:02$", seen(terminal))
  end))

  it("cancels and joins what it started when the loop is left, and closes its bar", drawn(function(terminal, options)
    local was_cancelled
    for _ in progress.as_completed({ function() end, function()
      local _ <close> = async.defer(function() was_cancelled = true end)
      async.sleep(9)
    end }, options) do
      if not was_cancelled then break end
    end
    assert.is_true(was_cancelled)
    assert.matches("1/2  in 0:00$", (seen(terminal):gsub("  %S+/s", "")))
  end))
end)

describe("a bar of a request", function()
  local server = require "spec.support.http_server" ()

  it("follows a download", function()
    local terminal = screen.new()
    async.run(function()
      local bar <close> = progress.bar("file", { out = terminal, columns = 60, unit = "bytes" })
      local text = async.get(server.url .. "/big?bytes=100000", { on_progress = bar:hook() }):text()
      assert.equal(#text, bar.done)
      assert.equal(#text, bar.total)
    end)
    assert.matches("^file 100%%  #+  98/98 KiB", seen(terminal))
  end)

  it("follows an upload, whatever little is answered", function()
    local terminal = screen.new()
    async.run(function()
      local bar <close> = progress.bar("file", { out = terminal, columns = 60, unit = "bytes" })
      async.post(server.url .. "/status/204", { body = ("x"):rep(100000), on_progress = bar:hook() }):text()
      assert.same({ 100000, 100000 }, { bar.done, bar.total })
    end)
  end)
end)

describe("what is no terminal", function()
  it("gets nothing, and all goes on as with bars", function()
    local out = screen.new()
    testing.run(function()
      local bar <close> = progress.bar("x", { out = out, total = 2 })
      bar:advance()
      progress.map(2, async.sleep, { out = out })
      assert.equal(1, bar.done)
    end)
    assert.equal(0, out.writes)
    local result = async.run(command.run, { "-e", [[
      local progress = require "saros.progress"
      progress.map(3, function() async.sleep(0) end, {limit = 3, label = "x"})
      progress.print("printed")]] })
    assert.same({ exit_code = 0, stdout = "printed\n", stderr = "" }, result)
  end)

  it("is none that cannot move its cursor", folder.with(function(path)
    local code = "-eprogress = require 'saros.progress' p = progress.bar('a label') p:close()"
    local talk <close> = command.talk({ "-i", code }, { XDG_STATE_HOME = path, TERM = "dumb" })
    assert.is_nil(talk.before:find("a label", 1, true))
  end))
end)

describe("on a terminal", function()
  it("lines are printed above the bars", folder.with(function(path)
    local code = [[progress = require 'saros.progress' p = progress.bar('a label', {total = 2})
      progress.print('a line', 1) p:set(2) p:close()]]
    local talk <close> = command.talk({ "-i", "-e", code }, { XDG_STATE_HOME = path })
    local terminal = screen.new()
    terminal:write((talk.before:match "^(.*)saros %d"))
    assert.matches("^a line\t1\na label 100%%", (seen(terminal):gsub("a line +1", "a line\t1")))
  end))
end)

describe("the example", function()
  it("progress prints above its bars", function()
    assert.equal("job 20 is done\njob 40 is done\njob 60 is done\n", require "spec.support.example" ("progress", "0.1"))
  end)
end)

describe("numbers of a bar", function()
  it("are short", function()
    local shown = {}
    for i, count in ipairs { 0, 999, 1000, 1023, 9999, 123456789, 5e12, 2e18 } do shown[i] = numbers.bytes(count) end
    assert.same({ "0 B", "999 B", "1.0 KiB", "1.0 KiB", "9.8 KiB", "118 MiB", "4.5 TiB", "1776 PiB" }, shown)
    for i, count in ipairs { 0, 0.123, 1.26, 12.6, 126.7, 12345 } do shown[i] = numbers.plain(count) end
    assert.same({ "0", "0.12", "1.3", "13", "127", "12345" }, table.move(shown, 1, 6, 1, {}))
    for i, seconds in ipairs { 0, 59.6, 3599, 3600, 400000 } do shown[i] = numbers.time(seconds) end
    assert.same({ "0:00", "1:00", "59:59", "1:00:00", "> 99 h" }, table.move(shown, 1, 5, 1, {}))
  end)
end)

describe("misuse of progress", function()
  it("is told by function, argument and reason, before anything is drawn", drawn(function(terminal, options)
    local bar = progress.bar("x", options)
    local before = terminal.writes
    for message, call in pairs {
      ["bad argument #1 to 'bar' %(string expected, got no value%)"] = function() progress.bar() end,
      ["bad argument #2 to 'bar' %(unknown option 'totl' %(did you mean 'total'%?%)%)"] =
        function() progress.bar("x", { totl = 1 }) end,
      ["bad argument #2 to 'bar' %(option 'total': number from 0 on expected, got %-1%)"] =
        function() progress.bar("x", { total = -1 }) end,
      ["bad argument #3 to 'map' %(unknown option 'limt' %(did you mean 'limit'%?%)%)"] =
        function() progress.map({}, print, with(options, { limt = 1 })) end,
      ["bad argument #2 to 'as_completed' %(unknown option 'limit'"] =
        function() progress.as_completed({}, with(options, { limit = 1 })) end,
      ["bad argument #1 to 'progress_bar:advance' %(number from 0 on expected, got %-1%)"] =
        function() bar:advance(-1) end,
      ["bad argument #1 to 'progress_bar:set' %(number from 0 on expected, got no value%)"] = function() bar:set() end,
      ["calling 'progress_bar:close' on bad self"] = function() bar.close() end,
    } do
      local err = tasks.caught(call)
      assert.matches("^spec/progress/progress_spec.lua:%d+: " .. message, err)
    end
    assert.equal(before, terminal.writes)
    bar:close()
  end))
end)
