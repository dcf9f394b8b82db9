-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"
local toolchain = require "spec.embed.toolchain"
local caught, raises = tasks.caught, streams.raises

local function in_test(fn)
  return function() testing.run(fn) end
end

describe("net.resolve", function()
  it("lists the addresses of a name, without doubles", in_test(function()
    local list = async.net.resolve("localhost", { family = 4 })
    assert.same({ { address = "127.0.0.1", family = 4 } }, list)
    local seen = {}
    for _, entry in ipairs(async.net.resolve "localhost") do
      assert.is_nil(seen[entry.address])
      seen[entry.address] = true
    end
    assert.is_true(seen["127.0.0.1"])
  end))

  it("takes an address for what it is", in_test(function()
    assert.same({ { address = "192.0.2.1", family = 4 } }, async.net.resolve "192.0.2.1")
    assert.same({ { address = "2001:db8::1", family = 6 } }, async.net.resolve "2001:DB8:0::1")
  end))

  it("tells that a name does not exist", in_test(function()
    local err = raises("SystemError", async.net.resolve, "nothing.invalid")
    assert.same({ "ENOTFOUND", "getaddrinfo", "nothing.invalid" }, { err.code, err.syscall, err.host })
    assert.equal("ENOTFOUND", raises("SystemError", async.net.resolve, "192.0.2.1", { family = 6 }).code)
  end))

  it("asks for many at a time", in_test(function()
    local names = {}
    for i = 1, 100 do names[i] = "localhost" end
    local lists = async.map(names, function(name) return async.net.resolve(name, { family = 4 }) end)
    for _, list in ipairs(lists) do assert.equal("127.0.0.1", list[1].address) end
  end))

  it("refuses what makes no sense", in_test(function()
    assert.matches("bad argument #1 to 'resolve' %(string expected, got no value%)", caught(async.net.resolve))
    assert.matches("bad argument #2 to 'resolve' %(unknown option 'timeout'%)",
      caught(async.net.resolve, "x", { timeout = 1 }))
    assert.matches("bad argument #1 to 'reverse' %('localhost' is no address%)", caught(async.net.reverse, "localhost"))
  end))

  it("cannot wait outside of a run, and says so", function()
    assert.matches("resolve: cannot wait here: no loop is running", caught(async.net.resolve, "localhost"))
    assert.matches("reverse: cannot wait here: no loop is running", caught(async.net.reverse, "127.0.0.1"))
  end)
end)

describe("net.reverse", function()
  it("gives the name of an address", in_test(function()
    assert.equal("string", type(async.net.reverse "127.0.0.1"))
  end))

  it("tells that there is none", in_test(function()
    local err = raises("SystemError", async.net.reverse, "192.0.2.123")
    assert.equal("192.0.2.123", err.host)
    assert.is_true(err.code == "ENOTFOUND" or err.code == "EAI_AGAIN", err.code)
  end))
end)

describe("a look-up that is never answered", function()
  local workshop, resolver

  setup(function()
    workshop = toolchain.open()
    resolver = workshop:compile("spec/support/resolver.c", "resolver.so")
  end)

  teardown(function() workshop:close() end)

  local function run(source)
    return script(source, { env = { LD_PRELOAD = (os.getenv "LD_PRELOAD" or "") .. " " .. resolver } })
  end

  it("is left behind by a cancellation, at once, and by the end of the run", function()
    local result = run [[
async.run(function()
  pcall(async.net.resolve, "mute.invalid")
  local task = async.spawn(async.net.resolve, "mute.invalid")
  async.sleep(0.01)
  task:cancel()
  print(pcall(task.await, task))
  async.spawn(async.net.resolve, "mute.invalid")
  async.sleep(0.01)
end)
print "over"
]]
    assert.equal(0, result.code, result.err)
    assert.equal("false\tCancelledError: cancelled\nover\n", result.out)
  end)

  it("stops no file work, though there are a hundred of them", function()
    local result = run [[
async.run(function()
  pcall(async.net.resolve, "mute.invalid")
  for _ = 1, 100 do async.spawn(async.net.resolve, "mute.invalid") end
  async.sleep(0.01)
  local a, b = async.net.pair()
  a:write "x"
  print(b:read())
  print(#io.open("/proc/self/task/self/status" and "/proc/self/status"):read "a" > 0)
end)
print "over"
]]
    assert.equal(0, result.code, result.err)
    assert.equal("x\ntrue\nover\n", result.out)
  end)

  it("of a name with addresses of both families gives a UDP socket one of its own", function()
    local result = run [[
async.run(function()
  local here <close> = async.net.udp("127.0.0.1", 0)
  local there <close> = async.net.udp("127.0.0.1", 0)
  here:send("sent", "both.invalid", select(2, there:address()))
  print((there:receive()))
  here:connect("both.invalid", select(2, there:address()))
  here:send "connected"
  print((there:receive()))
end)
]]
    assert.equal("sent\nconnected\n", result.out, result.err)
  end)

  it("that is left behind holds up no other, be they a hundred", function()
    local result = run [[
async.run(function()
  pcall(async.net.resolve, "mute.invalid")
  for _ = 1, 2 do
    local tasks = {}
    for i = 1, 50 do tasks[i] = async.spawn(async.net.resolve, "mute.invalid") end
    async.sleep(0.01)
    for _, task in ipairs(tasks) do task:cancel() end
  end
  print(select(2, pcall(async.net.resolve, "again.invalid")).code)
end)
]]
    assert.equal(0, result.code, result.err)
    assert.equal("EAI_AGAIN\n", result.out)
  end)

  it("makes room for the next in line when nobody waits for it any more", function()
    local result = run [[
async.run(function()
  pcall(async.net.resolve, "mute.invalid")
  local stuck = {}
  for i = 1, 32 do stuck[i] = async.spawn(async.net.resolve, "mute.invalid") end
  local next = async.spawn(async.net.resolve, "again.invalid")
  async.sleep(0.02)
  print(next:status())
  stuck[1]:cancel()
  async.wait{next}
  print(next:error().code)
end)
]]
    assert.equal(0, result.code, result.err)
    assert.equal("pending\nEAI_AGAIN\n", result.out)
  end)
end)
