-- SPDX-License-Identifier: MIT
-- Signals that this very process sends to itself: the kill is over before anything is looked at.
local async = require "saros"
local script = require "spec.support.script"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local caught, start, virtually = tasks.caught, tasks.start, tasks.virtually

-- When this returns this process has got the signal, though the loop may not know yet.
local function send(name)
  assert(os.execute(("kill -%s $PPID"):format(name)))
end

-- A task that waits for the next one.
local function waiting_for(signals)
  return start(function() return signals() end)
end

describe("signals", function()
  it("come by their full names, in order, from the call on", virtually(function()
    local signals <close> = async.signals("USR1", "SIGUSR2")
    send "USR1"
    testing.settle()
    send "USR2"
    testing.settle()
    send "USR1"
    assert.equal("SIGUSR1", signals())
    assert.equal("SIGUSR2", signals())
    assert.equal("SIGUSR1", signals())
  end))

  it("are an iterator that ends to listen when its loop is left", virtually(function()
    local names, listening = {}, nil
    local sending = async.spawn(function()
      send "USR1"
      testing.settle()
      send "USR2"
    end)
    local next, state, start_value, closing = async.signals("USR1", "USR2")
    for name in next, state, start_value, closing do
      names[#names + 1] = name
      listening = tostring(closing)
      if #names == 2 then break end
    end
    sending:await()
    assert.same({ "SIGUSR1", "SIGUSR2" }, names)
    assert.matches("^signals %(listening", listening)
    assert.matches("^signals %(closed", tostring(closing))
  end))

  it("wake the tasks that wait in order, one each", virtually(function()
    local signals <close> = async.signals("USR1", "USR2")
    local first, second = waiting_for(signals), waiting_for(signals)
    send "USR1"
    testing.settle()
    assert.is_false(second:done())
    send "USR2"
    assert.equal("SIGUSR1", first:await())
    assert.equal("SIGUSR2", second:await())
  end))

  it("are heard by everybody who listens", virtually(function()
    local one <close> = async.signals "USR1"
    local other <close> = async.signals("USR1", "USR1")
    send "USR1"
    assert.equal("SIGUSR1", one())
    assert.equal("SIGUSR1", other())
  end))

  it("give nil once they are closed, to who waits, too", virtually(function()
    local signals = async.signals "USR1"
    local waiting = waiting_for(signals)
    signals:close()
    signals:close()
    assert.is_nil(waiting:await())
    assert.is_nil(signals())
    assert.matches("^signals %(closed", tostring(signals))
  end))

  it("are not lost with a task that is cancelled", virtually(function()
    local signals <close> = async.signals "USR1"
    local cancelled = waiting_for(signals)
    cancelled:close()
    send "USR1"
    assert.equal("SIGUSR1", signals())
  end))

  it("can be selected from", virtually(function()
    local signals <close> = async.signals("USR1", "USR2")
    local queue = async.queue()
    local selecting = start(async.select, { queue, signals })
    send "USR2"
    assert.same({ 2, "SIGUSR2", n = 2 }, table.pack(selecting:await()))
    send "USR1"
    testing.settle()
    queue:put "item"
    assert.same({ 1, "SIGUSR1", n = 2 }, table.pack(async.select { signals, queue }))
    assert.same({ 2, "item", n = 2 }, table.pack(async.select { signals, queue }))
    local cancelled = start(async.select, { queue, signals })
    cancelled:close()
    send "USR1"
    assert.equal("SIGUSR1", signals())
    signals:close()
    assert.same({ 1, nil, n = 2 }, table.pack(async.select { signals, queue }))
  end))

  it("are no deadlock for who waits for them, alone or among others", function()
    local result = script [[
async.run(function()
  local signals <close> = async.signals("USR1")
  local pipe = on_line("kill -USR1 $PPID; sleep 0.1; kill -USR1 $PPID")
  pipe:write("go\n")
  pipe:flush()
  print(signals())
  print(async.select {async.event(), signals})
  pipe:close()
end)
]]
    assert.equal("SIGUSR1\n2\tSIGUSR1\n", result.out, result.err)
  end)

  it("are a deadlock again for who waits for something else", virtually(function()
    local signals <close> = async.signals "USR1"
    local waiting = waiting_for(signals)
    waiting:close()
    assert.equal("DeadlockError", tasks.error_of(tasks.hang).name)
  end))

  it("take the place of InterruptError, and give it back", function()
    local result = script [[
print(pcall(async.run, function()
  local signals = async.signals("INT")
  for i = 1, 3 do
    ctrl_c()
    print(i, signals())
  end
  signals:close()
  ctrl_c()
  async.sleep(5)
end))
]]
    local printed = result.out:match "^(.-interrupted)"
    assert.equal("1\tSIGINT\n2\tSIGINT\n3\tSIGINT\nfalse\tInterruptError: interrupted", printed, result.err)
  end)

  it("put back what was there: the default action ends the process", function()
    local result = script [[
async.run(function()
  local signals <close> = async.signals("USR1", "TERM")
  os.execute("kill -TERM $PPID")
  print(signals())
end)
io.stdout:flush()
os.execute("kill -TERM $PPID")
]]
    assert.equal("SIGTERM\n", result.out, result.err)
    assert.equal(15, result.signal)
  end)

  it("end with their run", function()
    local kept
    async.run(function() kept = async.signals "USR1" end)
    async.run(function() assert.is_nil(kept()) end)
  end)

  it("are a leftover of a test that does not close them", function()
    local message = caught(testing.run, function() async.signals "USR1" end)
    assert.matches("handle signals opened at", tostring(message), 1, true)
  end)

  it("merge where nobody takes more than 64 of them", virtually(function()
    local signals <close> = async.signals "USR1"
    for _ = 1, 70 do
      send "USR1"
      testing.settle()
    end
    for _ = 1, 64 do assert.equal("SIGUSR1", signals()) end
    local waiting = waiting_for(signals)
    testing.settle()
    assert.is_false(waiting:done())
    waiting:close()
  end))

  it("of another kind are heard behind any number of those", virtually(function()
    local signals <close> = async.signals("USR1", "TERM")
    for _ = 1, 70 do
      send "USR1"
      testing.settle()
    end
    send "TERM"
    testing.settle()
    for _ = 1, 64 do assert.equal("SIGUSR1", signals()) end
    assert.equal("SIGTERM", signals())
  end))

  it("refuse names that are none, and signals that nobody can hear", virtually(function()
    local function refused(...)
      return caught(async.signals, ...):match "bad.*"
    end
    assert.equal("bad argument #1 to 'signals' (name of a signal expected, got no value)", refused())
    assert.equal("bad argument #2 to 'signals' (name of a signal expected, got number)", refused("TERM", 9))
    assert.equal("bad argument #1 to 'signals' (there is no signal 'SIGNONE')", refused "SIGNONE")
    assert.equal("bad argument #1 to 'signals' (nobody can listen for 'KILL')", refused "KILL")
    assert.equal("bad argument #1 to 'signals' (nobody can listen for 'SIGSEGV')", refused "SIGSEGV")
  end))

  it("need a run", function()
    assert.matches("signals: no loop is running", caught(async.signals, "TERM"), 1, true)
  end)
end)
