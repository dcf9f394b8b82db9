-- SPDX-License-Identifier: MIT
-- Lists: what is taken for one, and what those are like that are returned.
local async = require "saros"
local tasks = require "spec.support.tasks"
local inside, caught, start, hang = tasks.inside, tasks.caught, tasks.start, tasks.hang

local function one() return 1 end
local function same(x) return x end

-- Every function that takes a list, called with it.
local takers = {
  gather = function(list) return async.gather(list) end,
  map = function(list) return async.map(list, same) end,
  race = function(list) return async.race(list) end,
  any = function(list) return async.any(list) end,
  wait = function(list) return async.wait(list) end,
  as_completed = function(list)
    for _, task in async.as_completed(list) do task:await() end
  end,
}

-- Something like a Response: fields of its own, and a class with a name.
local function object(fields)
  return setmetatable(fields, {__name = "Response", __index = function() return nil end})
end

describe("instead of a list", function()
  local wrong = {
    {"an object", function() return object{_arrived = false, status = 200} end, "list expected, got Response"},
    {"a table with names", function() return {home = start(one)} end, "list expected, got a table with the key 'home'"},
    {"decoded JSON", function() return async.json.decode '{"a": {"b": 1}}' end, "got a table with the key 'a'"},
    {"a list with a name among its items", function() return {one, two = one} end, "got a table with the key 'two'"},
    {"a list with a key that is a float", function() return {one, [1.5] = one} end, "got a table with the key 1.5"},
    {"a list that begins at 0", function() return {[0] = one, one} end, "got a table with the key 0"},
    {"a list with a key that is a boolean", function() return {one, [true] = one} end, "with the key true"},
    {"a list that its length contradicts", function() return {one, one, n = 1} end, "with the key 2"},
    {"a length that is none", function() return {one, n = "1"} end, "with the key 'n'"},
    {"a callable table", function() return setmetatable({one}, {__call = one}) end, "list expected, got table"},
    {"a proxy", function() return setmetatable({}, {__len = one}) end, "a table with __len or __pairs"},
    {"a lock", function() return async.lock() end, "expected, got lock"},
    {"a string", function() return "abc" end, "expected, got string"},
  }
  for name, take in pairs(takers) do
    for _, case in ipairs(wrong) do
      it(case[1] .. " is an argument error of " .. name, inside(function()
        local list = case[2]()
        local message = caught(take, list)
        assert.matches(("bad argument #1 to '%s' ("):format(name), message, 1, true)
        assert.matches(case[3], message, 1, true)
        assert.equal(1, select(2, message:gsub("bad argument", "")))
      end))
    end

    it("a list with a hole is an argument error of " .. name, inside(function()
      local list = {one, one, one, one}
      list[2] = nil
      assert.matches("bad argument #1 to '" .. name, caught(take, list), 1, true)
    end))
  end

  it("responses given one by one are called by their name", inside(function()
    local response = object{_arrived = false}
    assert.matches("bad argument #1 to 'gather' (list expected, got Response)",
      caught(async.gather, response, response), 1, true)
    assert.matches("bad argument #2 to 'gather' (function, task or future expected, got Response)",
      caught(async.gather, one, response), 1, true)
    assert.matches("bad argument #1 to 'gather' (list, function, task or future expected, got number)",
      caught(async.gather, 1), 1, true)
  end))

  it("options among the items are told where they belong", inside(function()
    local message = "the key 'return_errors' (options are an argument of their own)"
    assert.matches(message, caught(async.gather, {one, return_errors = true}), 1, true)
    assert.matches(message, caught(async.map, {1, return_errors = true}, same), 1, true)
    assert.matches("the key 'timeout' (options", caught(async.wait, {start(one), timeout = 1}), 1, true)
    assert.matches("the key 'limit' (options", caught(async.map, {limit = 2}, same), 1, true)
  end))

  it("a second list is no table of options", inside(function()
    assert.matches("bad argument #2 to 'gather' (table of options expected, got a list)",
      caught(async.gather, {one}, {one}), 1, true)
  end))

  it("nothing is started or cancelled by it", inside(function()
    local task = start(hang)
    caught(async.gather, {task, function() error "started" end, x = 1})
    async.sleep(0)
    assert.equal("pending", task:status())
    assert.equal(2, #async.all_tasks())
    task:close()
  end))
end)

describe("a list", function()
  it("may be empty", inside(function()
    assert.same({}, async.gather{})
    assert.same({}, async.map({}, same))
    assert.same({{}, {}}, {async.wait{}})
    for _ in async.as_completed{} do error "there is none" end
  end))

  it("may have been built from behind, and in any size", inside(function()
    for _, size in ipairs{1, 2, 3, 7, 8, 9, 100, 1000} do
      local list = {}
      for i = size, 1, -1 do list[i] = i end
      assert.same(list, async.map(list, same))
    end
  end))

  it("may have its length in n, and holes then", inside(function()
    local packed = table.pack(1, nil, 3, nil)
    local results = async.map(packed, function(item, index) return item or index * 10 end)
    assert.same({1, 20, 3, 40}, results)
    assert.equal(2, #async.gather(table.pack(one, one)))
    assert.matches("item 2: function, task or future expected, got nil",
      caught(async.gather, table.pack(one, nil, one)))
  end))

  it("may be of a class", inside(function()
    local List = {}
    List.__index = List
    assert.equal(2, async.map(setmetatable({1, 2}, List), same).n)
    assert.equal(0, async.map(setmetatable({}, List), same).n)
  end))

  it("of decoded JSON is one", inside(function()
    assert.same({1, 2}, async.map(async.json.decode "[1, 2]", same))
    assert.same({}, async.map(async.json.array{}, same))
  end))
end)

describe("a list of results", function()
  -- What pairs sees.
  local function keys(list)
    local found = {}
    for key in pairs(list) do found[#found + 1] = key end
    return found
  end

  local ways = {
    gather = function(list)
      local functions = {}
      for i, item in ipairs(list) do functions[i] = function() return item end end
      return async.gather(functions)
    end,
    map = function(list) return async.map(list, same) end,
    ["map with return_errors"] = function(list) return (async.map(list, same, {return_errors = true})) end,
  }
  for name, way in pairs(ways) do
    it("of " .. name .. " is a plain one, and knows its length", inside(function()
      for size = 0, 5 do
        local list = {}
        for i = 1, size do list[i] = "item " .. i end
        local results = way(list)
        assert.equal(size, results.n)
        assert.equal(size, #results)
        assert.equal(size, #keys(results))
        assert.is_nil(results.other)
        assert.is_nil(results[size + 1])
        assert.same(list, results)
        assert.same(list, {table.unpack(results, 1, results.n)})
        assert.same(list, async.json.decode(async.json.encode(results)))
      end
    end))
  end

  it("is an array of JSON, also an empty one", inside(function()
    assert.equal("[1,2]", async.json.encode(async.map({1, 2}, same)))
    assert.equal('{"ids":[]}', async.json.encode{ids = async.map({}, same)})
    assert.equal("{}", async.json.encode{})
  end))

  it("keeps knowing its length when it is changed", inside(function()
    local results = async.map({1, 2}, same)
    table.insert(results, 3)
    assert.equal(3, results.n)
    table.remove(results)
    table.remove(results)
    assert.equal(1, results.n)
    results.n = 7
    assert.equal(7, results.n)
  end))

  it("does not make the stack of a task grow where ipairs comes to its end", function()
    -- Bytes for each of 100 tasks that have gone through what they gathered, and wait; in a run of its own, so that all
    -- of them have new coroutines.
    local function bytes(body)
      local used
      async.run(function()
        local waiting = {}
        for i = 1, 100 do waiting[i] = false end
        collectgarbage()
        collectgarbage "stop"
        local before = collectgarbage "count"
        for i = 1, 100 do waiting[i] = async.spawn(body) end
        tasks.turns(4)
        used = (collectgarbage "count" - before) * 1024 / 100
        collectgarbage "restart"
        for _, task in ipairs(waiting) do task:cancel() end
      end)
      return used
    end
    local function by_number()
      local a, b, c, d = 0, 0, 0, 0
      local results = async.gather{one, one}
      for i = 1, #results do a = a + results[i] + b + c + d end
      hang()
    end
    local function by_ipairs()
      local a, b, c, d = 0, 0, 0, 0
      local results = async.gather{one, one}
      for _, value in ipairs(results) do a = a + value + b + c + d end
      hang()
    end
    local less, more = bytes(by_number), bytes(by_ipairs)
    assert(more - less < 400, more - less)
  end)

  it("has a field n where a result is nil, wherever that is", inside(function()
    for hole = 1, 3 do
      local results = async.map({1, 2, 3}, function(i) return i ~= hole and i or nil end)
      assert.equal(3, rawget(results, "n"))
      assert.equal(3, #keys(results)) -- two results and n
    end
    assert.equal(2, rawget(async.gather{function() end, function() end}, "n"))
  end))

  it("of errors has its length, whether none, some or all failed", inside(function()
    local function fail(i) if i then error("no " .. i, 0) end end
    local results, errors = async.map({1, 2}, function() return true end, {return_errors = true})
    assert.same({2, 2}, {results.n, errors.n})
    assert.same({true, true}, results)
    results, errors = async.map({1, 2}, fail, {return_errors = true})
    assert.same({2, 2}, {results.n, errors.n})
    assert.same({"no 1", "no 2"}, errors)
    assert.equal(2, #keys(errors))
    results, errors = async.map({1, false, 3}, fail, {return_errors = true})
    assert.same({3, 3}, {results.n, errors.n})
    assert.same({"no 1", nil, "no 3", n = 3}, errors)
  end))

  it("is taken where a list is asked for", inside(function()
    local results = async.map({1, 2, 3}, function(i) return i ~= 2 and i or nil end)
    assert.same({2, nil, 4}, {table.unpack(async.map(results, function(i) return i and i + 1 end), 1, 3)})
    assert.same({one, one}, {table.unpack(async.map({one, one}, same))})
    assert.equal(2, async.gather(async.map({one, one}, same)).n)
  end))
end)
