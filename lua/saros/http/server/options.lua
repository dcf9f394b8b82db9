-- SPDX-License-Identifier: MIT
-- The options of a server, checked.

local misuse = require "saros.misuse"
local net_options = require "saros.net.options"

local options = {}

---@class saros.HTTPOptions: saros.ListenOptions
---@field max_header_size? integer  bytes of a head (16 KiB: 431)
---@field max_headers? integer      lines of it (100: 431)
---@field max_target? integer       bytes of what is asked for (8 KiB: 414)
---@field max_body_size? integer|false  bytes of a decoded body (1 MiB: 413); false: any
---@field header_timeout? number|false  seconds for a head, from accept or its first byte on (10: 408)
---@field idle_timeout? number|false    seconds between requests (65)
---@field read_timeout? number|false    seconds between bytes of a body (30: 408)
---@field write_timeout? number|false   seconds in which a client takes nothing (30: reset)
---@field grace? number                 seconds that `serve` gives running requests at its end (5)
---@field cancel_on_disconnect? boolean whether handlers are cancelled when their clients go; unless it is said those of
---GET and HEAD, and who writes a response
---@field compress? boolean  encodes texts of 1 KiB and more for clients that take it (false)
---@field log? boolean|fun(record: saros.HTTPRecord)  true: a line for each response on standard error

---@class saros.HTTPRecord
---@field method? string   nil where no request could be read
---@field target? string
---@field status integer
---@field bytes integer    of the body that was sent
---@field seconds number   from the request's head to the end of its response
---@field peer? string

local defaults = {
  max_header_size = 16384, max_headers = 100, max_target = 8192, max_body_size = 1048576,
  header_timeout = 10, idle_timeout = 65, read_timeout = 30, write_timeout = 30, grace = 5,
}

-- What a stream reads ahead has to have room for it.
local LARGEST_HEAD = 65536

local function is_count(value)
  return math.type(value) == "integer" and value > 0, "positive integer"
end

local function is_size(value)
  return math.type(value) == "integer" and value > 0 and value <= LARGEST_HEAD, "integer from 1 to 65536"
end

local function is_seconds(value)
  return value == false or type(value) == "number" and value == value, "number of seconds or false"
end

local checks = {
  max_header_size = is_size, max_headers = is_count, max_target = is_size,
  max_body_size = function(value)
    return value == false or math.type(value) == "integer" and value >= 0, "integer of at least 0, or false"
  end,
  header_timeout = is_seconds, idle_timeout = is_seconds, read_timeout = is_seconds, write_timeout = is_seconds,
  grace = function(value)
    return type(value) == "number" and value == value, "number of seconds"
  end,
  cancel_on_disconnect = function(value)
    return type(value) == "boolean", "boolean"
  end,
  compress = function(value)
    return type(value) == "boolean", "boolean"
  end,
  log = function(value)
    return type(value) == "boolean" or type(value) == "function", "boolean or function"
  end,
}

local known = {}
for name in pairs(checks) do known[name] = true end
for name in pairs(net_options.listen) do known[name] = true end

local function check_option(caller, position, name, value)
  if not known[name] then misuse.unknown_option(caller, position, name, known) end
  if not checks[name] then return end
  local ok, expected = checks[name](value)
  if ok then return end
  local got = type(value) == "number" and tostring(value) or type(value)
  misuse.argument(caller, position, ("option '%s': %s expected, got %s"):format(name, expected, got))
end

-- What TLS is told: the protocol that is spoken here, unless the options say otherwise.
local function with_protocol(given)
  if type(given) ~= "table" or given.alpn ~= nil then return given end
  local copy = { alpn = { "http/1.1" } }
  for name, value in pairs(given) do copy[name] = value end
  return copy
end

---Raises what is wrong with options. Gives all of a server's own, and those of the sockets that listen.
---@param caller string
---@param position integer
---@param given any
---@return table own
---@return saros.ListenOptions listening
function options.check(caller, position, given)
  if given == nil then given = {} end
  if type(given) ~= "table" then misuse.type(caller, position, "table", given) end
  local own, listening = {}, {}
  for name, value in pairs(defaults) do own[name] = value end
  for name, value in pairs(given) do
    check_option(caller, position, name, value)
    if checks[name] then own[name] = value else listening[name] = value end
  end
  listening.tls = with_protocol(listening.tls)
  net_options.check(caller, position, listening, net_options.listen)
  if listening.tls then require("saros.net.tls").server(caller, position, listening.tls) end
  own.tls, own.max_connections = listening.tls and true or false, listening.max_connections
  return own, listening
end

return options
