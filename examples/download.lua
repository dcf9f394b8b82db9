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
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  return demo.serve(demo.site()) .. path
end

local function download(url, path)
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

async.run(function(url, path)
  if url then return download(url, path or url:match("([^/?#]+)[^/]*$") or "download") end
  local folder = async.fs.mkdtemp "download-"
  local _removal <close> = async.defer(async.fs.remove_tree, folder)
  download(demo_url "/file", folder .. "/file")
end, table.unpack(arg))
