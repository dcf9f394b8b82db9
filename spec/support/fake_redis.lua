-- SPDX-License-Identifier: MIT
-- A server that says what a spec wants: each connection is a function that reads commands and writes bytes.

local async = require "saros"

local fake_redis = {}

---One connection, as the function of a spec has it.
local Peer = {}
Peer.__index = Peer

---The next command as a list of its words; nil at the end.
function Peer:command()
  local line = self.stream:read_line()
  if not line then return nil end
  local words = {}
  for i = 1, tonumber(line:match "^%*(%d+)$") do
    local length = tonumber(self.stream:read_line():match "^%$(%d+)$")
    words[i] = self.stream:read_exactly(length + 2):sub(1, -3)
  end
  return words
end

---Reads a command, which has to be this one.
function Peer:expect(text)
  local words = self:command()
  if not words then error(async.error { name = "EOFError", message = "the client has gone" }, 0) end
  local got = table.concat(words, " ")
  assert(got == text, ("%s was expected, %s came"):format(text, got))
end

function Peer:send(...)
  self.stream:write(...)
end

---Reads the greeting and answers it, in RESP2 as an old server does.
function Peer:greet(is_old)
  self:expect "HELLO 3"
  self:send(is_old and "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n"
    or "%1\r\n$5\r\nproto\r\n:3\r\n")
end

---Answers what comes, as `reply(words)` says, until the client has gone.
function Peer:answer(reply)
  for words in self.command, self do
    local text = reply(words)
    if text then self:send(text) end
  end
end

local function unused_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

-- What the end of a connection may raise in the function of a spec.
local ENDS = { SystemError = true, ClosedError = true, EOFError = true }

---A server, for `<close>`: `.url`, `.peers` counts the connections. `serve(peer, n)` runs for the n-th connection,
---which ends with it. Its failures are raised by `close`.
function fake_redis.start(serve, path)
  path = path or unused_path()
  local listening = async.net.listen_unix(path)
  local self = { url = "redis+unix://" .. path, peers = 0, path = path }
  local streams = {}
  local function handle(stream)
    self.peers = self.peers + 1
    streams[stream] = true
    local ok, err = async.pcall(serve, setmetatable({ stream = stream }, Peer), self.peers)
    streams[stream] = nil
    if not ok and not (async.is_error(err) and ENDS[err.name]) then self.err = self.err or err end
  end
  -- Out of reach of those who cancel tasks at random: it ends with its streams.
  local task = async.spawn(async.shield, function()
    listening:serve(function(stream) async.shield(function() handle(stream) end) end)
  end)
  return setmetatable(self, { __close = function(_, err)
    listening:close()
    for stream in pairs(streams) do stream:close() end
    task:close()
    if self.err and not err then error(self.err, 0) end
  end })
end

return fake_redis
