-- SPDX-License-Identifier: MIT
-- A record of each response, for those who want one.

local async = require "saros"
local internal = require "saros.internal"
local phrases = require "saros.http.status"

local log = {}

-- What is told, by the core of the server.
local loggers = setmetatable({}, { __mode = "k" })

local function peer_of(stream)
  local ok, host, port = pcall(stream.peer, stream)
  if not ok or not host then return nil end
  if not port then return host end
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

-- What a client has sent shows as it is, but moves no cursor.
local function show(text)
  return (text:gsub('[%c\127-\255"\\]', function(byte)
    return ("\\x%02x"):format(byte:byte())
  end))
end

---Writes a line.
---@param record saros.HTTPRecord
function log.line(record)
  local asked = record.method and show(record.method .. " " .. record.target) or "-"
  io.stderr:write(('%s %s "%s" %d %d %.3f\n'):format(os.date "!%Y-%m-%dT%H:%M:%SZ", record.peer or "-", asked,
    record.status, record.bytes, record.seconds))
end

---Reports an error that nobody else would hear of.
---@param err any
function log.failure(err)
  async.spawn(error, err, 0):on_done(internal.report)
end

---Has the responses of a core told to a function; true: a line for each.
---@param core userdata
---@param logger true|fun(record: saros.HTTPRecord)
function log.watch(core, logger)
  loggers[core] = logger == true and log.line or logger
end

---Tells a response.
---@param request saros.HTTPRequest
function log.response(request)
  local status, bytes, seconds, _, _, core = request:_state()
  local logger = core and loggers[core]
  if not logger or status == 0 then return end
  local ok, err = async.pcall(logger, {
    method = request.method, target = request.target, status = status, bytes = bytes, seconds = seconds,
    peer = peer_of(request:_stream()),
  })
  if not ok then log.failure(err) end
end

---Tells what was answered without a request. A function is called in a task of its own: it may wait, or fail, and the
---server goes on.
---@param core userdata
---@param stream saros.Stream
---@param status integer
function log.refused(core, stream, status)
  local logger = loggers[core]
  if not logger then return end
  local record = { status = status, bytes = #(phrases[status] or ""), seconds = 0, peer = peer_of(stream) }
  if logger == log.line then logger(record) else async.spawn(logger, record):on_done(internal.report) end
end

return log
