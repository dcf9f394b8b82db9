-- SPDX-License-Identifier: MIT
-- CPU work over all cores: lua5.4 bench/thread/saros.lua WORK MILLISECONDS JOBS [alone]. Each job takes so long on one
-- core, which is tried first; `alone`: no threads, one after the other.

local async = require "saros"
local cjson = require "cjson"

local work, milliseconds, jobs, alone = arg[1], tonumber(arg[2]), math.tointeger(tonumber(arg[3])), arg[4]

local document = {}
for i = 1, 20 do document[i] = { id = i, name = "name " .. i, tags = { "one", "two", "three" }, price = i * 1.5 } end
document = cjson.encode(document)

-- A picture of 32 by 32 pixels, which travels with each job: it shrinks it to half of that, and gives it back.
local SIDE = 32
local picture = {}
for i = 1, SIDE * SIDE * 3 do picture[i] = string.char(i * 7 % 256) end
picture = table.concat(picture)

local works = {
  images = function(job)
    local small
    for _ = 1, job.times do
      local pixels = {}
      for y = 0, SIDE - 1, 2 do
        for x = 0, SIDE - 1, 2 do
          local at = 3 * (y * SIDE + x) + 1
          local r1, g1, b1, r2, g2, b2 = job.picture:byte(at, at + 5)
          local r3, g3, b3, r4, g4, b4 = job.picture:byte(at + 3 * SIDE, at + 3 * SIDE + 5)
          local r, g, b = (r1 + r2 + r3 + r4) // 4, (g1 + g2 + g3 + g4) // 4, (b1 + b2 + b3 + b4) // 4
          pixels[#pixels + 1] = string.char(r, g, b)
        end
      end
      small = table.concat(pixels)
    end
    return small
  end,
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

-- What a job is given that does its work so many times.
local function job_of(times)
  return work == "images" and { picture = picture, times = times } or times
end

-- How often a job has to do it to take as long as wanted: the median of several trials, in processor time.
local function calibrate(fn)
  local trials = {}
  for i = 1, 21 do
    local begin = os.clock()
    fn(job_of(100))
    trials[i] = (os.clock() - begin) / 100
  end
  table.sort(trials)
  return math.max(1, math.floor(milliseconds / 1000 / trials[11] + 0.5))
end

async.run(function()
  local fn = works[work]
  local times = calibrate(fn)
  local list = {}
  for i = 1, jobs do list[i] = job_of(times) end
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
