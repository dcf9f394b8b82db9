-- SPDX-License-Identifier: MIT
-- Options that set up a connection. They reach C as one table with an id of its own, by which a handle that is used
-- again knows whether it carries them already.

local core = require "saros.http.core"
local options = require "saros.http.options"
local url = require "saros.http.url"

local connection = {}

local last_id = 0

-- The same map with hosts in ASCII, as libcurl will ask for them.
local function by_ascii(map)
  local result = {}
  for place, address in pairs(map) do
    local host, port = place:match("^(.*):(%d+)$")
    result[url.ascii_host(host) .. ":" .. port] = address
  end
  return result
end

local function resolve_lines(map)
  local lines = {}
  for place, address in pairs(map) do
    lines[#lines + 1] = "+" .. place .. ":" .. address
  end
  table.sort(lines)
  return lines
end

-- A name for a host at these addresses, which nobody asks for by chance. Equal addresses have equal names.
local function alias_of(host, addresses)
  local hash = 0xcbf29ce484222325 -- FNV-1a
  for i = 1, #addresses do
    hash = (hash ~ addresses:byte(i)) * 0x100000001b3
  end
  return ("%s.%016x.invalid"):format(host, hash)
end

local ALIAS = "%." .. ("%x"):rep(16) .. "%.invalid"

---What libcurl says of a host, with its own name.
---@param message string
---@return string
function connection.without_alias(message)
  return (message:gsub(ALIAS, ""))
end

-- The map as places to connect to. For several addresses, or what is none, the place is an alias of the host, and the
-- second result tells how to resolve that.
local function connect_lines(map)
  local lines, aliases = {}, {}
  for place, address in pairs(map) do
    if not core.is_address(address) then
      local host, port = place:match("^(.*):(%d+)$")
      local alias = alias_of(host, address)
      aliases[#aliases + 1] = ("+%s:%s:%s"):format(alias, port, address)
      address = alias
    elseif address:find(":", 1, true) and address:sub(1, 1) ~= "[" then
      address = "[" .. address .. "]"
    end
    lines[#lines + 1] = place .. ":" .. address .. ":"
  end
  table.sort(lines)
  return lines, aliases
end

-- Equal for options that are equal: connections can be shared then.
local function text_of(extras)
  local parts = {}
  for name in pairs(extras) do
    if options.is_of_connection(name) then parts[#parts + 1] = name end
  end
  table.sort(parts)
  for i, name in ipairs(parts) do
    local value = extras[name]
    if name == "resolve" then value = table.concat(value, " ") end
    parts[i] = name .. "=" .. tostring(value)
  end
  return table.concat(parts, "\n")
end

---The connection options of `given` over those of `defaults`, for saros.http.core.
---@param given? table
---@param defaults? table   made by this function
---@param digest? table     user and password for digest authentication
---@return table?
function connection.extras(given, defaults, digest)
  local changed = digest ~= nil
  for name in next, given or {} do
    changed = changed or options.sets_up_connection(name)
  end
  if not changed then return defaults end
  local extras = {}
  for name, value in next, defaults or {} do
    extras[name] = value
  end
  for name, value in next, given or {} do
    if options.sets_up_connection(name) then extras[name] = value end
  end
  if given and given.resolve then
    local map = by_ascii(given.resolve)
    extras.resolve = resolve_lines(map)
    extras.connect_to, extras.aliases = connect_lines(map)
    extras.addresses = map
  end
  if given and given.local_address then extras.interface = "host!" .. given.local_address end
  extras.http1, extras.unverified = extras.http_version == "1.1", extras.verify == false
  if digest then extras.digest, extras.user, extras.password = true, digest.user, digest.password end
  extras.text = text_of(extras)
  last_id = last_id + 1
  extras.id = last_id
  return extras
end

return connection
