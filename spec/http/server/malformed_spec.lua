-- SPDX-License-Identifier: MIT
-- Requests that are none, byte for byte: each with its status, after which the connection is closed. However they are
-- cut, nothing else comes out.
local async = require "saros"
local serving = require "spec.support.serving"
local tasks = require "spec.support.tasks"

local HOST = "Host: x\r\n"
local GET, POST = "GET / HTTP/1.1\r\n" .. HOST, "POST / HTTP/1.1\r\n" .. HOST
local CHUNKED = POST .. "Transfer-Encoding: chunked\r\n\r\n"

-- By name, status and bytes.
local malformed = {
  ["no line of HTTP"] = { 400, "hello\r\n\r\n" },
  ["the hello of TLS"] = { 400, "\22\3\1\2\0\1\0\1\252\3\3" },
  ["HTTP/0.9"] = { 400, "GET /\r\n\r\n" },
  ["HTTP/2"] = { 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
  ["a lower-case version"] = { 400, "GET / http/1.1\r\n" .. HOST .. "\r\n" },
  ["two blanks"] = { 400, "GET  / HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a blank in the target"] = { 400, "GET /a b HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a bare LF"] = { 400, "GET / HTTP/1.1\nHost: x\n\n" },
  ["a bare LF behind a header"] = { 400, "GET / HTTP/1.1\r\nHost: x\n\r\n" },
  ["a bare CR"] = { 400, GET .. "A: b\rc\r\n\r\n" },
  ["a NUL"] = { 400, GET .. "A: b\0c\r\n\r\n" },
  ["a NUL in the target"] = { 400, "GET /\0 HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a NUL behind an escape"] = { 400, "GET /a%00b HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a broken escape"] = { 400, "GET /a%2 HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a blank before the colon"] = { 400, GET .. "A : b\r\n\r\n" },
  ["a blank before the colon of Content-Length"] = { 400, POST .. "Content-Length : 5\r\n\r\nhello" },
  ["a folded line"] = { 400, GET .. "A: b\r\n c\r\n\r\n" },
  ["a line without a colon"] = { 400, GET .. "A\r\n\r\n" },
  ["no Host"] = { 400, "GET / HTTP/1.1\r\n\r\n" },
  ["two Hosts"] = { 400, GET .. HOST .. "\r\n" },
  ["a Host that is none"] = { 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
  ["an empty Host"] = { 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
  ["two equal lengths"] = { 400, POST .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" },
  ["two lengths in one"] = { 400, POST .. "Content-Length: 5, 5\r\n\r\nhello" },
  ["a length in hexadecimal"] = { 400, POST .. "Content-Length: 0x5\r\n\r\nhello" },
  ["a length with a sign"] = { 400, POST .. "Content-Length: +5\r\n\r\nhello" },
  ["a length with an underscore"] = { 400, POST .. "Content-Length: 1_0\r\n\r\n0123456789" },
  ["a length in other digits"] = { 400, POST .. "Content-Length: \u{661}\r\n\r\nh" },
  ["a length below zero"] = { 400, POST .. "Content-Length: -5\r\n\r\nhello" },
  ["a length that overflows"] = { 400, POST .. "Content-Length: 18446744073709551621\r\n\r\nhello" },
  ["an empty length"] = { 400, POST .. "Content-Length:\r\n\r\nhello" },
  ["a length beside chunks"] = { 400, POST .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  ["chunks beside a length"] = { 400, POST .. "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" },
  ["an unknown coding"] = { 501, POST .. "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
  ["a coding that only begins like chunked"] = { 501, POST .. "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n" },
  ["chunked twice"] = { 400, POST .. "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" },
  ["chunked in two lines"] = { 400, POST
    .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  ["something behind chunked"] = { 400, POST .. "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" },
  ["chunked behind a tab of its own"] = { 400, POST .. "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" },
  ["chunks in HTTP/1.0"] = { 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  ["a chunk with 0x"] = { 400, CHUNKED .. "0x5\r\nhello\r\n0\r\n\r\n" },
  ["a chunk with a sign"] = { 400, CHUNKED .. "+5\r\nhello\r\n0\r\n\r\n" },
  ["a chunk with an underscore"] = { 400, CHUNKED .. "1_0\r\n0123456789012345\r\n0\r\n\r\n" },
  ["a chunk that overflows"] = { 400, CHUNKED .. "10000000000000005\r\nhello\r\n0\r\n\r\n" },
  ["a chunk with a blank behind its size"] = { 400, CHUNKED .. "5 \r\nhello\r\n0\r\n\r\n" },
  ["a chunk with a bare LF"] = { 400, CHUNKED .. "5\nhello\r\n0\r\n\r\n" },
  ["a chunk with a bare LF in its extension"] = { 400, CHUNKED .. "5;a\nb\r\nhello\r\n0\r\n\r\n" },
  ["a chunk that is longer than its size"] = { 400, CHUNKED .. "4\r\nhello\r\n0\r\n\r\n" },
  ["a chunk without its line end"] = { 400, CHUNKED .. "5\r\nhello0\r\n\r\n" },
  ["a trailer that is none"] = { 400, CHUNKED .. "0\r\nA : b\r\n\r\n" },
  ["an asterisk with GET"] = { 400, "GET * HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["another scheme"] = { 400, "GET ftp://x/ HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a fragment"] = { 400, "GET /#a HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a long target"] = { 414, "GET /" .. ("a"):rep(64) .. " HTTP/1.1\r\n" .. HOST .. "\r\n" },
  ["a long header"] = { 431, GET .. "A: " .. ("a"):rep(128) .. "\r\n\r\n" },
  ["many headers"] = { 431, GET .. "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n" },
  ["a long extension of a chunk"] = { 431, CHUNKED .. "5;a=" .. ("b"):rep(128) .. "\r\nhello\r\n0\r\n\r\n" },
  ["many trailers"] = { 431, CHUNKED .. "0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n" },
}

local options = { max_header_size = 128, max_target = 48, max_headers = 4 }

local function handler(request)
  return "read " .. request:text()
end

describe("what is no request:", function()
  for name, case in pairs(malformed) do
    local status, bytes = table.unpack(case)
    it(name .. (" gives %d, however it is cut"):format(status), serving.with(handler, options, function(site)
      for cut = 0, #bytes - 1 do
        local stream <close> = site:connect()
        stream:write(bytes:sub(1, cut))
        tasks.turns(2)
        pcall(stream.write, stream, bytes:sub(cut + 1))
        local response = serving.parse(stream:read_all())
        assert.equal(status, response.status, ("cut behind byte %d"):format(cut))
        assert.equal("close", response.headers.connection)
      end
    end))
  end

  it("a request behind it is not read", serving.with(handler, options, function(site)
    local response = site:ask(POST .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\n" .. GET .. "\r\n", true)
    local _, count = response:gsub("HTTP/1%.1", "")
    assert.equal(1, count)
  end))

  it("is no failure, and nobody hears of it", serving.with(handler, nil, function(site)
    tasks.reported(function(reports)
      site:ask(CHUNKED .. "x\r\n\r\n", true)
      site:ask("hello\r\n\r\n", true)
      assert.equal(0, #reports)
      assert.equal(0, site.server:stats().failed)
    end)
  end))

  it("empty lines before a request are none of it", serving.with(handler, nil, function(site)
    assert.equal(200, serving.parse(site:ask("\r\n\r\n" .. GET .. "\r\n")).status)
  end))

  it("other clients are served meanwhile", serving.with(handler, nil, function(site)
    local stream <close> = site:connect()
    stream:write "GET / HT"
    assert.equal(200, site:fetch("GET /").status)
    async.sleep(0)
  end))
end)
