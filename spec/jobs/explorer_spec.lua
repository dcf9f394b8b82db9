-- SPDX-License-Identifier: MIT
-- Workers and those who use them under every order, and with a cancellation at every await: no job is lost, none is
-- done by two at once, and nothing is left behind.
local async = require "saros"
local explored = require("spec.support.explorer").explored
local jobs = require "saros.jobs"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"

local server

setup(function() server = redis_server.start() end)
teardown(function() server:close() end)

local count = 0 -- of queues: each schedule has its own

-- A queue, and what is known of its jobs. At the end of `main` a last worker does what is left; then all is checked.
local World = {}
World.__index = World

function World:work()
  return self.queue:work({
    x = function(data, job)
      local id = job.id
      assert(not self.active[id], "it is done twice at once")
      self.active[id] = true
      local _leaving <close> = setmetatable({}, { __close = function() self.active[id] = nil end })
      async.sleep(0)
      job:progress(1)
      return data
    end,
  }, { concurrency = 2, grace = 0 })
end

-- A worker that is there again whenever it was cancelled.
function World:supervise()
  self.supervisor = async.spawn(async.shield, function()
    while not self.is_over do
      self.worker = async.spawn(self.work, self)
      async.wait { self.worker }
    end
  end)
end

-- Adds a job; `known` is what it must come to, if it was added.
function World:add(id)
  local job = self.queue:add("x", id, { id = id })
  self.known[id] = true
  return job
end

local function is_idle(stats)
  return stats.waiting + stats.late + stats.running == 0
end

function World:check()
  self.is_over = true
  if self.worker then self.worker:cancel() end
  if self.supervisor then async.wait { self.supervisor } end
  assert(next(self.active) == nil, "a handler was left behind")
  local last <close> = async.spawn(self.work, self)
  for id in pairs(self.known) do assert.equal(id, self.queue:job(id):result()) end
  for id in pairs(self.given_up) do
    local status = self.queue:job(id):status()
    assert(status == "cancelled" or status == "done", status)
  end
  while not is_idle(self.queue:stats()) do async.sleep(0.005) end
  assert.equal(0, self.queue:stats().dead)
  last:close() -- it leaves nothing either
  local stream = self.queue._prefix .. "stream"
  assert.same({}, self.r:xinfo("CONSUMERS", stream, "workers"))
  assert.equal(self.r:exists(self.queue._prefix .. "marker"), self.r:xlen(stream))
end

local function world(probe)
  count = count + 1
  local r = redis.connect(server.url, { timeout = math.huge, connect_timeout = math.huge })
  local self = setmetatable({ r = r, known = {}, given_up = {}, active = {}, is_over = false }, World)
  self.queue = jobs.queue(r, "explored " .. count, { delay = 0.01 })
  return self, probe:closes(function()
    async.shield(function()
      local _closing <close> = r
      self:check()
    end)
  end)
end

-- Limits, as each schedule has connections of its own.
local SIZE = { orders = 4, cancels = 24, deadlines = 3, mixed = 4, allows = { "GroupError", "JobError" } }

describe("jobs, explored:", function()
  it("each is done, whoever is cancelled", explored(function(probe)
    return function()
      local here, held = world(probe)
      local _checking <close> = held
      here:supervise()
      local function user(name)
        return function()
          for i = 1, 2 do assert.equal(name .. i, here:add(name .. i):result()) end
        end
      end
      probe:together { user "a", user "b" }
    end, function() end
  end, SIZE))

  it("one that is cancelled has ended in one way", explored(function(probe)
    return function()
      local here, held = world(probe)
      local _checking <close> = held
      here:supervise()
      local function fickle(id, delay)
        return function()
          local job = here.queue:add("x", id, { id = id, delay = delay })
          here.given_up[id] = true
          async.shield(function() job:cancel() end)
          local ok, err = pcall(job.result, job)
          if not ok and not async.is_error(err, "CancelledError") then error(err, 0) end
        end
      end
      probe:together { fickle "a", fickle("late", 0.02), function() here:add("b"):result() end }
    end, function() end
  end, SIZE))
end)
