-- SPDX-License-Identifier: MIT
-- async.http: servers. Loaded by saros at its first use; libcurl is not.

local async = require "saros"
local failure = require "saros.http.server.failure"
local internal = require "saros.internal"
local misuse = require "saros.misuse"
local net = require "saros.net"
local net_options = require "saros.net.options"
local options = require "saros.http.server.options"
local router = require "saros.http.server.router"
local server = require "saros.http.server.server"

---@class saros
---@field http saros.HTTP

---What a handler returns: a string (200, plain text), a status (its phrase as text), nil (204), or a table.
---@alias saros.HTTPAnswer string|integer|saros.HTTPResponse|nil

---What a handler returns as a table; at most one of `body` to `redirect`.
---@class saros.HTTPResponse
---@field status? integer  200 to 599; 200 unless said otherwise
---@field headers? table<string, string|number|(string|number)[]|false>  `false`: not even the server's own
---@field body? string|function|saros.Stream  also an iterator, or whatever can be read; has no Content-Type of its own
---@field text? string     text/plain
---@field html? string     text/html
---@field json? any        application/json
---@field file? string     the path of a file, sent as by `files`; 404 if it is not there
---@field redirect? string Location; 302 unless `status` says otherwise

---Where listening is refused, or a file of the option `tls` cannot be read, SystemError is raised; TLSError where what
---is in it is no good.
---@class saros.HTTP
local http = {}

---Listens. What `async.net.listen` does, and for HTTP: see `saros.HTTPOptions`. SystemError (`EADDRINUSE`, ...).
---@async
---@param host? string  an address, `"localhost"`, a name; `"*"` or nil: all addresses of this machine
---@param port integer  0: any that is free
---@param given? saros.HTTPOptions
---@return saros.HTTPServer
function http.listen(host, port, given)
  if host ~= nil then net_options.check_name("listen", 1, host) end
  net_options.check_port("listen", 2, port)
  local own, listening = options.check("listen", 3, given)
  return server.new(net.listen(host, port, listening), own)
end

---Listens at a Unix socket, whose file is removed when the server is closed. SystemError with `path`.
---@param path string
---@param given? saros.HTTPOptions
---@return saros.HTTPServer
function http.listen_unix(path, given)
  net_options.check_name("listen_unix", 1, path)
  local own, listening = options.check("listen_unix", 2, given)
  return server.new(net.listen_unix(path, listening), own)
end

---Listens, and serves until it is cancelled or closed. Left by a cancellation or Ctrl-C it takes no further requests,
---gives those that run `grace` seconds to end, and cancels the others.
---@async
---@param handler async fun(request: saros.HTTPRequest): saros.HTTPAnswer
---@param host? string
---@param port integer
---@param given? saros.HTTPOptions
function http.serve(handler, host, port, given)
  server.check_handler("serve", 1, handler)
  if host ~= nil then net_options.check_name("serve", 2, host) end
  net_options.check_port("serve", 3, port)
  local own, listening = options.check("serve", 4, given)
  internal.checkpoint "serve"
  local listener <close> = server.new(net.listen(host, port, listening), own)
  server.serve(listener, handler, own.grace)
end

---Raises an HTTPError, which becomes the response unless somebody catches it: the message as plain text.
---@param status integer  400 to 599
---@param message? string the standard phrase unless said otherwise
---@param headers? table<string, string|number|(string|number)[]>
function http.error(status, message, headers)
  if math.type(status) ~= "integer" then misuse.type("error", 1, "integer", status) end
  if status < 400 or status > 599 then misuse.argument("error", 1, "a status from 400 to 599 expected") end
  if message ~= nil and type(message) ~= "string" then misuse.type("error", 2, "string", message) end
  if headers ~= nil and type(headers) ~= "table" then misuse.type("error", 3, "table", headers) end
  error(async.error(failure.fields(status, message, headers)), 0)
end

---A handler that hands requests on to others, by path and method.
---@return saros.HTTPRouter
function http.router()
  return router.new()
end

---A handler that sends what is in a folder, and nothing else: see `saros.HTTPFileOptions`.
---@param directory string
---@param given? saros.HTTPFileOptions
---@return async fun(request: saros.HTTPRequest): saros.HTTPResponse
function http.files(directory, given)
  return require("saros.http.server.files").new(directory, given)
end

misuse.guard(http)

return http
