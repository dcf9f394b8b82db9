-- SPDX-License-Identifier: MIT
-- The calls that luamqtt makes: packets are read byte by byte and by count inside a coroutine, whose receive has no
-- time to wait and yields on "timeout" to a loop that pings.
local async = require "saros"
local socket = require "saros.compat.socket"
local inside = require("spec.support.tasks").inside
local co = async.coroutine

local CONNECT, CONNACK, PUBLISH, PINGREQ, PINGRESP = 0x10, 0x20, 0x30, 0xc0, 0xd0

local function packet(kind, body) return string.char(kind, #body) .. body end

-- A broker that answers a connect, sends a publish in small pieces after the first ping, and answers pings.
local function broker(stream)
  local said = 0
  for head in function() return stream:read_exactly(2) end do
    local kind, length = head:byte(1, 2)
    if length > 0 then stream:read_exactly(length) end
    if kind == CONNECT then
      stream:write(packet(CONNACK, "\0\0"))
    elseif kind == PINGREQ then
      stream:write(packet(PINGRESP, ""))
      said = said + 1
      local text = packet(PUBLISH, (">s2"):pack("topic") .. "message " .. said)
      for i = 1, #text do
        stream:write(text:sub(i, i))
        async.sleep(0)
      end
    end
  end
end

-- Exactly so many bytes, in the way of luamqtt: what a receive had got is handed to the next one.
local function receive(sock, count)
  local partial = ""
  while true do
    local data, problem, rest = sock:receive(count, partial)
    if data then return data end
    if problem ~= "timeout" then error(problem, 0) end
    partial = rest
    co.yield()
  end
end

local function read_packet(sock)
  local kind = receive(sock, 1):byte()
  local length = receive(sock, 1):byte()
  return kind, length > 0 and receive(sock, length) or ""
end

describe("MQTT by the calls of luamqtt", function()
  it("receives inside a coroutine and pings between", inside(function()
    local server <close> = async.net.listen("127.0.0.1", 0)
    async.spawn(server.serve, server, broker)
    local sock = socket.tcp()
    sock:settimeout(10)
    assert.equal(1, (sock:connect("127.0.0.1", select(2, server:address()))))
    sock:settimeout(0)
    local messages, kinds = {}, {}
    local loop = co.create(function()
      sock:send(packet(CONNECT, (">s2"):pack("MQTT") .. "\4\2\0\10\0\0"))
      while #messages < 3 do
        local kind, body = read_packet(sock)
        kinds[kind] = (kinds[kind] or 0) + 1
        if kind == CONNACK or kind == PUBLISH then sock:send(packet(PINGREQ, "")) end
        if kind == PUBLISH then messages[#messages + 1] = body:sub(8) end
      end
    end)
    async.wait_for(function()
      while co.status(loop) ~= "dead" do
        assert(co.resume(loop))
        async.sleep(0.001)
      end
    end, 30)
    assert.same({"message 1", "message 2", "message 3"}, messages)
    assert.equal(1, kinds[CONNACK])
    assert.equal(3, kinds[PINGRESP])
    sock:close()
  end))
end)
