-- SPDX-License-Identifier: MIT
-- Every await of a request, cancelled: its slot is free, nothing is left over, and what seems whole is.
local async = require "saros"
local explorer = require "spec.support.explorer"

-- Real sockets keep no order that could be repeated step by step: orders are not what is looked for here.
local OPTIONS = {
  orders = 5, mixed = 30, cancels = 300, deadlines = 30,
  allows = { "FetchError", "EOFError", "ClosedError", "SystemError", "CancelledError", "TimeoutError" },
}

-- How long one waits for another that has been cancelled, in seconds: by a real clock, as the sockets are real.
local PATIENCE = 0.05

-- `ask(session, url)` against a server that gives each connection to `answer`.
local function explore(answer, ask)
  explorer.explore(function(probe)
    return function()
      local path = os.tmpname() -- the URL is the same each time: it is remembered
      os.remove(path)
      local session <close> = async.session { timeout = 5, unix_socket = path }
      local server <close> = async.net.listen_unix(path)
      local _ending <close> = probe:closes(function() server:close() end)
      probe:together({
        function()
          while true do
            local stream <close> = server:accept()
            answer(stream)
          end
        end,
        function()
          ask(session, "http://server.invalid/")
          server:close()
        end,
      }, PATIENCE)
      local stats = session:stats()
      assert.same({ 0, 0 }, { stats.active, stats.waiting })
    end
  end, OPTIONS)
end

-- Answers each request on a connection with these pieces.
local function answering(...)
  local pieces = { ... }
  return function(stream)
    while stream:read_until "\r\n\r\n" do
      for _, piece in ipairs(pieces) do
        stream:write(piece)
        async.sleep(0)
      end
    end
  end
end

describe("cancelling", function()
  it("a request and the next one over its connection", function()
    local answer = answering("HTTP/1.1 200 OK\r\nContent-", "Length: 5\r\n\r\nhel", "lo")
    explore(answer, function(session, url)
      for _ = 1, 2 do assert.equal("hello", session:get(url):text()) end
    end)
  end)

  it("a response in chunks that is read piece by piece", function()
    local answer = answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "lo\r\n", "0\r\n\r\n")
    explore(answer, function(session, url)
      local response <close> = session:get(url)
      local text = ""
      for piece in response:chunks() do text = text .. piece end
      assert.equal("hello", text)
    end)
  end)

  it("an upload", function()
    explore(function(stream)
      local _, body = stream:read_until "\r\n\r\n", stream:read_until "\r\n0\r\n\r\n"
      if body then stream:write "HTTP/1.1 204 No Content\r\n\r\n" end
    end, function(session, url)
      local left = 3
      session:post(url, { body = function()
        left = left - 1
        async.sleep(0)
        return left > 0 and "piece" or nil
      end })
    end)
  end)
end)
