-- SPDX-License-Identifier: MIT
-- URLs: taking apart, joining, escaping. Only http and https; what cannot be sent is refused here,
-- before any I/O. A parsed URL is never changed, so that parsing can be remembered.

local core = require "saros.http.core"

local url = {}

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

local function escape_byte(char)
  return ("%%%02X"):format(char:byte())
end

---Escapes everything but unreserved characters.
---@param text string
---@return string
function url.escape(text)
  return (text:gsub("[^%w%-%._~]", escape_byte))
end

---@param text string
---@return string
function url.unescape(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

---`name=value` pairs in order of the keys; a list repeats its key.
---@param fields table<string, any>
---@param space string   what a space becomes: "%20" in a query, "+" in a form
---@return string
function url.encode_fields(fields, space)
  local keys, parts = {}, {}
  local function escape(value)
    return (url.escape(tostring(value)):gsub("%%20", (space:gsub("%%", "%%%%"))))
  end
  for key in pairs(fields) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for _, key in ipairs(keys) do
    local value = fields[key]
    for _, item in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = escape(key) .. "=" .. escape(item)
    end
  end
  return table.concat(parts, "&")
end

---Removes "." and ".." segments.
local function normalise(path)
  if not path:find("/.", 1, true) then return path end
  local kept = {}
  for segment in path:gmatch("/([^/]*)") do
    if segment == ".." then
      kept[#kept] = nil
    elseif segment ~= "." then
      kept[#kept + 1] = segment
    end
  end
  local directory = path:match("/%.%.?$") and "/" or ""
  return "/" .. table.concat(kept, "/") .. (#kept > 0 and directory or "")
end

---A host name in the form that is asked for: lower case, and ASCII ("xn--bcher-kva.example"); or nil and why
---it has none.
---@param host string
---@return string?
---@return string? reason
function url.ascii_host(host)
  if not host:find("[\128-\255]") then return host:lower() end
  local ascii, reason = core.to_ascii(host)
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

  rest = rest:gsub("[^\33-\126]", escape_byte):gsub('["<>\\^`{|}]', escape_byte)
  local path, query, fragment = rest:match("^([^?#]*)(%??[^#]*)(#?.*)$")
  path = normalise(path == "" and "/" or path)
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

-- The URL that the text is, for the user of another: a parsed URL's text does not tell them.
local function for_user(text, base)
  local parsed = {}
  for key, value in pairs(url.parse(text)) do
    parsed[key] = value
  end
  parsed.user, parsed.password = base.user, base.password
  return parsed
end

---The URL with more fields in its query, before the fragment.
---@param base saros.http.URL
---@param fields table<string, any>
---@return saros.http.URL
function url.add_query(base, fields)
  local more = url.encode_fields(fields, "%20")
  if more == "" then return base end
  local glue = base.query == "" and "?" or (base.query == "?" or base.query:sub(-1) == "&") and "" or "&"
  return for_user(base.wire .. glue .. more .. base.fragment, base)
end

---The URL with the fragment of another, unless it has one.
---@param base saros.http.URL
---@param fragment string
---@return saros.http.URL
function url.keep_fragment(base, fragment)
  if base.fragment ~= "" or fragment == "" then return base end
  return for_user(base.text .. fragment, base)
end

---The URL of a proxy with its host in ASCII, and its port, which libcurl takes to be 1080 where an http one
---has none.
---@param text string
---@return string
function url.proxy(text)
  local scheme, authority, rest = text:match("^(%a[%w+.-]*://)([^/?#]*)(.*)$")
  if not scheme then
    scheme, authority, rest = "http://", text:match("^([^/?#]*)(.*)$")
  end
  local head, host, tail = authority:match("^(.-)([^@:%[%]]*)(:?%d*)$")
  authority = head .. (url.ascii_host(host) or host) .. tail
  if scheme:lower() == "http://" and not authority:find(":%d+$") then
    authority = authority:gsub(":$", "") .. ":80"
  end
  return scheme .. authority .. rest
end

---A reference as it can be shown: without userinfo.
---@param reference string
---@return string
function url.show(reference)
  return (reference:gsub("^(%a?[%w+.-]*:?//)[^/?#]*@", "%1"))
end

local SHOWN_MAX = 200

---A text that is no URL we could request, as it can be shown: what may be userinfo is left out, and what is too long.
---@param text string
---@return string
function url.quote(text)
  local scheme, rest = text:match("^(%a[%w+.-]*://)(.*)$")
  if not scheme then
    scheme, rest = text:match("^([hH][tT][tT][pP][sS]?:/?)(.*)$")
  end
  scheme, rest = scheme or "", rest or text
  local authority = rest:match("^[^/?#]*")
  local is_cut = authority:find(":") and not authority:find("@") and not authority:find(":%d*$") -- "/" in a password
  rest = is_cut and rest:gsub("^.*@", "") or rest:gsub("^[^/?#]*@", "")
  text = (scheme .. rest):gsub("[%c\127]", function(char)
    return ("\\x%02x"):format(char:byte())
  end)
  return "'" .. (#text > SHOWN_MAX and text:sub(1, SHOWN_MAX) .. "..." or text) .. "'"
end

---What a Location means, seen from the URL that sent it (RFC 3986, section 5.3).
---@param base saros.http.URL
---@param reference string
---@return string
function url.join(base, reference)
  local origin = base.wire:match("^%a+://[^/]+")
  if reference:match("^%a[%w+.-]*:") then return reference end
  if reference:sub(1, 2) == "//" then return base.scheme .. ":" .. reference end
  if reference:sub(1, 1) == "/" then return origin .. reference end
  if reference:sub(1, 1) == "?" then return origin .. base.path .. reference end
  if reference == "" or reference:sub(1, 1) == "#" then return base.wire .. reference end
  return origin .. base.path:match("^.*/") .. reference
end

return url
