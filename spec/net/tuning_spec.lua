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
  -- Whether `server` hears of a client that speaks IPv4.
  local function hears_ipv4(server)
    local client = async.net.connect("127.0.0.1", select(2, server:address()))
    local hears = pcall(async.wait_for, function() server:accept():close() end, 5)
    client:close()
    return hears
  end

  -- Servers at one port, one of IPv6 alone and one of IPv4: the next port if somebody else has that of IPv4.
  local function two_servers()
    for _ = 1, 100 do
      local server = async.net.listen("::", 0, { ipv6_only = true })
      local ok, other = pcall(async.net.listen, "127.0.0.1", select(2, server:address()))
      if ok then return server, other end
      server:close()
    end
    error "no port is free for both"
  end

  it("takes connections of IPv4, too, unless it is told otherwise", function()
    testing.run(function()
      local plain <close> = async.net.listen("::", 0)
      assert.is_true(hears_ipv4(plain))
      local told <close> = async.net.listen("::", 0, { ipv6_only = false })
      assert.is_true(hears_ipv4(told))
    end)
  end)

  it("leaves its port of IPv4 to another server if it is told to", function()
    testing.run(function()
      local server, other = two_servers()
      assert.is_true(hears_ipv4(other))
      server:close()
      other:close()
    end)
  end)
end)
