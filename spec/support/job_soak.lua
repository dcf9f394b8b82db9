-- SPDX-License-Identifier: MIT
-- Workers under load that are killed again and again, stopped for longer than their lease, and lose their server in
-- between: ./dev soak [KILLS]. See spec/support/soak.lua.

local async = require "saros"
local redis_server = require "spec.support.redis_server"
local soak = require "spec.support.soak"

local KILLS = math.tointeger(tonumber(arg[1])) or 100
local WORKERS, JOBS_PER_KILL = 3, 20

-- One worker less, or one that stands still, or the server is started again.
local function strike(self, number)
  local place, workers = number % WORKERS + 1, self.workers
  local victim = workers[place]
  if number % 10 == 5 then
    self:hit({ victim }, function() victim:signal "STOP" end)
    async.sleep(2 * soak.lease)
    victim:signal "CONT"
  elseif number % 25 == 24 then
    self:hit(workers, function()
      self.server:kill()
      self.server:start()
    end)
  end
  async.sleep(0.1 * math.random())
  self:hit({ victim }, function() victim:signal "KILL" end)
  victim:close()
  self:start_worker(place)
end

local server = redis_server.start "--appendonly yes --appendfsync always"

soak.run(server, function(self)
  for i = 1, WORKERS do self:start_worker(i) end
  for number = 1, KILLS do
    self:add(JOBS_PER_KILL)
    strike(self, number)
  end
  self:report()
end)
server:close()
