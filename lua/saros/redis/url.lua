-- SPDX-License-Identifier: MIT
-- Where a server is: redis://user:password@host:port/db, rediss:// for TLS, redis+unix://user:password@/path?db=2.

local url = {}

---@class saros.redis.Place
---@field host? string
---@field port? integer
---@field path? string      of a Unix socket
---@field is_secure boolean
---@field user? string
---@field password? string
---@field db integer

local schemes = { redis = true, rediss = true, ["redis+unix"] = true }

local function unescape(text)
  if text:gsub("%%%x%x", ""):find("%", 1, true) then return nil end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- User and password, unescaped. There may be neither.
local function read_user(place, userinfo)
  if not userinfo then return true end
  local user, password = userinfo:match "^([^:]*):(.*)$"
  if not user then user = userinfo end
  user, password = unescape(user), password and unescape(password)
  if not user then return false end
  place.user = user ~= "" and user or nil
  place.password = password
  return password ~= nil or place.user == nil
end

local function read_db(place, text)
  if text == "" then return true end
  local db = text:find "^%d+$" and math.tointeger(tonumber(text))
  place.db = db or 0
  return db ~= nil and db ~= false
end

local function read_host(place, authority)
  local host, port = authority:match "^%[([%x:.]+)%]:?(%d*)$"
  if not host then host, port = authority:match "^([^:%[%]]*):?(%d*)$" end
  if not host or host:find "[%s%%\\<>\"{}|^`]" then return false end
  place.host = host == "" and "localhost" or host
  place.port = port == "" and 6379 or math.tointeger(tonumber(port))
  return place.port and place.port > 0 and place.port < 65536
end

local function read_query(place, query)
  if query == "" then return true end
  local db = query:match "^%?db=(%d+)$"
  return db ~= nil and read_db(place, db)
end

local function read_unix(place, authority, path)
  place.path = authority == "" and path ~= "" and path ~= "/" and unescape(path) or nil
  return place.path
end

---Takes a URL apart; nil and why if that is none of Redis.
---@param text string
---@return saros.redis.Place?
---@return string? reason
function url.parse(text)
  if text:find "[%z\1-\31\127]" then return nil, "it has control characters" end
  local scheme, authority, path, query = text:match "^(%a[%w+]*)://([^/?#]*)([^?#]*)(%??[^#]*)$"
  scheme = scheme and scheme:lower()
  if not schemes[scheme] then return nil, "redis://, rediss:// or redis+unix:// expected" end
  local place = { is_secure = scheme == "rediss", db = 0 }
  local userinfo, rest = authority:match "^(.*)@([^@]*)$"
  if not read_user(place, userinfo) then return nil, "its user and password are broken" end
  rest = rest or authority
  if scheme == "redis+unix" then
    if not read_unix(place, rest, path) then return nil, "a path expected, as in redis+unix:///path" end
  elseif not read_host(place, rest) then
    return nil, "it has no valid host and port"
  elseif not read_db(place, path:sub(2)) then
    return nil, "its path is no number of a database"
  end
  if not read_query(place, query) then return nil, "?db=NUMBER expected, and nothing else" end
  return place
end

return url
