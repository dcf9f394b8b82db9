-- SPDX-License-Identifier: MIT
-- Scenarios of spec/finalizers: a client of Redis and a server that says what it was told. Whatever a finalizer does, a
-- reply goes to its own command.
local async = require "saros"
local fake_redis = require "spec.support.fake_redis"
local redis = require "saros.redis"
local testing = require "saros.testing"
local world = require "spec.finalizers.world"

local scenarios = {}

local function check(word, reply)
  if reply ~= word then error({is_broken = true, message = ("%q is the reply to %q"):format(reply, word)}, 0) end
end

local function answer(words)
  if words[1] == "BLPOP" then return ("*2\r\n+%s\r\n+x\r\n"):format(words[2]) end
  if words[1] ~= "ECHO" then return "+OK\r\n" end
  return ("$%d\r\n%s\r\n"):format(#words[2], words[2])
end

-- fn(r) runs as the main task. The server may be closed by then, so nobody waits for it long.
local function scenario(name, fn)
  scenarios[name] = function()
    async.on_error(function() end)
    testing.run(function()
      local fake <close> = fake_redis.start(function(peer)
        peer:greet()
        peer:answer(answer)
      end)
      local r <close> = world.note("sessions", redis.connect(fake.url, {timeout = 0.05, connect_timeout = 0.05}))
      fn(r)
    end)
  end
end

scenario("commands", function(r)
  local function asker(word)
    return async.spawn(function() check(word, r:echo(word)) end)
  end
  local tasks = {asker "one", asker "two", asker "three"}
  local replies = r:pipeline(function(p) p:echo "four":echo "five" end)
  check("four", replies[1])
  check("five", replies[2])
  async.wait(tasks)
  check("six", r:echo "six")
end)

scenario("connections", function(r)
  local popping = async.spawn(function() check("a", r:blpop("a", 0)[1]) end)
  check("seven", r:transaction({"k"}, function(t) return t:echo "seven" end))
  async.wait {popping}
  check("b", r:blpop("b", 0)[1])
end)

return scenarios
