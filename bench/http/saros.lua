-- SPDX-License-Identifier: MIT
-- The HTTP workloads as a user of saros would write them: nothing here but the public API.
--
--     lua5.4 bench/http/saros.lua many|serial|stream|first N URL [CA_FILE]
--
-- Prints seconds=... bytes=... (peak of resident memory); see floor.c for what they mean. Of the first request of a
-- program both are what it takes with all that is loaded for it.

local async = require "saros"

local kind, n, url, ca_file = arg[1], math.tointeger(tonumber(arg[2])), arg[3], arg[4]
local WARM_UP = 640

local function get(session)
  local response = session:get(url)
  local body = response:text()
  assert(response.status == 200 and #body == 1024, "wrong answer")
end

-- n requests, 64 at a time.
local function many(session, count)
  local left = count
  local function work()
    while left > 0 do
      left = left - 1
      get(session)
    end
  end
  local workers = {}
  for i = 1, 64 do
    workers[i] = work
  end
  local started = async.now()
  async.gather(workers)
  return async.now() - started
end

-- One after another; gives the median of one.
local function serial(session, count)
  local times = {}
  for i = 1, count do
    local started = async.now()
    get(session)
    times[i] = async.now() - started
  end
  table.sort(times)
  return times[count // 2 + 1]
end

-- One body of n MiB, piece by piece.
local function stream(session)
  local bytes, started = 0, async.now()
  for chunk in session:get(url):chunks() do
    bytes = bytes + #chunk
  end
  assert(bytes == n << 20, "bytes are missing")
  return async.now() - started
end

local function peak()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmHWM:%s*(%d+)"
    if kib then return kib * 1024 end
  end
end

-- The first request of a program.
local function first()
  local before, started = peak(), async.now()
  get { get = function(_, target) return async.get(target) end }
  return async.now() - started, peak() - before
end

if kind == "first" then
  print(("seconds=%.9f bytes=%d"):format(async.run(first)))
  return
end

async.run(function()
  local session <close> = async.session { ca_file = ca_file, timeout = 300 }
  local workload = { many = many, serial = serial, stream = stream }
  if kind ~= "stream" then workload[kind](session, WARM_UP) end
  print(("seconds=%.9f bytes=%d"):format(workload[kind](session, n), peak()))
end)
