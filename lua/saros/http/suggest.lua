-- SPDX-License-Identifier: MIT
-- What was meant by an option that there is not: the names that other libraries have for it, and slips.

local internal = require "saros.internal"

local suggest = {}

-- By the names that requests, httpx, aiohttp, axios, undici, got and curl have, in lower case and without "_".
local foreign = {
  params = "query", qs = "query", queryparams = "query", searchparams = "query", urlparams = "query",
  data = { "body", "form" }, content = "body", payload = { "body", "json" }, rawbody = "body",
  stream = "response:chunks",
  files = "multipart", file = "multipart", formdata = { "form", "multipart" }, parts = "multipart", jsonbody = "json",
  urlencoded = "form", fields = "form", verb = "method", header = "headers", contenttype = "headers",
  useragent = "headers", referer = "headers", accept = "headers",
  ssl = { "verify", "ca_file" }, tls = { "verify", "ca_file" }, sslcontext = { "verify", "ca_file" },
  verifyssl = "verify", sslverify = "verify", insecure = "verify", rejectunauthorized = "verify",
  checkhostname = "verify",
  ca = "ca_file", cabundle = "ca_file", cacert = "ca_file", cacerts = "ca_file", cafile = "ca_file", capath = "ca_path",
  clientcert = "cert", certfile = "cert", certificate = "cert", keyfile = "key", privatekey = "key", sslkey = "key",
  minversion = "tls_min", tlsversion = "tls_min",
  allowredirects = "redirect", allowredirect = "redirect", followredirects = "redirect", followredirect = "redirect",
  follow = "redirect", redirects = "redirect", maxredirection = "max_redirects", maxredirections = "max_redirects",
  proxies = "proxy", proxyurl = "proxy", trustenv = "proxy", http2 = "http_version", allowh2 = "http_version",
  httpversion = "http_version", version = "http_version",
  username = "auth", user = "auth", password = "auth", basicauth = "auth", bearer = "auth", token = "auth",
  authorization = "auth", credentials = "auth", userpwd = "auth",
  baseurl = "base_url", prefixurl = "base_url", base = "base_url", origin = "base_url",
  maxsize = "max_body_size", maxcontentlength = "max_body_size", maxresponsesize = "max_body_size",
  maxbodylength = "max_body_size", maxbody = "max_body_size", limitbytes = "max_body_size",
  retry = "retries", maxretries = "retries", attempts = "retries",
  connecttimeout = "timeout", readtimeout = "timeout", totaltimeout = "timeout", headerstimeout = "timeout",
  bodytimeout = "timeout", deadline = "timeout", timeouts = "timeout", timeoutms = "timeout",
  cookie = "cookies", cookiejar = "cookies", jar = "cookies",
  onuploadprogress = "on_progress", ondownloadprogress = "on_progress", progress = "on_progress",
  interface = "local_address", localaddr = "local_address", sourceaddress = "local_address",
  socketpath = "unix_socket", uds = "unix_socket", dns = "resolve", hosts = "resolve", lookup = "resolve",
  maxconnections = "limit", poolsize = "limit", poolmaxsize = "limit", connections = "limit",
  limitperorigin = "limit_per_host", maxsockets = "limit_per_host", maxconnectionsperhost = "limit_per_host",
  keepalivetimeout = "keepalive", idletimeout = "keepalive",
}

local function quote(names)
  local quoted = {}
  for i, name in ipairs(type(names) == "table" and names or { names }) do
    quoted[i] = "'" .. name .. "'"
  end
  return table.concat(quoted, " or ")
end

---What to say behind "unknown option ...", "" if nothing comes to mind.
---@param name any
---@param known table<string, any>  the options there are
---@param elsewhere? table<string, any>  those there are too, in async.session
---@return string
function suggest.option(name, known, elsewhere)
  if type(name) ~= "string" then return "" end
  if elsewhere and elsewhere[name] then return " (it is one of async.session)" end
  local meant = foreign[name:lower():gsub("[_-]", "")]
  if meant == "response:chunks" then return " (every response streams: response:chunks())" end
  local first = type(meant) == "table" and meant[1] or meant
  if first and not known[first] then
    return elsewhere and elsewhere[first] and (" (did you mean %s of async.session?)"):format(quote(meant)) or ""
  end
  meant = meant or internal.nearest(name, known)
  return meant and (" (did you mean %s?)"):format(quote(meant)) or ""
end

local foreign_fields = {
  username = "user", login = "user", pass = "password", passwd = "password", token = "bearer", tries = "attempts",
  retries = "attempts", max_attempts = "attempts", backoff = "factor", backoff_factor = "factor", sock_read = "read",
  sock_connect = "connect", status_forcelist = "statuses", status = "statuses", allowed_methods = "methods",
}

---The same for a field of an option.
---@param name any
---@param known table<string, any>
---@return string
function suggest.field(name, known)
  if type(name) ~= "string" then return "" end
  local meant = foreign_fields[name]
  meant = meant and known[meant] and meant or internal.nearest(name, known)
  return meant and (" (did you mean '%s'?)"):format(meant) or ""
end

return suggest
