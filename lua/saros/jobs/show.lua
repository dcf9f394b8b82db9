-- SPDX-License-Identifier: MIT
-- A look at a queue, for a terminal.

local async = require "saros"
local redis = require "saros.redis"

local show = {}

local COUNTS = { "waiting", "late", "running", "dead", "done", "failed" }
local MOST = 20 -- of jobs in a list

local function shortened(text)
  text = text:gsub("%s+", " ")
  return #text > 80 and text:sub(1, 77) .. "..." or text
end

-- A heading and a line for each, as many as fit.
local function section(lines, heading, list, line_of)
  if #list == 0 then return end
  lines[#lines + 1] = ""
  lines[#lines + 1] = heading
  for i = 1, math.min(#list, MOST) do lines[#lines + 1] = "  " .. line_of(list[i]) end
  if #list > MOST then lines[#lines + 1] = ("  ... and %d more"):format(#list - MOST) end
end

---What there is to see of a queue now.
---@async
---@param queue saros.JobQueue
---@return string
function show.text(queue)
  local stats, counts = queue:stats(), {}
  for i, name in ipairs(COUNTS) do counts[i] = ("%s %d"):format(name, stats[name]) end
  local lines = { queue.name .. ": " .. table.concat(counts, ", ") }
  section(lines, "running", queue:running(), function(job)
    return ("%s  %s  attempt %d  %s"):format(job.id, job.job, job.attempt, job.worker)
  end)
  section(lines, "dead", queue:dead(), function(job)
    return ("%s  %s  %d attempts  %s"):format(job.id, job.job, job.attempts, shortened(job.error))
  end)
  return table.concat(lines, "\n")
end

-- Prints again whenever something has happened, but not more often than twice a second.
local function watch(queue)
  local step, _, _, held = queue:events()
  local _closing <close> = held
  local changed = async.event()
  held.on_stand = function() changed:set() end
  async.task_group(function(group)
    group:spawn(function()
      for _ in step do changed:set() end
    end)
    while true do
      changed:wait()
      changed:clear()
      print("\n" .. show.text(queue))
      async.sleep(0.5)
    end
  end)
end

---@async
---@param url string
---@param name string
---@param is_watching boolean
function show.run(url, name, is_watching)
  local client <close> = redis.connect(url)
  local queue = require("saros.jobs").queue(client, name)
  print(show.text(queue))
  if is_watching then watch(queue) end
end

return show
