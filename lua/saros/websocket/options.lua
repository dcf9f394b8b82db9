-- SPDX-License-Identifier: MIT
-- What websocket is given, checked.

local misuse = require "saros.misuse"

local options = {}

---@class saros.WebSocketOptions
---@field headers? table<string, string|number|(string|number)[]|false>  what the handshake sends besides; as in fetch
---@field protocols? string[]             subprotocols, the one liked best first
---@field timeout? number                 seconds to open it (10)
---@field max_message_size? integer       bytes of a message, decoded (1 MiB): a larger one closes it with 1009
---@field ping? number|false              seconds of silence after which the peer is asked whether it lives (20)
---@field compress? boolean               permessage-deflate (false)
---@field verify? boolean                 over TLS, as in fetch, like those below
---@field ca_file? string
---@field ca_path? string
---@field tls_min? "1.2"|"1.3"
---@field cert? string
---@field key? string
---@field server_name? string

---@class saros.WebSocketServerOptions
---@field protocols? string[]             in the order that decides
---@field max_message_size? integer
---@field ping? number|false
---@field compress? boolean
---@field origins? string[]|(fun(origin: string): boolean)  whose pages may connect; else those of the own host

-- By option, what async.net calls it.
local TLS = {
  verify = "verify", ca_file = "ca_file", ca_path = "ca_path", cert = "cert", key = "key", server_name = "server_name",
  tls_min = "min_version",
}
local COMMON = { protocols = true, max_message_size = true, ping = true, compress = true }
local CLIENT, SERVER = { headers = true, timeout = true }, { origins = true }
for name in pairs(COMMON) do CLIENT[name], SERVER[name] = true, true end
for name in pairs(TLS) do CLIENT[name] = true end

local function is_list_of_tokens(value)
  if type(value) ~= "table" or not misuse.is_list(value) or #value == 0 then return false end
  for _, token in ipairs(value) do
    if type(token) ~= "string" or token:find "[^%w!#$%%&'*+%-.^_`|~]" or token == "" then return false end
  end
  return true
end

local function is_list_of_strings(value)
  if type(value) ~= "table" or not misuse.is_list(value) then return false end
  for _, each in ipairs(value) do
    if type(each) ~= "string" then return false end
  end
  return true
end

local function is_seconds(value) return type(value) == "number" and value == value and value > 0 end
local function is_text(value) return type(value) == "string" and not value:find "%z" end

local checks = {
  headers = { function(value) return type(value) == "table" end, "table" },
  protocols = { is_list_of_tokens, "list of tokens" },
  timeout = { is_seconds, "seconds above 0" },
  max_message_size = { function(value) return math.type(value) == "integer" and value > 0 end, "positive integer" },
  ping = { function(value) return value == false or is_seconds(value) end, "seconds above 0 or false" },
  compress = { function(value) return type(value) == "boolean" end, "boolean" },
  origins = { function(value) return type(value) == "function" or is_list_of_strings(value) end,
    "list of strings or function" },
  verify = { function(value) return type(value) == "boolean" end, "boolean" },
  tls_min = { function(value) return value == "1.2" or value == "1.3" end, "'1.2' or '1.3'" },
  ca_file = { is_text, "path" }, ca_path = { is_text, "path" }, cert = { is_text, "path" }, key = { is_text, "path" },
  server_name = { is_text, "name" },
}

---The options with their defaults; raises what is wrong with them.
---@param caller string
---@param position integer
---@param given any
---@param is_client boolean
---@return table
function options.check(caller, position, given, is_client)
  local known = is_client and CLIENT or SERVER
  local all = { timeout = 10, max_message_size = 1048576, ping = 20, compress = false }
  if given == nil then return all end
  if type(given) ~= "table" then misuse.type(caller, position, "table", given) end
  for name, value in pairs(given) do
    if not known[name] then misuse.unknown_option(caller, position, name, known) end
    local check = checks[name]
    if not check[1](value) then
      misuse.argument(caller, position, ("option '%s': %s expected, got %s"):format(name, check[2], misuse.kind(value)))
    end
    all[name] = value
  end
  return all
end

---The options of TLS among them.
---@param given table
---@return table
function options.tls(given)
  local tls = {}
  for name, theirs in pairs(TLS) do tls[theirs] = given[name] end
  return tls
end

return options
