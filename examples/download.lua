-- SPDX-License-Identifier: MIT
-- Downloads a file and shows how far it has come. The file is there when all of it has arrived, or
-- not at all; Ctrl-C leaves nothing behind.
--
--   lua5.4 examples/download.lua                                              a demonstration, offline
--   lua5.4 examples/download.lua https://www.lua.org/ftp/lua-5.4.7.tar.gz lua.tar.gz

local async = require "saros"
local progress = require "saros.progress"

-- Without a URL a small server of our own takes the place of the web.
local function demo_url(path)
  local folder = arg[0]:match("^.*/") or ""
  local server = io.popen(("exec python3 '%ssupport/site_server.py'"):format(folder))
  local port = server:read("n")
  if not port then error("the demo server did not start; is python3 installed?", 0) end
  return "http://127.0.0.1:" .. port .. path, server
end

local function main(url, path)
  local bar <close> = progress.bar(path, {unit = "bytes"})
  local options = {
    timeout = {total = false, connect = 10, read = 30}, -- as long as it takes, if something comes
    retries = 2,
    on_progress = bar:hook(),
  }
  local response <close> = async.fetch(url, options):raise_for_status()
  local size = response:save(path)
  progress.print(("%s: %d bytes"):format(path, size))
end

local url, path, server = arg[1], arg[2], nil
if not url then
  url, server = demo_url("/file")
  path = os.tmpname()
end
async.run(main, url, path or url:match("([^/?#]+)[^/]*$") or "download")
if server then
  server:close()
  os.remove(path)
end
