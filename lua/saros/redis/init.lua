-- SPDX-License-Identifier: MIT
-- saros.redis: a client for Redis and Valkey over async.net.

require "saros" -- before its parts, which may be all that a program has asked for

local misuse = require "saros.misuse"
local client = require "saros.redis.redis"
local url = require "saros.redis.url"

---What `require "saros.redis"` gives.
---@class saros.redis
local redis = {}

---@class saros.RedisOptions
---@field pool? integer            connections at most, one of which all tasks share (10)
---@field timeout? number          seconds for a reply, and in which one that is loading is asked again (5)
---@field connect_timeout? number  seconds in which a connection has to come, however often it is tried (5)
---@field keepalive? number        seconds of silence after which a sign of life is asked for (30)
---@field ca_file? string          TLS: whom to trust (PEM) instead of those whom the system trusts
---@field ca_path? string          TLS: a folder of those, as `openssl rehash` makes it
---@field verify? boolean          TLS: false takes any server for the right one
---@field server_name? string      TLS: what the server has to prove; the host unless said otherwise
---@field cert? string             TLS: the own certificate (PEM)
---@field key? string              TLS: its private key (PEM)
---@field tls_min? "1.2"|"1.3"     TLS

---@class saros.redis.Settings
---@field place saros.redis.Place
---@field pool integer
---@field timeout number
---@field connect_timeout number
---@field keepalive number
---@field tls? saros.TLSOptions|boolean

local function is_seconds(value)
  return type(value) == "number" and value > 0, "seconds above zero"
end

local function is_text(value)
  return type(value) == "string" and value ~= "" and not value:find "%z", "string, not empty,"
end

local checks = {
  pool = function(value) return math.type(value) == "integer" and value > 0, "positive integer" end,
  timeout = is_seconds,
  connect_timeout = is_seconds,
  keepalive = function(value) return type(value) == "number" and value >= 1, "seconds, at least 1," end,
  ca_file = is_text, ca_path = is_text, server_name = is_text, cert = is_text, key = is_text,
  verify = function(value) return type(value) == "boolean", "boolean" end,
  tls_min = function(value) return value == "1.2" or value == "1.3", "'1.2' or '1.3'" end,
}

-- The same option in the words of async.net.
local of_tls = {
  ca_file = "ca_file", ca_path = "ca_path", server_name = "server_name", cert = "cert", key = "key", verify = "verify",
  tls_min = "min_version",
}

local function check(given)
  if given == nil then return {} end
  if type(given) ~= "table" then misuse.type("connect", 2, "table", given) end
  for name, value in pairs(given) do
    if not checks[name] then misuse.unknown_option("connect", 2, name, checks) end
    local ok, expected = checks[name](value)
    if not ok then misuse.option("connect", "option '%s': %s expected, got %s", name, expected, misuse.kind(value)) end
  end
  return given
end

-- Mistakes in files and the like are raised now, not by the first command.
local function tls_options(place, given)
  if not place.is_secure then return nil end
  local options = {}
  for name, other in pairs(of_tls) do options[other] = given[name] end
  require("saros.net.tls").client("connect", 2, options, place.host)
  return options
end

---A client for a server, which connects at its first use. URLs: `redis://user:password@host:port/db`, `rediss://` for
---TLS, `redis+unix://user:password@/path?db=2`.
---@param target string
---@param given? saros.RedisOptions
---@return saros.Redis
function redis.connect(target, given)
  if type(target) ~= "string" then misuse.type("connect", 1, "string", target) end
  local place, reason = url.parse(target)
  if not place then misuse.argument("connect", 1, "not a URL of Redis: " .. reason) end
  given = check(given)
  return client.new {
    place = place, pool = given.pool or 10, timeout = given.timeout or 5,
    connect_timeout = given.connect_timeout or 5, keepalive = given.keepalive or 30, tls = tls_options(place, given),
  }
end

misuse.guard(redis)

return redis
