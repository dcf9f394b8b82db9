-- SPDX-License-Identifier: MIT
-- Requests to nginx, cancelled by the hundreds in every phase: no slot, no connection and no descriptor is lost.

local async = require "saros"
local http = require "saros.http"
local proc = require "spec.support.proc"
local server = require("spec.support.real_servers").nginx()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

local LIMIT = 10
local ROUNDS, AT_ONCE = 2, 20 -- for each of the phases and each way to talk: 40

local piece = ("x"):rep(16384)
local large = ("x"):rep(2000000)

local function endless()
  async.sleep(0)
  return piece
end

-- What a request does, and how far it gets, in seconds, before it is cancelled. `base` is the server's URL.
local phases = {
  ["before it starts"] = { "/facts" },
  ["while it waits for a slot"] = { "/mute", 0, crowded = true },
  ["while its name is looked up"] = { "http://name.invalid/", 0 },
  ["while it connects"] = { server.full, 0.003 },
  ["during the handshake of TLS"] = { (server.mute:gsub("http:", "https:")), 0.003 },
  ["at the first turns"] = { "/lines.txt", 0 },
  ["while it sends a large body"] = { "/mute", 0.003, { method = "PUT", body = large } },
  ["while it streams its body"] = { "/mute", 0.005, { method = "PUT", body = endless } },
  ["while it waits for the response"] = { "/mute", 0.005 },
  ["within a slow body"] = { "/slowly/big.bin", 0.005 },
  ["within a fast body"] = { "/big.bin", 0.003 },
  ["within a packed body"] = { "/gzip/lines.txt", 0.003 },
  ["about when it is done"] = { "/lines.txt", 0.005 },
  ["after its end"] = { "/hello.txt", 0.03 },
}

local function cancel_all(running)
  for _, task in ipairs(running) do task:cancel() end
  for _, task in ipairs(running) do pcall(task.await, task) end
end

local function stress(session, base, phase)
  local url = phase[1]:find("^/") and base .. phase[1] or phase[1]
  for _ = 1, ROUNDS do
    local running = {}
    for i = 1, AT_ONCE do
      running[i] = async.spawn(function()
        local response <close> = session:fetch(url, phase[3])
        return response:text()
      end)
    end
    if phase[2] then async.sleep(phase[2]) end
    if phase.crowded then assert.same(AT_ONCE - LIMIT, session:stats().waiting) end
    cancel_all(running)
    local stats = session:stats()
    assert.same({ 0, 0 }, { stats.active, stats.waiting })
  end
end

-- Plain requests, as many at once as there are slots.
local function all_is_well(session, base)
  local list = {}
  for i = 1, LIMIT do list[i] = i end
  local texts = async.map(list, function()
    return session:get(base .. "/hello.txt", { timeout = 60 }):text()
  end)
  for i = 1, LIMIT do assert.equal("hello from nginx\n", texts[i]) end
end

-- A loop keeps one of its own from its first stream on.
local function count_descriptors()
  local one, other = async.net.pair()
  one:close()
  other:close()
  return proc.descriptors()
end

-- A lookup that was left behind may still have to end.
local function descriptors_come_down_to(count)
  return tasks.eventually(function() return proc.descriptors() <= count end)
end

local versions = { ["HTTP/1.1"] = server.plain, ["HTTP/1.1 over TLS"] = server.tls, ["HTTP/2"] = server.h2 }

for version, base in pairs(versions) do
  describe("requests that are cancelled, under stress, by " .. version, function()
    for what, phase in pairs(phases) do
      it("leaves every slot free: " .. what, inside(function()
        local before = count_descriptors()
        local session <close> = http.session { ca_file = server.ca, limit = LIMIT, timeout = false }
        stress(session, base, phase)
        all_is_well(session, base)
        session:close()
        assert.truthy(not before or descriptors_come_down_to(before))
      end))
    end

    it("leaves every slot free: in all phases at once", inside(function()
      local before = count_descriptors()
      local session <close> = http.session { ca_file = server.ca, limit = LIMIT, timeout = false }
      local running = {}
      for _ = 1, 5 do
        for _, phase in pairs(phases) do
          local url = phase[1]:find("^/") and base .. phase[1] or phase[1]
          running[#running + 1] = async.spawn(function()
            return session:fetch(url, phase[3]):text()
          end)
        end
        async.sleep(0.002)
        for i = 1, #running, 2 do running[i]:cancel() end
      end
      cancel_all(running)
      assert.same({ 0, 0 }, { session:stats().active, session:stats().waiting })
      all_is_well(session, base)
      session:close()
      assert.truthy(not before or descriptors_come_down_to(before))
    end))
  end)
end
