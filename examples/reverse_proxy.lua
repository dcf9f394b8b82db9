-- SPDX-License-Identifier: MIT
-- A reverse proxy: hands requests on to another server and the responses back, both as they come, in bounded memory.
-- When the client goes, so does the request that was made for it.
--
--   lua5.4 examples/reverse_proxy.lua                            a demonstration with a server behind it
--   lua5.4 examples/reverse_proxy.lua 8000 http://10.0.0.7:80    serves at that port of this machine, until Ctrl-C

local async = require "saros"
local http = async.http

-- Headers that are for the next hop alone.
local HOP = {
  connection = true, ["keep-alive"] = true, ["proxy-authenticate"] = true, ["proxy-authorization"] = true, te = true,
  trailer = true, ["transfer-encoding"] = true, upgrade = true, ["content-length"] = true, expect = true,
}

-- What is handed on of the headers of one side, as lists; the body has been decoded.
local function handed_on(headers, and_not)
  local list = {}
  for name, value in pairs(headers) do
    local key = name:lower()
    if not HOP[key] and not and_not[key] then
      list[key] = list[key] or {}
      table.insert(list[key], value)
    end
  end
  return list
end

local function new_proxy(session)
  return function(request)
    local headers = handed_on(request.headers, { host = true, ["content-encoding"] = true, ["accept-encoding"] = true })
    headers["X-Forwarded-For"] = (request:peer())
    headers["X-Forwarded-Host"] = request.host
    local has_body = request.headers["content-length"] or request.headers["transfer-encoding"]
    local response = session:fetch(request.target, {
      method = request.method, headers = headers, redirect = "manual",
      body = has_body and request:chunks() or nil,
    })
    return {
      status = response.status,
      headers = handed_on(response.headers, { ["content-encoding"] = true, date = true }),
      body = response:chunks(),
    }
  end
end

-- Serves a handler beside what follows; gives its port.
local function start(group, handler)
  local server = http.listen("localhost", 0)
  group:spawn(server.serve, server, handler)
  return select(2, server:address()), server
end

local function demonstration()
  async.task_group(function(group)
    local port, behind = start(group, function(request)
      local size = 0
      for chunk in request:chunks() do size = size + #chunk end
      return { text = ("%s %s got %d bytes\n"):format(request.method, request.path, size),
        headers = { ["X-Behind"] = "yes" } }
    end)
    local session <close> = async.session { base_url = "http://127.0.0.1:" .. port }
    local front_port, front = start(group, new_proxy(session))
    local url = ("http://127.0.0.1:%d"):format(front_port)
    io.write(async.get(url .. "/a"):text())
    local count = 0
    local response = async.post(url .. "/upload", { body = function()
      count = count + 1
      return count <= 16 and ("x"):rep(65536) or nil
    end })
    io.write(response:text())
    print("through the proxy: " .. response.headers["x-behind"])
    front:close()
    behind:close()
  end)
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  local session <close> = async.session { base_url = arg[2], timeout = { total = false } }
  print("serving at port " .. port)
  http.serve(new_proxy(session), "localhost", port, { max_body_size = false, log = true })
end)
