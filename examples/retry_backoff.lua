-- SPDX-License-Identifier: MIT
-- What failed is tried again, with pauses that grow, if there is hope; what cannot get better is not.
--
--   lua5.4 examples/retry_backoff.lua

local async = require "saros"

-- A service that fails so many times before it works.
local function flaky(failures, name)
  local started, attempt = async.now(), 0
  return function()
    attempt = attempt + 1
    print(("  %.1f s: attempt %d"):format(async.now() - started, attempt))
    if attempt <= failures then error(async.error { name = name, message = "attempt " .. attempt .. " failed" }, 0) end
    return "the answer"
  end
end

local function is_temporary(err) return async.is_error(err, "Unavailable") end

local POLICY = { attempts = 5, delay = 0.5, factor = 2, max_delay = 3, when = is_temporary }

async.run(function()
  print "a service that comes back:"
  print("  " .. async.retry(flaky(3, "Unavailable"), POLICY))

  print "one that does not:"
  local ok, err = pcall(async.retry, flaky(99, "Unavailable"), POLICY)
  print("  " .. (ok or err.message))

  print "one that will never say yes:"
  ok, err = pcall(async.retry, flaky(99, "Forbidden"), POLICY)
  print("  " .. (ok or err.message))

  print "no longer than four seconds in all:"
  ok, err = pcall(async.wait_for, async.retry, 4, flaky(99, "Unavailable"), POLICY)
  print("  " .. (ok or err.name))

  -- Requests have it built in: async.get(url, { retries = { attempts = 4 } }) also heeds Retry-After.
end)
