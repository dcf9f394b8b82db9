-- SPDX-License-Identifier: MIT
-- Large files as responses, which the system sends by itself: in order, and whole or not at all.
local async = require "saros"
local folder = require "spec.support.folder"
local serving = require "spec.support.serving"
local tasks = require "spec.support.tasks"
local tls = require "spec.support.tls"

local MIB = 1 << 20

-- More than the system takes for a client that does not read.
local HUGE = 64 * MIB

-- Bytes of which no two pieces are alike.
local function text(size)
  local parts = {}
  for i = 1, size // 16 do parts[i] = ("%015x\n"):format(i) end
  return table.concat(parts)
end

-- A file of zeros that takes no room.
local function stretch(path, size)
  local file <close> = assert(io.open(path, "a+b"))
  file:close()
  assert(os.execute(("truncate -s %d '%s'"):format(size, path)))
end

-- The body of an `it`: fn(site, path, records) with a site that serves the file `path`, and what its log has told.
local function with_file(size, fn, given)
  return folder.with(function(path)
    if type(size) == "string" then folder.write(path .. "/file", size) else stretch(path .. "/file", size) end
    folder.write(path .. "/small", "small")
    local records = {}
    local options = { log = function(record) records[#records + 1] = record end }
    for name, value in pairs(given or {}) do options[name] = value end
    serving.run(async.http.files(path), options, function(site) fn(site, path .. "/file", records) end)
  end)
end

local function ask(target, ...)
  return ("GET %s HTTP/1.1\r\n%s\r\n\r\n"):format(target, table.concat({ "Host: x", ... }, "\r\n"))
end

-- Reads the head of a response, and what it says the length is.
local function read_head(stream)
  local head = stream:read_until "\r\n\r\n"
  return head, tonumber(head:match "Content%-Length: (%d+)")
end

-- All of the next response.
local function read_response(stream)
  local head, length = read_head(stream)
  return stream:read_exactly(length), head
end

-- How much comes until the connection ends, in whatever way.
local function count_rest(stream)
  local count = 0
  pcall(function()
    for bytes in function() return stream:read() end do count = count + #bytes end
  end)
  return count
end

-- A client that has read the head of the file's response, and no more.
local function begin(site)
  local stream = site:connect()
  stream:write(ask "/file")
  read_head(stream)
  return stream
end

-- Waits until no request is under way, and nobody is connected.
local function has_settled(site)
  return tasks.eventually(function()
    local stats = site.server:stats()
    return stats.active == 0 and stats.connections == 0
  end)
end

local DATA = text(3 * MIB)

-- A client that asks for ranges of the file, one after another, and says in how many packets each response has come,
-- which stands in TCP_INFO: tcpi_data_segs_in.
local PACKETS = [[
import socket, struct, sys
stream, counts = socket.create_connection(("127.0.0.1", int(sys.argv[1]))), [0]
for asked in sys.argv[2:]:
    stream.sendall(f"GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes={asked}\r\n\r\n".encode())
    first, last = map(int, asked.split("-"))
    data = b""
    while b"\r\n\r\n" not in data or len(data.split(b"\r\n\r\n", 1)[1]) <= last - first:
        data += stream.recv(65536)
    counts.append(struct.unpack_from("<I", stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 152)[0])
print(*(after - before for before, after in zip(counts, counts[1:])), end="")
]]

describe("a large file", function()
  it("is sent in order among other responses on its connection", with_file(DATA, function(site, _, records)
    local stream <close> = site:connect()
    stream:write(ask "/file", ask "/small", ask("/file", "Range: bytes=1000000-2999999"), ask "/file",
      ask("/file", "Connection: close"))
    assert.equal(DATA, (read_response(stream)))
    assert.equal("small", (read_response(stream)))
    local body, head = read_response(stream)
    assert.equal(DATA:sub(1000001, 3000000), body)
    assert.matches("^HTTP/1.1 206 .*Content%-Range: bytes 1000000%-2999999/3145728\r\n", head)
    assert.equal(DATA, (read_response(stream)))
    assert.equal(DATA, (read_response(stream)))
    assert.is_nil(stream:read())
    stream:close()
    assert.is_true(has_settled(site))
    local counts = {}
    for i, record in ipairs(records) do counts[i] = record.bytes end
    assert.same({ #DATA, 5, 2000000, #DATA, #DATA }, counts)
  end))

  it("leaves with its head, in one packet where there is room", with_file(DATA, function(site)
    if not io.open "/proc/self/io" then return pending "the system is not told that more follows" end
    local packets = async.process.run { "/usr/bin/python3", "-c", PACKETS, tostring(site.port), "0-99", "1000-1999" }
    assert.equal("1 1", packets.stdout)
  end))

  it("has several ranges", with_file(DATA, function(site)
    local response = site:fetch("GET /file", { "Range: bytes=0-99999,200000-299999" })
    local boundary = response.headers["content-type"]:match "boundary=(.*)"
    local function part(first, last)
      return ("\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s"):format(
        boundary, first, last, #DATA, DATA:sub(first + 1, last + 1))
    end
    assert.equal(part(0, 99999) .. part(200000, 299999) .. ("\r\n--%s--\r\n"):format(boundary), response.body)
  end))

  it("arrives at a client that reads little at once", with_file(text(12 * MIB), function(site)
    local stream <close> = site:connect()
    stream:write(ask "/file")
    local _, length = read_head(stream)
    local expected, at = text(12 * MIB), 0
    while at < length do
      local bytes = stream:read(50000)
      assert.is_true(bytes == expected:sub(at + 1, at + #bytes))
      at = at + #bytes
      async.sleep(0)
    end
  end))

  it("arrives over TLS and over Unix sockets as well", with_file(DATA, function(_, path)
    local serve = async.http.files(path:match "^(.*)/")
    local certificates = { cert = tls.certificates.server, key = tls.certificates.server_key }
    local safe <close> = async.http.listen("127.0.0.1", 0, { tls = certificates })
    local _serving <close> = async.spawn(safe.serve, safe, serve)
    local host, port = safe:address()
    local stream <close> = async.net.connect(host, port, { tls = { ca_file = tls.certificates.ca } })
    stream:write(ask "/file", ask "/small")
    assert.equal(DATA, (read_response(stream)))
    assert.equal("small", (read_response(stream)))

    local unix <close> = async.http.listen_unix(path .. ".socket")
    local _serving_too <close> = async.spawn(unix.serve, unix, serve)
    local near <close> = async.net.connect_unix(path .. ".socket")
    near:write(ask "/file", ask "/small")
    assert.equal(DATA, (read_response(near)))
    assert.equal("small", (read_response(near)))
  end))

  it("arrives at a client of a test", folder.with(function(path)
    folder.write(path .. "/file", DATA)
    local client <close> = require("saros.testing").client(async.http.files(path))
    assert.equal(DATA, client:get("/file"):text())
  end))

  it("that has become shorter meanwhile ends its connection", with_file(HUGE, function(site, path, records)
    local count
    tasks.reported(function(reports)
      local stream <close> = begin(site)
      stretch(path, 100)
      count = count_rest(stream)
      assert.is_true(has_settled(site))
      assert.matches("the body is shorter than its Content%-Length", tostring(reports[1].error))
    end)
    assert.is_true(count < HUGE)
    assert.equal(1, site.server:stats().failed)
    assert.is_true(records[1].bytes >= count and records[1].bytes < HUGE)
    assert.equal("small", site:fetch("GET /small").body)
  end))

  it("that grows meanwhile is as long as was said", with_file(12 * MIB, function(site, path)
    local stream <close> = site:connect()
    stream:write(ask "/file", ask "/small")
    local _, length = read_head(stream)
    stretch(path, 13 * MIB)
    assert.equal(("\0"):rep(length), stream:read_exactly(length))
    assert.equal("small", (read_response(stream)))
  end))

  it("is given up if the client goes", with_file(HUGE, function(site, _, records)
    begin(site):abort()
    begin(site):close()
    assert.is_true(has_settled(site))
    assert.equal(0, site.server:stats().failed)
    for i = 1, 2 do assert.is_true(records[i].bytes < HUGE) end
  end))

  it("is given up after write_timeout if the client takes nothing", with_file(HUGE, function(site)
    local stream <close> = begin(site)
    assert.is_true(has_settled(site))
    assert.is_true(count_rest(stream) < HUGE)
  end, { write_timeout = 0.05 }))

  it("is not given up as long as the client takes something in write_timeout", with_file(HUGE, function(site)
    local stream <close> = begin(site)
    for _ = 1, 5 do
      async.sleep(1) -- whatever the client can be sent by then has been
      for _ = 1, 100 do assert.is_truthy(stream:read()) end
    end
  end, { write_timeout = 4 }))

  it("is cut off where the server does not wait for its end", with_file(HUGE, function(site)
    local stream <close> = begin(site)
    site.server:shutdown(0)
    assert.equal(0, site.server:stats().active)
    assert.is_true(count_rest(stream) < HUGE)
  end))

  it("is waited for by a server that ends gently", with_file(12 * MIB, function(site)
    local stream <close> = begin(site)
    local ending = tasks.start(site.server.shutdown, site.server)
    assert.equal(("\0"):rep(12 * MIB), stream:read_all())
    ending:await()
  end))

  it("leaves the threads to others while its clients are slow", with_file(HUGE, function(site)
    local clients = {}
    for i = 1, 20 do clients[i] = begin(site) end
    assert.equal("small", site:fetch("GET /small").body)
    for _, stream in ipairs(clients) do stream:abort() end
    assert.is_true(has_settled(site))
  end))
end)
