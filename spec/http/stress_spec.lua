-- SPDX-License-Identifier: MIT
-- Random programs of many requests, see spec/support/http_stress.lua; and the next request works.
local async = require "saros"
local http = require "saros.http"
local stress = require "spec.support.http_stress"

local leaves_nothing, server = stress.leaves_nothing, stress.server

describe("requests under stress", function()
  for seed = 1, 5 do
    it("leaves nothing behind: " .. seed, function()
      assert.is_true(leaves_nothing(stress.run, seed))
      assert.equal("GET", async.run(function() return http.get(server.url .. "/echo"):json().method end))
    end)

    it("may be cut off by the end of the run: " .. seed, function()
      assert.is_true(leaves_nothing(function()
        async.spawn(stress.run, seed)
        async.sleep(0.003 * seed)
      end))
    end)
  end
end)
