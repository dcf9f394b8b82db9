-- SPDX-License-Identifier: MIT
-- Commands of many tasks under every order, and with a cancellation at every await: each reply goes to its own command,
-- and what the server has seen is what was sent, once.
local async = require "saros"
local explored = require("spec.support.explorer").explored
local fake_redis = require "spec.support.fake_redis"
local redis = require "saros.redis"

-- A server and a client, which are closed at the end of `main`.
local function world(probe, serve)
  local fake = fake_redis.start(function(peer, n)
    peer:greet()
    serve(peer, n)
  end)
  local r = redis.connect(fake.url, { timeout = math.huge, connect_timeout = math.huge })
  return r, probe:closes(function()
    async.shield(function()
      r:close()
      local _closing <close> = fake
    end)
  end)
end

local function echo(peer)
  peer:answer(function(words)
    if words[1] == "BLPOP" then return ("*2\r\n+%s\r\n+x\r\n"):format(words[2]) end
    if words[1] ~= "ECHO" then return "+OK\r\n" end
    return ("$%d\r\n%s\r\n"):format(#words[2], words[2])
  end)
end

-- Limits, as each schedule has sockets of its own.
local SIZE = { orders = 20, cancels = 80, deadlines = 10, mixed = 20, allows = { "ClosedError", "GroupError" } }

describe("redis, explored:", function()
  it("a reply goes to its own command, whoever is cancelled", explored(function(probe)
    local right, wrong = 0, 0
    return function()
      local r, held = world(probe, echo)
      local _closing <close> = held
      local function asker(name)
        return function()
          for i = 1, 3 do
            local word = name .. i
            if r:echo(word) == word then right = right + 1 else wrong = wrong + 1 end
          end
        end
      end
      local function piper()
        local replies = r:pipeline(function(p) p:echo "p1":echo "p2" end)
        if replies[1] == "p1" and replies[2] == "p2" then right = right + 1 else wrong = wrong + 1 end
      end
      probe:together { asker "a", asker "b", piper, asker "c" }
      async.shield(function() assert.equal("last", r:echo "last") end)
    end, function(ended)
      assert.equal(0, wrong)
      if ended.ok and ended.hits == 0 then assert.equal(10, right) end
    end
  end, SIZE))

  it("what blocks and transactions give their connection back whole, or not at all", explored(function(probe)
    return function()
      local r, held = world(probe, echo)
      local _closing <close> = held
      local function popper(key)
        return function()
          for _ = 1, 2 do assert.same({ key, "x" }, r:blpop(key, 0)) end
        end
      end
      local function transact()
        assert.equal("t", r:transaction({ "k" }, function(t) return t:echo "t" end))
      end
      probe:together { popper "a", transact, popper "b" }
      async.shield(function()
        assert.same({ "c", "x" }, r:blpop("c", 0))
        assert.equal("u", r:transaction({}, function(t) return t:echo "u" end))
        assert.equal(0, r:stats().waiting)
      end)
    end, function() end
  end, SIZE))

  it("a client can be closed at any moment", explored(function(probe)
    return function()
      local r, held = world(probe, echo)
      local _closing <close> = held
      probe:together {
        function() for i = 1, 3 do r:echo(i) end end,
        function() r:blpop("a", 0) end,
        function() for _ in r:subscribe "x" do error "there are no messages" end end,
        function()
          async.shield(function() -- else the others wait for ever
            async.sleep(0)
            r:close()
          end)
        end,
      }
    end, function() end
  end, SIZE))
end)
