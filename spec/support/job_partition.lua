-- SPDX-License-Identifier: MIT
-- Three workers on machines of their own, one of which is cut off from Redis for longer than its lease and let back, by
-- turns: ./dev soak --partition [CUTS]. See spec/support/soak.lua.

local async = require "saros"
local namespaces = require "spec.support.namespaces"
local redis_server = require "spec.support.redis_server"
local soak = require "spec.support.soak"

local CUTS = math.tointeger(tonumber(arg[1])) or 12
local WORKERS, JOBS_PER_CUT = 3, 40

-- Those on even numbers go on talking, and only hear nothing.
local function strike(self, network, number)
  local victim, workers = number % WORKERS + 1, self.workers
  local cut, let_back = network.cut, network.let_back
  if number % 2 == 0 then cut, let_back = network.deafen, network.let_hear end
  async.sleep(0.1 * math.random())
  self:hit({ workers[victim] }, function() cut(network, victim) end)
  self:add(JOBS_PER_CUT) -- for the others
  async.sleep((1 + math.random()) * soak.lease)
  self:hit({ workers[victim] }, function() let_back(network, victim) end)
end

-- Until each worker has begun something: those that were cut off, too.
local function see_all(self)
  local deadline, place = async.now() + 60, self.r:llen "starts"
  while true do
    self:add(10)
    async.sleep(0.1)
    local seen, all = self:workers_since(place), true
    for _, worker in ipairs(self.workers) do all = all and seen[worker.pid] end
    if all then return end
    if async.now() > deadline then error("a worker that was let back does nothing", 0) end
  end
end

local network <close> = namespaces.open(WORKERS)
local options = "--appendonly yes --appendfsync always --protected-mode no --bind 0.0.0.0"
local server = redis_server.start(options, network:prefix(0))

soak.run(server, function(self)
  for i = 1, WORKERS do self:start_worker(i, network:prefix(i)) end
  for number = 1, CUTS do
    self:add(JOBS_PER_CUT)
    strike(self, network, number)
  end
  see_all(self)
  self:report()
end, ("redis://%s:%d"):format(network.hub, server.port))
server:close()
