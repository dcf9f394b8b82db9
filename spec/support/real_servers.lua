-- SPDX-License-Identifier: MIT
-- Servers that nobody here wrote: each is started when it is first asked for, and ends when this process does.

local background = require "spec.support.background"

-- busted forgets the modules of one file before the next; the servers are to serve all of them.
local registry = debug.getregistry()
local KEY = "spec.support.real_servers"
registry[KEY] = registry[KEY] or {}
local started = registry[KEY]

local function once(name, describe)
  return function()
    if not started[name] then
      local places, pipe = background("real_servers.py " .. name)
      started[name] = describe(places)
      started[name].pipe = pipe
    end
    return started[name]
  end
end

local function at(scheme, port)
  return ("%s://127.0.0.1:%d"):format(scheme, port)
end

local real = {}

---nginx, see nginx.conf: URLs of its ports (`plain`, `tls`, `h2`, ...), the Unix socket `unix`, its `folder`,
---the sizes of /big.bin and /huge.bin, and the files of the certificates: authorities `ca` and `stranger`, clients
---`member` and `nobody` of theirs, with `member_key` and `nobody_key`. `mute` is the URL of what accepts connections
---and never says a word, `full` that of what does not even accept.
real.nginx = once("nginx", function(places)
  local server = {}
  for name, value in pairs(places) do
    server[name] = type(value) == "number" and math.tointeger(value) or value
  end
  for _, name in ipairs { "plain", "few", "impatient", "mute", "full" } do
    server[name] = at("http", places[name])
  end
  for _, name in ipairs { "tls", "h2", "tls12", "members", "expired", "few2", "some2" } do
    server[name] = at("https", places[name])
  end
  return server
end)

---httpbin: its `url`.
real.httpbin = once("httpbin", function(places)
  return { url = at("http", places.port) }
end)

---tinyproxy, twice: the URLs of the proxies, `open` to all and `locked` (for user:secret). Both deny denied.invalid.
real.tinyproxy = once("tinyproxy", function(places)
  return {
    open = at("http", places.open), locked = at("http", places.locked),
    known = ("http://user:secret@127.0.0.1:%d"):format(places.locked),
    wrong = ("http://user:wrong@127.0.0.1:%d"):format(places.locked),
  }
end)

---PostgreSQL: its `port`, the Unix socket `unix`, `user`, `password`, `database`, and `ca`, the file of its authority.
---Besides, a user `tester` with the password `secret` is let in by MD5.
real.postgres = once("postgres", function(places)
  places.port = math.tointeger(places.port)
  return places
end)

return real
