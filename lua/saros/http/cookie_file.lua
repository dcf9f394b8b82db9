-- SPDX-License-Identifier: MIT
-- Cookies as lines of a file, in the format of Netscape and curl: domain, whether subdomains get it too, path,
-- whether only over TLS, expiry, name and value, separated by tabs. A cookie that has no domain stands there with
-- its origin, or with EVERYWHERE.

local async = require "saros"
local draft = require "saros.fs.draft"
local fs = require "saros.fs"
local internal = require "saros.internal"

local cookie_file = {}

-- Only the owner may read who can be impersonated.
local OWNER_ONLY = 384 -- rw-------

-- The end of the year 9999, after which dates have no form that others understand.
local LATEST = 253402300799

-- In place of a domain: goes to every host.
local EVERYWHERE = "*"

---A cookie as a line, with its end.
---@param cookie table
---@return string
function cookie_file.line_of(cookie)
  local domain = cookie.domain or cookie.origin or EVERYWHERE
  local below = cookie.domain and not cookie.host_only
  return table.concat({
    (cookie.http_only and "#HttpOnly_" or "") .. (below and "." or "") .. domain, below and "TRUE" or "FALSE",
    cookie.path, cookie.secure and "TRUE" or "FALSE", ("%d"):format(cookie.expires or 0), cookie.name, cookie.value,
  }, "\t") .. "\n"
end

---The cookie that a line stands for; nil for a comment, and for what is no such line.
---@param line string  without its end
---@return table?
function cookie_file.read_line(line)
  local text, http_only = line:gsub("\r$", ""):gsub("^#HttpOnly_", "")
  local domain, below, path, secure, expires, name, value =
    text:match("^([^#\t][^\t]*)\t(%u+)\t(/[^\t]*)\t(%u+)\t(%d+)\t([^\t]+)\t?([^\t]*)$")
  if not domain then return nil end
  expires = math.tointeger(math.min(tonumber(expires), LATEST))
  local origin = domain:find("://", 1, true) and domain
  local named = not origin and domain ~= EVERYWHERE
  return {
    name = name, value = value, domain = named and domain:lower():gsub("^%.", "") or nil, origin = origin or nil,
    host_only = below ~= "TRUE" and named, path = path, secure = secure == "TRUE", http_only = http_only == 1,
    expires = expires ~= 0 and expires or nil,
  }
end

-- Sessions are made, and their jars filled, before a run begins, too: then there is one just for that.
local function in_a_run(caller, fn)
  if not async.current_task() then return async.run(fn) end
  internal.checkpoint(caller)
  return fn()
end

---Writes such a file, whole or not at all. SystemError.
---@async
---@param caller string
---@param path string
---@param text string
function cookie_file.save(caller, path, text)
  in_a_run(caller, function()
    local file <close> = draft.open(path, OWNER_ONLY)
    file:write(text)
    draft.keep(file)
  end)
end

---What is in such a file. SystemError.
---@async
---@param caller string
---@param path string
---@return string
function cookie_file.load(caller, path)
  return in_a_run(caller, function() return fs.read_file(path) end)
end

return cookie_file
