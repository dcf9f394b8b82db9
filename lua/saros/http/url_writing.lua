-- SPDX-License-Identifier: MIT
-- URLs: making one of another, and showing them. saros.http.url has these functions, too, and loads them when one of
-- them is needed.

local url = require "saros.http.url"

---@class saros.http.url_writing
local writing = {}

---Escapes everything but unreserved characters.
---@param text string
---@return string
function writing.escape(text)
  return (text:gsub("[^%w%-%._~]", url.escape_byte))
end

---@param text string
---@return string
function writing.unescape(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

---Removes "." and ".." segments.
---@param path string
---@return string
function writing.normalise(path)
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

---`name=value` pairs in order of the keys; a list repeats its key.
---@param fields table<string, any>
---@param space string   what a space becomes: "%20" in a query, "+" in a form
---@return string
function writing.encode_fields(fields, space)
  local keys, parts = {}, {}
  local function escape(value)
    return (writing.escape(tostring(value)):gsub("%%20", (space:gsub("%%", "%%%%"))))
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
function writing.add_query(base, fields)
  local more = writing.encode_fields(fields, "%20")
  if more == "" then return base end
  local glue = base.query == "" and "?" or (base.query == "?" or base.query:sub(-1) == "&") and "" or "&"
  return for_user(base.wire .. glue .. more .. base.fragment, base)
end

---The URL with the fragment of another, unless it has one.
---@param base saros.http.URL
---@param fragment string
---@return saros.http.URL
function writing.keep_fragment(base, fragment)
  if base.fragment ~= "" or fragment == "" then return base end
  return for_user(base.text .. fragment, base)
end

---The URL of a proxy with its host in ASCII, and its port, which libcurl takes to be 1080 where an http one
---has none.
---@param text string
---@return string
function writing.proxy(text)
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
function writing.show(reference)
  return (reference:gsub("^(%a?[%w+.-]*:?//)[^/?#]*@", "%1"))
end

local SHOWN_MAX = 200

---A text that is no URL we could request, as it can be shown: what may be userinfo is left out, and what is too long.
---@param text string
---@return string
function writing.quote(text)
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
function writing.join(base, reference)
  local origin = base.wire:match("^%a+://[^/]+")
  if reference:match("^%a[%w+.-]*:") then return reference end
  if reference:sub(1, 2) == "//" then return base.scheme .. ":" .. reference end
  if reference:sub(1, 1) == "/" then return origin .. reference end
  if reference:sub(1, 1) == "?" then return origin .. base.path .. reference end
  if reference == "" or reference:sub(1, 1) == "#" then return base.wire .. reference end
  return origin .. base.path:match("^.*/") .. reference
end

return writing
