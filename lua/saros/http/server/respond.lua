-- SPDX-License-Identifier: MIT
-- What a handler returned, made a response: all but strings and plain tables, which C sees to itself.

local async = require "saros"
local compress = require "saros.http.server.compress"
local internal = require "saros.internal"
local iterators = require "saros.iterators"
local misuse = require "saros.misuse"
local phrases = require "saros.http.status"

local respond = {}

local PLAIN, HTML, JSON = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"

local bodies = { body = true, text = true, html = true, json = true, file = true, redirect = true }
local known = { status = true, headers = true }
for name in pairs(bodies) do known[name] = true end

local function fail(message, ...)
  error("response: " .. message:format(...), 0)
end

-- ---- Checking ------------------------------------------------------------------------------------

local function check_name(name)
  if known[name] then return end
  local meant = type(name) == "string" and internal.nearest(name, known)
  fail("unknown field '%s'%s", tostring(name), meant and (" (did you mean '%s'?)"):format(meant) or "")
end

-- The name of the one body that there is, or nil.
local function check(response)
  local found
  for name in pairs(response) do
    check_name(name)
    if bodies[name] and found then
      local first, second = found, name
      if second < first then first, second = second, first end
      fail("either '%s' or '%s' expected, not both", first, second)
    end
    if bodies[name] then found = name end
  end
  local status, headers = response.status, response.headers
  if status ~= nil and (math.type(status) ~= "integer" or status < 200 or status > 599) then
    fail("field 'status': 200 to 599 expected, got %s", tostring(status))
  end
  if headers ~= nil and type(headers) ~= "table" then
    fail("field 'headers': table expected, got %s", type(headers))
  end
  return found
end

-- Headers in a table of their own; those that are read only are copied.
local function plain_headers(headers)
  local mt = headers and getmetatable(headers)
  if not (mt and mt.__pairs) then return headers end
  local copy = {}
  for name, value in pairs(headers) do
    local before = copy[name]
    if before == nil then
      copy[name] = value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      copy[name] = { before, value }
    end
  end
  return copy
end

-- ---- Bodies that are read ------------------------------------------------------------------------

local function has_metamethod(value, name)
  local mt = getmetatable(value)
  return type(mt) == "table" and mt[name] ~= nil
end

local function method_of(value, name)
  local ok, method = pcall(function() return value[name] end)
  return ok and type(method) == "function" and method or nil
end

local PIECE = 65536

-- A function that gives the next piece of a body, nil at its end.
local function reader_of(body)
  if type(body) == "function" or has_metamethod(body, "__call") then return body end
  local read = (type(body) == "table" or type(body) == "userdata") and method_of(body, "read")
  if not read then fail("field 'body': string, iterator, File or Stream expected, got %s", type(body)) end
  return function()
    return read(body, PIECE)
  end
end

-- For <close>: closes a body.
local closing = {
  __close = function(held, err)
    local body = iterators.closer(held.body) or held.body
    if type(body) == "function" then return end
    local mt = getmetatable(body)
    local close = type(mt) == "table" and mt.__close
    if close then
      close(body, err)
    else
      close = method_of(body, "close")
      if close then close(body) end
    end
  end,
}

-- The metatable of bodies that are told the request once its head has left: what they then send by themselves they do
-- not give to who reads them.
local Direct = {}

-- A body that is not at hand is closed however the response ends.
local function hold(body)
  local kind = type(body)
  if kind == "table" and getmetatable(body) == Direct then return body end
  if kind == "table" or kind == "userdata" or kind == "function" then return setmetatable({ body = body }, closing) end
end

---Sends the head of a response that is written piece by piece.
---@param request saros.HTTPRequest
---@param status integer
---@param headers? table
---@param content_type? string
---@param has_file? boolean  that is sent by the system as soon as the head is
function respond.begin(request, status, headers, content_type, has_file)
  local encoder, promised
  headers, encoder, promised = compress.plan(request, status, headers, content_type)
  request:_begin(nil, status, headers, content_type, has_file and not encoder)
  if not encoder then return end
  request._encoder, request._promised = encoder, request.method ~= "HEAD" and promised or nil
end

-- Of what is encoded the length is checked here, of all else where it is sent.
local function count(request, size)
  local left = request._promised
  if not left then return end
  if size > left then fail("the body is longer than its Content-Length") end
  request._promised = left - size
end

---Sends a piece.
---@async
---@param request saros.HTTPRequest
---@param text string
function respond.write(request, text)
  local encoder = request._encoder
  if encoder and text ~= "" then
    count(request, #text)
    text = encoder:run(text)
  end
  request:_write(text)
end

---The response is complete. The second time does nothing.
---@param request saros.HTTPRequest
function respond.finish(request)
  local encoder = request._encoder
  if not encoder then return request:_end() end
  request._encoder = nil
  local left = request._promised or 0
  if left > 0 then fail("the body is shorter than its Content-Length, by %d bytes", left) end
  request:_write(encoder:run("", true))
  request:_end()
end

-- Sends all of a response.
local function send(request, text, status, headers, content_type)
  local encoder
  local has_text = text ~= nil or request.method ~= "HEAD"
  headers, encoder = compress.plan(request, status, headers, content_type, has_text and #(text or "") or nil)
  if encoder and not has_text then -- what GET would be told
    request:_begin(nil, status, headers, content_type)
    return request:_end()
  end
  if encoder then text = encoder:run(text, true) end
  request:_send(text, status, headers, content_type)
end

-- So many turns of the loop the head of a response waits for the first piece of its body.
local TURNS = 4

-- To cancel it would cost more than its turns: an error with a traceback.
local function begin_soon(request, first, status, headers)
  for _ = 1, TURNS do
    async.sleep(0)
    if first.is_over then return end
  end
  pcall(respond.begin, request, status, headers) -- which fails where the client is gone
end

local function check_piece(piece)
  if piece == nil or type(piece) == "string" then return piece end
  fail("the body gives a %s where a string or nil is expected", type(piece))
end

-- For <close>: says that it is over.
local ending = { __close = function(first) first.is_over = true end }

-- The first piece of a body, with which the head leaves: where there is none, as the body fails at its first call, the
-- response is a 500. A body that has to wait for it has its head sent before.
local function first_piece(request, read, status, headers)
  request:_check(nil, status, headers)
  local first <close> = setmetatable({}, ending)
  async.spawn(begin_soon, request, first, status, headers)
  local piece = check_piece(read())
  first.is_over = true
  if not select(4, request:_state()) then respond.begin(request, status, headers) end
  return piece
end

local function send_pieces(request, read, piece)
  while piece do
    if piece ~= "" then respond.write(request, piece) end
    piece = check_piece(read())
  end
end

local function send_stream(request, body, status, headers)
  local read = reader_of(body)
  if request.method == "HEAD" or status == 204 or status == 304 then
    respond.begin(request, status, headers)
  elseif getmetatable(body) == Direct then
    respond.begin(request, status, headers, nil, true)
    if not request._encoder then body.request = request end
    send_pieces(request, read, read())
  else
    send_pieces(request, read, first_piece(request, read, status, headers))
  end
  respond.finish(request)
end

-- ---- Sending -------------------------------------------------------------------------------------

local encode

---Writes JSON. What does that is loaded at its first use.
---@param value any
---@return string
function respond.encode(value)
  encode = encode or require("saros.json").encode
  return encode(value)
end

local makers = {
  text = function(value) return value, PLAIN end,
  html = function(value) return value, HTML end,
  json = function(value) return respond.encode(value), JSON end,
}

local function check_text(name, value)
  if type(value) ~= "string" then fail("field '%s': string expected, got %s", name, type(value)) end
end

-- Sets a header that the handler has not set.
local function with_header(headers, name, value)
  local copy = {}
  for key, given in pairs(headers or {}) do
    if type(key) == "string" and key:lower() == name:lower() then return headers end
    copy[key] = given
  end
  copy[name] = value
  return copy
end

local function send_table(request, response)
  local _body <close> = hold(response.body)
  local found = check(response)
  local headers, status = plain_headers(response.headers), response.status or 200
  local value = found and response[found]
  if found == "text" or found == "html" or found == "redirect" or found == "file" then check_text(found, value) end
  if found == "file" then
    return respond.send(request, require("saros.http.server.files").respond(request, value, response.status, headers))
  end
  if found == "redirect" then
    send(request, "", response.status or 302, with_header(headers, "Location", value))
  elseif makers[found] then
    local text, content_type = makers[found](value)
    send(request, text, status, headers, content_type)
  elseif value == nil or type(value) == "string" then
    send(request, value, status, headers)
  else
    send_stream(request, value, status, headers)
  end
end

---Sends what a handler returned.
---@async
---@param request saros.HTTPRequest
---@param response any
function respond.send(request, response)
  local _, _, _, has_head = request:_state()
  if has_head then
    if response ~= nil then
      local _body <close> = type(response) == "table" and hold(response.body) or nil
      fail "the handler has sent a response already, and returns another one"
    end
    if request._websocket then return require("saros.websocket.socket").leave(request._websocket) end
    respond.finish(request)
  elseif response == nil then
    request:_send(nil, 204)
  elseif type(response) == "string" then
    send(request, response, 200, nil, PLAIN)
  elseif type(response) == "table" then
    send_table(request, response)
  elseif math.type(response) == "integer" and response >= 200 and response <= 599 then
    send(request, phrases[response] or "", response, nil, PLAIN)
  elseif type(response) == "number" then
    fail("status %s: an integer from 200 to 599 expected", tostring(response))
  else
    fail("string, status, table or nil expected, got %s", type(response))
  end
end

---Raises, at the user's line, that a method comes too late for a response.
---@param request saros.HTTPRequest
---@param caller string
---@param switches? boolean  it takes the stream, so the body has to have been read
function respond.check_stage(request, caller, switches)
  local has_response, has_read = request:_stage()
  if has_response then misuse.raise(caller .. ": the request has a response already") end
  if switches and not has_read then misuse.raise(caller .. ": the body of the request has not been read") end
end

---Raises what is wrong with the table that `request:respond` and its like are given; gives status and headers.
---@param caller string
---@param given any
---@return integer status
---@return table? headers
function respond.check_head(caller, given)
  if given == nil then given = {} end
  if type(given) ~= "table" then misuse.type(caller, 1, "table", given) end
  for name in pairs(given) do
    if name ~= "status" and name ~= "headers" then
      misuse.unknown_option(caller, 1, name, { status = true, headers = true })
    end
  end
  local status, headers = given.status or 200, given.headers
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    misuse.argument(caller, 1, "field 'status': 200 to 599 expected, got " .. tostring(status))
  end
  if headers ~= nil and type(headers) ~= "table" then
    misuse.argument(caller, 1, "field 'headers': table expected, got " .. type(headers))
  end
  return status, plain_headers(headers)
end

respond.Direct = Direct
respond.with_header = with_header
respond.plain_headers = plain_headers

return respond
