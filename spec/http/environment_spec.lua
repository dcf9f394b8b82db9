-- SPDX-License-Identifier: MIT
-- Which proxy the environment names, and for whom.

local script = require "spec.support.script"
local server = require "spec.support.http_server"()

describe("the environment", function()
  -- Whether requests to the hosts go through a proxy: they then reach the server, which echoes what it was asked for.
  local function through(environment, ...)
    local source = [[
      async.run(function()
        for _, target in ipairs { %s } do
          local ok, response = pcall(async.get, target, { timeout = 60, resolve = {
            ["h.test:1"] = "127.0.0.1", ["www.h.test:1"] = "127.0.0.1", ["bücher.test:1"] = "127.0.0.1" } })
          io.write(ok and response.status or response.code, " ")
        end
      end)
    ]]
    local variables, targets = {}, {}
    for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy", "no_proxy" } do
      variables[name], variables[name:upper()] = "", ""
    end
    for name, value in pairs(environment) do variables[name] = value end
    for i, target in ipairs { ... } do targets[i] = ("%q"):format(target) end
    local result = script(source:format(table.concat(targets, ", ")), { env = variables })
    assert.equal("", result.err)
    return result.out
  end

  local proxy, dead = server.url, "http://127.0.0.1:1"
  local plain, secure = "http://h.test:1/", "https://h.test:1/"
  local VIA, VIA_TLS, DIRECT = "200 ", "EPROXY ", "ECONNREFUSED "

  local cases = {
    { "nothing", {}, DIRECT .. DIRECT },
    { "http_proxy", { http_proxy = proxy }, VIA .. DIRECT },
    { "HTTP_PROXY, which others can set", { HTTP_PROXY = proxy }, DIRECT .. DIRECT },
    { "https_proxy", { https_proxy = proxy }, DIRECT .. VIA_TLS },
    { "HTTPS_PROXY", { HTTPS_PROXY = proxy }, DIRECT .. VIA_TLS },
    { "all_proxy", { all_proxy = proxy }, VIA .. VIA_TLS },
    { "ALL_PROXY", { ALL_PROXY = proxy }, VIA .. VIA_TLS },
    { "ALL_PROXY beside HTTP_PROXY", { ALL_PROXY = proxy, HTTP_PROXY = dead }, VIA .. VIA_TLS },
    { "the special before the general", { http_proxy = proxy, HTTPS_PROXY = proxy, all_proxy = dead }, VIA .. VIA_TLS },
    { "the small before the capitals", { https_proxy = proxy, HTTPS_PROXY = dead, all_proxy = proxy, ALL_PROXY = dead },
      VIA .. VIA_TLS },
    { "no_proxy", { all_proxy = proxy, no_proxy = "h.test" }, DIRECT .. DIRECT },
    { "NO_PROXY", { all_proxy = proxy, NO_PROXY = "h.test" }, DIRECT .. DIRECT },
    { "NO_PROXY for everything", { ALL_PROXY = proxy, NO_PROXY = "*" }, DIRECT .. DIRECT },
    { "no_proxy before NO_PROXY", { all_proxy = proxy, no_proxy = "other.test", NO_PROXY = "*" }, VIA .. VIA_TLS },
  }
  for _, case in ipairs(cases) do
    it("names " .. case[1], function()
      assert.equal(case[3], through(case[2], plain, secure))
    end)
  end

  it("names no proxy for a Unix socket", function()
    local result = script(([[
      async.run(function() print(async.get("http://h.test/echo", { unix_socket = %q }).status) end)
    ]]):format(server.unix), { env = { http_proxy = dead, no_proxy = "", NO_PROXY = "" } })
    assert.equal("200\n", result.out, result.err)
  end)

  it("exempts hosts by name, suffix and address", function()
    local function exempts(list, target)
      return through({ http_proxy = proxy, NO_PROXY = list }, target) == DIRECT
    end
    for list, target in pairs {
      ["h.test"] = "http://www.h.test:1/", [".h.test"] = "http://www.h.test:1/", ["other, h.test ,x"] = plain,
      ["H.TEST"] = plain, ["Bücher.test"] = "http://bücher.test:1/", ["xn--bcher-kva.test"] = "http://BÜCHER.test:1/",
      ["127.0.0.1"] = "http://127.0.0.1:1/", ["127.0.0.0/8"] = "http://127.0.0.1:1/", ["::1"] = "http://[::1]:1/",
    } do
      assert.is_true(exempts(list, target), list)
    end
    for list, target in pairs {
      ["www.h.test"] = plain, ["test.h"] = plain, ["xh.test"] = plain, [".test.h"] = plain,
      ["127.0.0.2"] = "http://127.0.0.1:1/", ["10.0.0.0/8"] = "http://127.0.0.1:1/",
    } do
      assert.is_false(exempts(list, target), list)
    end
  end)
end)
