-- SPDX-License-Identifier: MIT
-- What the functions of async.net are given, checked.

local misuse = require "saros.misuse"
local core = require "saros.net.core"

local options = {}

---@class saros.ConnectOptions
---@field timeout? number        seconds for all of it, TLS included
---@field family? 4|6            addresses of this family only
---@field local_address? string  where the connection comes from
---@field nodelay? boolean       small messages leave at once (true)
---@field keepalive? boolean|number  asks the peer for a sign of life after so many seconds of silence (true: 60)
---@field tls? boolean|saros.TLSOptions

---@class saros.ListenOptions
---@field family? 4|6
---@field backlog? integer       how many connections the system keeps for us (511)
---@field reuse_port? boolean    several servers listen at the same port
---@field ipv6_only? boolean     an address of IPv6 takes no connections of IPv4
---@field max_connections? integer  beyond these nothing is accepted until one ends
---@field nodelay? boolean
---@field keepalive? boolean|number
---@field tls? saros.TLSOptions

local function is_boolean(value)
  return type(value) == "boolean", "boolean"
end

local function is_count(value)
  return math.type(value) == "integer" and value > 0, "positive integer"
end

local checks = {
  timeout = function(value)
    return type(value) == "number" and value == value, "number"
  end,
  family = function(value)
    return value == 4 or value == 6, "4 or 6"
  end,
  local_address = function(value)
    return type(value) == "string" and core.family(value) ~= nil, "address"
  end,
  nodelay = is_boolean,
  keepalive = function(value)
    return type(value) == "boolean" or type(value) == "number" and value >= 1, "boolean or a number of seconds"
  end,
  backlog = is_count,
  reuse_port = is_boolean,
  ipv6_only = is_boolean,
  max_connections = is_count,
  tls = function(value)
    return type(value) == "boolean" or type(value) == "table", "boolean or table"
  end,
}

local function set(...)
  local names = {}
  for _, name in ipairs { ... } do
    names[name] = true
  end
  return names
end

options.connect = set("timeout", "family", "local_address", "nodelay", "keepalive", "tls")
options.listen = set("family", "backlog", "reuse_port", "ipv6_only", "max_connections", "nodelay", "keepalive", "tls")
options.resolve = set "family"

---Raises unless all options are known and of their type.
---@param caller string
---@param position integer
---@param given? table
---@param known table<string, boolean>
---@return table
function options.check(caller, position, given, known)
  return misuse.check_options(caller, position, given, known, checks)
end

---A host, or a path.
function options.check_name(caller, position, value)
  if type(value) ~= "string" then misuse.type(caller, position, "string", value) end
  if value:find("\0", 1, true) then misuse.argument(caller, position, "must not contain NUL bytes") end
end

function options.check_port(caller, position, value)
  if math.type(value) ~= "integer" then
    if type(value) ~= "number" then misuse.type(caller, position, "integer", value) end
    misuse.argument(caller, position, "integer expected, got number without an integer representation")
  elseif value < 0 or value > 65535 then
    misuse.argument(caller, position, ("port out of range: %d"):format(value))
  end
end

return options
