-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"

-- Each is refused before any I/O: nothing listens at this address, and no error speaks of that.
local URL = "http://127.0.0.1:1/"

local refused = {
  ["an unknown name"] = { { colour = "red" }, "unknown option 'colour'" },
  ["headers that are no table"] = { { headers = "X: 1" }, "option 'headers': table expected, got string" },
  ["a header name with a line end"] = { { headers = { ["X\r\nY"] = "1" } }, "invalid header name" },
  ["a header name that is not a token"] = { { headers = { ["X Y"] = "1" } }, "invalid header name" },
  ["a header name that is a number"] = { { headers = { "X: 1" } }, "invalid header name" },
  ["a header value with CR"] = { { headers = { X = "a\rb" } }, "must not contain CR, LF or NUL" },
  ["a header value with LF"] = { { headers = { X = "a\nb" } }, "must not contain CR, LF or NUL" },
  ["a header value with NUL"] = { { headers = { X = { "ok", "a\0b" } } }, "must not contain CR, LF or NUL" },
  ["a header value of a wrong type"] = { { headers = { X = true } }, "header 'X'" },
  ["a header value that is a record"] = { { headers = { X = { y = "1" } } }, "header 'X': string, number, list" },
  ["a Content-Length of the caller's"] = { { headers = { ["content-length"] = 5 } }, "set from the body" },
  ["a Transfer-Encoding of the caller's"] = { { headers = { ["Transfer-Encoding"] = "x" } }, "set from the body" },
  ["a method with a line end"] = { { method = "GET\r\nX: 1" }, "invalid method" },
  ["a method that is no token"] = { { method = "" }, "invalid method" },
  ["the method CONNECT"] = { { method = "CONNECT" }, "invalid method" },
  ["two bodies"] = { { body = "x", json = {} }, "exclude each other" },
  ["a body that is no string"] = { { body = {} }, "option 'body': string, function or iterator expected, got table" },
  ["a HEAD with a body"] = { { method = "HEAD", body = "x" }, "HEAD request has no body" },
  ["a timeout that is not a number"] = { { timeout = 0 / 0 }, "option 'timeout'" },
  ["a timeout of text"] = { { timeout = "5" }, "seconds, false or a table of those expected, got string" },
  ["an unknown timeout"] = { { timeout = { overall = 5 } }, "unknown field 'overall'" },
  ["a wrong timeout of a phase"] = { { timeout = { connect = {} } }, "option 'timeout.connect'" },
  ["an unknown redirect mode"] = { { redirect = "always" }, "option 'redirect': 'follow', 'manual', 'error' expected" },
  ["a negative number of redirects"] = { { max_redirects = -1 }, "option 'max_redirects'" },
  ["credentials without a user"] = { { auth = {} }, "option 'auth'" },
  ["credentials with one word too many"] = { { auth = { "a", "b", "c" } }, "option 'auth': unknown field '3'" },
  ["a token that is no string"] = { { auth = { bearer = 5 } }, "option 'auth.bearer': string expected, got number" },
  ["credentials with a line end"] = { { auth = { bearer = "a\r\nb" } }, "option 'auth'" },
  ["a token to be digested"] = { { auth = { bearer = "t", digest = true } }, "option 'auth': either bearer or digest" },
  ["a user with a colon"] = { { auth = { "a:b", "c" } }, "without ':'" },
  ["a proxy of an unknown kind"] = { { proxy = "ftp://x/" }, "option 'proxy'" },
  ["a file name with a NUL"] = { { ca_file = "a\0b" }, "option 'ca_file'" },
  ["a number for verify"] = { { verify = 1 }, "option 'verify': boolean expected, got number" },
  ["an unknown version of TLS"] = { { tls_min = "1.0" }, "option 'tls_min'" },
  ["an unknown version of HTTP"] = { { http_version = "3" }, "option 'http_version': '1.1', '2' expected, got '3'" },
  ["a version of HTTP as a number"] = { { http_version = 2 }, "'1.1', '2' expected, got number" },
  ["addresses with a line end"] = { { resolve = { ["a:1"] = "1\n2" } }, "option 'resolve'" },
  ["a query of functions"] = { { query = { a = print } }, "option 'query': field 'a': string, number, boolean" },
  ["a query with a record in it"] = { { query = { a = { b = 1 } } }, "option 'query': field 'a'" },
  ["a query with a hole in a list"] = { { query = { a = { 1, nil, 3 } } }, "got a table that is no list" },
  ["a header with a hole in its list"] = { { headers = { X = { 1, nil, 3 } } }, "got a table that is no list" },
  ["a list of parts with a hole"] = { { multipart = { { name = "a", data = "1" }, nil, { name = "b", data = "2" } } },
    "option 'multipart': either a list of parts or parts by their names expected" },
  ["retries for statuses with a hole"] = { { retries = { statuses = { 1, nil, 3 } } },
    "'retries.statuses': a list of integers expected, got a table that is no list" },
  ["a form with lists in a list"] = { { form = { a = { { 1 } } } }, "option 'form': field 'a'" },
  ["retries of another kind"] = { { retries = true }, "option 'retries'" },
  ["retries without an attempt"] = { { retries = { attempts = 0.5 } }, "option 'retries.attempts': a whole number" },
  ["retries at no time"] = { { retries = { delay = 0 / 0 } }, "option 'retries.delay': seconds expected" },
  ["retries for statuses in words"] = { { retries = { statuses = { "busy" } } },
    "option 'retries.statuses': a list of integers expected, got a list of other things" },
  ["retries for one status"] = { { retries = { statuses = 503 } }, "a list of integers expected, got 503" },
  ["a query with options in a list"] = { { query = { a = { 1, sep = "," } } }, "got a table that is no list" },
  ["retries for methods by number"] = { { retries = { methods = { 5 } } }, "option 'retries.methods'" },
  ["options that are no table"] = { "GET", "options: table expected, got string" },
}

local bad_urls = {
  ["of another scheme"] = "ftp://host/", ["of a file"] = "file:///etc/passwd", ["without a scheme"] = "host/path",
  ["with LF"] = "http://host/a\nb", ["with CR"] = "http://host/a\rb", ["with NUL"] = "http://host/\0",
  ["without a host"] = "http:///path", ["with a port out of range"] = "http://host:70000/",
  ["with a port that is no number"] = "http://host:x/", ["with a space in its host"] = "http://ho st/",
  ["with a backslash in its host"] = "http://good\\@evil/", ["that is empty"] = "",
}

describe("an option", function()
  for what, case in pairs(refused) do
    it("is refused if it is " .. what, function()
      async.run(function()
        local ok, err = pcall(http.fetch, URL, case[1])
        assert.is_false(ok)
        assert.is_string(err)
        assert.truthy(err:find("bad argument #2 to 'fetch'", 1, true), err)
        assert.truthy(err:find(case[2], 1, true), err)
      end)
    end)
  end

  it("names the line of the caller and the function that was called", function()
    local ok, err = pcall(function()
      http.get(URL, { colour = 1 })
    end)
    assert.is_false(ok)
    assert.truthy(err:find("^[^:]*options_spec.lua:%d+: bad argument #2 to 'get'"), err)
    local session = http.session()
    ok, err = pcall(function()
      session:post(URL, { colour = 1 })
    end)
    assert.is_false(ok)
    assert.truthy(err:find("^[^:]*options_spec.lua:%d+: bad argument #2 to 'session:post'"), err)
    session:close()
  end)

  it("of a session is refused if it is unknown or wrong", function()
    for _, options in ipairs { { colour = 1 }, { body = 5 }, { method = 5 }, { multipart = { 5 } },
      { method = "a b" }, { multipart = { ["a\0b"] = "x" } }, { limit = 0 }, { limit = 1.5 },
      { base_url = "ftp://x" }, { base_url = "http://x/?q" }, { limit_per_host = "2" } } do
      local ok, err = pcall(http.session, options)
      assert.is_false(ok)
      assert.truthy(err:find("bad argument #1 to 'session'", 1, true), err)
    end
  end)
end)

describe("a session of which the program has changed", function()
  for field, value in pairs { headers = "X: 1", cookies = { a = "1" } } do
    it(("the %s into something else says so"):format(field), function()
      local session = http.session()
      session[field] = value
      local ok, err = pcall(function()
        session:get(URL)
      end)
      session:close()
      assert.is_false(ok)
      assert.truthy(err:find("^[^:]*options_spec.lua:%d+: session:get: the " .. field .. " of the session are no"), err)
    end)
  end
end)

describe("a header of a session that was set later", function()
  it("is refused by the request that would send it, as what it is", function()
    local session = http.session()
    session.headers["a b"] = "1"
    local ok, err = pcall(function()
      session:get(URL)
    end)
    session:close()
    assert.is_false(ok)
    assert.truthy(err:find('^[^:]*options_spec.lua:%d+: session:get: session.headers: invalid header name "a b"'), err)
  end)
end)

describe("a method that is called with a dot", function()
  it("says what it wants and how to call it", function()
    local session = http.session()
    local methods = { ["session:get"] = session.get, ["cookies:all"] = session.cookies.all }
    for name, method in pairs(methods) do
      local ok, err = pcall(function()
        method("x")
      end)
      assert.is_false(ok)
      local class = name:match "^%a+"
      local expected = ("calling '%s' on bad self (%s expected, got string; call it with a colon)"):format(name, class)
      assert.truthy(err:find("^[^:]*options_spec.lua:%d+: calling"), err)
      assert.truthy(err:find(expected, 1, true), err)
    end
    session:close()
  end)
end)

describe("a URL", function()
  for what, url in pairs(bad_urls) do
    it("is refused if it is one " .. what, function()
      async.run(function()
        local ok, err = pcall(http.get, url)
        assert.is_false(ok)
        assert.is_string(err)
        assert.truthy(err:find("bad argument #1 to 'get'", 1, true), err)
      end)
    end)
  end

  it("has to be there, as a string", function()
    assert.error_matches(http.get, "bad argument #1 to 'get' %(string expected, got no value%)")
    assert.error_matches(function()
      http.get {}
    end, "bad argument #1 to 'get' %(string expected, got table%)")
  end)
end)

describe("a request outside of a task", function()
  it("is an error that names the function", function()
    local ok, err = pcall(http.get, URL)
    assert.is_false(ok)
    assert.truthy(tostring(err):find("get", 1, true))
  end)
end)
