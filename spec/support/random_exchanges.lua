-- SPDX-License-Identifier: MIT
-- Exchanges of HTTP/1.1 at random, good and bad ones: what a client asks for, and what a server does. The same seed
-- gives the same exchanges, whatever is made of them. Left out is what libcurl is known to take otherwise (docs/http.md
-- says what that is): versions of HTTP beyond 1.1, connections of HTTP/1.0 that are to be kept, a response 417 to
-- `Expect`.

local random_exchanges = {}

local random = math.random

local function pick(list)
  return list[random(#list)]
end

local function one_in(count)
  return random(count) == 1
end

local function hex(digits)
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- "hello, hello, ..." in each encoding.
local ENCODED = {
  gzip = hex "1f8b0800000000000203cb48cdc9c9d751c8180c140003386e2f8c000000",
  deflate = hex "789ccb48cdc9c9d751c8180c14002f9b2f81",
  br = hex "1f8b00f88d946ede44095286966c2c6f115b24f01f07",
  zstd = hex "28b52ffd208c7500003868656c6c6f2c2001000251c508",
}
ENCODED["x-gzip"] = ENCODED.gzip
local ENCODINGS = { "gzip", "deflate", "br", "zstd", "x-gzip", "gzip, deflate", "identity", "unheard-of", "GZip" }

-- The bytes, damaged at random.
local function damaged(bytes)
  local at = random(#bytes)
  return pick {
    bytes:sub(1, at), bytes .. "rest", bytes .. bytes, bytes:sub(at),
    bytes:sub(1, at - 1) .. string.char(random(0, 255)) .. bytes:sub(at + 1),
  }
end

local function content()
  return pick { "", "x", "hello", ("line\r\n"):rep(5), "{\"a\":[1,2.5,null]}", "{\"a\":", "\0\1\2\255", ("y"):rep(3000),
    ("z"):rep(70000) }
end

-- ---- answers ----------------------------------------------------------------------------------------------------

local STATUSES = { 200, 200, 200, 200, 201, 204, 206, 300, 304, 400, 401, 404, 407, 417, 421, 429, 500, 503, 599, 999 }
local REDIRECTS = { 301, 302, 303, 307, 308, 305, 306, 309 }

local START_LINES = {
  "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 OK", "HTTP/1.1 200 Very \195\164 fine", "HTTP/1.1  200 OK",
  "http/1.1 200 OK", "HTTP/0.9 200 OK", "HTTP/1.1 99 X",
  "HTTP/1.1 1000 X", "HTTP/1.1 20x OK", "HTTP/1.1 2000K", "HTTP/1.1\t200 OK", "HTTP/1.1", "garbage", "",
  "\r\nHTTP/1.1 200 OK",
  " HTTP/1.1 200 OK", "ICY 200 OK", "HTTP/1.1 -20 X", "HTTP/1.1 000 X", "HTTP/1.1 200 a\0b", "HTTP/11 200 OK",
}

local ODD_FIELDS = {
  "No-Colon", "Space : before", ": no name", " folded", "\tfolded", "Empty:", "X-A: a\0b", "X-B: \195\164\255",
  "X-C:\t padded \t", "X(D): no token", "X-E: a\rb", "X-F: 1\r\nX-F: 2\r\nx-f: 3", "X-G: a\r\n b",
  "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Max-Age=0", "Set-Cookie: c", "Connection: close",
  "Connection: keep-alive", "Connection: X, close",
  "Keep-Alive: timeout=5", "Upgrade: h2c", "Location: /elsewhere", "Retry-After: 0",
  "Content-Type: text/plain; charset=x", "Trailer: X-T", "Date: never", "X-Long: " .. ("l"):rep(20000),
  "X-Longest: " .. ("l"):rep(270000), ("X-Many: m\r\n"):rep(300) .. "X-Last: 1",
  "WWW-Authenticate: Basic realm=x", "Content-Encoding: gzip",
}

local LENGTHS = { "%d, %d", "+%d", "0x%x", " %d ", "", "-1", "%d.0", "%d;", "99999999999999999999", "0%d", "1%d", "x" }
local CODINGS = { "chunked", "Chunked", "gzip, chunked", "chunked, chunked", "identity", "chunked, gzip", "unheard-of",
  "chunked;a=b", "", "\"chunked\"", "xchunked" }

local function chunked(bytes)
  local parts, at = {}, 1
  while at <= #bytes do
    local size = math.min(random(1, 40000), #bytes - at + 1)
    local header = pick { "%x", "%X", "0%x", "%x;a=b", "%x ; a=\"b;\"", "%x" }
    parts[#parts + 1] = header:format(size) .. "\r\n" .. bytes:sub(at, at + size - 1) .. "\r\n"
    at = at + size
  end
  local trailers = pick { "", "", "X-T: 1\r\n", "X-T: 1\r\nX-U: 2\r\n", "Content-Length: 3\r\n" }
  local text = table.concat(parts) .. pick { "0", "0", "00", "0;a" } .. "\r\n" .. trailers .. "\r\n"
  if not one_in(5) then return text end
  return pick {
    (text:gsub("\r\n", "\n")), "g\r\n" .. text, "\r\n" .. text, "-1\r\n" .. text, "ffffffffffffffff1\r\n" .. text,
    text .. "more", "5" .. text, " " .. text, "0x" .. text, text:sub(1, -3), text:sub(1, -3) .. "no colon\r\n\r\n",
    text:sub(1, -3) .. " folded: 1\r\n\r\n", text:sub(1, -3) .. "X: " .. ("t"):rep(300000) .. "\r\n\r\n",
    "5;" .. ("e"):rep(300000) .. text,
  }
end

-- What frames the body: header lines, and the body as it is sent.
local function framing(body)
  local kind = random(12)
  if kind <= 4 then return { ("Content-Length: %d"):format(#body) }, body end
  if kind <= 7 then return { "Transfer-Encoding: chunked" }, chunked(body) end
  if kind == 8 then return {}, body end
  if kind == 9 then return { "Content-Length: " .. pick(LENGTHS):gsub("%%[dx]", #body) }, body end
  if kind == 10 then return { "Transfer-Encoding: " .. pick(CODINGS) }, one_in(2) and chunked(body) or body end
  local line = ("Content-Length: %d"):format(#body)
  if kind == 11 then return { line, one_in(2) and line or ("Content-Length: %d"):format(#body + 1) }, body end
  return { line, "Transfer-Encoding: chunked" }, chunked(body)
end

local function place(count)
  return pick { "/" .. random(count), "/a/../b?c#d", "?q", "", "//127.0.0.1:%PORT%/x", "http://127.0.0.1:%PORT%/y",
    "#f", "http://user:secret@127.0.0.1:%PORT%/z", "http://localhost:%PORT%/l", "ftp://127.0.0.1/", "http://[",
    "/\195\164 b",
    "http://127.0.0.1:1/", "/%zz", "x\ty" }
end

local function interim()
  return pick { "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 102 X\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    ("HTTP/1.1 103 E\r\n\r\n"):rep(200), "HTTP/1.1 199 X\r\nSet-Cookie: i=1\r\nTransfer-Encoding: chunked\r\n\r\n" }
end

local function head_and_body(expects)
  local body, lines = content(), {}
  local status = one_in(3) and pick(STATUSES) or 200
  if expects and status == 417 then status = 418 end
  if one_in(6) then
    status = pick(REDIRECTS)
    lines[1] = "Location: " .. place(9)
  end
  if one_in(5) then
    local encoding = pick(ENCODINGS)
    lines[#lines + 1] = "Content-Encoding: " .. encoding
    body = ENCODED[encoding:lower()] or ENCODED.gzip
    if one_in(2) then body = damaged(body) end
  end
  local framed, sent = framing(body)
  table.move(framed, 1, #framed, #lines + 1, lines)
  for _ = 1, one_in(2) and random(2) or 0 do table.insert(lines, random(#lines + 1), pick(ODD_FIELDS)) end
  local start = one_in(15) and pick(START_LINES) or ("HTTP/1.%d %d Reason"):format(one_in(8) and 0 or 1, status)
  if start:find "^HTTP/1%.0" then
    for i, line in ipairs(lines) do
      if line == "Connection: keep-alive" then lines[i] = "Connection: other" end
    end
  end
  local head = start .. "\r\n" .. table.concat(lines, "\r\n") .. (#lines > 0 and "\r\n\r\n" or "\r\n")
  if one_in(25) then head = head:gsub("\r\n", "\n") end
  if one_in(10) then head = interim() .. head end
  return head, sent
end

-- The bytes in pieces that are sent apart.
local function pieces(bytes)
  local list, at = {}, 1
  for _ = 1, one_in(2) and random(3) or 0 do
    local till = random(at, math.max(at, math.min(#bytes, at + 400)))
    list[#list + 1] = bytes:sub(at, till)
    at = till + 1
  end
  list[#list + 1] = bytes:sub(at)
  return list
end

-- What a server does with one request: how much of it it reads, what it sends, and how it goes on.
local function answer(expects)
  local head, body = head_and_body(expects)
  local bytes = head .. body
  local result = { reads = one_in(12) and "head" or "all", ends = pick { "keep", "keep", "keep", "close", "half" } }
  if one_in(8) then
    bytes, result.ends = bytes:sub(1, random(0, #bytes)), pick { "close", "reset", "stall", "half" }
  elseif one_in(15) then
    bytes, result.ends = bytes .. pick { "x", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "\r\n" }, "keep"
  end
  result.pieces = pieces(bytes)
  return result
end

-- ---- requests ---------------------------------------------------------------------------------------------------

local METHODS = { "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
  "PROPFIND", "get", "Post" }

local HEADERS = {
  { Accept = "text/x" }, { Accept = false }, { ["User-Agent"] = false }, { ["user-agent"] = "me" },
  { X = { "1", "2" } }, { Empty = "" }, { Expect = "100-continue" }, { Expect = "other" }, { Host = "elsewhere" },
  { Connection = "close" },
  { Connection = "keep-alive" }, { ["Content-Type"] = "x/y" }, { ["Content-Type"] = false }, { Cookie = "own=1" },
  { ["Accept-Encoding"] = false }, { ["Accept-Encoding"] = "gzip" }, { Range = "bytes=0-1" }, { Referer = "r" },
  { ["Content-Length"] = "3" }, { ["Transfer-Encoding"] = "chunked" }, { Authorization = "own" }, { Host = false },
  { Long = ("h"):rep(20000) }, { ["Proxy-Authorization"] = "p" }, { TE = "trailers" }, { Upgrade = "x" },
  { ["X-Spaces"] = "  a  " }, { Number = 12 },
}

-- Bodies are made anew for each run: generators are used up.
local BODIES = {
  function() return "body", "text" end,
  function() return "body", "" end,
  function() return "body", ("b"):rep(200000) end,
  function() return "body", ("B"):rep(1100000) end,
  function()
    local left = { "one", "", "two", ("3"):rep(70000) }
    return "body", function() return table.remove(left, 1) end
  end,
  function() return "body", function() return nil end end,
  function()
    local count = 0
    return "body", function()
      count = count + 1
      if count == 3 then error("the generator fails", 0) end
      return "piece"
    end
  end,
  function() return "json", { 1, "two", { three = 3 } } end,
  function() return "form", { a = "1 2", b = { "x", "y&" } } end,
  function() return "multipart", { field = "text", file = { data = "data", filename = "f.txt" } } end,
  function() return "multipart", { { name = "a", path = "spec/support/bodies.lua", content_type = "x/y" } } end,
}

local OPTIONS = {
  function(options) options.max_body_size = pick { 0, 1, 5, 1000 } end,
  function(options) options.redirect = pick { "manual", "error", "follow" } end,
  function(options) options.max_redirects = pick { 0, 1, 2 } end,
  function(options) options.auth = pick { { "user", "secret" }, { bearer = "token" }, { user = "u" } } end,
  function(options) options.cookies = { k = "v", l = "w" } end,
  function(options) options.retries = pick { 1, { attempts = 2, delay = 0.001 } } end,
  function(options) options.query = { a = "b c", d = { "1", "2" } } end,
  function(options) options.timeout.total = 0.3 end,
}

-- Options that set up connections hold for all requests of a case: which requests share one is left to each way.
local CONNECTIONS = {
  { http_version = "1.1" }, { resolve = "127.0.0.1" }, { resolve = "127.0.0.1,[::1]" }, { local_address = "127.0.0.1" },
}

local PATHS = { "/", "/path?query#fragment", "", "/a%20b/../c", "/./x//y", "?only", "/\195\164", "/a b", "/%2e%2e/",
  "/;p=1", "/|{}^`\"<>\\" }
local USES = { "text", "text", "text", "text", "read", "lines", "chunks", "json", "status", "close", "part", "save" }

local function request()
  local options = { method = pick(METHODS), timeout = { read = 0.4 } }
  if one_in(3) then options.headers = pick(HEADERS) end
  if one_in(8) then options.headers = { Expect = "100-continue" } end
  local with_body = one_in(3) or options.headers and options.headers.Expect
  for _ = 1, one_in(2) and random(2) or 0 do pick(OPTIONS)(options) end
  return {
    options = options, body = with_body and random(#BODIES) or nil, path = pick(PATHS), use = pick(USES),
    progress = one_in(8), cancel = one_in(12) and pick { "unanswered", "stalled" } or nil,
  }
end

-- ---- the way to the server ----------------------------------------------------------------------------------------

-- What a proxy says to CONNECT: pieces, and whether it stays to be spoken through.
local TUNNELS = {
  { "HTTP/1.1 200 OK\r\n\r\n", stays = true }, { "HTTP/1.1 200 OK\r\n\r\n", stays = true },
  { "HTTP/1.1 200 OK\r\n\r\n", stays = true }, { "HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n", stays = true },
  { "HTTP/1.1 2", "99 Odd\r\nContent-Length: 5\r\n", "\r\n", stays = true },
  { "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 3\r\n\r\nno!" },
  { "HTTP/1.1 502 Bad\r\n\r\n" }, { "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" },
  { "garbage\r\n\r\n" }, { "HTTP/1.1 200 OK\r\n" }, {}, { silent = true },
  { "HTTP/1.1 200 OK\r\nX-Longest: " .. ("m"):rep(300000) .. "\r\n\r\n" },
}
local HANDSHAKES = { "good", "good", "good", "good", "good", "good", "silent", "garbage", "close", "expired" }
local PROXIES = { "http://127.0.0.1:%d", "http://user:secret@127.0.0.1:%d" }

-- Plain HTTP to the server itself, more often than not.
local function way()
  if one_in(2) then return { kind = "plain" } end
  local found = { kind = pick { "tls", "proxy", "tunnel" }, handshake = pick(HANDSHAKES), proxy = pick(PROXIES) }
  found.tunnel = pick(TUNNELS)
  return found
end

local function expects(asked)
  return asked.options.headers and asked.options.headers.Expect == "100-continue"
end

---One case: requests of one session, one after another, and what the server does with those that come.
function random_exchanges.new(seed)
  math.randomseed(seed)
  local case = { requests = {}, answers = {}, way = way() }
  local is_plain, some_expects = case.way.kind == "plain", false
  case.unix = is_plain and one_in(10)
  case.connection = is_plain and one_in(4) and pick(CONNECTIONS) or {}
  for i = 1, random(3) do
    case.requests[i] = request()
    some_expects = some_expects or expects(case.requests[i])
  end
  for i = 1, 8 do case.answers[i] = answer(some_expects) end
  return case
end

-- What has the request take its way: through a proxy, which is at the same port, or over TLS.
local function set_way(options, way_there, port, ca_file)
  local kind = way_there.kind
  if kind == "proxy" or kind == "tunnel" then options.proxy = way_there.proxy:format(port) end
  if kind == "tls" or kind == "tunnel" then
    options.ca_file, options.http_version, options.timeout.connect = ca_file, "1.1", 0.4
  end
end

---The options of a request, complete: with a body, and what sets up the connection to that port.
function random_exchanges.options(case, asked, port, ca_file)
  local options = {}
  for name, value in pairs(asked.options) do options[name] = value end
  for name, value in pairs(case.connection) do options[name] = value end
  set_way(options, case.way, port, ca_file)
  if options.resolve then options.resolve = { ["named.test:" .. port] = options.resolve } end
  if asked.body then
    local name, value = BODIES[asked.body]()
    options[name] = value
  end
  return options
end

return random_exchanges
