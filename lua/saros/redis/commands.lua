-- SPDX-License-Identifier: MIT
-- Commands: how they are written, which of them wait on the server, and which are not to be sent by hand.

local misuse = require "saros.misuse"
local encode = require("saros.redis.core").encode

local commands = {}

-- ---- Writing -------------------------------------------------------------------------------------

---A command as the server reads it: integers plainly, floats with so many digits that they can be read back.
---@param caller string   the function as its user knows it
---@param before integer  how many arguments of that stand before those of the command
---@param name string     in capitals
---@param ... string|number
---@return string
function commands.encode(caller, before, name, ...)
  local data, wrong = encode(name, ...)
  if data then return data end
  misuse.type(caller, before + wrong, "string or number", (select(wrong, ...)))
end

---How a command begins that has a name; its arguments follow.
---@param name string
---@return string
function commands.head(name)
  return ("$%d\r\n%s\r\n"):format(#name, name)
end

---The names of the commands in a message.
---@param data string
---@return string[]
function commands.names(data)
  local names, at = {}, 1
  while at <= #data do
    local words, start = data:match("^%*(%d+)\r\n()", at)
    at = start
    for i = 1, tonumber(words) do
      local length, first = data:match("^%$(%d+)\r\n()", at)
      at = first + length + 2
      if i == 1 then names[#names + 1] = data:sub(first, first + length - 1) end
    end
  end
  return names
end

-- ---- By hand -------------------------------------------------------------------------------------

-- What is no affair of the user's, because connections are shared, and what to use.
local TRANSACTION = "use redis:transaction"
local SUBSCRIBE = "use redis:subscribe or redis:psubscribe"
local own = {
  MULTI = TRANSACTION, EXEC = TRANSACTION, DISCARD = TRANSACTION, WATCH = TRANSACTION, UNWATCH = TRANSACTION,
  SELECT = "name the database in the URL: redis://host/2",
  AUTH = "name user and password in the URL: redis://user:password@host",
  HELLO = "the client says it itself",
  SUBSCRIBE = SUBSCRIBE, PSUBSCRIBE = SUBSCRIBE, UNSUBSCRIBE = SUBSCRIBE, PUNSUBSCRIBE = SUBSCRIBE,
  SSUBSCRIBE = SUBSCRIBE, SUNSUBSCRIBE = SUBSCRIBE,
  QUIT = "use redis:close", RESET = "use redis:close",
  MONITOR = "its replies have no end", SYNC = "its replies have no end", PSYNC = "its replies have no end",
}

---Why a command cannot be sent by hand, or nil.
---@param name string
---@param ... any      its arguments
---@return string?
function commands.refusal(name, ...)
  if own[name] then return own[name] end
  local first = ...
  if name == "CLIENT" and type(first) == "string" and first:upper() == "REPLY" then
    return "each command has a reply here"
  end
end

---Raises for a command that cannot be sent by hand.
---@param caller string
---@param name string
---@param ... any
function commands.check(caller, name, ...)
  local reason = commands.refusal(name, ...)
  if reason then misuse.argument(caller, 1, ("%s cannot be sent by hand: %s"):format(name, reason)) end
end

-- ---- What waits on the server --------------------------------------------------------------------

local function last_seconds(...)
  return tonumber((select(-1, ...)))
end

local function first_seconds(...)
  return tonumber((...))
end

local function milliseconds(position)
  return function(...)
    local value = tonumber((select(position, ...)))
    return value and value / 1000
  end
end

-- What stands behind BLOCK; the names of streams come behind STREAMS.
local function block_option(...)
  local given = { ... }
  for i = 1, #given do
    local word = type(given[i]) == "string" and given[i]:upper()
    if word == "STREAMS" then return nil end
    local value = word == "BLOCK" and tonumber(given[i + 1]) -- a group may have that name, too
    if value then return value / 1000 end
  end
end

local waits = {
  BLPOP = last_seconds, BRPOP = last_seconds, BRPOPLPUSH = last_seconds, BLMOVE = last_seconds,
  BZPOPMIN = last_seconds, BZPOPMAX = last_seconds, BLMPOP = first_seconds, BZMPOP = first_seconds,
  XREAD = block_option, XREADGROUP = block_option, WAIT = milliseconds(2), WAITAOF = milliseconds(3),
}

---For a command that may wait on the server: gives from its arguments the seconds, or nil.
---@type table<string, fun(...: any): number?>
commands.waits = waits

---How many seconds a command waits on the server at most, 0 for without end; nil if it does not.
---@param name string
---@param ... any
---@return number?
function commands.blocks(name, ...)
  local seconds_of = waits[name]
  if not seconds_of or select("#", ...) == 0 then return nil end
  return seconds_of(...)
end

---Whether a command may be sent by hand and never blocks, whatever its arguments.
---@param name string
---@return boolean
function commands.is_plain(name)
  return not (own[name] or waits[name] or name == "CLIENT")
end

return commands
