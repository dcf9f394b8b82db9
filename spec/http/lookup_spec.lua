-- SPDX-License-Identifier: MIT
local script = require "spec.support.script"
local server = require "spec.support.http_server"()
local toolchain = require "spec.embed.toolchain"

describe("a name that is not found", function()
  local workshop, resolver

  setup(function()
    workshop = toolchain.open()
    resolver = workshop:compile("spec/support/resolver.c", "resolver.so")
  end)

  teardown(function()
    if workshop then workshop:close() end
  end)

  -- Prints of each request what it came to.
  local function run(source, backend)
    local preload = ((os.getenv "LD_PRELOAD" or "") .. " " .. resolver):match "^%s*(.*)"
    local result = script([[
      local http = require "saros.http"
      local function try(url, options)
        local ok, err = pcall(http.get, url, options)
        print(ok, err.name, err.code)
      end
      ]] .. source, { env = { LD_PRELOAD = preload, SAROS_HTTP_BACKEND = backend } })
    assert.equal(0, result.code, result.err)
    return result.out
  end

  it("does not exist, or could not be asked for", function()
    assert.equal("false\tFetchError\tENOTFOUND\nfalse\tFetchError\tEAI_AGAIN\n", run [[
      async.run(function()
        try "http://none.invalid/"
        try "http://again.invalid/"
      end)
    ]])
  end)

  it("is the proxy's fault if it is the proxy's", function()
    assert.equal(("false\tFetchError\tEPROXY\n"):rep(3), run [[
      async.run(function()
        for _, proxy in ipairs { "http://again.invalid:1", "https://none.invalid:1", "socks5://none.invalid:1" } do
          try("http://other.invalid/", { proxy = proxy })
        end
      end)
    ]])
  end)

  -- libcurl does not say why it has no address, so the system is asked once more.
  it("is asked for no longer than the request may take, nor for long", function()
    -- A virtual clock never goes beyond the next deadline, however late this process is.
    for options, limit in pairs { ["{ timeout = 0.5 }"] = 0.8, ["{}"] = 5 } do
      assert.equal("false\tFetchError\tEAI_AGAIN\ntrue\n", run(([[
        require("saros.testing").run(function()
          local before = async.now()
          try("http://mute.invalid/", %s)
          print(async.now() - before < %g)
        end)
      ]]):format(options, limit), "curl"))
    end
  end)

  it("may take as long as the request may take to connect", function()
    assert.equal("false\tFetchError\tENOTFOUND\nfalse\tTimeoutError\tETIMEDOUT\n", run([[
      require("saros.testing").run(function()
        try "http://mute.invalid/" -- at first
        try("http://mute.invalid/", { timeout = { connect = 3 } })
      end)
    ]], "own"))
  end)

  it("is asked for again once nobody is there where it was found, and not as long as somebody is", function()
    assert.equal("false\tFetchError\tECONNREFUSED\n" .. ("GET\n"):rep(3), run(([[
      async.run(function()
        local session <close> = http.session { keepalive = false }
        local url = "http://moves.invalid:%d/echo"
        local ok, err = pcall(session.get, session, url)
        print(ok, err.name, err.code)
        for _ = 1, 3 do print(session:get(url):json().method) end
      end)
    ]]):format(server.port), "own"))
  end)

  it("is asked for by nobody once the request is cancelled, its session closed, or the run over", function()
    assert.equal("0\nECLOSED\ntrue\n", run [[
      local before
      async.run(function()
        local session = http.session { timeout = false }
        local function start()
          local task = async.spawn(session.get, session, "http://mute.invalid/")
          async.sleep(0.05)
          return task
        end
        local task = start()
        task:cancel()
        print(session:stats().active)
        async.wait { task }
        task = start()
        session:close()
        print(select(2, pcall(task.await, task)).code)
        async.spawn(http.get, "http://mute.invalid/", { timeout = false })
        async.sleep(0.05)
        before = os.time()
      end)
      print(os.time() - before < 60)
    ]])
  end)
end)
