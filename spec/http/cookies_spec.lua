-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.caught

local TLS_PORT = server.tls:match("%d+$")

-- A session to which the server is also known by names.
local function new_session(options)
  options = options or {}
  options.resolve, options.verify = {}, false
  for _, host in ipairs { "example.com", "www.example.com", "a.www.example.com", "other.com", "example.co.uk" } do
    options.resolve[host .. ":" .. server.port] = "127.0.0.1"
    options.resolve[host .. ":" .. TLS_PORT] = "127.0.0.1"
  end
  return http.session(options)
end

local function at(host, scheme)
  return scheme == "https" and "https://" .. host .. ":" .. TLS_PORT or "http://" .. host .. ":" .. server.port
end

-- Has the server at `base` set cookies, one per line.
local function set(session, base, lines, path)
  session:get(base .. "/set-cookies" .. (path or ""), { query = { set = lines } }):text()
end

-- What a request to `base` sends as Cookie.
local function sent(session, base, options, path)
  for _, pair in ipairs(session:get(base .. (path or "/echo"), options):json().headers) do
    if pair[1]:lower() == "cookie" then return pair[2] end
  end
end

describe("the cookie jar of a session", function()
  it("sends back what the server has set", inside(function()
    local session <close> = new_session()
    assert.is_nil(sent(session, server.url))
    set(session, server.url, "a=1; Path=/\nb=two words; Path=/; HttpOnly\nc=; path=/")
    assert.equal("a=1; b=two words; c=", sent(session, server.url))
    set(session, server.url, "a=new; Path=/")
    assert.equal("a=new; b=two words; c=", sent(session, server.url))
    assert.equal("new", session.cookies:get "a")
    assert.is_nil(session.cookies:get "z")
  end))

  it("is not that of another session, and fetch has none", inside(function()
    local session <close> = new_session()
    local other <close> = new_session()
    set(session, server.url, "a=1; Path=/")
    assert.is_nil(sent(other, server.url))
    http.get(server.url .. "/set-cookies?set=a%3D1%3B%20Path%3D%2F"):text()
    for _, pair in ipairs(http.get(server.url .. "/echo"):json().headers) do
      assert.are_not.equal("cookie", pair[1]:lower())
    end
  end))

  it("is switched off by cookies = false", inside(function()
    local session <close> = new_session { cookies = false }
    set(session, server.url, "a=1; Path=/")
    assert.is_nil(sent(session, server.url))
    assert.is_false(session.cookies)
  end))

  it("keeps a cookie for the host that set it, or for its domain", inside(function()
    local session <close> = new_session()
    set(session, at "www.example.com",
      "host=1; Path=/\ndomain=2; Path=/; Domain=.Example.COM\nown=3; Path=/; Domain=www.example.com")
    assert.equal("host=1; domain=2; own=3", sent(session, at "www.example.com"))
    assert.equal("domain=2; own=3", sent(session, at "a.www.example.com"))
    assert.equal("domain=2", sent(session, at "example.com"))
    assert.is_nil(sent(session, at "other.com"))
    assert.is_nil(sent(session, server.url))
  end))

  it("takes none for another domain, one below, an address or a public suffix", inside(function()
    local session <close> = new_session()
    for _, domain in ipairs { "other.com", "a.www.example.com", "com", "127.0.0.1", "ample.com", "xample.com" } do
      set(session, at "www.example.com", "a=1; Path=/; Domain=" .. domain)
    end
    set(session, at "example.co.uk", "a=1; Path=/; Domain=co.uk")
    set(session, server.url, "a=1; Path=/; Domain=0.0.1")
    assert.same({}, session.cookies:all())
    set(session, server.url, "a=1; Path=/; Domain=127.0.0.1")
    assert.equal("a=1", sent(session, server.url))
  end))

  it("minds the path, the longer ones first", inside(function()
    local session <close> = new_session()
    set(session, server.url, "root=1; Path=/\ndeep=2; Path=/echo/deep\nmade=3")
    set(session, server.url, "near=4", "/echo/x")
    set(session, server.url, "odd=5; Path=odd", "/x/y")
    assert.equal("root=1; made=3", sent(session, server.url))
    assert.equal("deep=2; root=1; made=3", sent(session, server.url, nil, "/echo/deep/er"))
    assert.equal("root=1; made=3", sent(session, server.url, nil, "/echo/deeper"))
    assert.equal("/set-cookies/echo", session.cookies:all()[4].path)
    assert.equal("/set-cookies/x", session.cookies:all()[5].path)
  end))

  it("forgets what expires in any past, however that is written", inside(function()
    local past = {
      "Mon, 01 Jan 0001 00:00:00 GMT", "Mon, 01-Jan-0001 00:00:00 GMT", "Sat, 01 Jan 0000 00:00:00 GMT",
      "Fri, 31 Dec 1600 23:59:59 GMT", "Mon, 01 Jan 1601 00:00:00 GMT", "Mon, 01 Jan 1601 00:00:00",
      "Fri, 13 Dec 1901 20:45:51 GMT", "Wed, 31 Dec 1969 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT",
      "Thu, 01-Jan-70 00:00:00 GMT", "Thursday, 01-Jan-70 00:00:01 GMT", "Sun Nov  6 08:49:37 1994",
      "Sunday, 06-Nov-94 08:49:37 GMT", "06 nov 1994", "Fri, 31-Dec-99 23:59:59 GMT", "Sat, 01-Jan-00 00:00:00 GMT",
      "Sat, 01 Jan 0999 00:00:00 GMT", "1 January 100 0:0:0",
    }
    local future = {
      ["Tue, 19 Jan 2038 03:14:08 GMT"] = 2147483648, ["Sun, 07 Feb 2106 06:28:16 GMT"] = 4294967296,
      ["Fri, 31 Dec 9999 23:59:59 GMT"] = 253402300799, ["Tue, 01-Jan-69 00:00:00 GMT"] = 3124224000,
      ["29 feb 2096 12:30:15"] = 3981357015, ["Wed, 01 Jan 2098 00:00:00 +0000"] = 4039372800,
    }
    local session <close> = new_session()
    for _, text in ipairs(past) do
      set(session, server.url, "a=1; Path=/\nb=1; Path=/; Expires=" .. text)
      assert.equal("a=1", sent(session, server.url), text)
      set(session, server.url, "a=1; Path=/; Expires=" .. text)
      assert.is_nil(sent(session, server.url), text)
    end
    for text, seconds in pairs(future) do
      set(session, server.url, "a=1; Path=/; Expires=" .. text)
      assert.equal(seconds, session.cookies:all()[1].expires, text)
    end
  end))

  it("keeps what names no date, and takes a Max-Age before any date", inside(function()
    local session <close> = new_session()
    for _, text in ipairs { "", "0", "-1", "never", "30 Feb 1999 00:00:00", "01 Jan 1999 24:00:00",
      "00 Jan 1999 00:00:00", "01 Jan 1999 00:60:00", "29 Feb 1900 00:00:00", "01 Jan 00:00:00" } do
      set(session, server.url, "a=1; Path=/; Expires=" .. text)
      assert.is_nil(session.cookies:all()[1].expires, text)
    end
    set(session, server.url, "a=1; Path=/; Max-Age=100; Expires=Mon, 01 Jan 0001 00:00:00 GMT")
    assert.truthy(session.cookies:all()[1].expires > os.time() + 90)
    for _, seconds in ipairs { "0", "-0", "-1", "-99999999999999999999", "0000" } do
      set(session, server.url, "a=1; Path=/")
      set(session, server.url, "a=1; Path=/; Max-Age=" .. seconds .. "; Expires=Fri, 31 Dec 9999 23:59:59 GMT")
      assert.same({}, session.cookies:all())
    end
  end))

  it("sends secure cookies over TLS only, and takes them from there only", inside(function()
    local session <close> = new_session()
    set(session, at "example.com", "x=1; Path=/; Secure")
    assert.same({}, session.cookies:all())
    set(session, at("example.com", "https"), "s=1; Path=/; Secure; Domain=example.com\nt=2; Path=/")
    assert.equal("s=1; t=2", sent(session, at("example.com", "https")))
    assert.equal("t=2", sent(session, at "example.com"))
    set(session, at "www.example.com", "s=evil; Path=/; Domain=example.com")
    assert.equal("1", session.cookies:get "s")
  end))

  it("holds names with a prefix to their promise", inside(function()
    local session <close> = new_session()
    local base = at("example.com", "https")
    set(session, base,
      "__Secure-a=1; Path=/\n__Host-b=1; Path=/; Secure; Domain=example.com\n__Host-c=1; Secure; Path=/x"
        .. "\n__Host-d=1; Secure")
    assert.same({}, session.cookies:all())
    set(session, base, "__Secure-a=1; Path=/; Secure\n__Host-b=1; Path=/; Secure")
    assert.equal(2, #session.cookies:all())
  end))

  it("forgets what has expired", inside(function()
    local session <close> = new_session()
    local past, future = "Thu, 01 Jan 1990 00:00:00 GMT", "Wed, 01 Jan 2098 00:00:00 GMT"
    set(session, server.url, table.concat({
      "a=1; Path=/; Max-Age=1000", "b=1; Path=/; Expires=" .. future, "c=1; Path=/; Max-Age=0",
      "d=1; Path=/; Expires=" .. past, "e=1; Path=/; Max-Age=100; Expires=" .. past,
      "f=1; Path=/; Max-Age=99999999999999999999",
    }, "\n"))
    assert.equal("a=1; b=1; e=1; f=1", sent(session, server.url))
    set(session, server.url, "a=; Path=/; Max-Age=-1\nb=; Path=/; Expires=" .. past)
    assert.equal("e=1; f=1", sent(session, server.url))
    session.cookies:set("f", "x", { domain = "127.0.0.1", expires = os.time() - 1 })
    assert.equal("e=1", sent(session, server.url))
    set(session, server.url, "e=; Path=/; Expires=Thu, 01-Jan-70 00:00:01 GMT")
    assert.is_nil(sent(session, server.url))
  end))

  it("takes nothing broken, nor more than its fill", inside(function()
    local session <close> = new_session()
    set(session, server.url, "novalue\n=x\na=" .. ("x"):rep(5000))
    assert.same({}, session.cookies:all())
    for i = 1, 5 do
      local lines = {}
      for j = 1, 50 do
        lines[j] = ("n%d=1; Path=/"):format(i * 50 + j)
      end
      set(session, server.url, table.concat(lines, "\n"))
    end
    assert.equal(180, #session.cookies:all())
    assert.is_nil(session.cookies:get "n51")
    assert.equal("1", session.cookies:get "n300")
  end))

  it("follows redirects by its own rules", inside(function()
    local session <close> = new_session()
    local query = { set = "a=1; Path=/", status = 302, to = at "www.example.com" .. "/echo" }
    local response = session:get(at "example.com" .. "/set-cookies", { query = query })
    for _, pair in ipairs(response:json().headers) do
      assert.are_not.equal("cookie", pair[1]:lower())
    end
    query.to = at "example.com" .. "/echo"
    response = session:get(at "example.com" .. "/set-cookies", { query = query })
    local found
    for _, pair in ipairs(response:json().headers) do
      if pair[1]:lower() == "cookie" then found = pair[2] end
    end
    assert.equal("a=1", found)
  end))

  it("can be changed by hand", inside(function()
    local session <close> = new_session()
    local jar = session.cookies
    jar:set("everywhere", 1)
    jar:set("domain", "d", { domain = "example.com" })
    jar:set("path", "p", { path = "/nowhere" })
    jar:set("secure", "s", { secure = true })
    assert.equal("everywhere=1", sent(session, server.url))
    assert.equal("everywhere=1; domain=d", sent(session, at "www.example.com"))
    assert.equal("everywhere=1; domain=d; secure=s", sent(session, at("example.com", "https")))
    local all = jar:all()
    assert.equal(4, #all)
    assert.same({ name = "domain", value = "d", domain = "example.com", path = "/", secure = false, http_only = false,
      host_only = false }, all[2])
    jar:clear()
    assert.same({}, jar:all())
    assert.is_nil(sent(session, server.url))
  end))

  it("renews what the program began with, and is overruled by it", inside(function()
    local session <close> = http.session { base_url = server.url, cookies = { sid = "guest", lang = "de" } }
    set(session, server.url, "sid=known; Path=/")
    assert.equal("lang=de; sid=known", sent(session, server.url))
    assert.equal("known", session.cookies:get "sid")
    session.cookies:set("sid", "mine")
    assert.equal("lang=de; sid=mine", sent(session, server.url))
    assert.equal("mine", session.cookies:get "sid")
  end))

  it("keeps a cookie that is to last for ever to the end of the calendar", inside(function()
    local jar = http.session().cookies
    for name, seconds in pairs { a = math.huge, b = 1e300 } do
      jar:set(name, "1", { max_age = seconds })
    end
    assert.same({ 253402300799, 253402300799 }, { jar:all()[1].expires, jar:all()[2].expires })
    jar:set("a", "1", { expires = -math.huge })
    assert.equal(1, #jar:all())
  end))

  it("refuses what cannot be sent", inside(function()
    local jar = http.session().cookies
    for _, attributes in ipairs { { domain = "" }, { domain = "http://x/" }, { path = "x" }, { path = "" },
      { expires = 0 / 0 }, { max_age = 0 / 0 } } do
      assert.truthy(error_of(jar.set, jar, "a", "b", attributes):find("bad argument #3 to 'cookies:set'", 1, true))
    end
    assert.truthy(error_of(jar.get, jar, "a", 5):find("bad argument #2 to 'cookies:get'", 1, true))
    for _, case in ipairs { { "a;b", "x" }, { "", "x" }, { 7, "x" }, { "a", "x;y" }, { "a", "x\r\ny" }, { "a", {} },
      { "a", "b", { colour = "red" } }, { "a", "b", { path = "a\nb" } }, { "a", "b", "c" } } do
      assert.truthy(error_of(jar.set, jar, table.unpack(case)):find("bad argument #%d to 'cookies:set'"))
    end
    assert.truthy(error_of(jar.get, nil):find("bad self", 1, true))
  end))
end)

describe("the cookies option", function()
  it("of a session goes to the origin of its base_url, or to every host", inside(function()
    local session <close> = http.session { base_url = server.url .. "/x", cookies = { a = "1", b = 2 } }
    assert.equal("a=1; b=2", sent(session, server.url))
    assert.is_nil(sent(session, server.other))
    local free <close> = http.session { cookies = { a = "1" } }
    assert.equal("a=1", sent(free, server.url))
    assert.equal("a=1", sent(free, server.other))
  end))

  it("of a request goes with that one, before those of the jar", inside(function()
    local session <close> = http.session()
    set(session, server.url, "a=jar; Path=/\nb=jar; Path=/")
    assert.equal("b=jar; a=own; c=3", sent(session, server.url, { cookies = { a = "own", c = 3 } }))
    assert.equal("a=jar; b=jar", sent(session, server.url))
    assert.equal("x=1", sent(session, server.url, { headers = { Cookie = "x=1" } }))
    local pairs_of = http.get(server.url .. "/echo", { cookies = { a = "1" } }):json().headers
    local found
    for _, pair in ipairs(pairs_of) do
      if pair[1] == "Cookie" then found = pair[2] end
    end
    assert.equal("a=1", found)
  end))

  it("stays behind when a redirect leaves the origin, for good", inside(function()
    local session <close> = http.session()
    local options = { cookies = { a = "1" } }
    assert.equal("a=1", sent(session, server.url, options, "/redirect/302?to=/echo"))
    assert.is_nil(sent(session, server.url, options, "/redirect/302?to=" .. server.other .. "/echo"))
    local there_and_back = server.other .. "/redirect/302?to=" .. server.url .. "/echo"
    assert.is_nil(sent(session, server.url, options, "/redirect/302?to=" .. there_and_back))
  end))

  it("is refused if it cannot be sent", inside(function()
    for _, given in ipairs { { ["a b"] = "1" }, { a = "1;2" }, { a = {} }, "a=1", false } do
      assert.truthy(error_of(http.get, server.url, { cookies = given }):find("bad argument #2 to 'get'", 1, true))
    end
  end))
end)

describe("a cookie file", function()
  it("brings all back, in another session", inside(function()
    local path = os.tmpname()
    local session <close> = new_session { base_url = server.url, cookies = { given = "g" } }
    set(session, at "www.example.com", "host=1; Path=/\ndomain=2; Path=/; Domain=example.com; Max-Age=100; HttpOnly")
    set(session, at("example.com", "https"), "s=3; Path=/x; Secure")
    os.remove(path)
    session.cookies:save(path)
    assert.equal(384, async.fs.stat(path).mode & 511) -- rw-------: for nobody else
    local other <close> = new_session()
    other.cookies:load(path)
    assert.same(session.cookies:all(), other.cookies:all())
    assert.equal("host=1; domain=2", sent(other, at "www.example.com"))
    assert.equal("given=g", sent(other, server.url))
    assert.is_nil(sent(other, server.other))
    os.remove(path)
  end))

  it("may be one of curl's; what is broken in it is skipped", inside(function()
    local path = os.tmpname()
    local handle <close> = io.open(path, "w")
    handle:write("# Netscape HTTP Cookie File\n\nbroken\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\r\n",
      "#HttpOnly_.example.com\tTRUE\t/\tTRUE\t4000000000\tother\t\n",
      "other.com\tFALSE\t/\tFALSE\t99999999999999999999\tlast\t\nother.com\tFALSE\t/\tFALSE\t1\tpast\t\n")
    handle:close()
    local session <close> = new_session()
    session.cookies:load(path)
    assert.equal("name=value", sent(session, server.url))
    assert.equal("other=", sent(session, at("www.example.com", "https")))
    assert.equal("last=", sent(session, at "other.com"))
    assert.equal(253402300799, session.cookies:all()[3].expires)
    os.remove(path)
  end))

  it("is saved and loaded before a run begins, too", function()
    local path = os.tmpname()
    local jar = http.session { cookies = { a = "1" } }.cookies
    jar:save(path)
    local other = http.session().cookies
    other:load(path)
    assert.same(jar:all(), other:all())
    os.remove(path)
  end)

  it("names the method that cannot wait", inside(function()
    local jar = http.session().cookies
    for _, method in ipairs { "save", "load" } do
      local message = coroutine.wrap(error_of)(jar[method], jar, "/nonexistent/cookies")
      assert.matches("cookies:" .. method .. ": cannot wait inside a coroutine", message, 1, true)
    end
  end))

  it("that is not there is a SystemError with its path", inside(function()
    local jar = http.session().cookies
    local err = error_of(jar.load, jar, "/nonexistent/cookies")
    assert.same({ "SystemError", "ENOENT", "/nonexistent/cookies" }, { err.name, err.code, err.path })
    err = error_of(jar.save, jar, "/nonexistent/cookies")
    assert.same({ "SystemError", "ENOENT", "/nonexistent/cookies" }, { err.name, err.code, err.path })
  end))
end)
