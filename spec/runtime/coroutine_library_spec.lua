-- SPDX-License-Identifier: MIT
local async = require "saros"
local plain = require "coroutine"
local tasks = require "spec.support.tasks"
local co = async.coroutine

-- Everything that both libraries can do, written down as text: what programs see of it must be the same.
local conversations = {
  ["hands values in and out"] = function(lib, log)
    local thread = lib.create(function(a, b)
      log("begins with", a, b)
      log("is given", lib.yield(a + b, nil, "three"))
      log("is given", lib.yield())
      return "end", nil
    end)
    log(type(thread), lib.status(thread))
    log(lib.resume(thread, 1, 2))
    log(lib.status(thread))
    log(lib.resume(thread, nil, "second", nil))
    log(lib.resume(thread))
    log(lib.status(thread))
    log(lib.resume(thread))
  end,

  ["tells the status from within and without"] = function(lib, log)
    local outer
    outer = lib.create(function()
      log(lib.status(outer), lib.isyieldable(), lib.isyieldable(outer))
      local inner = lib.create(function() log(lib.status(outer)) end)
      lib.resume(inner)
      log(lib.status(inner), select(2, lib.running()))
    end)
    log(lib.status(outer), lib.isyieldable(outer))
    lib.resume(outer)
    log(lib.status(outer))
  end,

  ["knows which one runs"] = function(lib, log)
    local thread
    thread = lib.create(function()
      local running, is_main = lib.running()
      log(running == thread, is_main)
    end)
    lib.resume(thread)
  end,

  ["gives errors as values"] = function(lib, log)
    local value = {}
    local thread = lib.create(function() error(value) end)
    local ok, err = lib.resume(thread)
    log(ok, err == value, lib.status(thread))
    log(lib.close(thread) == false, select(2, lib.close(thread)))
    log(lib.resume(lib.create(function() error("text", 0) end)))
    log(lib.resume(lib.create(function() error() end)))
    log(lib.resume(lib.create(function() return nil + 1 end)))
  end,

  ["wraps"] = function(lib, log)
    local step = lib.wrap(function(...)
      log("given", ...)
      log("given", lib.yield(1, 2))
      error "over"
    end)
    log(type(step), step("a", nil))
    log(pcall(step, "b"))
    log(pcall(step))
    local failing = lib.wrap(function() error("without a place", 0) end)
    log(pcall(function() return (failing()) end))
    for value in lib.wrap(function() for i = 1, 3 do lib.yield(i) end end) do log(value) end
  end,

  ["refuses what cannot be resumed"] = function(lib, log)
    local thread
    thread = lib.create(function()
      log(lib.resume(thread))
      log(lib.resume(lib.create(function() log(lib.resume(thread)) end)))
    end)
    lib.resume(thread)
    log(lib.resume(thread))
    log(pcall(lib.wrap(function() table.sort({1, 2, 3}, function() lib.yield() end) end)))
  end,

  ["refuses wrong arguments"] = function(lib, log)
    local function message(...)
      local _, text = pcall(...)
      return text:match "bad argument #1 to.-%((%a+ expected)"
    end
    log(message(lib.create, 1), message(lib.create), message(lib.wrap, "f"), message(lib.resume, print))
    log(message(lib.resume), message(lib.status, 1), message(lib.close), message(lib.isyieldable, {}))
    log(message(lib.isyieldable, nil), message(lib.status, nil), message(lib.create, nil))
  end,

  ["closes"] = function(lib, log)
    local function finally(text) return tasks.finally(function() log("closes", text) end) end
    local thread = lib.create(function()
      local _ <close> = finally "outer"
      local _ <close> = finally "inner"
      lib.yield()
      log "never seen"
    end)
    log(lib.close(lib.create(print)))
    lib.resume(thread)
    log(lib.close(thread), lib.status(thread))
    log(lib.close(thread), lib.resume(thread))
    local failing = lib.create(function()
      local _ <close> = tasks.finally(function() error("in cleanup", 0) end)
      lib.yield()
    end)
    lib.resume(failing)
    log(lib.close(failing))
    log(lib.status(failing), lib.close(failing))
    local self
    self = lib.create(function() lib.close(self) end)
    log(select(2, lib.resume(self)):match "cannot close a running coroutine")
  end,

  ["closes one that swallows errors in a loop"] = function(lib, log)
    local thread = lib.create(function()
      local _ <close> = tasks.finally(function() log "closes" end)
      while true do pcall(lib.yield) end
    end)
    lib.resume(thread)
    log(lib.close(thread), lib.status(thread))
  end,

  ["works through pcall and metamethods and iterators"] = function(lib, log)
    local object = setmetatable({}, {__index = function(_, key) return lib.yield(key) end})
    local thread = lib.create(function()
      log(pcall(function() return object.a + object.b end))
      for value in function() return lib.yield "next" end do log(value) end
    end)
    log(lib.resume(thread))
    log(lib.resume(thread, 3))
    log(lib.resume(thread, 4))
    log(lib.resume(thread, "item"))
    log(lib.resume(thread))
  end,

  ["says what is too much"] = function(lib, log)
    local thread = lib.create(function() return table.unpack({}, 1, 5e5) end)
    log(select("#", lib.resume(thread)))
    log(select("#", lib.resume(lib.create(function(...) return select("#", ...) end), table.unpack({}, 1, 1e5))))
  end,

  ["permutes"] = function(lib, log)
    local function permute(list, n)
      if n == 0 then lib.yield(table.concat(list, " ")) end
      for i = 1, n do
        list[n], list[i] = list[i], list[n]
        permute(list, n - 1)
        list[n], list[i] = list[i], list[n]
      end
    end
    for text in lib.wrap(function() permute({1, 2, 3, 4}, 4) end) do log(text) end
  end,
}

-- What a conversation writes down with one of the libraries.
local function transcript(conversation, lib)
  local lines = {}
  conversation(lib, function(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    lines[#lines + 1] = table.concat(words, " ")
  end)
  assert(#lines > 0)
  return table.concat(lines, "\n")
end

describe("async.coroutine, as Lua's coroutine library,", function()
  it("has the same names", function()
    local names = {}
    for name in pairs(co) do
      names[#names + 1] = name
      assert.is_function(plain[name])
    end
    assert.equal(8, #names)
  end)

  for name, conversation in pairs(conversations) do
    it(name, function()
      local expected = transcript(conversation, plain)
      local done
      async.run(function()
        assert.equal(expected, transcript(conversation, co))
        done = true
      end)
      assert.is_true(done)
    end)

    it(name .. ", outside a run", function()
      assert.equal(transcript(conversation, plain), transcript(conversation, co))
    end)

    it(name .. ", below other coroutines", function()
      local expected, said = transcript(conversation, plain), nil
      async.run(function()
        said = co.wrap(function() return co.wrap(transcript)(conversation, co) end)()
      end)
      assert.equal(expected, said)
    end)
  end
end)
