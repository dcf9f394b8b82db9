-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

-- The sockets this process has open (the standard library of Lua cannot tell; /proc can).
local function open_sockets()
  local pipe = io.popen("ls -l /proc/$PPID/fd 2>/dev/null | grep -c 'socket:'", "r")
  local count = pipe:read("n")
  pipe:close()
  return count
end

local function cancel(task)
  task:cancel()
  local ok, err = pcall(task.await, task)
  assert.is_false(ok)
  assert.truthy(async.is_error(err, "CancelledError"), tostring(err))
end

describe("a cancelled request", function()
  local phases = {
    ["before it starts"] = { "/echo", nil },
    ["while it connects or waits for the response"] = { "/hang", 0.001 },
    ["while it waits for the response"] = { "/hang", 0.02 },
    ["within the body"] = { "/hang-in-body", 0.02 },
    ["while the body comes bit by bit"] = { "/drip?count=1000", 0.02 },
  }
  for what, phase in pairs(phases) do
    it("frees its slot at once " .. what, inside(function()
      local session <close> = http.session { limit = 1 }
      local task = async.spawn(function()
        return session:get(server.url .. phase[1]):text()
      end)
      if phase[2] then async.sleep(phase[2]) end
      cancel(task)
      assert.equal(0, session:stats().active)
      assert.equal("GET", session:get(server.url .. "/echo"):json().method)
    end))
  end

  it("does not wait for a name that is being looked up", inside(function()
    local session <close> = http.session { limit = 1 }
    local task = async.spawn(function()
      session:get("http://" .. ("x"):rep(40) .. ".invalid/")
    end)
    async.sleep(0)
    async.sleep(0)
    local before = async.now()
    task:cancel()
    pcall(task.await, task)
    assert.truthy(async.now() - before < 3) -- a resolver that is not there is waited for longer
    assert.equal(0, session:stats().active)
  end))

  it("leaves the line of those who wait for a slot", inside(function()
    local session <close> = http.session { limit = 1 }
    local go_on = rogue.event()
    local first = async.spawn(function()
      return session:get(rogue:script({ "wait", go_on }, { "send", "HTTP/1.1 200 OK\r\n\r\nslow" }, { "close" })):text()
    end)
    local second = async.spawn(function()
      return session:get(server.url .. "/echo"):text()
    end)
    local third = async.spawn(function()
      return session:get(server.url .. "/chunked"):text()
    end)
    tasks.turns()
    assert.equal(2, session:stats().waiting)
    cancel(second)
    assert.equal(1, session:stats().waiting)
    rogue:set(go_on)
    assert.equal("slow", first:await())
    assert.equal("onetwothree", third:await())
  end))

  it("passes on the slot it was granted in the same turn", inside(function()
    local session <close> = http.session { limit = 1 }
    local held = session:get(server.url .. "/hang-in-body")
    local second = async.spawn(function()
      return session:get(server.url .. "/echo"):text()
    end)
    local third = async.spawn(function()
      return session:get(server.url .. "/chunked"):text()
    end)
    tasks.turns()
    held:close() -- grants the slot to the second
    cancel(second)
    assert.equal("onetwothree", third:await())
  end))

  it("leaves no slot and no descriptor behind, a thousand times in every phase", inside(function()
    local paths = { "/echo", "/hang", "/hang-in-body", "/slow?seconds=0.01", "/big?bytes=1000000", "/drip", "/loop/3" }
    local before = open_sockets()
    local session = http.session { limit = 10 }
    for round = 1, 20 do
      local list = {}
      for i = 1, 50 do
        list[i] = async.spawn(function()
          return session:get(server.url .. paths[i % #paths + 1]):text()
        end)
      end
      async.sleep(round % 5 * 0.002)
      for _, task in ipairs(list) do
        task:cancel()
        pcall(task.await, task)
      end
      local stats = session:stats()
      assert.same({ 0, 0 }, { stats.active, stats.waiting })
    end
    assert.equal("GET", session:get(server.url .. "/echo"):json().method)
    session:close()
    assert.truthy(tasks.eventually(function() return open_sockets() <= before end))
  end))
end)

describe("os.exit", function()
  for _, path in ipairs { "/hang", "/hang-in-body", "/big?bytes=100000000", "/echo" } do
    it("inside a task closes all cleanly while a request is under way: " .. path, function()
      local script = ([[
        local async = require "saros"
        local http = require "saros.http"
        async.run(function()
          local session = http.session { limit = 2 }
          for _ = 1, 4 do
            async.spawn(function() session:get("%s"):text() end)
          end
          async.spawn(function() pcall(http.get, "http://name.invalid/") end)
          local held = http.get("%s")
          async.sleep(%s)
          os.exit(7, true)
        end)
      ]]):format(server.url .. path, server.url .. "/hang-in-body", path == "/echo" and 0 or 0.02)
      local name = os.tmpname()
      local file = assert(io.open(name, "w"))
      file:write(script)
      file:close()
      local _, how, code = os.execute(arg[-1] .. " " .. name)
      os.remove(name)
      assert.same({ "exit", 7 }, { how, code })
    end)
  end
end)
