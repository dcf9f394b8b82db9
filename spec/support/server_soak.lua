-- SPDX-License-Identifier: MIT
-- ./dev load [SECONDS]: a server under wrk for so long (600), whose memory must not grow, and then under slowhttptest,
-- while it goes on to serve others.

local async = require "saros"

local LUA, SECONDS = arg[-1], tonumber(arg[1] or 600)
local SLICE = 10            -- seconds of wrk for each path
local GROWTH = 4096         -- KiB that the memory may differ: allocators keep some
local PATHS = { "/hello", "/json", "/1k", "/r1/5" }
local ATTACKS = { { "-H" }, { "-B" }, { "-X" } } -- slow heads, slow bodies, slow reading
local SOON = 5              -- seconds in which others have their answers, on a machine that does much else

local function kibibytes_of(pid)
  for line in io.lines(("/proc/%d/status"):format(pid)) do
    local size = line:match "^VmRSS:%s+(%d+)"
    if size then return tonumber(size) end
  end
end

local function wrk(url, seconds)
  local result = async.process.run({ "wrk", "-t1", "-c64", "-d" .. seconds, url }, { check = true })
  assert(not result.stdout:find "Non%-2xx", result.stdout)
  return tonumber(result.stdout:match "(%d+) requests in")
end

local function soak(base, pid)
  for _, path in ipairs(PATHS) do wrk(base .. path, 3) end
  local before, most, requests = kibibytes_of(pid), 0, 0
  local finish = async.now() + SECONDS
  while async.now() < finish do
    for _, path in ipairs(PATHS) do
      requests = requests + wrk(base .. path, math.max(1, math.min(SLICE, SECONDS // #PATHS)))
      most = math.max(most, kibibytes_of(pid))
    end
  end
  print(("%d requests; %d KiB before, at most %d KiB"):format(requests, before, most))
  assert(most - before <= GROWTH, "the memory has grown")
end

local function attack(base, options)
  local argv = { "slowhttptest", "-c", "300", "-r", "100", "-i", "2", "-l", "10", "-p", "3", "-u", base .. "/1m" }
  table.move(options, 1, #options, #argv + 1, argv)
  local attacker = async.spawn(async.process.run, argv)
  local served, slowest = 0, 0
  while not attacker:done() do
    local began = async.now()
    assert(async.fetch(base .. "/hello", { timeout = SOON }):text() == "hello")
    served, slowest = served + 1, math.max(slowest, async.now() - began)
    async.sleep(0.05)
  end
  print(("slowhttptest %s: %d others were served, the slowest in %.3f s"):format(options[1], served, slowest))
end

async.run(function()
  local folder = async.fs.mkdtemp()
  local _removed <close> = async.defer(async.fs.remove_tree, folder)
  async.fs.write_file(folder .. "/1k", ("x"):rep(1024))
  async.fs.write_file(folder .. "/1m", ("x"):rep(1048576))
  local server <close> = async.process.spawn({ LUA, "bench/server/saros.lua", folder, "1" }, { stdout = "pipe" })
  local base = "http://127.0.0.1:" .. server.stdout:read_line()
  soak(base, server.pid)
  for _, options in ipairs(ATTACKS) do attack(base, options) end
  server:kill()
end)
