-- SPDX-License-Identifier: MIT
-- Routers: which handler is for which path and method.
--
-- Patterns stand in a tree by their segments, so what a request costs does not depend on how many there are. A path is
-- taken apart before it is decoded; of several patterns that fit, the one with the leftmost literal is meant.

local core = require "saros.http.server.core"
local misuse = require "saros.misuse"
local phrases = require "saros.http.status"
local respond = require "saros.http.server.respond"

local router = {}

---A handler that hands requests on to others: `local app = async.http.router()`.
---@class saros.HTTPRouter
---@field get saros.HTTPRoute
---@field post saros.HTTPRoute
---@field put saros.HTTPRoute
---@field patch saros.HTTPRoute
---@field delete saros.HTTPRoute
---@field head saros.HTTPRoute
---@field options saros.HTTPRoute
---@field package _root saros.http.Node
---@field package _around function[]   the middleware, the outermost first
---@field package _methods table<string, true>  all that there are
local HTTPRouter = {}

---@class saros.http.Node
---@field literals? table<string, saros.http.Node>  by decoded segment
---@field param? saros.http.Node   for one segment, whatever it is
---@field rest? saros.http.Leaf    for all that follows
---@field leaf? saros.http.Leaf    for paths that end here
---@field mount? saros.http.Leaf   for those that go on as well

---@class saros.http.Leaf
---@field handlers table<string, {handler: function, names: string[]}>  by method; of a mount by "*"
---@field allow? string            the value of Allow

local metatable = { __name = "router", __index = HTTPRouter }

-- What stands there under that key of a table, made where it is missing.
local function grow(t, key)
  t[key] = t[key] or {}
  return t[key]
end

local function check_self(self, method)
  if getmetatable(self) ~= metatable then misuse.self("router:" .. method, self) end
end

local function check_handler(caller, position, handler)
  local mt = getmetatable(handler)
  if type(handler) == "function" or type(mt) == "table" and mt.__call then return end
  misuse.type(caller, position, "function or router", handler)
end

-- ---- Patterns ------------------------------------------------------------------------------------

local function refuse(caller, position, message, ...)
  misuse.argument(caller, position, message:format(...))
end

-- A segment of a pattern: its literal, or the name of its parameter, and whether that is for all that follows.
local function read_segment(caller, position, segment)
  local name, dots = segment:match "^{([%a_][%w_]*)(%.?%.?%.?)}$"
  if name and (dots == "" or dots == "...") then return nil, name, dots == "..." end
  if segment:find "[{}]" then refuse(caller, position, "'%s': {name} or {name...} expected", segment) end
  return segment
end

-- The segments of a path without its first slash: "" has one, "a/" two.
local function split(path)
  local segments, count, at = {}, 0, 1
  while true do
    local slash = path:find("/", at, true)
    count = count + 1
    segments[count] = path:sub(at, slash and slash - 1)
    if not slash then return segments end
    at = slash + 1
  end
end

local function byte_of(digits)
  return string.char(tonumber(digits, 16))
end

local function decode(segment)
  return segment:find("%", 1, true) and segment:gsub("%%(%x%x)", byte_of) or segment
end

-- The node of a pattern, which is made where it is missing, the names of its parameters, and whether the last one is
-- for all that follows.
local function plant(self, caller, position, pattern)
  if type(pattern) ~= "string" then misuse.type(caller, position, "string", pattern) end
  if pattern:sub(1, 1) ~= "/" then refuse(caller, position, "'%s': a path that begins with '/' expected", pattern) end
  local node, names, is_rest = self._root, {}, false
  for _, segment in ipairs(split(pattern:sub(2))) do
    local literal, name, rest = read_segment(caller, position, segment)
    is_rest = rest or false
    if name then names[#names + 1] = name end
    if literal then
      node = grow(grow(node, "literals"), decode(literal))
    elseif not rest then
      node = grow(node, "param")
    end
  end
  return node, names, is_rest
end

-- ---- Routes --------------------------------------------------------------------------------------

local function add(leaf, caller, method, handler, names, pattern)
  if leaf.handlers[method] then refuse(caller, 1, "'%s' has a handler for %s already", pattern, method) end
  leaf.handlers[method], leaf.allow = { handler = handler, names = names }, nil
  return leaf
end

local function new_leaf()
  return { handlers = {} }
end

local function check_pattern(caller, position, pattern)
  local rest_at = type(pattern) == "string" and pattern:find("...}", 1, true)
  if rest_at and rest_at + 3 < #pattern then refuse(caller, position, "'%s': {name...} comes last", pattern) end
end

local function route(self, caller, method, pattern, handler, first)
  check_pattern(caller, first, pattern)
  check_handler(caller, first + 1, handler)
  local node, names, is_rest = plant(self, caller, first, pattern)
  local place = is_rest and "rest" or "leaf"
  node[place] = add(node[place] or new_leaf(), caller, method, handler, names, pattern)
  self._methods[method] = true
  return self
end

---Adds a handler for a method, whatever its name.
---@param method string
---@param pattern string  a path, in which `{name}` is any one segment, and a final `{name...}` all that follows
---@param handler async fun(request: saros.HTTPRequest): saros.HTTPAnswer
---@return saros.HTTPRouter self
function HTTPRouter:route(method, pattern, handler)
  check_self(self, "route")
  if type(method) ~= "string" then misuse.type("router:route", 1, "string", method) end
  if not method:find "^[%w!#$%%&'*+%-.^_`|~]+$" then misuse.argument("router:route", 1,
    "the name of a method expected") end
  return route(self, "router:route", method, pattern, handler, 2)
end

---@alias saros.HTTPNext async fun(request: saros.HTTPRequest): saros.HTTPResponse

---`route` with this method.
---@alias saros.HTTPRoute fun(self: saros.HTTPRouter, pattern: string, handler: function): saros.HTTPRouter

for _, verb in ipairs { "get", "post", "put", "patch", "delete", "head", "options" } do
  local caller, method = "router:" .. verb, verb:upper()
  HTTPRouter[verb] = function(self, pattern, handler)
    check_self(self, verb)
    return route(self, caller, method, pattern, handler, 1)
  end
end

---Hands everything below a path on to a handler, which sees the rest of it as `path` and the path itself as `mount`.
---@param prefix string
---@param handler async fun(request: saros.HTTPRequest): saros.HTTPAnswer
---@return saros.HTTPRouter self
function HTTPRouter:mount(prefix, handler)
  check_self(self, "mount")
  if type(prefix) == "string" then prefix = prefix:gsub("/+$", "") end
  check_handler("router:mount", 2, handler)
  local node, names, is_rest = self._root, {}, false
  if prefix ~= "" then node, names, is_rest = plant(self, "router:mount", 1, prefix) end
  if is_rest then refuse("router:mount", 1, "'%s': {name...} leaves nothing to be handed on", prefix) end
  node.mount = add(node.mount or new_leaf(), "router:mount", "*", handler, names, prefix)
  return self
end

---Puts a function around everything: `function(request, next) return next(request) end`. `next` returns the response as
---a table, that to a path that there is not as well.
---@param middleware async fun(request: saros.HTTPRequest, next: saros.HTTPNext): saros.HTTPAnswer
---@return saros.HTTPRouter self
function HTTPRouter:use(middleware)
  check_self(self, "use")
  misuse.check_function("router:use", 1, middleware)
  table.insert(self._around, middleware)
  return self
end

-- ---- Answering -----------------------------------------------------------------------------------

local function list_of(methods)
  local list = {}
  for method in pairs(methods) do list[#list + 1] = method end
  if methods.GET and not methods.HEAD then list[#list + 1] = "HEAD" end
  if not methods.OPTIONS then list[#list + 1] = "OPTIONS" end
  table.sort(list)
  return table.concat(list, ", ")
end

local function refuse_method(leaf, method)
  leaf.allow = leaf.allow or list_of(leaf.handlers)
  if method == "OPTIONS" then return { status = 204, headers = { Allow = leaf.allow } } end
  return { status = 405, text = phrases[405], headers = { Allow = leaf.allow } }
end

-- A path without the dots that it got by being decoded: what stood in it as %2F is a slash like any other now.
local function resolve(path)
  if not path:find "/%.%.?%f[/\0]" then return path end
  local kept = {}
  local segments = split(path:sub(2))
  for i, segment in ipairs(segments) do
    local is_dot, is_last = segment == "." or segment == "..", i == #segments
    if segment == ".." then table.remove(kept) end
    if not is_dot then kept[#kept + 1] = segment elseif is_last then kept[#kept + 1] = "" end
  end
  return "/" .. table.concat(kept, "/")
end

-- For <close>: what the request was before it was handed on.
local restoring = {
  __close = function(before)
    local request = before.request
    request.path, request.mount, request.params = before.path, before.mount, before.params
    request._rest_of_path = before.rest
  end,
}

-- The handler behind a mount sees the rest of the path, which begins at that position of what there is of it.
local function hand_on(request, entry, position, params)
  local path = request:_rest()
  local before <close> = setmetatable({
    request = request, path = request.path, mount = request.mount, params = request.params,
    rest = request._rest_of_path,
  }, restoring)
  local rest = position > #path and "/" or path:sub(position)
  request._rest_of_path, request.path = rest, resolve(decode(rest))
  request.mount = (before.mount or "") .. decode(path:sub(1, position - 1))
  request.params = params
  return entry.handler(request)
end

local function refuse_path(self, request)
  if request.method == "OPTIONS" and request:_rest():sub(1, 1) ~= "/" then
    return { status = 204, headers = { Allow = list_of(self._methods) } }
  end
  return { status = 404, text = phrases[404] }
end

-- Finds the handler of a request and calls it.
local function dispatch(self, request)
  local handler, leaf, position, params = core.route(request, self._root)
  if handler then return handler(request) end
  if position then return hand_on(request, leaf, position, params) end
  if leaf then return refuse_method(leaf, request.method) end
  return refuse_path(self, request)
end

-- Responses that have left already: who returns one of them returns nothing more.
local sent = setmetatable({}, { __mode = "k" })

-- A response for who is around its handler to change: what the handler has returned may be returned again.
local function copy_of(response)
  local copy = {}
  for name, value in pairs(response) do copy[name] = value end
  copy.status = response.status or response.redirect and 302 or 200
  if type(response.headers or {}) ~= "table" then return copy end -- which is refused when it is sent
  copy.headers = {}
  for name, value in pairs(respond.plain_headers(response.headers) or {}) do copy.headers[name] = value end
  return copy
end

-- Any response as a table.
local function as_table(request, response)
  local status, _, _, has_head = request:_state()
  if type(response) == "table" then
    return copy_of(response)
  elseif has_head then
    local shown = { status = status, headers = {} }
    sent[shown] = true
    return shown
  elseif response == nil then
    return { status = 204, headers = {} }
  elseif math.type(response) == "integer" then
    return { status = response, headers = {}, text = phrases[response] or "" }
  elseif type(response) == "string" then
    return { status = 200, headers = {}, text = response }
  end
  error("response: string, status, table or nil expected, got " .. type(response), 0)
end

-- Calls the middleware from that place on, and what is behind it.
local function call(self, request, place)
  local middleware = self._around[place]
  if not middleware then return dispatch(self, request) end
  return middleware(request, function(passed)
    passed = passed or request
    return as_table(passed, call(self, passed, place + 1))
  end)
end

function metatable.__call(self, request)
  if not self._around[1] then return dispatch(self, request) end
  local response = call(self, request, 1)
  if sent[response] then return nil end
  return response
end

misuse.guard(HTTPRouter)

---@return saros.HTTPRouter
function router.new()
  return setmetatable({ _root = {}, _around = {}, _methods = {} }, metatable)
end

return router
