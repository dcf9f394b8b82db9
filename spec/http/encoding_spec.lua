-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.error_of

local TEXT = ("hello, "):rep(20)

-- The text in each format, in base64.
local GZIP = "H4sIAAAAAAACA8tIzcnJ11HIGAwUAAM4bi+MAAAA"
local ZLIB = "eJzLSM3JyddRyBgMFAAvmy+B"
local RAW = "y0jNycnXUcgYDBQA"
local BROTLI = "H4sA+I2Ubt5ECVKGlmwsbxFbJPAfBw=="
local ZSTD = "KLUv/SCMdQAAOGhlbGxvLCABAAJRxQg="

-- 100 MiB of zeros, in 93 bytes of brotli.
local BOMB = "z///f/gnAOKxQCD3/p/////wTwDEYQGA7v0/////4Z8AiMMiAN37f/7//8M/ARCHBQC69//8//+HfwIgDgsAdO//+f//D/8EQBwW"
  .. "AOje/+f//w/+CYA4LADQvf8B"
local BOMB_SIZE = 104857600

-- Gzipped three times: a short text, itself gzipped, and 256 MiB of zeros behind it that mean nothing.
local PADDED = "H4sIAAAAAAACA5Pv5mAAASbmt3f2ax8plDn+MV9EvHNKQFG4WdncsxqrT9onGO7ofMgToaI5+6qGiFnqh+QP9gbSPGxqcw++jPjL"
  .. "ev/6Y8PaZ99/vLq8eVe8ptWuXfffrWfbluV89G5CacWXoqVRL+ujovZJ3pwt+X/Pvsj1dWfO1Obm2Ww7d76KC2jtgiP31ldV77bq"
  .. "//m+u/lxMEjkjZya+r9/fFvy0svnMAMFvNavv7nibx6j/tvnXcVAvsNL3/138//nMba/vbpS+DtQpOHSbhEeEK3RxAikJrgagHy0"
  .. "iYMNpFriIIhzQkkCREWygExU6E4AcVoEwZp0RjVRril1482IFz6MW69/e3UrgpHhw/yqpXVf9lnHiTjb/51Zbpb8m5kBALQXWEZq"
  .. "AgAA"

-- BOMB as a frame of zstd: blocks of 128 KiB, each of one byte that is repeated.
local function zstd_bomb()
  local block, count = 1 << 17, BOMB_SIZE >> 17
  local parts = { "\x28\xB5\x2F\xFD\x00\x58" }
  for i = 1, count do
    parts[#parts + 1] = ("<I3B"):pack((i == count and 1 or 0) | 1 << 1 | block << 3, 0)
  end
  return table.concat(parts)
end

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function from_base64(text)
  local bits = text:gsub("=", ""):gsub(".", function(char)
    local value, result = digits:find(char, 1, true) - 1, ""
    for i = 5, 0, -1 do
      result = result .. (value >> i & 1)
    end
    return result
  end)
  return (bits:gsub("%d%d?%d?%d?%d?%d?%d?%d?", function(byte)
    return #byte == 8 and string.char(tonumber(byte, 2)) or ""
  end))
end

local function to_base64(bytes)
  local bits = bytes:gsub(".", function(char)
    local value, result = char:byte(), ""
    for i = 7, 0, -1 do
      result = result .. (value >> i & 1)
    end
    return result
  end)
  bits = bits .. ("0"):rep(-#bits % 6)
  local text = bits:gsub("......", function(group)
    local index = tonumber(group, 2) + 1
    return digits:sub(index, index)
  end)
  return text .. ("="):rep(-#text % 4)
end

-- A response whose body is `data` (base64), with this Content-Encoding, sent `step` bytes at a time.
local function encoded(as, data, step, options)
  options = options or {}
  options.query = { ["as"] = as, data = data, step = step or 0 }
  return http.get(server.url .. "/encoded", options)
end

-- A body that is `data`, changed as bytes.
local function altered(as, data, change)
  return encoded(as, to_base64(change(from_base64(data))))
end

local function memory()
  collectgarbage()
  local file = not os.getenv "ASAN_OPTIONS" and io.open("/proc/self/statm", "r") -- whose own memory is not ours
  if not file then return 0 end
  local _, resident = file:read("n", "n")
  file:close()
  return resident * 4096
end

local formats = { gzip = GZIP, ["x-gzip"] = GZIP, GZip = GZIP, deflate = ZLIB, br = BROTLI, zstd = ZSTD }

describe("an encoded body", function()
  it("is asked for, unless the caller says something else", inside(function()
    local function accepted(options)
      for _, pair in ipairs(http.get(server.url .. "/echo", options):json().headers) do
        if pair[1]:lower() == "accept-encoding" then return pair[2] end
      end
    end
    assert.equal("gzip, deflate, br, zstd", accepted())
    assert.equal("gzip;q=0.5", accepted { headers = { ["accept-encoding"] = "gzip;q=0.5" } })
    assert.is_nil(accepted { headers = { ["Accept-Encoding"] = false } })
    assert.equal("identity", accepted { headers = { Range = "bytes=0-9" } })
  end))

  for as, data in pairs(formats) do
    it("is decoded: " .. as, inside(function()
      local response = encoded(as, data)
      assert.equal(TEXT, response:text())
      assert.equal(TEXT, response:text())
      assert.equal(as, response.headers["content-encoding"])
      assert.equal(TEXT, encoded(as, data, 1):text())
    end))

    it("is decoded as it is read: " .. as, inside(function()
      local response, pieces = encoded(as, data, 5), {}
      for piece in function() return response:read(9) end do
        assert.truthy(#piece <= 9)
        pieces[#pieces + 1] = piece
      end
      assert.equal(TEXT, table.concat(pieces))
      assert.is_nil(response:read())
    end))

    it("is an error when it is cut short, after what had arrived: " .. as, inside(function()
      for cut = 1, 4 do
        local response = altered(as, data, function(bytes)
          return bytes:sub(1, -cut - 1)
        end)
        local err = error_of(response.text, response)
        assert.same({ "FetchError", "ETRUNCATED", response }, { err.name, err.code, err.response })
        assert.equal("ETRUNCATED", error_of(response.text, response).code)
      end
    end))

    it("is an error when it is something else: " .. as, inside(function()
      local response = altered(as, data, function(bytes)
        return as == "br" and ("\255"):rep(50) or "this is " .. bytes
      end)
      assert.equal(200, response.status)
      local err = error_of(response.text, response)
      assert.same({ "FetchError", "EDECODE" }, { err.name, err.code })
      assert.equal("EDECODE", error_of(response.read, encoded(as, to_base64(("\255"):rep(50)))).code)
    end))
  end

  it("may be deflate without zlib's frame", inside(function()
    assert.equal(TEXT, encoded("deflate", RAW):text())
    assert.equal(TEXT, encoded("deflate", RAW, 1):text())
  end))

  it("may be several members of gzip, or frames of zstd", inside(function()
    for as, data in pairs { gzip = GZIP, zstd = ZSTD } do
      for _, step in ipairs { 0, 1, 7 } do
        local three = to_base64(from_base64(data):rep(3))
        assert.equal(TEXT:rep(3), encoded(as, three, step):text())
      end
      local err = error_of(function()
        return altered(as, data, function(bytes)
          return bytes .. bytes:sub(1, -3)
        end):text()
      end)
      assert.equal("ETRUNCATED", err.code)
    end
  end))

  it("may have zeros behind gzip, and nothing else behind any", inside(function()
    local function with(tail)
      return function(bytes)
        return bytes .. tail
      end
    end
    assert.equal(TEXT, altered("gzip", GZIP, with "\0\0\0"):text())
    for as, data in pairs(formats) do
      local response = altered(as, data, with "garbage!")
      assert.equal("EDECODE", error_of(response.text, response).code)
    end
  end))

  it("may be encoded several times", inside(function()
    local twice = "H4sIAAAAAAACA6uYc9rj7MmT1wNPSPCIMOjP1m8EAMKuIowSAAAA"
    assert.equal(TEXT, encoded("deflate, gzip", twice):text())
    assert.equal(TEXT, encoded("identity, deflate,gzip", twice, 1):text())
  end))

  it("passes through where its encoding is unknown", inside(function()
    assert.equal("hello", encoded("compress", to_base64 "hello"):text())
    assert.equal("hello", encoded("gzip, secret", to_base64 "hello"):text())
    assert.equal("hello", encoded("identity", to_base64 "hello"):text())
  end))

  it("may be empty, as that of HEAD is", inside(function()
    assert.equal("", encoded("gzip", ""):text())
    assert.is_nil(encoded("br", ""):read())
    assert.equal("", http.head(server.url .. "/encoded", { query = { ["as"] = "gzip", data = GZIP } }):text())
  end))

  it("that is broken is called that, even if the connection has ended before it was read", inside(function()
    local session <close> = http.session()
    local head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"
    local body = from_base64(GZIP):gsub("[\128-\255]", function(char) return utf8.char(char:byte()) end)
    local response = session:get(rogue:script({ "send", head .. body .. "no gzip" }, { "close" }))
    assert.truthy(tasks.eventually(function() return session:stats().active == 0 end))
    local parts = {}
    local err = error_of(function()
      for part in response:chunks() do parts[#parts + 1] = part end
    end)
    assert.same({ TEXT, "EDECODE", 1 }, { table.concat(parts), err.code, session:stats().failed })
  end))

  it("gives lines and JSON", inside(function()
    local lines = {}
    for line in encoded("gzip", GZIP):lines() do
      lines[#lines + 1] = line
    end
    assert.same({ TEXT }, lines)
    local response = encoded("zstd", ZSTD)
    assert.equal("EJSON", error_of(response.json, response).code)
  end))

  it("can be read after the run in which it arrived whole", function()
    local response = async.run(function()
      local held = encoded("gzip", GZIP)
      held:read(1)
      return held
    end)
    assert.equal(TEXT:sub(2), response:read())
    assert.is_nil(response:read())
  end)

  it("holds no slot once it has arrived, though nobody has read it", inside(function()
    local session <close> = http.session { limit = 1 }
    local query = { ["as"] = "br", data = BROTLI }
    local first = session:get(server.url .. "/encoded", { query = query })
    assert.equal(TEXT, session:get(server.url .. "/encoded", { query = query }):text())
    assert.equal(TEXT, first:text())
  end))

  it("is limited by max_body_size as decoded", inside(function()
    for as, data in pairs(formats) do
      assert.equal(TEXT, encoded(as, data, 0, { max_body_size = #TEXT }):text())
      local response = encoded(as, data, 0, { max_body_size = #TEXT - 1 })
      local err = error_of(response.text, response)
      assert.same({ "FetchError", "ETOOLARGE" }, { err.name, err.code })
      assert.equal("ETOOLARGE", error_of(response.text, response).code)
    end
  end))

  it("that is a bomb does no harm before it is read, nor beyond the limit", inside(function()
    local response = encoded("br", BOMB, 0, { max_body_size = 1000000 })
    assert.truthy(#response:read() <= 65536)
    local got, err = 0, nil
    repeat
      local ok, piece = pcall(response.read, response)
      if ok then got = got + #piece else err = piece end
    until err
    assert.equal("ETOOLARGE", err.code)
    assert.truthy(got <= 1000000)
    assert.equal("ETOOLARGE", error_of(response.read, response).code)
  end))

  local bombs = {
    br = function(options)
      return encoded("br", BOMB, 0, options)
    end,
    zstd = function(options)
      return encoded("zstd", to_base64(zstd_bomb()), 0, options)
    end,
    gzip = function(options)
      return http.get(server.url .. "/zeros?bytes=" .. BOMB_SIZE, options)
    end,
    deflate = function(options)
      return http.get(server.url .. "/zeros?as=deflate&bytes=" .. BOMB_SIZE, options)
    end,
  }
  for as, get in pairs(bombs) do
    it("that is a bomb can be read in bounded memory: " .. as, inside(function()
      local response, size = get(), 0
      local before = memory()
      for piece in response:chunks() do
        size = size + #piece
      end
      assert.equal(BOMB_SIZE, size)
      assert.truthy(memory() - before < 64000000)
    end))

    it("that is a bomb goes off at its limit: " .. as, inside(function()
      local response = get { max_body_size = 1000000 }
      local before = memory()
      assert.equal("ETOOLARGE", error_of(response.text, response).code)
      assert.truthy(memory() - before < 32000000)
    end))
  end

  it("that means much work and nothing else is an error", inside(function()
    local response = encoded("gzip, gzip, gzip, gzip", PADDED)
    assert.equal("begin", response:read())
    local before = os.clock()
    local err = error_of(response.read, response)
    assert.same({ "FetchError", "EDECODE" }, { err.name, err.code })
    assert.truthy(os.clock() - before < 5)
  end))

  it("leaves the others their turns while it is decoded", inside(function()
    local turns, done = 0, false
    async.spawn(function()
      while not done do
        turns = turns + 1
        async.sleep(0.001)
      end
    end)
    assert.equal(BOMB_SIZE, #encoded("br", BOMB):text())
    done = true
    assert.truthy(turns > 1, turns)
  end))

  it("is read with backpressure", inside(function()
    local size, total = 0, 200000000
    local response = http.get(server.url .. "/zeros?bytes=" .. total)
    local before = memory()
    for piece in response:chunks() do
      size = size + #piece
    end
    assert.equal(total, size)
    assert.truthy(memory() - before < 64000000)
  end))

  it("with a window larger than 8 MiB is refused", inside(function()
    local wide = "KLUv/QCIbAAAOGhlbGxvLCABAJRUjD0AAAhoAQCCAiE="
    assert.equal("EDECODE", error_of(function()
      encoded("zstd", wide):text()
    end).code)
  end))

  it("can be closed half-way", inside(function()
    local session <close> = http.session { limit = 1 }
    local response = session:get(server.url .. "/zeros?bytes=100000000")
    assert.truthy(response:read())
    response:close()
    assert.equal("ClosedError", error_of(response.read, response).name)
    assert.equal(0, session:stats().active)
  end))
end)
