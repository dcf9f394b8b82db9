-- SPDX-License-Identifier: MIT
-- Which backend carries plain HTTP in this run of the specs: saros' own connections, or libcurl, where
-- SAROS_HTTP_BACKEND=curl asks for that; =own asks for our own connections over TLS, too. Where the two differ a spec
-- says how, and why.

local forced = os.getenv "SAROS_HTTP_BACKEND"
local backend = { is_own = forced ~= "curl" }

local function leave_out(why)
  require("busted").publish({ "saros", "left out" }, why)
end

---Defines specs of what libcurl cannot do, for the reason given; a run over libcurl tells it at its end.
function backend.own_only(why, define)
  if backend.is_own then return define() end
  leave_out(why)
end

---Describes HTTP/2, which only libcurl speaks; a run without it tells that at its end.
function backend.describe_http2(name, define)
  if forced ~= "own" then return require("busted").describe(name, define) end
  leave_out "saros' own connections speak HTTP/1.1"
end

---Has libcurl find out what a server speaks over TLS, for which it opens a connection: HTTP/1.1 is spoken over our own
---from then on.
function backend.find_out(url, options)
  local session <close> = require("saros.http").session(options)
  session:get(url):text()
end

return backend
