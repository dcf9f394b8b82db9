-- SPDX-License-Identifier: MIT
-- What carries requests that are not plain HTTP: see saros.http.backend.

local core = require "saros.http.core"
local proxies = require "saros.http.proxies"
local secure = require "saros.http.secure"

local carriers = {}

-- For specs: "own" or "curl" wherever that can do it.
local forced = os.getenv "SAROS_HTTP_BACKEND"
if forced == "" then forced = nil end

-- Numbers of the system's errors, the same everywhere.
local exhaustions = { [23] = "ENFILE", [24] = "EMFILE" }

-- The failure that no file can be opened any more: then modules that are there are not found either. nil: that can be.
local function exhausted()
  local file, message, number = io.open "."
  if file then file:close() end
  local code = exhaustions[number]
  return code and { name = "FetchError", code = code, message = "no file can be opened" .. message:gsub("^%.", "") }
end

local curl -- false: there is none

-- libcurl; false if there is none, nil if it cannot be told.
local function load_curl()
  if curl ~= nil then return curl end
  local loaded, module = pcall(require, "saros.http.curl.core")
  if not loaded then
    if exhausted() then return nil end
    if not module:find "^module 'saros.http.curl.core' not found" then error(module, 0) end
  end
  curl = loaded and module
  return curl
end

-- Why only libcurl can carry the request; nil: it need not.
local function needs_curl(prepared, proxy, unclear)
  if prepared.credentials then return "digest authentication" end
  if proxy and not proxy:find "^[hH][tT][tT][pP]://" then return "a proxy of this kind" end
  if unclear then return "networks of IPv6 in no_proxy" end
  if proxy and prepared.extras and prepared.extras.unix_socket then return "a proxy beside a Unix socket" end
  return nil
end

---The proxy that holds for a request, and why only libcurl can carry that; nil: none, and it need not.
---@param prepared saros.http.Request
---@return string? proxy
---@return string? reason
function carriers.judge(prepared)
  local proxy, unclear
  if prepared.proxy then proxy, unclear = proxies.of(prepared) end
  return proxy, needs_curl(prepared, proxy, unclear)
end

local function is_owned(prepared)
  if prepared.needs_curl then return false end
  if forced then return forced == "own" end
  if not prepared.https then return true end
  if prepared.extras and prepared.extras.http1 or not load_curl() then return true end
  return secure.speaks_old(prepared)
end

-- The failure that nothing here can carry the request.
local function unsupported(what, option)
  return exhausted() or { name = "FetchError", code = "ENOTSUP",
    message = ("this build of saros cannot do that: %s (CMake's option %s)"):format(what, option) }
end

-- Our own connections, over TLS where that is asked for.
local function choose_own(prepared)
  if prepared.https then
    local loaded, tls = pcall(require, "saros.net.tls")
    if not loaded then return load_curl() or nil, unsupported(tls, "SAROS_TLS") end
    local ok, err = secure.prepare(prepared, tls)
    if not ok then return nil, { name = "FetchError", code = "ETLS", message = err.message or tostring(err) } end
  end
  prepared.backend = core.own
  return core.own
end

---The backend that carries a request now; nil and a failure if there is none.
---@param prepared saros.http.Request
---@return userdata?
---@return saros.http.Failure?
function carriers.choose(prepared)
  if is_owned(prepared) then return choose_own(prepared) end
  local chosen = load_curl()
  if chosen then return chosen end
  local what = prepared.needs_curl or "SAROS_HTTP_BACKEND=curl"
  return nil, unsupported("there is no libcurl, which is needed for " .. what, "SAROS_CURL")
end

return carriers
