-- SPDX-License-Identifier: MIT
-- CPU work over all cores: lua5.4 bench/thread/saros.lua WORK MILLISECONDS JOBS [alone]. Each job takes so long on one
-- core, which is tried first; `alone`: no threads, one after the other.

local async = require "saros"
local cjson = require "cjson"

local work, milliseconds, jobs, alone = arg[1], tonumber(arg[2]), math.tointeger(tonumber(arg[3])), arg[4]

local document = {}
for i = 1, 20 do document[i] = { id = i, name = "name " .. i, tags = { "one", "two", "three" }, price = i * 1.5 } end
document = cjson.encode(document)

local works = {
  primes = function(times)
    local count = 0
    for _ = 1, times do
      for n = 2, 200 do
        local is_prime = true
        for d = 2, n - 1 do
          if d * d > n then break end
          if n % d == 0 then is_prime = false break end
        end
        if is_prime then count = count + 1 end
      end
    end
    return count
  end,
  json = function(times)
    local length = 0
    for _ = 1, times do length = length + #cjson.encode(cjson.decode(document)) end
    return length
  end,
}

-- How often a job has to do it to take as long as wanted: the median of several trials, in processor time.
local function calibrate(fn)
  local trials = {}
  for i = 1, 21 do
    local begin = os.clock()
    fn(100)
    trials[i] = (os.clock() - begin) / 100
  end
  table.sort(trials)
  return math.max(1, math.floor(milliseconds / 1000 / trials[11] + 0.5))
end

async.run(function()
  local fn = works[work]
  local times = calibrate(fn)
  local list = {}
  for i = 1, jobs do list[i] = times end
  local pool <close> = async.thread_pool()
  if not alone then pool:map(8, function() return require "cjson" and 0 end) end -- warm
  local begin = async.now()
  if alone then
    for i = 1, jobs do list[i] = fn(list[i]) end
  else
    list = pool:map(list, fn)
  end
  local seconds = async.now() - begin
  assert(#list == jobs and list[1] == list[jobs])
  print(("seconds=%.6f bytes=0"):format(seconds))
end)
