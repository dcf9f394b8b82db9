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

  it("does not load libcurl before the first request", function()
    local name = "saros.http.core"
    local loaded = require "spec.support.script" ([[
async.run(function() async.sleep(0) end)
print(package.loaded["saros.http"], package.loaded["saros.http.core"])
]]).out
    assert.equal("nil\tnil\n", loaded, name)
  end)

  it("knows no other names", function()
    assert.is_nil(async.no_such_function)
  end)
end)
