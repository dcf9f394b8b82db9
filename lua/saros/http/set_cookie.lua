-- SPDX-License-Identifier: MIT
-- Set-Cookie: what a server may set for whom (RFC 6265, and the prefixes and the care for secure
-- cookies of its successor).

local core = require "saros.http.core"
local date = require "saros.http.date"
local domains = require "saros.http.domains.core"
local url = require "saros.http.url"

local set_cookie = {}

-- A cookie larger than this is none.
local SIZE_MAX = 4096

---Whether a cookie for this domain goes to the host.
---@param host string
---@param domain string
function set_cookie.domain_matches(host, domain)
  return host == domain or not core.is_address(host) and host:sub(-#domain - 1) == "." .. domain
end

---Whether a cookie for this path goes to the path of a request.
---@param path string
---@param cookie_path string
function set_cookie.path_matches(path, cookie_path)
  if path == cookie_path then return true end
  if path:sub(1, #cookie_path) ~= cookie_path then return false end
  return cookie_path:sub(-1) == "/" or path:sub(#cookie_path + 1, #cookie_path + 1) == "/"
end

local function default_path(path)
  return path:match("^(/.*)/[^/]*$") or "/"
end

-- The attributes of a Set-Cookie, by lower-case name; the last of each counts.
local function attributes(text)
  local found = {}
  for part in text:gmatch(";([^;]*)") do
    local name, value = part:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
    if not name then name, value = part:match("^%s*(.-)%s*$"), "" end
    found[name:lower()] = value
  end
  return found
end

-- When a cookie ends: Max-Age before Expires.
local function expiry(found)
  local seconds = found["max-age"] and found["max-age"]:match("^%-?%d+$")
  if seconds then
    seconds = tonumber(seconds)
    return seconds <= 0 and 0 or math.tointeger(os.time() + math.min(seconds, 4000000000) // 1)
  end
  local moment = found.expires and date.parse(found.expires)
  return moment and math.max(moment, 0)
end

-- Whether the host may set a cookie for this domain, and whether that is then for itself only.
local function judge_domain(host, domain)
  local is_address = core.is_address(host)
  if domain == "" or domain == host and (is_address or domains.is_public_suffix(host)) then return host, true end
  if not set_cookie.domain_matches(host, domain) or is_address or domains.is_public_suffix(domain) then return nil end
  return domain, false
end

-- The prefixes by which a name promises how it was set.
local function keeps_promise(cookie, found)
  local name = cookie.name:lower()
  if name:sub(1, 9) == "__secure-" then return cookie.secure end
  if name:sub(1, 7) ~= "__host-" then return true end
  return cookie.secure and cookie.host_only and found.path == "/" and (found.domain or "") == ""
end

---The cookie of a Set-Cookie header, or nil if it is none the server may set.
---@param target saros.http.URL
---@param text string
---@return saros.Cookie?
function set_cookie.parse(target, text)
  local name, value = text:match("^%s*([^=;]-)%s*=%s*([^;]-)%s*%f[;\0]")
  if not name or name == "" or #name + #value > SIZE_MAX or (name .. value):find("%c") then return nil end
  local found = attributes(text)
  local named = url.ascii_host((found.domain or ""):gsub("^%.", ""))
  local domain, host_only
  if named then domain, host_only = judge_domain(target.host, named) end
  local secure = found.secure ~= nil
  if not domain or secure and target.scheme ~= "https" then return nil end
  local path = found.path and found.path:sub(1, 1) == "/" and found.path or default_path(target.path)
  local cookie = {
    name = name, value = value, domain = domain, host_only = host_only, path = path, secure = secure,
    http_only = found.httponly ~= nil, expires = expiry(found),
  }
  if path:find("%c") or not keeps_promise(cookie, found) then return nil end
  return cookie
end

return set_cookie
