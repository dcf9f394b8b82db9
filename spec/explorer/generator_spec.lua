-- SPDX-License-Identifier: MIT
local async = require "saros"
local explored = require("spec.support.explorer").explored

--- A generator of n numbers that counts how many it has begun to make, and whose cleanup waits.
local function numbers(probe, n, log)
  return async.generator(function(yield)
    local _ <close> = probe:closes(function()
      async.shield(function() async.sleep(1) end)
      log.cleaned = true
    end)
    for i = 1, n do
      async.sleep(1)
      log.made = i
      yield(i, -i)
    end
  end)
end

describe("generator, explored:", function()
  it("gives all values in lockstep", explored(function(probe)
    local log = {made = 0}
    return function()
      local sum = 0
      for value, negative in numbers(probe, 4, log) do
        assert.same({log.made, -log.made}, {value, negative})
        sum = sum + value
        async.sleep(value % 2)
        assert.equal(value, log.made)
      end
      assert.is_true(log.cleaned)
      return sum
    end, function(ended)
      assert.is_true(log.cleaned or log.made == 0)
      if ended.ok and ended.hits == 0 then assert.equal(10, ended.results[1]) end
    end
  end))

  it("is closed when its loop is left", explored(function(probe)
    local log = {made = 0}
    return function()
      for value in numbers(probe, 4, log) do
        if value == 2 then break end
      end
      assert.is_true(log.cleaned)
      return log.made
    end, function(ended)
      if ended.ok and ended.hits == 0 then assert.equal(2, ended.results[1]) end
    end
  end))

  it("raises in the loop what it raised", explored(function(probe)
    local reason = async.error {name = "Planned", message = "this belongs to the scenario"}
    return function()
      for value in async.generator(function(yield)
        local _ <close> = probe:closes()
        yield(1)
        async.sleep(1)
        error(reason, 0)
      end) do
        assert.equal(1, value)
      end
    end, function(ended)
      assert.is_false(ended.ok)
      if not ended.is_injected then assert.equal(reason, ended.error) end
    end
  end, {allows = {"Planned"}}))

  it("feeds several consumers of one queue", explored(function(probe)
    local queue = async.queue(1)
    local log = {made = 0}
    local put, got = 0, 0

    local function produce()
      local _ <close> = queue
      for value in numbers(probe, 3, log) do
        queue:put(value)
        put = put + 1
      end
    end

    local function consume()
      for _ in queue:items() do got = got + 1 end
    end

    return function()
      probe:together({produce, consume, consume}, 10)
    end, function()
      assert.equal(put, got + queue:size())
    end
  end))
end)
