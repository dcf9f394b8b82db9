-- SPDX-License-Identifier: MIT
-- Debian's redis-server, in a folder of its own, at a Unix socket and a port; it ends with this process at the latest.

local redis_server = {}

---@class spec.RedisServer
---@field url string      its Unix socket
---@field tcp string      its port
---@field port integer
---@field tls_port integer
---@field folder string
local Server = {}
Server.__index = Server

local function output(command)
  local pipe <close> = io.popen("env -u LD_PRELOAD " .. command, "r")
  return (pipe:read "a":gsub("%s+$", ""))
end

local function free_port()
  local async = require "saros"
  return async.run(function()
    local listening <close> = async.net.listen("127.0.0.1", 0)
    return select(2, listening:address())
  end)
end

-- The shell waits for a line, or for our end, and takes the server along.
local LAUNCH = [[env -u LD_PRELOAD sh -c 'cd %s
%s redis-server --port %d --bind 127.0.0.1 --unixsocket redis.sock --daemonize no --save "" %s \
  >redis.log 2>&1 </dev/null &
pid=$!
echo $pid >pid
read line
kill -KILL $pid 2>/dev/null
wait']]

-- Its number; nothing where somebody else has taken its port.
local READY = [[sh -c 'cd %s
count=0
until [ -s pid ] && redis-cli -s redis.sock ping 2>&1 | grep -q "PONG\|NOAUTH"; do
  count=$((count + 1))
  [ $count -gt 3000 ] && exit 1
  grep -q "Failed listening" redis.log 2>/dev/null && exit 1
  sleep 0.01
done
cat pid']]

local function launch(self)
  for _, name in ipairs { "redis.sock", "redis.log", "pid" } do os.remove(self.folder .. "/" .. name) end
  local options = self.options:gsub("TLS_PORT", self.tls_port)
  self.pipe = io.popen(LAUNCH:format(self.folder, self.prefix, self.port, options), "w")
  self.pid = tonumber(output(READY:format(self.folder)))
  if not self.pid then self:kill() end
  return self.pid ~= nil
end

---Starts it again, at the same places, and waits until it answers.
function Server:start()
  assert(launch(self), "redis-server did not start")
end

---A command by redis-cli, which is not what is under test.
function Server:cli(command)
  return output(("redis-cli -s %s/redis.sock %s"):format(self.folder, command))
end

---Sends a signal.
function Server:signal(name)
  os.execute(("kill -%s %d"):format(name, self.pid))
end

---Ends it at once.
function Server:kill()
  if not self.pipe then return end
  self.pipe:write "\n"
  self.pipe:close()
  self.pipe = nil
end

function Server:close()
  self:kill()
  os.execute("rm -rf " .. self.folder)
end

---@param options? string  of redis-server; TLS_PORT stands for a free port
---@param prefix? string   of its command
---@return spec.RedisServer
function redis_server.start(options, prefix)
  local folder = output "mktemp -d"
  local self = setmetatable({ folder = folder, options = options or "", prefix = prefix or "" }, Server)
  for _ = 1, 10 do
    self.port, self.tls_port = free_port(), free_port()
    self.url, self.tcp = "redis+unix://" .. folder .. "/redis.sock", "redis://127.0.0.1:" .. self.port
    if launch(self) then return self end
  end
  error "redis-server did not start"
end

return redis_server
