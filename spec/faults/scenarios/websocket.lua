-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: WebSockets.
local async = require "saros"
local check = require "spec.faults.check"
local socket = require "saros.websocket.socket"
local core = require "saros.websocket.core"

local scenarios = {}

local GIVEN = { max_message_size = 1048576, ping = 20 }

-- Seconds to wait for a message.
local PATIENCE, PATIENCE_WITH_FAULT = 15, 0.3

-- Two sides of a WebSocket; fn gets both. Without any memory one of them may not hear from the other.
local function talk(agreed, fn)
  return check.test(function(has_fault)
    local near, far = async.net.pair()
    local _near <close> = near
    local _far <close> = far
    local made, a = pcall(socket.new, near, false, GIVEN, agreed)
    if not made then error(a, 0) end
    local b = socket.new(far, true, GIVEN, agreed)
    local came, ok, err = async.move_on_after(has_fault and PATIENCE_WITH_FAULT or PATIENCE, async.pcall, fn, a, b)
    near:abort()
    far:abort()
    local is_lost = not ok and has_fault and async.is_error(err, "ClosedError") -- the connection, for want of memory
    if not came or is_lost then error("not enough memory", 0) end
    if not ok then error(err, 0) end
  end)
end

local function exchange(a, b)
  a:send "hello"
  assert(b:receive() == "hello")
  b:send(("x"):rep(3000), "binary")
  assert(#a:receive() == 3000)
  a:ping()
  async.gather(function() a:close(1000) end, function() b:receive() end)
end

scenarios.plain = talk({}, exchange)

if core.can_deflate then
  scenarios.deflated = talk({ deflate = { bits = 15, keeps = true }, inflate = { bits = 15, keeps = true } }, exchange)
end

return scenarios
