-- SPDX-License-Identifier: MIT
-- Messages of PostgreSQL's protocol, version 3: how the client's look, and how to read what is in the server's.
-- https://www.postgresql.org/docs/current/protocol-message-formats.html

local messages = {}

local PROTOCOL, TLS_REQUEST, CANCEL_REQUEST = 196608, 80877103, 80877102
local NULL = string.pack(">i4", -1)

local function message(kind, payload)
  return kind .. string.pack(">I4", #payload + 4) .. payload
end

-- ---- of the client ------------------------------------------------------------------------------

messages.tls_request = message("", string.pack(">I4", TLS_REQUEST))
messages.sync = message("S", "")
messages.flush = message("H", "")
messages.copy_done = message("c", "")
messages.terminate = message("X", "")
messages.describe = message("D", "P\0")

---The first message of a connection.
---@param parameters table<string, string>
function messages.startup(parameters)
  local parts = { string.pack(">I4", PROTOCOL) }
  for name, value in pairs(parameters) do parts[#parts + 1] = string.pack("zz", name, value) end
  return message("", table.concat(parts) .. "\0")
end

---The only message of a connection that is to stop what another one does.
---@param pid integer
---@param key integer
function messages.cancel(pid, key)
  return message("", string.pack(">I4I4I4", CANCEL_REQUEST, pid, key))
end

---@param text string
function messages.password(text) return message("p", text .. "\0") end

---@param mechanism string
---@param data string
function messages.sasl_first(mechanism, data) return message("p", string.pack(">zs4", mechanism, data)) end

---@param data string
function messages.sasl_next(data) return message("p", data) end

---Statements without parameters, any number of them.
---@param sql string
function messages.query(sql) return message("Q", sql .. "\0") end

---@param sql string  with $1, $2, ... for parameters
function messages.parse(sql) return message("P", string.pack(">zzI2", "", sql, 0)) end

local function parameter(value)
  if value == nil then return NULL end
  if math.type(value) == "float" then value = value == value and ("%.17g"):format(value) or "NaN" end
  return string.pack(">s4", tostring(value))
end

---Parameters as text: numbers, booleans, strings; nil is NULL.
---@param ... string|number|boolean|nil
function messages.bind(...)
  local parts = { string.pack(">zzI2I2", "", "", 0, select("#", ...)) }
  for i = 1, select("#", ...) do parts[#parts + 1] = parameter((select(i, ...))) end
  parts[#parts + 1] = string.pack(">I2", 0)
  return message("B", table.concat(parts))
end

---@param most integer  rows to send before it waits; 0: all
function messages.execute(most) return message("E", string.pack(">zI4", "", most)) end

---@param bytes string
function messages.copy_data(bytes) return message("d", bytes) end

---@param reason string
function messages.copy_fail(reason) return message("f", reason .. "\0") end

-- ---- of the server ------------------------------------------------------------------------------

---Its kind and what is in it. The head of a message whose rest is still to come when the reader is cancelled is kept
---in `state`, so that the next call goes on with the rest.
---@async
---@param stream saros.Stream
---@param state { head: string? }
---@return string kind
---@return string payload
function messages.read(stream, state)
  state.head = state.head or stream:read_exactly(5)
  if not state.head then error("the server has closed the connection", 0) end
  local kind, size = string.unpack(">c1I4", state.head)
  local payload = size > 4 and stream:read_exactly(size - 4) or ""
  state.head = nil
  return kind, payload
end

---The fields of an ErrorResponse or a NoticeResponse, by their letters.
---@param payload string
---@return table<string, string>
function messages.fields(payload)
  local fields = {}
  for letter, text in payload:gmatch "(%a)(%Z*)%z" do fields[letter] = text end
  return fields
end

---The columns of a RowDescription.
---@param payload string
---@return { name: string, type: integer }[]
function messages.columns(payload)
  local count, at = string.unpack(">I2", payload)
  local columns = {}
  for i = 1, count do
    local column = {}
    column.name, at = string.unpack("z", payload, at)
    column.type = string.unpack(">I4", payload, at + 6)
    columns[i], at = column, at + 18
  end
  return columns
end

local function integer(text) return math.tointeger(tonumber(text)) end
local wild = { NaN = 0 / 0, Infinity = math.huge, ["-Infinity"] = -math.huge }
local function float(text) return wild[text] or tonumber(text) end
local function byte(hex) return string.char(tonumber(hex, 16)) end
local function bytes(text) return (text:sub(3):gsub("%x%x", byte)) end

-- By the number of their type in pg_type; all others stay text.
local decoders = {
  [16] = function(text) return text == "t" end,
  [17] = bytes,
  [20] = integer, [21] = integer, [23] = integer, [26] = integer,
  [700] = float, [701] = float,
}

---A row of a DataRow, by the names of the columns; NULL is nil.
---@param payload string
---@param columns { name: string, type: integer }[]
---@return table<string, any>
function messages.row(payload, columns)
  local row, at = {}, 3
  for _, column in ipairs(columns) do
    local size = string.unpack(">i4", payload, at)
    at = at + 4
    if size >= 0 then
      local text = payload:sub(at, at + size - 1)
      local decode = decoders[column.type]
      if decode then row[column.name] = decode(text) else row[column.name] = text end
      at = at + size
    end
  end
  return row
end

return messages
