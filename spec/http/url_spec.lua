-- SPDX-License-Identifier: MIT
require "saros" -- first: core asks for the runtime's functions
local url = require "saros.http.url"

describe("url.parse", function()
  it("takes a URL apart", function()
    local parsed = url.parse("HTTPS://us%40er:pa%3Ass@Example.COM:8443/a/b?x=1#frag")
    assert.same({ "https", "example.com", 8443, "/a/b", "?x=1", "#frag" },
      { parsed.scheme, parsed.host, parsed.port, parsed.path, parsed.query, parsed.fragment })
    assert.same({ "us@er", "pa:ss" }, { parsed.user, parsed.password })
    assert.equal("https://example.com:8443/a/b?x=1", parsed.wire)
    assert.equal("https://example.com:8443/a/b?x=1#frag", parsed.text)
    assert.equal("https://example.com:8443", parsed.origin)
  end)

  it("knows default ports", function()
    assert.equal("http://h/", url.parse("http://h:80").wire)
    assert.equal("http://h:80", url.parse("http://h").origin)
    assert.equal("https://h/", url.parse("https://h:443/").wire)
    assert.equal("https://h:80/", url.parse("https://h:80/").wire)
  end)

  it("reads addresses of both families", function()
    local parsed = url.parse("http://[::1]:8080/x")
    assert.same({ "[::1]", 8080, "/x" }, { parsed.host, parsed.port, parsed.path })
    assert.equal("http://[2001:db8::1]/", url.parse("http://[2001:DB8::1]").wire)
    assert.is_nil(url.parse("http://[::1"))
  end)

  it("removes dot segments and escapes what cannot be sent", function()
    assert.equal("/b", url.parse("http://h/a/../b").path)
    assert.equal("/a/", url.parse("http://h/a/b/..").path)
    assert.equal("/", url.parse("http://h/../..").path)
    assert.equal("/a/b/", url.parse("http://h/./a/./b/.").path)
    assert.equal("/.a/..b", url.parse("http://h/.a/..b").path)
    assert.equal("/a%20b/%C3%A4", url.parse("http://h/a b/ä").path)
    assert.equal("?q=%20", url.parse("http://h?q= ").query)
    assert.equal("/%22%3C%3E%5C%5E%60%7B%7C%7D", url.parse('http://h/"<>\\^`{|}').path)
    assert.equal("/!$&'()*+,-.:;=@[]_~%2f%", url.parse("http://h/!$&'()*+,-.:;=@[]_~%2f%").path)
  end)
end)

describe("a text that is no URL we could request", function()
  local async = require "saros"
  for text, shown in pairs {
    ["ftp://example.com/x"] = "not an http or https URL: 'ftp://example.com/x'",
    ["example.com/path?q"] = "not an http or https URL: 'example.com/path?q'",
    ["/path"] = "not an http or https URL: '/path'",
    [""] = "not an http or https URL: ''",
    ["http://h:99999/"] = "a URL without a valid host and port: 'http://h:99999/'",
    ["http://"] = "a URL without a valid host and port: 'http://'",
    ["http://a\n/"] = "a URL must not contain control characters: 'http://a\\x0a/'",
    ["ftp://user:secret@h/"] = "'ftp://h/'", ["user:secret@h/p"] = "'h/p'", ["http:/user:secret@h"] = "'http:/h'",
    ["http://user:sec/ret@h/"] = "'http://h/'", ["http://user:secret@h:x/"] = "'http://h:x/'",
    ["http://user:a@b@h:x/"] = "'http://h:x/'", ["gopher://h/@at"] = "'gopher://h/@at'",
    [("x"):rep(300)] = "'" .. ("x"):rep(200) .. "...'",
  } do
    it(("is shown, without userinfo: %q"):format(text:sub(1, 40)), function()
      local message = select(2, pcall(async.get, text))
      assert.matches("bad argument #1 to 'get' (", message, 1, true)
      assert.matches(shown .. ")", message, 1, true)
      assert.is_nil(message:find "sec" or message:find "user")
      local of_session = select(2, pcall(async.session, { base_url = text }))
      assert.matches("option 'base_url': ", of_session, 1, true)
      assert.matches(shown .. ")", of_session, 1, true)
    end)
  end
end)

describe("url.join", function()
  -- RFC 3986, section 5.4
  local base = url.parse("http://a/b/c/d;p?q")
  local cases = {
    ["http://g"] = "http://g/", ["g"] = "http://a/b/c/g", ["./g"] = "http://a/b/c/g", ["g/"] = "http://a/b/c/g/",
    ["/g"] = "http://a/g", ["//g"] = "http://g/", ["?y"] = "http://a/b/c/d;p?y", ["g?y"] = "http://a/b/c/g?y",
    ["#s"] = "http://a/b/c/d;p?q#s", ["g#s"] = "http://a/b/c/g#s", [";x"] = "http://a/b/c/;x",
    [""] = "http://a/b/c/d;p?q", ["."] = "http://a/b/c/", [".."] = "http://a/b/", ["../g"] = "http://a/b/g",
    ["../.."] = "http://a/", ["../../g"] = "http://a/g", ["../../../g"] = "http://a/g", ["/../g"] = "http://a/g",
  }
  for reference, expected in pairs(cases) do
    it(("reads %q"):format(reference), function()
      assert.equal(expected, url.parse(url.join(base, reference)).text)
    end)
  end
end)

describe("url.proxy", function()
  it("gives an http proxy the port of http", function()
    assert.equal("http://proxy:80", url.proxy("http://proxy"))
    assert.equal("HTTP://u:1@proxy:80/", url.proxy("HTTP://u:1@proxy:/"))
    assert.equal("http://[::1]:80", url.proxy("[::1]"))
    for _, text in ipairs { "http://proxy:3128", "https://proxy", "socks5://proxy" } do
      assert.equal(text, url.proxy(text))
    end
  end)
end)

describe("url.encode_fields", function()
  it("sorts keys, repeats lists and escapes", function()
    assert.equal("a=1&a=2&b=%25+%2B", url.encode_fields({ b = "% +", a = { 1, 2 } }, "+"))
    assert.equal("a%20b=c%20d", url.encode_fields({ ["a b"] = "c d" }, "%20"))
    assert.equal("", url.encode_fields({}, "+"))
  end)
end)
