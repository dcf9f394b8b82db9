-- SPDX-License-Identifier: MIT
-- Proxies: which requests go through one, and how it is spoken to.

local base64 = require "saros.http.base64"
local core = require "saros.http.core"
local url = require "saros.http.url"

local proxies = {}

local function number_of(address)
  local a, b, c, d = address:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  if not a then return nil end
  local number = 0
  for _, part in ipairs { a, b, c, d } do
    number = number << 8 | tonumber(part)
  end
  return number
end

-- Whether an address of IPv4 belongs to a network.
local function is_within(address, network, bits)
  local mine, theirs = number_of(address), number_of(network)
  if not mine or not theirs or bits > 32 then return false end
  return mine >> (32 - bits) == theirs >> (32 - bits)
end

-- Whether a host is one of a list, as libcurl reads no_proxy. nil: that takes a look at networks of IPv6.
local function is_listed(host, list)
  local is_v4 = host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil
  host = host:match "^%[(.*)%]$" or host:gsub("%.$", "")
  if list:match "^%s*%*%s*$" then return true end
  for entry in list:gmatch "[^%s,]+" do
    local network, size = entry:match "^(.*)/(%d+)$"
    local name = entry:lower():gsub("^%.", ""):gsub("%.$", ""):gsub("^%[(.*)%]$", "%1")
    if name == host then return true end
    if network and is_v4 and is_within(host, network, tonumber(size)) then return true end
    if network and host:find(":", 1, true) then return nil end
    if not is_v4 and not host:find(":", 1, true) and host:sub(-#name - 1) == "." .. name then return true end
  end
  return false
end

---The proxy that holds for a request that has one, or nil; the second result: only libcurl can tell.
---@param prepared saros.http.Request
---@return string? proxy
---@return boolean? unclear
function proxies.of(prepared)
  local listed = false
  if prepared.no_proxy then listed = is_listed(prepared.url.host, prepared.no_proxy) end
  if listed == nil then return nil, true end
  return not listed and prepared.proxy or nil
end

---A proxy as its URL says it: host, port and what goes into Proxy-Authorization.
---@param proxy string
---@return string host
---@return integer port
---@return string? authorization
function proxies.parts_of(proxy)
  local authority = proxy:match "^%a+://([^/?#]*)"
  local userinfo, place = authority:match "^(.*)@([^@]*)$"
  local host, port = (place or authority):match "^(.-):?(%d*)$"
  local user, password = (userinfo or ""):match "^([^:]*):?(.*)$"
  local secret = userinfo and base64(url.unescape(user) .. ":" .. url.unescape(password))
  return host, math.tointeger(tonumber(port)) or 80, secret and "Proxy-Authorization: Basic " .. secret
end

---What is said to a proxy that is to make a tunnel.
---@param target saros.http.URL
---@param authorization? string
---@return string
function proxies.tunnel_to(target, authorization)
  local place = target.host .. ":" .. target.port
  local lines = { ("CONNECT %s HTTP/1.1"):format(place), "Host: " .. place, authorization }
  lines[#lines + 1] = "User-Agent: " .. core.user_agent
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

return proxies
