-- SPDX-License-Identifier: MIT
-- The programs of examples/ that do nothing but wait, on a virtual clock; and their index.

local run = require "spec.support.example"

-- What such a program prints, line by line.
local function lines_of(name)
  local lines = {}
  for line in run(name, nil, { virtual_clock = true }):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

describe("the example", function()
  it("three_calls takes three seconds one by one, and one at once", function()
    local one_by_one = {
      "  users begins", "  users ends", "  orders begins", "  orders ends", "  stock begins", "  stock ends",
    }
    local at_once = {
      "  users begins", "  orders begins", "  stock begins", "  users ends", "  orders ends", "  stock ends",
    }
    local lines = lines_of "three_calls"
    assert.same(one_by_one, { table.unpack(lines, 2, 7) })
    assert.equal("  sum 16 after 3 s", lines[8])
    for _, first in ipairs { 10, 18 } do
      assert.same(at_once, { table.unpack(lines, first, first + 5) })
      assert.equal("  sum 16 after 1 s", lines[first + 6])
    end
  end)

  it("interleaving shows whose turn it is", function()
    assert.same({
      "both are made, none has run: main has not waited yet",
      "tick 1 of 4", "tock 1 of 3", "tick 2 of 4", "tick 3 of 4", "tock 2 of 3", "tick 4 of 4", "tick is done",
      "tock 3 of 3", "tock is done",
      "without a pause, sleep(0) gives the other one its turn:",
      "ping 1 of 2", "pong 1 of 2", "ping 2 of 2", "pong 2 of 2",
    }, lines_of "interleaving")
  end)

  it("gather_errors gives the others up, or collects what failed", function()
    assert.same({
      "all or nothing:", "  order 3 is given up", "  order 4 is given up", "  failed: order 2 has no price",
      "as many as can be:", "  order 1: 10", "  order 2: order 2 has no price", "  order 3: 30",
      "  order 4: order 4 has no price",
    }, lines_of "gather_errors")
  end)

  it("group_errors shows all that went wrong", function()
    assert.same({
      "a group whose first failure ends it:", "  NetworkError: after 0.1", "  CleanupError: could not put things away",
      "a group that lets the others finish:", "  NetworkError: after 0.1", "  DiskError: after 0.2",
      "  NetworkError: after 0.3", "2 network errors to try again, DiskError to pass on",
    }, lines_of "group_errors")
  end)

  it("timeout_fallback has something else when time is over", function()
    assert.same({
      "weather as of now",
      "  (the question for weather was taken back)", "sunny, says yesterday",
      "  (the question for traffic was taken back)", "a guess",
      "  (the question for rain was taken back)", "no report: TimeoutError, 3 seconds are over",
      "  (the question for news was taken back)", "news from elsewhere as of now",
    }, lines_of "timeout_fallback")
  end)

  it("semaphore lets three work at a time", function()
    local lines = lines_of "semaphore"
    assert.equal(11, #lines)
    assert.equal("0 s: task 3 works, 0 waiting", lines[3])
    assert.equal("1 s: task 4 works, 4 waiting", lines[4])
    assert.equal("3 s: task 10 works, 0 waiting", lines[10])
    assert.equal("3 at a time, 4 seconds in all", lines[11])
  end)

  it("producer_consumer shares the work out", function()
    assert.same({
      "a has put 6 items", "b has put 9 items", "no more to come, 4 in the queue",
      "consumer 1 has taken 5 items", "consumer 2 has taken 5 items", "consumer 3 has taken 5 items", "15 items in all",
    }, lines_of "producer_consumer")
  end)

  it("retry_backoff waits longer each time, and not for what is hopeless", function()
    assert.same({
      "a service that comes back:",
      "  0.0 s: attempt 1", "  0.5 s: attempt 2", "  1.5 s: attempt 3", "  3.5 s: attempt 4", "  the answer",
      "one that does not:",
      "  0.0 s: attempt 1", "  0.5 s: attempt 2", "  1.5 s: attempt 3", "  3.5 s: attempt 4", "  6.5 s: attempt 5",
      "  attempt 5 failed",
      "one that will never say yes:", "  0.0 s: attempt 1", "  attempt 1 failed",
      "no longer than four seconds in all:",
      "  0.0 s: attempt 1", "  0.5 s: attempt 2", "  1.5 s: attempt 3", "  3.5 s: attempt 4", "  TimeoutError",
    }, lines_of "retry_backoff")
  end)
end)

describe("the index of the examples", function()
  local function read(path)
    local file <close> = assert(io.open(path))
    return file:read "a"
  end

  it("names each of them once, and none that is not there", function()
    local listed, there = {}, {}
    for name in read "examples/README.md":gmatch "%]%(([%w_/]+%.lua)%)" do listed[#listed + 1] = name end
    local pipe <close> = io.popen "cd examples && ls *.lua"
    for name in pipe:lines() do there[#there + 1] = name end
    table.sort(listed)
    assert.same(there, listed)
  end)

  it("is of programs whose heads say how they are run", function()
    local pipe <close> = io.popen "cd examples && ls *.lua"
    for name in pipe:lines() do
      local head = read("examples/" .. name):match "^.-\n\n"
      assert.truthy(head:find("--   lua5.4 examples/" .. name, 1, true), name)
    end
  end)
end)
