-- SPDX-License-Identifier: MIT
-- A chat: whoever comes says a name, and what one says all others hear, whether they come by TCP or with a browser.
--
--   lua5.4 examples/chat_server.lua             a demonstration: three people and what each of them sees
--   lua5.4 examples/chat_server.lua 7000 8000   come with `nc localhost 7000`, or to http://localhost:8000/
--
-- Each person has a queue of what to hear, and a task that sends it: a slow one holds up nobody. Who lags behind by
-- more than a queue holds loses the connection.

local async = require "saros"

local BACKLOG = 100

local people = {} -- by name, the queue of lines to hear

local function tell_all(line, except)
  for name, queue in pairs(people) do
    if name ~= except and not queue:try_put(line) then
      people[name] = nil
      queue:close { discard = true }
    end
  end
end

local function leave(name, queue)
  if people[name] == queue then people[name] = nil end
  tell_all(("* %s has left"):format(name))
end

-- Lets somebody take part whose lines `receive` gives, nil when he goes, and to whom `send` says a line.
local function take_part(receive, send)
  send "Who are you?"
  local name = receive()
  if not name or name == "" or people[name] then return send "Somebody else has that name." end
  local queue = async.queue(BACKLOG)
  people[name] = queue
  local _ <close> = async.defer(leave, name, queue)
  tell_all(("* %s has come"):format(name))
  async.race {
    function()
      for line in queue do send(line) end
    end,
    function()
      for line in receive do tell_all(("%s: %s"):format(name, line), name) end
    end,
  }
end

-- That somebody's connection breaks, or a line is too long, is no error of ours.
local function chat(receive, send)
  async.catch({ "ClosedError", "LimitError", "SystemError" }, take_part, receive, send)
end

local function by_tcp(stream)
  chat(stream:lines { limit = 1000 }, function(line) stream:write(line, "\n") end)
end

local web = async.http.router()
web:get("/", function() return { file = (arg[0]:match "^.*/" or "") .. "web/chat.html" } end)
web:get("/chat", function(request)
  local ws <close> = request:websocket { max_message_size = 1000 }
  chat(function() return (ws:receive()) end, function(line) ws:send(line) end)
end)

-- Serves both ways beside what follows; gives the ports.
local function start(group, tcp_port, http_port)
  local tcp, http = async.net.listen("localhost", tcp_port), async.http.listen("localhost", http_port)
  group:spawn(tcp.serve, tcp, by_tcp)
  group:spawn(http.serve, http, web)
  return select(2, tcp:address()), select(2, http:address())
end

-- ---- The demonstration: people who have an answer to some of the lines that they hear, and go with "bye".

local CAST = {
  { "Ada", "tcp", { ["* Barbara has come"] = "is anybody here?", ["Barbara: me too"] = "a queue for each of us",
    ["Grace: nice"] = "bye" } },
  { "Grace", "web", { ["Ada: is anybody here?"] = "I am", ["Ada: a queue for each of us"] = "nice",
    ["Ada: bye"] = "bye" } },
  { "Barbara", "tcp", { ["Grace: I am"] = "me too", ["Ada: bye"] = "bye" } },
}

local function person(has_come, name, answers, lines, say, go)
  say(name)
  for line in lines do
    print(("[%s] %s"):format(name, line))
    if line == ("* %s has come"):format(name) then has_come() end
    local answer = answers[line]
    if answer then say(answer) end
    if answer == "bye" then go() end
  end
end

local meet = {}

function meet.tcp(has_come, port, name, answers)
  local stream <close> = async.net.connect("localhost", port)
  person(has_come, name, answers, stream:lines(), function(line) stream:write(line, "\n") end,
    function() stream:shutdown() end)
end

function meet.web(has_come, port, name, answers)
  local ws <close> = async.websocket(("ws://localhost:%d/chat"):format(port))
  person(has_come, name, answers, ws, function(line) ws:send(line) end, function() ws:close() end)
end

local function demonstration()
  async.task_group(function(servers)
    local ports = {}
    ports.tcp, ports.web = start(servers, 0, 0)
    async.task_group(function(group)
      for _, part in ipairs(CAST) do -- one after the other
        local name, way, answers = table.unpack(part)
        group:start(meet[way], ports[way], name, answers)
      end
    end)
    servers:cancel()
  end)
end

async.run(function()
  local tcp_port, http_port = math.tointeger(tonumber(arg[1])), math.tointeger(tonumber(arg[2]))
  if not http_port then return demonstration() end
  local group <close> = async.task_group()
  print(("chatting at port %d, and at http://localhost:%d/"):format(start(group, tcp_port, http_port)))
end)
