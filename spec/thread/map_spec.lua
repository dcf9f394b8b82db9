-- SPDX-License-Identifier: MIT
local async = require "saros"
local fifo = require "spec.support.fifo"
local tasks = require "spec.support.tasks"
local caught = tasks.caught

-- The body of an `it`: fn(pool), with a pool of two threads.
local function with_pool(fn)
  return function()
    async.run(function()
      local pool <close> = async.thread_pool { size = 2 }
      fn(pool)
    end)
  end
end

describe("pool:map", function()
  it("gives the first result of each item, in order", with_pool(function(pool)
    local list = pool:map({ "a", "b", "c" }, function(item, index) return item .. index, "dropped" end)
    assert.same({ "a1", "b2", "c3" }, list)
    assert.equal(3, list.n)
  end))

  it("takes a count, and any number of items, small ones many at a time", with_pool(function(pool)
    local list = pool:map(5000, function(item, index) return item == index and 2 * item end)
    assert.equal(5000, list.n)
    for i = 1, 5000 do assert.equal(2 * i, list[i]) end
  end))

  it("takes none", with_pool(function(pool)
    for _, nothing in ipairs { {}, 0, function() end } do
      local list = pool:map(nothing, error)
      assert.same({ {}, 0 }, { list, list.n })
    end
  end))

  it("keeps nils in their place", with_pool(function(pool)
    local list = pool:map({ 1, nil, 3, n = 3 }, function(item, index) if index ~= 1 then return item end end)
    assert.same({ nil, nil, 3, n = 3 }, list)
  end))

  it("gives each item the function and the globals as they were", with_pool(function(pool)
    local count = 0
    local list = pool:map(1000, function()
      count, _G.total = count + 1, (_G.total or 0) + 1
      return count + _G.total
    end)
    for i = 1, 1000 do assert.equal(2, list[i]) end
    assert.equal(0, count)
  end))

  it("asks an iterator only when there is room", with_pool(function(pool)
    local pipe = fifo.make()
    local asked = 0
    local mapping = tasks.start(pool.map, pool, function()
      asked = asked + 1
      return asked <= 6 and asked or nil
    end, function(n) return n, fifo.wait(pipe) end)
    tasks.turns()
    assert.equal(2, asked)
    for _ = 1, 6 do fifo.release(pipe) end
    assert.same({ 1, 2, 3, 4, 5, 6 }, mapping:await())
    assert.equal(7, asked)
    fifo.remove(pipe)
  end))

  it("takes an iterator that waits, such as a queue, and has its items done meanwhile", with_pool(function(pool)
    local queue, results = async.queue(), async.queue()
    local mapping = async.spawn(pool.map, pool, queue, function(n) return -n end, {
      on_progress = function(finished, total) results:put { finished, total } end,
    })
    for i = 1, 5 do
      queue:put(i)
      assert.same({ i }, results:get())
    end
    queue:close()
    assert.same({ -1, -2, -3, -4, -5 }, mapping:await())
  end))

  it("raises the first error, and cancels the rest", with_pool(function(pool)
    local asked = 0
    local err = caught(pool.map, pool, function()
      asked = asked + 1
      return asked
    end, function(n)
      if n == 2 then error("two", 0) end
      while n > 2 do end
    end)
    assert.equal("two", err)
    assert.equal(7, pool:run(function() return 7 end)) -- both threads are free again
    assert.equal("one", caught(pool.map, pool, 1000, function(n) if n == 500 then error("one", 0) end end))
  end))

  it("raises an error of the iterator", with_pool(function(pool)
    assert.equal("broken", caught(pool.map, pool, function() error("broken", 0) end, print))
  end))

  it("gives results and errors, if it is told", with_pool(function(pool)
    local results, errors = pool:map(100, function(n)
      if n % 10 == 0 then error { n } end
      return n % 10 == 5 and io.stdout or n
    end, { return_errors = true })
    assert.same({ 100, 100 }, { results.n, errors.n })
    for i = 1, 100 do
      if i % 10 == 0 then
        assert.same({ i }, errors[i])
      elseif i % 10 == 5 then
        assert.matches("the result cannot leave its thread (a userdata", errors[i], 1, true)
      else
        assert.same({ i }, { results[i], errors[i] })
      end
    end
  end))

  it("tells of its progress, item by item", with_pool(function(pool)
    local seen = {}
    pool:map(500, function() end, { on_progress = function(finished, total) seen[finished] = total end })
    assert.equal(500, #seen)
    for i = 1, 500 do assert.equal(500, seen[i]) end
  end))

  it("has at most `limit` jobs at once", with_pool(function(pool)
    local path = os.tmpname()
    pool:map(50, function(n)
      local file = assert(io.open(path, "r+"))
      assert(file:read "a" == "", "another one is there")
      file:seek "set"
      file:write(n)
      file:close()
      io.open(path, "w"):close()
    end, { limit = 1 })
    os.remove(path)
  end))

  it("can be cancelled", with_pool(function(pool)
    local mapping = tasks.start(pool.map, pool, 10, function() while true do end end)
    async.sleep(0)
    mapping:close()
    assert.is_true(mapping:cancelled())
    assert.equal(7, pool:run(function() return 7 end))
  end))

  it("refuses what makes no sense, before anything happens", with_pool(function(pool)
    local function refused(what, ...) assert.matches("bad argument " .. what, caught(pool.map, pool, ...), 1, true) end
    refused("#1 to 'pool:map' (list, count or iterator expected, got no value)")
    refused("#1 to 'pool:map' (list, count or iterator expected, got string)", "x", print)
    refused("#1 to 'pool:map' (list expected, got a table with the key 'a')", { a = 1 }, print)
    refused("#1 to 'pool:map' (must be at least 0, got -1)", -1, print)
    refused("#2 to 'pool:map' (function expected, got no value)", { 1 })
    refused("#2 to 'pool:map' (a C function cannot be copied", { 1 }, coroutine.wrap(print))
    refused("#3 to 'pool:map' (unknown option 'limits' (did you mean 'limit'?))", 1, print, { limits = 1 })
    refused("#3 to 'pool:map' (option 'limit': a positive integer expected, got 0)", 1, print, { limit = 0 })
    refused("#3 to 'pool:map' (option 'on_progress': function expected, got number)", 1, print, { on_progress = 1 })
    refused("#1 to 'pool:map' (item 2, field 'f': a userdata (FILE*)", { 1, { f = io.stdout } }, error)
    refused("#1 to 'pool:map' (item 3: a coroutine", { 1, 2, coroutine.create(print) }, error)
    refused("#1 to 'pool:map' (item 1: a userdata (FILE*)", function() return io.stdout end, error)
  end))

  it("cannot wait outside of a run, and says so", function()
    local pool <close> = async.thread_pool { size = 1 }
    assert.matches("pool:map: cannot wait here: no loop is running", caught(pool.map, pool, 1, print))
  end)
end)
