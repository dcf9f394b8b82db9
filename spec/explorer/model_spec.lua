-- SPDX-License-Identifier: MIT
-- Programs at random that run on saros and on a plain model of it: every step has to be the same, who is granted
-- what in which order, which errors arrive where, and at which virtual time.
local async = require "saros"
local model = require "spec.support.model"
local programs = require "spec.support.program"
local testing = require "saros.testing"

local SEEDS, BLOCK = 1500, 250
local LINES = 10000 -- that a block of programs logs at least

--- The log of the program on saros, or of what stopped it.
local function log_of(program, api, run)
  local ok, log = pcall(programs.run, program, api, run)
  return ok and log or {tostring(log)}
end

--- The first line in which the logs differ, or nil.
local function difference(expected, actual)
  for i = 1, math.max(#expected, #actual) do
    if expected[i] ~= actual[i] then return i end
  end
end

local function compare(program)
  local expected = log_of(program, model, model.run)
  local actual = log_of(program, async, testing.run)
  return difference(expected, actual), expected, actual
end

--- Raises the smallest program of this kind on which the two differ, with both logs.
local function fail(seed, program)
  programs.simplify(program, function(smaller) return compare(smaller) ~= nil end)
  local at, expected, actual = compare(program)
  error(("seed %d: saros and the model differ in line %d of the log\nprogram:\n%s\n\nmodel:\n%s\n\nsaros:\n%s"):format(
    seed, at, programs.write(program), table.concat(expected, "\n"), table.concat(actual, "\n")), 0)
end

describe("programs at random", function()
  for first = 1, SEEDS, BLOCK do
    local last = first + BLOCK - 1
    it(("do the same on saros and on the model, seeds %d to %d"):format(first, last), function()
      local lines = 0
      for seed = first, last do
        local program = programs.make(seed)
        local at, expected = compare(program)
        if at then fail(seed, program) end
        lines = lines + #expected
      end
      assert.is_true(lines > LINES)
    end)
  end
end)

describe("the model", function()
  it("is not saros: a rule that is changed in it shows", function()
    local function lossy(maxsize)
      local queue = model.queue(maxsize)
      local try_get = queue.try_get
      function queue:try_get()
        table.remove(self.putters, 1) -- nobody is admitted
        return try_get(self)
      end
      return queue
    end
    local other = setmetatable({queue = lossy}, {__index = model})
    local found = 0
    for seed = 1, BLOCK do
      local program = programs.make(seed)
      local expected = log_of(program, other, model.run)
      if difference(expected, log_of(program, async, testing.run)) then found = found + 1 end
    end
    assert.is_true(found > 0)
  end)
end)
