-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: the line of a connection to Redis, without a connection.
local async = require "saros"
local check = require "spec.faults.check"

local core = require "saros.redis.core"

local scenarios = {}

local Client = {}
Client.__index = Client

-- What saros.redis.client does: here it tells.
Client.echo = core.method(function() return "slow" end, Client, "redis:echo", "$4\r\nECHO\r\n",
  function(_, _, err, what) return nil, err, what end)

-- fn(line, ask): `ask(word)` is a task that waits for the reply to ECHO.
local function scenario(name, fn)
  scenarios[name] = check.test(function()
    local line = core.line(math.huge)
    local _closing <close> = check.closing(function() line:close() end)
    line:take_calls(true)
    local client = setmetatable({ _shared = { line = line } }, Client)
    fn(line, function(word) return async.spawn(client.echo, client, word) end)
  end)
end

scenario("calls", function(line, ask)
  local one, two, three = ask "one", ask "two", ask(3)
  async.sleep(0)
  assert(line:output():find("$4\r\nECHO\r\n$3\r\none\r\n", 1, true))
  two:cancel()
  async.sleep(0)
  assert(line:live() == 2)
  local chunk = "$3\r\none\r\n+two\r\n*3\r\n:3\r\n%1\r\n+k\r\n_\r\n$-1\r\n+rest"
  assert(line:scan(chunk, 1) == #chunk - 4)
  assert(one:await() == "one")
  check.fails(two, "cancelled")
  local list = three:await()
  assert(list[1] == 3 and next(list[2]) == nil and list.n == 3)
  assert(line:live() == 0)
end)

scenario("errors", function(line, ask)
  local one, two = ask "one", ask "two"
  async.sleep(0)
  line:output()
  line:post "*1\r\n$4\r\nPING\r\n"
  assert(line:reply(nil, "ERR no") == true)
  assert(select(2, one:await()) == "ERR no")
  assert(line:reply("two") == true and two:await() == "two")
  assert(line:reply("PONG") == false)
  line:advance()
  assert(line:reply("unasked") == nil)
  assert(ask({}):await() == "slow")
end)

scenario("the end", function(line, ask)
  local sent, late = ask "sent", ask "late"
  async.sleep(0)
  line:output()
  assert(line:expire(async.now()) == math.huge)
  local unsent = ask "unsent"
  late:cancel()
  async.sleep(0)
  line:close()
  assert(select(3, sent:await()) == "broken")
  assert(select(3, unsent:await()) == "unsent")
  assert(ask("x"):await() == "slow")
  assert(line:output() == nil)
end)

return scenarios
