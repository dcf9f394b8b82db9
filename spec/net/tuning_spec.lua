-- SPDX-License-Identifier: MIT
local async = require "saros"
local script = require "spec.support.script"
local testing = require "saros.testing"
local toolchain = require "spec.embed.toolchain"

describe("a connection", function()
  local workshop, sockopts

  setup(function()
    workshop = toolchain.open()
    sockopts = workshop:compile("spec/support/sockopts.c", "sockopts.so")
  end)

  teardown(function() workshop:close() end)

  -- What the sockets of both sides are set to, with these options of listen and connect.
  local function told(listening, connecting)
    local result = script(([[
async.run(function()
  local server <close> = async.net.listen("127.0.0.1", 0, %s)
  local client <close> = async.net.connect("127.0.0.1", select(2, server:address()), %s)
  io.stderr:write "accepted\n"
  server:accept():close()
end)
]]):format(listening, connecting), { env = { LD_PRELOAD = (os.getenv "LD_PRELOAD" or "") .. " " .. sockopts } })
    assert.equal(0, result.code, result.err)
    return result.err
  end

  it("sends small messages at once, unless it is told otherwise", function()
    assert.equal("nodelay 1\naccepted\nnodelay 1\n", told("nil", "nil"))
    assert.equal("nodelay 1\naccepted\n", told("{ nodelay = false }", "{ nodelay = true }"))
    assert.equal("accepted\nnodelay 1\n", told("{ nodelay = true }", "{ nodelay = false }"))
  end)

  it("asks for a sign of life if it is told to, after a minute or so many seconds", function()
    assert.equal("keepalive 1\nafter 60\naccepted\nkeepalive 1\nafter 5\n",
      told("{ nodelay = false, keepalive = 5 }", "{ nodelay = false, keepalive = true }"))
    assert.equal("accepted\n", told("{ nodelay = false, keepalive = false }", "{ nodelay = false }"))
  end)
end)

describe("a server at an address of IPv6", function()
  -- Whether a client that speaks IPv4 gets through.
  local function takes_ipv4(given)
    local server <close> = async.net.listen("::", 0, given)
    local ok, client = pcall(async.net.connect, "127.0.0.1", select(2, server:address()))
    if ok then client:close() end
    return ok, client
  end

  it("takes connections of IPv4, too, unless it is told otherwise", function()
    testing.run(function()
      assert.is_true(takes_ipv4())
      assert.is_true(takes_ipv4 { ipv6_only = false })
      local ok, err = takes_ipv4 { ipv6_only = true }
      assert.same({ false, "ECONNREFUSED" }, { ok, err.code })
    end)
  end)
end)
