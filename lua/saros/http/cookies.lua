-- SPDX-License-Identifier: MIT
-- The cookie jar of a session, by the rules of RFC 6265 and what browsers have added to them.
--
-- Invariant: a cookie goes to the host that set it, or to the domain it named, which is never a
-- public suffix; one given by the program without a domain goes to one origin, or to every host.

local core = require "saros.http.core"
local misuse = require "saros.misuse"
local set_cookie = require "saros.http.set_cookie"
local url = require "saros.http.url"

local cookies = {}

---@class saros.Cookie
---@field name string
---@field value string
---@field domain? string     nil: of one origin, or of every host
---@field path string
---@field expires? integer   seconds since 1970; nil: when the session ends
---@field secure boolean     for https only
---@field http_only boolean
---@field host_only boolean  for the domain itself, not for those below it
---@field package origin? string  where it goes, if it has no domain; nil: to every host
---@field package order integer   in which it came
---@field package stamp integer   in which it was set or renewed

-- A key of the jar that no domain can be equal to.
local EVERYWHERE = "*"

-- What one server, or all, may fill a jar with.
local DOMAIN_MAX, JAR_MAX = 180, 3000

---@class saros.CookieAttributes
---@field domain? string  the host, and those below it
---@field path? string    from "/" on
---@field expires? number  seconds since 1970
---@field max_age? number  seconds from now, instead of `expires`
---@field secure? boolean
---@field http_only? boolean

---The jar of a session.
---@class saros.Cookies
---@field package _lists table<string, saros.Cookie[]> by domain, origin or EVERYWHERE
---@field package _count integer of all cookies
---@field package _order integer of the latest
---@field package _stamp integer of what was put in last, renewed or not
---@field package _origin? string where cookies without a domain go
local Jar = {}

local metatable = { __name = "Cookies", __index = Jar }

local is_address, domain_matches = core.is_address, set_cookie.domain_matches
local path_matches = set_cookie.path_matches

local function is_over(cookie, now)
  return cookie.expires and cookie.expires <= now
end

-- Keeping -----------------------------------------------------------------------------------------

local function key_of(cookie)
  return cookie.domain or cookie.origin or EVERYWHERE
end

local function take_out(self, key, index)
  local list = self._lists[key]
  table.remove(list, index)
  if #list == 0 then self._lists[key] = nil end
  self._count = self._count - 1
end

local function position_of(list, cookie)
  for i, other in ipairs(list) do
    if other.name == cookie.name and other.path == cookie.path and other.host_only == cookie.host_only then return i end
  end
end

local function drop_expired(self)
  local now = os.time()
  for key, list in pairs(self._lists) do
    for i = #list, 1, -1 do
      if is_over(list[i], now) then take_out(self, key, i) end
    end
  end
end

local function drop_oldest(self)
  local oldest_key
  for key, list in pairs(self._lists) do
    if not oldest_key or list[1].order < self._lists[oldest_key][1].order then oldest_key = key end
  end
  take_out(self, oldest_key, 1)
end

-- Puts a cookie in, in place of the one it renews; an expired one only takes that out.
local function put(self, cookie)
  local key = key_of(cookie)
  self._stamp = self._stamp + 1
  cookie.stamp = self._stamp
  local list = self._lists[key] or {}
  local index = position_of(list, cookie)
  if index then
    cookie.order = list[index].order
    list[index] = cookie
    if is_over(cookie, os.time()) then take_out(self, key, index) end
    return
  end
  if is_over(cookie, os.time()) then return end
  if #list >= DOMAIN_MAX then take_out(self, key, 1) end
  if self._count >= JAR_MAX then drop_expired(self) end
  if self._count >= JAR_MAX then drop_oldest(self) end
  self._order, self._count = self._order + 1, self._count + 1
  cookie.order = self._order
  list = self._lists[key] or {}
  self._lists[key] = list
  list[#list + 1] = cookie
end

-- What servers set ---------------------------------------------------------------------------------

-- Without TLS anybody on the way could put another in the place of a secure cookie.
local function hides_secure(self, target, cookie)
  if target.scheme == "https" then return false end
  for key, list in pairs(self._lists) do
    for _, other in ipairs(list) do
      if other.secure and other.name == cookie.name and other.domain and path_matches(cookie.path, other.path)
        and (domain_matches(cookie.domain, key) or domain_matches(key, cookie.domain)) then
        return true
      end
    end
  end
  return false
end

---Takes what a server has set.
---@param jar saros.Cookies
---@param target saros.http.URL
---@param lines string[]  the values of Set-Cookie
function cookies.take(jar, target, lines)
  for _, line in ipairs(lines) do
    local cookie = set_cookie.parse(target, line)
    if cookie and not hides_secure(jar, target, cookie) then put(jar, cookie) end
  end
end

-- What requests send ------------------------------------------------------------------------------

local function collect(self, key, target, is_parent, found)
  local now, secure = os.time(), target.scheme == "https"
  for _, cookie in ipairs(self._lists[key] or {}) do
    if not is_over(cookie, now) and (secure or not cookie.secure) and path_matches(target.path, cookie.path)
      and not (is_parent and cookie.host_only) then
      found[#found + 1] = cookie
    end
  end
end

-- Longer paths first, then in the order in which they came.
local function sent_before(a, b)
  if #a.path ~= #b.path then return #a.path > #b.path end
  return a.order < b.order
end

-- A cookie of the program's without a domain and one of the server's are the same to their reader: of
-- those with one name the kind goes that was set last.
local function without_renewed(found)
  local latest, kept = {}, {}
  for _, cookie in ipairs(found) do
    local other = latest[cookie.name]
    if not other or other.stamp < cookie.stamp then latest[cookie.name] = cookie end
  end
  for _, cookie in ipairs(found) do
    if (cookie.domain == nil) == (latest[cookie.name].domain == nil) then kept[#kept + 1] = cookie end
  end
  return kept
end

local function matching(self, target)
  local found, domain = {}, target.host
  collect(self, target.host, target, false, found)
  while not is_address(target.host) do
    domain = domain:match("^[^.]*%.(.+)$")
    if not domain then break end
    collect(self, domain, target, true, found)
  end
  collect(self, target.origin, target, false, found)
  collect(self, EVERYWHERE, target, false, found)
  found = without_renewed(found)
  table.sort(found, sent_before)
  return found
end

---The value of the Cookie header of a request; nil for none. What the request brings itself goes
---before what the jar has under the same name.
---@param jar saros.Cookies|false|nil
---@param target saros.http.URL
---@param own? table<string, string|number>
---@return string?
function cookies.header(jar, target, own)
  local parts, names = {}, {}
  for name in pairs(own or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, cookie in ipairs(jar and jar._count > 0 and matching(jar, target) or {}) do
    if not (own and own[cookie.name]) then parts[#parts + 1] = cookie.name .. "=" .. cookie.value end
  end
  for _, name in ipairs(names) do
    parts[#parts + 1] = name .. "=" .. tostring(own[name])
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

-- What the program sees ---------------------------------------------------------------------------

---Whether a value is a jar.
---@param value any
---@return boolean
function cookies.is_jar(value)
  return getmetatable(value) == metatable
end

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("cookies:" .. method, self) end
end

---Raises unless name and value can be sent as a cookie.
---@param caller string
---@param position integer of the name
---@param next_position integer of the value
function cookies.check(caller, position, name, next_position, value)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    misuse.argument(caller, position, "the name of a cookie expected: a string of letters, digits and -_.")
  end
  if type(value) ~= "string" and type(value) ~= "number" or tostring(value):find("[%c;]") then
    misuse.argument(caller, next_position,
      ("cookie '%s': string or number, without ';' and control characters expected"):format(name))
  end
end

-- All cookies that have not expired, in the order in which they came.
local function alive(self)
  local list = {}
  drop_expired(self)
  for _, of_one in pairs(self._lists) do
    table.move(of_one, 1, #of_one, #list + 1, list)
  end
  table.sort(list, function(a, b)
    return a.order < b.order
  end)
  return list
end

---The value of a cookie, nil if there is none; of several with this name, of the latest for this host.
---@param name string
---@param host? string  nil: whichever
---@return string?
function Jar:get(name, host)
  check_self(self, "get")
  misuse.check_type("cookies:get", 1, name, "name", "string")
  if host ~= nil then misuse.check_type("cookies:get", 2, host, "host", "string") end
  if host then
    local reason
    host = host:gsub("^%a+://", "")
    host, reason = url.ascii_host(host:match "^%[.-%]" or host:match "^[^/:]*")
    if not host then misuse.argument("cookies:get", 2, reason) end
  end
  local latest
  for _, cookie in ipairs(alive(self)) do
    if cookie.name == name and (not host or not cookie.domain or domain_matches(host, cookie.domain)) then
      if not latest or latest.stamp < cookie.stamp then latest = cookie end
    end
  end
  return latest and latest.value
end

local attribute_types = {
  domain = "string", path = "string", expires = "number", max_age = "number", secure = "boolean", http_only = "boolean",
}

-- What an attribute may not be, and what it should.
local attribute_faults = {
  domain = { "^$", "/", "%s", expected = "a host name" }, path = { "^[^/]", "^$", expected = "a path from '/' on" },
  expires = { "nan", expected = "seconds" }, max_age = { "nan", expected = "seconds" },
}

local function check_attributes(given)
  misuse.check_type("cookies:set", 3, given, "attributes", "table")
  for name, value in pairs(given) do
    local expected = attribute_types[name]
    if not expected then
      local hint = require("saros.http.suggest").field(name, attribute_types)
      misuse.argument("cookies:set", 3, ("unknown attribute '%s'%s"):format(tostring(name), hint))
    end
    misuse.check_type("cookies:set", 3, value, ("attribute '%s'"):format(name), expected)
    if expected == "string" and value:find("[%c;]") then
      misuse.argument("cookies:set", 3, ("attribute '%s': without ';' and control characters expected"):format(name))
    end
    for _, fault in ipairs(attribute_faults[name] or {}) do
      if tostring(value):find(fault) then
        misuse.argument("cookies:set", 3, ("attribute '%s': %s expected"):format(name, attribute_faults[name].expected))
      end
    end
  end
  local host, reason = url.ascii_host(given.domain or "")
  if not host then misuse.argument("cookies:set", 3, ("attribute 'domain': %s"):format(reason)) end
end

-- The end of the year 9999, after which dates have no form that others understand.
local LATEST = 253402300799

---Sets a cookie. Without a domain it goes to the origin of the session's base_url, or to every host;
---a domain is that host and those below it.
---@param name string
---@param value string|number
---@param given? saros.CookieAttributes
function Jar:set(name, value, given)
  check_self(self, "set")
  cookies.check("cookies:set", 1, name, 2, value)
  given = given or {}
  check_attributes(given)
  local domain = given.domain and url.ascii_host((given.domain:gsub("^%.", "")))
  local expires = given.max_age and os.time() + given.max_age or given.expires
  put(self, {
    name = name, value = tostring(value), domain = domain, origin = not domain and self._origin or nil,
    host_only = domain ~= nil and is_address(domain), path = given.path or "/", secure = given.secure or false,
    http_only = given.http_only or false, expires = expires and math.floor(math.max(0, math.min(expires, LATEST))),
  })
end

---All cookies as a list of tables, in the order in which they came.
---@return saros.Cookie[]
function Jar:all()
  check_self(self, "all")
  local list = {}
  for i, cookie in ipairs(alive(self)) do
    list[i] = {
      name = cookie.name, value = cookie.value, domain = cookie.domain, path = cookie.path, expires = cookie.expires,
      secure = cookie.secure, http_only = cookie.http_only, host_only = cookie.host_only,
    }
  end
  return list
end

---Empties the jar.
function Jar:clear()
  check_self(self, "clear")
  self._lists, self._count = {}, 0
end

-- Files -------------------------------------------------------------------------------------------

local function check_path(caller, path)
  if type(path) == "string" and path ~= "" and not path:find "%z" then return end
  misuse.argument(caller, 1, "the path of a file expected")
end

---Writes all cookies to a file, in the format of Netscape and curl, that only its owner may read.
---SystemError if the system refuses.
---@async
---@param path string
function Jar:save(path)
  check_self(self, "save")
  check_path("cookies:save", path)
  local cookie_file = require "saros.http.cookie_file" -- most programs have none
  local lines = { "# Netscape HTTP Cookie File\n" }
  for _, cookie in ipairs(alive(self)) do
    lines[#lines + 1] = cookie_file.line_of(cookie)
  end
  cookie_file.save("cookies:save", path, table.concat(lines))
end

---Adds the cookies of such a file. SystemError if it cannot be read.
---@async
---@param path string
function Jar:load(path)
  check_self(self, "load")
  check_path("cookies:load", path)
  local cookie_file = require "saros.http.cookie_file"
  for line in cookie_file.load("cookies:load", path):gmatch "[^\n]+" do
    local cookie = cookie_file.read_line(line)
    if cookie then put(self, cookie) end
  end
end

misuse.guard(Jar)

---A jar. `base_url` is where cookies without a domain go.
---@param base_url? string
---@param given? table<string, string|number>
---@return saros.Cookies
function cookies.new(base_url, given)
  local origin = base_url and url.parse(base_url).origin
  local jar = setmetatable({ _lists = {}, _count = 0, _order = 0, _stamp = 0, _origin = origin }, metatable)
  local names = {}
  for name in pairs(given or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    jar:set(name, given[name])
  end
  return jar
end

return cookies
