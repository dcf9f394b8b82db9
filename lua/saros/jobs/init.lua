-- SPDX-License-Identifier: MIT
-- saros.jobs: a work queue on Redis Streams, for workers on any number of machines.

local backoff = require "saros.backoff"
local misuse = require "saros.misuse"
local queue = require "saros.jobs.queue"
local redis = require "saros.redis.redis"

---What `require "saros.jobs"` gives.
---@class saros.jobs
local jobs = {}

---@class saros.JobOptions
---@field lease? number         seconds for which a job belongs to its worker unless that gives a sign of life (30)
---@field attempts? integer     starts of a job at most (5)
---@field delay? number         seconds before the second attempt (0.5)
---@field factor? number        by which the delay grows each time (2)
---@field max_delay? number     seconds it grows to (30)
---@field jitter? number        from 0 to 1: each delay is shortened by a random part, at most this fraction (0)
---@field keep_results? number  seconds for which results are kept (3600)

local function is_count(value)
  return math.type(value) == "integer" and value > 0
end

local checks = {
  lease = { "seconds above zero", function(value)
    return type(value) == "number" and value > 0 and value < math.huge
  end },
  keep_results = { "seconds", function(value)
    return type(value) == "number" and value >= 0 and value < math.huge
  end },
  attempts = { "positive integer", is_count },
}
for _, name in ipairs { "delay", "factor", "max_delay", "jitter" } do checks[name] = backoff.rules[name] end

local defaults = { lease = 30, attempts = 5, delay = 0.5, factor = 2, max_delay = 30, jitter = 0, keep_results = 3600 }

local function read_options(given)
  local options = {}
  for name, value in pairs(defaults) do options[name] = value end
  if given ~= nil and type(given) ~= "table" then misuse.type("queue", 3, "table", given) end
  for name, value in pairs(given or {}) do
    local check = checks[name]
    if not check then misuse.unknown_option("queue", 3, name, checks) end
    if not check[2](value) then
      misuse.argument("queue", 3, ("option '%s': %s expected, got %s"):format(name, check[1], misuse.kind(value)))
    end
    options[name] = value
  end
  return options
end

---A queue of that name. Nothing is said to Redis before it is used.
---@param client saros.Redis
---@param name string
---@param given? saros.JobOptions
---@return saros.JobQueue
function jobs.queue(client, name, given)
  if not redis.is_client(client) then misuse.type("queue", 1, "client of saros.redis", client) end
  if type(name) ~= "string" then misuse.type("queue", 2, "string", name) end
  if name == "" then misuse.argument("queue", 2, "a name expected") end
  return queue.new(client, name, read_options(given))
end

---Prints counts, running jobs and the dead of a queue; with `watch` again whenever something happens, until it is
---cancelled.
---@async
---@param url string
---@param name string
---@param given? {watch?: boolean}
function jobs.show(url, name, given)
  if type(url) ~= "string" then misuse.type("show", 1, "string", url) end
  if type(name) ~= "string" then misuse.type("show", 2, "string", name) end
  if given ~= nil and type(given) ~= "table" then misuse.type("show", 3, "table", given) end
  for option, value in pairs(given or {}) do
    if option ~= "watch" then misuse.unknown_option("show", 3, option, { watch = true }) end
    misuse.check_type("show", 3, value, "option 'watch'", "boolean")
  end
  require("saros.jobs.show").run(url, name, given and given.watch or false)
end

misuse.guard(jobs)

return jobs
