-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

--- A main that spawns three workers and waits for some of them.
local function waiting(options, check)
  return function(probe)
    local workers = oracle.workers(probe)
    return function()
      local first <close> = async.spawn(workers:body {seconds = 1, value = "first"})
      local second <close> = async.spawn(workers:body {seconds = 2, fails = true, cleanup = 1})
      local third <close> = async.spawn(workers:body {seconds = 4, value = "third", cleanup = 1})
      local list = {first, second, third}
      local done, pending = async.wait(list, options)
      assert.equal(3, #done + #pending)
      local place = {[first] = 1, [second] = 2, [third] = 3}
      for _, part in ipairs {done, pending} do
        for i = 2, #part do assert.is_true(place[part[i - 1]] < place[part[i]]) end
      end
      for _, task in ipairs(done) do assert.is_true(task:done()) end
      for _, task in ipairs(pending) do assert.is_false(task:done()) end
      return #done, done[1] == first, probe:elapsed()
    end, check
  end
end

describe("wait, explored:", function()
  it("waits for all", explored(waiting({}, function(ended)
    if ended.hits == 0 then assert.same({3, true, 5, n = 3}, ended.results) end
    if ended.ok then assert.equal(3, ended.results[1]) end
  end), {allows = {"Planned"}}))

  it("waits for the first that is done", explored(waiting({return_when = "first_completed"}, function(ended)
    if ended.hits == 0 then assert.same({1, true, 1, n = 3}, ended.results) end
    if ended.ok then assert.is_true(ended.results[1] >= 1) end
  end), {allows = {"Planned"}}))

  it("waits for the first that fails", explored(waiting({return_when = "first_error"}, function(ended)
    if ended.hits == 0 then assert.same({2, true, 3, n = 3}, ended.results) end
  end), {allows = {"Planned"}}))

  it("waits no longer than it is told to", explored(waiting({timeout = 3}, function(ended)
    if ended.ok then assert.is_true(ended.results[3] <= 3) end
  end), {allows = {"Planned"}}))

  it("cancels nothing", explored(function(probe)
    local workers = oracle.workers(probe)
    return function()
      local task <close> = async.spawn(workers:body {seconds = 3, value = "result"})
      local waiter <close> = async.spawn(probe:body(function() async.wait {task} end))
      async.sleep(1)
      waiter:cancel()
      async.wait {waiter}
      assert.is_true(probe:elapsed() == 3 or not task:done() or task:status() ~= "done")
      return task:await()
    end, function(ended)
      if ended.ok then assert.equal("result", ended.results[1]) end
    end
  end))
end)
