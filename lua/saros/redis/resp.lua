-- SPDX-License-Identifier: MIT
-- Redis' protocol, RESP2 and RESP3, read as it comes: chunks of bytes in, replies out.
--
-- The reader is a coroutine that yields where it needs another chunk, so that it stands still in the middle of a
-- reply, whoever is cancelled meanwhile. It takes no size on trust: elements and bytes are kept as they come, and
-- nothing is set aside for those that are announced.

local scan = require("saros.redis.core").scan
local byte, concat, find, sub = string.byte, table.concat, string.find, string.sub
local yield = coroutine.yield

local resp = {}

local LONGEST_LINE = 1 << 20 -- of what has no length in front: errors, simple strings
local DEEPEST = 128          -- of aggregates within each other

---What takes replies: of an error reply there is its text alone.
---@class saros.redis.Sink
---@field reply fun(self: saros.redis.Sink, value: any, err: string?)
---@field push fun(self: saros.redis.Sink, list: any[])
---@field line? userdata  it answers calls by itself: see src/redis/line.c

-- What a server says that does not speak RESP.
local Broken = {}

local function broken(message, ...)
  error(setmetatable({ message = message:format(...) }, Broken), 0)
end

local function to_integer(text)
  if not find(text, "^[+-]?%d+$") then broken("'%s' is no integer", sub(text, 1, 40)) end
  local number = tonumber(text)
  return math.type(number) == "integer" and number or text -- of more than 64 bits: the digits
end

local doubles = { inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0, ["-nan"] = 0 / 0 }

local function to_double(text)
  local number = doubles[text] or find(text, "^[+-]?[%d.]") and tonumber(text)
  return number and number + 0.0 or broken("'%s' is no number", sub(text, 1, 40))
end

-- How long what follows is; nil: it is null.
local function to_length(text)
  local length = to_integer(text)
  if length == -1 then return nil end
  if math.type(length) ~= "integer" or length < 0 then broken("%s is no length", sub(text, 1, 40)) end
  return length
end

local function to_boolean(text)
  if text == "t" then return true elseif text == "f" then return false end
  broken("'%s' is no boolean", sub(text, 1, 40))
end

-- The reader of one connection. `on_nested(text)` makes the error that stands among others in an aggregate.
local function new_reader(on_nested)
  local buffer, position = "", 1

  local function more(where)
    local chunk = yield(where)
    buffer = position > #buffer and chunk or sub(buffer, position) .. chunk
    position = 1
  end

  local function line()
    local stop = find(buffer, "\r\n", position, true)
    while not stop do
      if #buffer - position > LONGEST_LINE then broken "a line without an end" end
      more "inside"
      stop = find(buffer, "\r\n", position, true)
    end
    local text = sub(buffer, position, stop - 1)
    position = stop + 2
    return text
  end

  -- The bytes of a long string come in chunks, which are put together once.
  local function collect(length)
    local parts, missing = { sub(buffer, position) }, length - (#buffer - position + 1)
    repeat
      local chunk = yield "inside"
      parts[#parts + 1] = missing < #chunk and sub(chunk, 1, missing) or chunk
      buffer, position = chunk, math.min(missing, #chunk) + 1
      missing = missing - #chunk
    until missing <= 0
    return concat(parts)
  end

  local function bulk(length)
    local text
    if position + length - 1 <= #buffer then
      text = sub(buffer, position, position + length - 1)
      position = position + length
    else
      text = collect(length)
    end
    if byte(buffer, position) == 13 and byte(buffer, position + 1) == 10 then
      position = position + 2
    elseif line() ~= "" then
      broken "a string is longer than it was said to be"
    end
    return text
  end

  local read

  local function element(depth)
    local value, err = read(depth)
    if err then return on_nested(err) end
    return value
  end

  local function list(length, depth)
    if depth > DEEPEST then broken "a reply that is nested too deeply" end
    local items, has_null = {}, false
    for i = 1, length do
      local item = element(depth)
      items[i] = item
      has_null = has_null or item == nil
    end
    if has_null then items.n = length end
    return items
  end

  local function map(length, depth)
    if depth > DEEPEST then broken "a reply that is nested too deeply" end
    local items = {}
    for _ = 1, length do
      local key, value = element(depth), element(depth)
      if key ~= nil and key == key then items[key] = value end
    end
    return items
  end

  local function string_of(text)
    local length = to_length(text)
    return length and bulk(length)
  end

  local function list_of(text, depth)
    local length = to_length(text)
    return length and list(length, depth + 1)
  end

  local function map_of(text, depth)
    local length = to_length(text)
    return length and map(length, depth + 1)
  end

  -- By the first byte: what reads the rest. A second result is the text of an error.
  local kinds = {
    ["+"] = function(text) return text end,
    ["$"] = string_of,
    [":"] = to_integer,
    ["-"] = function(text) return nil, text end,
    ["*"] = list_of,
    ["%"] = map_of,
    ["~"] = list_of,
    [">"] = list_of,
    ["_"] = function() return nil end,
    [","] = to_double,
    ["#"] = to_boolean,
    ["("] = to_integer,
    ["="] = function(text) return sub(string_of(text) or "", 5) end, -- behind "txt:"
    ["!"] = function(text) return nil, string_of(text) or "" end,
    ["|"] = function(text, depth) -- attributes of the reply that follows
      map_of(text, depth)
      return read(depth)
    end,
  }
  local by_byte = {}
  for char, reader in pairs(kinds) do by_byte[byte(char)] = reader end

  -- The short way is for what is wholly in the buffer.
  function read(depth)
    if position > #buffer then more "inside" end
    local after, value, err = scan(buffer, position)
    if after then
      position = after
      return value, err
    end
    local reader = by_byte[byte(buffer, position)]
    if not reader then broken("a reply that begins with %q", sub(buffer, position, position)) end
    position = position + 1
    return reader(line(), depth)
  end

  -- One reply, or a push, for the sink.
  local function deliver(sink)
    if byte(buffer, position) == 62 then
      sink:push(read(0) or {})
    else
      sink:reply(read(0))
    end
  end

  -- Reads for ever. `link.sink` may change from reply to reply; one that has a line takes what it can by itself.
  return function(link)
    while true do
      if position > #buffer then more "between" end
      local calls = link.sink.line
      if calls then position = calls:scan(buffer, position) end
      if position <= #buffer then deliver(link.sink) end
    end
  end
end

---A reader for the replies of a connection. It is called with each chunk, and gives "between" (replies) or "inside"
---(one); or nil and what is wrong with the server, after which it is not to be called again.
---@param link {sink: saros.redis.Sink}   who takes them
---@param on_nested fun(text: string): any makes the error that stands among others in an aggregate
---@return fun(chunk: string): string?, string?
function resp.reader(link, on_nested)
  local thread = coroutine.create(new_reader(on_nested))
  coroutine.resume(thread, link) -- up to where it wants a chunk
  return function(chunk)
    local ok, where = coroutine.resume(thread, chunk)
    if ok then return where end
    if getmetatable(where) == Broken then return nil, where.message end
    error(where, 0)
  end
end

---What a sink may raise when a reply is not one that it can have.
resp.broken = broken

return resp
