-- SPDX-License-Identifier: MIT
-- A driver for PostgreSQL (protocol 3) on the sockets of saros: queries with parameters, rows as they come,
-- transactions, COPY, LISTEN, a pool, and cancellation that reaches the server. There is nothing in it but the public
-- API of saros.
--
--   local postgres = require "postgres"
--   local db <close> = postgres.connect { host = "db.example.org", user = "ada", password = "...", tls = true }
--   for row in db:rows("SELECT * FROM numbers WHERE n > $1", 40) do print(row.n) end

local Link = require "postgres.link"
local Pool = require "postgres.pool"
local Session = require "postgres.session"

---@class postgres.Options
---@field host? string         "127.0.0.1"
---@field port? integer        5432
---@field unix_socket? string  its path ("/run/postgresql/.s.PGSQL.5432"), instead of host and port
---@field user string
---@field password? string
---@field database? string     named as the user unless given
---@field tls? boolean|table   true, or options of `async.net`'s TLS
---@field timeout? number      seconds for connecting and logging in
---@field size? integer        of a pool: so many connections at most, 10

local KNOWN = {
  host = "string", port = "number", unix_socket = "string", user = "string", password = "string", database = "string",
  tls = "any", timeout = "number", size = "number",
}

local function check(caller, given)
  if type(given) ~= "table" then
    error(("bad argument #1 to '%s' (table expected, got %s)"):format(caller, type(given)), 3)
  end
  local options = { host = "127.0.0.1", port = 5432 }
  for name, value in pairs(given) do
    local kind = KNOWN[name]
    if kind ~= "any" and kind ~= type(value) then
      local what = kind and ("option '%s': %s expected"):format(name, kind) or ("unknown option '%s'"):format(name)
      error(("bad argument #1 to '%s' (%s)"):format(caller, what), 3)
    end
    options[name] = value
  end
  if not options.user then error(("bad argument #1 to '%s' (option 'user' is missing)"):format(caller), 3) end
  return options
end

local postgres = {}

---Connects and logs in.
---@async
---@param options postgres.Options
---@return postgres.Session
function postgres.connect(options) return Session.new(Link.open(check("connect", options))) end

---A pool, which connects when connections are asked for.
---@param options postgres.Options
---@return postgres.Pool
function postgres.pool(options) return Pool.new(check("pool", options)) end

---A string of bytes as a parameter of type bytea.
---@param bytes string
---@return string
function postgres.bytea(bytes)
  return "\\x" .. bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
end

return postgres
