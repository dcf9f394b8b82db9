-- SPDX-License-Identifier: MIT
-- The states of threads: warm, and clean.
local async = require "saros"
local fifo = require "spec.support.fifo"
local tasks = require "spec.support.tasks"
local caught = tasks.caught

-- The body of an `it` with one thread, so that every job finds what the one before has left: run(fn, ...).
local function with_thread(fn)
  return function()
    async.run(function()
      local pool <close> = async.thread_pool { size = 1 }
      fn(function(...) return pool:run(...) end)
    end)
  end
end

describe("a thread's state", function()
  local folder

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute(("mkdir '%s'"):format(folder))
  end)

  teardown(function() os.execute(("rm -r '%s'"):format(folder)) end)

  -- Writes a module, and lets `require` find it.
  local function module(name, text)
    local file <close> = assert(io.open(("%s/%s.lua"):format(folder, name), "w"))
    file:write(text)
    local former = package.path
    package.path = ("%s/?.lua;%s"):format(folder, former)
    return tasks.finally(function() package.path = former end)
  end

  it("keeps the modules that were loaded", with_thread(function(run)
    local _restoring <close> = module("warm", "local t = { count = 0 } return t")
    local function count()
      local warm = require "warm"
      warm.count = warm.count + 1
      return warm.count
    end
    assert.same({ 1, 2, 3 }, { run(count), run(count), run(count) })
  end))

  it("finds modules by their names, also those that were loaded since or have others' places", with_thread(function(run)
    local _restoring <close> = module("later", "return { here = 'in the thread' }")
    local function look(t) return t.here end
    assert.equal("a copy", (run(look, { here = "a copy" })))
    for _ = 1, 2 do
      local first = require "later"
      first.here = "on the loop"
      assert.equal("in the thread", (run(look, first)))
      package.loaded.later = nil
      assert.equal("on the loop", (run(look, first)))
    end
  end))

  it("has the globals it had at first, for each job", with_thread(function(run)
    local function spoil()
      _G.made = true
      _G._VERSION, _G.print = "other", nil
      math.floor, string.trim, table.insert = nil, print, error -- luacheck: ignore
      package.preload.x = print
      getmetatable("").__index = function() return "spoilt" end
      setmetatable(_G, { __index = function() return "spoilt" end })
    end
    local function look()
      return rawget(_G, "made"), type(print), type(math.floor), rawget(string, "trim"), _VERSION, ("x"):rep(2),
        table.concat { table.insert == error and "spoilt" or "right" }, package.preload.x, getmetatable(_G)
    end
    run(spoil)
    assert.same({ nil, "function", "function", nil, _VERSION, "xx", "right", nil, nil, n = 9 }, table.pack(run(look)))
  end))

  it("has them however often they are changed, and whatever they are", with_thread(function(run)
    local function spoil(value)
      local numbers, strings, system = _G["math"], _G["string"], _G["os"]
      numbers.pi, numbers.huge, numbers.maxinteger, numbers.mininteger = value, 1, math.maxinteger + 0.0, nil
      strings.rep, system.time = strings.reverse, system.clock
      _G._VERSION, _G["utf8"].charpattern = value, value
      for i = 1, 100 do _G["made" .. i] = value end
    end
    local function look()
      local count = 0
      for _ in pairs(_G) do count = count + 1 end
      return count, math.pi, math.huge, math.type(math.maxinteger), math.mininteger, _VERSION, utf8.charpattern,
        string.rep ~= string.reverse, os.time ~= os.clock
    end
    local first = table.pack(run(look))
    assert.equal(math.pi, first[2])
    for _, value in ipairs { 3, 3.5, true, "text", { 1 } } do
      run(spoil, value)
      assert.same(first, table.pack(run(look)))
      assert.same(first, table.pack(run(look)))
    end
  end))

  it("collects garbage as lua does, for each job", with_thread(function(run)
    local function mode() return collectgarbage "incremental" end
    assert.same({ "generational", "generational" }, { run(mode), run(mode) })
  end))

  it("has the default files, modules and metatables of types that it had, for each job", with_thread(function(run)
    run(function(path)
      io.input(path)
      io.output(path .. ".out"):close()
      os.remove(path .. ".out")
      for _, value in ipairs { true, 0, print, coroutine.create(print) } do
        debug.setmetatable(value, { __index = function() return "spoilt" end })
      end
      debug.setmetatable(nil, { __index = function() return "spoilt" end })
      debug.setmetatable("", nil)
      package.loaded.math, package.loaded._G, package.loaded.saros, package.loaded.package = nil, nil, {}, nil
    end, arg[0])
    assert.equal(3, (run(math.ceil, 2.5)))
    assert.same({ true, true, true, "function", "xx" }, { run(function()
      local is_bare = not debug.getmetatable(nil)
      for _, value in ipairs { true, 0, print, coroutine.create(print) } do
        is_bare = is_bare and not debug.getmetatable(value)
      end
      return io.input() == io.stdin, io.output() == io.stdout, is_bare, type(require("saros").sleep), ("x"):rep(2)
    end) })
  end))

  it("keeps the globals of a module for it, by giving up the state", with_thread(function(run)
    local _restoring <close> = module("oldstyle", "oldstyle_value = 7 return true")
    local function use()
      require "oldstyle"
      return _G.oldstyle_value
    end
    assert.same({ 7, 7, 7 }, { run(use), run(use), run(use) })
    assert.is_nil((run(function() return _G.oldstyle_value end)))
  end))

  it("is given up for the items of a map, too", function()
    local _restoring <close> = module("global_too", "global_too_value = 7 return true")
    async.run(function()
      local pool <close> = async.thread_pool { size = 1 }
      local seen = {}
      local list = pool:map(300, function(n)
        if n % 50 == 0 then require "global_too" end
        return _G.global_too_value or 0
      end, { on_progress = function(finished) seen[#seen + 1] = finished end })
      for i = 1, 300 do assert.same({ i % 50 == 0 and 7 or 0, i }, { list[i], seen[i] }) end
    end)
  end)

  it("is given up after a job that was stopped", with_thread(function(run)
    local _restoring <close> = module("warm_again", "return { count = 0 }")
    local function count()
      local warm = require "warm_again"
      warm.count = warm.count + 1
      return warm.count
    end
    assert.same({ 1, 2 }, { run(count), run(count) })
    local pipe = fifo.make()
    local stopped = async.spawn(run, function()
      fifo.release(pipe)
      while true do end
    end)
    async.to_thread(fifo.wait, pipe)
    stopped:close()
    fifo.remove(pipe)
    assert.equal(1, (run(count)))
  end))

  it("has the hook, the collector and the paths that it had", with_thread(function(run)
    run(function()
      debug.sethook(function() end, "l")
      collectgarbage "stop"
      package.path, package.cpath = "", ""
    end)
    assert.same({ nil, true, package.path, package.cpath, n = 4 }, table.pack(run(function()
      return debug.gethook(), collectgarbage "isrunning", package.path, package.cpath
    end)))
  end))

  it("has the paths that its user has now", with_thread(function(run)
    assert.matches("module 'late' not found", caught(run, require, "late"), 1, true)
    local _restoring <close> = module("late", "return 'found'")
    assert.equal("found", (run(require, "late")))
  end))

  it("closes the files that a job has left open, once it is swept", with_thread(function(run)
    local path = folder .. "/left"
    run(function(name)
      _G.left = { io.open(name, "w"), ("x"):rep(8 << 20) }
      _G.left[1]:write "buffered"
    end, path)
    run(function() end) -- it sweeps between the two at the latest
    run(function() collectgarbage() end)
    local file <close> = assert(io.open(path))
    assert.equal("buffered", file:read "a")
  end))
end)
