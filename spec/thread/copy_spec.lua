-- SPDX-License-Identifier: MIT
-- What goes to a thread, and comes back, is a copy.
local async = require "saros"
local tasks = require "spec.support.tasks"
local caught, inside = tasks.caught, tasks.inside
local to_thread = async.to_thread

local function same(...) return ... end

-- What becomes of a value that goes there and back.
local function echo(value) return to_thread(same, value) end

describe("to_thread copies", function()
  it("nil, booleans, numbers and strings as they are", inside(function()
    local values = { true, false, 0, -1, math.maxinteger, math.mininteger, 1.0, 0.1, math.huge, "", "\0x\255", n = 11 }
    local got = table.pack(to_thread(same, table.unpack(values, 1, values.n)))
    assert.same(values, got)
    for i = 1, values.n do assert.equal(math.type(values[i]), math.type(got[i])) end
    assert.equal(-math.huge, 1 / echo(-0.0))
    assert.is_true(echo(0 / 0) ~= echo(0 / 0))
    assert.equal(3, select("#", to_thread(same, nil, nil, nil)))
  end))

  it("strings of any length", inside(function()
    for _, length in ipairs { 40, 41, 4096, 4097, 10 << 20 } do
      local text = ("x"):rep(length - 1) .. "\0"
      assert.is_true(echo(text) == text)
    end
    local long = ("y"):rep(5000)
    local got = echo({ long, long, [long] = long })
    assert.is_true(got[1] == long and got[2] == long and got[long] == long)
  end))

  it("tables, with what is in them", inside(function()
    local value = { 1, 2, nil, 4, a = { b = { c = "d" } }, [1.5] = true, [true] = 0, [-1] = "minus" }
    local got = echo(value)
    assert.same(value, got)
    assert.is_false(rawequal(value, got) or rawequal(value.a, got.a))
  end))

  it("tables that are met several times once, and those that contain themselves", inside(function()
    local shared = { "shared" }
    local value = { shared, shared, deep = { shared } }
    value.self = value
    value[value] = value
    local got, other = to_thread(same, value, shared)
    assert.is_true(got[1] == got[2] and got[1] == got.deep[1] and got[1] == other)
    assert.is_true(got.self == got and got[got] == got)
  end))

  it("tables however deep", inside(function()
    local value, depth = {}, 100000
    for _ = 1, depth do value = { value } end
    local got, found = echo(value), 0
    while got[1] do got, found = got[1], found + 1 end
    assert.equal(depth, found)
  end))

  it("tables with their metatable, which is copied too", inside(function()
    local Point = {}
    Point.__index = Point
    function Point:sum() return self.x + self.y end
    local point = setmetatable({ x = 1, y = 2 }, Point)
    assert.equal(3, to_thread(function(p) return p:sum() end, point))
    local got, other = to_thread(same, point, setmetatable({ x = 3, y = 4 }, Point))
    assert.equal(getmetatable(got), getmetatable(other))
    assert.same({ 3, 7 }, { got:sum(), other:sum() })
  end))

  it("lists that saros has made, without the metatable, which is C's", inside(function()
    assert.same({ 1, 2 }, echo(async.gather { function() return 1 end, function() return 2 end }))
  end))

  it("functions by their code, with their upvalues", inside(function()
    local step, count = 2, 0
    local function bump() count = count + step return count end
    assert.equal(2, to_thread(bump))
    assert.equal(0, count)
    local got = echo(bump)
    assert.same({ 2, 4 }, { got(), got() })
    assert.equal(0, count)
  end))

  it("upvalues that functions share as shared ones", inside(function()
    local count = 0
    local counter = { bump = function() count = count + 1 end, get = function() return count end }
    assert.equal(2, to_thread(function(c) c.bump() c.bump() return c.get() end, counter))
    local got = echo(counter)
    got.bump()
    assert.same({ 1, 0 }, { got.get(), count })
  end))

  it("functions that call themselves, and each other", inside(function()
    local odd
    local function even(n) return n == 0 or odd(n - 1) end
    function odd(n) return n ~= 0 and even(n - 1) end
    assert.is_true(to_thread(even, 10))
    assert.is_false(to_thread(odd, 10))
  end))

  it("the globals of a function as those of the thread, whatever they are here", inside(function()
    local code = load("x = x or 0 return type(_G), x, _ENV == _G", "=code", "t", { x = 7 })
    assert.same({ "table", 0, true }, { to_thread(code) })
    assert.is_nil(rawget(_G, "x"))
    assert.is_true(to_thread(function(globals) return globals == _G end, _G))
  end))

  it("functions of libraries by their name", inside(function()
    local floor, format = math.floor, string.format
    assert.equal("3", to_thread(function() return format("%d", floor(3.5)) end))
    assert.equal(4, to_thread(math.max, 1, 4, 2))
    assert.equal(math.floor, echo(math.floor))
    assert.equal(string, echo(string))
    assert.equal(async.sleep, echo(async.sleep))
  end))

  it("modules by their name", inside(function()
    assert.equal(async, echo(async))
    assert.equal("inner", to_thread(function() return async.run(function() return "inner" end) end))
    assert.same({ 1 }, to_thread(function() return async.json.decode "[1]" end))
    assert.equal(async.json.null, echo(async.json.null))
  end))

  it("modules that nobody else could load as the tables they are", inside(function()
    local module = { name = "made here", twice = function(n) return 2 * n end }
    package.loaded["saros.no.such.module"] = module
    local _restoring <close> = tasks.finally(function() package.loaded["saros.no.such.module"] = nil end)
    assert.equal(8, to_thread(function() return module.twice(4) end))
    assert.not_equal(module, echo(module))
  end))

  it("Error objects, which stay such", inside(function()
    local inner = async.error { name = "InnerError", message = "inside", code = "EIN" }
    local err = async.error { name = "MyError", message = "mine", detail = { 1 }, cause = inner }
    local is, name, cause = to_thread(function(e)
      local saros = require "saros"
      return saros.is_error(e, "MyError"), e.name, saros.is_error(e.cause, "InnerError")
    end, err)
    assert.same({ true, "MyError", true }, { is, name, cause })
    local got = echo(err)
    assert.is_true(async.is_error(got, "MyError") and async.is_error(got.cause))
    assert.same({ "mine", { 1 }, err.traceback, "MyError: mine" },
      { got.message, got.detail, got.traceback, tostring(got) })
  end))

  it("what an Error object has of this state alone not", inside(function()
    local task = async.spawn(tasks.hang)
    async.sleep(0)
    task:close()
    local got = echo(task:error())
    assert.is_true(async.is_error(got, "CancelledError"))
    assert.is_nil(got.task)
  end))
end)

describe("to_thread refuses, before anything happens,", function()
  local conn = { socket = io.stdout, list = { { function() end, coroutine.create(print) } } }

  local function refused(what, ...) assert.matches(what, caught(to_thread, ...), 1, true) end

  it("what cannot be copied, and names the way to it", inside(function()
    refused("bad argument #1 to 'to_thread' (upvalue 'conn', field 'socket': a userdata (FILE*) cannot be copied",
      function() return { socket = conn.socket } end)
    conn.socket = nil
    local _restoring <close> = tasks.finally(function() conn.socket = io.stdout end)
    refused("(upvalue 'conn', field 'list', item 1, item 2: a coroutine cannot be copied", function() return conn end)
  end))

  it("values and keys", inside(function()
    refused("bad argument #2 to 'to_thread' (a coroutine cannot be copied", print, coroutine.create(print))
    refused("bad argument #3 to 'to_thread' (field 'x': a userdata (FILE*)", print, 1, { x = io.stdout })
    refused("bad argument #2 to 'to_thread' (a key: a userdata", print, { [io.stdout] = 1 })
    refused("bad argument #2 to 'to_thread' (a key or metatable, field 'f': a userdata", print,
      { [{ f = io.stdout }] = 1 })
    refused("bad argument #2 to 'to_thread' (a field: a userdata", print, { [1.5] = io.stdout })
  end))

  it("C functions that no module has", inside(function()
    refused("bad argument #1 to 'to_thread' (a C function cannot be copied", coroutine.wrap(print))
    local next_word = ("a b"):gmatch "%a"
    refused("bad argument #1 to 'to_thread' (upvalue 'next_word': a C function", function() return next_word() end)
  end))

  it("ways of any length in bounded text", inside(function()
    local value = io.stdout
    for _ = 1, 1000 do value = { inner = value } end
    local err = caught(to_thread, print, value)
    assert.matches("(..., field 'inner'", err, 1, true)
    assert.is_true(#err < 500)
  end))

  it("results too, once the job has ended", inside(function()
    assert.matches("^result #2 cannot leave its thread %(field 'out': a userdata %(FILE%*%) cannot be copied",
      caught(to_thread, function() return 1, { out = io.stdout } end))
  end))

  it("errors too, of which the text is left", inside(function()
    assert.matches("^the error cannot leave its thread %(field 'out': .*%): told",
      caught(to_thread, function()
        error(setmetatable({ out = io.stdout }, { __tostring = function() return "told" end }))
      end))
  end))
end)
