-- SPDX-License-Identifier: MIT
-- The program of examples/ that uses threads, run as it stands.

local run = require "spec.support.example"

describe("the example", function()
  it("primes finds the longest gap between primes on all cores", function()
    local text = run "primes"
    assert.matches("^%.+\n25997 primes, the longest gap is 86, behind 155921\n$", text)
  end)
end)
