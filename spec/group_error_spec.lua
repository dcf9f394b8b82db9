-- SPDX-License-Identifier: MIT
local async = require "saros"
local support = require "spec.support.combine"
require "saros.busted"

local function make(name)
  return async.error { name = name, message = "made" }
end

local function group(...)
  return async.error { name = "GroupError", code = "EGROUP", message = "failed", traceback = "", errors = { ... } }
end

-- A group as lists of names and values.
local function shape(err)
  if not async.is_error(err) or not err.errors then return async.is_error(err) and err.name or err end
  local list = { n = err.errors.n }
  for i = 1, err.errors.n or #err.errors do list[i] = shape(err.errors[i]) end
  return list
end

describe("error:find_all", function()
  it("lists all errors of the name, in groups within groups too, depth first", function()
    local a, b, c, d = make "A", make "A", make "A", make "B"
    local found = group(a, group(d, group(b)), "text", c):find_all "A"
    assert.equal(3, #found)
    for i, err in ipairs { a, b, c } do assert.is_true(rawequal(err, found[i])) end
  end)

  it("finds what a task group raises", function()
    local err = support.raises("GroupError", function()
      local outer <close> = async.task_group()
      outer:spawn(async.task_group, function(inner)
        inner:spawn(support.failing(0, make "A"))
        pcall(async.sleep, 5)
        error(make "A", 0)
      end)
    end)
    assert.equal(2, #err:find_all "A")
  end)

  it("gives an empty list where there is none, and of what is no group", function()
    assert.same({}, group(make "A"):find_all "B")
    assert.same({}, group():find_all "B")
    assert.same({}, make("B"):find_all "B")
  end)

  it("lists groups, but not the one that is asked", function()
    local inner = group(make "A")
    local outer = group(inner, group(group()))
    local found = outer:find_all "GroupError"
    assert.equal(3, #found)
    assert.equal(inner, found[1])
  end)

  it("lists an error once that stands in several places, and ends in groups that contain themselves", function()
    local a = make "A"
    local loop = group(a, a, group(a))
    table.insert(loop.errors, 1, loop)
    loop.errors[4].errors[2] = loop
    assert.equal(1, #loop:find_all "A")
  end)

  it("looks behind errors that are nil", function()
    local err = group(nil, make "A", nil)
    err.errors.n = 3
    assert.equal(1, #err:find_all "A")
  end)

  it("goes as deep as there are groups", function()
    local deep = make "A"
    for _ = 1, 2e4 do deep = group(deep) end
    assert.equal(1, #deep:find_all "A")
  end)

  it("refuses other arguments", function()
    local err = group()
    support.refuses(1, "find_all", err.find_all, err)
    support.refuses(1, "find_all", err.find_all, err, 5)
    support.complains("error:find_all", err.find_all, 5, "A")
  end)
end)

describe("error:split", function()
  it("gives a group of the errors of that name, and one of the rest", function()
    local named, rest = group(make "A", make "B", "text", make "A"):split "A"
    assert.same({ "A", "A" }, shape(named))
    assert.same({ "B", "text" }, shape(rest))
    assert.is_true(async.is_error(named, "GroupError") and async.is_error(rest, "GroupError"))
  end)

  it("gives nil for a half that is empty, and the group itself for the other", function()
    local err = group(make "A", group(make "A"))
    local named, rest = err:split "A"
    assert.is_true(rawequal(err, named))
    assert.is_nil(rest)
    named, rest = err:split "B"
    assert.is_nil(named)
    assert.is_true(rawequal(err, rest))
  end)

  it("keeps the nesting", function()
    local whole = group(make "A", make "A")
    local named, rest = group(group(make "A", make "B"), group(make "B"), whole, group(group(make "A"), 1)):split "A"
    assert.same({ { "A" }, { "A", "A" }, { { "A" } } }, shape(named))
    assert.same({ { "B" }, { "B" }, { 1 } }, shape(rest))
    assert.is_true(rawequal(whole, named.errors[2]))
  end)

  it("leaves the group as it was", function()
    local err = group(make "A", group(make "B", make "A"))
    err:split "A"
    assert.same({ "A", { "B", "A" } }, shape(err))
  end)

  it("gives halves that say how many there are, where they arose and what else the group knows", function()
    local err = support.raises("GroupError", async.task_group, function(tasks)
      for _, name in ipairs { "A", "A", "B" } do tasks:spawn(support.failing(0, make(name))) end
    end)
    err.cause = "the cause"
    local named, rest = err:split "A"
    assert.equal("2 tasks of the group failed, the first: A: made", named.message)
    assert.equal("a task of the group failed: B: made", rest.message)
    for _, half in ipairs { named, rest } do
      assert.equal(err.traceback, half.traceback)
      assert.equal("the cause", half.cause)
      assert.equal("EGROUP", half.code)
    end
  end)

  it("keeps the message of a group that is not of a task group", function()
    local err = async.error { name = "BatchError", message = "mine", errors = { make "A", make "B" }, job = 7 }
    local named, rest = err:split "A"
    assert.same({ "BatchError", "mine", 7 }, { named.name, named.message, named.job })
    assert.same({ "B" }, shape(rest))
  end)

  it("takes a group of that name as it is", function()
    local err = group(make "A")
    local named, rest = err:split "GroupError"
    assert.is_true(rawequal(err, named))
    assert.is_nil(rest)
    local inner = async.error { name = "BatchError", message = "", errors = { make "A" } }
    named, rest = group(inner, make "A"):split "BatchError"
    assert.is_true(rawequal(inner, named.errors[1]))
    assert.same({ "A" }, shape(rest))
  end)

  it("takes an error that is no group as a whole", function()
    local err = make "A"
    assert.same({ err }, { err:split "A" })
    assert.same({ nil, err }, { err:split "B" })
  end)

  it("keeps errors that are nil, in the rest", function()
    local err = group(make "A", nil, nil)
    err.errors.n = 3
    local named, rest = err:split "A"
    assert.same({ "A" }, shape(named))
    assert.same({ nil, nil, n = 2 }, shape(rest))
  end)

  it("ends in groups that contain themselves, and divides once what stands in several places", function()
    local shared = group(make "A", make "B")
    local err = group(shared, make "B", shared)
    err.errors[4] = err
    shared.errors[3] = err
    local named, rest = err:split "A"
    assert.same({ { "A" }, { "A" } }, shape(named))
    assert.same({ { "B" }, "B", { "B" } }, shape(rest))
    assert.is_true(rawequal(named.errors[1], named.errors[2]))
    local loop = group()
    loop.errors[1] = loop
    assert.same({ nil, loop }, { loop:split "A" })
  end)

  it("goes as deep as there are groups", function()
    local deep = make "A"
    for _ = 1, 2e4 do deep = group(deep, 1) end
    local named, rest = deep:split "A"
    local depth = 0
    while named.errors do named, depth = named.errors[1], depth + 1 end
    assert.same({ 2e4, 2 }, { depth, #rest.errors })
  end)

  it("refuses other arguments", function()
    local err = group()
    support.refuses(1, "split", err.split, err)
    support.complains("error:split", err.split, {}, "A")
  end)
end)
