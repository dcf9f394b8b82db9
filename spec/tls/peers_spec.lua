-- SPDX-License-Identifier: MIT
-- TLS with programs that nobody here wrote: openssl's s_client and s_server, and Python's ssl.
local async = require "saros"
require "saros.busted"
local tls = require "spec.support.tls"
local files = tls.certificates

-- A program beside this one; reads its output up to the line that tells its port.
local function start(command, pattern)
  local pipe = assert(io.popen("exec env -u LD_PRELOAD " .. command .. " 2>&1", "r"))
  local port
  repeat
    local line = assert(pipe:read("l"), command .. " did not start")
    port = line:match(pattern)
  until port
  return math.tointeger(tonumber(port)), pipe
end

local function shell(command)
  return assert(io.popen("env -u LD_PRELOAD sh -c '" .. command .. "' 2>&1", "r"))
end

local function python(program, ...)
  local path = os.tmpname()
  do
    local file <close> = assert(io.open(path, "w"))
    file:write(program)
  end
  return ("python3 %s %s"):format(path, table.concat({ ... }, " ")), path
end

local function s_server(arguments)
  local command = "openssl s_server -accept 127.0.0.1:0 -naccept 1 -cert %s -key %s -rev %s"
  return start(command:format(files.server, files.server_key, arguments or ""), "^ACCEPT .*:(%d+)")
end

local function listen(options)
  local all = { cert = files.server, key = files.server_key }
  for name, value in pairs(options or {}) do all[name] = value end
  return async.net.listen("127.0.0.1", 0, { tls = all })
end

-- Lets `command` connect to a server of ours, and handles that one connection. Returns what both gave.
local function serve_one(command, handler, options)
  local server <close> = listen(options)
  local _, port = server:address()
  local pipe = shell(command:format(port))
  local stream <close> = server:accept()
  local result = handler(stream)
  stream:close()
  local said = pipe:read("a")
  pipe:close()
  return result, said
end

describe("openssl s_server", function()
  for _, version in ipairs { "1.2", "1.3" } do
    it("turns our lines round, with TLS " .. version, function()
      local port, pipe = s_server("-tls" .. version:gsub("%.", "_"))
      local client <close> = async.net.connect("127.0.0.1", port, { tls = { ca_file = files.ca } })
      assert.equal(version, client:tls_info().version)
      client:write("hello\n")
      assert.equal("olleh", client:read_line())
      client:close()
      pipe:close()
    end)
  end

  it("sees our certificate, and chooses our protocol", function()
    local port, pipe = s_server("-Verify 1 -CAfile " .. files.ca .. " -alpn lines,other")
    local options = { ca_file = files.ca, cert = files.client, key = files.client_key, alpn = { "x", "lines" } }
    local client <close> = async.net.connect("127.0.0.1", port, { tls = options })
    assert.equal("lines", client:tls_info().alpn)
    client:write("abc\n")
    assert.equal("cba", client:read_line())
    client:close()
    pipe:close()
  end)
end)

describe("openssl s_client", function()
  local CLIENT = "printf \"hello\\\\n\" | openssl s_client -connect 127.0.0.1:%d -CAfile " .. files.ca
    .. " -verify_return_error -verify_hostname localhost -servername localhost -quiet "

  local function greet(stream)
    local line = stream:read_line()
    stream:write("you said " .. line .. "\n")
    return stream:tls_info()
  end

  for _, version in ipairs { "1.2", "1.3" } do
    it("takes us for who we are, with TLS " .. version, function()
      local info, said = serve_one(CLIENT .. "-tls" .. version:gsub("%.", "_"), greet)
      assert.equal(version, info.version)
      assert.equal("localhost", info.server_name)
      assert.matches("you said hello", said)
    end)
  end

  it("shows its certificate", function()
    local command = CLIENT .. "-cert " .. files.client .. " -key " .. files.client_key
    local info, said = serve_one(command, greet, { client_ca = files.ca })
    assert.equal("CN=client", info.peer_certificate.subject)
    assert.matches("you said hello", said)
  end)

  it("takes up its session again", function()
    local path = os.tmpname()
    local server <close> = listen()
    local _, port = server:address()
    local infos = {}
    for i, argument in ipairs { "-sess_out ", "-sess_in " } do
      local pipe = shell(CLIENT:format(port) .. argument .. path)
      local stream <close> = server:accept()
      infos[i] = greet(stream)
      stream:close()
      pipe:close()
    end
    os.remove(path)
    assert.is_false(infos[1].resumed)
    assert.is_true(infos[2].resumed)
  end)
end)

describe("Python", function()
  it("says goodbye on its side while we still answer", function()
    local command, path = python([[
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock = context.wrap_socket(raw, server_hostname="localhost")
sock.sendall(b"question")
assert sock.recv(6) == b"answer"
plain = sock.unwrap()
print("parted in peace")
]], "%d", files.ca)
    local rest, said = serve_one(command, function(stream)
      assert.equal("question", stream:read_exactly(8))
      stream:write("answer")
      return stream:read_all()
    end)
    os.remove(path)
    assert.equal("", rest)
    assert.equal("parted in peace\n", said)
  end)

  it("goes away without a word", function()
    local command, path = python([[
import os, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
sock = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost")
sock.sendall(b"half a message")
sock.recv(2)
os.close(sock.detach())
]], "%d", files.ca)
    local err = serve_one(command, function(stream)
      assert.equal("half a message", stream:read_exactly(14))
      stream:write("ok")
      local _, reason = pcall(stream.read, stream)
      return reason
    end)
    os.remove(path)
    assert.is_true(err.code == "ETRUNCATED" or err.code == "ECONNRESET", tostring(err))
  end)

  it("serves us much", function()
    local command, path = python([[
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
sock = context.wrap_socket(listener.accept()[0], server_side=True)
data = sock.recv(65536)
for i in range(64):
    sock.sendall(data * 16384)
sock.unwrap()
]], files.server, files.server_key)
    local port, pipe = start(command, "^port (%d+)")
    os.remove(path)
    local client <close> = async.net.connect("localhost", port, { tls = { ca_file = files.ca }, family = 4 })
    client:write("abc")
    local text = client:read_all()
    assert.equal(3 * 16384 * 64, #text)
    assert.is_true(text == ("abc"):rep(16384 * 64))
    client:close()
    pipe:close()
  end)
end)
