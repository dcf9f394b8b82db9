-- SPDX-License-Identifier: MIT
-- permessage-deflate (RFC 7692): what is offered, what is agreed on.

local core = require "saros.websocket.core"

local extension = {}

local NAME = "permessage-deflate"
local MOST, LEAST = 15, 9 -- bits of a window; zlib cannot deflate with 8

---What a client offers, nil if this build cannot.
---@return string?
function extension.offer() return core.can_deflate and NAME .. "; client_max_window_bits" or nil end

-- The elements of Sec-WebSocket-Extensions: lists of a name and parameters. nil if it is malformed.
local function parse(text)
  local list = {}
  for element in (text .. ","):gmatch "([^,]*)," do
    local name, rest = element:match "^%s*([%w!#$%%&'*+%-.^_`|~]+)%s*(.*)$"
    if not name then return nil end
    local parsed = { name = name:lower(), parameters = {} }
    while rest ~= "" do
      local key, value, behind = rest:match '^;%s*([%w_%-]+)%s*=%s*"?(%w+)"?%s*(.*)$'
      if not key then
        key, behind = rest:match "^;%s*([%w_%-]+)%s*(.*)$"
        value = true
      end
      if not key or parsed.parameters[key] ~= nil then return nil end
      parsed.parameters[key], rest = value, behind
    end
    list[#list + 1] = parsed
  end
  return list
end

-- A number of bits, `default` where there is none, nil where it is none.
local function bits_of(value, default)
  if value == nil then return default end
  local bits = type(value) == "string" and value:match "^%d%d?$" and math.tointeger(tonumber(value))
  return bits and bits >= 8 and bits <= MOST and bits or nil
end

local KNOWN = {
  server_no_context_takeover = true, client_no_context_takeover = true, server_max_window_bits = true,
  client_max_window_bits = true,
}

local function are_known(parameters)
  for name, value in pairs(parameters) do
    if not KNOWN[name] then return false end
    if name:find "takeover" and value ~= true then return false end
  end
  return true
end

---What a server makes of the offers: the agreement and the header to send, or nothing.
---@param text? string  Sec-WebSocket-Extensions
---@return saros.websocket.Agreement?
---@return string?
function extension.choose(text)
  if not text or not core.can_deflate then return nil end
  for _, offered in ipairs(parse(text) or {}) do
    local given = offered.parameters
    local own = bits_of(given.server_max_window_bits, MOST)
    local theirs = given.client_max_window_bits == true and MOST or bits_of(given.client_max_window_bits, MOST)
    if offered.name == NAME and are_known(given) and own and own >= LEAST and theirs then
      local answer = NAME
      for _, name in ipairs { "server_no_context_takeover", "client_no_context_takeover" } do
        if given[name] then answer = answer .. "; " .. name end
      end
      if given.server_max_window_bits then answer = ("%s; server_max_window_bits=%d"):format(answer, own) end
      return {
        deflate = { bits = own, keeps = not given.server_no_context_takeover },
        inflate = { bits = MOST, keeps = not given.client_no_context_takeover },
      }, answer
    end
  end
end

---What a client agrees to by what the server has answered; nil, and why, if that was never offered.
---@param text? string
---@param was_offered boolean
---@return saros.websocket.Agreement?
---@return string?
function extension.accept(text, was_offered)
  if not text then return {} end
  local list = parse(text)
  local chosen = list and list[1]
  if not was_offered or not chosen or list[2] or chosen.name ~= NAME or not are_known(chosen.parameters) then
    return nil, "the server answers with an extension that was not asked for"
  end
  local given = chosen.parameters
  local own, theirs = bits_of(given.client_max_window_bits, MOST), bits_of(given.server_max_window_bits, MOST)
  if not own or not theirs then return nil, "the server asks for a window that there is not" end
  return {
    deflate = own >= LEAST and { bits = own, keeps = not given.client_no_context_takeover } or nil,
    inflate = { bits = MOST, keeps = not given.server_no_context_takeover },
  }
end

return extension
