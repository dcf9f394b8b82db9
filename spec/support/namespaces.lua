-- SPDX-License-Identifier: MIT
-- A network of its own: a hub, and machines that are plugged into it and can be unplugged, each a network namespace of
-- Linux. Nothing else of the machine's network is touched. Only root may do that.

local namespaces = {}

local NET = "10.77.0."

local Network = {}
Network.__index = Network

local function ip(command, ...)
  command = "ip " .. command:format(...)
  assert(os.execute(command), command)
end

-- The namespace of a machine; 0 is the hub.
local function name(self, number) return ("%s-%d"):format(self.name, number) end

local function plug_in(self, number)
  local hub, machine = name(self, 0), name(self, number)
  ip("-n %s link add port%d type veth peer name eth0 netns %s", hub, number, machine)
  ip("-n %s link set port%d master hub up", hub, number)
  ip("-n %s addr add %s%d/24 dev eth0", machine, NET, 10 + number)
  ip("-n %s link set eth0 up", machine)
end

---What makes a command run on a machine; 0 is the hub.
function Network:prefix(number)
  return "ip netns exec " .. name(self, number)
end

---Unplugs a machine: nothing comes through any more, and nobody is told.
function Network:cut(number)
  ip("-n %s link set port%d nomaster", name(self, 0), number)
end

function Network:let_back(number)
  ip("-n %s link set port%d master hub", name(self, 0), number)
end

---What the hub says does not reach the machine any more; what that says reaches the hub.
function Network:deafen(number)
  ip("-n %s route add blackhole %s%d/32", name(self, 0), NET, 10 + number)
end

function Network:let_hear(number)
  ip("-n %s route del blackhole %s%d/32", name(self, 0), NET, 10 + number)
end

function Network:close()
  for i = 0, self.machines do os.execute(("ip netns del %s 2>/dev/null"):format(name(self, i))) end
end

Network.__close = Network.close

---@param count integer  of machines
function namespaces.open(count)
  local unique = os.tmpname()
  os.remove(unique)
  local self = setmetatable({ name = "saros" .. unique:gsub("%W", ""), machines = count, hub = NET .. "1" }, Network)
  local ok, err = pcall(function()
    for i = 0, count do ip("netns add %s", name(self, i)) end
    ip("-n %s link add hub type bridge", name(self, 0))
    ip("-n %s addr add %s/24 dev hub", name(self, 0), self.hub)
    ip("-n %s link set hub up", name(self, 0))
    ip("-n %s link set lo up", name(self, 0))
    for i = 1, count do plug_in(self, i) end
  end)
  if ok then return self end
  self:close()
  error(err, 0)
end

return namespaces
