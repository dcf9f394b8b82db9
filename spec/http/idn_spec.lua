-- SPDX-License-Identifier: MIT
-- Hosts that are not ASCII, wherever a host may be named.

local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local script = require "spec.support.script"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"
local url = require "saros.http.url"

local inside, error_of = tasks.inside, tasks.error_of

local BOOKS, BOOKS_ASCII = "bücher.test", "xn--bcher-kva.test"
local resolve = {
  [BOOKS .. ":" .. server.port] = "127.0.0.1", [BOOKS .. ":1"] = "127.0.0.1",
  [("BÜCHER.test:%d"):format(rogue.ports.script)] = "127.0.0.1",
}

local function at(host, path)
  return ("http://%s:%d%s"):format(host, server.port, path or "/echo")
end

-- The URL of a response whose head has these lines, byte for byte.
local function answer_of(...)
  local head = table.concat({ "HTTP/1.1 302 Found", "Content-Length: 0", ... }, "\r\n") .. "\r\n\r\n"
  head = head:gsub("[\x80-\xff]", function(byte) return utf8.char(byte:byte()) end)
  return (rogue:script { "send", head }:gsub("127.0.0.1", BOOKS))
end

local function header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name then return pair[2] end
  end
end

describe("a host name that is not ASCII", function()
  local names = {
    [BOOKS] = BOOKS_ASCII, ["BÜCHER.TEST"] = BOOKS_ASCII, ["bu\u{308}cher.test"] = BOOKS_ASCII,
    [BOOKS_ASCII] = BOOKS_ASCII, ["XN--BCHER-KVA.test"] = BOOKS_ASCII, ["bücher\u{3002}test"] = BOOKS_ASCII,
    ["www.bücher.test."] = "www.xn--bcher-kva.test.", ["xn--bcher-kva.bücher.a"] = "xn--bcher-kva.xn--bcher-kva.a",
    ["straße.test"] = "xn--strae-oqa.test", ["日本語.jp"] = "xn--wgv71a119e.jp", ["\u{1F4A9}.la"] = "xn--ls8h.la",
    ["_a.bü"] = "_a.xn--b-eha", ["\u{FF11}\u{FF12}\u{FF17}.0.0.1"] = "127.0.0.1", ["b\u{AD}ü"] = "xn--b-eha",
  }
  for name, ascii in pairs(names) do
    it("is asked for as browsers do: " .. name, function()
      local parsed = assert(url.parse("http://user:pw@" .. name .. ":8080/ü?ü#ü"))
      assert.same({ ascii, 8080 }, { parsed.host, parsed.port })
      assert.equal("http://" .. ascii .. ":8080/%C3%BC?%C3%BC", parsed.wire)
    end)
  end

  it("is an argument error where it is none", function()
    async.run(function()
      for _, host in ipairs { "b\xFCcher.test", "\xFF", "\xC3", "\xC0\xAE", "\xED\xA0\x80", "-ü.test", "xn--.ü",
        "\u{301}a.test", "a\u{2100}b.test", "ü\u{FF0F}x", "ü\u{FF20}x", ("ü"):rep(64), ("ü."):rep(300),
        "ü\u{FF1A}80" } do
        local ok, err = pcall(http.get, "http://" .. host .. "/")
        assert.is_false(ok)
        assert.truthy(tostring(err):find("bad argument #1 to 'get' (", 1, true), tostring(err))
      end
      for name, options in pairs {
        resolve = { resolve = { ["\xFF:80"] = "127.0.0.1" } }, proxy = { proxy = "http://\xFF:80" },
      } do
        local err = tasks.caught(http.get, server.url, options)
        assert.truthy(tostring(err):find("bad argument #2 to 'get' (option '" .. name, 1, true), tostring(err))
      end
      local err = tasks.caught(http.session, { base_url = "http://\xFF/" })
      assert.truthy(tostring(err):find("bad argument #1 to 'session' (option 'base_url'", 1, true), tostring(err))
    end)
  end)

  it("is asked in a program that never sets a locale, and in any other", function()
    local source = [[
      os.setlocale(%s)
      local resolve = { ["bücher.test:%d"] = "127.0.0.1" }
      async.run(function()
        print(async.get("http://BÜCHER.test:%d/echo", { resolve = resolve }).url)
      end)
    ]]
    for _, locale in ipairs { "nil", "'C'", "'C.UTF-8'", "''" } do
      for _, language in ipairs { "C", "C.UTF-8", "" } do
        local result = script(source:format(locale, server.port, server.port), { env = { LC_ALL = language } })
        assert.equal(at(BOOKS_ASCII) .. "\n", result.out, result.err)
      end
    end
  end)

  it("is what the server and the program see in ASCII", inside(function()
    local response = http.get(at(BOOKS), { resolve = resolve })
    assert.equal(at(BOOKS_ASCII), response.url)
    assert.equal(BOOKS_ASCII .. ":" .. server.port, header(response:json(), "host"))
    local err = error_of(http.get, "http://BÜCHER.test:1/", { resolve = resolve })
    assert.same({ "ECONNREFUSED", BOOKS_ASCII }, { err.code, err.host })
  end))

  it("may be where a session is based, and where a redirect leads", inside(function()
    local session <close> = http.session { base_url = "http://Bücher.test:" .. server.port, resolve = resolve }
    assert.equal(at(BOOKS_ASCII), session:get("echo").url)
    for _, to in ipairs { at "BÜCHER.test", at(BOOKS_ASCII), (at("BÜCHER.test"):gsub("^http:", "")) } do
      local response = http.get(answer_of("Location: " .. to), { resolve = resolve })
      assert.same({ at(BOOKS_ASCII), 1 }, { response.url, #response.history })
    end
    local err = error_of(http.get, answer_of "Location: http://b\xFCcher.test/", { resolve = resolve })
    assert.equal("EREDIRECT", err.code)
  end))

  it("is known to the cookies", inside(function()
    local session <close> = http.session { resolve = resolve }
    session.cookies:set("a", "1", { domain = "BÜCHER.test" })
    session.cookies:set("b", "1", { domain = ".xn--bcher-kva.test" })
    session:get(at(BOOKS, "/set-cookies"), { query = { set = "c=1; Path=/\nd=1; Path=/; Domain=.xn--bcher-kva.test" } })
    session:get(answer_of("Set-Cookie: e=1; Path=/; Domain=BÜCHER.test", "Set-Cookie: f=1; Path=/; Domain=\xFF")):text()
    assert.equal("a=1; b=1; c=1; d=1; e=1", header(session:get(at(BOOKS)):json(), "cookie"))
    assert.equal("1", session.cookies:get("a", BOOKS))
    assert.equal("1", session.cookies:get("a", "http://www.BÜCHER.test/"))
    assert.is_nil(session.cookies:get("a", "other.test"))
    for _, call in ipairs { { "get", "a", "\xFF" }, { "set", "a", "1", { domain = "\xFF" } } } do
      assert.error_matches(function()
        session.cookies[call[1]](session.cookies, table.unpack(call, 2))
      end, "bad argument #%d to 'cookies:" .. call[1])
    end
  end))

  it("may be that of a proxy, or what a proxy is asked for", inside(function()
    local target = http.get("http://" .. BOOKS .. "/echo", { proxy = server.url }):json().target
    assert.equal("http://" .. BOOKS_ASCII .. "/echo", target)
    rogue:asked()
    local proxy = ("socks5h://127.0.0.1:%d"):format(rogue.ports.socks)
    assert.equal("GET", http.get(at(BOOKS), { proxy = proxy }):json().method)
    assert.same({ BOOKS_ASCII .. ":" .. server.port }, rogue:asked())
    for from, to in pairs {
      ["http://u:p@Bücher.test"] = "http://u:p@xn--bcher-kva.test:80", ["[::1]:8"] = "http://[::1]:8",
      ["bücher.test:8/"] = "http://xn--bcher-kva.test:8/", ["https://bücher.test"] = "https://xn--bcher-kva.test",
      ["socks5://ü@bücher.test:1"] = "socks5://ü@xn--bcher-kva.test:1",
    } do
      assert.equal(to, url.proxy(from))
    end
  end))
end)
