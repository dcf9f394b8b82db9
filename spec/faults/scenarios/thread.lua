-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: jobs in threads. Only what this side asks memory for fails, not the threads.
local async = require "saros"
local check = require "spec.faults.check"

local thread_pool = async.thread_pool -- which loads it

local scenarios = {}

-- fn(pool), which is closed in the end.
local function scenario(name, fn)
  scenarios[name] = check.test(function()
    local pool = thread_pool { size = 1 }
    local _closing <close> = check.closing(function() pool:close() end)
    fn(pool)
  end)
end

scenario("running", function(pool)
  local shared, floor = { "shared" }, math.floor
  local text = ("x"):rep(5000)
  local got, n = pool:run(function(t)
    t.length = floor(#t.text)
    return t, #shared
  end, { text = text, shared, shared, err = async.error { name = "MyError" } })
  assert(got.length == 5000 and got.text == text and got[1] == got[2] and n == 1)
  assert(async.is_error(got.err, "MyError"))
  local add = pool:run(function(a) return function(b) return a + b end end, 1)
  assert(add(2) == 3)
end)

scenario("failing", function(pool)
  check.raises("oops", pool.run, pool, function() error("oops", 0) end)
  check.raises("a coroutine cannot be copied", pool.run, pool, print, { { coroutine.create(print) } })
  local err = check.raises("TimeoutError", pool.run, pool, function()
    require("saros").run(function() require("saros").wait_for(require("saros").future(), 0) end)
  end)
  assert(async.is_error(err, "TimeoutError"))
end)

scenario("cancelling", function(pool)
  local running = async.spawn(pool.run, pool, function() while true do end end)
  local _ending <close> = check.closing(function() running:cancel() end) -- or the pool waits for it
  local waiting = async.spawn(pool.run, pool, error, "it has begun")
  async.sleep(0)
  async.sleep(0)
  for _, task in ipairs { waiting, running } do
    task:cancel()
    check.fails(task, "CancelledError")
  end
  assert(pool:run(function() return 1 end) == 1)
end)

scenario("mapping", function(pool)
  local finished = 0
  local function count() finished = finished + 1 end
  local list = pool:map({ 1, 2, 3 }, function(n) return { n } end, { on_progress = count })
  assert(#list == 3 and list[3][1] == 3 and finished == 3)
  local results, errors = pool:map(3, function(n) if n == 2 then error("two", 0) end return n end,
    { return_errors = true })
  assert(results[3] == 3 and errors[2] == "two" and results.n == 3)
end)

scenario("closing", function(pool)
  local job = async.spawn(pool.run, pool, function() return "done" end)
  async.sleep(0)
  async.sleep(0)
  pool:close()
  assert(job:await() == "done")
  check.raises("the pool is closed", pool.run, pool, print)
end)

return scenarios
