-- SPDX-License-Identifier: MIT
-- URLs: taking apart. Only http and https; what cannot be sent is refused here,
-- before any I/O. A parsed URL is never changed, so that parsing can be remembered.

local lazily = require "saros.lazily"
local domains = lazily "saros.http.domains.core"

---@class saros.http.url: saros.http.url_writing
local url = setmetatable({}, { __index = lazily "saros.http.url_writing" })

---@class saros.http.URL
---@field scheme string
---@field host string        lower case, ASCII ("xn--..."); an IPv6 address in brackets
---@field address string     the same without brackets, as the system takes it
---@field port integer
---@field path string        escaped, begins with "/"
---@field query string       with its "?", or ""
---@field fragment string    with its "#", or ""
---@field user? string       unescaped, as the password is
---@field password? string
---@field origin string      scheme, host and port: what limits and credentials belong to
---@field wire string        what is requested: no userinfo, no fragment
---@field text string        the same with the fragment

local default_ports = { http = 80, https = 443 }

---@param char string
---@return string
function url.escape_byte(char)
  return ("%%%02X"):format(char:byte())
end

---A host name in the form that is asked for: lower case, and ASCII ("xn--bcher-kva.example"); or nil and why
---it has none.
---@param host string
---@return string?
---@return string? reason
function url.ascii_host(host)
  if not host:find("[\128-\255]") then return host:lower() end
  local ascii, reason = domains.to_ascii(host)
  if not ascii then return nil, ("invalid host name %q: %s"):format(host, reason) end
  if ascii:find("[^%w%-._]") then return nil, ("invalid host name %q"):format(host) end -- "\u{2100}" became "a/c"
  return ascii:lower()
end

-- Host, port and userinfo; or nil and maybe why.
local function split_authority(authority)
  if authority:find("[\\%s]") then return nil end -- browsers read "\\" as "/": who would be asked?
  local userinfo, place = authority:match("^(.*)@([^@]*)$")
  place = place or authority
  local host, port = place:match("^(%[[%x:%.]+%]):?(%d*)$")
  if not host then
    host, port = place:match("^([^:%[%]]+):?(%d*)$")
  end
  if not host or host:find("[<>\"{}|^`%%]") then return nil end
  local ascii, reason = url.ascii_host(host)
  return ascii, ascii and port or reason, userinfo
end

local function parse(text)
  if text:find("[%z\1-\31\127]") then return nil, "a URL must not contain control characters" end
  local scheme, authority, rest = text:match("^(%a[%w+.-]*)://([^/?#]*)(.*)$")
  scheme = scheme and scheme:lower()
  if not default_ports[scheme] then return nil, "not an http or https URL" end
  local host, port, userinfo = split_authority(authority)
  if not host and port then return nil, port end
  port = host and (port == "" and default_ports[scheme] or math.tointeger(tonumber(port)))
  if not port or port < 1 or port > 65535 then return nil, "a URL without a valid host and port" end

  rest = rest:gsub("[^\33-\126]", url.escape_byte):gsub('["<>\\^`{|}]', url.escape_byte)
  local path, query, fragment = rest:match("^([^?#]*)(%??[^#]*)(#?.*)$")
  path = path == "" and "/" or path
  if path:find("/.", 1, true) then path = url.normalise(path) end
  local place = port == default_ports[scheme] and host or host .. ":" .. port
  local wire = scheme .. "://" .. place .. path .. query
  local user, password
  if userinfo and userinfo:find("[^:]") then
    user, password = userinfo:match("^([^:]*):?(.*)$")
    user, password = url.unescape(user), url.unescape(password)
  end
  return {
    scheme = scheme, host = host, address = host:match "^%[(.*)%]$" or host, port = port,
    path = path, query = query, fragment = fragment,
    user = user, password = password, wire = wire, text = wire .. fragment,
    origin = scheme .. "://" .. host .. ":" .. port,
  }
end

-- A program asks for the same few URLs again and again.
local remembered, count = {}, 0
local REMEMBERED_MAX = 256

---Takes a URL apart. Returns nil and the reason if it is none we could request.
---@param text string
---@return saros.http.URL?
---@return string? reason
function url.parse(text)
  local parsed = remembered[text]
  if parsed then return parsed end
  local reason
  parsed, reason = parse(text)
  if not parsed then return nil, reason end
  if count == REMEMBERED_MAX then
    remembered, count = {}, 0
  end
  remembered[text], count = parsed, count + 1
  return parsed
end

return url
