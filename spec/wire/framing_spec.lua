-- SPDX-License-Identifier: MIT
local wire = require "spec.support.wire"

local probe, workshop

setup(function() probe, workshop = wire.probe() end)
teardown(function() workshop:close() end)

local function read(bytes, is_response, ...)
  local notes, status, text = probe.read(bytes, is_response, nil, nil, ...)
  for at = 1, #bytes - 1 do
    assert.same({notes, status, text}, {probe.read(bytes, is_response, #bytes, at, ...)},
      ("cut behind byte %d"):format(at))
  end
  assert.same({notes, status, text}, {probe.read(bytes, is_response, 1, 0, ...)}, "byte by byte")
  return notes, status, text
end

local function post(headers, body)
  return ("POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s"):format(headers, body or "")
end

-- What was read of a body, and whether it has ended.
local function body_of(bytes, ...)
  local notes, status = read(bytes, ...)
  assert.is_nil(status, notes)
  local body = notes:match "\nbody [^\n]*\n(.*)"
  if body:find "\nend\n$" then return body:gsub("\nend\n$", ""), true end
  return body, false
end

local function refuses(status, bytes, ...)
  local notes, got = read(bytes, false, ...)
  assert.equal(status, got, ("%q gave %q"):format(bytes, notes))
end

describe("the length of a body", function()
  it("is what Content-Length says", function()
    assert.same({"abc", true}, {body_of(post("Content-Length: 3", "abc"))})
    assert.same({"ab", false}, {body_of(post("content-length:  3", "ab"))})
    assert.same({"", true}, {body_of(post("Content-Length: 000", ""))})
  end)

  it("is 0 for a request that says nothing", function()
    assert.same({"", true}, {body_of(post("A: b", ""))})
  end)

  it("is refused if it is no number, or said twice", function()
    for _, value in ipairs {
      "", "-1", "+1", "0x5", "5 5", "5,5", "5, 5", "1e1", "5.", "five", "9223372036854775808",
      "99999999999999999999", "٥", "5;q=1", "5\0",
    } do
      refuses(400, post("Content-Length: " .. value, "abcde"))
    end
    refuses(400, post("Content-Length: 5\r\nContent-Length: 5", "abcde"))
    refuses(400, post("Content-Length: 5\r\ncontent-length: 6", "abcde"))
  end)

  it("must not be said in two ways", function()
    refuses(400, post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"))
    refuses(400, post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"))
    refuses(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
  end)
end)

describe("a coding of the transfer", function()
  it("is one final 'chunked', in any case", function()
    for _, value in ipairs {"chunked", "Chunked", ", chunked ,"} do
      assert.same({"", true}, {body_of(post("Transfer-Encoding: " .. value, "0\r\n\r\n"))})
    end
    for _, value in ipairs {
      "", ",", "chunked, chunked", "chunked, gzip", "chunked;a=b", "chunked gzip", "\"chunked\"",
      "chunked\r\nTransfer-Encoding: chunked",
      "chunked\r\nTransfer-Encoding: identity", "chunked\r\nTransfer-Encoding: x", "chunked\v", "(chunked",
      "\0chunked", "chunked\r\n chunked",
    } do
      refuses(400, post("Transfer-Encoding: " .. value, "0\r\n\r\n"))
    end
  end)

  it("of another name is not known", function()
    for _, value in ipairs {"gzip, chunked", "identity", "xchunked", "chunkedx", "gzip", "x;a=b, chunked",
      "identity, chunked"} do
      refuses(501, post("Transfer-Encoding: " .. value, "0\r\n\r\n"))
    end
  end)
end)

describe("a body in chunks", function()
  local function chunked(body) return post("Transfer-Encoding: chunked", body) end

  it("is put together", function()
    assert.same({"hello world", true}, {body_of(chunked "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")})
    assert.same({("x"):rep(26), true}, {body_of(chunked("1A\r\n" .. ("x"):rep(26) .. "\r\n000\r\n\r\n"))})
    assert.same({"hel", false}, {body_of(chunked "5\r\nhel")})
    assert.same({"a\r\n0\r\n\r\nb", true}, {body_of(chunked "00009\r\na\r\n0\r\n\r\nb\r\n0\r\n\r\n")})
  end)

  it("may have extensions and trailers, which are dropped", function()
    assert.same({"a", true},
      {body_of(chunked '1;a;b=c; d = "e;\\"f"\r\na\r\n0 ;last\r\nA: 1\r\nContent-Length: 7\r\n\r\n')})
  end)

  it("is refused if a size is none", function()
    for _, line in ipairs {
      "", "x", "-1", "+1", "0x1", " 1", "1 ", "1\t", "1 2", "1,", "1;", "1;=a", "1;a=", "1;a b", '1;a="b',
      '1;a="b"c', "1;a\0", "1;a\1", "1;\r",
      "1000000000000000", "ffffffffffffffff", "10000000000000000", "0000000000000001", "1\rx", "g", "1;a=b\rc",
      "1;a=\"\1\"",
    } do
      refuses(400, chunked(line .. "\r\na\r\n0\r\n\r\n"))
    end
  end)

  it("is refused where a line end is none", function()
    for _, body in ipairs {
      "1\na\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na0\r\n\r\n", "1\r\na\r\n0\n\r\n",
      "1\r\na\r\n0\r\n\n",
      "1\r\na\r\r\n0\r\n\r\n", "1;a\na\r\n0\r\n\r\n", "\r\n1\r\na\r\n0\r\n\r\n",
    } do
      refuses(400, chunked(body))
    end
  end)

  it("is refused with trailers that are none", function()
    for _, line in ipairs {"A", "A : 1", " A: 1", ": 1", "A: 1\r\n b", "A: \0", "A: \r1", "A: 1\nB: 2"} do
      refuses(400, chunked("0\r\n" .. line .. "\r\n\r\n"))
    end
  end)

  it("has limits for extensions and trailers as for heads", function()
    local long = ("x"):rep(100)
    assert.same({"a", true}, {body_of(chunked("1;" .. long .. "\r\na\r\n0\r\n\r\n"), false, 128)})
    refuses(431, chunked("1;" .. long .. "\r\na\r\n1;" .. long .. "\r\na\r\n0\r\n\r\n"), 128)
    refuses(431, chunked("1;" .. long .. long), 128)
    refuses(431, chunked("0\r\nA: " .. long .. "\r\nB: " .. long .. "\r\n\r\n"), 128)
    refuses(431, chunked "0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", nil, nil, 2)
    refuses(431, chunked(("1"):rep(400)), 128)
  end)
end)

describe("a response", function()
  local function response(line, headers, body)
    return ("HTTP/1.1 %s\r\n%s\r\n%s"):format(line, headers or "", body or "")
  end

  it("is read with its status and phrase", function()
    assert.equal("404 Not Found 1.1\nA=1\nbody sized, persists\nabc\nend\n",
      (read(response("404 Not Found", "A: 1\r\nContent-Length: 3\r\n", "abc") .. "",
      true)):gsub("\nContent%-Length=3", ""))
    for _, line in ipairs {"200", "200 ", "200 OK", "200 \xc3\xa4"} do
      assert.is_nil(select(2, read(response(line), true)), line)
    end
  end)

  it("has no body with 1xx, 204 and 304, whatever is said", function()
    for _, status in ipairs {"100", "103", "204", "304"} do
      local notes = read(response(status, "Content-Length: 5\r\n"), true)
      assert.matches("body none", notes)
    end
  end)

  it("goes on to the end of the connection if nothing else is said", function()
    assert.same({"all of it\nend", false}, {body_of(response("200 OK", "", "all of it\nend"), true)})
  end)

  it("comes in chunks", function()
    assert.same({"a", true}, {body_of(response("200 OK", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"),
      true)})
  end)

  -- What RFC 9112 has the reader of a response take (sections 5.2, 6.1 and 6.3), but of a request refuse.
  it("may fold headers, say its length twice, and have a coding beside it", function()
    local folded = response("200 OK", "A: 1\r\n  b\r\n\tc\r\nContent-Length: 3\r\ncontent-length: 3\r\n", "abc")
    assert.same({"abc", true}, {body_of(folded, true)})
    local both = response("200 OK", "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n")
    assert.same({"a", true}, {body_of(both, true)})
    assert.same({"all", false}, {body_of(response("200 OK", "Transfer-Encoding: odd\r\n", "all"), true)})
  end)

  it("is refused if it is none", function()
    for _, bytes in ipairs {
      "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 O\0K\r\n\r\n", "HTTP/x.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\n\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\n A: 1\r\n\r\n", "\0",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1\r\n b\0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n , gzip\r\n\r\n",
    } do
      assert.is_not_nil((select(2, read(bytes, true))), bytes)
    end
  end)
end)

describe("what is written", function()
  it("is a date as HTTP has it", function()
    for _, seconds in ipairs {0, 784111777, 951782400, 951868799, 1709164800, 1735689599, 4102444800, 253402300799} do
      assert.equal(os.date("!%a, %d %b %Y %H:%M:%S GMT", seconds), probe.date(seconds))
    end
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", probe.date(784111777))
  end)

  it("is a number, or the size of a chunk", function()
    assert.equal("0", probe.decimal(0))
    assert.equal("9223372036854775807", probe.decimal(math.maxinteger))
    assert.equal("0\r\n", probe.chunk(0))
    assert.equal("ffff\r\n", probe.chunk(65535))
  end)
end)
