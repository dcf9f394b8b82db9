-- SPDX-License-Identifier: MIT
-- Session: defaults for many requests and the pool of connections they share. Follows redirects.

require "saros" -- first: core asks for the runtime's functions
local core = require "saros.http.core"
local backend = require "saros.http.backend"
local standard = require "saros.http.defaults"
local guard = require "saros.guard"
local lazily = require "saros.lazily"
local request = require "saros.http.request"
local responses = require "saros.http.response"
local url = require "saros.http.url"
local connection = lazily "saros.http.connection"
local cookies = lazily "saros.http.cookies"
local headers = lazily "saros.http.headers"
local misuse = lazily "saros.misuse"
local options = lazily "saros.http.options"
local redirect = lazily "saros.http.redirect"
local retry = lazily "saros.http.retry"
local secure = lazily "saros.http.secure"
local upload = lazily "saros.http.upload"

local session = {}

-- The methods that have a function of their own.
session.verbs = { "get", "post", "put", "patch", "delete", "head", "options" }

---Requests that share connections and defaults. The end of a `<close>` variable closes it.
---@class saros.Session
---@field headers table<string, string|number|(string|number)[]|false>  sent with every request; can be changed
---@field cookies saros.Cookies|false
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field get saros.SessionVerb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field post saros.SessionVerb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field put saros.SessionVerb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field patch saros.SessionVerb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field delete saros.SessionVerb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field head saros.SessionVerb
---`fetch` with this method; raises what that does: FetchError, TimeoutError.
---@field options saros.SessionVerb
---@field package defaults table              the options it was made with
---@field package merged table                with what holds where they say nothing
---@field package extras? table       those of them that set up connections, for core
---@field package [1] table               prepared requests without options, by URL
---@field package environment table    the proxies it names
---@field package pool userdata
---@field package is_internal? boolean    of a client of tests: what it talks to is in the same run
---@field package by_curl? integer|false  how many of HTTP/1.1 libcurl brought over TLS; false: has left it
---@field package closing? saros.Future set by close, for requests that pause between two attempts
local Session = {}

---@alias saros.SessionVerb async fun(self: saros.Session, target: string, given?: saros.FetchOptions): saros.Response

local metatable = { __name = "Session", __index = Session }

-- Raises a failure as core reported it, or completes the response.
local function outcome(self, prepared, history, feeder, response, failure)
  if not response then responses.fail(prepared, nil, failure) end
  if not prepared.backend and prepared.https then secure.learn(prepared, core.head(response)) end
  responses.note(response, history, feeder)
  if self.cookies and core.sets_cookies(response) then
    cookies.take(self.cookies, prepared.url, response.headers:get_all "set-cookie")
  end
  return response
end

-- What is to carry the request, or the failure that nothing can.
local function choose(prepared)
  local chosen, failure = backend.choose(prepared)
  if not chosen then responses.fail(prepared, nil, failure) end
  return chosen
end

-- Sends one request, once. `started` is when the first hop began, of a later one.
local function send_once(self, prepared, history, started)
  local chosen = choose(prepared)
  if not prepared.source then
    return outcome(self, prepared, history, nil, core.send(self.pool, prepared, nil, started, chosen))
  end
  return outcome(self, prepared, history, upload.send(self.pool, prepared, started, chosen))
end

local function send(self, prepared, history, started)
  if prepared.retries then return retry.send(send_once, self, prepared, history, started) end
  return send_once(self, prepared, history, started)
end

local function follow_redirects(self, prepared, response)
  local status = response.status
  if status < 301 or status > 308 or prepared.redirect == "manual" then return response end
  return redirect.follow(send, self, prepared, response)
end

-- What follows when a request has been sent, once: also one that core has found prepared.
local function complete(self, prepared, response, failure)
  return follow_redirects(self, prepared, outcome(self, prepared, nil, nil, response, failure))
end

---Performs a request for a function that its user knows as `caller`.
---@async
---@param self saros.Session
---@param caller string
---@param method? string  nil: what the options say
---@param target string
---@param given? table
---@return saros.Response
function session.perform(self, caller, method, target, given)
  if getmetatable(self) ~= metatable then misuse.self(caller, self) end
  local prepared = request.prepare(self, caller, method, target, given)
  if prepared.source or prepared.retries then
    return follow_redirects(self, prepared, send(self, prepared))
  end
  return complete(self, prepared, core.send(self.pool, prepared, nil, nil, choose(prepared)))
end

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("session:" .. method, self) end
end

---As `async.fetch`, with the session's defaults and within its limits. ClosedError once the session is closed.
---@async
---@param target string  a URL, or a path to join to base_url
---@param given? saros.FetchOptions
---@return saros.Response
function Session:fetch(target, given)
  return session.perform(self, "session:fetch", nil, target, given)
end

for _, verb in ipairs(session.verbs) do
  local caller, method = "session:" .. verb, verb:upper()
  ---@async
  Session[verb] = function(self, target, given)
    return session.perform(self, caller, method, target, given)
  end
end

---Counts: active, idle, waiting, requests, connections, reused, failed.
---@return table<string, integer>
function Session:stats()
  check_self(self, "stats")
  return self.pool:stats()
end

---Closes all connections. Requests, readers and waiters get a ClosedError. The second time does nothing.
function Session:close()
  check_self(self, "close")
  self.pool:close()
  if self.closing then self.closing:set() end
end

---Makes a verb what its user calls: a function of C that finds requests which are prepared.
---@param general function  does it in every case
---@param caller string     as its user knows it
---@param default? table    of a verb that is no method: its field 1 is the session, once there is one
---@return function
function session.verb(general, caller, default)
  return core.verb(general, complete, request.number_of(caller), default)
end

metatable.__close = Session.close
guard(Session)
for _, verb in ipairs { "fetch", table.unpack(session.verbs) } do
  Session[verb] = session.verb(Session[verb], "session:" .. verb)
end

function metatable.__tostring(self)
  local base = self.defaults.base_url
  return "Session" .. (base and ": " .. url.show(base) or "")
end

-- The first of the environment's variables that is not empty.
local function first_set(...)
  for _, name in ipairs { ... } do
    local value = os.getenv(name)
    if value and value ~= "" then return value end
  end
  return nil
end

-- The hosts of no_proxy in ASCII, as they are compared.
local function ascii_hosts(list)
  return list and list:gsub("[^%s,]+", url.ascii_host)
end

-- HTTP_PROXY in capitals is ignored: a CGI server sets it from a request header.
local function read_environment()
  local other = first_set("all_proxy", "ALL_PROXY")
  local plain, over_tls = first_set "http_proxy" or other, first_set("https_proxy", "HTTPS_PROXY") or other
  return {
    http = plain and url.proxy(plain), https = over_tls and url.proxy(over_tls),
    none = ascii_hosts(first_set("no_proxy", "NO_PROXY")),
  }
end

local function copy(map)
  local result = {}
  for key, value in pairs(map or {}) do
    result[key] = value
  end
  return result
end

---Makes a session.
---@param given? table
---@param explicit boolean  made by the user, who is to close it
---@param caller? string     the function the user called, if it is not `session`
---@return saros.Session
function session.new(given, explicit, caller)
  caller = caller or "session"
  if given ~= nil and type(given) ~= "table" then misuse.check_type(caller, 1, given, "options", "table") end
  local defaults = copy(given)
  local merged, extras = standard, nil
  if next(defaults) ~= nil then
    options.check_session(caller, defaults)
    merged, extras = options.merge(standard, defaults), connection.extras(defaults)
    if defaults.headers then headers.merge(caller, {}, defaults.headers) end
  end
  local jar = explicit and defaults.cookies ~= false and cookies.new(defaults.base_url, defaults.cookies)
  return setmetatable({
    { [false] = 0 }, cookies = jar, headers = copy(defaults.headers), defaults = defaults,
    merged = merged, extras = extras, environment = read_environment(),
    pool = core.pool {
      limit = merged.limit, limit_per_host = defaults.limit_per_host,
      keepalive = defaults.keepalive == false and 0 or defaults.keepalive, session = explicit,
    },
  }, metatable)
end

return session
