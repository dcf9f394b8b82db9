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
  for name in (headers.connection or ""):lower():gmatch "[^%s,]+" do and_not[name] = true end
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
    if request.target:sub(1, 1) ~= "/" then http.error(400, "a path is what may be asked for") end
    local headers = handed_on(request.headers, { host = true, ["content-encoding"] = true, ["accept-encoding"] = true })
    headers["X-Forwarded-For"] = (request:peer())
    headers["X-Forwarded-Host"] = request.host
    local has_body = request.headers["content-length"] or request.headers["transfer-encoding"]
    local ok, response = async.catch({ "FetchError", "TimeoutError" }, session.fetch, session, request.target, {
      method = request.method, headers = headers, redirect = "manual",
      body = has_body and request:chunks() or nil,
    })
    if not ok then http.error(response.name == "TimeoutError" and 504 or 502) end
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
  local _, port = server:address()
  return port
end

-- A server that answers each line as it comes, so that a conversation shows whether the proxy holds anything back.
local function talk(request)
  return {
    headers = { ["X-Behind"] = "yes" },
    body = async.generator(function(yield)
      for line in request:lines() do yield(line:upper() .. "\n") end
    end),
  }
end

local function demonstration()
  async.task_group(function(group)
    local session <close> = async.session { base_url = "http://127.0.0.1:" .. start(group, talk) }
    local url = ("http://127.0.0.1:%d/"):format(start(group, new_proxy(session)))
    local lines_to_say = async.queue()
    lines_to_say:put "hello\n"
    local response <close> = async.post(url, { body = lines_to_say })
    print("through the proxy: " .. response.headers["x-behind"])
    local said = response:lines()
    print(said())
    lines_to_say:put "is anybody there?\n" -- the request goes on, after the response has begun
    print(said())
    lines_to_say:close()
    print(said())
    group:cancel()
  end)
end

async.run(function()
  local port = math.tointeger(tonumber(arg[1]))
  if not port then return demonstration() end
  local session <close> = async.session { base_url = arg[2], timeout = { total = false } }
  print("serving at port " .. port)
  http.serve(new_proxy(session), "localhost", port, { max_body_size = false, log = true })
end)
