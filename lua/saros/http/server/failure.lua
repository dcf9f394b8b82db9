-- SPDX-License-Identifier: MIT
-- Errors that become responses, and what is done with all others.

local async = require "saros"
local internal = require "saros.internal"
local log = require "saros.http.server.log"
local phrases = require "saros.http.status"
local respond = require "saros.http.server.respond"

local failure = {}

local TEXT = "text/plain; charset=utf-8"

---The fields of an HTTPError that is a response.
---@param status integer
---@param message? string
---@param headers? table
---@return table
function failure.fields(status, message, headers)
  return {
    name = "HTTPError", code = "EHTTP", status = status, headers = headers,
    message = message or phrases[status] or tostring(status),
  }
end

-- One that a response of somebody else's has led to is none.
local function is_response(err)
  if not async.is_error(err, "HTTPError") or err.response then return false end
  return math.type(err.status) == "integer" and err.status >= 400 and err.status <= 599
end

local function look(task)
  task:error()
end

local function is_cancellation(err, task)
  return async.is_error(err, "CancelledError") and err.task == task
end

-- Sends the response that an error is. False and another error: it cannot be one, its headers are wrong.
local function send(request, err)
  local ok, wrong = pcall(request._send, request, err.message, err.status, respond.plain_headers(err.headers), TEXT)
  if ok or select(4, request:_state()) then return true end
  return false, wrong
end

-- The response to what is nobody's business but ours.
local function send_failure(request)
  request:_fail()
  request:_send(phrases[500], 500, nil, TEXT)
end

-- The report names the task by what was asked for, unless the handler has given it a name. What a query says may be a
-- secret.
local function name_task(task, request)
  if not task:name():find "^task%-%d+$" then return end
  task:set_name(request.method .. " " .. request.target:match("^[^?]*"):sub(1, 200))
end

---What an error that leaves a handler comes to. Once the head is out there is no response any more: the connection is
---reset when the task has ended.
---@param request saros.HTTPRequest
---@param err any
function failure.handle(request, err)
  local task = async.current_task()
  local _, _, _, has_head, is_gone = request:_state()
  if err == nil and async.cancelled() then return end -- closed by force
  if has_head and request._websocket then require("saros.websocket.socket").leave(request._websocket, err) end
  if is_cancellation(err, task) then
    if not has_head and not is_gone then request:_send(phrases[503], 503, nil, TEXT) end
  elseif is_response(err) and not has_head then
    task:on_done(look)
    local ok, wrong = send(request, err)
    if not ok then
      log.failure(wrong)
      send_failure(request)
    end
  else
    task:on_done(internal.report)
    name_task(task, request)
    if not has_head then send_failure(request) end
  end
  log.response(request)
end

return failure
