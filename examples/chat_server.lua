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
  tell_all(("* %s has come"):format(name))
  async.race { function() hear(stream, queue) end, function() talk(stream, name) end }
end

-- Someone of the demonstration, who has an answer to some of the lines that he hears and goes with "bye". Sets the
-- event when he has come.
local function person(port, name, answers, has_come)
  local stream <close> = net.connect("localhost", port)
  stream:write(name, "\n")
  for line in stream:lines() do
    print(("[%s] %s"):format(name, line))
    if line == ("* %s has come"):format(name) then has_come:set() end
    local answer = answers[line]
    if answer then stream:write(answer, "\n") end
    if answer == "bye" then stream:shutdown() end
  end
end

local CAST = {
  { "Ada", { ["* Barbara has come"] = "is anybody here?", ["Barbara: me too"] = "a queue for each of us",
    ["Grace: nice"] = "bye" } },
  { "Grace", { ["Ada: is anybody here?"] = "I am", ["Ada: a queue for each of us"] = "nice", ["Ada: bye"] = "bye" } },
  { "Barbara", { ["Grace: I am"] = "me too", ["Ada: bye"] = "bye" } },
}

local function demonstration()
  local server = net.listen("localhost", 0)
  async.spawn(server.serve, server, chat)
  local _, port = server:address()
  do
    local group <close> = async.task_group()
    for _, part in ipairs(CAST) do -- one after the other
      local name, answers = table.unpack(part)
      local has_come = async.event()
      group:spawn(person, port, name, answers, has_come)
      has_come:wait()
    end
  end
  server:shutdown(1)
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  print("chatting at port " .. port)
  net.serve(chat, "localhost", port)
end)
