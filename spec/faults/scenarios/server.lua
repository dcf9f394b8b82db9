-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: HTTP servers.
local async = require "saros"
local check = require "spec.faults.check"

local http = async.http
require "saros.json"

local scenarios = {}

local function ask(host, port, bytes, patience)
  local client <close> = async.net.connect(host, port)
  client:write(bytes)
  return async.wait_for(function() return client:read_all() end, patience)
end

-- Seconds to wait for an answer, and for the end of the server.
local PATIENCE, PATIENCE_WITH_FAULT = 15, 0.3

-- Sends bytes to a handler and checks what comes back. Without any memory a handler may not even begin: then nobody
-- answers, or with a 500.
local function exchange(handler, bytes, expected)
  return check.test(function(has_fault)
    local patience = has_fault and PATIENCE_WITH_FAULT or PATIENCE
    local server <close> = http.listen("127.0.0.1", 0)
    local host, port = server:address()
    async.task_group(function(group)
      group:spawn(server.serve, server, handler)
      group:spawn(function()
        local ok, response = pcall(ask, host, port, bytes, patience)
        server:shutdown(patience)
        if ok and response:find(expected) then return end
        error("not enough memory", 0)
      end)
    end)
  end)
end

local GET = "GET /a?b=c HTTP/1.1\r\nHost: x\r\nCookie: d=e\r\nConnection: close\r\n\r\n"

scenarios.plain = exchange(function() return "hello" end, GET, "hello$")

scenarios.fields = exchange(function(request)
  return table.concat { request.path, request.query.b, request.cookies.d, request.headers.host, request:peer() }
end, GET, "/acex127%.0%.0%.1%d+$")

scenarios.body = exchange(function(request)
  return { status = 201, headers = { A = { "1", 2 } }, json = { request:json().a } }
end, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
  "A: 1\r\nA: 2\r\n.*%[1%]$")

scenarios.streamed = exchange(function(request)
  local writer <close> = request:respond()
  for chunk in request:chunks() do writer:write(chunk) end
end, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  "3\r\nabc\r\n0\r\n\r\n$")

scenarios.failing = exchange(function(request)
  local ok, err = pcall(http.error, 404, "nothing there")
  assert(not ok)
  request.cause = err
  error(err, 0)
end, GET, "^HTTP/1%.1 404 ")

scenarios.refused = exchange(function() return 200 end, "GET / HTTP/1.1\r\n\r\n", "^HTTP/1%.1 400 ")

scenarios.routed = exchange(
  http.router():use(function(request, next) return next(request) end):get("/{a}", function(request)
    return { text = request.params.a }
  end), GET, "a$")

-- One that the system sends by itself.
local large = os.tmpname()
local exchange_large = exchange(function() return { file = large } end, GET, ("x"):rep(100) .. "$")

local function with_large(has_fault, fn)
  local _removing <close> = setmetatable({}, { __close = function() os.remove(large) end })
  local file <close> = assert(io.open(large, "wb"))
  file:write(("x"):rep(100000))
  file:close()
  return fn(has_fault)
end

function scenarios.file(has_fault)
  return with_large(has_fault, exchange_large)
end

-- The second time it is known.
local directory, name = large:match "^(.*)(/[^/]*)$"
local exchange_twice = exchange(http.files(directory), ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(name)
  .. GET:gsub("^GET [^ ]*", "GET " .. name), ("x"):rep(100) .. "HTTP/1.1 200 .*" .. ("x"):rep(100) .. "$")

function scenarios.folder(has_fault)
  return with_large(has_fault, exchange_twice)
end

return scenarios
