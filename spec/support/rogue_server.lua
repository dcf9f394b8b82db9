-- SPDX-License-Identifier: MIT
-- Starts rogue_server.py, which says what there is; once for all specs. It ends when this process does.

local cjson = require "cjson"
local http = require "saros.http"

local Rogue = {}
local metatable = { __index = Rogue }

local rogue, last_event = nil, 0

-- Connections of its own: those of the specs are in the midst of their scripts.
local function ask(self, path)
  local session <close> = http.session()
  return session:get(self:at("script", path), { timeout = 5 }):json()
end

---A URL of the port with that name.
function Rogue:at(name, path, scheme)
  return ("%s://127.0.0.1:%d%s"):format(scheme or "http", self.ports[name], path or "/")
end

---The URL of a request that makes the server take these steps: {"send", text}, ...
function Rogue:script(...)
  local escaped = cjson.encode({ ... }):gsub("[^%w%-%._~]", function(char)
    return ("%%%02X"):format(char:byte())
  end)
  return self:at("script", "/?do=" .. escaped)
end

---The URL of requests over HTTP/2, the next of which take these lists of steps, one each.
function Rogue:streams(...)
  local session <close> = http.session()
  session:post(self:at("script", "/streams"), { body = cjson.encode { ... } }):text()
  return self:at("h2", "/head", "https")
end

---Steps that the tunnel takes before its next answer.
function Rogue:before_tunnel(...)
  local escaped = cjson.encode({ ... }):gsub("[^%w]", function(char) return ("%%%02X"):format(char:byte()) end)
  ask(self, "/before-tunnel?do=" .. escaped)
end

---The name of an event that nobody else uses.
function Rogue.event()
  last_event = last_event + 1
  return "event" .. last_event
end

---Lets go on whoever waits for an event over there.
function Rogue:set(event)
  ask(self, "/set?event=" .. event)
end

---Waits for an event over there.
function Rogue:wait(event)
  ask(self, "/wait?event=" .. event)
end

-- Asks for the paths, one after another.
local BLOCKING = [[
for path in "${@:2}"; do
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf "GET %s HTTP/1.1\r\n\r\n" "$path" >&3
  read -r line <&3
done
]]

---Sets an event over there and waits for another, while nothing else goes on here.
function Rogue:block(go, done)
  local command = "exec env -u LD_PRELOAD bash -c '%s' block %d '/set?event=%s' '/wait?event=%s'"
  assert(os.execute(command:format(BLOCKING, math.tointeger(self.ports.script), go, done)))
end

---How often something was counted.
function Rogue:count(what)
  return ask(self, "/count?of=" .. what)
end

---What the proxies were asked for since the last call.
function Rogue:asked()
  return ask(self, "/asked")
end

return function()
  if rogue then return rogue end
  local folder = debug.getinfo(1, "S").source:match("^@(.*)rogue_server%.lua$")
  local pipe = assert(io.popen("exec env -u LD_PRELOAD python3 -B '" .. folder .. "rogue_server.py'", "r"))
  local line = assert(pipe:read("l"), "the rogue server of the specs did not start")
  rogue = setmetatable({ ports = cjson.decode(line), pipe = pipe }, metatable)
  return rogue
end
