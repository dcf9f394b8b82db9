-- SPDX-License-Identifier: MIT
-- The head of a request as saros' own connections send it, and where they are to connect to.

local lazily = require "saros.lazily"
local proxies = lazily "saros.http.proxies"

local message = {}

-- Adds the lines of `prepared.headers`, which are written as libcurl wants them: "Name:" stands for none, "Name;" for
-- one that is empty.
local function add_lines(lines, prepared)
  for _, line in ipairs(prepared.headers) do
    local empty = line:match "^([^:]*);$"
    if empty then
      lines[#lines + 1] = empty .. ":"
    elseif not line:find "^[^:]*:$" then
      lines[#lines + 1] = line
    end
  end
end

local function framing(prepared)
  if prepared.body then return "Content-Length: " .. #prepared.body end
  if not prepared.source then return nil end
  return prepared.body_length and "Content-Length: " .. prepared.body_length or "Transfer-Encoding: chunked"
end

local function default_host(target)
  return target.wire:match "^%a+://([^/?#]*)"
end

-- Where to connect to, and what is said there first.
local function set_place(prepared, proxy)
  local target, authorization = prepared.url, nil
  prepared.host, prepared.port, prepared.tunnel = target.host, target.port, nil
  if proxy then
    prepared.host, prepared.port, authorization = proxies.parts_of(proxy)
    if prepared.https then prepared.tunnel, authorization = proxies.tunnel_to(target, authorization), nil end
  end
  local extras = prepared.extras or {}
  local resolved = extras.addresses and extras.addresses[prepared.host .. ":" .. prepared.port]
  prepared.addresses, prepared.local_address, prepared.unix_socket = resolved, extras.local_address, extras.unix_socket
  prepared.is_internal = prepared.session.is_internal
  prepared.host = prepared.host:match "^%[(.*)%]$" or prepared.host
  prepared.server_name = prepared.https and target.address:gsub("%.$", "") or nil
  local at = proxy and not prepared.https and "proxy" or target.origin
  prepared.place = table.concat({ at, proxy or "", extras.text }, "\n")
  return authorization
end

---Sets what a request says of its connection, whatever carries it.
---@param prepared saros.http.Request
function message.describe(prepared)
  local map = prepared.map
  prepared.expects = map.expect and (map.expect[1] or ""):lower() == "100-continue" and framing(prepared) ~= nil
  prepared.closes = map.connection and table.concat(map.connection, ","):lower():find("close", 1, true) ~= nil
end

---Sets what saros' own connections need to know of a request.
---@param prepared saros.http.Request
---@param proxy? string  an http one that holds for it
function message.complete(prepared, proxy)
  local map, target = prepared.map, prepared.url
  local authorization = set_place(prepared, proxy)
  local asked = proxy and not prepared.https and target.wire or target.path .. target.query
  local lines = { ("%s %s HTTP/1.1"):format(prepared.method, asked) }
  if not map.host then lines[2] = "Host: " .. default_host(target) end
  lines[#lines + 1] = authorization
  if not map.accept then lines[#lines + 1] = "Accept: */*" end
  add_lines(lines, prepared)
  lines[#lines + 1] = framing(prepared)
  prepared.head = table.concat(lines, "\r\n") .. "\r\n\r\n"
end

return message
