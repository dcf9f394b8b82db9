-- SPDX-License-Identifier: MIT
-- Backoff: how often to try again, and pauses that grow. What async.retry and the retries of requests share.

local backoff = {}

local function is_seconds(value)
  return type(value) == "number" and value == value
end

---What each option may be, in words and as a test.
---@type table<string, {[1]: string, [2]: fun(value: any): any}>
backoff.rules = {
  attempts = { "a whole number from 1, or math.huge", function(value)
    return value == math.huge or type(value) == "number" and value >= 1 and math.tointeger(value) ~= nil
  end },
  delay = { "seconds", is_seconds },
  max_delay = { "seconds", is_seconds },
  factor = { "a finite number from 0", function(value)
    return is_seconds(value) and value >= 0 and value < math.huge
  end },
  jitter = { "a fraction from 0 to 1", function(value)
    return is_seconds(value) and value >= 0 and value <= 1
  end },
}

---What holds where nothing is said.
backoff.defaults = { attempts = 3, delay = 0.5, factor = 2, max_delay = 30, jitter = 0 }

-- What others call them.
local elsewhere = {
  tries = "attempts", max_tries = "attempts", retries = "attempts", max_attempts = "attempts", max_retries = "attempts",
  times = "attempts", backoff = "factor", backoff_factor = "factor", multiplier = "factor", wait = "delay",
  interval = "delay",
}

---What an unknown option may stand for.
---@param name any
---@return string?
function backoff.meant(name)
  return elsewhere[name]
end

---The pauses between attempts, in seconds: each call gives the next.
---@param options {delay: number, factor: number, max_delay: number, jitter: number}
---@return fun(): number
function backoff.pauses(options)
  local longest = math.max(options.max_delay, 0)
  local pause = math.max(math.min(options.delay, longest), 0)
  return function()
    local seconds = pause * (1 - options.jitter * math.random())
    pause = math.min(pause * options.factor, longest)
    return seconds
  end
end

return backoff
