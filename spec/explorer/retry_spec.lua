-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

local NEAR = 1e-6 -- seconds

local function is_own_cancel(err)
  return async.is_error(err, "CancelledError") and err.task == async.current_task()
end

--- A function for retry that notes its attempts. Once its task is cancelled there must be no other.
local function new_attempts(probe, workers, work)
  local attempts = {began = {}, ended = {}, count = 0}
  attempts.fn = function()
    assert.is_false(attempts.is_cancelled or false, "an attempt after a cancellation")
    attempts.count = attempts.count + 1
    attempts.began[attempts.count] = probe:elapsed()
    local results = table.pack(pcall(function() return workers:left_by(work, attempts.count) end))
    attempts.ended[attempts.count] = probe:elapsed()
    if results[1] then return table.unpack(results, 2, results.n) end
    if is_own_cancel(results[2]) then attempts.is_cancelled = true end
    error(results[2], 0)
  end
  return attempts
end

--- The pauses between attempts have to be these.
local function check_pauses(attempts, pauses)
  for i = 2, attempts.count do
    local pause = attempts.began[i] - attempts.ended[i - 1]
    assert.is_true(math.abs(pause - pauses[i - 1]) < NEAR)
  end
end

describe("retry, explored:", function()
  it("pauses longer each time, and raises the last error unchanged", explored(function(probe)
    local workers = oracle.workers(probe)
    local planned
    local attempts = new_attempts(probe, workers, function()
      async.sleep(1)
      planned = oracle.planned()
      error(planned, 0)
    end)
    return function()
      async.retry(attempts.fn, {attempts = 4, delay = 1, max_delay = 3})
    end, function(ended)
      check_pauses(attempts, {1, 2, 3})
      assert.is_false(ended.ok)
      if not ended.is_injected then assert.same({4, 10}, {attempts.count, attempts.ended[4]}) end
      if async.is_error(ended.error, "Planned") then
        assert.equal(4, attempts.count)
        assert.is_true(rawequal(planned, ended.error))
      end
    end
  end, {allows = {"Planned"}}))

  it("begins an attempt when nothing of the last is running", explored(function(probe)
    local workers = oracle.workers(probe)
    local attempts = new_attempts(probe, workers, function(number)
      if number == 3 then return "a", nil, "c" end
      async.gather(
        workers:body {loses = true, cleanup = 1},
        workers:body {seconds = 1, fails = true})
    end)
    return function()
      return async.retry(attempts.fn, {delay = 1})
    end, function(ended)
      assert.equal(0, workers.running)
      check_pauses(attempts, {1, 2})
      if not ended.is_injected then assert.same({"a", nil, "c", n = 3}, ended.results) end
      if ended.ok then assert.equal(3, attempts.count) end
    end
  end, {allows = {"Planned"}}))

  it("does retry after a deadline of its function, not after one around it", explored(function(probe)
    local workers = oracle.workers(probe)
    local attempts = new_attempts(probe, workers, function()
      async.wait_for(workers:body {loses = true, cleanup = 1}, 1)
    end)
    return function()
      local ok, err = pcall(async.wait_for, function() async.retry(attempts.fn, {attempts = 9, delay = 1}) end, 7)
      assert.is_false(ok)
      assert.is_true(async.is_error(err))
      return err.seconds, attempts.count
    end, function(ended)
      check_pauses(attempts, {1, 2, 4, 8})
      if not ended.is_injected then assert.same({7, 2, n = 2}, ended.results) end
    end
  end))

  it("asks whether to go on, and by then may have been cancelled", explored(function(probe)
    local workers = oracle.workers(probe)
    local asked = 0
    local attempts = new_attempts(probe, workers, function()
      async.sleep(0)
      error(oracle.planned(), 0)
    end)
    local function when(err, attempt)
      asked = asked + 1
      assert.is_true(async.is_error(err, "Planned"))
      assert.equal(attempts.count, attempt)
      async.sleep(1)
      return attempt < 3
    end
    local function main()
      async.retry(attempts.fn, {attempts = 5, delay = 0, when = when})
    end
    return main, function(ended)
      assert.is_false(ended.ok)
      assert.is_true(asked <= attempts.count and attempts.count <= 3)
      if not ended.is_injected then assert.same({3, 3}, {asked, attempts.count}) end
    end
  end, {allows = {"Planned"}}))
end)
