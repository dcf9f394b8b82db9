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
  function(_, connection, err, what) return nil, err, what, connection end)

-- fn(line, ask, perform) with a line that has a connection: `ask(word)` is a task that waits for the reply to ECHO,
-- `perform(message, count)` one that waits for that of a message.
local function scenario(name, fn, is_connecting)
  scenarios[name] = check.test(function()
    local line = core.line(math.huge, "the connection")
    local _closing <close> = check.closing(function() line:close() end)
    if not is_connecting then
      line:connect(math.huge)
      line:take_calls(true)
    end
    local client = setmetatable({ _line = line }, Client)
    fn(line, function(word) return async.spawn(client.echo, client, word) end,
      function(message, count) return async.spawn(line.perform, line, message, count) end)
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

scenario("errors", function(line, ask, perform)
  local one, two, three = ask "one", ask "two", perform "three"
  async.sleep(0)
  line:output()
  assert(line:reply(nil, "ERR no"))
  assert(select(2, one:await()) == "ERR no")
  assert(line:reply("two") and two:await() == "two")
  assert(line:reply(nil, "ERR none"))
  assert(select(2, three:await()) == "ERR none")
  assert(line:reply("unasked") == false)
  assert(ask({}):await() == "slow")
end)

scenario("several replies", function(line, ask, perform)
  local two, next_one = perform("two", 2), ask "next"
  local gone = perform("gone", 2)
  async.sleep(0)
  line:output()
  line:scan("+a\r\n$-1\r\n+next\r\n+x\r\n", 1)
  local list, errors = two:await()
  assert(list[1] == "a" and list.n == 2 and errors == nil)
  assert(next_one:await() == "next")
  gone:cancel()
  async.sleep(0)
  local three = perform("three", 3)
  async.sleep(0)
  line:scan("+y\r\n+1\r\n", 1)
  assert(line:reply(nil, "ERR 2"))
  line:scan("+3\r\n", 1)
  list, errors = three:await()
  assert(list[1] == "1" and list[2] == nil and list[3] == "3" and list.n == nil and errors[2] == "ERR 2")
  check.fails(gone, "cancelled")
end)

scenario("connecting", function(line, _, perform)
  local tasks = { perform "[one]", perform("[two]", 2), perform "[three]" }
  async.sleep(0)
  tasks[2]:cancel()
  async.sleep(0)
  line:connect(math.huge)
  assert(line:output() == "[one][three]")
  line:scan("+1\r\n+3\r\n", 1)
  assert(tasks[1]:await() == "1" and tasks[3]:await() == "3")
  check.fails(tasks[2], "cancelled")
end, true)

scenario("no connection", function(line, _, perform)
  local task = perform "one"
  async.sleep(0)
  line:close()
  assert(select(3, task:await()) == "broken")
  assert(select(3, perform("two"):await()) == "unsent")
end, true)

scenario("the end", function(line, ask, perform)
  local sent, late, both = ask "sent", ask "late", perform("both", 2)
  async.sleep(0)
  line:output()
  assert(line:expire(async.now()) == math.huge)
  local unsent = ask "unsent"
  late:cancel()
  async.sleep(0)
  line:close()
  assert(select(3, sent:await()) == "broken")
  assert(select(4, unsent:await()) == "the connection" and select(3, unsent:await()) == "unsent")
  assert(select(4, both:await()) == 1)
  assert(ask("x"):await() == "slow")
  assert(line:output() == nil)
end)

local Batch = {}
Batch.__index = Batch
Batch.ping = core.collector(function() return "slow" end, Batch, "pipeline:ping", "$4\r\nPING\r\n")

scenarios["a batch"] = check.test(function()
  local batch = core.batch(Batch)
  for i = 1, 100 do assert(batch:ping(i, 1.5, "x") == batch) end
  assert(batch:ping {} == "slow")
  assert(core.collect(batch, "[more]"))
  local message, count = core.finish(batch)
  assert(count == 101 and message:find "^%*4\r\n%$4\r\nPING\r\n%$1\r\n1\r\n" and message:find "%[more%]$")
  assert(not core.collect(batch, "[late]") and batch:ping() == "slow")
end)

return scenarios
