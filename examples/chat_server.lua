-- SPDX-License-Identifier: MIT
-- A chat: whoever connects says a name, and what one says all others hear.
--
--   lua5.4 examples/chat_server.lua             a demonstration: three people and what each of them sees
--   lua5.4 examples/chat_server.lua 7000        serves at that port; come with `nc localhost 7000`
--
-- Each person has a queue of what to hear, and a task that writes it: a slow one holds up nobody. Who lags behind by
-- more than a queue holds loses the connection.

local async = require "saros"
local net = async.net

local BACKLOG = 100

local people = {} -- by name, the queue of lines to hear

local function tell_all(line, except)
  for name, queue in pairs(people) do
    if name ~= except and not queue:try_put(line) then queue:close { discard = true } end
  end
end

local function hear(stream, queue)
  for line in queue do stream:write(line, "\n") end
  stream:close()
end

local function talk(stream, name)
  for line in stream:lines { limit = 1000 } do
    tell_all(("%s: %s"):format(name, line), name)
  end
end

local function chat(stream)
  stream:write "Who are you?\n"
  local name = stream:read_line { limit = 40 }
  if not name or people[name] then return stream:write "Somebody else has that name.\n" end
  local queue = async.queue(BACKLOG)
  people[name] = queue
  local _gone <close> = setmetatable({}, { __close = function()
    people[name] = nil
    tell_all(("* %s has left"):format(name))
  end })
  tell_all(("* %s has come"):format(name), name)
  async.race { function() hear(stream, queue) end, function() talk(stream, name) end }
end

-- Someone of the demonstration: comes after a while, says some lines, hears the others and goes.
local function person(port, name, seconds, lines)
  async.sleep(seconds)
  local stream <close> = net.connect("localhost", port)
  stream:write(name, "\n")
  async.wait_for(function()
    async.gather(function()
      for line in stream:lines() do print(("[%s] %s"):format(name, line)) end
    end, function()
      for _, line in ipairs(lines) do
        async.sleep(0.1)
        stream:write(line, "\n")
      end
      async.sleep(0.1)
      stream:shutdown()
    end)
  end, 10)
end

local function demonstration()
  local server = net.listen("localhost", 0)
  async.spawn(server.serve, server, chat)
  local _, port = server:address()
  async.gather(function() person(port, "Ada", 0, { "is anybody here?", "a queue for each of us", "bye" }) end,
    function() person(port, "Grace", 0.05, { "I am", "nice" }) end,
    function() person(port, "Barbara", 0.08, { "me too" }) end)
  server:shutdown(1)
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  print("chatting at port " .. port)
  net.serve(chat, "localhost", port)
end)
