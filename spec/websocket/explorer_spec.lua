-- SPDX-License-Identifier: MIT
-- Every await of two WebSockets that talk to each other, cancelled: nobody hangs, nothing is left over, and what comes
-- is what was sent, whole and in order.
local async = require "saros"
local explorer = require "spec.support.explorer"
local socket = require "saros.websocket.socket"

-- Real sockets keep no order that could be repeated step by step: orders are not what is looked for here.
local OPTIONS = {
  orders = 5, mixed = 30, cancels = 250, deadlines = 30,
  allows = { "ClosedError", "CancelledError", "TimeoutError", "GroupError" },
}

-- How long one waits for another that has been cancelled, in seconds: by a real clock, as the sockets are real.
local PATIENCE = 0.05

local GIVEN = { max_message_size = 1048576, ping = 20 }

-- What two sides of a WebSocket come to.
local function explore(server, client)
  explorer.explore(function(probe)
    local function main()
      local near, far = async.net.pair()
      local _ending <close> = probe:closes(function()
        near:abort()
        far:abort()
        async.shield(function()
          for _ = 1, 5 do async.sleep(0) end -- in which readers hear of it
        end)
      end)
      local a, b = socket.new(near, false, GIVEN, {}), socket.new(far, true, GIVEN, {})
      probe:together({
        function()
          local ws <close> = a
          server(ws)
        end,
        function()
          local ws <close> = b
          client(ws)
        end,
      }, PATIENCE)
    end
    return main
  end, OPTIONS)
end

local function numbers(ws)
  local last = 0
  for data in ws do
    local number = math.tointeger(data:match "^%d+")
    assert(number == last + 1, ("%d follows %d"):format(number, last))
    last = number
  end
  return last
end

describe("cancelling", function()
  it("messages that are sent and received", function()
    explore(function(ws)
      for i = 1, 3 do ws:send(tostring(i)) end
      assert(ws:receive() == "done")
    end, function(ws)
      for i = 1, 3 do assert(ws:receive() == tostring(i)) end
      ws:send "done"
      ws:receive()
    end)
  end)

  it("messages that do not fit", function()
    explore(function(ws)
      for i = 1, 3 do ws:send(("%d "):format(i):rep(200000)) end
    end, numbers)
  end)

  it("a ping and the closing handshake", function()
    explore(function(ws)
      ws:ping()
      ws:close(4000)
    end, function(ws) pcall(ws.receive, ws) end)
  end)
end)
