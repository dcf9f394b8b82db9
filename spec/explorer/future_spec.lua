-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("future, explored:", function()
  it("gives all who await it the same results", explored(function(probe)
    local future = async.future()
    local got, was_set = 0, false

    local function await(seconds)
      return function()
        async.sleep(seconds)
        assert.same({1, nil, 3}, {future:await()})
        got = got + 1
      end
    end

    return function()
      probe:together({await(0), await(0), await(1), await(2), function()
        async.sleep(1)
        was_set = future:set(1, nil, 3)
      end}, 10)
    end, function(ended)
      assert.equal(was_set, future:done())
      if was_set then assert.is_true(got >= 4 - ended.hits) else assert.equal(0, got) end
    end
  end))

  it("is settled once, by whoever comes first", explored(function(probe)
    local future = async.future()
    local settled, winner = 0, nil

    local function settle(name)
      return function()
        async.sleep(0)
        if future:set(name) then
          settled = settled + 1
          winner = name
        end
      end
    end

    local function await()
      assert.equal(future:await(), winner)
    end

    return function()
      probe:together({settle "a", settle "b", settle "c", await}, 10)
    end, function(ended)
      assert.equal(future:done() and 1 or 0, settled)
      if ended.hits < 3 then assert.equal(1, settled) end
    end
  end))

  it("raises the error in all who await it", explored(function(probe)
    local future = async.future()
    local reason, raised = oracle.planned(), 0 -- nobody looks at it if all are cancelled

    local function await()
      local ok, err = pcall(future.await, future)
      assert.is_false(ok)
      if err ~= reason then error(err, 0) end
      raised = raised + 1
    end

    return function()
      probe:together({await, await, await, function() future:fail(reason) end}, 10)
    end, function(ended)
      if future:done() then assert.is_true(raised >= 3 - ended.hits) else assert.equal(0, raised) end
    end
  end, {allows = {"Planned"}}))

  it("calls back once for each on_done, whoever settles it, and in whatever way", explored(function(probe)
    local future = async.future()
    local called, registered, had_effect = 0, 0, 0

    local function register()
      future:on_done(function(given)
        assert(given == future and given:done())
        called = called + 1
      end)
      registered = registered + 1
      async.sleep(0)
      future:on_done(function() called = called + 1 end)
      registered = registered + 1
    end

    local function settle(method)
      return function()
        async.sleep(0)
        if future[method](future, "value") then had_effect = had_effect + 1 end
      end
    end

    return function()
      probe:together {register, settle "set", settle "cancel", register}
      async.shield(function() async.sleep(1) end)
    end, function()
      assert.equal(future:done() and registered or 0, called)
      assert.equal(future:done() and 1 or 0, had_effect)
    end
  end))

  it("cancelled is an ordinary error for those who await it", explored(function(probe)
    local future = async.future()
    local raised, cancelled = 0, false

    local function await()
      local ok, err = async.pcall(future.await, future)
      assert.is_true(not ok and err.reason == "enough" and err.task == nil)
      raised = raised + 1
    end

    return function()
      probe:together({await, await, await, function()
        async.sleep(0)
        cancelled = future:cancel "enough"
      end}, 10)
    end, function(ended)
      if cancelled then assert.is_true(raised >= 3 - ended.hits) else assert.equal(0, raised) end
    end
  end, {allows = {"CancelledError"}}))

  it("is left alone by those who give up", explored(function(probe)
    local future = async.future()
    local patient

    local function give_up(seconds)
      return function()
        local ok, result = pcall(async.wait_for, future, seconds)
        assert.is_true(ok and result == "value" or async.is_error(result))
      end
    end

    return function()
      probe:together({
        give_up(1), give_up(2), give_up(3),
        function() patient = future:await() end,
        function()
          async.sleep(2)
          future:set "value"
        end,
      }, 10)
    end, function(ended)
      assert.equal(future:done() and ended.hits == 0 and "value" or patient, patient)
    end
  end))
end)
