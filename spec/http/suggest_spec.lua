-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local suggest = require "saros.http.suggest"

local URL = "http://127.0.0.1:1/"

-- The message with which one option is refused; `target` is what may stand before the options.
local function refusal(fn, name, target)
  local options = { [name] = 1 }
  local ok, message = pcall(fn, target or options, target and options)
  assert.is_false(ok)
  return message
end

describe("an unknown option", function()
  for name, meant in pairs {
    params = "'query'", data = "'body' or 'form'", allow_redirects = "'redirect'", files = "'multipart'",
    ssl = "'verify' or 'ca_file'", verify_ssl = "'verify'", maxRedirects = "'max_redirects'",
    followRedirect = "'redirect'",
    rejectUnauthorized = "'verify'", searchParams = "'query'", socketPath = "'unix_socket'", proxies = "'proxy'",
    content = "'body'", ["user-agent"] = "'headers'", connect_timeout = "'timeout'", http2 = "'http_version'",
    -- slips
    querry = "'query'", heders = "'headers'", timout = "'timeout'", Method = "'method'", jsno = "'json'",
    bdy = "'body'",
    retrys = "'retries'", max_redirect = "'max_redirects'", baseURL = "'base_url' of async.session",
    max_connections = "'limit' of async.session",
  } do
    it("says what may have been meant: " .. name, function()
      local expected = ("bad argument #2 to 'get' (unknown option '%s' (did you mean %s?))"):format(name, meant)
      assert.matches(expected, refusal(http.get, name, URL), 1, true)
    end)
  end

  it("that means nothing to anybody says just that", function()
    for _, name in ipairs { "colour", "x", ("long"):rep(20), "zzzz" } do
      assert.matches(("(unknown option '%s')"):format(name), refusal(http.fetch, name, URL), 1, true)
    end
    assert.matches("unknown option '7')", refusal(http.fetch, 7, URL), 1, true)
  end)

  it("of a session is named as such, and known to sessions", function()
    assert.matches("unknown option 'limit' (it is one of async.session)", refusal(http.get, "limit", URL), 1, true)
    assert.matches("(did you mean 'base_url'?)", refusal(http.session, "baseUrl"), 1, true)
    assert.matches("(did you mean 'query'?)", refusal(http.session, "params"), 1, true)
    assert.matches("(did you mean 'limit_per_host'?)", refusal(http.session, "limit_per_hosts"), 1, true)
  end)

  it("is found out among the fields of options, too", function()
    local function field(options)
      return select(2, pcall(http.get, URL, options))
    end
    assert.matches("unknown field 'conect' (did you mean 'connect'?)", field { timeout = { conect = 1 } }, 1, true)
    assert.matches("unknown field 'username' (did you mean 'user'?)", field { auth = { username = "a" } }, 1, true)
    assert.matches("unknown field 'tries' (did you mean 'attempts'?)", field { retries = { tries = 1 } }, 1, true)
    local jar = http.session().cookies
    local message = select(2, pcall(jar.set, jar, "a", "b", { httponly = true }))
    assert.matches("(did you mean 'http_only'?)", message, 1, true)
  end)

  it("never suggests what there is not", function()
    local known = { query = true }
    assert.equal("", suggest.option("ssl", known))
    assert.equal(" (did you mean 'query'?)", suggest.option("params", known))
  end)

  it("of other functions says what may have been meant", function()
    local function map(options) return async.map({}, print, options) end
    for name, case in pairs {
      return_exceptions = { function(o) return async.gather({}, o) end, "return_errors" },
      retrun_errors = { function(o) return async.gather({}, o) end, "return_errors" },
      concurrency = { map, "limit" }, limt = { map, "limit" }, onprogress = { map, "on_progress" },
      return_wen = { function(o) return async.wait({}, o) end, "return_when" },
      tries = { function(o) return async.retry(print, o) end, "attempts" },
      max_dealy = { function(o) return async.retry(print, o) end, "max_delay" },
      slwo = { async.debug, "slow" },
    } do
      local expected = ("unknown option '%s' (did you mean '%s'?)"):format(name, case[2])
      assert.matches(expected, refusal(case[1], name), 1, true)
    end
  end)
end)
