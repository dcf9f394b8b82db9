-- SPDX-License-Identifier: MIT
-- Every await of TLS, cancelled: no byte is lost that is not said to be, nobody hangs, nothing is left over.
local async = require "saros"
local explorer = require "spec.support.explorer"
local tls = require "spec.support.tls"
local files = tls.certificates

-- Real sockets keep no order that could be repeated step by step: orders are not what is looked for here. Whoever is
-- cut off in the midst of a handshake or a message is an error for the other side.
local OPTIONS = {
  orders = 5, mixed = 30, cancels = 400, deadlines = 30,
  allows = { "TLSError", "EOFError", "ClosedError", "SystemError", "CancelledError", "TimeoutError" },
}

-- How long one waits for another that has been cancelled, in seconds: by a real clock, as the sockets are real.
local PATIENCE = 0.05

local SERVER = { tls = { cert = files.server, key = files.server_key } }

describe("cancelling", function()
  it("handshakes and an exchange of lines", function()
    explorer.explore(function(probe)
      local function main()
        local client, server = async.net.pair()
        local _held <close> = tls.closing(client, server)
        probe:together({
          function()
            client:start_tls(tls.client())
            client:write("question\n")
            assert(client:read_line() == "answer")
            client:close()
          end,
          function()
            server:start_tls(tls.server())
            assert(server:read_line() == "question")
            server:write("answer\n")
            assert(server:read() == nil)
            server:close()
          end,
        }, PATIENCE)
      end
      return main
    end, OPTIONS)
  end)

  it("connecting, accepting and serving", function()
    explorer.explore(function(probe)
      local served, has_ended = 0, false
      local function main()
        local server <close> = async.net.listen("127.0.0.1", 0, SERVER)
        local _ending <close> = probe:closes(function()
          async.shield(function() server:shutdown(0) end)
        end)
        local host, port = server:address()
        probe:together({
          function()
            server:serve(function(stream)
              served = served + 1
              local line = stream:read_line() -- nil: the client was cancelled
              if line then stream:write(line .. "!\n") end
            end)
          end,
          function()
            local client <close> = async.net.connect(host, port, { tls = { ca_file = files.ca } })
            client:write("hello\n")
            local line = client:read_line() -- nil: the handler was cancelled
            assert(line == "hello!" or line == nil)
            has_ended = true
            server:close()
          end,
        }, PATIENCE)
      end
      return main, function(ended) assert(ended.is_injected or not has_ended or served == 1) end
    end, OPTIONS)
  end)
end)
