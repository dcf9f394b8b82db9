-- SPDX-License-Identifier: MIT
local async = require "saros"

describe("the module", function()
  -- As busted does between two spec files.
  local function load_again()
    local kept = {}
    for name in pairs(package.loaded) do
      if name:match "^saros" then kept[name], package.loaded[name] = package.loaded[name], nil end
    end
    local again = require "saros"
    for name in pairs(package.loaded) do
      if name:match "^saros" then package.loaded[name] = nil end
    end
    for name, module in pairs(kept) do package.loaded[name] = module end
    return again
  end

  it("is the same one when it is loaded again", function()
    local again = load_again()
    local event = async.event()
    assert.equal(async.run, again.run)
    again.run(function()
      async.spawn(function() event:set() end)
      event:wait()
      assert.equal("done", async.semaphore(1):with(function() return "done" end))
    end)
    collectgarbage()
    assert.equal(1, async.run(function() return 1 end))
  end)

  it("gives its methods that are written in Lua also then", function()
    local function with() return async.lock():with(function() return "with" end) end
    local group = async.error {name = "GroupError", errors = {async.error {name = "Mine"}, n = 1}}
    for _ = 1, 2 do
      local again = load_again()
      assert.equal("with", again.run(with))
      assert.equal(1, #group:find_all "Mine")
      assert.equal(group, group:split "Mine")
      assert.equal("with", async.run(with))
    end
  end)

  it("loads what is written in Lua of its methods when one of them is called", function()
    local loaded = require "spec.support.script" ([[
print(package.loaded["saros.with"], package.loaded["saros.group_error"], package.loaded["saros.misuse"])
print(pcall(function() async.lock():with() end))
print(async.run(function() return async.lock():with(math.max, 1, 2) end))
]]).out
    assert.matches("^nil\tnil\tnil\nfalse\t[^\n]*:%d+: bad argument #1 to 'lock:with' [^\n]*\n2\n$", loaded)
  end)

  it("has the same traceback when that is called first as later", function()
    local traces = require "spec.support.script" ([[
for _ = 1, 2 do
  print("#" .. select(2, pcall(async.run, function()
    async.lock():with(function() async.sleep(0) error "mine" end)
  end)))
end
]]).out
    local first, second = traces:match "^#(.-)#(.*)$"
    assert.matches("mine\nstack traceback:\n", first)
    assert.equal(first, second)
  end)

  it("loads again what it had loaded by itself, when it is loaded again", function()
    local loaded = require "spec.support.script" ([[
local ticker = async.ticker
assert(async.ticker == ticker)
package.loaded.saros, package.loaded["saros.ticker"] = nil, { ticker = "another one" }
print(require("saros").ticker)
]]).out
    assert.equal("another one\n", loaded)
  end)

  it("does not load the HTTP client before the first request", function()
    local loaded = require "spec.support.script" ([[
async.run(function() async.sleep(0) end)
print(package.loaded["saros.http"], package.loaded["saros.http.core"])
]]).out
    assert.equal("nil\tnil\n", loaded)
  end)

  it("says so where an older Lua loads it", function()
    local refusal = require "spec.support.script" ([[
package.loaded.saros, _VERSION = nil, "Lua 5.1"
print(select(2, pcall(require, "saros")))
]]).out
    assert.equal("saros needs Lua 5.4, and this is Lua 5.1\n", refusal)
  end)

  it("knows no other names", function()
    assert.is_nil(async.no_such_function)
  end)
end)
