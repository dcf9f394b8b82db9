-- SPDX-License-Identifier: MIT
local wire = require "spec.support.wire"

local probe, workshop

setup(function() probe, workshop = wire.probe() end)
teardown(function() workshop:close() end)

-- What is read must not depend on how the bytes were cut. Gives the notes, status and text of a fault.
local function read(bytes, ...)
  local notes, status, text = probe.read(bytes, false, nil, nil, ...)
  for at = 1, #bytes - 1 do
    local cut = {probe.read(bytes, false, #bytes, at, ...)}
    assert.same({notes, status, text}, cut, ("cut behind byte %d"):format(at))
  end
  assert.same({notes, status, text}, {probe.read(bytes, false, 1, 0, ...)}, "byte by byte")
  return notes, status, text
end

local function refuses(status, bytes, ...)
  local notes, got = read(bytes, ...)
  assert.equal(status, got, ("%q gave %q"):format(bytes, notes))
end

local function with(line)
  return ("GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"):format(line)
end

describe("a request", function()
  it("is read with its headers in order", function()
    local notes, status = read("GET /a?b=c HTTP/1.1\r\nHost: example.com:80\r\nA: 1\r\nEmpty:\r\na:\t 2 3 \t\r\n\r\n")
    assert.is_nil(status)
    assert.equal("GET /a?b=c 1.1 path /a as sent /a\nHost=example.com:80\nA=1\nEmpty=\na=2 3\n"
      .. "body none, persists\n\nend\n", notes)
  end)

  it("may be followed by others", function()
    local notes = read("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      .. "GET /3 HTTP/1.0\r\n\r\n")
    assert.equal("GET /1 1.1 path /1 as sent /1\nHost=x\nbody none, persists\n\nend\n"
      .. "POST /2 1.1 path /2 as sent /2\nHost=x\nContent-Length=3\nbody sized, persists\nabc\nend\n"
      .. "GET /3 1.0 path /3 as sent /3\nbody none, closes\n\nend\n", notes)
  end)

  it("may have empty lines before it", function()
    assert.equal("GET / 1.1 path / as sent /\nHost=x\nbody none, persists\n\nend\n",
      (read "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    refuses(400, "\r\n\rGET / HTTP/1.1\r\nHost: x\r\n\r\n")
  end)

  it("has a method of any name that is a token", function()
    for _, method in ipairs {"GET", "get", "PURGE", "M-SEARCH", "!#$%&'*+-.^_`|~09"} do
      assert.is_nil(select(2, read(method .. " / HTTP/1.1\r\nHost: x\r\n\r\n")), method)
    end
  end)

  it("is refused if its first line is none", function()
    for _, line in ipairs {
      "", " ", "GET", "GET ", "GET /", "GET / ", "GET / HTTP/1.1 ", "GET  / HTTP/1.1", "GET /  HTTP/1.1",
      " GET / HTTP/1.1",
      "GET\t/ HTTP/1.1", "GET / HTTP/1.", "GET / HTTP/11", "GET / http/1.1", "GET / HTTP/1.1x", "GET / HTTP/x.1",
      "GET / HTTP/1,1", "G(T / HTTP/1.1", "G\0T / HTTP/1.1", "GET / HTTP/1.10", "GET / a HTTP/1.1",
      "\x16\x03\x01\2\0\1",
      "GET / HTTP/1.1\r", "GET /\r HTTP/1.1", "GET HTTP/1.1",
    } do
      if line ~= "" then refuses(400, line .. "\r\nHost: x\r\n\r\n") end
    end
  end)

  it("is refused in another version", function()
    refuses(505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n")
    refuses(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", nil)
    refuses(505, "GET / HTTP/0.9\r\n\r\n")
    assert.is_nil(select(2, read "GET / HTTP/1.7\r\nHost: x\r\n\r\n"))
  end)

  it("is refused where a line does not end with CR and LF", function()
    refuses(400, "GET / HTTP/1.1\nHost: x\n\n")
    refuses(400, "GET / HTTP/1.1\r\nHost: x\n\r\n")
    refuses(400, "GET / HTTP/1.1\r\nHost: x\r\n\n")
    refuses(400, "GET / HTTP/1.1\r\nHost: x\r\nA: 1\nB: 2\r\n\r\n")
    refuses(400, "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
    refuses(400, "GET / HTTP/1.1\r\nHost: x\r\nA: 1\rB: 2\r\n\r\n")
    refuses(400, "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\r\n\r\n")
    refuses(400, "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n")
  end)

  it("is refused with a header that is none", function()
    for _, line in ipairs {
      "A", "A 1", ": 1", "A : 1", "A\t: 1", " A: 1", "\tA: 1", "A: 1\r\n folded", "A: 1\r\n\tfolded", "A: a\0b",
      "\0: 1", "A(: 1",
      "Ä: 1", "A: \1", "A: \127", "A: \27[1m", "A: b\rc", '"A": 1', "A: 1\r\n : 2",
    } do
      refuses(400, with(line))
    end
  end)

  it("may have any other byte in a value", function()
    assert.is_nil(select(2, read(with "A: \t\x80\xff ~!\"(),/:;<=>?@[\\]{} \xc3\xa4")))
    assert.is_nil(select(2, read(with(("A: %s\x7e\x80"):format(("x"):rep(64))))))
  end)
end)

describe("the target of a request", function()
  local function path_of(target, method)
    local notes = read(("%s %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(method or "GET", target))
    return notes:match " path (.*) as sent .-\n", notes:match " as sent (.-)\n"
  end

  it("is decoded once, and its dots are resolved", function()
    for target, path in pairs {
      ["/"] = "/", ["/a/b"] = "/a/b", ["//a//"] = "//a//", ["/a/./b/."] = "/a/b/", ["/a/../b"] = "/b",
      ["/../../a"] = "/a",
      ["/a/.."] = "/", ["/a/b/.."] = "/a/", ["/.a/..b/c."] = "/.a/..b/c.", ["/%61%2F%62"] = "/a/b",
      ["/%2e%2E/a"] = "/a",
      ["/a/%2e%2e%2fb"] = "/b", ["/%252e%252e/a"] = "/%2e%2e/a", ["/%C3%A4"] = "/ä", ["/...?.."] = "/...",
      ["/a//../b"] = "/a/b",
    } do
      assert.equal(path, (path_of(target)), target)
    end
  end)

  it("may be absolute, which has the host, too", function()
    assert.equal("/a", (path_of "http://example.com/a?b"))
    assert.equal("/", (path_of "HTTPS://[::1]:8080/"))
    local _, status = read "GET http://example.com?q HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.is_nil(status)
  end)

  it("is an asterisk for OPTIONS only, and an authority for CONNECT only", function()
    assert.is_nil(select(2, read "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert.is_nil(select(2, read "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"))
    refuses(400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n")
    refuses(400, "GET example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    refuses(400, "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n")
    refuses(400, "CONNECT example.com HTTP/1.1\r\nHost: x\r\n\r\n")
    refuses(400, "CONNECT example.com: HTTP/1.1\r\nHost: x\r\n\r\n")
  end)

  it("is refused if it is none", function()
    for _, target in ipairs {
      "a", "?a", "#", "/#a", "/a\127", "/\1", "/ä", "/%", "/%1", "/%zz", "/%00", "/a%0", "ftp://x/", "http://",
      "http:///a",
      "http://u@x/", "http://x:y/", "http://[::1/", "http://x:65536/", "/a\tb",
    } do
      refuses(400, ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(target))
    end
  end)

  it("has a limit", function()
    local function of(length) return ("GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"):format(("a"):rep(length - 1)) end
    assert.is_nil(select(2, read(of(20), 200, 20)))
    refuses(414, of(21), 200, 20)
    refuses(414, of(100), 50, 20)
    refuses(431, of(100), 50, 80)
    refuses(414, ("GET /%s"):format(("a"):rep(100)), 200, 20)
  end)
end)

describe("the host of a request", function()
  it("has to be there once, but for HTTP/1.0", function()
    refuses(400, "GET / HTTP/1.1\r\n\r\n")
    refuses(400, "GET http://x/ HTTP/1.1\r\n\r\n")
    refuses(400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n")
    refuses(400, "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n")
    assert.is_nil(select(2, read "GET / HTTP/1.0\r\n\r\n"))
  end)

  it("is a name or an address, maybe with a port", function()
    for _, host in ipairs {"x", "a.b-c_d", "127.0.0.1:80", "[::1]", "[::1]:8080", "[::ffff:1.2.3.4]", "x:", "%41",
      "x:0", "a,b;c=d"} do
      assert.is_true(probe.is_host(host), host)
    end
    for _, host in ipairs {
      "", ":80", "x:y", "x:99999", "x:-1", "[", "[]", "[::1", "[::1]x", "[g::]", "a b", "a/b", "a@b", "http://x",
      "x:1:2", "a?", "a#",
      "%4", "%00", "x, y", "ä",
    } do
      assert.is_false(probe.is_host(host), host)
      refuses(400, ("GET / HTTP/1.1\r\nHost: %s\r\n\r\n"):format(host))
    end
  end)
end)

describe("the limits of a head", function()
  local plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

  it("hold for all its bytes", function()
    assert.is_nil(select(2, read(plain, #plain)))
    refuses(431, plain, #plain - 1)
    refuses(431, "GET / HTTP/1.1\r\nHost: x\r\nA: " .. ("b"):rep(100), 64)
    refuses(431, ("G"):rep(65), 64)
  end)

  it("hold for its lines", function()
    assert.is_nil(select(2, read(with "A: 1\r\nB: 2", nil, nil, 3)))
    refuses(431, with "A: 1\r\nB: 2", nil, nil, 2)
  end)

  it("come after what is wrong before them", function()
    refuses(400, "GET / HTTP/1.1\r\nHost: x\r\nA : 1\r\n" .. ("b"):rep(100), 64)
    refuses(400, " " .. ("b"):rep(100), 64)
  end)
end)
