-- SPDX-License-Identifier: MIT
-- Which backend carries plain HTTP in this run of the specs: saros' own connections, or libcurl, where
-- SAROS_HTTP_BACKEND=curl asks for that. Where the two differ a spec says how, and why.

local backend = { is_own = os.getenv "SAROS_HTTP_BACKEND" ~= "curl" }

---Defines specs of what libcurl cannot do, for the reason given; a run over libcurl tells it at its end.
function backend.own_only(why, define)
  if backend.is_own then return define() end
  require("busted").publish({ "saros", "left out" }, why)
end

---Has libcurl find out what a server speaks over TLS, for which it opens a connection: HTTP/1.1 is spoken over our own
---from then on.
function backend.find_out(url, options)
  local session <close> = require("saros.http").session(options)
  session:get(url):text()
end

return backend
